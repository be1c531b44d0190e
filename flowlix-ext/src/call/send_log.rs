//! Who must know of each request before it leaves.

use std::pin::Pin;
use std::time::{Duration, SystemTime};

use super::decision::Situation;

/// What [`SendLog::begin`] returns.
pub(crate) type Begin<'a> = Pin<Box<dyn Future<Output = Option<SystemTime>> + Send + 'a>>;

/// Records every request of a call, repeats included, before it is written to the socket.
pub(crate) trait SendLog: Send + Sync {
    /// Records the next request, which is to be answered within `limit`. Returns the last moment at which it may be
    /// written, or `None` when it must not be sent: then the call ends.
    fn begin(&self, limit: Duration) -> Begin<'_>;

    /// What the request has come to; `None` when it was not sent after all.
    fn end(&self, situation: Option<Situation>);
}
