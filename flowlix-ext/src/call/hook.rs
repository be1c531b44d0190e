//! Your own code around every attempt: correlation headers, logs, audits.
//!
//! A hook sees what is sent and what came of it, and cannot see a secret: no body, no API key. It may add
//! headers and change nothing else, so that what is repeated stays the same request.
//!
//! Hooks run on the task that makes the call, between two awaits: keep them short, and hand long work over to a
//! task of your own. A hook that panics is told through `tracing`, counted
//! ([`Counter::HookPanics`](super::metrics::Counter::HookPanics)) and otherwise ignored: an answer about money is
//! not lost because a log line could not be written. (Where panics abort, they abort.)

use std::time::Duration;

use flowlix_api::Dialect;
use http::HeaderMap;

use super::headers::ExtraHeaders;
use super::history::AttemptReport;
use super::operation::Operation;
use crate::idempotency::IdempotencyKey;
use crate::key::Mode;

/// Sees every attempt of every call; see [`FlowlixBuilder::hook`](crate::FlowlixBuilder::hook).
///
/// ```
/// # use std::sync::{Arc, Mutex};
/// # use flowlix_ext::{CardDetails, Flowlix, Money};
/// use flowlix_ext::call::headers::ExtraHeaders;
/// use flowlix_ext::call::history::AttemptReport;
/// use flowlix_ext::call::hook::{Attempt, Hook};
///
/// #[derive(Clone, Default)]
/// struct Audit(Arc<Mutex<Vec<String>>>);
///
/// impl Hook for Audit {
///     fn before(&self, attempt: &Attempt<'_>, headers: &mut ExtraHeaders) {
///         let _ = headers.insert("X-Attempt", &attempt.number.to_string());
///     }
///
///     fn after(&self, attempt: &Attempt<'_>, report: &AttemptReport) {
///         self.0.lock().unwrap().push(format!("{} {}: {report}", attempt.method, attempt.path));
///     }
/// }
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = flowlix_sandbox::Sandbox::start().await?;
/// # let audit = Audit::default();
/// let flowlix = Flowlix::builder(sandbox.key(flowlix_sandbox::Dialect::Uppercase))
///     .base_url(sandbox.base_url())
///     .hook(audit.clone())
///     .build()?;
/// # let card = CardDetails::new("4111111111111111", 12, 2030, "314", "Jenny Rosen");
/// flowlix.payments().create_direct(Money::eur(49_99), card).await?;
/// assert!(audit.0.lock().unwrap()[0].starts_with("POST /v1/payments: attempt 1: HTTP 201"));
/// # assert_eq!(sandbox.requests()[0].header("x-attempt"), Some("1"));
/// # Ok(())
/// # }
/// ```
pub trait Hook: Send + Sync {
    /// Before an attempt is sent. `headers` begins empty for each attempt; what is inserted is sent with this
    /// attempt alone and comes before a header of the same name that the call brought. When the hooks have taken
    /// all the time that the call had left, the attempt is not sent, and not reported to `after`.
    fn before(&self, attempt: &Attempt<'_>, headers: &mut ExtraHeaders) {
        let _ = (attempt, headers);
    }

    /// After an attempt, with the decision that follows it. Not called when the call's future is dropped while
    /// the attempt is under way.
    fn after(&self, attempt: &Attempt<'_>, report: &AttemptReport) {
        let _ = (attempt, report);
    }
}

/// One attempt of a call, as a [`Hook`] sees it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Attempt<'a> {
    /// What is asked of Flowlix.
    pub operation: Operation,
    /// The dialect that is spoken.
    pub dialect: Dialect,
    /// Whether real money moves.
    pub mode: Mode,
    /// 1 for the first.
    pub number: u32,
    /// `GET` or `POST`.
    pub method: &'a str,
    /// The path, with names in place of ids, such as `/v1/payments/{id}`.
    pub path: &'static str,
    /// The key of a write.
    pub idempotency_key: Option<&'a IdempotencyKey>,
    /// Time that the call has left.
    pub time_left: Duration,
    pub(crate) headers: Headers<'a>,
}

impl Attempt<'_> {
    /// The headers that will be sent, by name and value, in lower case; secrets, and what callers added, read
    /// `[redacted]`. What the HTTP client adds underneath (`Host`, `Content-Length`) is not among them, nor is
    /// what hooks add.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.0.iter().map(|(name, value)| {
            let shown = value.to_str().ok().filter(|_| !value.is_sensitive());
            (name.as_str(), shown.unwrap_or("[redacted]"))
        })
    }
}

/// Shows names alone.
#[derive(Clone, Copy)]
pub(crate) struct Headers<'a>(pub(crate) &'a HeaderMap);

impl std::fmt::Debug for Headers<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
