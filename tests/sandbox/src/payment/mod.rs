//! A payment and its life, independent of how a dialect spells it.

mod card;
mod decline;
mod refund;

use std::time::Duration;

use serde_json::{Map, Value};

pub(crate) use card::{Brand, CardEntry};
pub(crate) use decline::Decline;
pub(crate) use refund::Refund;
pub use refund::RefundStatus;

use crate::account::Account;
use crate::dialect::{Dialect, NewPayment, NewRefund};
use crate::ids::Ids;

/// Refunds are allowed until this many seconds after the payment was created (180 days).
pub(crate) const REFUND_WINDOW: i64 = 180 * 24 * 60 * 60;

/// How the card details reach Flowlix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The merchant sends them: the Direct API.
    Direct,
    /// The customer enters them on the hosted payment page.
    Hosted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Currency {
    Eur,
    Usd,
    Gbp,
}

impl Currency {
    /// The code in lower case, to be spelled by a dialect.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Eur => "eur",
            Self::Usd => "usd",
            Self::Gbp => "gbp",
        }
    }
}

/// Where a payment is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Status {
    /// Accepted, not processed yet; a hosted payment also waits here for its customer.
    Pending,
    /// The customer has to authenticate (3-D Secure).
    RequiresAction,
    /// With the downstream payment systems; the uppercase dialect only.
    Processing,
    /// The money moved.
    Succeeded,
    /// Declined.
    Failed,
    /// Given up before completion.
    Canceled,
    /// The customer did not act in time.
    Expired,
    /// The money moved and was given back in full; the snake_case dialect only.
    Refunded,
}

impl Status {
    /// The name in lower case, as the snake_case dialect spells it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::RequiresAction => "requires_action",
            Self::Processing => "processing",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
            Self::Expired => "expired",
            Self::Refunded => "refunded",
        }
    }

    /// Whether the payment has come to its end.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        !matches!(
            self,
            Self::Pending | Self::RequiresAction | Self::Processing
        )
    }
}

/// What moves payments and refunds from one step to the next.
///
/// Reads and clock never mix: with `ByReads` time alone moves nothing (only the 3-D Secure and
/// hosted page deadlines look at the clock), with `ByClock` reading moves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// Each `GET /v1/payments/{id}` counts; every `reads_per_step`-th moves the payment one step
    /// (or, once it is terminal, its pending refunds) *before* the answer is written. So with 1
    /// the first read after a create shows the next status. Lists move nothing.
    ByReads {
        /// Reads that one step takes; 0 counts as 1.
        reads_per_step: u32,
    },
    /// Each step takes this long on the server's clock.
    ByClock {
        /// Time that one step takes, whole seconds.
        step: Duration,
    },
}

/// The choices that a sandbox is built with and that shape its payments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) progress: Progress,
    /// Seconds that a customer has for 3-D Secure or for the hosted page.
    pub(crate) customer_patience: i64,
    /// Whether a fully refunded snake_case payment says `refunded` (guide) or stays `succeeded`
    /// (reference).
    pub(crate) refunded_status: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// A hosted payment whose customer has not paid yet.
    AwaitingCustomer,
    Pending,
    RequiresAction,
    Processing,
    Succeeded,
    Failed,
    Canceled,
    Expired,
}

/// When the payment entered each status, Unix seconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Transitions {
    pub(crate) requires_action_at: Option<i64>,
    pub(crate) processing_at: Option<i64>,
    pub(crate) succeeded_at: Option<i64>,
    pub(crate) failed_at: Option<i64>,
    pub(crate) canceled_at: Option<i64>,
    pub(crate) expired_at: Option<i64>,
    pub(crate) refunded_at: Option<i64>,
}

