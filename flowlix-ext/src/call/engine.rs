//! Sends one request until it has an outcome: attempt, classify, pause, again, inside one deadline.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Poll;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use flowlix_api::{
    BODY_LIMIT, Dialect, ReadError, Sending, Transport, TransportError, read_bounded,
};
use http::{HeaderMap, StatusCode};
use tracing::{Instrument, Span};

use super::answer::{Answer, Fault};
use super::backoff::{Backoff, Guarded};
use super::budget::RetryBudget;
use super::clock::FlowlixClock;
use super::decision::{Class, Effect, Rule, Situation, Verdict};
use super::history::{AttemptReport, Next, StopReason};
use super::hook::{Attempt, Headers};
use super::metrics::{Counter, Labels};
use super::observers::Observers;
use super::open_values::OpenValues;
use super::operation::Operation;
use super::options::CallOptions;
use super::plan::{Circumstances, Decision, decide};
use super::rate::RateLimit;
use super::secrets::Secrets;
use super::send_log::SendLog;
use super::telemetry;
use crate::failure::Violation;
use crate::idempotency::IdempotencyKey;
use crate::key::Mode;
use crate::runtime::{Runtime, Sleep, SleepPurpose, jitter};

/// What all calls of a client and its clones share.
pub(crate) struct Shared {
    pub(crate) dialect: Dialect,
    pub(crate) mode: Mode,
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) backoff: Arc<dyn Backoff>,
    pub(crate) budget: RetryBudget,
    pub(crate) rate: RateLimit,
    pub(crate) clock: FlowlixClock,
    pub(crate) observers: Observers,
}

impl Shared {
    /// How long a key still protects.
    pub(crate) fn left_of(&self, key: &IdempotencyKey) -> Duration {
        let now = self.runtime.now();
        key.left(now, self.clock.flowlixs(now))
    }
}

/// One call: the transport that a generated client sends through, and the record of what happened.
pub(crate) struct Call {
    shared: Arc<Shared>,
    operation: Operation,
    key: Option<IdempotencyKey>,
    key_left_at_start: Duration,
    options: CallOptions,
    started: Duration,
    span: Span,
    record: Mutex<Record>,
    log: Option<Arc<dyn SendLog>>,
}

/// What is known about a call so far.
#[derive(Default)]
pub(crate) struct Record {
    pub(crate) attempts: Vec<AttemptReport>,
    /// What the caller asked for and no request can carry; nothing was sent then.
    pub(crate) refused: Vec<Violation>,
    /// An attempt is under way.
    sending: bool,
    /// Some attempt of a write may have been carried out, and no later one settled it.
    pub(crate) in_doubt: bool,
    /// When others take it for granted that nothing more is sent, by the wall clock.
    pub(crate) quiet_from: Option<SystemTime>,
    /// Why the call was not tried again.
    pub(crate) stop: Option<StopReason>,
    pub(crate) last: Option<Last>,
}

/// How the last attempt ended.
pub(crate) struct Last {
    pub(crate) rule: &'static Rule,
    pub(crate) answer: Answer,
}

impl Call {
    pub(crate) fn new(
        shared: Arc<Shared>,
        operation: Operation,
        key: Option<IdempotencyKey>,
        options: CallOptions,
    ) -> Self {
        let started = shared.runtime.monotonic();
        let now = shared.runtime.now();
        let key = key.map(|key| key.used_at(now));
        let key_left_at_start = key.as_ref().map(|key| shared.left_of(key));
        let span = telemetry::call_span(operation, shared.dialect, shared.mode, key.as_ref());
        let record = Record {
            // A refusal of this call says nothing about an earlier one.
            in_doubt: operation.is_write() && key.as_ref().is_some_and(IdempotencyKey::is_in_doubt),
            ..Record::default()
        };
        Self {
            shared,
            operation,
            key,
            key_left_at_start: key_left_at_start.unwrap_or_default(),
            options,
            started,
            span,
            record: Mutex::new(record),
            log: None,
        }
    }

    /// The same call, of which each request is recorded before it leaves.
    pub(crate) fn logged(mut self, log: Arc<dyn SendLog>) -> Self {
        self.log = Some(log);
        self
    }

    pub(crate) fn operation(&self) -> Operation {
        self.operation
    }

    pub(crate) fn key(&self) -> Option<&IdempotencyKey> {
        self.key.as_ref()
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.shared.runtime.monotonic().saturating_sub(self.started)
    }

    // A poisoned lock means that a thread panicked while it held a plain value; the value is whole.
    pub(crate) fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The body of an accepted answer.
    pub(crate) fn accepted_body(&self) -> Option<Bytes> {
        let record = self.record();
        let last = record.last.as_ref()?;
        (last.rule.situation == Situation::Accepted).then(|| last.answer.body.clone())
    }

