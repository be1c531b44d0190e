//! The webhook events of the uppercase dialect: what happened, as Flowlix would tell it.

use serde_json::{Value, json};

use crate::account::Merchant;
use crate::dialect::{Dialect, Urls, uppercase};
use crate::ids::Ids;
use crate::payment::{Payment, Refund, RefundStatus, Status};

/// One webhook event, as [`Webhooks`](crate::Webhooks) posts it.
#[derive(Clone, Debug)]
pub struct Event {
    id: String,
    kind: &'static str,
    created_at: i64,
    body: Value,
    pending: bool,
}

/// The statuses of a payment and its refunds before a change.
pub(crate) struct Watched {
    status: Status,
    refunds: Vec<RefundStatus>,
}

impl Event {
    /// The event's id: `evt_` and 24 letters or digits.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The event's type, for example `payment.succeeded`.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.kind
    }

    /// When the payment or refund reached the state that the event tells, Unix seconds.
    #[must_use]
    pub fn created_at(&self) -> i64 {
        self.created_at
    }

    /// The whole body that is posted, with the payment or refund exactly as a read showed it at
    /// that moment.
    #[must_use]
    pub fn body(&self) -> &Value {
        &self.body
    }

    /// Whether no endpoint had accepted the event yet when this was read, and no
    /// [`DeliveryFault::Lose`](crate::DeliveryFault::Lose) had hit it.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.pending
    }

    pub(crate) fn settle(&mut self) {
        self.pending = false;
    }

    pub(crate) fn watch(payment: &Payment) -> Watched {
        Watched {
            status: payment.status(),
            refunds: payment.refunds().iter().map(Refund::status).collect(),
        }
    }

    pub(crate) fn since(
        before: &Watched,
        payment: &Payment,
        urls: &Urls,
        ids: &mut Ids,
    ) -> Vec<Self> {
        let account = payment.account();
        // Another merchant has endpoints of its own, which are no part of the sandbox.
        if account.dialect != Dialect::Uppercase || account.merchant != Merchant::Own {
            return Vec::new();
        }
        let mut events = Vec::new();
        let mut push = |kind, created_at, data| {
            events.push(Self::new(
                ids.event(),
                kind,
                created_at,
                payment.livemode(),
                data,
            ));
        };
        if payment.status() != before.status
            && let Some((kind, at)) = end_of_payment(payment)
        {
            push(
                kind,
                at,
                json!({ "payment": uppercase::payment(payment, urls) }),
            );
        }
        for (index, refund) in payment.refunds().iter().enumerate() {
            if before.refunds.get(index) == Some(&refund.status()) {
                continue;
            }
            if let Some((kind, at)) = end_of_refund(refund) {
                push(
                    kind,
                    at,
                    json!({ "refund": uppercase::refund(payment, refund) }),
                );
            }
        }
        events
    }

    fn new(id: String, kind: &'static str, created_at: i64, livemode: bool, data: Value) -> Self {
        let body = json!({
            "id": id,
            "type": kind,
            "created_at": created_at,
            "livemode": livemode,
            "data": data,
        });
        Self {
            id,
            kind,
            created_at,
            body,
            pending: true,
        }
    }
}

/// The event for the status that the payment is in, and when it got there.
fn end_of_payment(payment: &Payment) -> Option<(&'static str, i64)> {
    let times = payment.transitions();
    let (kind, at) = match payment.status() {
        Status::Succeeded => ("payment.succeeded", times.succeeded_at),
        Status::Failed => ("payment.failed", times.failed_at),
        Status::Canceled => ("payment.canceled", times.canceled_at),
        Status::Expired => ("payment.expired", times.expired_at),
        _ => return None,
    };
    at.map(|at| (kind, at))
}

fn end_of_refund(refund: &Refund) -> Option<(&'static str, i64)> {
    let kind = match refund.status() {
        RefundStatus::Succeeded => "refund.succeeded",
        RefundStatus::Failed => "refund.failed",
        RefundStatus::Pending => return None,
    };
    refund.completed_at().map(|at| (kind, at))
}
