//! Paying an intent: the builders, and the loop that carries out what the protocol says.

use std::sync::Arc;
use std::time::Duration;

use flowlix_api::model::{BillingDetailsInput, Payment};
use serde_json::Value;

use super::error::{IntentError, IntentErrorKind};
use super::intent::Intent;
use super::protocol::apply::Answer;
use super::protocol::pay::{Answered, Do, Pay as Protocol, Refusal};
use super::protocol::record::{Method, Payment as Seen};
use super::recorder::{SendRecorder, Stopped};
use super::request::{Details, Means, Request, request};
use super::session::{MOST_ROUNDS, Session};
use super::status::IntentStatus;
use super::view::payment_view;
use crate::call::decision::Situation;
use crate::call::options::CallOptions;
use crate::error::Error;
use crate::failure::ErrorKind;
use crate::reply::Reply;

/// Default of [`Pay::within`]: as long as a customer waits for a page.
pub(super) const WITHIN: Duration = Duration::from_secs(10);

/// A payment of an intent, about to be made; see [`Intent::pay`].
#[must_use = "nothing is sent before `send` or `await`"]
#[derive(Debug)]
pub struct Pay {
    inner: Paying,
}

/// A payment on Flowlix's hosted page, about to be made; see [`Intent::pay_hosted`].
#[must_use = "nothing is sent before `send` or `await`"]
#[derive(Debug)]
pub struct PayHosted {
    inner: Paying,
}

#[derive(Debug)]
struct Paying {
    intent: Intent,
    means: Means,
    details: Details,
    supersedes: Option<u32>,
    within: Duration,
    options: CallOptions,
}

/// The setters of both ways to pay.
macro_rules! pay_setters {
    () => {
        /// How long the call may take at most, until it returns the status that there is by then. Default: 10 s. A
        /// request that has to be sent gets 5 s at least. The worker, or the next call, goes on from there.
        pub fn within(mut self, limit: Duration) -> Self {
            self.inner.within = limit;
            self
        }

        /// Gives up an attempt that still waits, and starts another one beside it. Pass
        /// [`ActionRequired::attempt`](super::ActionRequired::attempt): a second click then finds that done, and does
        /// not supersede twice. The earlier payment may still be charged, because Flowlix has no cancel; the intent
        /// is then [`Overcharged`](super::IntentStatus::Overcharged).
        pub fn supersede(mut self, attempt: u32) -> Self {
            self.inner.supersedes = Some(attempt);
            self
        }

        /// Who pays. The `snake_case` dialect wants all of it or nothing; `ip` exists there alone. The country is an
        /// ISO 3166-1 alpha-2 code, the telephone number in international format, beginning with `+`. Not stored.
        pub fn billing_details(mut self, details: impl Into<Option<BillingDetailsInput>>) -> Self {
            self.inner.details.billing_details = details.into();
            self
        }

        /// A text for your records, at most 500 characters. Not stored.
        pub fn description(mut self, description: impl Into<String>) -> Self {
            self.inner.details.description = Some(description.into());
            self
        }

        /// Adds one entry of metadata; a name given twice keeps the last value. The `snake_case` dialect takes at most
        /// 50 entries, of which intents use two, and text of at most 500 characters each. Not stored.
        pub fn metadata(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
            self.inner
                .details
                .metadata
                .insert(name.into(), value.into());
            self
        }

        /// Pays, unless that is done already, and tells where the intent stands then.
        ///
        /// It is safe to drop this future at any moment, to call it again after any result or error, and to call it
        /// from any number of tasks, processes and machines.
        ///
        /// # Errors
        /// [`IntentError`]; nothing is charged by a call that ends with one unless
        /// [`IntentError::status`] says otherwise.
        pub async fn send(self) -> Result<IntentStatus, IntentError> {
            self.inner.send().await
        }
    };
}

impl Pay {
    pub(super) fn new(intent: Intent, means: Means) -> Self {
        Self {
            inner: Paying::new(intent, means, Details::default()),
        }
    }

