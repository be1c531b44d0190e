//! Why a store could not do what it was asked.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::failure::text::{one_line, printable};

/// Why a store could not do what it was asked.
///
/// Its text is one line with all the causes, so it has no [`source`](Error::source) that would tell them again;
/// programs find the first one in [`cause`](Self::cause).
#[derive(Clone)]
pub struct StoreError {
    message: String,
    cause: Option<Arc<dyn Error + Send + Sync>>,
}

impl StoreError {
    /// A failure in words; they must not hold what the record holds.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            cause: None,
        }
    }

    /// A failure that something else caused.
    #[must_use]
    pub fn caused_by(
        message: impl Into<String>,
        cause: impl Error + Send + Sync + 'static,
    ) -> Self {
        Self {
            message: message.into(),
            cause: Some(Arc::new(cause)),
        }
    }

    /// A failure with a cause that others hold too.
    pub(super) fn caused_by_shared(
        message: impl Into<String>,
        cause: Arc<dyn Error + Send + Sync>,
    ) -> Self {
        Self {
            message: message.into(),
            cause: Some(cause),
        }
    }

    /// What caused it, such as the error of a database's client library.
    #[must_use]
    pub fn cause(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.cause.as_deref()
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&one_line(&self.message))?;
        match self.cause.as_deref() {
            Some(cause) => write!(f, ": {}", causes(cause)),
            None => Ok(()),
        }
    }
}

/// An error and what caused it, on one line.
pub(super) fn causes(first: &(dyn Error + 'static)) -> String {
    let mut told = String::new();
    for cause in std::iter::successors(Some(first), |cause| (*cause).source()) {
        let text = printable(&cause.to_string());
        // Some libraries tell their cause's words as their own.
        if told.is_empty() {
            told = text;
        } else if !told.contains(&text) {
            told = format!("{told}: {text}");
        }
    }
    told
}

/// The same line: the `Debug` of a cause may hold what the store was given.
impl fmt::Debug for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StoreError")
            .field(&self.to_string())
            .finish()
    }
}

impl Error for StoreError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_tells_every_cause_once() {
        let io = |text: &str| std::io::Error::other(text.to_owned());
        let inner = StoreError::caused_by("connecting", io("refused by 10.0.0.1"));
        let outer = StoreError::caused_by("storing", inner);
        assert_eq!(
            outer.to_string(),
            "storing: connecting: refused by 10.0.0.1"
        );
        assert!(outer.source().is_none() && outer.cause().is_some());

        let card = "4111111111111111";
        let echoing = StoreError::caused_by("storing", io(&format!("bad\nvalue {card}")));
        let line = echoing.to_string();
        assert!(!line.contains(card) && !line.contains('\n'), "{line}");
        assert_eq!(format!("{echoing:?}"), format!("StoreError({line:?})"));
        assert_eq!(StoreError::new("of\ntwo").to_string(), "of two");

        #[derive(Debug)]
        struct Twice(std::io::Error);
        impl fmt::Display for Twice {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "asking: {}", self.0)
            }
        }
        impl Error for Twice {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                Some(&self.0)
            }
        }
        let repeating = StoreError::caused_by("storing", Twice(io("refused")));
        assert_eq!(repeating.to_string(), "storing: asking: refused");
    }
}
