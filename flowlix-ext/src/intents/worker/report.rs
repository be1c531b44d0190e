//! Calling the handler: in order, under a lease, until it has taken a change.

use std::fmt::Display;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::change::IntentChange;
use super::lease::LEASE;
use crate::failure::text::one_line;
use crate::intents::protocol::record::Record;
use crate::intents::records::Kept;
use crate::intents::session::Shared;
use crate::intents::store::{StoreError, catch_panics};
use crate::runtime::SleepPurpose;

type Handling = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;
pub(super) type Handler = Arc<dyn Fn(IntentChange) -> Handling + Send + Sync>;

/// A handler whose failures are lines of text.
pub(super) fn handler<H, F, E>(handler: H) -> Handler
where
    H: Fn(IntentChange) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: Display,
{
    Arc::new(move |change| {
        let handling = handler(change);
        Box::pin(async move { handling.await.map_err(|error| one_line(&error.to_string())) })
    })
}

/// What reporting one intent's changes has come to.
#[derive(Debug, Default)]
pub(super) struct Delivered {
    pub(super) reported: u64,
    pub(super) has_failed: bool,
}

/// Reports the changes of one intent, the oldest first, until the handler fails. Nothing is done where another process
/// has the lease.
pub(super) async fn deliver(
    shared: Arc<Shared>,
    key: String,
    handler: Handler,
    owner: String,
) -> Result<Delivered, StoreError> {
    let mut delivered = Delivered::default();
    let Some(mut kept) = shared.records.load_key(&key).await? else {
        return Ok(delivered);
    };
    if !claim(&shared, &mut kept, &owner).await? {
        return Ok(delivered);
    }
    let record = kept.record.clone();
    let mut taken = record.acknowledged;
    for change in record.unreported() {
        let told = IntentChange::new(&record, change, &shared.rules);
        let handling = catch_panics(|| handler(told), || "the handler panicked".to_owned());
        match renewing(&shared, &mut kept, &owner, handling).await {
            Ok(()) => {
                taken = change.sequence;
                delivered.reported = delivered.reported.saturating_add(1);
            }
            Err(error) => {
                let (reference, sequence) = (one_line(&record.reference), change.sequence);
                tracing::warn!(%reference, sequence, %error, "the handler did not take a change");
                delivered.has_failed = true;
                break;
            }
        }
    }
    let (now, has_failed) = (shared.now(), delivered.has_failed);
    let end = |record: &mut Record| record.reported(&owner, taken, has_failed, now);
    shared.records.change(&mut kept, end).await?;
    Ok(delivered)
}

/// Takes the lease of reporting; `false` when another process has it, or the handler is to be called later.
async fn claim(shared: &Shared, kept: &mut Kept, owner: &str) -> Result<bool, StoreError> {
    let now = shared.now();
    let expires_at = now.saturating_add(LEASE);
    // Where the lease cannot be taken, nothing changes, and nothing is written.
    let claim = |record: &mut Record| {
        record.claim_report(owner, now, expires_at);
    };
    shared.records.change(kept, claim).await?;
    Ok(kept.record.is_reported_by(owner, expires_at))
}

/// Waits for the handler, and keeps the lease meanwhile.
async fn renewing(
    shared: &Shared,
    kept: &mut Kept,
    owner: &str,
    mut handling: Handling,
) -> Result<(), String> {
    let half = Duration::from_millis(u64::try_from(LEASE / 2).unwrap_or_default());
    loop {
        let mut limit = shared.flowlix.runtime().sleep(half, SleepPurpose::Timeout);
        let done = std::future::poll_fn(|context| match handling.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending => limit.as_mut().poll(context).map(|()| None),
        });
        if let Some(done) = done.await {
            return done;
        }
        let expires_at = shared.now().saturating_add(LEASE);
        let renew = |record: &mut Record| {
            record.renew_report(owner, expires_at);
        };
        // Where the store fails, the lease may end: then the change is reported twice.
        let _: Result<(), StoreError> = shared.records.change(kept, renew).await;
    }
}
