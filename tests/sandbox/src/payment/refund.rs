//! A refund of a payment.

use serde_json::{Map, Value};

use super::{Currency, Decline};
use crate::ids::Ids;

/// Where a refund is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefundStatus {
    /// Accepted; its amount is held back from further refunds.
    Pending,
    /// The money was given back.
    Succeeded,
    /// The money was not given back; its amount is free again.
    Failed,
}

impl RefundStatus {
    /// The name in lower case, as the snake_case dialect spells it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

#[derive(Debug)]
pub(crate) struct Refund {
    id: String,
    amount: i64,
    currency: Currency,
    reason: Option<String>,
    metadata: Map<String, Value>,
    idempotency_key: Option<String>,
    status: RefundStatus,
    decline: Option<Decline>,
    created_at: i64,
    updated_at: i64,
    completed_at: Option<i64>,
    provider_reference: Option<String>,
}

impl Refund {
    pub(crate) fn new(
        id: String,
        amount: i64,
        currency: Currency,
        reason: Option<String>,
        metadata: Map<String, Value>,
        idempotency_key: Option<String>,
        now: i64,
    ) -> Self {
        Self {
            id,
            amount,
            currency,
            reason,
            metadata,
            idempotency_key,
            status: RefundStatus::Pending,
            decline: None,
            created_at: now,
            updated_at: now,
            completed_at: None,
            provider_reference: None,
        }
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn amount(&self) -> i64 {
        self.amount
    }

    pub(crate) fn currency(&self) -> Currency {
        self.currency
    }

    pub(crate) fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    pub(crate) fn metadata(&self) -> &Map<String, Value> {
        &self.metadata
    }

    pub(crate) fn idempotency_key(&self) -> Option<&str> {
        self.idempotency_key.as_deref()
    }

    pub(crate) fn status(&self) -> RefundStatus {
        self.status
    }

    pub(crate) fn decline(&self) -> Option<Decline> {
        self.decline
    }

    pub(crate) fn created_at(&self) -> i64 {
        self.created_at
    }

    pub(crate) fn updated_at(&self) -> i64 {
        self.updated_at
    }

    pub(crate) fn completed_at(&self) -> Option<i64> {
        self.completed_at
    }

    pub(crate) fn provider_reference(&self) -> Option<&str> {
        self.provider_reference.as_deref()
    }

    /// Pending becomes succeeded; anything else stays.
    pub(crate) fn conclude(&mut self, now: i64, ids: &mut Ids) {
        if self.status == RefundStatus::Pending {
            self.provider_reference = Some(ids.provider_reference());
            self.end(RefundStatus::Succeeded, now);
        }
    }

    /// Pending becomes failed. False in any other state.
    pub(crate) fn fail(&mut self, now: i64) -> bool {
        let possible = self.status == RefundStatus::Pending;
        if possible {
            self.decline = Some(Decline::Generic);
            self.end(RefundStatus::Failed, now);
        }
        possible
    }

    fn end(&mut self, status: RefundStatus, now: i64) {
        self.status = status;
        self.updated_at = now;
        self.completed_at = Some(now);
    }
}