    pay_setters!();

    /// Where the customer comes back to after 3-D Secure: https, or `http://localhost`. Without it a card that needs
    /// 3-D Secure cannot be charged.
    pub fn return_url(mut self, url: impl Into<String>) -> Self {
        self.inner.details.return_url = Some(url.into());
        self
    }
}

impl PayHosted {
    pub(super) fn new(intent: Intent, return_url: String) -> Self {
        let details = Details {
            return_url: Some(return_url),
            ..Details::default()
        };
        Self {
            inner: Paying::new(intent, Means::HostedPage, details),
        }
    }

    pay_setters!();
}

/// Lets a builder be awaited without `send()`.
macro_rules! intent_future {
    ($builder:ty => $output:ty) => {
        impl std::future::IntoFuture for $builder {
            type Output = Result<$output, $crate::intents::IntentError>;
            type IntoFuture = std::pin::Pin<Box<dyn Future<Output = Self::Output> + Send>>;

            fn into_future(self) -> Self::IntoFuture {
                Box::pin(self.send())
            }
        }
    };
}

pub(super) use intent_future;

intent_future!(Pay => IntentStatus);
intent_future!(PayHosted => IntentStatus);

/// What one request has come to.
enum Sent {
    /// The call goes on with what the record says now.
    GoOn,
    /// The request was not carried out, and the call has its result.
    Failed(IntentError),
}

impl Paying {
    fn new(intent: Intent, means: Means, details: Details) -> Self {
        let options = intent.shared().flowlix.options();
        Self {
            intent,
            means,
            details,
            supersedes: None,
            within: WITHIN,
            options,
        }
    }

    async fn send(self) -> Result<IntentStatus, IntentError> {
        // Everything that is wrong is told before anything is stored.
        self.request(1)
            .map_err(|error| IntentError::call(IntentErrorKind::InvalidRequest, error))?;
        // The record is not read first: the first write tells whether there is one, and which.
        let mut session = self.intent.unread_session(self.within)?;
        let last4 = match &self.means {
            Means::Card(card) => card.last4(),
            Means::HostedPage => None,
        };
        session.last4.clone_from(&last4);
        session.asks_for_page = self.means.method() == Method::HostedPage;
        let mut pay = Protocol::new(
            self.intent.price(),
            self.means.method(),
            session.shared.namespace(self.means.method()),
            last4,
            self.supersedes,
            session.give_up_at(),
        );
        let done = self.carry_out(&mut session, &mut pay).await;
        session.note_clock();
        let status = session.report().await;
        done.and(status)
    }

    /// Does what the protocol says, until it says that there is nothing more to do.
    async fn carry_out(
        &self,
        session: &mut Session,
        pay: &mut Protocol,
    ) -> Result<(), IntentError> {
        for _ in 0..MOST_ROUNDS {
            let rules = session.shared.rules;
            match pay.next(session.record(), session.now(), &rules) {
                Do::Look { payments, again } => {
                    if again && !session.had_to_read {
                        session.write().await;
                    }
                    session.look(&payments, again, &mut pay.seen).await?
                }
                Do::Search => session.search(&mut pay.seen).await?,
                Do::Wait => {
                    session.pause().await;
                    pay.waited();
                }
                Do::Send { attempt } => match self.send_once(session, pay, attempt).await? {
                    Sent::GoOn => {}
                    Sent::Failed(error) => {
                        session.write().await;
                        return Err(error.with_status(session.status()));
                    }
                },
                Do::Report => return Ok(()),
                Do::Refuse(refusal) => {
                    session.write().await;
                    return Err(self.refused(refusal, session));
                }
            }
        }
        Ok(())
    }

    fn refused(&self, refusal: Refusal, session: &Session) -> IntentError {
        let (asked, status) = (self.intent.money().clone(), session.status());
        match refusal {
            Refusal::Closed => IntentError::closed(status),
            Refusal::AmountDiffers => IntentError::amount_mismatch(asked, status),
        }
    }

