//! Payments: create them, read them, wait for what becomes of them.
//!
//! | you want to | call | it ends with |
//! |---|---|---|
//! | charge a card that your page collected | [`create_direct`](Payments::create_direct) | a payment that was accepted, not charged |
//! | let Flowlix's page collect it | [`create_hosted`](Payments::create_hosted), then [`HostedReturn`] | the same |
//! | know how it ended | [`wait`](Payments::wait) | [`Settled`]: an outcome, or an action of the customer |
//! | see it on its way | [`watch`](Payments::watch) | each change of status, then the same |
//! | go on after a restart | [`resume`](Payments::resume) with a [`WaitHandle`] | the same |
//! | look once | [`retrieve`](Payments::retrieve) | the payment as it stands |
//! | look at many | [`list`](Payments::list), [`list_from`](Payments::list_from) | a stream of payments or pages |
//!
//! Store a payment's id with the order before you wait for it. One payment is one attempt: start the next attempt, with
//! a new [key](crate::IdempotencyKey), only when the payment failed, expired or was canceled. A card that was declined
//! at once has created no payment: the next card goes out [under the same key](crate#one-key-for-one-payment-attempt).
//!
//! A wait goes on for 120 s, a create for 60 s, unless told otherwise. Where a customer waits for the answer, say less
//! with [`deadline`](Wait::deadline) and [`operation_timeout`](CreateDirect::operation_timeout), and let a worker go on.
//! An error of a wait never says that the payment failed: it goes on by itself.

mod action;
mod billing;
mod create_direct;
mod create_hosted;
mod extension;
mod handle;
mod hosted_return;
pub(crate) mod list;
pub(crate) mod looks;
pub(crate) mod progress;
mod retrieve;
mod return_url;
pub(crate) mod rules;
mod settled;
pub mod state;
mod wait;
mod watch;

use flowlix_api::model::PaymentId;

use crate::card::CardDetails;
use crate::client::Flowlix;
use crate::money::Money;

pub use create_direct::CreateDirect;
pub use create_hosted::CreateHosted;
pub use extension::PaymentExt;
pub use handle::{InvalidWaitHandle, WaitHandle};
pub use hosted_return::{HostedReturn, InvalidReturn, StatusHint};
pub use list::{Cursor, Items, List, Listed, Page, Pages, UndecodablePayment};
pub use progress::WaitProgress;
pub use retrieve::Retrieve;
pub use settled::{FailedPayment, RequiredAction, Settled};
pub use wait::Wait;
pub use watch::Watch;

/// The payments of one client; see [`Flowlix::payments`].
#[derive(Debug, Clone)]
pub struct Payments {
    client: Flowlix,
}

impl Flowlix {
    /// Payments: create, read, list, wait.
    #[must_use]
    pub fn payments(&self) -> Payments {
        Payments::new(self.clone())
    }
}

impl Payments {
    pub(crate) fn new(client: Flowlix) -> Self {
        Self { client }
    }

    /// A payment with card data that your own page collected.
    ///
    /// What comes back was *accepted*, not charged: the outcome shows later, see [`wait`](Self::wait).
    pub fn create_direct(&self, amount: Money, card: CardDetails) -> CreateDirect {
        CreateDirect::new(self.client.clone(), amount, card)
    }

    /// A payment whose card data the customer enters on Flowlix's page. Send the customer to
    /// `hosted_payment_url` of what comes back; Flowlix returns them to `return_url`, whose query is a hint
    /// only: read it with [`HostedReturn`], which asks for the truth.
    pub fn create_hosted(&self, amount: Money, return_url: impl Into<String>) -> CreateHosted {
        CreateHosted::new(self.client.clone(), amount, return_url.into())
    }

    /// Reads a payment.
    pub fn retrieve(&self, id: &PaymentId) -> Retrieve {
        Retrieve::new(self.client.clone(), id.clone())
    }

