//! Payment intents: be paid for an order, once.
//!
//! A shop wants to be paid for order-1234, once, whatever happens in between: a double click, a lost answer, a second
//! card, a crash, another machine. An [`Intent`] is named by the shop's own reference and is kept in a
//! [store](store::IntentStore). Your code handles no idempotency key, no attempt and no retry.
//! ```
//! use std::time::Duration;
//! use flowlix_ext::intents::{IntentError, IntentStatus, Intents, store::MemoryStore};
//! use flowlix_ext::{CardDetails, Flowlix, Money};
//!
//! /// What to tell the customer. Call it as often as the customer clicks.
//! async fn pay(intents: &Intents, order: &str, card: CardDetails) -> Result<String, IntentError> {
//!     let intent = intents.intent(order, Money::eur(49_99)); // nothing is sent or stored here
//!     let pay = intent.pay(card).return_url("https://shop.example.com/3ds");
//!     Ok(match pay.within(Duration::from_secs(10)).await? {
//!         IntentStatus::Paid(_) => "Thank you!".to_owned(), // also when it was paid before
//!         IntentStatus::ActionRequired(action) => match action.redirect_url() {
//!             Some(url) => format!("send the customer to {url}"),
//!             None => "We are checking your payment.".to_owned(),
//!         },
//!         IntentStatus::Unpaid(unpaid) => unpaid.customer_message().to_owned(), // pay again with any card
//!         // `Overcharged` or `PaidAfterClose`: too much was charged. A person refunds what the log names.
//!         over if over.is_paid() => { eprintln!("{over:?}"); "Thank you!".to_owned() }
//!         IntentStatus::PaidAfterClose(over) => { eprintln!("{over:?}"); "This order was canceled.".to_owned() }
//!         // Processing, OutcomeUnknown, and what a later version adds: ask for the status later.
//!         _ => "We are checking your payment.".to_owned(),
//!     })
//! }
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let sandbox = flowlix_sandbox::Sandbox::start().await?;
//! # let flowlix = Flowlix::builder(sandbox.key(flowlix_sandbox::Dialect::Uppercase))
//! #     .base_url(sandbox.base_url()).runtime(flowlix_ext::testing::ManualTime::automatic()).build()?;
//! # let card = |number| CardDetails::new(number, 12, 2030, "314", "Jenny Rosen");
//! # #[cfg(any())]
//! let flowlix = Flowlix::from_env()?;
//! // Stores that outlive the process: `SqliteStore` (feature `sqlite`) for one machine, `PostgresStore` for several.
//! let intents = Intents::builder(flowlix, MemoryStore::new()).merchant("my-shop").build()?;
//! # assert!(pay(&intents, "order-1234", card("4000000000009995")).await?.contains("insufficient funds"));
//! # assert_eq!(pay(&intents, "order-1234", card("4111111111111111")).await?, "Thank you!");
//! # assert_eq!(pay(&intents, "order-1234", card("4111111111111111")).await?, "Thank you!");
//! # assert_eq!(sandbox.ledger().charges(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! # What each status asks for
//! | status | meaning | do |
//! |---|---|---|
//! | [`Unpaid`] | nothing was charged, and nothing can still charge (after a lost answer this rests on the [quiet time](IntentsBuilder::quiet_time)) | let the customer pay, with any card |
//! | [`ActionRequired`] | the customer has to act: 3-D Secure, or the hosted page | send the customer to [`redirect_url`](ActionRequired::redirect_url) |
//! | [`Processing`] | a payment is on its way | say "we are checking", ask for the [status](Intent::status) later |
//! | [`OutcomeUnknown`] | a request was sent, and no answer tells what became of it | the same; if [`can_pay_again`](OutcomeUnknown::can_pay_again), the customer may pay with any card |
//! | [`Paid`] | charged once | fulfil the order |
//! | [`Overcharged`] | charged more than once | fulfil the order, [refund](Intent::refund) the [other payments](RefundPayment::of_payment) |
//! | [`PaidAfterClose`] | charged after [`close`](Intent::close) | refund the payments |
//!
//! A status is what this call has read, or what was known before where Flowlix gave no answer:
//! [`not_read`](IntentStatus::not_read) has the reason then.
//!
//! # The customer comes back
//! Take the order from your own session, not from the query. The intent remembers which action the customer was sent
//! to, in whatever process.
//! ```
//! # use flowlix_ext::intents::{IntentStatus, Intents, store::MemoryStore};
//! # use flowlix_ext::{Flowlix, Money};
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let sandbox = flowlix_sandbox::Sandbox::start().await?;
//! # let flowlix = Flowlix::builder(sandbox.key(flowlix_sandbox::Dialect::SnakeCase))
//! #     .base_url(sandbox.base_url()).runtime(flowlix_ext::testing::ManualTime::automatic()).build()?;
//! # let intents = Intents::builder(flowlix, MemoryStore::new()).merchant("my-shop").build()?;
//! let intent = intents.intent("order-1234", Money::eur(25_00));
//! let status = intent.pay_hosted("https://shop.example.com/back").await?;
//! let IntentStatus::ActionRequired(action) = status else { panic!("{status}") };
//! assert!(action.redirect_url().is_some()); // send the customer there
//!
//! # let id = action.payment_id().unwrap().as_str().to_owned();
//! # sandbox.complete_hosted(&id, "4111111111111111")?;
//! # let query = sandbox.return_address(&id)?;
//! // In the handler of https://shop.example.com/back, with the query that came in, if one came in:
//! let status = intent.returned(query.as_deref()).await?;
//! assert!(status.is_paid());
//! # Ok(())
//! # }
//! ```
//!
//! # Refunds
//! A refund has a reference of yours, so that the same call refunds once.
//! ```
//! # use flowlix_ext::intents::{Intents, RefundStatus, store::MemoryStore};
//! # use flowlix_ext::{CardDetails, Flowlix, Money};
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let sandbox = flowlix_sandbox::Sandbox::start().await?;
//! # let flowlix = Flowlix::builder(sandbox.key(flowlix_sandbox::Dialect::SnakeCase))
//! #     .base_url(sandbox.base_url()).runtime(flowlix_ext::testing::ManualTime::automatic()).build()?;
//! # let intents = Intents::builder(flowlix, MemoryStore::new()).merchant("my-shop").build()?;
//! # let intent = intents.intent("order-1234", Money::eur(49_99));
//! # intent.pay(CardDetails::new("4111111111111111", 12, 2030, "314", "Jenny Rosen")).await?;
//! match intent.refund("return-77").amount(10_00).await? {
//!     RefundStatus::Succeeded(refund) => println!("{} minor units went back", refund.amount()),
//!     RefundStatus::Pending(_) | RefundStatus::OutcomeUnknown(_) => println!("make the same call later"),
//!     other => println!("{other}"),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # The worker
//! A customer closes the browser, an answer is lost, a refund takes a day. Spawn [`run`](Intents::run) once in each process:
//! it finds out what became of each payment, and reports each change to your handler until the handler returns `Ok`.
//! [`run_once`](Intents::run_once) does one pass, for cron. Pass verified webhooks to [`receive`](Intents::receive): the
//! handler hears of them sooner then.
//!
//! For people: [`list`](Intents::list) shows what is unknown, unreported or overcharged, [`history`](Intent::history) what
//! happened to an order. [`reconcile`](Intents::reconcile) compares the store with Flowlix, [`prune`](Intents::prune) and
//! [`erase`](Intents::erase) forget what nobody needs.
//!
//! # How it works
//! An *attempt* is one idempotency key at Flowlix and at most one payment, normally one card or one hosted page.
//! 1. The intent, the attempt and the request are stored before the request leaves. A store that fails sends nothing.
//! 2. The key follows from merchant, mode, reference and the number of the attempt. Flowlix creates at most one payment
//!    for one key, so that a late request, a second click and a second process cannot add a charge.
//! 3. The next attempt, with a new key, starts only when Flowlix holds a payment under the current key and that payment
//!    ended without a charge. A card that was declined at once, a rejected request, a rate limit and a lost answer keep
//!    the key.
//! 4. An answer that is lost stays open. The same request under the same key, or Flowlix's lists, tell what became of
//!    it. Finding nothing proves that nothing was done only after the [quiet time](IntentsBuilder::quiet_time).
//! 5. A payment carries a [correlation id](CORRELATION_ID) in its metadata. A search finds every payment of the intent that
//!    the lists show, and a second charge that is found is reported as [`Overcharged`].
//! 6. The quiet time is an assumption. After it has counted a request as not carried out, each call on the intent searches
//!    again, for as long as Flowlix can keep the key, about 25 hours. A late charge is reported too.
//!
//! Three cases leave the protection of the key. After a change of the API key or the dialect, and in the uppercase
//! dialect between card and hosted page, nothing is sent while an earlier request may still be carried out. With
//! [`supersede`](Pay::supersede) your code decides to start another attempt beside one that still waits.
//!
//! A store that was restored from a backup knows less than Flowlix. **Call [`reconcile`](Intents::reconcile) before it
//! serves again**, and once more after the quiet time: it adds every payment that the lists show. Without it, only the idempotency key protects what
//! the copy has lost: for 24 hours, with the same API key and, in the uppercase dialect, the same way to pay.
//!
//! The store holds references, amounts, ids, statuses and times. It holds no card data, no address, and nothing that a
//! `pay` carries besides.
#![doc = include_str!("../../docs/intent-states.md")]

