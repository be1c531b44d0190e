//! One thing that is wrong with a request.

use std::fmt;

use super::Error;
use crate::call::Operation;

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

    /// The request as the dialect says it, or everything that is wrong with it at once. Where our own check
    /// has spoken about a field, the dialect's finding would only repeat it.
    pub(crate) fn join<T>(
        operation: Operation,
        mut ours: Vec<Self>,
        said: Result<T, flowlix_api::ConversionError>,
    ) -> Result<T, Error> {
        let said = match said {
            Ok(request) if ours.is_empty() => return Ok(request),
            Ok(_) => Vec::new(),
            Err(error) => Self::from_conversion(&error),
        };
        let theirs: Vec<Self> = said
            .into_iter()
            .filter(|found| ours.iter().all(|own| own.field != found.field))
            .collect();
        ours.extend(theirs);
        Err(Error::invalid_request(operation, ours))
    }

    /// What a dialect cannot say, with the dialect's name: the same request may be fine in the other one.
    fn from_conversion(error: &flowlix_api::ConversionError) -> Vec<Self> {
        error
            .violations()
            .iter()
            .map(|violation| {
                Self::new(
                    &violation.field,
                    format!("{} ({} dialect)", violation.problem, error.dialect()),
                )
            })
            .collect()
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.problem)
    }
}
