//! The API itself: from a read request to an answer, over the server's state.
//!
//! A request is handled in two parts, [`Api::begin`] (who calls, how often, which key) and
//! [`Api::finish`] (do it, keep the answer), so that a fault can hold a request between the two:
//! then its idempotency key is taken and a twin is told that it is being processed.

pub(crate) mod auth;
pub(crate) mod error;
pub(crate) mod idempotency;
pub(crate) mod list;
pub(crate) mod rate_limit;
pub(crate) mod route;

use serde_json::Value;

use self::auth::Caller;
use self::error::ApiError;
use self::idempotency::{Claim, Idempotency, Scope};
use self::rate_limit::{Budget, RateLimit};
use self::route::{Operation, Route};
use crate::clock::TestClock;
use crate::dialect::{Dialect, NewRefund, Urls, snake_case, uppercase};
use crate::event::Event;
use crate::ids::Ids;
use crate::payment::{Payment, Refund, RefundRefusal, Rules};
use crate::server::http::{Request, Response};

/// What a sandbox is built with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) seed: u64,
    pub(crate) rate_limit: u32,
    pub(crate) accept_live_keys: bool,
    pub(crate) strict: bool,
    pub(crate) page_cap: Option<usize>,
    pub(crate) rules: Rules,
}

/// The server's state.
#[derive(Debug)]
pub(crate) struct Api {
    settings: Settings,
    clock: TestClock,
    urls: Urls,
    ids: Ids,
    rate_limit: RateLimit,
    idempotency: Idempotency,
    /// Oldest first.
    payments: Vec<Payment>,
    events: Vec<Event>,
}

/// A request that has been let in and has not run yet.
#[derive(Debug)]
pub(crate) struct Ticket {
    caller: Caller,
    route: Route,
    envelope: Envelope,
    scope: Option<Scope>,
}

/// The headers that every answer carries, whatever it says.
#[derive(Clone, Debug)]
pub(crate) struct Envelope {
    dialect: Option<Dialect>,
    request_id: String,
    date: String,
    budget: Option<Budget>,
}

impl Envelope {
    pub(crate) fn error(&self, error: &ApiError) -> Response {
        let mut response = self.json(error.status, error.body(&self.request_id).to_string());
        if let Some(retry_after) = &error.retry_after {
            response.push_header("Retry-After", retry_after);
        }
        response
    }

    fn json(&self, status: u16, body: String) -> Response {
        let mut response = Response::new(status, "application/json", body.into_bytes());
        response.push_header("Date", &self.date);
        let names = match self.dialect {
            Some(dialect) => vec![dialect.request_id_header()],
            // Nobody can tell which dialect a stranger expects.
            None => vec!["Flowlix-Request-Id", "Request-Id"],
        };
        for name in names {
            response.push_header(name, &self.request_id);
        }
        if let Some(budget) = self.budget {
            response.push_header("X-RateLimit-Limit", &budget.limit.to_string());
            response.push_header("X-RateLimit-Remaining", &budget.remaining.to_string());
            response.push_header("X-RateLimit-Reset", &budget.reset.to_string());
        }
        response
    }
}

impl Api {
    pub(crate) fn new(settings: Settings, clock: TestClock, urls: Urls) -> Self {
        Self {
            settings,
            clock,
            urls,
            ids: Ids::new(settings.seed),
            rate_limit: RateLimit::new(settings.rate_limit),
            idempotency: Idempotency::default(),
            payments: Vec::new(),
            events: Vec::new(),
        }
    }

    /// All payments, oldest first, with everything that time alone brings.
    pub(crate) fn payments(&mut self) -> &[Payment] {
        self.catch_up();
        &self.payments
    }

    pub(crate) fn events(&mut self) -> &[Event] {
        self.catch_up();
        &self.events
    }

    pub(crate) fn event(&mut self, id: &str) -> Option<&Event> {
        self.events().iter().find(|event| event.id() == id)
    }

    /// Notes that an event need not be delivered any more.
    pub(crate) fn settle_event(&mut self, id: &str) {
        if let Some(event) = self.events.iter_mut().find(|event| event.id() == id) {
            event.settle();
        }
    }

    pub(crate) fn find(&mut self, payment_id: &str) -> Option<&Payment> {
        self.catch_up();
        self.payments
            .iter()
            .find(|payment| payment.id() == payment_id)
    }

    /// Lets `change` work on a payment, and notes the events that follow from it.
    pub(crate) fn change<T>(
        &mut self,
        payment_id: &str,
        change: impl FnOnce(&mut Payment, i64, &mut Ids) -> T,
    ) -> Option<T> {
        self.catch_up();
        let now = self.clock.now();
        let index = self
            .payments
            .iter()
            .position(|payment| payment.id() == payment_id)?;
        self.change_at(index, now, change)
    }