mod builder;
mod correlation;
mod error;
mod history;
mod intent;
mod maintenance;
mod pay;
pub(crate) mod protocol;
mod receive;
mod reconcile;
mod recorder;
mod records;
mod refund_seen;
mod refund_status;
mod refunds;
mod request;
mod returned;
mod search;
mod session;
mod status;
pub mod store;
mod view;
mod worker;

use std::sync::Arc;

pub use builder::IntentsBuilder;
pub use correlation::{CORRELATION_ID, MERCHANT_REFERENCE};
pub use error::{IntentError, IntentErrorKind};
pub use history::{AttemptInfo, AttemptMethod, AttemptState, HistoryEntry};
pub use intent::Intent;
pub use maintenance::{IntentFilter, IntentPage};
pub use pay::{Pay, PayHosted};
pub use reconcile::Reconciled;
pub use refund_status::{RefundInfo, RefundStatus};
pub use refunds::RefundPayment;
pub use returned::Returned;
pub use status::{
    ActionRequired, IntentStatus, OutcomeUnknown, Overcharged, Paid, PaidAfterClose, Processing,
    Unpaid, UnpaidReason,
};

pub use worker::{IntentChange, Pass, Worker};

use crate::client::Flowlix;
use crate::money::Money;
use session::Shared;
use store::IntentStore;

