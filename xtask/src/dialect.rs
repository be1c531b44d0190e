//! The two dialects, and values kept for each.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One of the two dialects of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// `openapi/snake_case.yaml`.
    SnakeCase,
    /// `openapi/uppercase.yaml`.
    Uppercase,
}

impl Dialect {
    /// Both, in the order in which messages name them.
    pub const BOTH: [Self; 2] = [Self::SnakeCase, Self::Uppercase];

    /// `snake_case` or `uppercase`, as in file names, rules and module names.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SnakeCase => "snake_case",
            Self::Uppercase => "uppercase",
        }
    }

    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::SnakeCase => Self::Uppercase,
            Self::Uppercase => Self::SnakeCase,
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One value for each dialect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PerDialect<T> {
    /// The value for `snake_case`.
    pub snake_case: T,
    /// The value for `uppercase`.
    pub uppercase: T,
}

impl<T> PerDialect<T> {
    /// The value for one dialect.
    pub fn get(&self, dialect: Dialect) -> &T {
        match dialect {
            Dialect::SnakeCase => &self.snake_case,
            Dialect::Uppercase => &self.uppercase,
        }
    }

    /// The value for one dialect, to change.
    pub fn get_mut(&mut self, dialect: Dialect) -> &mut T {
        match dialect {
            Dialect::SnakeCase => &mut self.snake_case,
            Dialect::Uppercase => &mut self.uppercase,
        }
    }

    /// Makes one value for each.
    pub fn from_fn(mut make: impl FnMut(Dialect) -> T) -> Self {
        Self {
            snake_case: make(Dialect::SnakeCase),
            uppercase: make(Dialect::Uppercase),
        }
    }
}
