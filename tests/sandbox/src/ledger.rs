//! What really happened, as the server knows it: the judge of "charged once".

use serde_json::{Map, Value};

use crate::account::Merchant;
use crate::dialect::Dialect;
use crate::payment::{Kind, Payment, RefundStatus, Status};

/// A snapshot of all payments, those of the other merchant too.
#[derive(Clone, Debug)]
pub struct Ledger {
    payments: Vec<PaymentRecord>,
}

/// One payment in a [`Ledger`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PaymentRecord {
    /// The payment's id.
    pub id: String,
    /// The dialect of the key that created it.
    pub dialect: Dialect,
    /// Whether a live key created it.
    pub livemode: bool,
    /// Whether [`Sandbox::foreign_key`](crate::Sandbox::foreign_key) created it.
    pub foreign: bool,
    /// How the card was collected.
    pub kind: Kind,
    /// Minor units.
    pub amount: i64,
    /// ISO 4217 code as the dialect spells it.
    pub currency: String,
    /// Where the payment is now.
    pub status: Status,
    /// The `Idempotency-Key` that it was created with.
    pub idempotency_key: Option<String>,
    /// The merchant's order reference (uppercase).
    pub merchant_reference: Option<String>,
    /// The merchant's metadata.
    pub metadata: Map<String, Value>,
    /// Unix seconds.
    pub created_at: i64,
    /// Whether money was taken from the customer, given back later or not.
    pub charged: bool,
    /// The decline code of a failed payment.
    pub decline_code: Option<String>,
    /// All refunds, oldest first.
    pub refunds: Vec<RefundRecord>,
}

/// One refund in a [`PaymentRecord`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RefundRecord {
    /// The refund's id.
    pub id: String,
    /// Minor units.
    pub amount: i64,
    /// Where the refund is now.
    pub status: RefundStatus,
    /// The `Idempotency-Key` that it was created with.
    pub idempotency_key: Option<String>,
    /// The merchant's reason.
    pub reason: Option<String>,
    /// The merchant's metadata (uppercase).
    pub metadata: Map<String, Value>,
    /// Unix seconds.
    pub created_at: i64,
}

impl Ledger {
    pub(crate) fn of(payments: &[Payment]) -> Self {
        Self {
            payments: payments.iter().map(PaymentRecord::of).collect(),
        }
    }

    /// All payments, oldest first.
    #[must_use]
    pub fn payments(&self) -> &[PaymentRecord] {
        &self.payments
    }

    /// The payment with this id.
    #[must_use]
    pub fn payment(&self, id: &str) -> Option<&PaymentRecord> {
        self.payments.iter().find(|payment| payment.id == id)
    }

    /// How often money was taken from a customer. A payment that nobody has polled yet has not
    /// been charged yet: call [`Sandbox::settle`](crate::Sandbox::settle) first to judge what
    /// the payments that exist come to.
    #[must_use]
    pub fn charges(&self) -> usize {
        self.payments
            .iter()
            .filter(|payment| payment.charged)
            .count()
    }

    /// Minor units taken from customers, refunds not deducted, whatever the currency.
    #[must_use]
    pub fn amount_charged(&self) -> i64 {
        self.payments
            .iter()
            .filter(|payment| payment.charged)
            .fold(0, |sum: i64, payment| sum.saturating_add(payment.amount))
    }

    /// Minor units given back: succeeded refunds only, whatever the currency.
    #[must_use]
    pub fn amount_refunded(&self) -> i64 {
        self.refunds()
            .filter(|refund| refund.status == RefundStatus::Succeeded)
            .fold(0, |sum: i64, refund| sum.saturating_add(refund.amount))
    }

    /// All refunds of all payments.
    pub fn refunds(&self) -> impl Iterator<Item = &RefundRecord> {
        self.payments.iter().flat_map(|payment| &payment.refunds)
    }
}

impl PaymentRecord {
    fn of(payment: &Payment) -> Self {
        Self {
            id: payment.id().to_owned(),
            dialect: payment.dialect(),
            livemode: payment.livemode(),
            foreign: payment.account().merchant == Merchant::Foreign,
            kind: payment.kind(),
            amount: payment.amount(),
            currency: payment.dialect().spell_currency(payment.currency()),
            status: payment.status(),
            idempotency_key: payment.idempotency_key().map(str::to_owned),
            merchant_reference: payment.merchant_reference().map(str::to_owned),
            metadata: payment.metadata().clone(),
            created_at: payment.created_at(),
            charged: payment.was_charged(),
            decline_code: payment.decline().map(|decline| decline.code().to_owned()),
            refunds: payment
                .refunds()
                .iter()
                .map(|refund| RefundRecord {
                    id: refund.id().to_owned(),
                    amount: refund.amount(),
                    status: refund.status(),
                    idempotency_key: refund.idempotency_key().map(str::to_owned),
                    reason: refund.reason().map(str::to_owned),
                    metadata: refund.metadata().clone(),
                    created_at: refund.created_at(),
                })
                .collect(),
        }
    }
}
