//! The same calls for code that is not async (feature `blocking`).
//!
//! There is no second set of builders: [`Flowlix::run`] runs any call of this crate to its end, so that a
//! blocking service has every operation, setter and error that an async one has, on the day it appears.
//!
//! ```
//! use flowlix_ext::{CardDetails, IdempotencyKey, Money, Settled, blocking};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let tokio = tokio::runtime::Runtime::new()?;
//! # let sandbox = tokio.block_on(flowlix_sandbox::Sandbox::start())?;
//! # let time = flowlix_ext::testing::ManualTime::automatic();
//! # let flowlix = blocking::Flowlix::build(flowlix_ext::Flowlix::builder(sandbox.key(flowlix_sandbox::Dialect::Uppercase))
//! #     .base_url(sandbox.base_url()).runtime(time))?;
//! # #[cfg(any())]
//! let flowlix = blocking::Flowlix::from_env()?;
//!
//! let card = CardDetails::new("4111111111111111", 12, 2030, "314", "Jenny Rosen");
//! let create = flowlix
//!     .payments()
//!     .create_direct(Money::eur(49_99), card)
//!     .idempotency_key(IdempotencyKey::derive("payment", ["order-1234", "1"])?);
//! let payment = flowlix.run(create)?;
//!
//! let mut watch = flowlix.payments().watch(&payment.id);
//! while let Some(payment) = flowlix.run(watch.next())? {
//!     println!("{}", payment.status);
//! }
//! assert!(matches!(flowlix.run(watch.settled())?, Settled::Succeeded(_)));
//! # Ok(())
//! # }
//! ```

mod driver;

use std::pin::Pin;
use std::sync::Arc;

use futures_core::Stream;

use crate::client::FlowlixBuilder;
use crate::error::Error;
use crate::payments::Payments;
use crate::refunds::Refunds;
use driver::Driver;

/// A Flowlix client for code that is not async. Cheap to clone; may be used by many threads at once.
///
/// It owns its client, and one thread that keeps the connections alive while no call is running; the thread
/// ends with the last clone.
#[derive(Debug, Clone)]
pub struct Flowlix {
    client: crate::Flowlix,
    driver: Arc<Driver>,
}

impl Flowlix {
    /// A client for this API key, with every default.
    ///
    /// # Errors
    /// As [`crate::Flowlix::new`]; and when the system starts no thread.
    pub fn new(api_key: &str) -> Result<Self, Error> {
        Self::build(crate::Flowlix::builder(api_key))
    }

    /// A client for the key in `FLOWLIX_API_KEY`, at `FLOWLIX_BASE_URL` if that is set.
    ///
    /// # Errors
    /// As [`crate::Flowlix::from_env`]; and when the system starts no thread.
    pub fn from_env() -> Result<Self, Error> {
        Self::build(FlowlixBuilder::from_env()?)
    }

    /// A client with settings of your own. It takes settings, not a client: connections belong to what
    /// drives them, so a client cannot serve async and blocking code both.
    ///
    /// # Errors
    /// As [`FlowlixBuilder::build`]; and when the system starts no thread.
    pub fn build(settings: FlowlixBuilder) -> Result<Self, Error> {
        let client = settings.build()?;
        let driver = Driver::start().map_err(|error| {
            let cause = "the thread of the blocking client cannot be started";
            Error::configuration(cause, Some(Box::new(error)))
        })?;
        Ok(Self {
            client,
            driver: Arc::new(driver),
        })
    }

    /// Payments; give what you build to [`run`](Self::run).
    #[must_use]
    pub fn payments(&self) -> Payments {
        self.client.payments()
    }

    /// Refunds; give what you build to [`run`](Self::run).
    #[must_use]
    pub fn refunds(&self) -> Refunds {
        self.client.refunds()
    }

    /// The client whose calls are run, for everything else: dialect, mode,
    /// [`HostedReturn::confirm`](crate::payments::HostedReturn::confirm).
    #[must_use]
    pub fn client(&self) -> &crate::Flowlix {
        &self.client
    }

    /// Runs a call to its end on this thread: a builder of [`payments`](Self::payments) or
    /// [`refunds`](Self::refunds), or a future such as the one of
    /// [`Watch::next`](crate::payments::Watch::next).
    ///
    /// # Errors
    /// The call's own; otherwise as [`block_on`](Self::block_on).
    pub fn run<C, T>(&self, call: C) -> Result<T, Error>
    where
        C: IntoFuture<Output = Result<T, Error>>,
    {
        self.block_on(call)?
    }

    /// Runs any work to its end on this thread, such as that of
    /// [`Inbox::receive`](crate::webhooks::Inbox::receive), which fails in its own way.
    ///
    /// # Errors
    /// [`BlockingInAsync`](crate::ErrorKind::BlockingInAsync), with nothing sent, on a thread of an async
    /// runtime, where blocking would stop every other task; use [`crate::Flowlix`] there. That includes
    /// tokio's `spawn_blocking`, where `Handle::current().block_on` runs the async client's calls.
    pub fn block_on<F: IntoFuture>(&self, work: F) -> Result<F::Output, Error> {
        if tokio::runtime::Handle::try_current().is_ok() {
            return Err(Error::blocking_in_async());
        }
        Ok(self.driver.run(work.into_future()))
    }

    /// A stream as an iterator: the [`items`](crate::payments::List::items) or
    /// [`pages`](crate::payments::List::pages) of a list, or a [`Watch`](crate::payments::Watch). It ends after
    /// its first error, which may be the one of [`block_on`](Self::block_on). Lend the stream to ask it
    /// afterwards whether the list [is complete](crate::payments::Items::is_complete), or where it stands:
    /// ```
    /// # use flowlix_ext::blocking;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let tokio = tokio::runtime::Runtime::new()?;
    /// # let sandbox = tokio.block_on(flowlix_sandbox::Sandbox::start())?;
    /// # let time = flowlix_ext::testing::ManualTime::automatic();
    /// # let flowlix = blocking::Flowlix::build(flowlix_ext::Flowlix::builder(sandbox.key(flowlix_sandbox::Dialect::SnakeCase))
    /// #     .base_url(sandbox.base_url()).runtime(time))?;
    /// let mut items = flowlix.payments().list().items();
    /// for item in flowlix.iter(&mut items) {
    ///     match item? {
    ///         Ok(payment) => println!("{}: {}", payment.id, payment.status),
    ///         Err(unreadable) => eprintln!("look at {:?} by hand: {unreadable}", unreadable.id()),
    ///     }
    /// }
    /// assert!(items.is_complete());
    /// # Ok(())
    /// # }
    /// ```
    pub fn iter<S, T>(&self, stream: S) -> impl Iterator<Item = Result<T, Error>> + use<S, T>
    where
        S: Stream<Item = Result<T, Error>> + Unpin,
    {
        let (flowlix, mut stream, mut ended) = (self.clone(), stream, false);
        std::iter::from_fn(move || {
            if ended {
                return None;
            }
            let next = std::future::poll_fn(|context| Pin::new(&mut stream).poll_next(context));
            let item = flowlix
                .block_on(next)
                .unwrap_or_else(|error| Some(Err(error)));
            ended = !matches!(item, Some(Ok(_)));
            item
        })
    }
}
