//! The API key: it decides the dialect and the mode, and is shown to nobody.

use std::fmt;

use flowlix_api::Dialect;
use zeroize::Zeroizing;

/// Whether a key moves real money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mode {
    /// Test keys: no money moves, the documented test cards work.
    Test,
    /// Live keys: real cards, real money.
    Live,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Test => "test",
            Self::Live => "live",
        })
    }
}

/// The four documented prefixes ("Create a Direct API payment (API reference)" and "Retrieve a payment
/// (Payments API)", section Authorizations).
const PREFIXES: [(&str, Dialect, Mode); 4] = [
    ("fl_test_sk_", Dialect::SnakeCase, Mode::Test),
    ("fl_live_sk_", Dialect::SnakeCase, Mode::Live),
    ("api_test_sk_", Dialect::Uppercase, Mode::Test),
    ("api_live_sk_", Dialect::Uppercase, Mode::Live),
];

/// A secret API key. `Debug` and `Display` show its prefix only; the memory is wiped when it is dropped.
///
/// ```
/// use flowlix_ext::{ApiKey, Mode};
///
/// let key = ApiKey::parse("api_test_sk_abc123def456")?;
/// assert_eq!(key.mode(), Mode::Test);
/// assert_eq!(format!("{key:?}"), "ApiKey(api_test_sk_[redacted])");
/// # Ok::<(), flowlix_ext::InvalidApiKey>(())
/// ```
#[derive(Clone)]
pub struct ApiKey {
    secret: Zeroizing<String>,
    prefix: &'static str,
    dialect: Dialect,
    mode: Mode,
}

impl ApiKey {
    /// Reads a key. White space around it (a trailing newline of a secret file) is ignored.
    ///
    /// # Errors
    /// [`InvalidApiKey`] when it is none of the four documented kinds. The error does not show the text.
    pub fn parse(text: &str) -> Result<Self, InvalidApiKey> {
        let text = text.trim();
        if text.is_empty() {
            return Err(InvalidApiKey::Empty);
        }
        if text.starts_with("whsec_") {
            return Err(InvalidApiKey::WebhookSecret);
        }
        let (prefix, dialect, mode) = PREFIXES
            .into_iter()
            .find(|(prefix, ..)| text.starts_with(prefix))
            .ok_or(InvalidApiKey::UnknownPrefix)?;
        let rest = text.get(prefix.len()..).unwrap_or_default();
        if rest.is_empty() || !rest.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidApiKey::Malformed);
        }
        Ok(Self {
            secret: Zeroizing::new(text.to_owned()),
            prefix,
            dialect,
            mode,
        })
    }

    /// The dialect that Flowlix speaks with this key.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Whether the key moves real money.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    pub(crate) fn expose(&self) -> &str {
        &self.secret
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey({}[redacted])", self.prefix)
    }
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[redacted]", self.prefix)
    }
}

impl std::str::FromStr for ApiKey {
    type Err = InvalidApiKey;

    fn from_str(text: &str) -> Result<Self, InvalidApiKey> {
        Self::parse(text)
    }
}

/// Why a text is not an API key. Never holds the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidApiKey {
    /// Nothing there.
    Empty,
    /// A webhook secret (`whsec_…`) was given instead.
    WebhookSecret,
    /// The text starts with none of the documented prefixes.
    UnknownPrefix,
    /// The prefix is right, what follows is empty or holds white space or non-ASCII characters.
    Malformed,
}

impl fmt::Display for InvalidApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the API key is empty",
            Self::WebhookSecret => "a webhook secret (whsec_…) was given where the API key belongs",
            Self::UnknownPrefix => {
                "the API key starts with none of fl_test_sk_, fl_live_sk_, api_test_sk_, api_live_sk_"
            }
            Self::Malformed => {
                "the API key has a known prefix but is cut off or holds characters that no key has"
            }
        })
    }
}

impl std::error::Error for InvalidApiKey {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_prefix_decides_dialect_and_mode() {
        for (prefix, dialect, mode) in PREFIXES {
            let key = ApiKey::parse(&format!(" {prefix}canary123\n")).unwrap();
            assert_eq!((key.dialect(), key.mode()), (dialect, mode));
            assert_eq!(key.expose(), format!("{prefix}canary123"));
        }
    }

    #[test]
    fn other_texts_are_refused_without_being_shown() {
        for (text, reason) in [
            ("", InvalidApiKey::Empty),
            ("  \n", InvalidApiKey::Empty),
            ("whsec_canary123", InvalidApiKey::WebhookSecret),
            ("sk_test_canary123", InvalidApiKey::UnknownPrefix),
            ("FL_TEST_SK_canary123", InvalidApiKey::UnknownPrefix),
            ("fl_test_sk_", InvalidApiKey::Malformed),
            ("fl_test_sk_can ary123", InvalidApiKey::Malformed),
            ("fl_test_sk_canary123\u{e9}", InvalidApiKey::Malformed),
        ] {
            assert_eq!(ApiKey::parse(text).unwrap_err(), reason);
        }
        assert!(!InvalidApiKey::Malformed.to_string().contains("canary"));
    }

    #[test]
    fn nothing_printable_holds_the_secret() {
        let key = ApiKey::parse("fl_live_sk_canary123").unwrap();
        let shown = format!("{key:?} {key:#?} {key}");
        assert!(!shown.contains("canary"), "{shown}");
    }
}
