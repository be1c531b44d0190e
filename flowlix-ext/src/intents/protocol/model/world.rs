//! Flowlix as its documents describe it, as far as charging once depends on it: idempotency keys, payments, lists, and
//! a network that delays and loses.

use super::super::record::{Method, Payment, Phase};

/// How Flowlix and the network behave in a model.
#[derive(Debug, Clone, Copy)]
pub(super) struct Habits {
    /// How long a key lives.
    pub(super) key_life: i64,
    /// How long after its creation a payment is missing from lists.
    pub(super) list_lag: i64,
    /// How long after its deadline a request may still arrive.
    pub(super) transit: i64,
    /// A request may be declined at once.
    pub(super) declines_at_once: bool,
    /// A payment may be declined later.
    pub(super) declines_later: bool,
    /// A payment may ask for the customer.
    pub(super) asks_customer: bool,
    /// In uppercase each operation has its own keys.
    pub(super) is_per_operation: bool,
    /// Against the documents, 4xx answers are stored as well.
    pub(super) stores_refusals: bool,
    /// Answers may be lost.
    pub(super) loses_answers: bool,
    /// An answer that accepts may be unreadable.
    pub(super) garbles_answers: bool,
}

/// One request on its way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Request {
    /// Who waits for the answer.
    pub(super) client: usize,
    pub(super) token: u8,
    pub(super) attempt: u32,
    pub(super) namespace: u8,
    pub(super) method: Method,
    pub(super) card: u8,
    pub(super) amount: i64,
    pub(super) deadline: i64,
}

/// What Flowlix says to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Reply {
    Accepted(u8),
    /// Accepted, and nothing else can be read of it.
    Unreadable,
    Declined,
    Conflict,
}

/// What Flowlix holds under a key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    attempt: u32,
    namespace: u8,
    body: (Method, u8, i64),
    /// `None` while the request is being processed.
    stored: Option<Stored>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Stored {
    reply: Reply,
    at: i64,
}

/// A payment at Flowlix.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Held {
    pub(super) attempt: u32,
    pub(super) method: Method,
    pub(super) card: u8,
    pub(super) amount: i64,
    pub(super) phase: Phase,
    pub(super) created_at: i64,
    /// A payment asks for the customer at most once.
    pub(super) has_asked: bool,
    /// The address of a page was handed out; until then nobody can pay there.
    is_handed_out: bool,
}

impl Held {
    /// Whether the customer can do what the payment asks for.
    fn is_reachable(&self) -> bool {
        self.method == Method::Card || self.is_handed_out
    }
}

/// Flowlix and the network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct World {
    pub(super) now: i64,
    keys: Vec<Key>,
    pub(super) payments: Vec<Held>,
    pub(super) requests: Vec<Request>,
    /// Being processed at Flowlix.
    pub(super) processing: Vec<Request>,
    /// Answers on their way: client, token, answer.
    pub(super) answers: Vec<(usize, u8, Reply)>,
}

impl World {
    pub(super) fn charges(&self) -> usize {
        self.payments
            .iter()
            .filter(|held| held.phase == Phase::Charged)
            .count()
    }

    /// Whether a request can still bring a payment about.
    pub(super) fn may_create(&self) -> bool {
        let waiting = self
            .requests
            .iter()
            .any(|request| self.key(request).is_none());
        waiting || !self.processing.is_empty()
    }

    fn key(&self, request: &Request) -> Option<&Key> {
        self.keys
            .iter()
            .find(|key| key.attempt == request.attempt && key.namespace == request.namespace)
    }

    /// A request arrives: its key decides what becomes of it.
    pub(super) fn arrive(&mut self, at: usize, habits: &Habits) {
        let request = self.requests.remove(at);
        let now = self.now;
        self.keys.retain(|key| {
            key.stored
                .as_ref()
                .is_none_or(|stored| now < stored.at + habits.key_life)
        });
        let body = (request.method, request.card, request.amount);
        let known = self
            .key(&request)
            .map(|key| (key.body == body, key.stored.clone()));
        match known {
            None => {
                self.keys.push(Key {
                    attempt: request.attempt,
                    namespace: request.namespace,
                    body,
                    stored: None,
                });
                self.processing.push(request);
            }
            Some((true, Some(stored))) => self.answer(&request, stored.reply),
            Some(_) => self.answer(&request, Reply::Conflict),
        }
    }

