//! Refunds: give money back, in part or whole.

mod check;
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
    /// The payment is taken as it stands there; [`check_first`](CreateRefund::check_first) reads it anew.
    ///
    /// ```
    /// # use flowlix_ext::{CardDetails, Flowlix, Money};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = flowlix_sandbox::Sandbox::start().await?;
    /// # let flowlix = Flowlix::builder(sandbox.key(flowlix_sandbox::Dialect::Uppercase))
    /// #     .base_url(sandbox.base_url()).runtime(flowlix_ext::testing::ManualTime::automatic()).build()?;
    /// # let card = CardDetails::new("4000000000000002", 12, 2027, "314", "Jenny Rosen");
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
    /// # let card = CardDetails::new("4111111111111111", 12, 2027, "314", "Jenny Rosen");
    /// # let payment = flowlix.payments().create_direct(Money::eur(49_99), card).await?;
    /// # flowlix.payments().wait(&payment.id).await?;
    /// let created = flowlix.refunds().create(&payment.id).remaining().reason("late").await?;
    /// if let Some(refund) = &created.refund {
    ///     match flowlix.refunds().wait(&payment.id, &refund.id).await? {
    ///         RefundSettled::Succeeded(refund) => println!("{} went back", refund.amount),
    ///         other => println!("nothing went back: {}", other.refund().status),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn wait(&self, payment: &PaymentId, refund: &RefundId) -> RefundWait {
        RefundWait::new(self.client.clone(), payment.clone(), refund.clone())
    }
}
