//! How errors read: one line, operation and request id first, nothing that could be a secret.

use std::error::Error as _;
use std::fmt;

use super::Error;
use crate::call::history::{Seconds, StopReason};
use crate::failure::ErrorKind;
use crate::failure::text::printable;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.0;
        match inner.operation {
            Some(operation) => {
                let id = inner.request_id.as_deref().unwrap_or("no request id");
                write!(f, "{operation} [{id}]: ")?;
            }
            None => f.write_str("flowlix client: ")?,
        }
        write!(f, "{}", inner.kind)?;
        if !inner.cause.is_empty() {
            write!(f, ": {}", inner.cause)?;
        }
        for (index, violation) in inner.violations.iter().enumerate() {
            write!(f, "{} {violation}", if index == 0 { ":" } else { ";" })?;
        }
        if let Some(path) = &inner.path {
            write!(f, " at {}", printable(path))?;
        }
        if !inner.attempts.is_empty() {
            let count = inner.attempts.len();
            let plural = if count == 1 { "" } else { "s" };
            write!(f, "; {count} attempt{plural} in {}", Seconds(inner.elapsed))?;
        } else if inner.wait.is_some() && inner.violations.is_empty() {
            write!(f, " in {}", Seconds(inner.elapsed))?;
        }
        if let Some(stop) = inner.stop.filter(|stop| *stop != StopReason::Final) {
            write!(f, " ({stop})")?;
        }
        if let Some(key) = &inner.key {
            write!(f, "; idempotency key {key}")?;
        }
        let advice = if inner.stop == Some(StopReason::KeyAge) {
            Some("the key is too old to repeat the call: look the payment up first")
        } else if self.found_key_reused() {
            ErrorKind::KeyReused.advice()
        } else {
            inner.kind.advice()
        };
        advice.map_or(Ok(()), |advice| write!(f, "; {advice}"))
    }
}

/// For people: a `main` that returns the error prints this. It is [`explain`](Error::explain), and what the error
/// rests on.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.explain())?;
        let causes = std::iter::successors(self.source(), |cause| (*cause).source());
        for cause in causes {
            write!(f, "\n  because: {}", printable(&cause.to_string()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_error_reads_well() {
        let error = Error::configuration("the API key is empty", None);
        assert_eq!(
            error.to_string(),
            "flowlix client: configuration: the API key is empty"
        );
    }
}
