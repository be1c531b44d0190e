//! Idempotency keys: who runs, who waits, who gets the stored answer.

use std::collections::HashMap;
use std::fmt;

use super::auth::Caller;
use super::error::ApiError;
use super::route::Operation;
use crate::dialect::Dialect;

/// How long a stored answer lives. Flowlix cleans up hourly, so there an entry can outlive this
/// by up to an hour; the sandbox forgets at the exact second.
pub(crate) const LIFETIME: i64 = 24 * 60 * 60;

/// The scope of a key: the API key, and in the uppercase dialect also the operation type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Scope {
    caller: Caller,
    operation: Option<Operation>,
    key: String,
}

impl Scope {
    pub(crate) fn new(caller: Caller, operation: Operation, key: &str) -> Self {
        Self {
            caller,
            operation: (caller.dialect() == Dialect::Uppercase).then_some(operation),
            key: key.to_owned(),
        }
    }

    pub(crate) fn key(&self) -> &str {
        &self.key
    }
}

#[derive(Debug, Default)]
pub(crate) struct Idempotency {
    entries: HashMap<Scope, Entry>,
}

struct Entry {
    body: Vec<u8>,
    stored: Option<Stored>,
}

/// Without the body, which holds the card.
impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("stored", &self.stored)
            .finish_non_exhaustive()
    }
}

/// An answer that is kept for its replays.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) status: u16,
    pub(crate) body: String,
    at: i64,
}

#[derive(Debug)]
pub(crate) enum Claim {
    /// The key is new: run the request, then [`Idempotency::store`] or [`Idempotency::release`].
    Run,
    /// The same request was answered before.
    Replay(Stored),
}

impl Idempotency {
    pub(crate) fn claim(
        &mut self,
        scope: &Scope,
        body: &[u8],
        now: i64,
    ) -> Result<Claim, ApiError> {
        let expired = self
            .entries
            .get(scope)
            .and_then(|entry| entry.stored.as_ref())
            .is_some_and(|stored| now >= stored.at.saturating_add(LIFETIME));
        if expired {
            self.entries.remove(scope);
        }
        match self.entries.get(scope) {
            None => {
                let entry = Entry {
                    body: body.to_vec(),
                    stored: None,
                };
                self.entries.insert(scope.clone(), entry);
                Ok(Claim::Run)
            }
            Some(entry) if entry.body != body => Err(ApiError::key_reused()),
            Some(Entry { stored: None, .. }) => Err(ApiError::in_flight()),
            Some(Entry {
                stored: Some(stored),
                ..
            }) => Ok(Claim::Replay(stored.clone())),
        }
    }

    /// The claimed request is done: its answer is kept.
    pub(crate) fn store(&mut self, scope: &Scope, status: u16, body: String, now: i64) {
        if let Some(entry) = self.entries.get_mut(scope) {
            entry.stored = Some(Stored {
                status,
                body,
                at: now,
            });
        }
    }

    /// The claimed request is done: nothing is kept, the key runs again.
    pub(crate) fn release(&mut self, scope: &Scope) {
        self.entries.remove(scope);
    }
}
