//! The loop of looks that every wait is made of: pause, look, remember, until the deadline.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use flowlix_api::model::{Payment, PaymentId, PaymentStatus, RefundId};

use super::state::ImpossibleJump;
use super::{Retrieve, WaitProgress};
use crate::call::options::CallOptions;
use crate::client::Flowlix;
use crate::error::Error;
use crate::failure::ErrorKind;
use crate::failure::text::{one_line, printable};
use crate::polling::{PollState, Polling};
use crate::runtime::{SleepPurpose, jitter};

/// The Direct API guide's patience.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);
/// The most that is kept back for the last look.
const LAST_LOOK: Duration = Duration::from_secs(2);
/// What the one look of a wait takes at most that is resumed after its deadline.
const LATE_LOOK: Duration = Duration::from_secs(5);

/// How a wait is meant to go.
pub(crate) struct Plan {
    pub(crate) client: Flowlix,
    pub(crate) id: PaymentId,
    pub(crate) deadline: Duration,
    pub(crate) polling: Arc<dyn Polling>,
    /// The first look is not paused for.
    pub(crate) at_once: bool,
    /// When a wait that is resumed began, Unix seconds.
    pub(crate) started_at: Option<u64>,
    pub(crate) last_status: Option<PaymentStatus>,
}

impl Plan {
    pub(crate) fn new(client: Flowlix, id: PaymentId) -> Self {
        Self {
            polling: client.polling().clone(),
            client,
            id,
            deadline: DEADLINE,
            at_once: false,
            started_at: None,
            last_status: None,
        }
    }

    /// When the wait began, or begins, Unix seconds; never in the future, whatever another machine's clock
    /// said.
    pub(crate) fn begins_at(&self) -> u64 {
        let now = unix_time(self.client.runtime().now()).as_secs();
        self.started_at
            .map_or(now, |started_at| started_at.min(now))
    }
}

/// The looks at one payment.
pub(crate) struct Looks {
    plan: Plan,
    options: CallOptions,
    started_at: u64,
    begun: Duration,
    /// Time that had passed before, in another process.
    before: Duration,
    progress: WaitProgress,
    last_error: Option<Error>,
}

/// What one look brought.
pub(crate) struct Look {
    /// `None` when the look failed for a passing reason.
    pub(crate) payment: Option<Payment>,
    /// Whether time is up.
    pub(crate) is_last: bool,
}

impl Looks {
    pub(crate) fn new(plan: Plan, options: CallOptions) -> Self {
        let runtime = plan.client.runtime();
        let started_at = plan.begins_at();
        let before = match plan.started_at {
            Some(_) => unix_time(runtime.now()).saturating_sub(Duration::from_secs(started_at)),
            None => Duration::ZERO,
        };
        Self {
            started_at,
            begun: runtime.monotonic(),
            before,
            progress: WaitProgress {
                payment_id: plan.id.clone(),
                last_payment: None,
                last_status: plan.last_status.clone(),
                refund_id: None,
                polls: 0,
                failed_polls: 0,
                elapsed: before,
                deadline: plan.deadline,
                impossible_jumps: Vec::new(),
            },
            plan,
            options,
            last_error: None,
        }
    }

    pub(crate) fn started_at(&self) -> u64 {
        self.started_at
    }

    pub(crate) fn progress(&self) -> &WaitProgress {
        &self.progress
    }

    /// Says that the payment is looked at for the sake of one of its refunds.
    pub(crate) fn waits_for_refund(&mut self, id: RefundId) {
        self.progress.refund_id = Some(id);
    }

    /// One pause and one look.
    pub(crate) async fn look(&mut self) -> Result<Look, Error> {
        let deadline = self.progress.deadline;
        let reserve = LAST_LOOK.min(deadline / 10);
        let until_last_look = self.time_left().saturating_sub(reserve);
        let pause = self.pause();
        let is_last = pause >= until_last_look;
        let runtime = self.plan.client.runtime();
        let sleep = runtime.sleep(pause.min(until_last_look), SleepPurpose::Delay);
        sleep.await;

        let late = self.plan.started_at.is_some() && self.progress.polls == 0;
        let least = if late { LATE_LOOK } else { Duration::ZERO };
        self.progress.polls = self.progress.polls.saturating_add(1);
        let looked = self.retrieve(self.time_left().max(least)).await;
        self.progress.elapsed = self.elapsed();
        let payment = match looked {
            Ok(payment) => {
                self.last_error = None;
                self.remember(&payment);
                Some(payment)
            }
            Err(error) if is_permanent(error.kind()) => {
                return Err(error.during_wait(self.progress.clone()));
            }
            Err(error) => {
                self.progress.failed_polls = self.progress.failed_polls.saturating_add(1);
                self.last_error = Some(error);
                None
            }
        };
        Ok(Look { payment, is_last })
    }

    /// The end of a wait whose last look has shown no outcome.
    pub(crate) fn time_out(&mut self) -> Error {
        Error::wait_timeout(self.progress.clone(), self.last_error.take())
    }

    fn remember(&mut self, payment: &Payment) {
        self.progress.last_payment = Some(payment.clone());
        let before = self.progress.last_status.replace(payment.status.clone());
        let jump = before.and_then(|before| ImpossibleJump::between(&before, &payment.status));
        let known = &mut self.progress.impossible_jumps;
        // A status that flickers must fill neither the memory nor the log.
        if let Some(jump) = jump.filter(|jump| !known.contains(jump)) {
            tracing::warn!(
                flowlix.payment_id = one_line(payment.id.as_str()),
                from = printable(jump.from.as_str()),
                to = printable(jump.to.as_str()),
                "a status changed in a way that the documents rule out"
            );
            known.push(jump);
        }
    }

    fn pause(&self) -> Duration {
        if self.progress.polls == 0 && self.plan.at_once {
            return Duration::ZERO;
        }
        let state = PollState {
            polls: self.progress.polls,
            elapsed: self.elapsed(),
            time_left: self.time_left(),
        };
        let runtime = self.plan.client.runtime();
        let pause = self.plan.polling.pause(&state, jitter(runtime));
        let asked = self.last_error.as_ref().and_then(Error::retry_after);
        pause.max(asked.unwrap_or_default())
    }

    async fn retrieve(&self, limit: Duration) -> Result<Payment, Error> {
        let mut options = self.options.clone();
        options.operation_timeout = options.operation_timeout.min(limit);
        let retrieve = Retrieve::new(self.plan.client.clone(), self.plan.id.clone());
        let reply = retrieve.options(options).send().await;
        reply.map(crate::Reply::into_inner)
    }

    fn elapsed(&self) -> Duration {
        let since = self.plan.client.runtime().monotonic();
        self.before.saturating_add(since.saturating_sub(self.begun))
    }

    fn time_left(&self) -> Duration {
        self.progress.deadline.saturating_sub(self.elapsed())
    }
}

fn unix_time(time: SystemTime) -> Duration {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
}

/// What no further look will mend.
fn is_permanent(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Authentication
            | ErrorKind::NotFound
            | ErrorKind::Rejected
            | ErrorKind::InvalidRequest
    )
}
