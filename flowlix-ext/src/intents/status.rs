//! Where an intent stands, as callers see it: one variant for each thing to do next.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use flowlix_api::model::{DeclineCode, Payment, PaymentId};

use super::protocol::record::{Method, Payment as Seen, Record, Unpaid as Reason};
use super::protocol::rules::{Millis, Rules};
use super::protocol::status::Summary;
use super::store::StoreError;
use super::view::action_address;
use crate::decline::Decline;
use crate::error::Error;
use crate::failure::text::date;
use crate::money::Money;
use crate::runtime::moment;

/// Where an intent stands. Each variant asks for one thing.
///
/// A status was true at some moment of the call that returned it. A later version may add variants: treat one that you
/// do not know like [`Processing`](Self::Processing).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum IntentStatus {
    /// Nothing was charged and nothing can still charge: let the customer pay, with any card.
    Unpaid(Unpaid),
    /// Send the customer to [`redirect_url`](ActionRequired::redirect_url).
    ActionRequired(ActionRequired),
    /// A payment is on its way: tell the customer that you are checking, and ask again later.
    Processing(Processing),
    /// A request was sent, and whether it was carried out is not known yet: tell the customer that you are checking.
    /// Where [`can_pay_again`](OutcomeUnknown::can_pay_again) says so, the customer may pay with any card; that cannot
    /// charge twice.
    OutcomeUnknown(OutcomeUnknown),
    /// Charged once: fulfil the order.
    Paid(Paid),
    /// Charged more than once: fulfil the order, and refund the other payments.
    Overcharged(Overcharged),
    /// Charged although the intent was [closed](super::Intent::close): refund it.
    PaidAfterClose(PaidAfterClose),
}

/// What every status knows.
#[derive(Debug, Clone)]
pub(super) struct About {
    reference: String,
    amount: Money,
    not_recorded: Option<StoreError>,
    not_read: Option<Arc<Error>>,
    is_closed: bool,
}

/// Nothing was charged; see [`IntentStatus::Unpaid`].
#[derive(Debug, Clone)]
pub struct Unpaid {
    about: About,
    reason: UnpaidReason,
    decline: Option<Decline>,
}

/// Why an intent is unpaid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UnpaidReason {
    /// Nobody has paid yet.
    New,
    /// The card was declined, at once or later: see [`Unpaid::decline`].
    Declined,
    /// The customer did not act in time.
    Expired,
    /// The payment was canceled.
    Canceled,
    /// Flowlix rejected the request.
    Rejected,
    /// The answers to requests were lost, and Flowlix has carried out none of them.
    ProvedAbsent,
}

/// The customer has to act; see [`IntentStatus::ActionRequired`].
#[derive(Debug, Clone)]
pub struct ActionRequired {
    about: About,
    payment_id: Option<PaymentId>,
    payment: Option<Payment>,
    attempt: u32,
    is_for_this_card: bool,
}

/// A payment is on its way; see [`IntentStatus::Processing`].
#[derive(Debug, Clone)]
pub struct Processing {
    about: About,
    payment_id: Option<PaymentId>,
    attempt: u32,
}

/// Not known yet; see [`IntentStatus::OutcomeUnknown`].
#[derive(Debug, Clone)]
pub struct OutcomeUnknown {
    about: About,
    since: SystemTime,
    certain_from: Option<SystemTime>,
    decline: Option<Decline>,
    needs_person: bool,
    can_pay_again: bool,
    attempt: u32,
}

/// Charged once; see [`IntentStatus::Paid`].
#[derive(Debug, Clone)]
pub struct Paid {
    about: About,
    payment_id: Option<PaymentId>,
    payment: Option<Payment>,
    refunded: i64,
    refundable: Option<i64>,
}

/// Charged more than once; see [`IntentStatus::Overcharged`].
#[derive(Debug, Clone)]
pub struct Overcharged {
    about: About,
    keep: Option<PaymentId>,
    refund: Vec<PaymentId>,
}

