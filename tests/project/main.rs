//! Promises about the project itself: what it needs, what users compile, what the example does,
//! what the documentation tells.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod dependencies;
mod documentation;
mod example;
