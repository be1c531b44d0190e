//! Refunds of an intent: the builder, and the loop that carries out what the protocol says.

use std::sync::Arc;
use std::time::Duration;

use flowlix_api::Dialect;
use flowlix_api::model::{CreateRefund, Payment, PaymentId, Refund as Found};

use super::correlation::CORRELATION_ID;
use super::error::{IntentError, IntentErrorKind};
use super::intent::{Intent, reference_problem};
use super::pay::{self, WITHIN, intent_future, was_accepted};
use super::protocol::apply::Answer;
use super::protocol::pay::Answered;
use super::protocol::record::Record;
use super::protocol::refund::{DoRefund, Refund, RefundAnswer, RefundCall, RefundRefusal};
use super::recorder::{SendRecorder, Stopped};
use super::refund_seen::{Unrecorded, Wanted, candidates, is_claimed, shown, unrecorded};
use super::refund_status::RefundStatus;
use super::session::{MOST_ROUNDS, Session};
use super::view::refund_view;
use crate::call::decision::Situation;
use crate::call::operation::Operation;
use crate::error::Error;
use crate::failure::Violation;
use crate::failure::text::one_line;
use crate::refunds::RefundCreated;
use crate::refunds::check;
use crate::reply::Reply;
use crate::wire::RefundRequest;

/// What `reason` takes in the `snake_case` dialect.
const LONGEST_REASON: usize = 50;

/// A refund about to be made; see [`Intent::refund`].
#[must_use = "nothing is sent before `send` or `await`"]
#[derive(Debug)]
pub struct RefundPayment {
    intent: Intent,
    reference: String,
    amount: Option<i64>,
    reason: Option<String>,
    payment: Option<PaymentId>,
    within: Duration,
}

impl RefundPayment {
    pub(super) fn new(intent: Intent, reference: String) -> Self {
        Self {
            intent,
            reference,
            amount: None,
            reason: None,
            payment: None,
            within: WITHIN,
        }
    }

    /// How much to give back, in minor units of the intent's currency. Without it, all that is left.
    pub fn amount(mut self, minor_units: i64) -> Self {
        self.amount = Some(minor_units);
        self
    }

    /// Why, at most 50 characters. Default: the reference of the refund, as far as it fits.
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// Which payment to refund, when the intent was charged more than once. Default: the one that is kept.
    pub fn of_payment(mut self, payment: &PaymentId) -> Self {
        self.payment = Some(payment.clone());
        self
    }

    /// How long the call may take at most, until it returns the status that there is by then. Default: 10 s.
    pub fn within(mut self, limit: Duration) -> Self {
        self.within = limit;
        self
    }

    /// Refunds, unless that is done already, and tells where the refund stands then.
    ///
    /// The payment is read first, and what cannot succeed is not sent: more than is left, or a payment that is older
    /// than 180 days. It is safe to drop this future, and to call it again after any result or error.
    ///
    /// # Errors
    /// [`IntentError`]; nothing went back by a call that ends with one.
    pub async fn send(self) -> Result<RefundStatus, IntentError> {
        if let Some(problem) = reference_problem(&self.reference) {
            return Err(IntentError::invalid(vec![Violation::new(
                "refund reference",
                problem,
            )]));
        }
        let mut session = self.intent.session(self.within).await?;
        let done = self.carry_out(&mut session).await;
        session.write().await;
        done.map(|()| RefundStatus::of(&session, &self.reference))
    }

    async fn carry_out(&self, session: &mut Session) -> Result<(), IntentError> {
        let payment = self.payment_to_refund(session).await?;
        let mut call = RefundCall::new(
            self.reference.clone(),
            payment,
            self.amount,
            Some(self.reason_to_send()),
            self.namespace(session),
            session.give_up_at(),
        );
        for _ in 0..MOST_ROUNDS {
            let rules = session.shared.rules;
            match call.next(session.record(), session.now(), &rules) {
                DoRefund::Look { again } => {
                    if again {
                        session.pause().await;
                    }
                    self.look(session, &mut call).await?;
                }
                DoRefund::Send { attempt } => self.send_once(session, &mut call, attempt).await?,
                DoRefund::Wait => {
                    session.pause().await;
                    call.answered(None);
                }
                DoRefund::Report => break,
                DoRefund::Refuse(refusal) => {
                    return Err(refused(&refusal).with_status(session.status()));
                }
            }
        }
        Ok(())
    }

    fn reason_to_send(&self) -> String {
        let reason = self.reason.as_deref().unwrap_or(&self.reference);
        match self.reason {
            Some(_) => reason.to_owned(),
            None => reason.chars().take(LONGEST_REASON).collect(),
        }
    }

