//! Why a journal could not do what it was asked.

use std::fmt;
use std::sync::Arc;

/// Why a journal could not do what it was asked.
#[derive(Debug, Clone)]
pub struct JournalError {
    message: String,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl JournalError {
    /// A failure in words; they must not hold what the record holds.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            source: None,
        }
    }

    /// A failure that something else caused.
    #[must_use]
    pub fn caused_by(
        message: impl Into<String>,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self {
            message: message.into(),
            source: Some(Arc::new(source)),
        }
    }
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for JournalError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