    fn request(&self, attempt: u32) -> Result<Request, Error> {
        request(
            &self.intent,
            &self.options,
            &self.means,
            &self.details,
            attempt,
        )
    }

    /// Sends one request, with its repeats, and stores what it has come to.
    async fn send_once(
        &self,
        session: &mut Session,
        pay: &mut Protocol,
        attempt: u32,
    ) -> Result<Sent, IntentError> {
        let invalid = |error| IntentError::call(IntentErrorKind::InvalidRequest, error);
        let request = self.request(attempt).map_err(invalid)?;
        let recorder = self.recorder(session, pay, attempt);
        let options = session.within_the_call(self.options.clone());
        match recorder.begin_first(options.operation_timeout).await {
            Ok(()) => {}
            Err(Stopped::Store(error)) => return Err(IntentError::store(error)),
            Err(Stopped::Forbidden) => return self.decide_anew(session, pay, &recorder),
        }
        let result = self
            .exchange(session, attempt, request, options, recorder.clone())
            .await?;
        let ended = recorder.ended();
        session.take(ended.kept, true);
        session.tokens.extend(ended.tokens);
        let Some(sent) = ended.last else {
            return Ok(Sent::GoOn);
        };
        if let Some(Stopped::Store(error)) = ended.stopped {
            session.not_recorded = Some(error);
        }
        let situation = sent.end.flatten();
        let answer = self.answer(session, &result, sent.end.is_none(), situation);
        let (now, token, told) = (session.now(), sent.token, answer.clone());
        session.hold(move |record| record.answered(attempt, &token, told.clone(), now));
        self.learn(session, pay, attempt, answer, result).await
    }

    /// Somebody else has changed the record, or the call has not read it yet.
    fn decide_anew(
        &self,
        session: &mut Session,
        pay: &mut Protocol,
        recorder: &SendRecorder,
    ) -> Result<Sent, IntentError> {
        let was_read = session.kept().is_stored();
        session.take(recorder.ended().kept, false);
        session.lost_race()?;
        if !was_read {
            session.had_to_read = true;
            pay.begins_now();
            session.hand_out_action();
        }
        Ok(Sent::GoOn)
    }

    fn recorder(&self, session: &Session, pay: &Protocol, attempt: u32) -> Arc<SendRecorder> {
        let (pay, rules) = (pay.clone(), session.shared.rules);
        let reference = self.intent.reference().to_owned();
        SendRecorder::new(
            session.shared.flowlix.clone(),
            session.shared.records.clone(),
            session.kept().clone(),
            Box::new(move |record, send| {
                let is_allowed = if send.is_repeat {
                    pay.may_repeat(record, attempt, send.now, &rules)
                } else {
                    pay.may_begin(record, attempt, send.now, &rules)
                };
                is_allowed.then(|| {
                    record.revive(&reference);
                    let times = (send.now, send.deadline);
                    pay.begin(record, attempt, send.token.clone(), times, &rules)
                })
            }),
            Box::new(move |record, token, situation, now| {
                record.answered(attempt, token, answer_to(situation, None), now);
            }),
        )
    }

    async fn exchange(
        &self,
        session: &Session,
        attempt: u32,
        request: Request,
        options: CallOptions,
        recorder: Arc<SendRecorder>,
    ) -> Result<Result<Reply<Payment>, Error>, IntentError> {
        let flowlix = &session.shared.flowlix;
        let key = self.intent.names().payment_key(attempt);
        let key = key
            .map_err(|error| IntentError::new(IntentErrorKind::Configuration, error.to_string()))?;
        let call = flowlix.logged_write(self.means.operation(), key, options, recorder);
        let wire = flowlix.wire();
        Ok(match request {
            Request::Direct(request) => wire.create_direct(&call, request).await,
            Request::Hosted(request) => wire.create_hosted(&call, request).await,
        })
    }

