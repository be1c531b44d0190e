//! The shop: one payment for each order, under a key that follows from the order.

use flowlix_ext::model::Payment;
use flowlix_ext::{CardDetails, Flowlix, IdempotencyKey, InvalidIdempotencyKey, Money, Reply};

pub(crate) const NEVER_SENT: &str = "order-1";
pub(crate) const ANSWER_LOST: &str = "order-2";
pub(crate) const NOT_STORED: &str = "order-3";

pub(crate) struct Shop {
    flowlix: Flowlix,
}

impl Shop {
    pub(crate) fn new(flowlix: Flowlix) -> Self {
        Self { flowlix }
    }

    pub(crate) fn key(order: &str) -> Result<IdempotencyKey, InvalidIdempotencyKey> {
        IdempotencyKey::derive("payment", [order])
    }

    pub(crate) async fn pay(&self, order: &str) -> Result<Reply<Payment>, flowlix_ext::Error> {
        let card = CardDetails::new("4111111111111111", 12, 2030, "314", "Jenny Rosen");
        let mut create = self
            .flowlix
            .payments()
            .create_direct(Money::eur(49_99), card)
            .return_url("https://shop.example.com/checkout/return")
            .description(format!("Order {order}"));
        // Derived keys cannot fail for an order that has a number.
        if let Ok(key) = Self::key(order) {
            create = create.idempotency_key(key);
        }
        create.await
    }
}
