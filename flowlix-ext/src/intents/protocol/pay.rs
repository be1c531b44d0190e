//! What a call does next. The answer follows from the record and from what the call has learnt so far, so that the
//! model checker asks the same questions as the code that sends.

use super::record::{Attempt, Method, Payment, Record};
use super::rules::{Millis, Rules};
use super::sends::CannotSend;
use super::status::{is_superseded, waits_for_customer};

/// What a call does next.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Do {
    /// Retrieve these payments, after a pause if `again`.
    Look { payments: Vec<String>, again: bool },
    /// Search the lists for payments of the intent.
    Search,
    /// Record a send under this attempt's key, then send.
    Send { attempt: u32 },
    /// Wait a moment, then ask again.
    Wait,
    /// Nothing more: tell where the intent stands.
    Report,
    /// Nothing may be sent for this request.
    Refuse(Refusal),
}

/// Why a `pay` is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Refusal {
    /// The intent is closed.
    Closed,
    /// The intent has another amount or currency, and something may be charged already.
    AmountDiffers,
}

/// What a call has learnt of the intent: shared by `pay`, `status` and `returned`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Observation {
    /// When the call stops waiting.
    pub(crate) give_up_at: Millis,
    /// The payments that were retrieved in this call.
    looked: Vec<String>,
    /// When the last search of this call that told something was begun.
    searched_at: Option<Millis>,
    /// Flowlix knows no payment of an id that the record has.
    is_missing: bool,
}

impl Observation {
    pub(crate) fn until(give_up_at: Millis) -> Self {
        Self {
            give_up_at,
            ..Self::default()
        }
    }

    /// A payment was retrieved, or Flowlix did not say how it stands.
    pub(crate) fn looked_at(&mut self, id: &str) {
        if !self.has_looked_at(id) {
            self.looked.push(id.to_owned());
        }
    }

    /// Flowlix knows no payment of this id, at least not for this API key.
    pub(crate) fn missed(&mut self) {
        self.is_missing = true;
    }

    /// A search was tried.
    pub(crate) fn searched(&mut self, begun_at: Millis) {
        self.searched_at = Some(begun_at);
    }

    fn has_looked_at(&self, id: &str) -> bool {
        self.looked
            .iter()
            .any(|known| known.eq_ignore_ascii_case(id))
    }

    /// Live payments that this call has not retrieved: what they show decides everything else.
    fn unseen(&self, record: &Record) -> Option<Do> {
        let live = record.live_payments().map(|payment| payment.id.clone());
        let payments: Vec<String> = live.filter(|id| !self.has_looked_at(id)).collect();
        (!payments.is_empty()).then_some(Do::Look {
            payments,
            again: false,
        })
    }

    /// Retrieves the payments again that are on their way, while there is time and nobody waits for the customer.
    fn poll(&self, record: &Record, now: Millis) -> Option<Do> {
        let live: Vec<&Payment> = record
            .live_payments()
            .filter(|payment| !is_superseded(record, payment))
            .collect();
        let waits = live.iter().any(|payment| waits_for_customer(payment));
        if live.is_empty() || waits || now >= self.give_up_at {
            return None;
        }
        let payments = live.iter().map(|payment| payment.id.clone()).collect();
        Some(Do::Look {
            payments,
            again: true,
        })
    }

    /// What a call that does not pay does next.
    pub(crate) fn next(&self, record: &Record, now: Millis) -> Do {
        if let Some(look) = self.unseen(record).or_else(|| self.poll(record, now)) {
            return look;
        }
        self.pending_refunds(record)
            .or_else(|| self.look_for_lost(record))
            .unwrap_or(Do::Report)
    }

    /// Charged payments of which a refund is on its way: how much went back changes with it.
    fn pending_refunds(&self, record: &Record) -> Option<Do> {
        let pending = record.refunds.iter().filter(|refund| refund.is_open());
        let mut payments: Vec<String> = pending.map(|refund| refund.payment.clone()).collect();
        payments.retain(|id| !self.has_looked_at(id));
        payments.dedup();
        (!payments.is_empty()).then_some(Do::Look {
            payments,
            again: false,
        })
    }

