//! The loop of looks that every wait is made of: pause, look, remember, until the deadline.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
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
use crate::reply::Reply;
use crate::runtime::{Sleep, SleepPurpose, jitter};

/// The Direct API guide's patience.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);
/// The most that is kept back for the last look.
const LAST_LOOK: Duration = Duration::from_secs(2);
/// What a wait's first look takes at most when there is no time left for it.
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
    stage: Stage,
}

/// How far a look came. It is kept here and not in the future that awaits it: whoever drops that and looks
/// again, every second perhaps, must not begin the pause anew each time.
enum Stage {
    Idle,
    Pausing { sleep: Sleep, is_last: bool },
    Asking { answer: Asking, is_last: bool },
}

type Asking = Pin<Box<dyn Future<Output = Result<Reply<Payment>, Error>> + Send>>;

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
            stage: Stage::Idle,
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

    /// One pause and one look. Dropping its future loses nothing: the next one goes on from there.
    pub(crate) async fn look(&mut self) -> Result<Look, Error> {
        std::future::poll_fn(|context| self.poll_look(context)).await
    }

    pub(crate) fn poll_look(&mut self, context: &mut Context<'_>) -> Poll<Result<Look, Error>> {
        loop {
            self.stage = match &mut self.stage {
                Stage::Idle => self.pause_begun(),
                Stage::Pausing { sleep, is_last } => {
                    ready!(sleep.as_mut().poll(context));
                    let is_last = *is_last;
                    let answer = self.ask();
                    Stage::Asking { answer, is_last }
                }
                Stage::Asking { answer, is_last } => {
                    let answered = ready!(answer.as_mut().poll(context));
                    let is_last = *is_last;
                    self.stage = Stage::Idle;
                    let payment = self.take(answered.map(Reply::into_inner));
                    return Poll::Ready(payment.map(|payment| Look { payment, is_last }));
                }
            };
        }
    }

    fn pause_begun(&self) -> Stage {
        // Of a short wait the last look gets a share that an answer can come in.
        let reserve = LAST_LOOK.min(self.progress.deadline / 4);
        let until_last_look = self.time_left().saturating_sub(reserve);
        let pause = self.pause();
        let runtime = self.plan.client.runtime();
        Stage::Pausing {
            sleep: runtime.sleep(pause.min(until_last_look), SleepPurpose::Delay),
            is_last: pause >= until_last_look,
        }
    }

    fn ask(&mut self) -> Asking {
        let time_left = self.time_left();
        // Without a look there would be nothing to tell.
        let is_late = self.plan.started_at.is_some() || time_left.is_zero();
        let least = if is_late && self.progress.polls == 0 {
            LATE_LOOK
        } else {
            Duration::ZERO
        };
        self.progress.polls = self.progress.polls.saturating_add(1);
        let mut options = self.options.clone();
        options.operation_timeout = options.operation_timeout.min(time_left.max(least));
        let retrieve = Retrieve::new(self.plan.client.clone(), self.plan.id.clone());
        Box::pin(retrieve.options(options).send())
    }

    /// `None` when the look failed for a passing reason.
    fn take(&mut self, answered: Result<Payment, Error>) -> Result<Option<Payment>, Error> {
        self.progress.elapsed = self.elapsed();
        match answered {
            Ok(payment) => {
                self.last_error = None;
                self.remember(&payment);
                Ok(Some(payment))
            }
            Err(error) if is_permanent(error.kind()) => {
                Err(error.during_wait(self.progress.clone()))
            }
            Err(error) => {
                self.progress.failed_polls = self.progress.failed_polls.saturating_add(1);
                self.last_error = Some(error);
                Ok(None)
            }
        }
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
