//! What becomes of a record when something has been learnt. Each function takes one fact; facts may come late, twice
//! and in any order.

use super::record::{
    AssumedAbsent, Attempt, Change, MOST_CHANGES, Method, Payment, Phase, Record, Unpaid,
};
use super::rules::{Millis, Rules};
use super::sends::Sends;
use super::status::Summary;

/// What one request that was sent under an attempt's key has come to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Answer {
    /// 2xx, and the payment in it.
    Accepted(Payment),
    /// 2xx, and what is in it cannot be read or belongs to another request.
    AcceptedUnread,
    /// Flowlix declined the card at once; no payment exists.
    Declined { code: Option<String> },
    /// Flowlix rejected the request; no payment exists.
    Rejected,
    /// Not carried out for another reason: rate limit, authentication, no connection.
    NotCarriedOut,
    /// 409 of any kind.
    Conflict,
    /// No answer of Flowlix's came, or one that does not tell: the send stays open.
    Unknown,
}

impl Record {
    /// A request has come to this.
    pub(crate) fn answered(&mut self, number: u32, token: &str, answer: Answer, now: Millis) {
        if let Answer::Accepted(payment) = answer {
            self.see(
                Payment {
                    attempt: number,
                    ..payment
                },
                true,
            );
            self.note_change(now);
            return;
        }
        let unpaid = match &answer {
            Answer::Declined { code } => Some(Unpaid::Declined { code: code.clone() }),
            Answer::Rejected => Some(Unpaid::Rejected),
            _ => None,
        };
        let has_payment = self.payments_of(number).next().is_some();
        let Some(attempt) = self.attempt_mut(number) else {
            return;
        };
        match answer {
            Answer::Declined { .. } => {
                attempt.sends.declined(token);
                attempt.declined = true;
            }
            Answer::Rejected | Answer::NotCarriedOut => attempt.sends.refused(token),
            Answer::Conflict => attempt.sends.conflict(token, now),
            // The payment that the answer was about is known already.
            Answer::AcceptedUnread if has_payment && !attempt.sends.is_open(token) => {}
            Answer::AcceptedUnread => attempt.sends.accepted_unread(token, now),
            Answer::Accepted(_) | Answer::Unknown => {}
        }
        if let Some(unpaid) = unpaid {
            self.unpaid = unpaid;
        }
        self.note_change(now);
    }

    /// Flowlix showed these payments of the intent.
    pub(crate) fn seen(&mut self, payments: impl IntoIterator<Item = Payment>, now: Millis) {
        for payment in payments {
            self.see(payment, false);
        }
        self.note_change(now);
    }

    /// A complete search that was begun at this moment has shown every payment of the intent that there is.
    pub(crate) fn searched(&mut self, begun_at: Millis, now: Millis, rules: &Rules) {
        let mut proved = false;
        let mut declined = false;
        for attempt in &mut self.attempts {
            if attempt.sends.is_unknown() {
                declined |= attempt.declined;
                proved |= attempt.found_nothing(begun_at, rules);
            }
        }
        if proved && !declined {
            self.unpaid = Unpaid::ProvedAbsent;
        }
        self.note_change(now);
    }

    /// A search that was begun at this moment was the last one for requests of which nothing can come any more.
    pub(crate) fn end_assumptions(&mut self, begun_at: Millis) {
        for attempt in &mut self.attempts {
            attempt
                .assumed_absent
                .take_if(|assumed| begun_at >= assumed.until);
        }
    }

    /// An answer has told by how much the clock was ahead of Flowlix's that these sends are dated by.
    pub(crate) fn clock_known(&mut self, tokens: &[String], ahead: Millis) {
        for attempt in &mut self.attempts {
            attempt.sends.clock_known(tokens, ahead);
        }
    }

    /// The customer has come back from what this payment asked for.
    pub(crate) fn returned(&mut self, id: &str, now: Millis) {
        let payment = self.payments.iter_mut().find(|payment| payment.is(id));
        if let Some(payment) = payment.filter(|payment| payment.phase == Phase::ActionRequired) {
            payment.returned_from.clone_from(&payment.action);
        }
        self.note_change(now);
    }

    /// The customer is sent to what this payment asks for, perhaps again.
    pub(crate) fn sent_to_action(&mut self, id: &str, now: Millis) {
        if let Some(payment) = self.payments.iter_mut().find(|payment| payment.is(id)) {
            payment.returned_from = None;
        }
        self.note_change(now);
    }

    /// No attempt may be started from now on. A paid intent stays paid.
    pub(crate) fn close(&mut self, now: Millis) {
        if self.charged_payments().next().is_none() {
            self.closed_at.get_or_insert(now);
        }
        self.note_change(now);
    }

    /// A person has found out that nothing was done under the keys whose outcome is unknown, those of refunds included.
    pub(crate) fn decided_absent(&mut self, note: &str, now: Millis, rules: &Rules) {
        let mut counts = false;
        for attempt in &mut self.attempts {
            let assumed = attempt.assumed_after(rules);
            if attempt.sends.decided_absent(now, rules) {
                attempt.assumed_absent = assumed;
                counts = true;
            }
        }
        if counts {
            self.unpaid = Unpaid::ProvedAbsent;
        }
        for refund in &mut self.refunds {
            counts |= refund.decided_absent(now, rules);
        }
        if counts {
            self.note_change(now);
            if let Some(change) = self.changes.last_mut() {
                change.note = Some(note.to_owned());
            }
        }
    }