    /// Lists payments, newest first: page by page, or payment by payment.
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
    /// # flowlix.payments().wait(&payment.id).await?;
    /// use flowlix_ext::model::PaymentStatus;
    ///
    /// let (from, before) = (1_719_792_000, 1_719_878_400); // one day, Unix seconds
    /// let failed = flowlix.payments().list().status(PaymentStatus::Failed);
    /// let mut items = failed.created_gte(from).created_lt(before).items();
    /// let (mut ids, mut unreadable) = (Vec::new(), Vec::new());
    /// while let Some(item) = items.next().await? {
    ///     match item {
    ///         Ok(payment) => ids.push(payment.id),
    ///         Err(payment) => unreadable.push(payment), // id and place, nothing secret
    ///     }
    /// }
    /// assert!(items.is_complete()); // there may be more after `max_items` and `max_pages`
    /// # assert_eq!((ids.len(), unreadable.len()), (1, 0));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # What was charged
    /// Leave the status filter out, take what is [`Succeeded`](flowlix_api::model::PaymentStatus::Succeeded) or
    /// [`Refunded`](flowlix_api::model::PaymentStatus::Refunded), and keep a sum for each currency: in `snake_case` a
    /// payment that was charged and wholly given back since may show as refunded, and payments may be in several
    /// currencies. The [crate's page](crate#read-many-payments) has the code.
    ///
    /// # What changes meanwhile
    /// Forward, each page begins after the last payment of the page before, so a payment that is created
    /// meanwhile, being newer, moves no other: none is skipped and none comes twice. It is not in that list
    /// itself. Backward (uppercase dialect), the list ends with the newest payment there is by then; its
    /// cursor leads on to those that come later. A status filter is applied when a page is read: a payment
    /// that changes meanwhile may be in no page, or may come as it was before.
    pub fn list(&self) -> List {
        List::new(self.client.clone(), Cursor::start())
    }

    /// Goes on with a list where [`Items::cursor`], [`Pages::cursor`] or [`Page::next`] stood, with the
    /// same filters, page size and direction; limits and timeouts are set anew. A filter or page size that is
    /// set here takes the place of the cursor's, from there on.
    ///
    /// ```
    /// # use flowlix_ext::{CardDetails, Flowlix, Money};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = flowlix_sandbox::Sandbox::start().await?;
    /// # let flowlix = Flowlix::builder(sandbox.key(flowlix_sandbox::Dialect::SnakeCase))
    /// #     .base_url(sandbox.base_url()).runtime(flowlix_ext::testing::ManualTime::automatic()).build()?;
    /// # for _ in 0..3 {
    /// #     let card = CardDetails::new("4111111111111111", 12, 2030, "314", "Jenny Rosen");
    /// #     flowlix.payments().create_direct(Money::eur(49_99), card).await?;
    /// # }
    /// let mut items = flowlix.payments().list().items();
    /// let first = items.next().await?;
    /// let stored = serde_json::to_string(items.cursor())?;
    ///
    /// // Later, perhaps in another process:
    /// let mut rest = flowlix.payments().list_from(serde_json::from_str(&stored)?).items();
    /// assert_eq!(rest.next().await?, items.next().await?);
    /// # assert!(first.is_some() && rest.next().await?.is_some());
    /// # Ok(())
    /// # }
    /// ```
    pub fn list_from(&self, cursor: Cursor) -> List {
        List::new(self.client.clone(), cursor)
    }

    /// Waits until a payment has its outcome or needs the customer.
    pub fn wait(&self, id: &PaymentId) -> Wait {
        Wait::new(self.client.clone(), id.clone())
    }

    /// Watches a payment on its way: each change of status as it is seen, then the outcome.
    ///
    /// ```
    /// # use flowlix_ext::{CardDetails, Flowlix, Money, Settled};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = flowlix_sandbox::Sandbox::start().await?;
    /// # let flowlix = Flowlix::builder(sandbox.key(flowlix_sandbox::Dialect::Uppercase))
    /// #     .base_url(sandbox.base_url()).runtime(flowlix_ext::testing::ManualTime::automatic()).build()?;
    /// # let card = CardDetails::new("4111111111111111", 12, 2030, "314", "Jenny Rosen");
    /// # let payment = flowlix.payments().create_direct(Money::eur(49_99), card).await?;
    /// let mut seen = Vec::new();
    /// let mut watch = flowlix.payments().watch(&payment.id);
    /// while let Some(payment) = watch.next().await? {
    ///     seen.push(payment.status.to_string());
    /// }
    /// assert_eq!(seen, ["PROCESSING", "SUCCEEDED"]);
    /// assert!(matches!(watch.settled().await?, Settled::Succeeded(_)));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Set it up like a wait with [`Wait::watch`]: `payments().wait(&id).deadline(limit).watch()`.
    pub fn watch(&self, id: &PaymentId) -> Watch {
        self.wait(id).watch()
    }

