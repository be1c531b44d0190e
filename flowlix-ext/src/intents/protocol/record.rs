//! What is kept of one intent: a plain value without clock, store or network.

use serde::{Deserialize, Serialize};

use super::refund::Refund;
use super::report::Reporting;
use super::rules::Millis;
use super::sends::Sends;

/// One intent.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The shop's name for it.
    pub(crate) reference: String,
    /// Minor units of the currency.
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) created_at: Millis,
    /// In the order of their numbers, which count from 1; the last one is current.
    pub(crate) attempts: Vec<Attempt>,
    /// Every payment of the intent that was ever seen.
    pub(crate) payments: Vec<Payment>,
    pub(crate) refunds: Vec<Refund>,
    /// When new attempts were forbidden.
    pub(crate) closed_at: Option<Millis>,
    /// Why it is unpaid, while it is.
    pub(crate) unpaid: Unpaid,
    /// What changed, the oldest first; at most [`MOST_CHANGES`] that were acknowledged.
    pub(crate) changes: Vec<Change>,
    /// The number of the last change that a handler has taken.
    pub(crate) acknowledged: u64,
    /// When all but its end was forgotten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) erased_at: Option<Millis>,
    /// Who reports the others.
    #[serde(default, skip_serializing_if = "Reporting::is_default")]
    pub(crate) reporting: Reporting,
}

/// Acknowledged changes that are kept for the history.
pub(crate) const MOST_CHANGES: usize = 100;

/// How the customer pays in an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Method {
    Card,
    HostedPage,
}

/// One idempotency key, and at most one payment.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Attempt {
    /// 1 for the first.
    pub(crate) number: u32,
    /// How the customer pays, as far as the last send says.
    pub(crate) method: Method,
    pub(crate) started_at: Millis,
    pub(crate) sends: Sends,
    /// The card of the last answered send was declined at once.
    pub(crate) declined: bool,
    /// The caller has started another attempt although this one may still charge.
    pub(crate) superseded: bool,
    /// Requests that count as not carried out, because the quiet time is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) assumed_absent: Option<AssumedAbsent>,
}

/// The quiet time is an assumption. Until nothing can come of these requests any more, whatever it was, searches look
/// for what they may have become after all.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct AssumedAbsent {
    /// The first moment at which one of them may have been carried out.
    pub(crate) from: Millis,
    /// The moment at which the assumption ends.
    pub(crate) until: Millis,
    /// Their namespaces of idempotency keys.
    pub(crate) namespaces: Vec<String>,
}

/// A payment as it was seen last.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Payment {
    pub(crate) id: String,
    /// The number of the attempt that created it; 0 where its metadata does not tell.
    pub(crate) attempt: u32,
    pub(crate) method: Method,
    pub(crate) phase: Phase,
    /// Minor units.
    pub(crate) amount: i64,
    pub(crate) currency: String,
    /// Minor units that went back.
    pub(crate) refunded: i64,
    /// Minor units that can still be refunded, where Flowlix tells.
    pub(crate) refundable: Option<i64>,
    /// The card's last four digits, where Flowlix tells.
    pub(crate) last4: Option<String>,
    pub(crate) decline_code: Option<String>,
    /// What the customer is asked to do: a short digest of the address, never the address.
    pub(crate) action: Option<String>,
    /// The action from which the customer has come back.
    pub(crate) returned_from: Option<String>,
    /// When Flowlix created it, Unix seconds.
    pub(crate) created_at: Option<i64>,
}

/// How far a payment is, as far as it decides what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    /// Pending, processing, or a status that this version does not know.
    Open,
    /// The customer has to act.
    ActionRequired,
    Failed,
    Expired,
    Canceled,
    /// The card was charged, whatever was refunded since.
    Charged,
}

impl Phase {
    /// Whether the payment can still change.
    pub(crate) fn is_live(self) -> bool {
        matches!(self, Self::Open | Self::ActionRequired)
    }

    /// Whether the payment ended without a charge.
    pub(crate) fn is_ended(self) -> bool {
        matches!(self, Self::Failed | Self::Expired | Self::Canceled)
    }

    /// Later phases replace earlier ones, never the other way round: a charge is a charge.
    fn rank(self) -> u8 {
        match self {
            Self::Open | Self::ActionRequired => 0,
            Self::Failed | Self::Expired | Self::Canceled => 1,
            Self::Charged => 2,
        }
    }
}

/// Why nothing is charged.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "why")]
pub(crate) enum Unpaid {
    /// Nothing was tried.
    #[default]
    New,
    /// The card was declined, at once or later.
    Declined {
        code: Option<String>,
    },
    /// The customer did not act in time.
    Expired,
    Canceled,
    /// Flowlix rejected the request.
    Rejected,
    /// Requests were lost, and it was proved that none was carried out.
    ProvedAbsent,
}

/// A change of an intent that a handler is told of.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Change {
    /// Rises with each change of the intent.
    pub(crate) sequence: u64,
    pub(crate) at: Millis,
    pub(crate) what: super::status::Summary,
    /// What a person wrote who decided it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
}

