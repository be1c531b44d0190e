//! What a client remembers of the key that it sends: without a journal all that is known of it, with one its age.

use std::sync::Arc;

use crate::call::engine::Call;
use crate::client::Flowlix;
use crate::error::Error;
use crate::idempotency::IdempotencyKey;
use crate::reply::Reply;

/// Sends a write under a key that other calls may use too.
pub(super) async fn send<T, F>(
    client: &Flowlix,
    call: Arc<Call>,
    send: impl FnOnce(Arc<Call>) -> F,
) -> Result<Reply<T>, Error>
where
    F: Future<Output = Result<Reply<T>, Error>>,
{
    let (result, others) = remembered(client, call, send).await;
    result.map_err(|error| {
        if others && !error.may_have_taken_effect() {
            error.in_doubt()
        } else {
            error
        }
    })
}

/// Sends a write, remembers its key, and says whether another call may have been, or may still be, carried out under
/// that.
pub(super) async fn remembered<T, F>(
    client: &Flowlix,
    call: Arc<Call>,
    send: impl FnOnce(Arc<Call>) -> F,
) -> (Result<Reply<T>, Error>, bool)
where
    F: Future<Output = Result<Reply<T>, Error>>,
{
    let in_use = InUse::begin(client, call.clone());
    let result = send(call).await;
    let error = result.as_ref().err();
    let others = in_use.end(error.is_none_or(Error::may_have_taken_effect));
    (result, others)
}

/// A key while a call uses it.
struct InUse<'a> {
    client: &'a Flowlix,
    call: Arc<Call>,
    is_over: bool,
}

impl<'a> InUse<'a> {
    fn begin(client: &'a Flowlix, call: Arc<Call>) -> Self {
        if let Some(key) = call.key() {
            client.used_keys().begin(key, client.runtime());
        }
        Self {
            client,
            call,
            is_over: false,
        }
    }

    /// Whether another call may have been, or may still be, carried out under the key.
    fn end(mut self, may_have_acted: bool) -> bool {
        self.is_over = true;
        self.note_end(may_have_acted)
    }

    fn note_end(&self, may_have_acted: bool) -> bool {
        let end = |key: &IdempotencyKey| self.client.used_keys().end(key, may_have_acted);
        self.call.key().is_some_and(end)
    }
}

/// The call's future was dropped before its end.
impl Drop for InUse<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.note_end(self.call.may_have_acted());
        }
    }
}
