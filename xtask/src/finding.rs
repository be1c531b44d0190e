//! What a stage has to say against a document: where, which rule, what, and the cure.

use std::fmt;

use serde::Serialize;

/// One thing wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// The document, such as `openapi/snake_case.yaml`.
    pub spec: String,
    /// JSON pointer of the place; empty for the whole document.
    pub pointer: String,
    /// The rule's stable name, in kebab-case.
    pub rule: String,
    /// What is there, in a sentence.
    pub message: String,
    /// What to do about it.
    pub cure: String,
}

impl Finding {
    /// A finding at one place.
    pub fn new(
        spec: &str,
        pointer: &str,
        rule: &str,
        message: impl Into<String>,
        cure: impl Into<String>,
    ) -> Self {
        Self {
            spec: spec.to_owned(),
            pointer: pointer.to_owned(),
            rule: rule.to_owned(),
            message: message.into(),
            cure: cure.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}#{}", self.spec, self.pointer)?;
        writeln!(f, "  {}: {}", self.rule, self.message)?;
        write!(f, "  cure: {}", self.cure.replace('\n', "\n  "))
    }
}
