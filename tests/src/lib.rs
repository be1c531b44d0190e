//! What the tests of the public API share: Flowlix's documents as data, samples made from them, and JSON
//! compared by path.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

pub mod difference;
pub mod document;
pub mod recorder;
pub mod sample;

/// The README's examples.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
