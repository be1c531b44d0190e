//! Reads what the pipeline starts from.

use std::fs;
use std::path::{Path, PathBuf};

use crate::dialect::{Dialect, PerDialect};
use crate::document::Document;
use crate::finding::Finding;
use crate::pipeline::Sources;
use crate::rules::Rules;

/// Where a dialect's document stands, seen from the workspace's root.
#[must_use]
pub fn document_path(dialect: Dialect) -> String {
    format!("openapi/{dialect}.yaml")
}

const RULES: &str = "openapi/reconcile.yaml";

/// The workspace's root.
#[must_use]
pub fn workspace() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_path_buf()
}

/// Reads one dialect's document.
///
/// # Errors
/// A finding when the file cannot be read.
pub fn document(root: &Path, dialect: Dialect) -> Result<Document, Vec<Finding>> {
    let path = document_path(dialect);
    let text = read(root, &path)?;
    Document::parse(&path, &text).map_err(|finding| vec![*finding])
}

/// Reads both documents and the rules.
///
/// # Errors
/// A finding for the first file that cannot be read.
pub fn sources(root: &Path) -> Result<Sources, Vec<Finding>> {
    Ok(Sources {
        documents: PerDialect {
            snake_case: document(root, Dialect::SnakeCase)?,
            uppercase: document(root, Dialect::Uppercase)?,
        },
        rules: Rules::parse(RULES, &read(root, RULES)?)?,
    })
}

fn read(root: &Path, path: &str) -> Result<String, Vec<Finding>> {
    fs::read_to_string(root.join(path)).map_err(|error| {
        vec![Finding::new(
            path,
            "",
            "file-unreadable",
            format!("the file cannot be read: {error}"),
            "run this inside a checkout of the workspace",
        )]
    })
}
