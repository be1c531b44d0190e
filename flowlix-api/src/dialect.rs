//! The two dialects in which Flowlix serves one API.

use std::fmt;

/// One of the two dialects of the Flowlix API; the API key's prefix decides which one is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dialect {
    /// The "API reference": keys `fl_…`, values such as `requires_action` and `eur`.
    SnakeCase,
    /// The "Payments API": keys `api_…`, values such as `REQUIRES_ACTION` and `EUR`.
    Uppercase,
}

impl Dialect {
    /// The dialect's name in messages and rules: `snake_case` or `uppercase`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SnakeCase => "snake_case",
            Self::Uppercase => "uppercase",
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
