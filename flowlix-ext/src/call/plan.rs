//! What follows an attempt, and when: the [decision table](super::decision) together with what is left of
//! attempts, time, budget and the key's life.
//!
//! The client decides with [`decide`] and with nothing else, so asking it explains what the client does, or
//! would do:
//!
//! ```
//! use std::time::Duration;
//!
//! use flowlix_ext::call::backoff::ExponentialBackoff;
//! use flowlix_ext::call::decision::{Class, Facts, Reach};
//! use flowlix_ext::call::plan::{Circumstances, decide};
//!
//! let facts = Facts {
//!     class: Class::KeyedWrite,
//!     reach: Reach::Answered,
//!     status: Some(429),
//!     error_type: Some("rate_limit_error"),
//!     message: None,
//! };
//! let mut circumstances = Circumstances::new(facts);
//! circumstances.retry_after = Some(Duration::from_secs(7));
//! let decision = decide(&circumstances, &ExponentialBackoff::default(), 0.5);
//! assert_eq!(
//!     decision.to_string(),
//!     "retry: again in 7.0 s; 60.0 s left; refused before it was looked at; Retry-After says when to come back"
//! );
//! ```
//!
//! What was decided in a call that has run stands in [`Error::history`](crate::Error::history) and
//! [`Receipt::history`](crate::Receipt::history).

use std::fmt;
use std::time::Duration;

use super::backoff::{Backoff, RetryState, twin_pause};
use super::decision::{Facts, Rule, Verdict, classify};
use super::history::{Next, Seconds, StopReason};
use super::options::{MAX_ATTEMPTS, OPERATION_TIMEOUT};
use crate::idempotency::KEY_LIFETIME;

/// What an attempt brought, and what its call has left.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Circumstances<'a> {
    /// What happened.
    pub facts: Facts<'a>,
    /// Attempts of the call that failed, this one included, and without those that met a twin.
    pub failures: u32,
    /// Attempts of the call that met a twin in flight, this one included.
    pub twins_met: u32,
    /// How many attempts may fail.
    pub max_attempts: u32,
    /// How long the call has taken.
    pub elapsed: Duration,
    /// Time that the call has left.
    pub time_left: Duration,
    /// What `Retry-After` asked for.
    pub retry_after: Option<Duration>,
    /// How long the idempotency key still protects; `None` for a call without one.
    pub key_left: Option<Duration>,
    /// Whether the retry budget has a retry left.
    pub budget_left: bool,
}

impl<'a> Circumstances<'a> {
    /// A first attempt of a call with every default, which took no time.
    #[must_use]
    pub fn new(facts: Facts<'a>) -> Self {
        Self {
            facts,
            failures: 1,
            twins_met: 1,
            max_attempts: MAX_ATTEMPTS,
            elapsed: Duration::ZERO,
            time_left: OPERATION_TIMEOUT,
            retry_after: None,
            key_left: Some(KEY_LIFETIME),
            budget_left: true,
        }
    }
}

/// What follows, and why. `Display` says it in one line.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Decision {
    /// The rule that applies.
    pub rule: &'static Rule,
    /// What the rule asks for, before attempts, time, budget and key are looked at.
    pub verdict: Verdict,
    /// What follows.
    pub next: Next,
    /// Time that the call has left.
    pub time_left: Duration,
}

impl Decision {
    /// The reason, in the words of the decision table.
    #[must_use]
    pub fn why(&self) -> &'static str {
        self.rule.why
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}; {} left; {}",
            self.verdict,
            self.next,
            Seconds(self.time_left),
            self.why()
        )
    }
}

/// Decides. `jitter` is a number in `0.0..1.0`; 1.0 shows the longest pause that the backoff may choose.
#[must_use]
pub fn decide(circumstances: &Circumstances<'_>, backoff: &dyn Backoff, jitter: f64) -> Decision {
    let rule = classify(&circumstances.facts);
    let verdict = rule.verdict(circumstances.facts.class);
    let next = match verdict {
        Verdict::Accept => Next::Done,
        Verdict::GiveUp => Next::Stop(StopReason::Final),
        Verdict::Retry => retry(circumstances, backoff, jitter),
        Verdict::WaitForTwin => {
            let pause = twin_pause(circumstances.twins_met, jitter);
            again_after(
                circumstances.retry_after.unwrap_or_default().max(pause),
                circumstances,
            )
        }
    };
    Decision {
        rule,
        verdict,
        next,
        time_left: circumstances.time_left,
    }
}