/// The payment intents of one merchant. Cheap to clone; make one and share it.
#[derive(Clone)]
pub struct Intents {
    shared: Arc<Shared>,
}

impl Intents {
    /// Intents that pay through this client and are kept in this store.
    pub fn builder(flowlix: Flowlix, store: impl IntentStore + 'static) -> IntentsBuilder {
        IntentsBuilder::new(flowlix, Arc::new(store))
    }

    fn from_shared(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The intent of an order, named by a reference of yours. Nothing is sent or stored.
    ///
    /// A reference has 1 to 255 characters, not white space alone, and no control characters. Upper and lower case differ,
    /// and so does white space at its ends. Flowlix sees it: in uppercase as `merchant_reference`, in `snake_case` in the
    /// metadata under [`MERCHANT_REFERENCE`].
    #[must_use]
    pub fn intent(&self, reference: impl Into<String>, money: Money) -> Intent {
        Intent::new(self.shared.clone(), reference.into(), money)
    }

    /// The intent that is stored under a reference, with its amount; `None` when there is none.
    ///
    /// # Errors
    /// [`IntentError`] when the store fails.
    pub async fn get(&self, reference: impl Into<String>) -> Result<Option<Intent>, IntentError> {
        // The amount is taken from the record.
        self.intent(reference, Money::eur(0)).found().await
    }
}

impl std::fmt::Debug for Intents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Intents")
            .field("merchant", &self.shared.records.scope().merchant)
            .field("flowlix", &self.shared.flowlix)
            .finish_non_exhaustive()
    }
}
