//! The application's journal, called so that its panics are errors and cannot lose an answer.

use std::sync::Arc;

use super::error::JournalError;
use super::record::{Record, RecordId, Scope, Unsettled};
use super::store::{Journal, JournalFuture, SECRET_LENGTH};
use crate::intents::store::catch_panics;

/// A journal whose panics are errors.
pub(super) struct Guarded(pub(super) Arc<dyn Journal>);

impl Journal for Guarded {
    fn secret(&self, proposal: [u8; SECRET_LENGTH]) -> JournalFuture<'_, [u8; SECRET_LENGTH]> {
        guarded("secret", || self.0.secret(proposal))
    }

    fn load<'a>(&'a self, id: &'a RecordId) -> JournalFuture<'a, Option<Record>> {
        guarded("load", || self.0.load(id))
    }

    fn store<'a>(&'a self, record: &'a Record) -> JournalFuture<'a, bool> {
        guarded("store", || self.0.store(record))
    }

    fn unsettled<'a>(
        &'a self,
        scope: &'a Scope,
        after: Option<&'a RecordId>,
        limit: u32,
    ) -> JournalFuture<'a, Vec<Unsettled>> {
        guarded("unsettled", || self.0.unsettled(scope, after, limit))
    }

    fn prune<'a>(&'a self, scope: &'a Scope, changed_before: i64) -> JournalFuture<'a, u64> {
        guarded("prune", || self.0.prune(scope, changed_before))
    }
}

fn guarded<'a, T: 'a>(
    method: &'static str,
    call: impl FnOnce() -> JournalFuture<'a, T>,
) -> JournalFuture<'a, T> {
    // The panic's own words may hold what the record holds.
    catch_panics(call, move || {
        JournalError::new(format!(
            "the journal panicked in {method}(); the message of the panic tells what to mend"
        ))
    })
}
