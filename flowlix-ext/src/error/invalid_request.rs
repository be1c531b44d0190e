//! Everything that is wrong with a request, told at once and before it is sent.

use flowlix_api::ConversionError;

use super::Error;
use crate::call::operation::Operation;
use crate::failure::Violation;

impl Violation {
    /// The request as the dialect says it, or everything that is wrong with it at once. Where our own check
    /// has spoken about a field, the dialect's finding would only repeat it.
    pub(crate) fn join<T>(
        operation: Operation,
        mut ours: Vec<Self>,
        said: Result<T, ConversionError>,
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
    fn from_conversion(error: &ConversionError) -> Vec<Self> {
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
