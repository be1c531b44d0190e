//! Reconciling is total and loud: nothing of either document is dropped, guessed or taken in silence.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "reconcile/any_json.rs"]
mod any_json;
#[path = "reconcile/documents.rs"]
mod documents;
#[path = "reconcile/names.rs"]
mod names;
#[path = "reconcile/real.rs"]
mod real;
#[path = "reconcile/rules.rs"]
mod rules;
#[path = "reconcile/tiny.rs"]
mod tiny;
#[path = "reconcile/webhooks.rs"]
mod webhooks;
