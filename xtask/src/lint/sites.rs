//! The places of a document that rules look at, found by one walk.

mod found;
mod json;
mod walk;

pub(super) use found::{Operation, PathItem, Reference, Role, Sample, Schema, Site, Sites};
pub(super) use json::{Object, array, entries, is_extension, is_true, object, text};
