//! What the generated clients send, and what they make of answers, at the [`Transport`] seam.
//!
//! [`Transport`]: flowlix_api::Transport

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod answers;
mod client;
mod requests;
