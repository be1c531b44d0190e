//! Reporting changes to a handler: who does it, in which order, and when again after a failure.

use serde::{Deserialize, Serialize};

use super::record::{Change, Record};
use super::rules::Millis;

/// The pause after the first failure of a handler; it doubles with each failure in a row.
const FIRST_PAUSE: Millis = 1_000;
/// The longest pause.
const LONGEST_PAUSE: Millis = 600_000;

/// How reporting the changes of one intent stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Reporting {
    /// The process that calls the handler now.
    lease: Option<Lease>,
    /// How often the handler has failed in a row.
    failures: u32,
    /// When the handler is called again.
    not_before: Option<Millis>,
}

/// Only its owner calls the handler, until it expires.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Lease {
    pub(crate) owner: String,
    pub(crate) expires_at: Millis,
}

impl Lease {
    /// Whether this owner may take or keep a lease.
    pub(crate) fn is_free(lease: Option<&Self>, owner: &str, now: Millis) -> bool {
        lease.is_none_or(|lease| lease.owner == owner || now >= lease.expires_at)
    }
}

impl Reporting {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Record {
    /// The changes that no handler has taken, the oldest first.
    pub(crate) fn unreported(&self) -> impl Iterator<Item = &Change> {
        let acknowledged = self.acknowledged;
        self.changes
            .iter()
            .filter(move |change| change.sequence > acknowledged)
    }

    /// From when on a process may call the handler; `None` when no change is unreported.
    pub(crate) fn report_at(&self) -> Option<Millis> {
        self.unreported().next()?;
        let reporting = &self.reporting;
        let lease = reporting.lease.as_ref().map(|lease| lease.expires_at);
        Some(lease.max(reporting.not_before).unwrap_or(Millis::MIN))
    }

    /// Takes the lease, if changes are unreported and no other process has it.
    pub(crate) fn claim_report(&mut self, owner: &str, now: Millis, expires_at: Millis) -> bool {
        let is_time = self.reporting.not_before.is_none_or(|at| now >= at);
        let lease = self.reporting.lease.as_ref();
        let may =
            is_time && Lease::is_free(lease, owner, now) && self.unreported().next().is_some();
        if may {
            self.reporting.lease = Some(Lease {
                owner: owner.to_owned(),
                expires_at,
            });
        }
        may
    }

    /// Whether this owner has this very lease.
    pub(crate) fn is_reported_by(&self, owner: &str, expires_at: Millis) -> bool {
        let lease = self.reporting.lease.as_ref();
        lease.is_some_and(|lease| lease.owner == owner && lease.expires_at == expires_at)
    }

    /// Keeps the lease while the handler is at work, if it is still this owner's.
    pub(crate) fn renew_report(&mut self, owner: &str, expires_at: Millis) {
        let lease = self.reporting.lease.as_mut();
        if let Some(lease) = lease.filter(|lease| lease.owner == owner) {
            lease.expires_at = expires_at;
        }
    }

    /// The handler has taken every change up to this one, and then failed or not.
    pub(crate) fn reported(&mut self, owner: &str, sequence: u64, has_failed: bool, now: Millis) {
        let before = self.acknowledged;
        self.acknowledge(sequence);
        let reporting = &mut self.reporting;
        reporting.lease.take_if(|lease| lease.owner == owner);
        if has_failed {
            // A change that was taken in between shows that the handler works.
            let failures = if sequence > before {
                0
            } else {
                reporting.failures
            };
            let pause = FIRST_PAUSE.saturating_mul(1_i64.checked_shl(failures).unwrap_or(i64::MAX));
            reporting.failures = failures.saturating_add(1).min(32);
            reporting.not_before = Some(now.saturating_add(pause.clamp(0, LONGEST_PAUSE)));
        } else {
            reporting.failures = 0;
            reporting.not_before = None;
        }
    }
}
