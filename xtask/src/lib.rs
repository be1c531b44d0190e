//! How the generated parts of this workspace are made and checked.
//!
//! Stages, each a function from a value to a value: [`load`], [`lint`], [`normalise`], [`reconcile`], [`generate`],
//! [`format`](mod@format), [`output`]. [`pipeline`] runs them; only `load` and `output` touch files.

#![deny(missing_docs)]

pub mod api;
pub mod changes;
pub mod dialect;
pub mod document;
pub mod finding;
pub mod format;
pub mod generate;
pub mod identifier;
pub mod lint;
pub mod load;
pub mod model;
pub mod normalise;
pub mod output;
pub mod pattern;
pub mod pipeline;
pub mod reconcile;
pub mod rules;
