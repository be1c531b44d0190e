//! The handle that tests hold.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::Map;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::api::auth;
use crate::builder::Builder;
use crate::clock::TestClock;
use crate::dialect::{Dialect, NewRefund};
use crate::event::Event;
use crate::fault::{Fault, Matcher};
use crate::journal::RecordedRequest;
use crate::ledger::Ledger;
use crate::pages;
use crate::payment::Payment;
use crate::server::{self, Core};
use crate::webhook::{self, Webhooks};

/// A Flowlix server on a loopback port. Dropping it stops the server and its connections.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use flowlix_sandbox::{Dialect, Sandbox};
///
/// let sandbox = Sandbox::start().await?;
/// assert!(sandbox.base_url().starts_with("http://127.0.0.1:"));
/// assert!(sandbox.key(Dialect::SnakeCase).starts_with("fl_test_sk_"));
/// assert_eq!(sandbox.ledger().charges(), 0);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Sandbox {
    core: Arc<Core>,
    clock: TestClock,
    address: SocketAddr,
    server: JoinHandle<()>,
}

/// Why a sandbox could not do what a test asked of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SandboxError {
    /// No payment, refund or event has this id.
    NotFound {
        /// The id.
        id: String,
    },
    /// The payment or refund does not wait for this.
    WrongState {
        /// The id.
        id: String,
        /// What was asked for.
        action: &'static str,
    },
    /// A card number must consist of digits.
    NotACardNumber,
    /// Webhooks are posted over plain HTTP to the address of a service: `http://`, a host, and
    /// any port and path.
    NotAnEndpoint {
        /// The address.
        url: String,
    },
}

impl fmt::Display for SandboxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound { id } => write!(f, "the sandbox knows no {id}"),
            Self::WrongState { id, action } => {
                write!(
                    f,
                    "{action}: {id} is not in a state that allows it; read it first"
                )
            }
            Self::NotACardNumber => f.write_str("a card number must consist of digits"),
            Self::NotAnEndpoint { url } => write!(
                f,
                "{url:?} is no endpoint for webhooks: give it as http://host:port/path"
            ),
        }
    }
}

impl std::error::Error for SandboxError {}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Sandbox {
    pub(crate) fn serve(
        listener: TcpListener,
        address: SocketAddr,
        core: Core,
        clock: TestClock,
    ) -> Self {
        let core = Arc::new(core);
        let server = tokio::spawn(server::accept(listener, Arc::clone(&core)));
        Self {
            core,
            clock,
            address,
            server,
        }
    }

