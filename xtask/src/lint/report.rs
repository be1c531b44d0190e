//! Collects what the rules find.

use crate::document::Document;
use crate::finding::Finding;

use super::Rule;

/// The findings against one document.
pub(super) struct Report<'a> {
    document: &'a Document,
    findings: Vec<Finding>,
}

impl<'a> Report<'a> {
    pub(super) fn new(document: &'a Document) -> Self {
        Self {
            document,
            findings: Vec::new(),
        }
    }

    pub(super) fn add(
        &mut self,
        rule: Rule,
        pointer: &str,
        message: impl Into<String>,
        cure: impl Into<String>,
    ) {
        self.findings.push(Finding::new(
            &self.document.label,
            pointer,
            rule.id,
            message,
            cure,
        ));
    }

    /// Ordered by place and rule, so that two runs print the same.
    pub(super) fn into_findings(mut self) -> Vec<Finding> {
        self.findings.sort();
        self.findings.dedup();
        self.findings
    }
}
