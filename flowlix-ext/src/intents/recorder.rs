//! Records each request before it leaves, and what became of the one before.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::protocol::record::Record;
use super::protocol::rules::Millis;
use super::records::{Kept, MOST_RACES, Records, Stored, too_many_races};
use super::store::StoreError;
use crate::call::decision::Situation;
use crate::call::send_log::{Begin, SendLog};
use crate::client::Flowlix;
use crate::journal::fingerprint::hex;
use crate::runtime::{millis, moment, span_millis};

/// A send that is about to be recorded.
pub(super) struct NewSend {
    pub(super) token: String,
    pub(super) now: Millis,
    pub(super) deadline: Millis,
    /// The call has sent this request before.
    pub(super) is_repeat: bool,
}

/// Adds a send to a record, if the record allows it, and says by when it has to leave.
pub(super) type BeginSend = Box<dyn Fn(&mut Record, &NewSend) -> Option<Millis> + Send + Sync>;
/// Adds to a record what a request has come to; `None` when it was not sent.
pub(super) type EndSend = Box<dyn Fn(&mut Record, &str, Option<Situation>, Millis) + Send + Sync>;

/// The log of one call's requests.
pub(super) struct SendRecorder {
    flowlix: Flowlix,
    records: Records,
    begin: BeginSend,
    end: EndSend,
    state: Mutex<State>,
}

struct State {
    kept: Kept,
    /// The last recorded send, and what it came to.
    last: Option<Sent>,
    /// The deadline of a send that was recorded before the call began.
    begun: Option<Millis>,
    /// Every send of the call.
    tokens: Vec<String>,
    /// Why the next request must not be sent.
    stopped: Option<Stopped>,
}

/// A send that was recorded.
#[derive(Clone)]
pub(super) struct Sent {
    pub(super) token: String,
    /// `None` while its answer is awaited.
    pub(super) end: Option<Option<Situation>>,
}

/// Why a call sends nothing more.
#[derive(Clone)]
pub(super) enum Stopped {
    /// The record does not allow it any more.
    Forbidden,
    Store(StoreError),
}

/// What a call has left behind.
pub(super) struct Ended {
    pub(super) kept: Kept,
    pub(super) last: Option<Sent>,
    pub(super) tokens: Vec<String>,
    pub(super) stopped: Option<Stopped>,
}

impl SendRecorder {
    pub(super) fn new(
        flowlix: Flowlix,
        records: Records,
        kept: Kept,
        begin: BeginSend,
        end: EndSend,
    ) -> Arc<Self> {
        let state = State {
            kept,
            last: None,
            begun: None,
            tokens: Vec::new(),
            stopped: None,
        };
        Arc::new(Self {
            flowlix,
            records,
            begin,
            end,
            state: Mutex::new(state),
        })
    }

    /// Records the first request before the call begins, so that a lost race makes no call that failed.
    pub(super) async fn begin_first(&self, limit: Duration) -> Result<(), Stopped> {
        let deadline = self.record(limit).await?;
        self.state().begun = Some(deadline);
        Ok(())
    }

    /// How the call's requests and the record stand.
    pub(super) fn ended(&self) -> Ended {
        let state = self.state();
        Ended {
            kept: state.kept.clone(),
            last: state.last.clone(),
            tokens: state.tokens.clone(),
            stopped: state.stopped.clone(),
        }
    }

    // A poisoned lock means that a thread panicked while it held plain values; each is whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn record(&self, limit: Duration) -> Result<Millis, Stopped> {
        let (mut kept, last) = {
            let state = self.state();
            (state.kept.clone(), state.last.clone())
        };
        let token = token().map_err(Stopped::Store)?;
        for _ in 0..MOST_RACES {
            let now = millis(self.flowlix.now());
            let send = NewSend {
                token: token.clone(),
                now,
                deadline: now.saturating_add(span_millis(limit)),
                is_repeat: last.is_some(),
            };
            let mut record = kept.record.clone();
            if let Some(Sent {
                token,
                end: Some(end),
            }) = &last
            {
                (self.end)(&mut record, token, *end, now);
            }
            let Some(deadline) = (self.begin)(&mut record, &send) else {
                self.state().kept = kept;
                return Err(Stopped::Forbidden);
            };
            if let Some(ahead) = self.flowlix.seconds_ahead() {
                record.clock_known(std::slice::from_ref(&token), ahead.saturating_mul(1000));
            }
            match self
                .records
                .replace(&mut kept, record)
                .await
                .map_err(Stopped::Store)?
            {
                Stored::Done => {
                    let mut state = self.state();
                    state.kept = kept;
                    state.tokens.push(token.clone());
                    state.last = Some(Sent { token, end: None });
                    return Ok(deadline);
                }
                // The first send of a call is decided anew; a repeat only needs to be allowed still.
                Stored::Conflict(held) if last.is_none() => {
                    self.state().kept = *held;
                    return Err(Stopped::Forbidden);
                }
                Stored::Conflict(held) => kept = *held,
            }
        }
        Err(Stopped::Store(too_many_races()))
    }
}

/// A name that no other process uses: of a send, or of a worker.
pub(super) fn token() -> Result<String, StoreError> {
    let mut bytes = [0_u8; 8];
    // Tokens tell processes apart, so that a test's clock must not make two alike.
    getrandom::getrandom(&mut bytes).map_err(|_| StoreError::new("no randomness for a name"))?;
    Ok(hex(&bytes))
}

impl SendLog for SendRecorder {
    fn begin(&self, limit: Duration) -> Begin<'_> {
        Box::pin(async move {
            let begun = self.state().begun.take();
            let recorded = match begun {
                Some(deadline) => Ok(deadline),
                None => self.record(limit).await,
            };
            match recorded {
                Ok(deadline) => Some(moment(deadline)),
                Err(stopped) => {
                    self.state().stopped = Some(stopped);
                    None
                }
            }
        })
    }

    fn end(&self, situation: Option<Situation>) {
        let mut state = self.state();
        if state.stopped.is_some() {
            return;
        }
        if let Some(last) = state.last.as_mut().filter(|last| last.end.is_none()) {
            last.end = Some(situation);
        }
    }
}