    /// The body of the last answer, if all of it was read.
    pub(crate) fn whole_body(&self) -> Option<Bytes> {
        let record = self.record();
        let answer = &record.last.as_ref()?.answer;
        answer.fault.is_none().then(|| answer.body.clone())
    }

    /// Whether it is a write, and one that may have been carried out though it was not accepted.
    pub(crate) fn may_have_acted(&self) -> bool {
        let record = self.record();
        self.operation.is_write() && (record.sending || record.in_doubt)
    }

    fn time_left(&self) -> Duration {
        self.options
            .operation_timeout
            .saturating_sub(self.elapsed())
    }

    fn class(&self) -> Class {
        match (self.operation.is_write(), &self.key) {
            (false, _) => Class::Read,
            (true, Some(_)) => Class::KeyedWrite,
            (true, None) => Class::UnkeyedWrite,
        }
    }

    /// Tells and counts what this version has no name for.
    pub(crate) fn look_for_unknown(&self, read: &impl OpenValues) {
        self.span.in_scope(|| {
            read.each_unknown(&mut |field, value| {
                telemetry::unknown_value(field, value);
                self.count(Counter::UnknownValues);
            });
        });
    }

    /// Tells and counts that an accepted answer cannot be read.
    pub(crate) fn note_undecodable(&self, path: &str) {
        self.span.in_scope(|| telemetry::undecodable(path));
        self.count(Counter::Undecodable);
    }

    /// Tells and counts that an accepted answer is about something else than was asked for.
    pub(crate) fn note_mismatched(&self, member: &str) {
        self.span.in_scope(|| telemetry::mismatched(member));
        self.count(Counter::Mismatched);
    }

    async fn run(
        &self,
        mut request: reqwest::Request,
        client: &reqwest::Client,
    ) -> Result<http::Response<Bytes>, TransportError> {
        if !self.options.refused_headers.is_empty() {
            self.record()
                .refused
                .clone_from(&self.options.refused_headers);
            return Err(TransportError::Interrupted);
        }
        self.options.headers.put_on(request.headers_mut());
        self.count(Counter::Calls);
        let under_way = UnderWay { call: self };
        let outcome = self.send_until_settled(&request, client).await;
        std::mem::forget(under_way);
        self.tell_ending();
        outcome
    }

    async fn send_until_settled(
        &self,
        request: &reqwest::Request,
        client: &reqwest::Client,
    ) -> Result<http::Response<Bytes>, TransportError> {
        let (mut failures, mut twins_met) = (0_u32, 0_u32);
        let secrets = Secrets::of(request);
        loop {
            let waited = self.keep_below_rate_limit().await;
            // The bytes of the first attempt, again: a body held in memory always clones.
            let Some(mut copy) = request.try_clone() else {
                return Err(TransportError::Interrupted);
            };
            let attempt = self.attempt(request);
            let is_recorded = self.record_send().await;
            // Looked at again before each attempt, and after the application's code: a pause may have taken
            // longer than it was meant to, on a machine that was busy or asleep.
            let may_send = is_recorded.and_then(|()| self.may_send()).and_then(|()| {
                self.let_hooks_add(&attempt, copy.headers_mut());
                self.count(Counter::Attempts);
                self.may_send()
            });
            if let Err(reason) = may_send {
                self.end_send(None);
                self.stop(reason);
                return Err(TransportError::Interrupted);
            }
            let span = telemetry::attempt_span(
                attempt.method,
                attempt.path,
                request.url(),
                attempt.number - 1,
            );
            let begun = self.elapsed();
            let answer = self
                .send_once(copy, client, &secrets)
                .instrument(span.clone())
                .await;
            let took = self.elapsed().saturating_sub(begun);
            let decision = self.decide(
                &answer,
                failures.saturating_add(1),
                twins_met.saturating_add(1),
            );
            self.end_send(Some(decision.rule.situation));
            match decision.verdict {
                Verdict::Retry => failures = failures.saturating_add(1),
                Verdict::WaitForTwin => twins_met = twins_met.saturating_add(1),
                Verdict::Accept | Verdict::GiveUp => {}
            }
            telemetry::answered(&span, decision.rule.situation, &answer);
            let (report, response) = self.note(&decision, answer, took, waited);
            span.in_scope(|| self.tell_decision(&attempt, &report));
            match report.next {
                Next::Again { pause } => {
                    self.shared.runtime.sleep(pause, SleepPurpose::Delay).await;
                }
                Next::Done | Next::Stop(_) => {
                    return response.ok_or(TransportError::Interrupted);
                }
            }
        }
    }

