//! A user's store, called so that its panics are errors and its silence ends.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::{
    IntentStore, RecordId, ScanCursor, Scope, StoreError, StoreFuture, StoredRecord, Swap,
};
use crate::call::engine::within;
use crate::runtime::{Runtime, SleepPurpose};

/// A store whose panics are errors.
pub(crate) struct CatchPanics(pub(crate) Arc<dyn IntentStore>);

impl IntentStore for CatchPanics {
    fn load<'a>(&'a self, id: &'a RecordId) -> StoreFuture<'a, Option<StoredRecord>> {
        catch_panics(|| self.0.load(id), || panicked("load"))
    }

    fn compare_and_set<'a>(&'a self, record: &'a StoredRecord) -> StoreFuture<'a, Swap> {
        catch_panics(
            || self.0.compare_and_set(record),
            || panicked("compare_and_set"),
        )
    }

    fn due<'a>(
        &'a self,
        scope: &'a Scope,
        until: i64,
        after: Option<&'a ScanCursor>,
        limit: u32,
    ) -> StoreFuture<'a, Vec<StoredRecord>> {
        catch_panics(
            || self.0.due(scope, until, after, limit),
            || panicked("due"),
        )
    }

    fn in_state<'a>(
        &'a self,
        scope: &'a Scope,
        state: &'a str,
        after: Option<&'a ScanCursor>,
        limit: u32,
    ) -> StoreFuture<'a, Vec<StoredRecord>> {
        catch_panics(
            || self.0.in_state(scope, state, after, limit),
            || panicked("in_state"),
        )
    }

    fn delete<'a>(&'a self, id: &'a RecordId, version: u64) -> StoreFuture<'a, bool> {
        catch_panics(|| self.0.delete(id, version), || panicked("delete"))
    }
}

/// The panic's own words may hold what the record holds.
fn panicked(method: &str) -> StoreError {
    StoreError::new(format!(
        "the store panicked in {method}(); the message of the panic says where"
    ))
}

/// What the store answers, or an error when it does not answer in time.
pub(crate) async fn in_time<T>(
    runtime: &dyn Runtime,
    limit: Duration,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    in_time_or(runtime, limit, work, || {
        StoreError::new("the store did not answer in time")
    })
    .await
}

/// The result of the work, or this error when the limit comes first.
pub(crate) async fn in_time_or<T, E>(
    runtime: &dyn Runtime,
    limit: Duration,
    work: impl Future<Output = Result<T, E>>,
    late: impl FnOnce() -> E,
) -> Result<T, E> {
    let limit = runtime.sleep(limit, SleepPurpose::Timeout);
    within(work, limit).await.unwrap_or_else(|| Err(late()))
}

type Work<'a, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>>;

/// The result of the call, or this error when the call or its future panics.
pub(crate) fn catch_panics<'a, T: 'a, E: 'a>(
    call: impl FnOnce() -> Work<'a, T, E>,
    panicked: impl Fn() -> E + Send + Unpin + 'a,
) -> Work<'a, T, E> {
    let work = catch_unwind(AssertUnwindSafe(call)).ok();
    Box::pin(Caught { work, panicked })
}

/// A call under way; no work where the call panicked before it had begun.
struct Caught<'a, T, E, P> {
    work: Option<Work<'a, T, E>>,
    panicked: P,
}

impl<T, E, P: Fn() -> E + Unpin> Future for Caught<'_, T, E, P> {
    type Output = Result<T, E>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let work = self.work.as_mut();
        let polled = work.and_then(|work| {
            let poll = AssertUnwindSafe(|| work.as_mut().poll(context));
            catch_unwind(poll).ok()
        });
        polled.unwrap_or_else(|| Poll::Ready(Err((self.panicked)())))
    }
}