    fn answer(
        &self,
        session: &Session,
        result: &Result<Reply<Payment>, Error>,
        is_open: bool,
        situation: Option<Situation>,
    ) -> Answer {
        // An answer is about the card that was sent, also where Flowlix shows the card only later.
        let view = |payment: &Payment| {
            let seen = payment_view(payment, &session.names, session.shared.flowlix.mode())?;
            let last4 = seen.last4.clone().or_else(|| session.last4.clone());
            Some(Seen { last4, ..seen })
        };
        match result {
            Ok(reply) => view(reply).map_or(Answer::AcceptedUnread, Answer::Accepted),
            Err(_) if is_open => Answer::Unknown,
            Err(error) if was_accepted(error) => Answer::AcceptedUnread,
            Err(_) if situation == Some(Situation::Accepted) => Answer::Unknown,
            Err(error) => answer_to(
                situation,
                error.decline().and_then(|decline| code_of(&decline)),
            ),
        }
    }

    /// What the call makes of an answer that is in the record by now.
    async fn learn(
        &self,
        session: &mut Session,
        pay: &mut Protocol,
        attempt: u32,
        answer: Answer,
        result: Result<Reply<Payment>, Error>,
    ) -> Result<Sent, IntentError> {
        let now = session.now();
        match (answer, result) {
            (Answer::Accepted(view), Ok(reply)) => {
                pay.accepted(&view.id);
                if session.is_older_than_attempt(&view, attempt) {
                    pay.replayed_older();
                }
                session.created(&reply).await;
            }
            (Answer::Declined { .. }, Err(error)) => {
                pay.answered(attempt, Answered::Refused, now);
                session.decline = error.decline();
            }
            (Answer::Rejected, Err(error)) => {
                return Ok(Sent::Failed(IntentError::call(
                    IntentErrorKind::Rejected,
                    error,
                )));
            }
            (Answer::NotCarriedOut, Err(error)) => {
                return Ok(Sent::Failed(IntentError::call(
                    IntentErrorKind::NotCarriedOut,
                    error,
                )));
            }
            (Answer::Conflict, _) => pay.answered(attempt, Answered::Conflict, now),
            _ => pay.answered(attempt, Answered::Unknown, now),
        }
        Ok(Sent::GoOn)
    }
}

fn code_of(decline: &crate::decline::Decline) -> Option<String> {
    decline.code().map(|code| code.as_str().to_owned())
}

/// Whether Flowlix said 2xx, and what it said cannot be used.
pub(super) fn was_accepted(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::AcceptedButUndecodable => !is_no_json(error),
        ErrorKind::AcceptedButMismatched => true,
        _ => false,
    }
}

/// Whether the answer was no JSON object from its beginning: a page of a firewall or a proxy, which proves nothing.
fn is_no_json(error: &Error) -> bool {
    let is_object = |body: &[u8]| {
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        body.trim_ascii_start().starts_with(b"{")
    };
    error.raw_body().is_some_and(|body| !is_object(body))
}

/// What a request has come to, by the situation that its answer was; a request without one was not sent.
pub(super) fn answer_to(situation: Option<Situation>, code: Option<String>) -> Answer {
    match situation {
        None
        | Some(Situation::NotConnected | Situation::RateLimited | Situation::NotAuthorized) => {
            Answer::NotCarriedOut
        }
        Some(Situation::CardRefused) => Answer::Declined { code },
        Some(Situation::Rejected | Situation::NotFound) => Answer::Rejected,
        Some(Situation::InFlight | Situation::KeyReused | Situation::Conflict) => Answer::Conflict,
        Some(Situation::Accepted) => Answer::AcceptedUnread,
        Some(
            Situation::NoAnswer
            | Situation::AnswerCutShort
            | Situation::RequestTimeout
            | Situation::ServerError
            | Situation::Foreign
            | Situation::Unexpected,
        ) => Answer::Unknown,
    }
}