    /// Searches once in a call for requests whose outcome is unknown, or was proved by waiting alone, and for payments
    /// that Flowlix did not find under the id that it had told.
    fn look_for_lost(&self, record: &Record) -> Option<Do> {
        let is_worth_it = record.is_worth_a_search() || self.is_missing;
        (is_worth_it && self.searched_at.is_none()).then_some(Do::Search)
    }
}

/// A `pay` on its way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Pay {
    /// Minor units.
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) method: Method,
    /// The namespace of idempotency keys in which a request of this call counts.
    pub(crate) namespace: String,
    /// The last four digits of the card in hand.
    pub(crate) last4: Option<String>,
    /// The attempt that the caller gives up for a new one.
    pub(crate) supersedes: Option<u32>,
    pub(crate) seen: Observation,
    /// The payment that this call's own request created.
    own: Option<String>,
    /// The record is older than what Flowlix holds: the store was restored from a copy.
    is_behind: bool,
    /// Payments that had ended when the call began.
    ended_before: Option<Vec<String>>,
    /// What this call's last request came to, and under which attempt.
    answered: Option<(u32, Answered, Millis)>,
}

/// What a request of this call came to, where it created no payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Answered {
    /// Flowlix refused it: the call has its result.
    Refused,
    /// 409.
    Conflict,
    /// Not known.
    Unknown,
}

impl Pay {
    pub(crate) fn new(
        (amount, currency): (i64, String),
        method: Method,
        namespace: String,
        last4: Option<String>,
        supersedes: Option<u32>,
        give_up_at: Millis,
    ) -> Self {
        Self {
            amount,
            currency,
            method,
            namespace,
            last4,
            supersedes,
            seen: Observation::until(give_up_at),
            own: None,
            is_behind: false,
            ended_before: None,
            answered: None,
        }
    }

    /// The record that the call has seen so far was not the stored one: it begins with the next one.
    pub(crate) fn begins_now(&mut self) {
        self.ended_before = None;
    }

    /// This call's request created, or replayed, this payment.
    pub(crate) fn accepted(&mut self, id: &str) {
        self.own = Some(id.to_owned());
        self.answered = None;
        self.seen.looked_at(id);
    }

    /// This call's request replayed a payment that is older than the first request of its attempt in the record. What
    /// came after that payment may be missing from the record as well.
    pub(crate) fn replayed_older(&mut self) {
        self.is_behind = true;
    }

    /// This call's request created no payment that is known.
    pub(crate) fn answered(&mut self, attempt: u32, answered: Answered, now: Millis) {
        self.answered = Some((attempt, answered, now));
    }

    /// What to do next about this record.
    pub(crate) fn next(&mut self, record: &Record, now: Millis, rules: &Rules) -> Do {
        let ended = || {
            record
                .payments
                .iter()
                .filter(|payment| payment.phase.is_ended())
        };
        let ended_before = self
            .ended_before
            .get_or_insert_with(|| ended().map(|payment| payment.id.clone()).collect());
        let own_ended = ended()
            .filter(|payment| !ended_before.iter().any(|id| payment.is(id)))
            .any(|payment| {
                let is_own = self.own.as_ref().is_some_and(|own| payment.is(own));
                is_own || (self.last4.is_some() && self.last4 == payment.last4)
            });
        if matches!(self.answered, Some((_, Answered::Refused, _))) {
            return Do::Report;
        }
        let is_charged = record.charged_payments().next().is_some();
        if self.is_behind && self.seen.searched_at.is_none() {
            return Do::Search;
        }
        // A second charge is looked for as well: what was given up may have been charged beside the first one.
        if let Some(look) = self.seen.unseen(record) {
            return look;
        }
        let differs = (self.amount, &self.currency) != (record.amount, &record.currency);
        let is_refused = record.is_amount_frozen() && differs && self.own.is_none();
        let ends = is_refused || is_charged || record.closed_at.is_some();
        let searches = ends || record.assumes_absence() || self.seen.is_missing;
        if let Some(search) = self.seen.look_for_lost(record).filter(|_| searches) {
            return search;
        }
        if is_refused {
            return Do::Refuse(Refusal::AmountDiffers);
        }
        if is_charged || own_ended {
            return Do::Report;
        }
        if record.closed_at.is_some() {
            return if self.own.is_some() {
                Do::Report
            } else {
                Do::Refuse(Refusal::Closed)
            };
        }
        let replaces = self.replaces(record);
        if let Some(look) = self.seen.poll(record, now).filter(|_| !replaces) {
            return look;
        }
        let mut live = record
            .live_payments()
            .filter(|payment| !is_superseded(record, payment));
        if live.next().is_some() && !replaces {
            return Do::Report;
        }
        self.send(record, now, rules)
    }