/// Charged after it was closed; see [`IntentStatus::PaidAfterClose`].
#[derive(Debug, Clone)]
pub struct PaidAfterClose {
    about: About,
    payments: Vec<PaymentId>,
}

/// What a call knows beyond the record.
#[derive(Default)]
pub(super) struct Context<'a> {
    /// The reference that the caller asked with.
    pub(super) reference: &'a str,
    /// Payments as this call has read them.
    pub(super) payments: Vec<&'a Payment>,
    /// The last four digits of the card in hand.
    pub(super) last4: Option<&'a str>,
    /// Whether the call asks for the hosted page.
    pub(super) asks_for_page: bool,
    /// The payment that this call's request created.
    pub(super) own: Option<&'a str>,
    /// The decline that this call's request brought.
    pub(super) decline: Option<Decline>,
    /// Why the record does not have what this call has learnt.
    pub(super) not_recorded: Option<StoreError>,
    /// Why Flowlix did not say how things stand.
    pub(super) not_read: Option<Arc<Error>>,
    /// A search with this API key proves nothing about requests of an earlier one, and the quiet time is over.
    pub(super) is_blind: bool,
    /// The namespace of idempotency keys in which a card of this API key would be sent.
    pub(super) namespace: &'a str,
    pub(super) now: Millis,
}

impl IntentStatus {
    /// What a record means, with what a call knows beyond it.
    pub(super) fn of(record: &Record, rules: &Rules, context: &Context<'_>) -> Self {
        Self::at(&Summary::of(record), record, rules, context)
    }

    /// Where an intent stood when its record had this summary.
    pub(super) fn at(
        summary: &Summary,
        record: &Record,
        rules: &Rules,
        context: &Context<'_>,
    ) -> Self {
        // An erased record has no reference; the caller does.
        let known = Some(record.reference.as_str()).filter(|known| !known.is_empty());
        let about = About {
            reference: known.unwrap_or(context.reference).to_owned(),
            amount: Money::new(record.amount, record.currency.as_str().into()),
            not_recorded: context.not_recorded.clone(),
            not_read: context.not_read.clone(),
            is_closed: record.closed_at.is_some(),
        };
        match summary {
            Summary::Unpaid(reason) => Self::Unpaid(Unpaid::new(about, reason, context)),
            Summary::ActionRequired { payment, .. } => {
                let seen = record.payment(payment);
                Self::ActionRequired(ActionRequired::new(about, seen, context))
            }
            Summary::Processing { payment } => Self::Processing(Processing {
                about,
                attempt: attempt_of(record, payment.as_deref()),
                payment_id: payment.as_deref().and_then(id),
            }),
            Summary::OutcomeUnknown {
                declined,
                needs_person,
            } => Self::OutcomeUnknown(OutcomeUnknown::new(
                about,
                record,
                (*declined, *needs_person),
                rules,
                context,
            )),
            Summary::Paid { payment, refunded } => Self::Paid(Paid {
                about,
                refundable: record.payment(payment).and_then(|seen| seen.refundable),
                payment: context.payment(payment).cloned(),
                payment_id: id(payment),
                refunded: *refunded,
            }),
            Summary::Overcharged { keep, refund } => Self::Overcharged(Overcharged {
                about,
                keep: id(keep),
                refund: refund.iter().filter_map(|payment| id(payment)).collect(),
            }),
            Summary::PaidAfterClose { payments } => Self::PaidAfterClose(PaidAfterClose {
                about,
                payments: payments.iter().filter_map(|payment| id(payment)).collect(),
            }),
        }
    }

    fn about(&self) -> &About {
        match self {
            Self::Unpaid(status) => &status.about,
            Self::ActionRequired(status) => &status.about,
            Self::Processing(status) => &status.about,
            Self::OutcomeUnknown(status) => &status.about,
            Self::Paid(status) => &status.about,
            Self::Overcharged(status) => &status.about,
            Self::PaidAfterClose(status) => &status.about,
        }
    }

