//! The webhook secret: it signs, and is shown to nobody.

use std::fmt;
use std::str::FromStr;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const PREFIX: &str = "whsec_";

/// Beginnings of API keys, of Flowlix and of the kind that other services hand out.
const API_KEY_PREFIXES: [&str; 3] = ["fl_", "api_", "sk_"];

/// The secret with which Flowlix signs webhooks (`whsec_…`). `Debug` and `Display` show its prefix only.
///
/// The text is not kept, only the hash state made of it, which is wiped when it is dropped.
///
/// ```
/// use flowlix_ext::webhooks::{InvalidWebhookSecret, WebhookSecret};
///
/// let secret = WebhookSecret::parse("whsec_abc123def456")?;
/// assert_eq!(format!("{secret:?}"), "WebhookSecret(whsec_[redacted])");
/// assert_eq!(
///     WebhookSecret::parse("api_test_sk_abc123").unwrap_err(),
///     InvalidWebhookSecret::ApiKey
/// );
/// # Ok::<(), InvalidWebhookSecret>(())
/// ```
#[derive(Clone)]
pub struct WebhookSecret {
    keyed: Hmac<Sha256>,
}

impl WebhookSecret {
    /// Reads a secret. White space around it (a trailing newline of a secret file) is ignored.
    ///
    /// # Errors
    /// [`InvalidWebhookSecret`] when it is something else, an API key above all. The error does not show
    /// the text.
    pub fn parse(text: &str) -> Result<Self, InvalidWebhookSecret> {
        let text = text.trim();
        if text.is_empty() {
            return Err(InvalidWebhookSecret::Empty);
        }
        if API_KEY_PREFIXES
            .iter()
            .any(|prefix| text.starts_with(prefix))
        {
            return Err(InvalidWebhookSecret::ApiKey);
        }
        let rest = text
            .strip_prefix(PREFIX)
            .ok_or(InvalidWebhookSecret::UnknownPrefix)?;
        if rest.is_empty() || !rest.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidWebhookSecret::Malformed);
        }
        let keyed =
            Hmac::new_from_slice(text.as_bytes()).map_err(|_| InvalidWebhookSecret::Malformed)?;
        Ok(Self { keyed })
    }

    /// The signature of `"{timestamp}.{body}"`, still to be written or compared. The timestamp is taken as
    /// the header spells it: what was signed is text.
    pub(super) fn signature(&self, timestamp: &str, body: &[u8]) -> Hmac<Sha256> {
        self.keyed
            .clone()
            .chain_update(timestamp.as_bytes())
            .chain_update(b".")
            .chain_update(body)
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookSecret({PREFIX}[redacted])")
    }
}

impl fmt::Display for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}[redacted]")
    }
}

impl FromStr for WebhookSecret {
    type Err = InvalidWebhookSecret;

    fn from_str(text: &str) -> Result<Self, InvalidWebhookSecret> {
        Self::parse(text)
    }
}

/// Why a text is not a webhook secret. Never holds the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidWebhookSecret {
    /// Nothing there.
    Empty,
    /// An API key was given instead.
    ApiKey,
    /// The text does not start with `whsec_`.
    UnknownPrefix,
    /// The prefix is right, what follows is empty or holds white space or non-ASCII characters.
    Malformed,
}

impl fmt::Display for InvalidWebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the webhook secret is empty",
            Self::ApiKey => {
                "an API key was given where the webhook secret (whsec_…) belongs; if it came from a \
                 place that others can read, revoke it"
            }
            Self::UnknownPrefix => "the webhook secret does not start with whsec_",
            Self::Malformed => {
                "the webhook secret has the right prefix but is cut off or holds characters that no \
                 secret has"
            }
        })
    }
}

impl std::error::Error for InvalidWebhookSecret {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn other_texts_are_refused_without_being_shown() {
        for (text, reason) in [
            ("", InvalidWebhookSecret::Empty),
            (" \n", InvalidWebhookSecret::Empty),
            ("fl_live_sk_canary123", InvalidWebhookSecret::ApiKey),
            ("api_test_sk_canary123", InvalidWebhookSecret::ApiKey),
            ("sk_live_canary123", InvalidWebhookSecret::ApiKey),
            ("canary123", InvalidWebhookSecret::UnknownPrefix),
            ("WHSEC_canary123", InvalidWebhookSecret::UnknownPrefix),
            ("whsec_", InvalidWebhookSecret::Malformed),
            ("whsec_can ary123", InvalidWebhookSecret::Malformed),
            ("whsec_canary123\u{e9}", InvalidWebhookSecret::Malformed),
        ] {
            let error = WebhookSecret::parse(text).unwrap_err();
            assert_eq!(error, reason);
            assert!(!format!("{error} {error:?}").contains("canary"));
        }
    }

    #[test]
    fn space_around_a_secret_does_not_change_it() {
        let signed = |text: &str| {
            let secret = WebhookSecret::parse(text).unwrap();
            secret.signature("1", b"{}").finalize().into_bytes()
        };
        assert!(signed("whsec_canary123") == signed(" whsec_canary123\n"));
        assert!(signed("whsec_canary123") != signed("whsec_canary124"));
    }
}
