//! Promises about the project itself: what it needs, what users compile, what the example does.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod dependencies;
mod example;
