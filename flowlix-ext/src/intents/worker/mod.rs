//! The worker: finds out what became of payments, and reports each change of an intent to a handler.
//!
//! How soon, and for how many requests: `flowlix-ext/docs/worker-figures.md`.

mod change;
mod lease;
mod lists;
mod pace;
mod pass;
mod poll;
mod report;
mod watched;

use std::future::{Future, IntoFuture};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

pub use change::IntentChange;
pub use pass::Pass;

use super::Intents;
use super::error::IntentError;
use super::store::StoreError;
use pass::State;
use report::Handler;

/// How often a running worker begins a pass: looks through the store, and then polls until the next one.
const PAUSE: Duration = Duration::from_secs(1);
/// How often a running worker writes what it has done into the log.
const SUMMARY: Duration = Duration::from_secs(60);
/// Default of [`Worker::concurrency`].
const CONCURRENCY: usize = 16;

/// A worker about to run; see [`Intents::run`].
#[must_use = "nothing is done before `await`"]
pub struct Worker {
    intents: Intents,
    handler: Handler,
    concurrency: usize,
    shutdown: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Intents {
    /// Finds out what became of payments, and reports each change of an intent to the handler: one future that a service
    /// spawns. It ends only when [`with_graceful_shutdown`](Worker::with_graceful_shutdown) says so.
    ///
    /// Each change is reported **at least once**, in order per intent, with a rising
    /// [sequence number](IntentChange::sequence), until the handler returns `Ok`, also after a crash. A handler that fails
    /// or panics is called again after a pause: 1 s, then twice as long each time, at most 10 minutes. Other intents do
    /// not wait for it.
    ///
    /// Payments of the last minute are polled every 2 to 4 s, customers who have to pass 3-D Secure are expected back every
    /// 2 s. Every open payment is polled at least every **120 s**, as far as the rate limit has room: one request shows 100
    /// open payments, and 10,000 of them are read within 120 s when creates and other clients use half of the limit.
    ///
    /// Run it in as many processes as you like: they share the work by leases in the store. Within 30 s another process
    /// goes on where one has died. It needs a tokio runtime.
    ///
    /// ```
    /// # use flowlix_ext::intents::{IntentError, IntentStatus, Intents, store::MemoryStore};
    /// # use flowlix_ext::{CardDetails, Flowlix, Money};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = flowlix_sandbox::Sandbox::start().await?;
    /// # let flowlix = Flowlix::builder(sandbox.key(flowlix_sandbox::Dialect::Uppercase))
    /// #     .base_url(sandbox.base_url()).build()?;
    /// # let intents = Intents::builder(flowlix, MemoryStore::new()).merchant("my-shop").build()?;
    /// # let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    /// # let mut stop = Some(stop);
    /// # let card = CardDetails::new("4111111111111111", 12, 2030, "314", "Jenny Rosen");
    /// # intents.intent("order-1234", Money::eur(49_99)).pay(card).within(std::time::Duration::ZERO).await?;
    /// # let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    /// let worker = intents.run(move |change| {
    ///     # let tell = tell.clone();
    ///     async move {
    ///         // In one transaction of yours: do nothing if `sequence` is not larger than the last one of the order.
    ///         println!("{} {}", change.sequence(), change.status());
    ///         # if change.status().is_paid() { let _ = tell.send(()); }
    ///         Ok::<(), std::io::Error>(())
    ///     }
    /// });
    /// let worker = tokio::spawn(worker.with_graceful_shutdown(async {
    ///     # let _ = stopped.await;
    ///     # #[cfg(any())]
    ///     tokio::signal::ctrl_c().await.ok();
    /// }).into_future());
    /// # told.recv().await;
    /// # stop.take().map(|stop| stop.send(()));
    /// # worker.await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn run<H, F, E>(&self, handler: H) -> Worker
    where
        H: Fn(IntentChange) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: std::fmt::Display,
    {
        Worker {
            intents: self.clone(),
            handler: report::handler(handler),
            concurrency: CONCURRENCY,
            shutdown: Box::pin(std::future::pending()),
        }
    }

    /// One pass of a worker, for cron and serverless: polls what is due, searches for what was lost, and reports what has
    /// changed, for about `budget`. Handler calls that have begun are finished.
    ///
    /// # Errors
    /// [`Store`](super::IntentErrorKind::Store) when the store fails.
    pub async fn run_once<H, F, E>(&self, budget: Duration, handler: H) -> Result<Pass, IntentError>
    where
        H: Fn(IntentChange) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: std::fmt::Display,
    {
        let mut state = State::new(self.clone(), report::handler(handler), CONCURRENCY)?;
        let runtime = self.shared.flowlix.runtime();
        let until = runtime.monotonic().saturating_add(budget);
        let done = state.until_quiet(until).await;
        state.finish().await;
        done.map_err(IntentError::store)?;
        Ok(state.take_summary())
    }
}

impl Worker {
    /// Ends the worker when this future is done: handler calls that have begun are finished, and leases are given up.
    pub fn with_graceful_shutdown(
        mut self,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        self.shutdown = Box::pin(shutdown);
        self
    }

    /// How many handler calls run at once at most. Default: 16. The calls of one intent never run at once.
    pub fn concurrency(mut self, calls: usize) -> Self {
        self.concurrency = calls.max(1);
        self
    }

    async fn work(self) {
        let Self {
            intents,
            handler,
            concurrency,
            mut shutdown,
        } = self;
        let mut state = match State::new(intents, handler, concurrency) {
            Ok(state) => state,
            Err(error) => {
                tracing::error!(%error, "the worker cannot start");
                return;
            }
        };
        state.until(&mut shutdown).await;
        state.finish().await;
        tracing::info!(done = %state.take_summary(), "the worker has ended");
    }
}

impl State {
    /// Passes until the handler has taken every change, fails, or the time is over.
    async fn until_quiet(&mut self, until: Duration) -> Result<(), StoreError> {
        loop {
            let reported = self.done.reported;
            // A single pass polls nothing twice, however slowly it may send.
            self.due_by = self.now().1;
            self.pass(until).await?;
            self.deliver_all().await;
            if self.done.reported == reported || self.now().1 >= until {
                return Ok(());
            }
        }
    }

    /// Passes, one after the other, until the shutdown.
    async fn until(&mut self, shutdown: &mut Pin<Box<dyn Future<Output = ()> + Send>>) {
        let mut passes = pin!(self.passes());
        std::future::poll_fn(|context| match shutdown.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(()),
            Poll::Pending => passes.as_mut().poll(context),
        })
        .await;
    }

    async fn passes(&mut self) {
        let flowlix = self.intents.shared.flowlix.clone();
        let runtime = flowlix.runtime();
        let mut told_at = runtime.monotonic();
        let mut is_first = true;
        loop {
            let pass_ends_at = runtime.monotonic().saturating_add(PAUSE);
            if let Err(error) = self.pass(pass_ends_at).await {
                tracing::warn!(%error, "the store failed; the worker goes on");
            }
            let now = runtime.monotonic();
            if is_first || now.saturating_sub(told_at) >= SUMMARY {
                let done = self.take_summary();
                tracing::info!(%done, rate = %flowlix.rate_limit(), is_first, "the worker's summary");
                (told_at, is_first) = (now, false);
            }
            self.rest(pass_ends_at.saturating_sub(now)).await;
        }
    }
}

impl IntoFuture for Worker {
    type Output = ();
    type IntoFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.work())
    }
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker")
            .field("intents", &self.intents)
            .field("concurrency", &self.concurrency)
            .finish_non_exhaustive()
    }
}
