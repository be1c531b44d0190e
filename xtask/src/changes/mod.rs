//! Compares two versions of a specification and says what the difference means: on the wire, in the
//! Rust surface, in the words only.
//!
//! `drift` 0.2 was tried first and not used. It tells neither response headers, servers, security nor a
//! renamed `operationId`; it calls every change of a limit, an enum or a `required` list "unhandled",
//! without a direction; and it panics when a media type comes or goes. What is left after those is the
//! walk itself, and that is short.
//!
//! The walk is total: every member of an object is either judged by name or reported as `unclassified`,
//! which counts as breaking until somebody has looked. What is shared through `$ref` is compared once, at
//! the component, in each direction in which an operation reaches it.

mod canonical;
mod change;
mod command;
mod comparison;
mod components;
mod constraints;
mod content;
mod document;
mod flags;
mod json;
mod markdown;
mod operation;
mod operations;
mod parameters;
mod property;
mod reach;
mod report;
mod responses;
mod rust;
mod schema;
mod security;
mod servers;
mod signature;
mod site;
mod source;
mod values;
mod webhooks;
mod words;

pub use change::{Change, Direction, Kind, Severity, Side};
pub use command::{Format, Options, SpecChoice, report, run};
pub use report::{Compared, Count, Report, Totals, Verdict};
pub use source::Failure;

use crate::document::Document;
use crate::rules::Entry;

/// Compares an earlier version of a specification with a later one.
///
/// Pure, and total on any JSON: it neither reads anything nor panics. The model's items are named as if
/// it called everything what the specification calls it; [`compare_with`] knows better.
#[must_use]
pub fn compare(before: &Document, after: &Document) -> Report {
    compare_with(before, after, &[])
}

/// Compares two versions of a specification, naming the model's items by the rules that reconcile it.
#[must_use]
pub fn compare_with(before: &Document, after: &Document, rules: &[Entry]) -> Report {
    let mut comparison = comparison::Comparison::new(before, after, rules);
    document::compare(&mut comparison);
    Report::new(before, after, comparison.into_changes())
}