    /// The next attempt, as hooks see it.
    fn attempt<'a>(&'a self, request: &'a reqwest::Request) -> Attempt<'a> {
        Attempt {
            operation: self.operation,
            dialect: self.shared.dialect,
            mode: self.shared.mode,
            number: next_number(&self.record().attempts),
            method: request.method().as_str(),
            path: self.operation.path(self.shared.dialect),
            idempotency_key: self.key.as_ref(),
            time_left: self.time_left(),
            headers: Headers(request.headers()),
        }
    }

    /// What follows an attempt; a retry is taken out of the budget that all clones share.
    fn decide(&self, answer: &Answer, failures: u32, twins_met: u32) -> Decision {
        let circumstances = Circumstances {
            failures,
            twins_met,
            max_attempts: self.options.max_attempts,
            elapsed: self.elapsed(),
            time_left: self.time_left(),
            retry_after: answer.retry_after,
            key_left: self.key_left(),
            budget_left: self.shared.budget.has_retry(),
            ..Circumstances::new(answer.facts(self.class()))
        };
        let jitter = jitter(&*self.shared.runtime);
        let mut decision = decide(&circumstances, &Guarded(&*self.shared.backoff), jitter);
        // Another call may have taken the last one in the meantime.
        if decision.verdict == Verdict::Retry
            && matches!(decision.next, Next::Again { .. })
            && !self.shared.budget.take()
        {
            decision.next = Next::Stop(StopReason::Budget);
        }
        decision
    }

    /// Waits until the rate limit has room, and says for how long. A wait that the call has no time for is
    /// left out: Flowlix decides then.
    async fn keep_below_rate_limit(&self) -> Duration {
        let time_left = self.time_left();
        let mut waited = Duration::ZERO;
        while let Err(wait) = self
            .shared
            .rate
            .take(self.operation.is_write(), self.shared.runtime.now())
            && waited.saturating_add(wait) < time_left
        {
            telemetry::held_back(wait);
            self.count(Counter::RateWaits);
            self.shared.runtime.sleep(wait, SleepPurpose::Delay).await;
            waited = waited.saturating_add(wait);
        }
        waited
    }

    /// Whether there is time to send, and a key that still protects. With no time to wait for the answer,
    /// sending would make an outcome unknown on purpose.
    fn may_send(&self) -> Result<(), StopReason> {
        let left = self.time_left();
        // A machine that was asleep may not have noticed that time went by.
        let quiet_from = self.record().quiet_from;
        let is_quiet = quiet_from.is_some_and(|at| self.shared.runtime.now() >= at);
        if is_quiet || self.options.attempt_timeout.min(left).is_zero() {
            let needed = Duration::ZERO;
            return Err(StopReason::Deadline { needed, left });
        }
        if self.key_left().is_some_and(|left| left.is_zero()) {
            return Err(StopReason::KeyAge);
        }
        Ok(())
    }

    /// Lets the log record the next request, if there is one. No request leaves later than the log says.
    async fn record_send(&self) -> Result<(), StopReason> {
        let Some(log) = &self.log else {
            return Ok(());
        };
        let limit = self.options.attempt_timeout.min(self.time_left());
        let deadline = log.begin(limit).await.ok_or(StopReason::Final)?;
        self.record().quiet_from = Some(deadline);
        Ok(())
    }

    fn end_send(&self, situation: Option<Situation>) {
        if let Some(log) = &self.log {
            log.end(situation);
        }
    }

    /// How long the key still protects, by the clock that says more of it has passed: the wall clock may be
    /// set back, the other one may stand still while the machine sleeps.
    fn key_left(&self) -> Option<Duration> {
        let left = self.shared.left_of(self.key.as_ref()?);
        let counted = self.key_left_at_start.saturating_sub(self.elapsed());
        Some(left.min(counted))
    }

    /// Ends the call instead of sending again; what earlier attempts taught stays.
    fn stop(&self, reason: StopReason) {
        let mut record = self.record();
        record.stop = Some(reason);
        if let Some(attempt) = record.attempts.last_mut() {
            attempt.next = Next::Stop(reason);
        }
    }

    /// Keeps what the attempt taught; what was answered goes to the generated code.
    fn note(
        &self,
        decision: &Decision,
        answer: Answer,
        took: Duration,
        waited: Duration,
    ) -> (AttemptReport, Option<http::Response<Bytes>>) {
        let mut record = self.record();
        let report = AttemptReport {
            number: next_number(&record.attempts),
            situation: decision.rule.situation,
            status: answer.status.map(|status| status.as_u16()),
            request_id: answer.request_id.clone(),
            took,
            waited,
            time_left: decision.time_left,
            next: decision.next,
        };
        record.attempts.push(report.clone());
        record.sending = false;
        match decision.rule.effect {
            Effect::Possible => record.in_doubt |= self.operation.is_write(),
            Effect::Done => record.in_doubt = false,
            Effect::Nothing => {}
        }
        match decision.next {
            Next::Again { .. } => {}
            Next::Done => self.shared.budget.give_back(),
            Next::Stop(reason) => record.stop = Some(reason),
        }
        let response = answer.response();
        let rule = decision.rule;
        record.last = Some(Last { rule, answer });
        (report, response)
    }

