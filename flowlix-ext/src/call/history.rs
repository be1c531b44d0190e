//! What happened in a call, attempt by attempt: for support, logs and the curious.

use std::fmt;
use std::time::Duration;

use super::decision::{RULES, Situation};

/// One attempt and the decision that followed. Holds no secret, no body and no header but the request id.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AttemptReport {
    /// 1 for the first.
    pub number: u32,
    /// Which rule of the [decision table](super::decision) applied.
    pub situation: Situation,
    /// The HTTP status, when an answer arrived.
    pub status: Option<u16>,
    /// Flowlix's id of the request, when an answer arrived.
    pub request_id: Option<String>,
    /// How long the attempt took.
    pub took: Duration,
    /// How long the attempt was held back first, to stay below the rate limit.
    pub waited: Duration,
    /// Time that the call had left after it.
    pub time_left: Duration,
    /// What followed.
    pub next: Next,
}

impl AttemptReport {
    /// Why the decision was taken, in the words of the decision table.
    #[must_use]
    pub fn why(&self) -> &'static str {
        RULES
            .iter()
            .find(|rule| rule.situation == self.situation)
            .map_or("", |rule| rule.why)
    }
}

impl fmt::Display for AttemptReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "attempt {}: ", self.number)?;
        if !self.waited.is_zero() {
            write!(f, "held back for {}, then ", Seconds(self.waited))?;
        }
        match self.status {
            Some(status) => write!(f, "HTTP {status}")?,
            None => write!(f, "no answer")?,
        }
        if let Some(id) = &self.request_id {
            write!(f, " [{id}]")?;
        }
        write!(
            f,
            " after {}, {}: {}",
            Seconds(self.took),
            self.next,
            self.why()
        )
    }
}

/// What follows an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Next {
    /// The call succeeded.
    Done,
    /// The same bytes are sent again after this pause.
    Again {
        /// How long the call pauses first.
        pause: Duration,
    },
    /// The call ended here.
    Stop(StopReason),
}

impl fmt::Display for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("done"),
            Self::Again { pause } => write!(f, "again in {}", Seconds(*pause)),
            Self::Stop(reason) => write!(f, "stop ({reason})"),
        }
    }
}

/// Why a call was not tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StopReason {
    /// The decision table says that sending again would not help or would not be safe.
    Final,
    /// All attempts are used.
    Attempts {
        /// The limit.
        limit: u32,
    },
    /// The next attempt would begin after the deadline.
    Deadline {
        /// The pause that would have been needed.
        needed: Duration,
        /// The time that was left.
        left: Duration,
    },
    /// The retry budget that all clones share is empty.
    Budget,
    /// The idempotency key is too old to protect another attempt.
    KeyAge,
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Final => f.write_str("no retry would help"),
            Self::Attempts { limit: 1 } => f.write_str("limit of 1 attempt reached"),
            Self::Attempts { limit } => write!(f, "limit of {limit} attempts reached"),
            Self::Deadline { needed, left } => {
                write!(
                    f,
                    "next attempt due in {}, {} left",
                    Seconds(*needed),
                    Seconds(*left)
                )
            }
            Self::Budget => f.write_str("retry budget empty"),
            Self::KeyAge => f.write_str("idempotency key 23 hours old"),
        }
    }
}

/// A duration as people read it: `0.25 s`, `12.0 s`.
pub(crate) struct Seconds(pub(crate) Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        if seconds < 1.0 {
            write!(f, "{seconds:.2} s")
        } else {
            write!(f, "{seconds:.1} s")
        }
    }
}
