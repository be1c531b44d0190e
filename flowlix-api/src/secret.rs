//! Card secrets: readable on the wire, nowhere else.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

macro_rules! secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// `Debug` prints `[redacted]`, there is no `Display`, and the memory is zeroed on drop.
        /// Serializing writes the plain text: it exists for the request body alone.
        #[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Zeroizing<String>);

        impl $name {
            /// Takes the text over; nothing is checked here.
            #[must_use]
            pub fn new(text: impl Into<String>) -> Self {
                Self(Zeroizing::new(text.into()))
            }

            /// The plain text. Never log it, never store it.
            #[must_use]
            pub fn expose(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("[redacted]")
            }
        }

        #[cfg(feature = "schemars")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "writeOnly": true })
            }
        }
    };
}

secret! {
    /// A full card number (PAN), digits only.
    CardNumber
}

secret! {
    /// A card's security code (CVC).
    CardCvc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing_of_the_secret() {
        let number = CardNumber::new("4111111111111111");
        let cvc = CardCvc::new("314");
        assert_eq!(format!("{number:?} {cvc:?}"), "[redacted] [redacted]");
        assert_eq!(number.expose(), "4111111111111111");
    }
}