    fn tell_decision(&self, attempt: &Attempt<'_>, report: &AttemptReport) {
        telemetry::decided(report);
        if matches!(report.next, Next::Again { .. }) {
            self.count(match report.situation {
                Situation::InFlight => Counter::TwinWaits,
                _ => Counter::Retries,
            });
        }
        let labels = self.labels();
        self.shared.observers.after(attempt, report, &labels);
    }

    fn tell_ending(&self) {
        let (ending, detail) = {
            let record = self.record();
            let last = record.last.as_ref();
            let ending = telemetry::Ending {
                attempts: record.attempts.len(),
                situation: last.map(|last| last.rule.situation),
                in_doubt: record.in_doubt,
                stop: record.stop,
            };
            (ending, last.and_then(|last| last.answer.detail.clone()))
        };
        telemetry::ended(&self.span, &ending);
        if ending.situation != Some(Situation::Accepted) {
            self.count(Counter::Failures);
        }
        if ending.in_doubt {
            self.count(Counter::UnknownOutcomes);
        }
        if let Some(detail) = detail {
            self.look_for_unknown(&detail);
        }
    }

    fn count(&self, counter: Counter) {
        self.shared.observers.increment(counter, &self.labels());
    }

    fn labels(&self) -> Labels {
        let mut labels = Labels::new(self.operation, self.shared.dialect, self.shared.mode);
        let record = self.record();
        labels.situation = record.last.as_ref().map(|last| last.rule.situation);
        labels
    }

    fn let_hooks_add(&self, attempt: &Attempt<'_>, headers: &mut HeaderMap) {
        for added in self.shared.observers.before(attempt, &self.labels()) {
            added.put_on(headers);
        }
    }

    async fn send_once(
        &self,
        request: reqwest::Request,
        client: &reqwest::Client,
        secrets: &Secrets<'_>,
    ) -> Answer {
        self.record().sending = true;
        let limit = self.options.attempt_timeout.min(self.time_left());
        // Outlives the attempt's future: a timeout in the middle of the body keeps what the head said.
        let head: OnceLock<(StatusCode, HeaderMap)> = OnceLock::new();
        let exchange = async {
            let response = client.execute(request).await.map_err(Fault::Http)?;
            let _: Result<(), _> = head.set((response.status(), response.headers().clone()));
            read_bounded(response, BODY_LIMIT)
                .await
                .map_err(|error| match error {
                    ReadError::Http(error) => Fault::Http(error),
                    ReadError::TooLarge { limit } => Fault::BodyTooLarge(limit),
                })
        };
        let timeout = self.shared.runtime.sleep(limit, SleepPurpose::Timeout);
        let outcome = within(exchange, timeout)
            .await
            .unwrap_or(Err(Fault::AttemptTimeout(limit)));
        let now = self.shared.runtime.now();
        let answer = Answer::new(head.into_inner(), outcome, secrets, now);
        let rate = &self.shared.rate;
        rate.learn(answer.status, &answer.headers, answer.retry_after, now);
        if answer.request_id.is_some() {
            // Flowlix's own: a proxy's clock is nobody's business.
            self.shared.clock.learn(&answer.headers, now);
        }
        answer
    }
}

impl Transport for Call {
    fn send<'a>(
        &'a self,
        _operation: &'static str,
        request: reqwest::Request,
        client: &'a reqwest::Client,
    ) -> Sending<'a> {
        Box::pin(self.run(request, client).instrument(self.span.clone()))
    }
}

/// Notices a call whose future is dropped before it ended.
struct UnderWay<'a> {
    call: &'a Call,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let attempts = self.call.record().attempts.len();
        if self.call.may_have_acted() {
            self.call.span.in_scope(|| telemetry::abandoned(attempts));
            self.call.count(Counter::AbandonedWrites);
        }
    }
}

fn next_number(attempts: &[AttemptReport]) -> u32 {
    u32::try_from(attempts.len())
        .unwrap_or(u32::MAX)
        .saturating_add(1)
}

/// The work's result, or `None` when the limit came first.
pub(crate) async fn within<F: Future>(work: F, mut limit: Sleep) -> Option<F::Output> {
    let mut work = pin!(work);
    std::future::poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => limit.as_mut().poll(context).map(|()| None),
    })
    .await
}
