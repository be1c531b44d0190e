//! The application's journal, called so that its panics are errors and cannot lose an answer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::error::JournalError;
use super::record::{Record, RecordId, Scope, Unsettled};
use super::store::{Journal, JournalFuture, SECRET_LENGTH};

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
    let work = catch_unwind(AssertUnwindSafe(call)).ok();
    Box::pin(Work { method, work })
}

/// What a method is doing; nothing, where it panicked before it had begun.
struct Work<'a, T> {
    method: &'static str,
    work: Option<JournalFuture<'a, T>>,
}

impl<T> Future for Work<'_, T> {
    type Output = Result<T, JournalError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let work = self.work.as_mut();
        let polled = work.map(|work| {
            let poll = AssertUnwindSafe(|| work.as_mut().poll(context));
            catch_unwind(poll).ok()
        });
        // The panic's own words may hold what the record holds.
        polled.flatten().unwrap_or_else(|| {
            Poll::Ready(Err(JournalError::new(format!(
                "the journal panicked in {}(); the message of the panic tells what to mend",
                self.method
            ))))
        })
    }
}

impl<T> Drop for Work<'_, T> {
    fn drop(&mut self) {
        // One that hangs is given up with an answer at hand, which its end must not cost.
        let work = AssertUnwindSafe(self.work.take());
        let _: Result<(), _> = catch_unwind(|| drop(work));
    }
}