    /// Starts a sandbox with all defaults on a free loopback port, on the current tokio runtime.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// All the choices.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The address to use in place of Flowlix's, without a slash at its end.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The test key of a dialect.
    #[must_use]
    pub fn key(&self, dialect: Dialect) -> &'static str {
        auth::test_key(dialect)
    }

    /// The live key of a dialect; see [`Builder::accept_live_keys`].
    #[must_use]
    pub fn live_key(&self, dialect: Dialect) -> &'static str {
        auth::live_key(dialect)
    }

    /// A further test key of the same merchant, as after the rotation of its API key. Each `n`
    /// gives another key; all of them are valid at any time, [`Sandbox::key`] as well. The keys of
    /// a dialect see the same payments. Each key has idempotency keys and a rate limit of its own.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use flowlix_sandbox::{Dialect, Sandbox};
    ///
    /// let sandbox = Sandbox::start().await?;
    /// let rotated = sandbox.rotated_key(Dialect::SnakeCase, 1);
    /// assert!(rotated.starts_with("fl_test_sk_rotated1"));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn rotated_key(&self, dialect: Dialect, n: u8) -> String {
        auth::rotated_key(dialect, n)
    }

    /// The test key of another merchant: valid, with payments of its own. To this key the payments
    /// of [`Sandbox::key`] do not exist, and the other way round.
    #[must_use]
    pub fn foreign_key(&self, dialect: Dialect) -> &'static str {
        auth::foreign_key(dialect)
    }

    /// The documented test cards, each with what it does.
    #[must_use]
    pub fn test_cards() -> &'static [(&'static str, &'static str)] {
        pages::TEST_CARDS
    }

    /// The server's time.
    #[must_use]
    pub fn clock(&self) -> TestClock {
        self.clock.clone()
    }

    /// What really happened so far.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        Ledger::of(self.core.api().payments())
    }

    /// Every API request so far, in order of arrival, secrets redacted.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.core.journal.requests()
    }

    /// The secret with which [`Webhooks`] signs, for test and live payments alike.
    #[must_use]
    pub fn webhook_secret(&self) -> &'static str {
        webhook::SECRET
    }

    /// Posts events to a service, when and how the test says.
    #[must_use]
    pub fn webhooks(&self) -> Webhooks {
        Webhooks::new(Arc::clone(&self.core), self.clock.clone())
    }

    /// The webhook events that there are so far, oldest first, delivered or not: those of the
    /// uppercase payments that are not [`PaymentRecord::foreign`](crate::PaymentRecord::foreign).
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.core.api().events().to_vec()
    }

    /// Changes [`Builder::list_lag`] from now on, for the payments that exist as well.
    pub fn set_list_lag(&self, seconds: i64) {
        self.core.api().set_list_lag(seconds);
    }

    /// Makes the next API request go wrong.
    pub fn inject(&self, fault: Fault) {
        self.inject_at(Matcher::any(), fault, 1);
    }

    /// Makes the next `times` requests that match go wrong. Faults are used up in the order in
    /// which they were injected; a request takes the first that matches.
    pub fn inject_at(&self, matcher: impl Into<Matcher>, fault: Fault, times: usize) {
        self.core.faults.inject(matcher.into(), fault, times);
    }

    /// How many requests still have a fault waiting for them.
    #[must_use]
    pub fn pending_faults(&self) -> usize {
        self.core.faults.pending()
    }

    /// Forgets all faults that are still waiting.
    pub fn clear_faults(&self) {
        self.core.faults.clear();
    }

    /// Waits until at least `count` requests are held by [`Fault::Stall`] or
    /// [`Fault::StallAnswer`].
    pub async fn wait_for_stalled(&self, count: usize) {
        self.core.stalls.wait_for(count).await;
    }

    /// Lets all held requests go on.
    pub fn release_stalled(&self) {
        self.core.stalls.release();
    }

    /// Waits until at least `count` requests are under way because of [`Fault::Late`].
    pub async fn wait_for_late(&self, count: usize) {
        self.core.late.wait_for(count).await;
    }

    /// Lets all late requests arrive, in the order in which they were sent, and tells how many
    /// they were. When this returns, they have been processed: the ledger shows what they did.
    pub fn release_late(&self) -> usize {
        self.core.release_late()
    }

    /// The customer passes 3-D Secure. Processing goes on: the next step ends the payment.
    ///
    /// # Errors
    /// When the payment does not exist or does not wait for 3-D Secure.
    pub fn approve(&self, payment_id: &str) -> Result<(), SandboxError> {
        self.act(payment_id, "approve", |payment, now| payment.approve(now))
    }

    /// The customer fails 3-D Secure; the payment fails at once.
    ///
    /// # Errors
    /// When the payment does not exist or does not wait for 3-D Secure.
    pub fn decline(&self, payment_id: &str) -> Result<(), SandboxError> {
        self.act(payment_id, "decline", |payment, now| payment.refuse(now))
    }

    /// The customer did not act in time (3-D Secure or hosted page); the payment expires at once.
    ///
    /// # Errors
    /// When the payment does not exist or does not wait for its customer.
    pub fn expire(&self, payment_id: &str) -> Result<(), SandboxError> {
        self.act(payment_id, "expire", |payment, now| payment.expire(now))
    }

    /// The payment is canceled, as when a customer abandons the hosted page.
    ///
    /// # Errors
    /// When the payment does not exist or has come to its end.
    pub fn cancel(&self, payment_id: &str) -> Result<(), SandboxError> {
        self.act(payment_id, "cancel", |payment, now| payment.cancel(now))
    }

    /// The customer pays on the hosted page with this card. Processing begins; the card decides
    /// the outcome as it does for a Direct API payment.
    ///
    /// # Errors
    /// When the number is none, or the payment does not exist or has no page waiting.
    pub fn complete_hosted(&self, payment_id: &str, card_number: &str) -> Result<(), SandboxError> {
        let card = pages::hosted_card(card_number).ok_or(SandboxError::NotACardNumber)?;
        self.act(payment_id, "complete_hosted", |payment, now| {
            payment.submit_card(card, now)
        })
    }

    /// Where the customer is sent after 3-D Secure or the hosted page, with the query that
    /// Flowlix appends after a hosted page. `None` when the merchant gave no return URL.
    ///
    /// # Errors
    /// When the payment does not exist.
    pub fn return_address(&self, payment_id: &str) -> Result<Option<String>, SandboxError> {
        self.core
            .api()
            .find(payment_id)
            .map(pages::return_address)
            .ok_or_else(|| not_found(payment_id))
    }

    /// Makes a refund outside the SDK, as another program of the merchant would. The refund has no
    /// idempotency key and is pending like any new refund. Gives the refund's id.
    ///
    /// # Errors
    /// When the payment does not exist, or this amount of it cannot be refunded.
    pub fn refund(
        &self,
        payment_id: &str,
        amount: i64,
        reason: &str,
    ) -> Result<String, SandboxError> {
        let wanted = NewRefund {
            amount: Some(amount),
            reason: Some(reason.to_owned()),
            metadata: Map::new(),
        };
        let mut api = self.core.api();
        api.find(payment_id).ok_or_else(|| not_found(payment_id))?;
        (amount > 0)
            .then(|| api.add_refund(payment_id, wanted, None))
            .flatten()
            .and_then(Result::ok)
            .ok_or_else(|| SandboxError::WrongState {
                id: payment_id.to_owned(),
                action: "refund",
            })
    }

    /// Makes a pending refund fail; its amount can be refunded again.
    ///
    /// # Errors
    /// When the refund does not exist or is no longer pending.
    pub fn fail_refund(&self, refund_id: &str) -> Result<(), SandboxError> {
        let mut api = self.core.api();
        let payment_id = api
            .payments()
            .iter()
            .find(|payment| {
                payment
                    .refunds()
                    .iter()
                    .any(|refund| refund.id() == refund_id)
            })
            .map(|payment| payment.id().to_owned())
            .ok_or_else(|| not_found(refund_id))?;
        let failed = api.change(&payment_id, |payment, now, _| {
            payment
                .refund_mut(refund_id)
                .is_some_and(|refund| refund.fail(now))
        });
        verdict(failed, refund_id, "fail_refund")
    }

    /// Moves a payment (or, once it has come to its end, its refunds) one step, without a read.
    ///
    /// # Errors
    /// When the payment does not exist.
    pub fn step(&self, payment_id: &str) -> Result<(), SandboxError> {
        self.core
            .api()
            .change(payment_id, Payment::step)
            .ok_or_else(|| not_found(payment_id))
    }

    /// Moves every payment and refund as far as it goes without its customer, so that the ledger
    /// shows what all of them come to.
    pub fn settle(&self) {
        let mut api = self.core.api();
        let ids: Vec<String> = api
            .payments()
            .iter()
            .map(|payment| payment.id().to_owned())
            .collect();
        for id in ids {
            // Three steps to the payment's end at most, one more for its refunds.
            for _ in 0..4 {
                api.change(&id, |payment, now, ids| {
                    if payment.is_moving() || payment.has_pending_refund() {
                        payment.step(now, ids);
                    }
                });
            }
        }
    }

    fn act(
        &self,
        payment_id: &str,
        action: &'static str,
        change: impl FnOnce(&mut Payment, i64) -> bool,
    ) -> Result<(), SandboxError> {
        let done = self
            .core
            .api()
            .change(payment_id, |payment, now, _| change(payment, now));
        verdict(done, payment_id, action)
    }
}

fn not_found(id: &str) -> SandboxError {
    SandboxError::NotFound { id: id.to_owned() }
}

fn verdict(done: Option<bool>, id: &str, action: &'static str) -> Result<(), SandboxError> {
    match done {
        None => Err(not_found(id)),
        Some(false) => Err(SandboxError::WrongState {
            id: id.to_owned(),
            action,
        }),
        Some(true) => Ok(()),
    }
}