fn retry(circumstances: &Circumstances<'_>, backoff: &dyn Backoff, jitter: f64) -> Next {
    let limit = circumstances.max_attempts;
    if circumstances.failures >= limit {
        return Next::Stop(StopReason::Attempts { limit });
    }
    let state = RetryState {
        failures: circumstances.failures,
        elapsed: circumstances.elapsed,
        time_left: circumstances.time_left,
    };
    let pause = circumstances
        .retry_after
        .unwrap_or_else(|| backoff.pause(&state, jitter));
    match again_after(pause, circumstances) {
        Next::Again { .. } if !circumstances.budget_left => Next::Stop(StopReason::Budget),
        next => next,
    }
}

fn again_after(pause: Duration, circumstances: &Circumstances<'_>) -> Next {
    let left = circumstances.time_left;
    if pause >= left {
        return Next::Stop(StopReason::Deadline {
            needed: pause,
            left,
        });
    }
    if circumstances.key_left.is_some_and(|left| pause >= left) {
        return Next::Stop(StopReason::KeyAge);
    }
    Next::Again { pause }
}

#[cfg(test)]
mod tests {
    use super::super::backoff::ExponentialBackoff;
    use super::super::decision::{Class, Reach, Situation};
    use super::*;

    fn after(status: u16) -> Circumstances<'static> {
        Circumstances::new(Facts {
            class: Class::KeyedWrite,
            reach: Reach::Answered,
            status: Some(status),
            error_type: Some("some_error"),
            message: (status == 409).then_some("This request is currently being processed."),
        })
    }

    fn next(circumstances: &Circumstances<'_>) -> Next {
        decide(circumstances, &ExponentialBackoff::default(), 1.0).next
    }

    const fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn each_limit_stops_a_retry_and_says_so() {
        let good = after(503);
        let pause = Duration::from_millis(250);
        assert_eq!(next(&good), Next::Again { pause });
        for (bad, reason) in [
            (
                Circumstances {
                    failures: 4,
                    ..good
                },
                StopReason::Attempts { limit: 4 },
            ),
            (
                Circumstances {
                    time_left: pause,
                    ..good
                },
                StopReason::Deadline {
                    needed: pause,
                    left: pause,
                },
            ),
            (
                Circumstances {
                    key_left: Some(pause),
                    ..good
                },
                StopReason::KeyAge,
            ),
            (
                Circumstances {
                    budget_left: false,
                    ..good
                },
                StopReason::Budget,
            ),
        ] {
            assert_eq!(next(&bad), Next::Stop(reason));
        }
    }

    #[test]
    fn a_twin_costs_neither_attempts_nor_budget() {
        let circumstances = Circumstances {
            failures: 99,
            budget_left: false,
            ..after(409)
        };
        let pause = Duration::from_millis(500);
        assert_eq!(next(&circumstances), Next::Again { pause });
        let advised = Circumstances {
            retry_after: Some(seconds(3)),
            ..circumstances
        };
        assert_eq!(next(&advised), Next::Again { pause: seconds(3) });
        let hasty = Circumstances {
            retry_after: Some(Duration::ZERO),
            ..circumstances
        };
        assert_eq!(next(&hasty), Next::Again { pause }, "a twin is given time");
    }

    #[test]
    fn a_decision_names_its_rule_and_reason() {
        let decision = decide(&after(401), &ExponentialBackoff::default(), 0.0);
        assert_eq!(decision.rule.situation, Situation::NotAuthorized);
        assert_eq!(
            decision.to_string(),
            "give up: stop (no retry would help); 60.0 s left; the key is wrong, revoked, or of the other mode"
        );
        assert_eq!(next(&after(201)), Next::Done);
    }
}