    fn namespace(&self, session: &Session) -> String {
        let credential = &session.shared.credential;
        if session.shared.is_per_operation() {
            format!("{credential}/refund")
        } else {
            credential.clone()
        }
    }

    /// The payment that the call is about: the one that was named, the one that the refund was begun for, or the
    /// charged one.
    async fn payment_to_refund(&self, session: &mut Session) -> Result<String, IntentError> {
        if session.record().is_erased() {
            let problem = "was erased; refund its payment by its id, with `refunds().create`";
            return Err(IntentError::invalid(vec![Violation::new(
                "intent", problem,
            )]));
        }
        let begun = |record: &Record| {
            record
                .refund(&self.reference)
                .map(|refund| refund.payment.clone())
        };
        if let Some(id) = &self.payment {
            if session.record().payment(id.as_str()).is_some() {
                return Ok(id.as_str().to_owned());
            }
            let cause = "this intent has no payment with the id that was given to `of_payment`";
            return Err(IntentError::new(IntentErrorKind::OtherIntent, cause));
        }
        if let Some(payment) = begun(session.record()) {
            return Ok(payment);
        }
        let charged = |record: &Record| {
            let mut charged: Vec<_> = record.charged_payments().collect();
            charged.sort_by_key(|payment| payment.net() <= 0);
            charged.first().map(|payment| payment.id.clone())
        };
        if charged(session.record()).is_none() {
            session.observe().await?;
        }
        charged(session.record()).ok_or_else(|| {
            let error = IntentError::new(IntentErrorKind::NotPaid, "there is nothing to refund");
            error.with_status(session.status())
        })
    }

    /// Reads the payment, and takes from it what it shows of the refund.
    async fn look(&self, session: &mut Session, call: &mut RefundCall) -> Result<(), IntentError> {
        let read_at = session.now();
        call.looked();
        let Some(payment) = session.retrieve(&call.payment).await? else {
            return Ok(());
        };
        session.see(vec![payment.clone()]);
        self.find_unrecorded(session, &payment)?;
        let rules = session.shared.rules;
        let names = session.names.clone();
        let reference = self.reference.clone();
        let is_snake_case = !session.shared.is_per_operation();
        session.hold(move |record| {
            let shown = shown(record, &payment, &names, &reference, is_snake_case);
            record.refund_seen(&reference, shown, read_at, &rules);
        });
        Ok(())
    }

    /// A store that was restored from a copy may not know what was refunded since.
    fn find_unrecorded(&self, session: &mut Session, payment: &Payment) -> Result<(), IntentError> {
        if session.record().knows_refund(&self.reference) {
            return Ok(());
        }
        let reason = self.reason_to_send();
        let wanted = Wanted {
            reference: &self.reference,
            amount: self.amount,
            reason: &reason,
            is_named: reason == self.reference,
        };
        let is_snake_case = !session.shared.is_per_operation();
        let names = &session.names;
        match unrecorded(session.record(), payment, names, &wanted, is_snake_case) {
            None => Ok(()),
            Some(Unrecorded::MayBe(refund)) => {
                let cause = format!("it is {}", one_line(refund.id.as_str()));
                let error = IntentError::new(IntentErrorKind::RefundAmbiguous, cause);
                Err(error.with_status(session.status()))
            }
            Some(Unrecorded::Same(number, found)) => {
                let (view, refund) = (refund_view(found), self.found(payment, found));
                session
                    .hold(move |record| record.refund_found(refund.clone(), number, view.clone()));
                Ok(())
            }
        }
    }

    fn found(&self, payment: &Payment, found: &Found) -> Refund {
        Refund {
            reference: self.reference.clone(),
            payment: payment.id.as_str().to_owned(),
            amount: found.amount,
            reason: Some(self.reason_to_send()),
            started_at: found.created_at.unwrap_or_default().saturating_mul(1000),
            attempts: Vec::new(),
        }
    }

