//! Lint over the specifications of this workspace, and over a small sound one that is broken rule by rule.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "lint/any_json.rs"]
mod any_json;
#[path = "lint/base.rs"]
mod base;
#[path = "lint/each_rule.rs"]
mod each_rule;
#[path = "lint/specs.rs"]
mod specs;
#[path = "lint/traps.rs"]
mod traps;
