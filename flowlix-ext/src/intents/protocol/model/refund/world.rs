//! Flowlix as its documents describe it, as far as refunding once depends on it: one charged payment, its refunds,
//! idempotency keys, and a network that delays and loses.

use crate::intents::protocol::refund::RefundPhase;

/// What was charged.
pub(super) const CHARGED: i64 = 2;

/// How Flowlix and the network behave in a model.
#[derive(Debug, Clone, Copy)]
pub(super) struct Habits {
    /// How long a key lives.
    pub(super) key_life: i64,
    /// How long after its creation the payment does not show a refund.
    pub(super) lag: i64,
    /// How long after its deadline a request may still arrive.
    pub(super) transit: i64,
    /// Refunds carry no mark, and an answer shows the whole payment.
    pub(super) is_snake_case: bool,
    /// Answers may be lost.
    pub(super) loses_answers: bool,
    /// A refund is pending at first.
    pub(super) pends: bool,
    /// A pending refund may fail.
    pub(super) fails: bool,
    /// A request may be rejected whatever is left.
    pub(super) rejects: bool,
    /// A 2xx answer may be one that cannot be read.
    pub(super) is_unreadable: bool,
}

/// One request on its way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Request {
    /// Who waits for the answer.
    pub(super) client: usize,
    pub(super) token: u8,
    pub(super) key: Name,
    pub(super) amount: i64,
    pub(super) deadline: i64,
}

/// What an idempotency key follows from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Name {
    pub(super) api_key: u8,
    pub(super) reference: u8,
    pub(super) attempt: u32,
}

/// What a payment showed of its refunds at some moment: their numbers, and how far they were.
pub(super) type Snapshot = Vec<(u8, RefundPhase)>;

/// What Flowlix says to a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Reply {
    Accepted { id: u8, shown: Snapshot },
    Unreadable,
    Rejected,
    Conflict,
}

/// What becomes of a request that Flowlix has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum End {
    Made,
    MadeUnreadably,
    Rejected,
}

/// What Flowlix holds under a key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    name: Name,
    amount: i64,
    /// `None` while the request is being processed.
    stored: Option<(Reply, i64)>,
}

/// A refund at Flowlix.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Made {
    /// Reference and attempt; `None` for one that was made outside the SDK.
    pub(super) of: Option<(u8, u32)>,
    pub(super) amount: i64,
    pub(super) phase: RefundPhase,
    pub(super) at: i64,
}

/// Flowlix and the network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct World {
    pub(super) now: i64,
    keys: Vec<Key>,
    pub(super) refunds: Vec<Made>,
    pub(super) requests: Vec<Request>,
    /// Being processed at Flowlix.
    pub(super) processing: Vec<Request>,
    /// Answers on their way: client, token, answer.
    pub(super) answers: Vec<(usize, u8, Reply)>,
}

impl World {
    /// The refunds of a reference that hold money back from others.
    pub(super) fn standing(&self, reference: u8) -> impl Iterator<Item = &Made> {
        let of_it = move |made: &&Made| made.of.is_some_and(|(of, _)| of == reference);
        let stands = |made: &&Made| made.phase != RefundPhase::Failed;
        self.refunds.iter().filter(of_it).filter(stands)
    }

    pub(super) fn left(&self) -> i64 {
        let stand = self
            .refunds
            .iter()
            .filter(|made| made.phase != RefundPhase::Failed);
        CHARGED - stand.map(|made| made.amount).sum::<i64>()
    }

    /// Whether a request on its way can still bring a refund of this reference about.
    pub(super) fn may_make(&self, reference: u8) -> bool {
        let waiting = self
            .requests
            .iter()
            .filter(|request| self.key(request.key).is_none());
        waiting
            .chain(&self.processing)
            .any(|request| request.key.reference == reference)
    }

    fn key(&self, name: Name) -> Option<&Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// A request arrives: its key decides what becomes of it.
    pub(super) fn arrive(&mut self, at: usize) {
        let request = self.requests.remove(at);
        let known = self.key(request.key);
        let known = known.map(|key| (key.amount == request.amount, key.stored.clone()));
        match known {
            None => {
                self.keys.push(Key {
                    name: request.key,
                    amount: request.amount,
                    stored: None,
                });
                self.processing.push(request);
            }
            Some((true, Some((reply, _)))) => self.answer(&request, reply),
            Some(_) => self.answer(&request, Reply::Conflict),
        }
    }

    /// The ways in which Flowlix may end a request.
    pub(super) fn ends(&self, at: usize, habits: &Habits) -> Vec<End> {
        if self.processing[at].amount > self.left() {
            return vec![End::Rejected];
        }
        let mut ends = vec![End::Made];
        if habits.rejects {
            ends.push(End::Rejected);
        }
        if habits.is_unreadable {
            ends.push(End::MadeUnreadably);
        }
        ends
    }

    /// Flowlix is done with a request.
    pub(super) fn finish(&mut self, at: usize, end: End, habits: &Habits) {
        let request = self.processing.remove(at);
        let key = self.keys.iter().position(|key| key.name == request.key);
        let key = key.unwrap();
        let reply = match end {
            End::Rejected => {
                self.keys.remove(key);
                Reply::Rejected
            }
            End::Made | End::MadeUnreadably => {
                let of = Some((request.key.reference, request.key.attempt));
                let id = self.make(of, request.amount, habits);
                let reply = if end == End::Made {
                    let shown = self.answer_shows(id, habits);
                    Reply::Accepted { id, shown }
                } else {
                    Reply::Unreadable
                };
                self.keys[key].stored = Some((reply.clone(), self.now));
                reply
            }
        };
        self.answer(&request, reply);
    }

    fn answer_shows(&self, id: u8, habits: &Habits) -> Snapshot {
        let mut all = self.shows(0);
        if !habits.is_snake_case {
            all.retain(|(one, _)| *one == id);
        }
        all
    }

    /// A refund comes into being.
    pub(super) fn make(&mut self, of: Option<(u8, u32)>, amount: i64, habits: &Habits) -> u8 {
        self.refunds.push(Made {
            of,
            amount,
            phase: if habits.pends && of.is_some() {
                RefundPhase::Pending
            } else {
                RefundPhase::Succeeded
            },
            at: self.now,
        });
        u8::try_from(self.refunds.len() - 1).unwrap()
    }

    fn answer(&mut self, request: &Request, reply: Reply) {
        self.answers.push((request.client, request.token, reply));
    }

    /// What the payment shows of its refunds.
    pub(super) fn shows(&self, lag: i64) -> Snapshot {
        let all = self.refunds.iter().enumerate();
        let shown = all.filter(|(_, made)| self.now >= made.at + lag);
        shown
            .map(|(id, made)| (u8::try_from(id).unwrap(), made.phase))
            .collect()
    }

    /// Whether time may go on: what Flowlix has begun it ends within the quiet time.
    pub(super) fn may_tick(&self, habits: &Habits) -> bool {
        self.processing
            .iter()
            .all(|request| self.now < request.deadline + habits.transit)
    }

    /// Time goes on: keys end, and a request that is too old to arrive is lost.
    pub(super) fn pass(&mut self, ticks: i64, habits: &Habits) {
        self.now += ticks;
        let now = self.now;
        self.requests
            .retain(|request| now <= request.deadline + habits.transit);
        self.keys.retain(|key| {
            let stored = key.stored.as_ref();
            stored.is_none_or(|(_, at)| now < at + habits.key_life)
        });
    }
}