    fn send(&self, record: &Record, now: Millis, rules: &Rules) -> Do {
        let number = self.attempt_number(record);
        let Some(attempt) = record.attempt(number) else {
            return Do::Send { attempt: number };
        };
        let searched_since =
            |at: Millis| self.seen.searched_at.is_some_and(|searched| searched >= at);
        match self.answered {
            Some((of, Answered::Conflict | Answered::Unknown, at))
                if of == number && !searched_since(at) =>
            {
                return Do::Search;
            }
            Some((of, Answered::Unknown, _)) if of == number => return Do::Report,
            Some((of, Answered::Conflict, _)) if of == number && now >= self.seen.give_up_at => {
                return Do::Report;
            }
            _ => {}
        }
        match attempt.sends.check(&self.namespace, now, rules) {
            Ok(()) if self.answered.is_some_and(|(of, ..)| of == number) => Do::Wait,
            Ok(()) => Do::Send { attempt: number },
            Err(CannotSend::KeyTooOld | CannotSend::OtherNamespace | CannotSend::Contradiction)
                if self.seen.searched_at.is_none() =>
            {
                Do::Search
            }
            Err(_) => Do::Report,
        }
    }

    /// The pause after a 409 is over: the same request goes out again.
    pub(crate) fn waited(&mut self) {
        self.answered = None;
    }

    /// Whether the call replaces the record's current attempt. A second click finds that already done.
    fn replaces(&self, record: &Record) -> bool {
        self.supersedes.is_some()
            && self.supersedes == record.current().map(|current| current.number)
    }

    /// The attempt whose key the next request uses. Only a payment that ended without a charge retires a key.
    fn attempt_number(&self, record: &Record) -> u32 {
        let Some(current) = record.current() else {
            return 1;
        };
        let has_ended = record
            .payments_of(current.number)
            .any(|payment| payment.phase.is_ended());
        if has_ended || self.replaces(record) {
            current.number.saturating_add(1)
        } else {
            current.number
        }
    }

    /// Records a send of this call; [`next`](Self::next) has asked for it on this very record. A request whose answer may
    /// still come is no change that anybody has to hear of: whoever looks next finds it. Returns the moment by which the
    /// request has to leave.
    pub(crate) fn begin(
        &self,
        record: &mut Record,
        number: u32,
        token: String,
        (now, deadline): (Millis, Millis),
        rules: &Rules,
    ) -> Millis {
        if !record.is_amount_frozen() {
            record.amount = self.amount;
            record.currency.clone_from(&self.currency);
        }
        if self.replaces(record)
            && let Some(current) = record.attempts.last_mut()
        {
            current.superseded = true;
        }
        if record.attempt(number).is_none() {
            record.attempts.push(Attempt::new(number, self.method, now));
        }
        let Some(attempt) = record.attempt_mut(number) else {
            return now;
        };
        attempt.method = self.method;
        attempt.declined = false;
        attempt
            .sends
            .begin(token, self.namespace.clone(), now, deadline, rules)
    }

    /// Whether a send may still be recorded that [`next`](Self::next) has asked for: the process may have stood still
    /// since, and the key has grown older meanwhile.
    pub(crate) fn may_begin(
        &self,
        record: &Record,
        number: u32,
        now: Millis,
        rules: &Rules,
    ) -> bool {
        record
            .attempt(number)
            .is_none_or(|attempt| attempt.sends.check(&self.namespace, now, rules).is_ok())
    }

    /// Whether the same request may be sent once more, after an answer that did not settle it.
    pub(crate) fn may_repeat(
        &self,
        record: &Record,
        number: u32,
        now: Millis,
        rules: &Rules,
    ) -> bool {
        let is_current = record
            .current()
            .is_some_and(|current| current.number == number);
        is_current
            && record.closed_at.is_none()
            && record.charged_payments().next().is_none()
            && record.payments_of(number).next().is_none()
            && (self.amount, &self.currency) == (record.amount, &record.currency)
            && record
                .attempt(number)
                .is_some_and(|attempt| attempt.sends.check(&self.namespace, now, rules).is_ok())
    }
}