impl Record {
    pub(crate) fn new(reference: String, amount: i64, currency: String, now: Millis) -> Self {
        Self {
            reference,
            amount,
            currency,
            created_at: now,
            attempts: Vec::new(),
            payments: Vec::new(),
            refunds: Vec::new(),
            closed_at: None,
            unpaid: Unpaid::New,
            changes: Vec::new(),
            acknowledged: 0,
            erased_at: None,
            reporting: Reporting::default(),
        }
    }

    /// The attempt whose key the next request uses, unless its payment has ended.
    pub(crate) fn current(&self) -> Option<&Attempt> {
        self.attempts.last()
    }

    pub(crate) fn attempt(&self, number: u32) -> Option<&Attempt> {
        self.attempts
            .iter()
            .find(|attempt| attempt.number == number)
    }

    pub(crate) fn attempt_mut(&mut self, number: u32) -> Option<&mut Attempt> {
        self.attempts
            .iter_mut()
            .find(|attempt| attempt.number == number)
    }

    /// The payments under an attempt's key.
    pub(crate) fn payments_of(&self, attempt: u32) -> impl Iterator<Item = &Payment> {
        self.payments
            .iter()
            .filter(move |payment| payment.attempt == attempt)
    }

    pub(crate) fn payment(&self, id: &str) -> Option<&Payment> {
        self.payments.iter().find(|payment| payment.is(id))
    }

    /// The payments that can still change.
    pub(crate) fn live_payments(&self) -> impl DoubleEndedIterator<Item = &Payment> {
        self.payments
            .iter()
            .filter(|payment| payment.phase.is_live())
    }

    /// The payments that were charged, whatever was refunded since.
    pub(crate) fn charged_payments(&self) -> impl Iterator<Item = &Payment> {
        self.payments
            .iter()
            .filter(|payment| payment.phase == Phase::Charged)
    }

    /// Attempts whose key may hold a request that nobody knows of.
    pub(crate) fn unknown_attempts(&self) -> impl Iterator<Item = &Attempt> {
        self.attempts
            .iter()
            .filter(|attempt| attempt.sends.is_unknown())
    }

    /// Whether a search may show something: requests whose outcome is unknown, or was proved by waiting alone.
    pub(crate) fn is_worth_a_search(&self) -> bool {
        self.unknown_attempts().next().is_some() || self.assumes_absence()
    }

    /// Whether requests count as not carried out only because nothing was found in time.
    pub(crate) fn assumes_absence(&self) -> bool {
        self.attempts
            .iter()
            .any(|attempt| attempt.assumed_absent.is_some())
    }

    /// Whether something can still become of the intent.
    pub(crate) fn is_open(&self) -> bool {
        let refunds = self.refunds.iter().any(|refund| refund.is_open());
        refunds || self.is_worth_a_search() || self.live_payments().next().is_some()
    }

    /// When a worker has to look at the intent next; `None` when nothing can become of it any more, and a handler has
    /// taken all of its changes.
    pub(crate) fn due_at(&self, now: Millis) -> Option<Millis> {
        let open = self.is_open().then_some(now);
        // A scan goes on behind the moment up to which it has read, so that no record becomes due in the past.
        let report = self.report_at().map(|at| at.max(now));
        open.into_iter().chain(report).min()
    }

    /// Whether the amount can no longer be changed: something may have been charged, or may yet be.
    pub(crate) fn is_amount_frozen(&self) -> bool {
        self.unknown_attempts().next().is_some()
            || self.live_payments().next().is_some()
            || self.charged_payments().next().is_some()
    }
}

impl Payment {
    /// Ids are hexadecimal in one dialect, so another letter case is no other payment.
    pub(crate) fn is(&self, id: &str) -> bool {
        self.id.eq_ignore_ascii_case(id)
    }

    /// Whether the payment, which another view of it shows, is this one: an erased one has its attempt alone.
    pub(crate) fn is_shown_by(&self, other: &Self) -> bool {
        self.is(&other.id) || (self.id.is_empty() && self.attempt == other.attempt)
    }

    /// Minor units that the customer has paid and not got back.
    pub(crate) fn net(&self) -> i64 {
        self.amount.saturating_sub(self.refunded)
    }

    /// What a newer view of the same payment makes of this one. A terminal status never changes back, and a replayed
    /// answer shows the payment as it was created.
    pub(crate) fn updated(&self, newer: Self, is_replay: bool) -> Self {
        let keep = newer.phase.rank() < self.phase.rank() || (is_replay && newer.phase.is_live());
        let mut next = if keep { self.clone() } else { newer.clone() };
        next.attempt = self.attempt.max(newer.attempt);
        next.method = self.method;
        // What was created for one amount is never for another one, whatever a later answer says.
        next.amount = self.amount;
        next.currency.clone_from(&self.currency);
        next.refunded = self.refunded.max(newer.refunded);
        next.last4 = newer.last4.or_else(|| self.last4.clone());
        next.created_at = self.created_at.or(newer.created_at);
        // An action that comes after a view without one is a new action, whatever its address.
        next.returned_from = self
            .returned_from
            .clone()
            .filter(|_| next.phase == Phase::ActionRequired);
        next
    }
}