    fn change_at<T>(
        &mut self,
        index: usize,
        now: i64,
        change: impl FnOnce(&mut Payment, i64, &mut Ids) -> T,
    ) -> Option<T> {
        let payment = self.payments.get_mut(index)?;
        let before = Event::watch(payment);
        let result = change(payment, now, &mut self.ids);
        let new = Event::since(&before, payment, &self.urls, &mut self.ids);
        self.events.extend(new);
        Some(result)
    }

    fn catch_up(&mut self) {
        let now = self.clock.now();
        let known = self.events.len();
        for index in 0..self.payments.len() {
            self.change_at(index, now, Payment::catch_up);
        }
        // The clock may have passed many moments at once, in another order than that of payments.
        if let Some(new) = self.events.get_mut(known..) {
            new.sort_by_key(Event::created_at);
        }
    }

    /// An envelope for an answer that no ticket stands behind.
    pub(crate) fn envelope(&mut self, request: &Request) -> Envelope {
        let caller = auth::authenticate(request, self.settings.accept_live_keys).ok();
        let now = self.clock.now();
        Envelope {
            dialect: auth::claimed_dialect(request),
            request_id: self.ids.request(),
            date: self.clock.http_date(),
            budget: caller.map(|caller| {
                self.rate_limit
                    .count((caller.dialect, caller.livemode), now)
            }),
        }
    }

    /// The whole request at once.
    pub(crate) fn answer(&mut self, request: &Request) -> Response {
        match self.begin(request) {
            Ok(ticket) => self.finish(&ticket, request),
            Err(response) => *response,
        }
    }

    /// Lets a request in, or answers it at once: strangers, too many requests, unknown paths,
    /// keys that are in use, replays.
    pub(crate) fn begin(&mut self, request: &Request) -> Result<Ticket, Box<Response>> {
        self.catch_up();
        let envelope = self.envelope(request);
        self.let_in(request, &envelope)
            .and_then(|(caller, route, scope)| {
                if let Some(scope) = &scope {
                    let now = self.clock.now();
                    match self.idempotency.claim(scope, request.body(), now) {
                        Ok(Claim::Run) => {}
                        Ok(Claim::Replay(stored)) => {
                            return Err(envelope.json(stored.status, stored.body));
                        }
                        Err(error) => return Err(envelope.error(&error)),
                    }
                }
                Ok(Ticket {
                    caller,
                    route,
                    envelope: envelope.clone(),
                    scope,
                })
            })
            .map_err(Box::new)
    }

    fn let_in(
        &self,
        request: &Request,
        envelope: &Envelope,
    ) -> Result<(Caller, Route, Option<Scope>), Response> {
        let refuse = |error: ApiError| envelope.error(&error);
        let caller = auth::authenticate(request, self.settings.accept_live_keys).map_err(refuse)?;
        if let Some(budget) = envelope.budget.filter(|budget| budget.exceeded) {
            let seconds = budget.reset.saturating_sub(self.clock.now());
            return Err(refuse(ApiError::rate_limited(seconds.to_string())));
        }
        let route = route::route(request.method(), request.path())
            .filter(|route| route.exists_in(caller.dialect))
            .ok_or_else(|| refuse(ApiError::not_found("No such endpoint.")))?;
        let scope = idempotency_scope(request, caller, route.operation).map_err(refuse)?;
        Ok((caller, route, scope))
    }

    /// Runs a request that was let in, and keeps a 2xx answer under its key.
    pub(crate) fn finish(&mut self, ticket: &Ticket, request: &Request) -> Response {
        self.catch_up();
        let outcome = self.execute(ticket, request);
        let now = self.clock.now();
        match outcome {
            Ok((status, body)) => {
                let body = body.to_string();
                if let Some(scope) = &ticket.scope {
                    self.idempotency.store(scope, status, body.clone(), now);
                }
                ticket.envelope.json(status, body)
            }
            Err(error) => {
                if let Some(scope) = &ticket.scope {
                    self.idempotency.release(scope);
                }
                ticket.envelope.error(&error)
            }
        }
    }

