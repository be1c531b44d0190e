//! Ids: opaque text, checked when a caller makes one, trusted when Flowlix sent it.

use std::fmt;

/// Text that cannot be an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidId {
    kind: &'static str,
    reason: String,
}

impl InvalidId {
    pub(crate) fn new(kind: &'static str, reason: impl Into<String>) -> Self {
        Self {
            kind,
            reason: reason.into(),
        }
    }
}

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a {}: {}", self.kind, self.reason)
    }
}

impl std::error::Error for InvalidId {}

/// Refuses what would change the request's path instead of naming something in it.
pub(crate) fn check_usable(kind: &'static str, text: &str) -> Result<(), InvalidId> {
    match text {
        "" => Err(InvalidId::new(kind, "the text is empty")),
        "." | ".." => Err(InvalidId::new(kind, "the text is a path segment")),
        _ if text.chars().any(char::is_control) => {
            Err(InvalidId::new(kind, "the text holds control characters"))
        }
        _ => Ok(()),
    }
}

/// Implements an id type that xtask has declared; `$patterns` are the documented ones of all dialects.
macro_rules! opaque_id {
    ($name:ident, $patterns:expr) => {
        impl $name {
            /// Checks text from outside against the documented patterns of both dialects.
            ///
            /// # Errors
            /// When the text has none of the documented shapes. An id that Flowlix sent may have another
            /// shape all the same: take such a one through [`Self::received`].
            pub fn parse(text: &str) -> Result<Self, $crate::id::InvalidId> {
                let patterns: &[$crate::pattern::Pattern] = $patterns;
                $crate::id::check_usable(stringify!($name), text)?;
                if patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(text)) {
                    return Ok(Self(text.to_owned()));
                }
                let shapes: Vec<&str> = patterns.iter().map(|pattern| pattern.text).collect();
                Err($crate::id::InvalidId::new(
                    stringify!($name),
                    format!("the text matches none of {}", shapes.join(", ")),
                ))
            }

            /// Takes an id that Flowlix sent earlier, whatever its shape; reading a response does the same.
            ///
            /// # Errors
            /// When the text is empty, or could not name anything in a request's path.
            pub fn received(text: impl Into<String>) -> Result<Self, $crate::id::InvalidId> {
                let text = text.into();
                $crate::id::check_usable(stringify!($name), &text)?;
                Ok(Self(text))
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        /// The same as [`parse`](Self::parse): for text from outside. What you have stored of Flowlix's goes through
        /// [`received`](Self::received).
        impl std::str::FromStr for $name {
            type Err = $crate::id::InvalidId;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse(text)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                Self::received(text).map_err(serde::de::Error::custom)
            }
        }

        #[cfg(feature = "schemars")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string" })
            }
        }
    };
}

pub(crate) use opaque_id;
