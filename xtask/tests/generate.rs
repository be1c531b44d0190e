//! What is generated: from Flowlix's own documents, the files of this workspace, to the byte.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "generate/files.rs"]
mod files;
#[path = "generate/reconciled.rs"]
mod reconciled;

use std::sync::LazyLock;

use xtask::load;
use xtask::pipeline::{self, Output, Sources};

static SOURCES: LazyLock<Sources> =
    LazyLock::new(|| load::sources(&load::workspace()).expect("the documents can be read"));

static OUTPUTS: LazyLock<Vec<Output>> =
    LazyLock::new(|| pipeline::run(&SOURCES).expect("the documents are sound"));

/// The files of Rust among what is generated.
fn rust() -> impl Iterator<Item = &'static Output> {
    OUTPUTS.iter().filter(|output| output.path.ends_with(".rs"))
}