    /// The shop's reference of the intent.
    #[must_use]
    pub fn reference(&self) -> &str {
        &self.about().reference
    }

    /// The amount of the intent as it is stored.
    #[must_use]
    pub fn amount(&self) -> &Money {
        &self.about().amount
    }

    /// Why the store does not have what this call has learnt. The status is true all the same; the next call on the
    /// intent, by any process, finds it out again.
    #[must_use]
    pub fn not_recorded(&self) -> Option<&StoreError> {
        self.about().not_recorded.as_ref()
    }

    /// Why Flowlix gave no answer when this call asked for a payment or a list; `None` when Flowlix answered. The status
    /// is what was known before: ask again later. `NotFound` means that this API key does not see a payment that an
    /// earlier API key made.
    #[must_use]
    pub fn not_read(&self) -> Option<&Error> {
        self.about().not_read.as_deref()
    }

    /// Whether the intent is [closed](super::Intent::close), so that no new attempt is started. A payment that is on its
    /// way may still be charged.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.about().is_closed
    }

    /// Whether the order is paid for: [`Paid`](Self::Paid) or [`Overcharged`](Self::Overcharged).
    #[must_use]
    pub fn is_paid(&self) -> bool {
        matches!(self, Self::Paid(_) | Self::Overcharged(_))
    }
}

impl Context<'_> {
    fn payment(&self, id: &str) -> Option<&Payment> {
        let mut payments = self.payments.iter().rev();
        payments
            .find(|payment| payment.id.as_str().eq_ignore_ascii_case(id))
            .copied()
    }
}

impl Unpaid {
    fn new(about: About, reason: &Reason, context: &Context<'_>) -> Self {
        let (reason, decline) = match reason {
            Reason::New => (UnpaidReason::New, None),
            Reason::Declined { code } => (
                UnpaidReason::Declined,
                Some(decline(code.as_deref(), context)),
            ),
            Reason::Expired => (UnpaidReason::Expired, None),
            Reason::Canceled => (UnpaidReason::Canceled, None),
            Reason::Rejected => (UnpaidReason::Rejected, None),
            Reason::ProvedAbsent => (UnpaidReason::ProvedAbsent, None),
        };
        Self {
            about,
            reason,
            decline,
        }
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> UnpaidReason {
        self.reason
    }

    /// What to tell the customer and what helps, when the card was declined.
    #[must_use]
    pub fn decline(&self) -> Option<&Decline> {
        self.decline.as_ref()
    }

    /// A text for the customer.
    #[must_use]
    pub fn customer_message(&self) -> &'static str {
        match (&self.decline, self.reason) {
            (Some(decline), _) => decline.customer_message(),
            (None, UnpaidReason::New) => "This order is not paid yet.",
            (None, UnpaidReason::Expired) => {
                "The payment was not completed in time. Please try again."
            }
            (None, _) => "The payment was not made. Please try again.",
        }
    }

    /// Whether the intent is [closed](super::Intent::close), so that nobody can pay it any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.about.is_closed
    }
}

impl ActionRequired {
    fn new(about: About, seen: Option<&Seen>, context: &Context<'_>) -> Self {
        let id_text = seen.map(|seen| seen.id.as_str()).unwrap_or_default();
        let is_own = context
            .own
            .is_some_and(|own| own.eq_ignore_ascii_case(id_text));
        let last4 = seen.and_then(|seen| seen.last4.as_deref());
        let is_same_card = context.last4.is_some() && context.last4 == last4;
        let is_page = seen.is_some_and(|seen| seen.method == Method::HostedPage);
        Self {
            about,
            payment_id: id(id_text),
            // Nobody is sent to a payment that the record may not have.
            payment: context
                .payment(id_text)
                .filter(|_| context.not_recorded.is_none())
                .cloned(),
            attempt: seen.map_or(0, |seen| seen.attempt),
            is_for_this_card: is_own || is_same_card || (context.asks_for_page && is_page),
        }
    }