    /// Flowlix is done with a request.
    pub(super) fn finish(&mut self, at: usize, accepts: bool, habits: &Habits) {
        let request = self.processing.remove(at);
        let reply = if accepts {
            self.payments.push(Held {
                attempt: request.attempt,
                method: request.method,
                card: request.card,
                amount: request.amount,
                phase: if request.method == Method::HostedPage {
                    Phase::ActionRequired
                } else {
                    Phase::Open
                },
                created_at: self.now,
                has_asked: request.method == Method::HostedPage,
                is_handed_out: false,
            });
            Reply::Accepted(u8::try_from(self.payments.len() - 1).unwrap())
        } else {
            Reply::Declined
        };
        let now = self.now;
        let at = self
            .keys
            .iter()
            .position(|key| key.attempt == request.attempt && key.namespace == request.namespace)
            .unwrap();
        if accepts || habits.stores_refusals {
            self.keys[at].stored = Some(Stored { reply, at: now });
        } else {
            self.keys.remove(at);
        }
        self.answer(&request, reply);
    }

    fn answer(&mut self, request: &Request, reply: Reply) {
        self.answers.push((request.client, request.token, reply));
    }

    /// The ways in which a payment may go on.
    pub(super) fn ways_on(&self, id: usize, habits: &Habits) -> Vec<Phase> {
        let held = &self.payments[id];
        let mut ways = Vec::new();
        match held.phase {
            Phase::Open => {
                ways.push(Phase::Charged);
                if habits.declines_later {
                    ways.push(Phase::Failed);
                }
                if habits.asks_customer && !held.has_asked {
                    ways.push(Phase::ActionRequired);
                }
            }
            Phase::ActionRequired if held.is_reachable() => {
                ways.extend([Phase::Charged, Phase::Expired]);
            }
            Phase::ActionRequired => ways.push(Phase::Expired),
            Phase::Failed | Phase::Expired | Phase::Canceled | Phase::Charged => {}
        }
        ways
    }

    pub(super) fn go_on(&mut self, id: usize, phase: Phase) {
        let held = &mut self.payments[id];
        held.has_asked |= phase == Phase::ActionRequired;
        held.phase = phase;
    }

    /// Somebody is told the address of this payment's page.
    pub(super) fn hand_out(&mut self, id: usize) {
        self.payments[id].is_handed_out = self.payments[id].method == Method::HostedPage;
    }

    /// Everything that is on its way ends, on a Flowlix that accepts every request and a customer who does what is asked,
    /// or the other way round.
    pub(super) fn end(&mut self, accepts: bool, habits: &Habits) {
        while !self.requests.is_empty() {
            self.arrive(0, habits);
        }
        while !self.processing.is_empty() {
            self.finish(0, accepts, habits);
        }
        for held in &mut self.payments {
            held.phase = match held.phase {
                Phase::Open => Phase::Charged,
                Phase::ActionRequired if accepts && held.is_reachable() => Phase::Charged,
                Phase::ActionRequired => Phase::Expired,
                phase => phase,
            };
        }
    }

    /// A payment as Flowlix shows it.
    pub(super) fn view(&self, id: usize) -> Payment {
        let held = &self.payments[id];
        Payment {
            id: id.to_string(),
            attempt: held.attempt,
            method: held.method,
            phase: held.phase,
            amount: held.amount,
            currency: String::new(),
            refunded: 0,
            refundable: None,
            last4: (held.method == Method::Card).then(|| held.card.to_string()),
            decline_code: None,
            action: (held.phase == Phase::ActionRequired).then(String::new),
            returned_from: None,
            created_at: None,
        }
    }

    /// What the lists show.
    pub(super) fn listed(&self, habits: &Habits) -> Vec<Payment> {
        let shown = |id: &usize| self.now >= self.payments[*id].created_at + habits.list_lag;
        (0..self.payments.len())
            .filter(shown)
            .map(|id| self.view(id))
            .collect()
    }

    /// Whether time may go on: what Flowlix has begun it ends within the quiet time.
    pub(super) fn may_tick(&self, habits: &Habits) -> bool {
        self.processing
            .iter()
            .all(|request| self.now < request.deadline + habits.transit)
    }

    /// Time goes on: a request that is too old to arrive is lost.
    pub(super) fn tick(&mut self, habits: &Habits) {
        self.now += 1;
        let now = self.now;
        self.requests
            .retain(|request| now <= request.deadline + habits.transit);
    }
}
