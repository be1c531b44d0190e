//! One process polls for all: two would ask Flowlix twice.

use crate::intents::protocol::report::Lease;
use crate::intents::protocol::rules::Millis;
use crate::intents::session::Shared;
use crate::intents::store::StoreError;

/// How long a process that has died keeps the others from its work.
pub(super) const LEASE: Millis = 30_000;

/// The lease of polling with one API key, as this process sees it.
pub(super) struct PollerLease {
    expires_at: Millis,
}

impl PollerLease {
    pub(super) fn none() -> Self {
        Self {
            expires_at: Millis::MIN,
        }
    }

    /// Takes the lease, or keeps it; `false` while another process has it.
    pub(super) async fn take(&mut self, shared: &Shared, owner: &str) -> Result<bool, StoreError> {
        let now = shared.now();
        // Renewed when half of it is over.
        if self.expires_at.saturating_sub(now) > LEASE / 2 {
            return Ok(true);
        }
        let lease = Lease {
            owner: owner.to_owned(),
            expires_at: now.saturating_add(LEASE),
        };
        let has_it = shared
            .records
            .take_lease(&shared.credential, &lease, now)
            .await?;
        self.expires_at = if has_it {
            lease.expires_at
        } else {
            Millis::MIN
        };
        Ok(has_it)
    }

    /// Gives the lease up, so that another process need not wait. A store that fails here fails nothing.
    pub(super) async fn give_up(&mut self, shared: &Shared, owner: &str) {
        let now = shared.now();
        if self.expires_at > now {
            let lease = Lease {
                owner: owner.to_owned(),
                expires_at: now,
            };
            let _: Result<bool, StoreError> = shared
                .records
                .take_lease(&shared.credential, &lease, now)
                .await;
        }
        self.expires_at = Millis::MIN;
    }
}