    async fn send_once(
        &self,
        session: &mut Session,
        call: &mut RefundCall,
        attempt: u32,
    ) -> Result<(), IntentError> {
        let known = session.payments.get(&call.payment).cloned();
        let amount = self.amount_to_send(session, call, known.as_ref())?;
        let request = self.request(session, call, attempt, amount)?;
        let recorder = self.recorder(session, call, attempt, amount, known.as_ref());
        let before = self.before_first_send(session, attempt, known);
        let result = self
            .exchange(session, attempt, request, before, recorder.clone())
            .await?;
        let ended = recorder.ended();
        session.take(ended.kept, ended.last.is_some());
        let Some(sent) = ended.last else {
            return match (ended.stopped, result) {
                (Some(Stopped::Store(error)), _) => Err(IntentError::store(error)),
                (Some(Stopped::Forbidden), _) => session.lost_race(),
                (None, Err(error)) => Err(IntentError::call(IntentErrorKind::NotCarriedOut, error)),
                (None, Ok(_)) => Ok(()),
            };
        };
        if let Some(Stopped::Store(error)) = ended.stopped {
            session.not_recorded = Some(error);
        }
        let answer = match &result {
            Ok(created) => self.accepted(session, created),
            Err(_) if sent.end.is_none() => RefundAnswer::Unknown,
            Err(error) if was_accepted(error) => RefundAnswer::AcceptedUnread,
            Err(_) if sent.end == Some(Some(Situation::Accepted)) => RefundAnswer::Unknown,
            Err(_) => answer_to(sent.end.flatten()),
        };
        let (now, told) = (session.now(), answer.clone());
        let (reference, token) = (self.reference.clone(), sent.token);
        session
            .note(move |record| {
                record.refund_answered(&reference, attempt, &token, told.clone(), now)
            })
            .await;
        self.learn(session, call, &answer, result)
    }

    /// What a 2xx answer tells of the refund.
    fn accepted(&self, session: &Session, created: &RefundCreated) -> RefundAnswer {
        let is_snake_case = !session.shared.is_per_operation();
        let payment = created.payment.as_ref().filter(|_| is_snake_case);
        let candidates =
            payment.map(|payment| candidates(session.record(), payment, &self.reference, true));
        RefundAnswer::Accepted {
            refund: created.refund.as_ref().map(refund_view),
            candidates: candidates.unwrap_or_default(),
        }
    }

    /// The payment as it stood before the first request under the attempt's key. A refund that was made since may be
    /// that of an earlier request whose answer was lost, however long the payment has shown it.
    fn before_first_send(
        &self,
        session: &Session,
        attempt: u32,
        known: Option<Payment>,
    ) -> Option<Payment> {
        let begun = session.record().refund(&self.reference);
        let begun = begun.and_then(|refund| refund.attempt(attempt));
        let unknown = begun.filter(|attempt| attempt.sends.is_unknown());
        known.map(|mut payment| {
            if let Some(attempt) = unknown {
                let was_there = |id: &str| attempt.before.iter().any(|known| known == id);
                // What is known to be another refund is not this one, though the payment showed it late.
                payment.refunds.retain(|refund| {
                    was_there(refund.id.as_str()) || is_claimed(session.record(), refund)
                });
            }
            payment
        })
    }

    fn learn(
        &self,
        session: &Session,
        call: &mut RefundCall,
        answer: &RefundAnswer,
        result: Result<Reply<RefundCreated>, Error>,
    ) -> Result<(), IntentError> {
        let refund = session.record().refund(&self.reference);
        let is_unknown = refund.is_some_and(|refund| refund.is_unknown());
        let failed =
            |kind, error| Err(IntentError::call(kind, error).with_status(session.status()));
        match (answer, result) {
            // An earlier request, perhaps of this call, may have been carried out.
            (RefundAnswer::Rejected, Err(_)) if is_unknown => {
                call.answered(Some(Answered::Refused));
            }
            (RefundAnswer::NotCarriedOut, Err(_)) if is_unknown => {
                call.answered(Some(Answered::Unknown));
            }
            (RefundAnswer::Rejected, Err(error)) => {
                return failed(IntentErrorKind::Rejected, error);
            }
            (RefundAnswer::NotCarriedOut, Err(error)) => {
                return failed(IntentErrorKind::NotCarriedOut, error);
            }
            (RefundAnswer::Conflict, _) => call.answered(Some(Answered::Conflict)),
            (RefundAnswer::Unknown | RefundAnswer::AcceptedUnread, _) => {
                call.answered(Some(Answered::Unknown))
            }
            (RefundAnswer::Accepted { refund: None, .. }, _) => {
                call.answered(Some(Answered::Unknown))
            }
            _ => call.answered(None),
        }
        Ok(())
    }