    fn execute(&mut self, ticket: &Ticket, request: &Request) -> Result<(u16, Value), ApiError> {
        let caller = ticket.caller;
        let strict = self.settings.strict;
        let path_id = ticket.route.payment_id.as_deref().unwrap_or_default();
        match ticket.route.operation {
            Operation::CreateDirectPayment => {
                let wanted = caller.dialect.read_direct(&json_body(request)?, strict)?;
                let challenged = wanted
                    .card
                    .as_ref()
                    .is_some_and(|card| card.needs_challenge());
                if challenged && wanted.return_url.is_none() {
                    return Err(ApiError::missing("return_url"));
                }
                self.create(ticket, wanted)
            }
            Operation::CreateHostedPayment => {
                let wanted = caller.dialect.read_hosted(&json_body(request)?, strict)?;
                self.create(ticket, wanted)
            }
            Operation::ListPayments => {
                let query = caller.dialect.read_list(request.query(), strict)?;
                let newest_first: Vec<&Payment> = self
                    .payments
                    .iter()
                    .rev()
                    .filter(|payment| {
                        payment.dialect() == caller.dialect && payment.livemode() == caller.livemode
                    })
                    .collect();
                let page = list::page(&newest_first, &query, self.settings.page_cap)?;
                Ok((200, caller.dialect.page(&page, &self.urls)))
            }
            Operation::RetrievePayment => {
                self.owned(caller, path_id)?;
                self.change(path_id, Payment::read);
                let payment = self.owned(caller, path_id)?;
                Ok((200, caller.dialect.payment(payment, &self.urls)))
            }
            Operation::Refund => {
                let body = json_body(request)?;
                match caller.dialect {
                    Dialect::SnakeCase => {
                        let wanted = snake_case::read_refund(&body, strict)?;
                        self.refund(ticket, path_id, wanted)
                    }
                    Dialect::Uppercase => {
                        let (payment_id, wanted) = uppercase::read_refund(&body, strict)?;
                        self.refund(ticket, &payment_id, wanted)
                    }
                }
            }
        }
    }

    fn create(
        &mut self,
        ticket: &Ticket,
        wanted: crate::dialect::NewPayment,
    ) -> Result<(u16, Value), ApiError> {
        let caller = ticket.caller;
        let payment = Payment::new(
            wanted,
            self.ids.payment(caller.dialect),
            caller.dialect,
            caller.livemode,
            ticket.scope.as_ref().map(|scope| scope.key().to_owned()),
            self.clock.now(),
            self.settings.rules,
        );
        let shown = caller.dialect.payment(&payment, &self.urls);
        self.payments.push(payment);
        Ok((201, shown))
    }

    fn refund(
        &mut self,
        ticket: &Ticket,
        payment_id: &str,
        wanted: NewRefund,
    ) -> Result<(u16, Value), ApiError> {
        let caller = ticket.caller;
        let now = self.clock.now();
        let payment = self.owned(caller, payment_id)?;
        let amount = payment
            .check_refund(&wanted, now)
            .map_err(|refusal| match refusal {
                RefundRefusal::NotSucceeded(status) => ApiError::wrong_state(&format!(
                    "A payment that is {} cannot be refunded.",
                    caller.dialect.spell(status.name())
                )),
                RefundRefusal::TooOld => ApiError::wrong_state(
                    "A payment can be refunded within 180 days of its creation only.",
                ),
                RefundRefusal::NothingLeft => ApiError::already_refunded(),
                RefundRefusal::MoreThanLeft { left } => ApiError::amount_too_large(left),
            })?;
        let refund = Refund::new(
            self.ids.refund(caller.dialect, now),
            amount,
            self.owned(caller, payment_id)?.currency(),
            wanted.reason,
            wanted.metadata,
            ticket.scope.as_ref().map(|scope| scope.key().to_owned()),
            now,
        );
        self.change(payment_id, |payment, _, _| payment.add_refund(refund));
        let payment = self.owned(caller, payment_id)?;
        let refund = payment
            .refunds()
            .last()
            .ok_or_else(|| ApiError::not_found("No such refund."))?;
        Ok((
            201,
            caller.dialect.refund_answer(payment, refund, &self.urls),
        ))
    }

    /// A payment that the caller may see.
    fn owned(&self, caller: Caller, payment_id: &str) -> Result<&Payment, ApiError> {
        let payment = self
            .payments
            .iter()
            .find(|payment| payment.id() == payment_id && payment.dialect() == caller.dialect)
            .ok_or_else(|| ApiError::not_found("No such payment."))?;
        if payment.livemode() != caller.livemode {
            return Err(ApiError::other_mode());
        }
        Ok(payment)
    }
}

/// The key's scope for operations that have one.
fn idempotency_scope(
    request: &Request,
    caller: Caller,
    operation: Operation,
) -> Result<Option<Scope>, ApiError> {
    const HEADER: &str = "Idempotency-Key";
    if request.method() != "POST" {
        return Ok(None);
    }
    match request.header(HEADER).filter(|key| !key.is_empty()) {
        None if caller.dialect == Dialect::Uppercase => Err(ApiError::missing(HEADER)),
        None => Ok(None),
        Some(key) if key.chars().count() > 255 => Err(ApiError::invalid(
            Some(HEADER),
            "Idempotency-Key must be at most 255 characters long.",
        )),
        Some(key) => Ok(Some(Scope::new(caller, operation, key))),
    }
}

fn json_body(request: &Request) -> Result<Value, ApiError> {
    serde_json::from_slice(request.body())
        .map_err(|_| ApiError::invalid(None, "The request body is not valid JSON."))
}
