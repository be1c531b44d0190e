//! The webhook events that Flowlix would send for the uppercase dialect.

use serde_json::{Value, json};

use crate::dialect::{Dialect, Urls, uppercase};
use crate::ids::Ids;
use crate::payment::{Payment, RefundStatus, Status};

/// One webhook event, as Flowlix would send it. The sandbox keeps events and delivers none.
#[derive(Clone, Debug)]
pub struct Event {
    body: Value,
}

/// The statuses of a payment and its refunds before a change.
pub(crate) struct Watched {
    status: Status,
    refunds: Vec<RefundStatus>,
}

impl Event {
    /// The event's type, for example `payment.succeeded`.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.body
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// The whole body that would be posted.
    #[must_use]
    pub fn body(&self) -> &Value {
        &self.body
    }

    pub(crate) fn watch(payment: &Payment) -> Watched {
        Watched {
            status: payment.status(),
            refunds: payment
                .refunds()
                .iter()
                .map(|refund| refund.status())
                .collect(),
        }
    }

    pub(crate) fn since(
        before: &Watched,
        payment: &Payment,
        now: i64,
        urls: &Urls,
        ids: &mut Ids,
    ) -> Vec<Self> {
        if payment.dialect() != Dialect::Uppercase {
            return Vec::new();
        }
        let mut events = Vec::new();
        let mut push = |kind: &str, data: Value| {
            events.push(Self {
                body: json!({
                    "id": ids.event(),
                    "type": kind,
                    "created_at": now,
                    "livemode": payment.livemode(),
                    "data": data,
                }),
            });
        };
        if payment.status() != before.status {
            let kind = match payment.status() {
                Status::Succeeded => Some("payment.succeeded"),
                Status::Failed => Some("payment.failed"),
                Status::Canceled => Some("payment.canceled"),
                Status::Expired => Some("payment.expired"),
                _ => None,
            };
            if let Some(kind) = kind {
                push(
                    kind,
                    json!({ "payment": uppercase::payment(payment, urls) }),
                );
            }
        }
        for (index, refund) in payment.refunds().iter().enumerate() {
            if before.refunds.get(index) == Some(&refund.status()) {
                continue;
            }
            let kind = match refund.status() {
                RefundStatus::Succeeded => "refund.succeeded",
                RefundStatus::Failed => "refund.failed",
                RefundStatus::Pending => continue,
            };
            push(
                kind,
                json!({ "refund": uppercase::refund(payment, refund) }),
            );
        }
        events
    }
}
