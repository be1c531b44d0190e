//! In which words failures are told: kinds, violations, and texts of others made fit to be shown.

mod kind;
pub(crate) mod text;
mod violation;

pub use kind::ErrorKind;
pub use violation::Violation;
