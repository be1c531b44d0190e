//! The generated types, conversions and schemas, held against Flowlix's documents.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod codec;
mod crossing;
mod error_bodies;
mod meaning;
mod openness;
mod reconciled;
mod roundtrip;
mod schemas;
mod secrets;
mod settle;
mod surface;
mod writing;
