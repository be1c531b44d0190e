//! One thing that is wrong with a request.

use std::fmt;

use super::text::one_line;

/// A field that breaks a documented rule. Never holds the field's value.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// The model's field, dotted, such as `payment_method_data.card.number`.
    pub field: String,
    /// What is wrong with it.
    pub problem: String,
}

impl Violation {
    pub(crate) fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            problem: problem.into(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A name in metadata may come from anywhere, and the line is ours.
        write!(f, "{} {}", one_line(&self.field), self.problem)
    }
}
