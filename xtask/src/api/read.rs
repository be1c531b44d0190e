//! Reads a document into an [`Api`].

mod operations;
mod parameters;
mod reach;
mod reader;
mod schemas;
mod types;
mod webhooks;

use super::Api;
use crate::dialect::Dialect;
use crate::document::Document;
use crate::finding::Finding;

use reader::Reader;

/// Reads a document whose form lint has checked.
///
/// # Errors
/// A finding for each construct that the reconciler does not know.
pub fn read(dialect: Dialect, document: &Document) -> Result<Api, Vec<Finding>> {
    let mut reader = Reader {
        document,
        findings: Vec::new(),
    };
    let mut schemas = schemas::schemas(&mut reader);
    let operations = operations::operations(&mut reader);
    let webhooks = webhooks::webhooks(&mut reader);
    let sent = reach::sent(&operations, &schemas);
    let received = reach::received(document, &schemas);
    for schema in &mut schemas {
        schema.sent = sent.contains(&schema.name);
        schema.received = received.contains(&schema.name);
    }
    if reader.findings.is_empty() {
        Ok(Api {
            dialect,
            label: document.label.clone(),
            schemas,
            operations,
            webhooks,
        })
    } else {
        Err(reader.findings)
    }
}
