//! Refunds: give money back, in part or whole.
//!
//! A refund that was created was accepted; [`wait`](Refunds::wait) tells when the money went back. Its errors mean what
//! a payment's mean: when one [may have taken effect](crate::Error::may_have_taken_effect), repeat the same call with
//! the same key, the amount and the reason included.
//!
//! # How to name a refund
//! Make its key from the payment's id and from the return in your books, `derive("refund", [id, "return-77"])`, and
//! store it as that of [a payment](crate#one-key-for-one-payment-attempt). Without the payment's id the same key could belong to
//! another payment: in the `snake_case` dialect a key counts for all operations of an API key.
//!
//! Put the number of the return into the [reason](CreateRefund::reason) as well. The `snake_case` dialect answers the
//! whole payment and shows no key and no metadata of a refund, so refunds of one amount and one reason look alike.
//! Which one a call made can still be told by what the payment held before: give the payment as you read it last
//! ([`of`](Refunds::of)), or let it be read ([`check_first`](CreateRefund::check_first)). Where others have refunded
//! alike since, or the key [may have been used before](crate::IdempotencyKey::with_created_at),
//! [`RefundCreated::refund`] is `None` rather than a guess. A [recovery](crate::Flowlix::recover) goes by the amount
//! and the time alone, and does not say that a refund is the lost one because it looks like it: repeat that one with
//! its key, which needs no card, while the key protects.

pub(crate) mod check;
mod create;
pub(crate) mod created;
mod wait;

use flowlix_api::model::{Payment, PaymentId, RefundId};

use crate::client::Flowlix;

pub use create::CreateRefund;
pub use created::RefundCreated;
pub use wait::{FailedRefund, RefundSettled, RefundWait};

/// The refunds of one client; see [`Flowlix::refunds`].
#[derive(Debug, Clone)]
pub struct Refunds {
    client: Flowlix,
}

impl Flowlix {
    /// Refunds: create, wait.
    #[must_use]
    pub fn refunds(&self) -> Refunds {
        Refunds::new(self.clone())
    }
}

impl Refunds {
    pub(crate) fn new(client: Flowlix) -> Self {
        Self { client }
    }

    /// Gives money of a payment back: all that is left, unless [`amount`](CreateRefund::amount) says less.
    ///
    /// What comes back was *accepted*: the money is on its way when the refund's status says so.
    pub fn create(&self, payment: &PaymentId) -> CreateRefund {
        CreateRefund::new(self.client.clone(), payment.clone())
    }

    /// Like [`create`](Self::create), for a payment that you have read: what cannot succeed is refused before
    /// it is sent, with everything named at once, and without another request. Refused are more than is left,
    /// a payment that has not succeeded, and one that was created more than 180 days ago ("Refund a payment
    /// (API reference)").
    ///
    /// The payment is taken as it stands there; [`check_first`](CreateRefund::check_first) reads it anew. In the
    /// `snake_case` dialect it also tells which refund is [the new one](RefundCreated::refund).
    ///
    /// ```
    /// # use flowlix_ext::{CardDetails, Flowlix, Money};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = flowlix_sandbox::Sandbox::start().await?;
    /// # let flowlix = Flowlix::builder(sandbox.key(flowlix_sandbox::Dialect::Uppercase))
    /// #     .base_url(sandbox.base_url()).runtime(flowlix_ext::testing::ManualTime::automatic()).build()?;
    /// # let card = CardDetails::new("4000000000000002", 12, 2030, "314", "Jenny Rosen");
    /// # let payment = flowlix.payments().create_direct(Money::eur(49_99), card).await?;
    /// let declined = flowlix.payments().wait(&payment.id).await?;
    /// let error = flowlix.refunds().of(declined.payment()).amount(60_00).await.unwrap_err();
    /// let fields: Vec<_> = error.violations().iter().map(|found| found.field.as_str()).collect();
    /// assert_eq!(fields, ["payment_id", "amount"]); // it was declined, and it was not as much
    /// # Ok(())
    /// # }
    /// ```
    pub fn of(&self, payment: &Payment) -> CreateRefund {
        CreateRefund::new(self.client.clone(), payment.id.clone()).knowing(payment.clone())
    }

    /// Waits until a refund has succeeded or failed. In both dialects the refund is read as a part of its
    /// payment.
    ///
    /// ```
    /// # use flowlix_ext::{CardDetails, Flowlix, Money};
    /// # use flowlix_ext::refunds::RefundSettled;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = flowlix_sandbox::Sandbox::start().await?;
    /// # let flowlix = Flowlix::builder(sandbox.key(flowlix_sandbox::Dialect::SnakeCase))
    /// #     .base_url(sandbox.base_url()).runtime(flowlix_ext::testing::ManualTime::automatic()).build()?;
    /// # let card = CardDetails::new("4111111111111111", 12, 2030, "314", "Jenny Rosen");
    /// # let payment = flowlix.payments().create_direct(Money::eur(49_99), card).await?;
    /// # flowlix.payments().wait(&payment.id).await?;
    /// let created = flowlix.refunds().create(&payment.id).remaining().reason("late").await?;
    /// if let Some(refund) = &created.refund {
    ///     match flowlix.refunds().wait(&payment.id, &refund.id).await? {
    ///         RefundSettled::Succeeded(refund) => println!("{} went back", refund.amount),
    ///         RefundSettled::Failed(refund) => println!("nothing went back: {:?}", refund.decline_code),
    ///         other => println!("look at {}: {}", other.refund().id, other.refund().status),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn wait(&self, payment: &PaymentId, refund: &RefundId) -> RefundWait {
        RefundWait::new(self.client.clone(), payment.clone(), refund.clone())
    }
}
