//! Headers that a caller adds to a request.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::failure::text::printable;

/// What the SDK, or HTTP itself, decides about a request: the API key, the idempotency key, the body and
/// its framing, and what kind of answer can be read.
const RESERVED: [&str; 13] = [
    "accept",
    "accept-encoding",
    "authorization",
    "connection",
    "expect",
    "host",
    "idempotency-key",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Headers on top of those that the SDK sends, such as `traceparent`.
///
/// ```
/// use flowlix_ext::call::headers::{ExtraHeaders, HeaderRefused};
///
/// let mut headers = ExtraHeaders::default();
/// headers.insert("X-Correlation-Id", "c-17")?;
/// assert_eq!(headers.insert("Authorization", "Basic …"), Err(HeaderRefused::Reserved));
/// assert_eq!(headers.insert("X-Note", "two\nlines"), Err(HeaderRefused::Value));
/// # Ok::<(), HeaderRefused>(())
/// ```
///
/// `Debug` shows the names alone.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ExtraHeaders(HeaderMap);

impl ExtraHeaders {
    /// Adds a header; a name given twice keeps the last value.
    ///
    /// # Errors
    /// [`HeaderRefused`]; the headers stay as they were.
    pub fn insert(&mut self, name: &str, value: &str) -> Result<(), HeaderRefused> {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| HeaderRefused::Name)?;
        if name.as_str().starts_with("content-") || RESERVED.contains(&name.as_str()) {
            return Err(HeaderRefused::Reserved);
        }
        let mut value = HeaderValue::from_str(value).map_err(|_| HeaderRefused::Value)?;
        // Whether it is a secret, only the caller knows.
        value.set_sensitive(true);
        // Refused only beyond 24 576 names, which no server would take.
        self.0
            .try_insert(name, value)
            .map(drop)
            .map_err(|_| HeaderRefused::Name)
    }

    pub(crate) fn put_on(&self, request: &mut HeaderMap) {
        for (name, value) in &self.0 {
            request.insert(name.clone(), value.clone());
        }
    }
}

impl fmt::Debug for ExtraHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.0.keys().map(|name| printable(name.as_str())))
            .finish()
    }
}

/// Why a header cannot be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HeaderRefused {
    /// The name is not a header's name.
    Name,
    /// The value holds characters that no header can carry, such as a line break.
    Value,
    /// The SDK or HTTP itself sets this header: `Authorization`, `Idempotency-Key`, `Host`, `Content-*` and
    /// what frames the message.
    Reserved,
}

impl fmt::Display for HeaderRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "is not a header's name",
            Self::Value => "holds characters that no header can carry",
            Self::Reserved => "is set by the SDK and cannot be replaced",
        })
    }
}

impl std::error::Error for HeaderRefused {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_sdk_sets_cannot_be_replaced_in_any_spelling() {
        let mut headers = ExtraHeaders::default();
        for name in RESERVED
            .into_iter()
            .chain(["Content-Type", "CONTENT-LENGTH", "content-md5", "HOST"])
            .chain(["Idempotency-Key", "Authorization"])
        {
            assert_eq!(
                headers.insert(name, "x"),
                Err(HeaderRefused::Reserved),
                "{name}"
            );
        }
        assert_eq!(headers, ExtraHeaders::default());
    }

    #[test]
    fn nonsense_is_refused_and_debug_shows_names_alone() {
        let mut headers = ExtraHeaders::default();
        for name in ["", "a b", "a:b", "ü", "a\r\nb"] {
            assert_eq!(headers.insert(name, "x"), Err(HeaderRefused::Name));
        }
        for value in ["a\nb", "a\rb", "\0"] {
            assert_eq!(headers.insert("x-a", value), Err(HeaderRefused::Value));
        }
        assert_eq!(headers.insert("X-A", "canary"), Ok(()));
        assert_eq!(format!("{headers:?}"), r#"{"x-a"}"#);
    }

    #[test]
    fn the_last_value_of_a_name_is_sent_once() {
        let mut headers = ExtraHeaders::default();
        assert_eq!(headers.insert("X-A", "1"), Ok(()));
        assert_eq!(headers.insert("x-a", "2"), Ok(()));
        let mut request = HeaderMap::new();
        headers.put_on(&mut request);
        assert_eq!(request.len(), 1);
        assert!(request.get("x-a").is_some_and(|value| value == "2"));
    }
}