impl<T, E, P> Drop for Caught<'_, T, E, P> {
    fn drop(&mut self) {
        // Work that hangs is given up with an answer at hand; its end must not cost the answer.
        let work = AssertUnwindSafe(self.work.take());
        let _: Result<(), _> = catch_unwind(|| drop(work));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::key::Mode;
    use crate::testing::ManualTime;

    /// Panics where it is told to, with a secret in its words.
    struct Panicking(Place);

    #[derive(Clone, Copy)]
    enum Place {
        Calling,
        Polling,
        Dropping,
    }

    struct PanicsWhenDropped;

    impl Drop for PanicsWhenDropped {
        fn drop(&mut self) {
            panic!("4111111111111111");
        }
    }

    impl Panicking {
        fn work<T: Send + 'static>(&self) -> StoreFuture<'static, T> {
            match self.0 {
                Place::Calling => panic!("4111111111111111"),
                Place::Polling => Box::pin(async { panic!("4111111111111111") }),
                Place::Dropping => {
                    let ending = PanicsWhenDropped;
                    Box::pin(async move {
                        std::future::pending::<()>().await;
                        drop(ending);
                        Err(StoreError::new("never"))
                    })
                }
            }
        }
    }

    impl IntentStore for Panicking {
        fn load<'a>(&'a self, _: &'a RecordId) -> StoreFuture<'a, Option<StoredRecord>> {
            self.work()
        }
        fn compare_and_set<'a>(&'a self, _: &'a StoredRecord) -> StoreFuture<'a, Swap> {
            self.work()
        }
        fn due<'a>(
            &'a self,
            _: &'a Scope,
            _: i64,
            _: Option<&'a ScanCursor>,
            _: u32,
        ) -> StoreFuture<'a, Vec<StoredRecord>> {
            self.work()
        }
        fn in_state<'a>(
            &'a self,
            _: &'a Scope,
            _: &'a str,
            _: Option<&'a ScanCursor>,
            _: u32,
        ) -> StoreFuture<'a, Vec<StoredRecord>> {
            self.work()
        }
        fn delete<'a>(&'a self, _: &'a RecordId, _: u64) -> StoreFuture<'a, bool> {
            self.work()
        }
    }

    #[tokio::test]
    async fn a_panic_of_a_store_is_an_error() {
        let record = StoredRecord::new(
            RecordId::new(Scope::new("shop", Mode::Test), "k"),
            1,
            "created",
            None,
            0,
            Vec::new(),
        );
        for place in [Place::Calling, Place::Polling] {
            let store = CatchPanics(Arc::new(Panicking(place)));
            let errors = [
                ("load", store.load(&record.id).await.unwrap_err()),
                (
                    "compare_and_set",
                    store.compare_and_set(&record).await.unwrap_err(),
                ),
                (
                    "due",
                    store.due(&record.id.scope, 0, None, 1).await.unwrap_err(),
                ),
                (
                    "in_state",
                    store
                        .in_state(&record.id.scope, "paid", None, 1)
                        .await
                        .unwrap_err(),
                ),
                ("delete", store.delete(&record.id, 1).await.unwrap_err()),
            ];
            for (method, error) in errors {
                let expected = format!(
                    "the store panicked in {method}(); the message of the panic says where"
                );
                assert_eq!(error.to_string(), expected);
            }
        }
    }

    #[tokio::test]
    async fn a_store_that_hangs_is_given_up_in_time() {
        let store = CatchPanics(Arc::new(Panicking(Place::Dropping)));
        let id = RecordId::new(Scope::new("shop", Mode::Test), "k");
        let time = ManualTime::stepped();
        let limit = Duration::from_secs(5);
        let waiting = in_time(&time, limit, store.load(&id));
        let passing = async { time.advance(limit) };
        let (error, ()) = tokio::join!(waiting, passing);
        let error = error.unwrap_err();
        assert_eq!(error.to_string(), "the store did not answer in time");

        let answer = in_time(&time, limit, async { Ok(7) }).await.unwrap();
        assert_eq!(answer, 7);
    }
}