    /// A handler has taken every change up to this one.
    pub(crate) fn acknowledge(&mut self, sequence: u64) {
        let last = self.changes.last().map_or(0, |change| change.sequence);
        self.acknowledged = self.acknowledged.max(sequence.min(last));
        let old = self
            .changes
            .iter()
            .filter(|change| change.sequence <= self.acknowledged)
            .count();
        self.changes.drain(..old.saturating_sub(MOST_CHANGES));
    }

    /// Adds or replaces a payment.
    pub(super) fn see(&mut self, payment: Payment, is_replay: bool) {
        let mut known = self.payments.iter_mut();
        let known = known.find(|known| known.is_shown_by(&payment));
        let (before, after) = match known {
            // What was erased stays erased.
            Some(known) if known.id.is_empty() => return,
            None if self.erased_at.is_some() && payment.phase.is_ended() => return,
            Some(known) => {
                let before = known.phase;
                *known = known.updated(payment, is_replay);
                (before, known.clone())
            }
            None => {
                self.payments.push(payment.clone());
                (Phase::Open, payment)
            }
        };
        self.resolve_attempt(&after);
        self.take_amount(&after);
        if before.is_live() && after.phase.is_ended() {
            self.unpaid = match after.phase {
                Phase::Expired => Unpaid::Expired,
                Phase::Canceled => Unpaid::Canceled,
                _ => Unpaid::Declined {
                    code: after.decline_code,
                },
            };
        }
    }

    /// Flowlix is right about what is charged: a store that was restored from a copy may hold an amount that was asked
    /// for only afterwards.
    fn take_amount(&mut self, payment: &Payment) {
        let counts = |payment: &Payment| payment.phase.is_live() || payment.phase == Phase::Charged;
        let is_amount = |payment: &Payment| {
            (payment.amount, &payment.currency) == (self.amount, &self.currency)
        };
        let mut others = self.payments.iter();
        if counts(payment) && !others.any(|other| counts(other) && is_amount(other)) {
            self.amount = payment.amount;
            self.currency.clone_from(&payment.currency);
        }
    }

    /// A payment under an attempt's key tells what its sends came to.
    fn resolve_attempt(&mut self, payment: &Payment) {
        if payment.attempt == 0 {
            return;
        }
        // The store may have been restored from a copy that is older than the attempt.
        if self
            .current()
            .is_none_or(|current| current.number < payment.attempt)
        {
            let started_at = payment.created_at.unwrap_or_default().saturating_mul(1000);
            self.attempts
                .push(Attempt::new(payment.attempt, payment.method, started_at));
        }
        if let Some(attempt) = self.attempt_mut(payment.attempt) {
            let holds = |namespace: &str| namespace_holds(namespace, payment.method);
            attempt.sends.resolved(holds);
            if let Some(assumed) = &mut attempt.assumed_absent {
                assumed.namespaces.retain(|namespace| !holds(namespace));
            }
            attempt
                .assumed_absent
                .take_if(|assumed| assumed.namespaces.is_empty());
        }
    }

    /// Adds a change if the record stands elsewhere than the last change says.
    pub(super) fn note_change(&mut self, at: Millis) {
        let what = Summary::of(self);
        let last = self.changes.last();
        let is_new = match last {
            Some(last) => last.what != what,
            None => what != Summary::Unpaid(Unpaid::New),
        };
        if is_new {
            // Rises also over what a restored store has lost: a handler passes over numbers that are not larger than
            // the last one that it has seen.
            let seconds = u64::try_from(at.div_euclid(1000)).unwrap_or_default();
            let next = last.map_or(0, |last| last.sequence).saturating_add(1);
            let sequence = next.max(seconds);
            self.changes.push(Change {
                sequence,
                at,
                what,
                note: None,
            });
        }
    }
}

impl Attempt {
    pub(crate) fn new(number: u32, method: Method, started_at: Millis) -> Self {
        Self {
            number,
            method,
            started_at,
            sends: Sends::default(),
            declined: false,
            superseded: false,
            assumed_absent: None,
        }
    }

    /// A complete search that was begun at this moment found nothing. Returns whether that proves that nothing was done.
    fn found_nothing(&mut self, begun_at: Millis, rules: &Rules) -> bool {
        let assumed = self.assumed_after(rules);
        let proves = self.sends.found_nothing(begun_at, rules);
        if proves {
            self.assumed_absent = assumed;
        }
        proves
    }

    /// What is assumed once the open requests count as not carried out.
    fn assumed_after(&self, rules: &Rules) -> Option<AssumedAbsent> {
        let Some((from, last)) = self.sends.window(rules) else {
            return self.assumed_absent.clone();
        };
        let mut assumed = self.assumed_absent.clone().unwrap_or(AssumedAbsent {
            from,
            until: last,
            namespaces: Vec::new(),
        });
        assumed.from = assumed.from.min(from);
        assumed.until = assumed.until.max(last.saturating_add(rules.key_end));
        let namespaces = self.sends.namespaces().map(str::to_owned);
        assumed.namespaces.extend(namespaces);
        assumed.namespaces.sort_unstable();
        assumed.namespaces.dedup();
        Some(assumed)
    }
}

/// The namespace of idempotency keys of an API key: in uppercase each operation has its own.
pub(crate) fn namespace(credential: &str, is_per_operation: bool, method: Method) -> String {
    match (is_per_operation, method) {
        (false, _) => credential.to_owned(),
        (true, Method::Card) => format!("{credential}/card"),
        (true, Method::HostedPage) => format!("{credential}/hosted_page"),
    }
}

/// Whether a payment of this kind and a request in this namespace share their key.
fn namespace_holds(namespace: &str, method: Method) -> bool {
    match namespace.rsplit_once('/') {
        Some((_, "card")) => method == Method::Card,
        Some((_, "hosted_page")) => method == Method::HostedPage,
        _ => true,
    }
}
