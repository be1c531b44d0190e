//! The API itself: from a read request to an answer, over the server's state.
//!
//! A request is handled in two parts, [`Api::begin`] (who calls, how often, which key) and
//! [`Api::finish`] (do it, keep the answer), so that a fault can hold a request between the two:
//! then its idempotency key is taken and a twin is told that it is being processed.

pub(crate) mod auth;
pub(crate) mod error;
pub(crate) mod idempotency;
pub(crate) mod list;
mod operations;
pub(crate) mod rate_limit;
pub(crate) mod route;

use serde_json::Value;

use self::auth::Caller;
use self::error::ApiError;
use self::idempotency::{Claim, Idempotency, Scope};
use self::rate_limit::{Budget, RateLimit};
use self::route::{Operation, Route};
use crate::clock::TestClock;
use crate::dialect::{Dialect, Urls};
use crate::event::Event;
use crate::ids::Ids;
use crate::payment::{Payment, Rules};
use crate::server::http::{Request, Response};

/// What a sandbox is built with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) seed: u64,
    pub(crate) rate_limit: u32,
    pub(crate) accept_live_keys: bool,
    pub(crate) strict: bool,
    pub(crate) page_cap: Option<usize>,
    /// Seconds after which a new payment shows up in lists.
    pub(crate) list_lag: i64,
    /// Whether 4xx answers are stored under the idempotency key too.
    pub(crate) store_refusals: bool,
    /// Whether a 409 says nothing about its meaning.
    pub(crate) terse_conflicts: bool,
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

    pub(crate) fn set_list_lag(&mut self, seconds: i64) {
        self.settings.list_lag = seconds;
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
            budget: caller.map(|caller| self.rate_limit.count(caller, now)),
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
                        Err(error) if self.settings.terse_conflicts => {
                            return Err(envelope.error(&error.with_message("Conflict.")));
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
            .filter(|route| route.exists_in(caller.dialect()))
            .ok_or_else(|| refuse(ApiError::not_found("No such endpoint.")))?;
        let scope = idempotency_scope(request, caller, route.operation).map_err(refuse)?;
        Ok((caller, route, scope))
    }

    /// Runs a request that was let in, and keeps a 2xx answer under its key.
    pub(crate) fn finish(&mut self, ticket: &Ticket, request: &Request) -> Response {
        self.catch_up();
        let outcome = self.execute(ticket, request);
        self.conclude(ticket, outcome)
    }

    /// The whole request at once, but with this error in place of running it.
    pub(crate) fn answer_with(&mut self, request: &Request, error: ApiError) -> Response {
        match self.begin(request) {
            Ok(ticket) => self.conclude(&ticket, Err(error)),
            Err(response) => *response,
        }
    }

    fn conclude(&mut self, ticket: &Ticket, outcome: Result<(u16, Value), ApiError>) -> Response {
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
                let response = ticket.envelope.error(&error);
                if let Some(scope) = &ticket.scope {
                    if self.settings.store_refusals && (400..500).contains(&error.status) {
                        let body = error.body(&ticket.envelope.request_id).to_string();
                        self.idempotency.store(scope, error.status, body, now);
                    } else {
                        self.idempotency.release(scope);
                    }
                }
                response
            }
        }
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
        None if caller.dialect() == Dialect::Uppercase => Err(ApiError::missing(HEADER)),
        None => Ok(None),
        Some(key) if key.chars().count() > 255 => Err(ApiError::invalid(
            Some(HEADER),
            "Idempotency-Key must be at most 255 characters long.",
        )),
        Some(key) => Ok(Some(Scope::new(caller, operation, key))),
    }
}