    /// Takes a wait up again, after a restart or on another machine. It looks at once; its deadline is the
    /// one that was set, counted on the wall clock from the wait's first beginning, so the machines' clocks
    /// should agree. Past the deadline it looks once, for up to 5 s, before it says that time is up.
    ///
    /// ```
    /// # use flowlix_ext::{CardDetails, Flowlix, Money, Settled};
    /// # use flowlix_ext::payments::WaitHandle;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = flowlix_sandbox::Sandbox::start().await?;
    /// # let flowlix = Flowlix::builder(sandbox.key(flowlix_sandbox::Dialect::Uppercase))
    /// #     .base_url(sandbox.base_url()).runtime(flowlix_ext::testing::ManualTime::automatic()).build()?;
    /// # let card = CardDetails::new("4635440000002223", 12, 2030, "314", "Jenny Rosen");
    /// # let create = flowlix.payments().create_direct(Money::eur(49_99), card);
    /// # let payment = create.return_url("https://shop.example.com/3ds").await?;
    /// let mut watch = flowlix.payments().watch(&payment.id);
    /// while watch.next().await?.is_some() {}
    /// let stored = serde_json::to_string(&watch.handle())?;
    /// // The customer is sent to 3-D Secure, this process ends, another one takes over:
    /// # sandbox.approve(payment.id.as_str())?;
    /// let handle = WaitHandle::from_json(&stored)?;
    /// let settled = flowlix.payments().resume(handle).customer_returned().await?;
    /// assert!(matches!(settled, Settled::Succeeded(_)));
    /// # Ok(())
    /// # }
    /// ```
    pub fn resume(&self, handle: WaitHandle) -> Wait {
        handle.resume(self.client.clone())
    }
}

/// Makes a stream of what `$poll` brings, ending after the first error, for a type with a field `failed`.
macro_rules! stream {
    ($name:ty => $item:ty, $poll:ident) => {
        impl Stream for $name {
            type Item = Result<$item, Error>;

            fn poll_next(
                mut self: Pin<&mut Self>,
                context: &mut Context<'_>,
            ) -> Poll<Option<Self::Item>> {
                if self.failed {
                    return Poll::Ready(None);
                }
                let polled = ready!(self.$poll(context));
                self.failed = polled.is_err();
                Poll::Ready(polled.transpose())
            }
        }
    };
}

/// The setter of metadata, for a builder with a field `request`.
macro_rules! metadata_setter {
    ($($documentation:literal)+) => {
        $(#[doc = $documentation])+
        pub fn metadata(
            mut self,
            name: impl Into<String>,
            value: impl Into<serde_json::Value>,
        ) -> Self {
            self.request.metadata.insert(name.into(), value.into());
            self
        }
    };
}

/// What both ways to create a payment may carry, for a builder with a field `request`.
macro_rules! payment_setters {
    () => {
        /// Who pays. The `snake_case` dialect wants all of it or nothing; `ip` exists there alone. The country
        /// is an ISO 3166-1 alpha-2 code, the telephone number in international format, beginning with `+`.
        pub fn billing_details(mut self, details: flowlix_api::model::BillingDetailsInput) -> Self {
            self.request.billing_details = Some(details);
            self
        }

        /// Your order's reference, at most 255 characters; uppercase dialect only. It finds payments again
        /// and gives no idempotency.
        pub fn merchant_reference(mut self, reference: impl Into<String>) -> Self {
            self.request.merchant_reference = Some(reference.into());
            self
        }

        /// A text for your records, at most 500 characters.
        pub fn description(mut self, description: impl Into<String>) -> Self {
            self.request.description = Some(description.into());
            self
        }

        crate::payments::metadata_setter!(
            "Adds one entry of metadata; a name given twice keeps the last value. The `snake_case` dialect"
            "takes at most 50 entries, text of at most 500 characters each, and recommends names of at most 40."
        );
    };
}

pub(crate) use metadata_setter;
use {payment_setters, stream};
