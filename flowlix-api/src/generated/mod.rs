//! What xtask makes from `openapi/`; only this file is written by hand.

// The shape of generated code is the generator's own, so lints about style and layout say nothing about it.
// The one panic it would hold is taken out by xtask, with the constructor around it.
#![allow(clippy::all, clippy::pedantic, missing_docs, unreachable_pub)]

#[rustfmt::skip]
pub mod convert;
#[rustfmt::skip]
pub mod model;
#[rustfmt::skip]
pub mod snake_case;
#[rustfmt::skip]
pub mod uppercase;
