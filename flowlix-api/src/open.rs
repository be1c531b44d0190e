//! Open enums: known values by name, every other value kept as it came.
//!
//! Flowlix adds values without notice, and a payment whose status is new must still be readable. Each
//! enum of the model reads the spelling of either dialect, keeps an unknown value's text, and is spelled
//! as a dialect spells it when it is sent through [`SnakeCase`] or [`Uppercase`].

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Dialect;

/// The text of a value that this version of the SDK has no name for.
///
/// Only reading makes one, so a value with a name can never hide in here.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UnknownValue(String);

impl UnknownValue {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The value exactly as Flowlix sent it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What all open enums of the model can do.
pub trait OpenEnum: Sized + 'static {
    /// Reads either dialect's spelling, in any letter case; other text becomes the unknown value.
    fn read(text: &str) -> Self;

    /// The model's own spelling, or an unknown value's text.
    fn as_str(&self) -> &str;

    /// How a dialect spells the value; `None` where that dialect documents no such value.
    fn spelled(&self, dialect: Dialect) -> Option<&str>;

    /// Every value that has a name, in the order of the documentation.
    fn known() -> &'static [Self];
}

/// Tells a dialect's types how to spell a shared enum.
pub trait Spelling: Clone + Copy + 'static {
    /// The dialect whose spelling is written.
    const DIALECT: Dialect;
}

/// Spelling of the `snake_case` dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InSnakeCase;

/// Spelling of the uppercase dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InUppercase;

impl Spelling for InSnakeCase {
    const DIALECT: Dialect = Dialect::SnakeCase;
}

impl Spelling for InUppercase {
    const DIALECT: Dialect = Dialect::Uppercase;
}

/// A shared enum as it stands in a `snake_case` body or query.
pub type SnakeCase<E> = Spelled<E, InSnakeCase>;

/// A shared enum as it stands in an uppercase body or query.
pub type Uppercase<E> = Spelled<E, InUppercase>;

/// A shared enum that is written in one dialect's spelling and read in any.
///
/// A value that the dialect does not document is written in the model's spelling: refusing it is the
/// conversions' business, since they can name the field.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Spelled<E, S>(E, PhantomData<S>);

impl<E: OpenEnum, S: Spelling> Spelled<E, S> {
    /// The text that is sent.
    pub fn as_str(&self) -> &str {
        self.0
            .spelled(S::DIALECT)
            .unwrap_or_else(|| self.0.as_str())
    }

    /// The shared enum.
    pub fn into_inner(self) -> E {
        self.0
    }
}

impl<E, S> From<E> for Spelled<E, S> {
    fn from(value: E) -> Self {
        Self(value, PhantomData)
    }
}

impl<E, S> Deref for Spelled<E, S> {
    type Target = E;

    fn deref(&self) -> &E {
        &self.0
    }
}

impl<E: fmt::Debug, S> fmt::Debug for Spelled<E, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<E: OpenEnum, S: Spelling> fmt::Display for Spelled<E, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<E: OpenEnum, S: Spelling> Serialize for Spelled<E, S> {
    fn serialize<Z: Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de, E: OpenEnum, S> Deserialize<'de> for Spelled<E, S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Ok(E::read(&text).into())
    }
}

/// Implements [`OpenEnum`] and the usual traits for an enum that xtask has generated.
///
/// A row is the variant, the model's spelling, and each dialect's spelling where it has one.
macro_rules! open_enum {
    ($name:ident { $($variant:ident = $canonical:literal, $snake:expr, $upper:expr;)* }) => {
        impl $crate::open::OpenEnum for $name {
            fn read(text: &str) -> Self {
                $(
                    if text.eq_ignore_ascii_case($canonical) {
                        return Self::$variant;
                    }
                )*
                Self::Unknown($crate::open::UnknownValue::new(text))
            }

            fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $canonical,)*
                    Self::Unknown(value) => value.as_str(),
                }
            }

            fn spelled(&self, dialect: $crate::Dialect) -> Option<&str> {
                let (snake, upper): (Option<&str>, Option<&str>) = match self {
                    $(Self::$variant => ($snake, $upper),)*
                    Self::Unknown(_) => (None, None),
                };
                match dialect {
                    $crate::Dialect::SnakeCase => snake,
                    $crate::Dialect::Uppercase => upper,
                }
            }

            fn known() -> &'static [Self] {
                &[$(Self::$variant,)*]
            }
        }

        impl $name {
            /// The model's own spelling, or an unknown value's text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                $crate::open::OpenEnum::as_str(self)
            }

            /// Whether this version of the SDK has no name for the value.
            #[must_use]
            pub fn is_unknown(&self) -> bool {
                matches!(self, Self::Unknown(_))
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                $crate::open::OpenEnum::read(text)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text =
                    <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
                Ok($crate::open::OpenEnum::read(&text))
            }
        }

        #[cfg(feature = "schemars")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string",
                    "x-extensible-enum": [$($canonical),*],
                })
            }
        }
    };
}

pub(crate) use open_enum;
