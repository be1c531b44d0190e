//! Writes Rust and JSON from the model and the two documents.

mod client;
mod convert;
mod document;
mod names;
mod read;
mod types;
mod write;

pub use client::client;
pub use convert::convert;
pub use document::document;
pub use types::model;