#[derive(Debug)]
pub(crate) struct Payment {
    id: String,
    account: Account,
    kind: Kind,
    amount: i64,
    currency: Currency,
    card: Option<CardEntry>,
    card_is_resolved: bool,
    payer: Value,
    return_url: Option<String>,
    merchant_reference: Option<String>,
    description: Option<String>,
    metadata: Map<String, Value>,
    idempotency_key: Option<String>,
    created_at: i64,
    phase: Phase,
    transitions: Transitions,
    decline: Option<Decline>,
    provider_reference: Option<String>,
    refunds: Vec<Refund>,
    authenticated: bool,
    customer_deadline: i64,
    reads: u32,
    /// When the current phase began, for progress by the clock.
    phase_since: i64,
    rules: Rules,
}

/// Why a refund is not possible.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum RefundRefusal {
    NotSucceeded(Status),
    TooOld,
    NothingLeft,
    MoreThanLeft { left: i64 },
}

impl Payment {
    pub(crate) fn new(
        request: NewPayment,
        id: String,
        account: Account,
        idempotency_key: Option<String>,
        now: i64,
        rules: Rules,
    ) -> Self {
        Self {
            id,
            account,
            kind: request.kind,
            amount: request.amount,
            currency: request.currency,
            phase: if request.card.is_some() {
                Phase::Pending
            } else {
                Phase::AwaitingCustomer
            },
            card: request.card,
            card_is_resolved: false,
            payer: request.payer,
            return_url: request.return_url,
            merchant_reference: request.merchant_reference,
            description: request.description,
            metadata: request.metadata,
            idempotency_key,
            created_at: now,
            transitions: Transitions::default(),
            decline: None,
            provider_reference: None,
            refunds: Vec::new(),
            authenticated: false,
            customer_deadline: now.saturating_add(rules.customer_patience),
            reads: 0,
            phase_since: now,
            rules,
        }
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Which keys have access to the payment.
    pub(crate) fn account(&self) -> Account {
        self.account
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.account.dialect
    }

    pub(crate) fn livemode(&self) -> bool {
        self.account.livemode
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn amount(&self) -> i64 {
        self.amount
    }

    pub(crate) fn currency(&self) -> Currency {
        self.currency
    }

    pub(crate) fn card(&self) -> Option<&CardEntry> {
        self.card.as_ref()
    }

    /// Whether processing has begun, which is when brand, expiry and country become known.
    pub(crate) fn card_is_resolved(&self) -> bool {
        self.card_is_resolved
    }

    pub(crate) fn payer(&self) -> &Value {
        &self.payer
    }

    pub(crate) fn return_url(&self) -> Option<&str> {
        self.return_url.as_deref()
    }

    pub(crate) fn merchant_reference(&self) -> Option<&str> {
        self.merchant_reference.as_deref()
    }

    pub(crate) fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    pub(crate) fn metadata(&self) -> &Map<String, Value> {
        &self.metadata
    }

    pub(crate) fn idempotency_key(&self) -> Option<&str> {
        self.idempotency_key.as_deref()
    }

    pub(crate) fn created_at(&self) -> i64 {
        self.created_at
    }

    pub(crate) fn transitions(&self) -> Transitions {
        self.transitions
    }

    pub(crate) fn decline(&self) -> Option<Decline> {
        self.decline
    }

    pub(crate) fn provider_reference(&self) -> Option<&str> {
        self.provider_reference.as_deref()
    }

    pub(crate) fn refunds(&self) -> &[Refund] {
        &self.refunds
    }

    pub(crate) fn refund_mut(&mut self, id: &str) -> Option<&mut Refund> {
        self.refunds.iter_mut().find(|refund| refund.id() == id)
    }

    /// Whether money was taken from the customer, given back later or not.
    pub(crate) fn was_charged(&self) -> bool {
        self.phase == Phase::Succeeded
    }

    pub(crate) fn status(&self) -> Status {
        match self.phase {
            Phase::AwaitingCustomer | Phase::Pending => Status::Pending,
            Phase::RequiresAction => Status::RequiresAction,
            Phase::Processing => Status::Processing,
            Phase::Succeeded if self.says_refunded() => Status::Refunded,
            Phase::Succeeded => Status::Succeeded,
            Phase::Failed => Status::Failed,
            Phase::Canceled => Status::Canceled,
            Phase::Expired => Status::Expired,
        }
    }

    fn says_refunded(&self) -> bool {
        self.dialect() == Dialect::SnakeCase
            && self.rules.refunded_status
            && self.amount_refunded() >= self.amount
    }

    /// Minor units given back so far: succeeded refunds only.
    pub(crate) fn amount_refunded(&self) -> i64 {
        self.refund_total(|status| status == RefundStatus::Succeeded)
    }

    /// Minor units that a further refund may take; pending refunds hold theirs.
    pub(crate) fn amount_refundable(&self) -> i64 {
        if self.phase != Phase::Succeeded {
            return 0;
        }
        let taken = self.refund_total(|status| status != RefundStatus::Failed);
        self.amount.saturating_sub(taken).max(0)
    }

    fn refund_total(&self, counts: impl Fn(RefundStatus) -> bool) -> i64 {
        self.refunds
            .iter()
            .filter(|refund| counts(refund.status()))
            .fold(0, |total: i64, refund| {
                total.saturating_add(refund.amount())
            })
    }

    /// One `GET` of this payment.
    pub(crate) fn read(&mut self, now: i64, ids: &mut Ids) {
        let Progress::ByReads { reads_per_step } = self.rules.progress else {
            return;
        };
        self.reads = self.reads.saturating_add(1);
        if self.reads >= reads_per_step.max(1) {
            self.reads = 0;
            self.step(now, ids);
        }
    }

    /// What the clock alone brings: deadlines, and the due steps when progress is by the clock.
    pub(crate) fn catch_up(&mut self, now: i64, ids: &mut Ids) {
        if let Progress::ByClock { step } = self.rules.progress {
            let step = i64::try_from(step.as_secs()).unwrap_or(i64::MAX);
            // Pending, processing, end: no payment has more steps without its customer.
            for _ in 0..3 {
                let due = self.phase_since.saturating_add(step);
                if due > now || !self.is_moving() {
                    break;
                }
                self.step_phase(due, ids);
            }
            for refund in &mut self.refunds {
                let due = refund.created_at().saturating_add(step);
                if due <= now {
                    refund.conclude(due, ids);
                }
            }
            self.note_full_refund();
        }
        if matches!(self.phase, Phase::AwaitingCustomer | Phase::RequiresAction)
            && now >= self.customer_deadline
        {
            self.enter(Phase::Expired, self.customer_deadline);
        }
    }

    /// One step: of the payment, or of its refunds once the payment has come to its end.
    pub(crate) fn step(&mut self, now: i64, ids: &mut Ids) {
        if self.status().is_terminal() {
            for refund in &mut self.refunds {
                refund.conclude(now, ids);
            }
            self.note_full_refund();
        } else {
            self.step_phase(now, ids);
        }
    }

    /// Whether the payment would still move without the customer.
    pub(crate) fn is_moving(&self) -> bool {
        matches!(self.phase, Phase::Pending | Phase::Processing)
    }

    pub(crate) fn has_pending_refund(&self) -> bool {
        self.refunds
            .iter()
            .any(|refund| refund.status() == RefundStatus::Pending)
    }

    fn step_phase(&mut self, now: i64, ids: &mut Ids) {
        let Some(card) = &self.card else { return };
        match self.phase {
            Phase::Pending => {
                self.card_is_resolved = true;
                if self.provider_reference.is_none() {
                    self.provider_reference = Some(ids.provider_reference());
                }
                if card.needs_challenge() && !self.authenticated {
                    self.customer_deadline = now.saturating_add(self.rules.customer_patience);
                    self.enter(Phase::RequiresAction, now);
                } else if self.dialect() == Dialect::Uppercase && !card.fails_at_once() {
                    self.enter(Phase::Processing, now);
                } else {
                    self.conclude(now);
                }
            }
            Phase::Processing => self.conclude(now),
            _ => {}
        }
    }

    fn conclude(&mut self, now: i64) {
        match self.card.as_ref().and_then(|card| card.decline(now)) {
            None => self.enter(Phase::Succeeded, now),
            Some(decline) => self.fail(decline, now),
        }
    }

    fn fail(&mut self, decline: Decline, now: i64) {
        self.decline = Some(decline);
        self.enter(Phase::Failed, now);
    }

    fn enter(&mut self, phase: Phase, now: i64) {
        self.phase = phase;
        self.phase_since = now;
        self.reads = 0;
        let times = &mut self.transitions;
        match phase {
            Phase::AwaitingCustomer | Phase::Pending => {}
            Phase::RequiresAction => times.requires_action_at = Some(now),
            Phase::Processing => times.processing_at = Some(now),
            Phase::Succeeded => times.succeeded_at = Some(now),
            Phase::Failed => times.failed_at = Some(now),
            Phase::Canceled => times.canceled_at = Some(now),
            Phase::Expired => times.expired_at = Some(now),
        }
    }

    /// The customer passed 3-D Secure: processing goes on. False in any other state.
    pub(crate) fn approve(&mut self, now: i64) -> bool {
        if self.phase != Phase::RequiresAction {
            return false;
        }
        self.authenticated = true;
        self.enter(
            match self.dialect() {
                Dialect::SnakeCase => Phase::Pending,
                Dialect::Uppercase => Phase::Processing,
            },
            now,
        );
        true
    }

    /// The customer failed 3-D Secure. False in any other state.
    pub(crate) fn refuse(&mut self, now: i64) -> bool {
        let possible = self.phase == Phase::RequiresAction;
        if possible {
            self.fail(Decline::ThreeDSecureFailed, now);
        }
        possible
    }

    /// The customer did not act in time. False unless the payment waits for the customer.
    pub(crate) fn expire(&mut self, now: i64) -> bool {
        let possible = matches!(self.phase, Phase::RequiresAction | Phase::AwaitingCustomer);
        if possible {
            self.enter(Phase::Expired, now);
        }
        possible
    }

    /// The payment is given up. False once it has come to its end.
    pub(crate) fn cancel(&mut self, now: i64) -> bool {
        let possible = !self.status().is_terminal();
        if possible {
            self.enter(Phase::Canceled, now);
        }
        possible
    }

    /// The customer paid on the hosted page. False unless the page waits for that.
    pub(crate) fn submit_card(&mut self, card: CardEntry, now: i64) -> bool {
        let possible = self.phase == Phase::AwaitingCustomer;
        if possible {
            self.card = Some(card);
            self.enter(Phase::Pending, now);
        }
        possible
    }

    /// The minor units that this refund would take.
    pub(crate) fn check_refund(&self, request: &NewRefund, now: i64) -> Result<i64, RefundRefusal> {
        if self.phase != Phase::Succeeded {
            return Err(RefundRefusal::NotSucceeded(self.status()));
        }
        let left = self.amount_refundable();
        if left == 0 {
            return Err(RefundRefusal::NothingLeft);
        }
        if now > self.created_at.saturating_add(REFUND_WINDOW) {
            return Err(RefundRefusal::TooOld);
        }
        match request.amount {
            Some(amount) if amount > left => Err(RefundRefusal::MoreThanLeft { left }),
            Some(amount) => Ok(amount),
            None => Ok(left),
        }
    }

    pub(crate) fn add_refund(&mut self, refund: Refund) {
        self.reads = 0;
        self.refunds.push(refund);
    }

    fn note_full_refund(&mut self) {
        if self.transitions.refunded_at.is_none() && self.amount_refunded() >= self.amount {
            self.transitions.refunded_at =
                self.refunds.iter().filter_map(Refund::completed_at).max();
        }
    }
}