    /// Where to send the customer: 3-D Secure or the hosted page. `None` when Flowlix named no address, or could not be
    /// asked; ask for the [status](super::Intent::status) again.
    #[must_use]
    pub fn redirect_url(&self) -> Option<&str> {
        self.payment.as_ref().and_then(action_address)
    }

    /// Whether the action is for the card that was just given, or the page that was just asked for. `false` means that
    /// an earlier payment of the intent still waits for the customer, and that nothing was sent for the new card: the
    /// customer can finish the earlier payment, or your code can [`supersede`](super::Pay::supersede) it.
    #[must_use]
    pub fn is_for_this_card(&self) -> bool {
        self.is_for_this_card
    }

    /// The number of the attempt that waits: pass it to [`supersede`](super::Pay::supersede) to give it up.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// The payment that waits.
    #[must_use]
    pub fn payment_id(&self) -> Option<&PaymentId> {
        self.payment_id.as_ref()
    }
}

impl Processing {
    /// The payment. `None` when Flowlix has accepted a payment whose answer could not be read, and which the lists do
    /// not show yet.
    #[must_use]
    pub fn payment_id(&self) -> Option<&PaymentId> {
        self.payment_id.as_ref()
    }

    /// The number of the attempt.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }
}

impl OutcomeUnknown {
    fn new(
        about: About,
        record: &Record,
        (declined, needs_person): (bool, bool),
        rules: &Rules,
        context: &Context<'_>,
    ) -> Self {
        let unknown = || record.unknown_attempts().map(|attempt| &attempt.sends);
        let since = unknown().filter_map(|sends| sends.unknown_since()).min();
        let certain_from = unknown().filter_map(|sends| sends.quiet_from(rules)).max();
        let code = match &record.unpaid {
            Reason::Declined { code } => code.as_deref(),
            _ => None,
        };
        let can_send = |sends: &super::protocol::sends::Sends| {
            sends.check(context.namespace, context.now, rules).is_ok()
        };
        let needs_person = needs_person || context.is_blind;
        Self {
            about,
            since: moment(since.unwrap_or(record.created_at)),
            certain_from: certain_from.filter(|_| !needs_person).map(moment),
            decline: declined.then(|| decline(code, context)),
            needs_person,
            can_pay_again: record.closed_at.is_none() && unknown().all(can_send),
            attempt: record.current().map_or(0, |attempt| attempt.number),
        }
    }

    /// When the request left whose outcome is unknown.
    #[must_use]
    pub fn since(&self) -> SystemTime {
        self.since
    }

    /// From when on a search that finds nothing proves that nothing was done. What was done is found earlier. `None`
    /// when no search can prove anything any more; see [`needs_person`](Self::needs_person).
    #[must_use]
    pub fn certain_from(&self) -> Option<SystemTime> {
        self.certain_from
    }

    /// The decline of the card that was given last, while an earlier request may still be carried out. Show the text:
    /// the customer may pay with another card.
    #[must_use]
    pub fn decline(&self) -> Option<&Decline> {
        self.decline.as_ref()
    }

    /// Whether a `pay` may be sent now, with any card. It goes out under the same idempotency key, so that it cannot
    /// charge a second time.
    #[must_use]
    pub fn can_pay_again(&self) -> bool {
        self.can_pay_again
    }

    /// Whether no call can find out any more, so that a person has to look into Flowlix's dashboard and
    /// [decide](super::Intent::resolve_by_hand): Flowlix's answers and lists contradict each other, or nothing shows that
    /// this API key sees the payments of the one that sent the request.
    #[must_use]
    pub fn needs_person(&self) -> bool {
        self.needs_person
    }

    /// The number of the attempt.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }
}

impl Paid {
    /// The payment that was charged.
    #[must_use]
    pub fn payment_id(&self) -> Option<&PaymentId> {
        self.payment_id.as_ref()
    }

