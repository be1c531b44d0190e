//! The error body: whatever came, it decodes.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::model::ErrorDetail;

/// How many characters of an unreadable error body are kept.
pub const EXCERPT_CHARACTERS: usize = 512;

/// The body of a 4XX or 5XX response.
///
/// Flowlix answers with an envelope, but a proxy in front of it may answer with HTML, and a later version
/// with other members. Reading never fails: what is no envelope is kept as an excerpt.
#[derive(Debug, Clone, PartialEq)]
pub struct ErrorResponse(Body);

#[derive(Debug, Clone, PartialEq)]
enum Body {
    Envelope(Box<ErrorDetail>),
    Other(String),
}

impl ErrorResponse {
    /// What Flowlix said, when the body was its error envelope.
    #[must_use]
    pub fn detail(&self) -> Option<&ErrorDetail> {
        match &self.0 {
            Body::Envelope(detail) => Some(detail),
            Body::Other(_) => None,
        }
    }

    /// The beginning of a body that was no error envelope, at most [`EXCERPT_CHARACTERS`] characters.
    ///
    /// It is another machine's text: show it to developers, not to customers.
    #[must_use]
    pub fn excerpt(&self) -> Option<&str> {
        match &self.0 {
            Body::Envelope(_) => None,
            Body::Other(text) => Some(text),
        }
    }

    /// Reads any body at all.
    #[must_use]
    pub fn read(body: &[u8]) -> Self {
        match serde_json::from_slice::<Value>(body) {
            Ok(value) => Self::from_json(value),
            Err(_) => Self::other(&String::from_utf8_lossy(body)),
        }
    }

    fn from_json(value: Value) -> Self {
        match value {
            Value::String(text) => Self::other(&text),
            other => match other.get("error").and_then(detail) {
                Some(detail) => Self(Body::Envelope(Box::new(detail))),
                None => Self::other(&other.to_string()),
            },
        }
    }

    fn other(text: &str) -> Self {
        Self(Body::Other(text.chars().take(EXCERPT_CHARACTERS).collect()))
    }
}

/// What can be read of an envelope. Every documented member is text: one that is not is passed over, so that
/// it does not take the others with it.
fn detail(error: &Value) -> Option<ErrorDetail> {
    let members = error.as_object()?;
    let texts: Map<String, Value> = members
        .iter()
        .filter(|(_, member)| member.is_string())
        .map(|(name, member)| (name.clone(), member.clone()))
        .collect();
    ErrorDetail::deserialize(Value::Object(texts))
        .ok()
        // Where nothing is known of what is there, an excerpt tells more.
        .filter(|detail| members.is_empty() || *detail != ErrorDetail::default())
}

impl Serialize for ErrorResponse {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Body::Envelope(detail) => serializer.collect_map([("error", detail)]),
            Body::Other(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for ErrorResponse {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from_json(Value::deserialize(deserializer)?))
    }
}