    /// The amount of the first send, or what is left; what cannot succeed is not sent.
    fn amount_to_send(
        &self,
        session: &Session,
        call: &RefundCall,
        payment: Option<&Payment>,
    ) -> Result<i64, IntentError> {
        let begun = session.record().refund(&self.reference);
        if let Some(begun) = begun.filter(|refund| refund.is_unknown()) {
            return Ok(begun.amount);
        }
        let Some(payment) = payment else {
            let cause =
                "the payment could not be read, so that what is left to refund is not known";
            let error = IntentError::new(IntentErrorKind::NotCarriedOut, cause);
            return Err(error.with_status(session.status()));
        };
        let now = session.shared.flowlix.now();
        let violations = check::violations(payment, call.amount, now);
        if !violations.is_empty() {
            return Err(IntentError::invalid(violations).with_status(session.status()));
        }
        call.amount
            .or_else(|| check::refundable(payment))
            .ok_or_else(|| {
                let problem = "was left out, and Flowlix did not say what is left to refund";
                IntentError::invalid(vec![Violation::new("amount", problem)])
            })
    }

    fn request(
        &self,
        session: &Session,
        call: &RefundCall,
        attempt: u32,
        amount: i64,
    ) -> Result<RefundRequest, IntentError> {
        let flowlix = &session.shared.flowlix;
        let id = PaymentId::received(call.payment.as_str()).map_err(|error| {
            IntentError::invalid(vec![Violation::new("payment_id", error.to_string())])
        })?;
        let mut request = CreateRefund::new(id);
        request.amount = Some(amount);
        request.reason.clone_from(&call.reason);
        if flowlix.dialect() == Dialect::Uppercase {
            let mark = session.names.refund_mark(&self.reference, attempt);
            request
                .metadata
                .insert(CORRELATION_ID.to_owned(), mark.into());
        }
        Violation::join(
            Operation::CreateRefund,
            Vec::new(),
            flowlix.wire().say_refund(request),
        )
        .map_err(|error| IntentError::call(IntentErrorKind::InvalidRequest, error))
    }

    fn recorder(
        &self,
        session: &Session,
        call: &RefundCall,
        attempt: u32,
        amount: i64,
        known: Option<&Payment>,
    ) -> Arc<SendRecorder> {
        let (call, rules, reference) = (call.clone(), session.shared.rules, self.reference.clone());
        let before: Vec<String> = known
            .iter()
            .flat_map(|payment| &payment.refunds)
            .map(|refund| refund.id.as_str().to_owned())
            .collect();
        SendRecorder::new(
            session.shared.flowlix.clone(),
            session.shared.records.clone(),
            session.kept().clone(),
            Box::new(move |record, send| {
                let is_allowed = if send.is_repeat {
                    call.may_repeat(record, attempt, send.now, &rules)
                } else {
                    call.may_begin(record, attempt, send.now, &rules)
                };
                is_allowed.then(|| {
                    let (what, times) = ((amount, before.clone()), (send.now, send.deadline));
                    call.begin(record, attempt, what, send.token.clone(), times, &rules)
                })
            }),
            Box::new(move |record, token, situation, now| {
                record.refund_answered(&reference, attempt, token, answer_to(situation), now);
            }),
        )
    }

    async fn exchange(
        &self,
        session: &Session,
        attempt: u32,
        request: RefundRequest,
        before: Option<Payment>,
        recorder: Arc<SendRecorder>,
    ) -> Result<Result<Reply<RefundCreated>, Error>, IntentError> {
        let flowlix = &session.shared.flowlix;
        let key = session.names.refund_key(&self.reference, attempt);
        let key = key
            .map_err(|error| IntentError::new(IntentErrorKind::Configuration, error.to_string()))?;
        let options = session.within_the_call(flowlix.options());
        let call = flowlix.logged_write(Operation::CreateRefund, key, options, recorder);
        Ok(flowlix
            .wire()
            .create_refund(&call, request, before.as_ref())
            .await)
    }
}

intent_future!(RefundPayment => RefundStatus);

/// As of a payment; a refund has no card that could be declined.
fn answer_to(situation: Option<Situation>) -> RefundAnswer {
    match pay::answer_to(situation, None) {
        Answer::NotCarriedOut => RefundAnswer::NotCarriedOut,
        Answer::Declined { .. } | Answer::Rejected => RefundAnswer::Rejected,
        Answer::Conflict => RefundAnswer::Conflict,
        Answer::Accepted(_) | Answer::AcceptedUnread => RefundAnswer::AcceptedUnread,
        Answer::Unknown => RefundAnswer::Unknown,
    }
}

fn refused(refusal: &RefundRefusal) -> IntentError {
    match refusal {
        RefundRefusal::Differs => {
            let cause = "repeat the call with what it was begun with, or take another reference";
            IntentError::new(IntentErrorKind::RefundMismatch, cause)
        }
        RefundRefusal::Busy { reference } => {
            let reference = one_line(reference);
            let cause = format!("call refund({reference:?}) again first");
            IntentError::new(IntentErrorKind::RefundBusy, cause)
        }
    }
}