    /// The payment as this call has read it; `None` when the record alone told that it was charged.
    #[must_use]
    pub fn payment(&self) -> Option<&Payment> {
        self.payment.as_ref()
    }

    /// What went back to the customer, minor units, as the payment stood when it was read last. An intent that was
    /// refunded in part or whole stays paid. A refund that was made in Flowlix's dashboard is seen when the payment is
    /// read next: by [`refund`](super::Intent::refund), or by [`reconcile`](super::Intents::reconcile).
    #[must_use]
    pub fn refunded(&self) -> i64 {
        self.refunded
    }

    /// What can still be refunded, minor units, as the payment stood when it was read last; `None` where Flowlix did
    /// not tell. A refund call reads the payment first.
    #[must_use]
    pub fn refundable(&self) -> Option<i64> {
        self.refundable
    }
}

impl Overcharged {
    /// The payment that was found charged first: keep it.
    #[must_use]
    pub fn keep(&self) -> Option<&PaymentId> {
        self.keep.as_ref()
    }

    /// The payments to refund, with [`of_payment`](super::RefundPayment::of_payment).
    #[must_use]
    pub fn refund(&self) -> &[PaymentId] {
        &self.refund
    }
}

impl PaidAfterClose {
    /// The payments to refund; none once all of it went back. Refund with [`of_payment`](super::RefundPayment::of_payment).
    #[must_use]
    pub fn payments(&self) -> &[PaymentId] {
        &self.payments
    }
}

/// One line: the reference, where it stands, and what that asks for.
impl fmt::Display for IntentStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ({}): ",
            crate::failure::text::one_line(self.reference()),
            self.amount()
        )?;
        match self {
            Self::Unpaid(_) if self.is_closed() => f.write_str("closed, nothing was charged"),
            Self::Unpaid(unpaid) => write!(f, "not charged: {}", unpaid.reason),
            Self::ActionRequired(_) => f.write_str("the customer has to act"),
            Self::Processing(_) if self.is_closed() => f.write_str("closed, and a payment is still on its way"),
            Self::Processing(_) => f.write_str("a payment is on its way"),
            Self::OutcomeUnknown(unknown) if unknown.needs_person => {
                f.write_str("not known, and a person has to decide: Flowlix's answers and lists do not agree, or are not for this API key to see")
            }
            Self::OutcomeUnknown(unknown) => {
                f.write_str("not known yet whether a payment was made")?;
                unknown.certain_from.map_or(Ok(()), |moment| {
                    write!(f, "; certain after {} at the latest", date(moment))
                })
            }
            Self::Paid(_) => f.write_str("charged once"),
            Self::Overcharged(over) => write!(f, "charged {} times", over.refund.len().saturating_add(1)),
            Self::PaidAfterClose(_) => f.write_str("charged after it was closed"),
        }?;
        match self.not_read() {
            Some(error) => write!(f, "; asking Flowlix again failed: {}", error.kind()),
            None => Ok(()),
        }
    }
}

impl fmt::Display for UnpaidReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::New => "nobody has paid yet",
            Self::Declined => "the card was declined",
            Self::Expired => "the customer did not act in time",
            Self::Canceled => "the payment was canceled",
            Self::Rejected => "Flowlix rejected the request",
            Self::ProvedAbsent => "answers were lost, and Flowlix has carried out no request",
        })
    }
}

fn decline(code: Option<&str>, context: &Context<'_>) -> Decline {
    let known = context.decline.clone();
    known.unwrap_or_else(|| match code {
        Some(code) => Decline::from_code(DeclineCode::from(code)),
        None => Decline::without_code(),
    })
}

fn attempt_of(record: &Record, payment: Option<&str>) -> u32 {
    let seen = payment.and_then(|payment| record.payment(payment));
    let current = record.current().map_or(0, |attempt| attempt.number);
    seen.map_or(current, |seen| seen.attempt)
}

/// Ids in records are those that Flowlix sent.
fn id(text: &str) -> Option<PaymentId> {
    PaymentId::received(text).ok()
}
