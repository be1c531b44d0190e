//! The client: made from a key, cloned freely, shared by everything.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use flowlix_api::{Dialect, Session};

use crate::base_url::{self, BaseUrl};
use crate::call::backoff::{Backoff, ExponentialBackoff};
use crate::call::budget::RetryBudget;
use crate::call::clock::FlowlixClock;
use crate::call::engine::{Call, Shared};
use crate::call::hook::Hook;
use crate::call::metrics::Metrics;
use crate::call::observers::Observers;
use crate::call::operation::Operation;
use crate::call::options::CallOptions;
use crate::call::rate::{RateLimit, RateSnapshot};
use crate::call::send_log::SendLog;
use crate::error::Error;
use crate::failure::Violation;
use crate::idempotency::used::UsedKeys;
use crate::idempotency::{IdempotencyKey, KeyProvider, RandomKeys};
use crate::journal::book::Book;
use crate::journal::store::Journal;
use crate::key::{ApiKey, Mode};
use crate::polling::{DefaultPolling, Polling};
use crate::runtime::{Runtime, SystemRuntime};
use crate::wire::Wire;

const KEY_VARIABLE: &str = "FLOWLIX_API_KEY";
const URL_VARIABLE: &str = "FLOWLIX_BASE_URL";
/// Default of [`FlowlixBuilder::connect_timeout`].
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A Flowlix client. Cheap to clone; clones share connections, the retry budget, and what
/// Flowlix said about its rate limit.
///
/// ```
/// use flowlix_ext::{Flowlix, Mode};
///
/// let flowlix = Flowlix::new("fl_test_sk_abc123def456")?;
/// assert_eq!(flowlix.mode(), Mode::Test);
/// # Ok::<(), flowlix_ext::Error>(())
/// ```
#[derive(Clone)]
pub struct Flowlix {
    inner: Arc<Inner>,
}

struct Inner {
    key: ApiKey,
    base_url: BaseUrl,
    wire: Wire,
    shared: Arc<Shared>,
    options: CallOptions,
    polling: Arc<dyn Polling>,
    keys: Arc<dyn KeyProvider>,
    book: Option<Book>,
    used_keys: UsedKeys,
}

impl Flowlix {
    /// A client for this API key, with every default.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) when the key is not one, or TLS cannot be set up.
    pub fn new(api_key: &str) -> Result<Self, Error> {
        Self::builder(api_key).build()
    }

    /// A client for the key in `FLOWLIX_API_KEY`, at `FLOWLIX_BASE_URL` if that is set.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) when the variable is missing or not a key, or the
    /// address is not allowed.
    pub fn from_env() -> Result<Self, Error> {
        FlowlixBuilder::from_env()?.build()
    }

    /// A client with settings of your own.
    pub fn builder(api_key: &str) -> FlowlixBuilder {
        FlowlixBuilder::new(zeroize::Zeroizing::new(api_key.to_owned()))
    }

    /// The dialect that the key decided.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.inner.key.dialect()
    }

    /// Whether the key moves real money.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.inner.key.mode()
    }

    /// Tokens left in the retry budget that all clones share.
    #[must_use]
    pub fn retry_budget_left(&self) -> u32 {
        self.inner.shared.budget.available()
    }

    /// What is known of the API key's rate limit now, and how long a request would be held back.
    #[must_use]
    pub fn rate_limit(&self) -> RateSnapshot {
        self.inner.shared.rate.snapshot(self.runtime().now())
    }

    pub(crate) fn wire(&self) -> &Wire {
        &self.inner.wire
    }

    pub(crate) fn options(&self) -> CallOptions {
        self.inner.options.clone()
    }

    /// What the client's clock shows: the system's, or the one of [`runtime`](FlowlixBuilder::runtime). Take from
    /// here what you store beside a key, and your tests can drive it.
    ///
    /// ```
    /// use flowlix_ext::testing::ManualTime;
    /// use flowlix_ext::{Flowlix, IdempotencyKey};
    ///
    /// let time = ManualTime::stepped();
    /// let flowlix = Flowlix::builder("fl_test_sk_abc123def456").runtime(time.clone()).build()?;
    /// let key = IdempotencyKey::derive("payment", ["order-1234"])?;
    /// let to_store = key.with_created_at(flowlix.now());
    /// assert_eq!(to_store.created_at(), Some(time.now()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn now(&self) -> std::time::SystemTime {
        self.runtime().now()
    }

    pub(crate) fn runtime(&self) -> &dyn Runtime {
        &*self.inner.shared.runtime
    }

    /// Seconds by which our clock is ahead of Flowlix's, as far as an answer has told.
    pub(crate) fn seconds_ahead(&self) -> Option<i64> {
        self.inner.shared.clock.seconds_ahead()
    }

    pub(crate) fn polling(&self) -> &Arc<dyn Polling> {
        &self.inner.polling
    }

    pub(crate) fn read(&self, operation: Operation, options: CallOptions) -> Arc<Call> {
        Arc::new(Call::new(
            self.inner.shared.clone(),
            operation,
            None,
            options,
        ))
    }

    /// What is remembered of the keys of writes; with a journal their age alone counts.
    pub(crate) fn used_keys(&self) -> &UsedKeys {
        &self.inner.used_keys
    }

    pub(crate) fn book(&self) -> Option<&Book> {
        self.inner.book.as_ref()
    }

    /// The key of a write, fixed before anything is sent.
    pub(crate) fn key_for(
        &self,
        operation: Operation,
        key: Option<IdempotencyKey>,
    ) -> Result<IdempotencyKey, Error> {
        let refused = |problem: String| {
            Error::invalid_request(operation, vec![Violation::new("idempotency_key", problem)])
        };
        let key = match key {
            Some(key) => key,
            None => {
                let fresh = self.inner.keys.fresh_key(self.runtime());
                // Nobody else can have used it, whatever its age.
                fresh
                    .map_err(|error| refused(error.to_string()))?
                    .doubted(false)
            }
        };
        if key.is_from_the_future(self.runtime().now()) {
            let problem = "was first used at a moment that is yet to come: with_created_at() takes the time of the first use";
            let error = refused(problem.to_owned());
            return Err(error.after_call_in_doubt(key.is_in_doubt()));
        }
        Ok(key)
    }

    /// Whether a key protects no longer.
    pub(crate) fn is_too_old(&self, key: &IdempotencyKey) -> bool {
        self.inner.shared.left_of(key).is_zero()
    }

    /// A write of which each request is recorded before it leaves.
    pub(crate) fn logged_write(
        &self,
        operation: Operation,
        key: IdempotencyKey,
        options: CallOptions,
        log: Arc<dyn SendLog>,
    ) -> Arc<Call> {
        let shared = self.inner.shared.clone();
        Arc::new(Call::new(shared, operation, Some(key), options).logged(log))
    }

    /// What tells the client's API key from others, without showing it.
    pub(crate) fn api_key(&self) -> &ApiKey {
        &self.inner.key
    }

    /// A write whose key still protects.
    pub(crate) fn write(
        &self,
        operation: Operation,
        key: IdempotencyKey,
        options: CallOptions,
    ) -> Result<Arc<Call>, Error> {
        if self.is_too_old(&key) {
            return Err(Error::key_too_old(operation, key));
        }
        Ok(Arc::new(Call::new(
            self.inner.shared.clone(),
            operation,
            Some(key),
            options,
        )))
    }
}

/// Shows where the client goes and as what, not the key.
impl fmt::Debug for Flowlix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flowlix")
            .field("key", &self.inner.key)
            .field("base_url", &self.inner.base_url.as_str())
            .finish_non_exhaustive()
    }
}

/// Settings of a [`Flowlix`] client. What is not set keeps its default.
#[must_use]
pub struct FlowlixBuilder {
    api_key: zeroize::Zeroizing<String>,
    base_url: String,
    connect_timeout: Duration,
    options: CallOptions,
    runtime: Arc<dyn Runtime>,
    backoff: Arc<dyn Backoff>,
    budget: RetryBudget,
    rate: RateLimit,
    observers: Observers,
    polling: Arc<dyn Polling>,
    keys: Arc<dyn KeyProvider>,
    journal: Option<Arc<dyn Journal>>,
    journal_account: Option<String>,
}

impl FlowlixBuilder {
    fn new(api_key: zeroize::Zeroizing<String>) -> Self {
        Self {
            api_key,
            base_url: base_url::DEFAULT.to_owned(),
            connect_timeout: CONNECT_TIMEOUT,
            options: CallOptions::default(),
            runtime: Arc::new(SystemRuntime::new()),
            backoff: Arc::new(ExponentialBackoff::default()),
            budget: RetryBudget::default(),
            rate: RateLimit::default(),
            observers: Observers::default(),
            polling: Arc::new(DefaultPolling),
            keys: Arc::new(RandomKeys),
            journal: None,
            journal_account: None,
        }
    }

    /// Takes the key from `FLOWLIX_API_KEY`, and the address from `FLOWLIX_BASE_URL` if that is set.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) when a variable is missing or not text.
    pub fn from_env() -> Result<Self, Error> {
        Self::from_variables(|name| match std::env::var(name) {
            Ok(text) => Ok(Some(text)),
            Err(std::env::VarError::NotPresent) => Ok(None),
            Err(std::env::VarError::NotUnicode(_)) => Err(Error::configuration(
                format!("the variable {name} is not UTF-8"),
                None,
            )),
        })
    }

    fn from_variables(read: impl Fn(&str) -> Result<Option<String>, Error>) -> Result<Self, Error> {
        let key = read(KEY_VARIABLE)?.ok_or_else(|| {
            Error::configuration(
                format!("the variable {KEY_VARIABLE} is not set; put the API key there"),
                None,
            )
        })?;
        let builder = Self::new(zeroize::Zeroizing::new(key));
        Ok(match read(URL_VARIABLE)? {
            Some(url) => builder.base_url(url),
            None => builder,
        })
    }

    /// Where Flowlix is: https, or http on this machine (a sandbox). Default: `https://api.flowlix.dev`.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = url.into();
        self
    }

    /// How long connecting may take, with TLS. Default: 5 s.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// How long one attempt may take, from sending to the last byte of the answer. Default: 20 s.
    pub fn attempt_timeout(mut self, limit: Duration) -> Self {
        self.options.attempt_timeout = limit;
        self
    }

    /// How long a whole call may take, with all attempts and pauses. Default: 60 s.
    pub fn operation_timeout(mut self, limit: Duration) -> Self {
        self.options.operation_timeout = limit;
        self
    }

    /// How often a failing request is sent at most. Default: 4; 1 turns retries off.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.options.max_attempts = attempts.max(1);
        self
    }

    /// The pauses between attempts. Default: [`ExponentialBackoff`].
    pub fn backoff(mut self, backoff: impl Backoff + 'static) -> Self {
        self.backoff = Arc::new(backoff);
        self
    }

    /// The budget of retries that all clones share. Default: [`RetryBudget::default`].
    pub fn retry_budget(mut self, budget: RetryBudget) -> Self {
        self.budget = budget;
        self
    }

    /// The account of requests that the API key has left. Default: one of this client and its clones. Give
    /// a clone of one [`RateLimit`] to each client that uses the same key, or [`RateLimit::off`] to be
    /// slowed by Flowlix's 429 alone.
    pub fn rate_limit(mut self, rate: RateLimit) -> Self {
        self.rate = rate;
        self
    }

    /// Adds a [`Hook`] that sees every attempt; several are called in the order in which they were added.
    pub fn hook(mut self, hook: impl Hook + 'static) -> Self {
        self.observers.hooks.push(Arc::new(hook));
        self
    }

    /// Adds a receiver of the client's [counters](crate::call::metrics); there may be several.
    pub fn metrics(mut self, metrics: impl Metrics + 'static) -> Self {
        self.observers.metrics.push(Arc::new(metrics));
        self
    }

    /// The pace of waiting for payments. Default: [`DefaultPolling`].
    pub fn polling(mut self, polling: impl Polling + 'static) -> Self {
        self.polling = Arc::new(polling);
        self
    }

    /// Who makes idempotency keys for writes that bring none. Default: [`RandomKeys`].
    pub fn key_provider(mut self, keys: impl KeyProvider + 'static) -> Self {
        self.keys = Arc::new(keys);
        self
    }

    /// Records every write before it is sent, and its outcome after; see [`journal`](crate::journal). Default:
    /// none.
    pub fn journal(mut self, journal: impl Journal + 'static) -> Self {
        self.journal = Some(Arc::new(journal));
        self
    }

    /// Whose writes the journal's records are. Needed when several merchants share one journal, and when a
    /// merchant's API key may change one day: records that were made under the same name count as this merchant's,
    /// whatever API key made them. **Name it well before the API key changes**: what the same API key recorded without
    /// a name is carried over when its idempotency key is used again, or when it is recovered because it is not
    /// settled. What was settled and is not used again stays without a name, where the next API key does not see it: so
    /// change that no sooner than your service has ceased to repeat what was recorded before the name. The records of
    /// another name are another journal, which protects nothing here; nor does a process that has the
    /// name see what one without it records from then on. An empty name is refused when the client is built: it would
    /// vouch for the records that have none, whoever made them.
    pub fn journal_account(mut self, name: impl Into<String>) -> Self {
        self.journal_account = Some(name.into());
        self
    }

    /// Clock, sleep and randomness. Default: [`SystemRuntime`].
    pub fn runtime(mut self, runtime: impl Runtime + 'static) -> Self {
        self.runtime = Arc::new(runtime);
        self
    }

    /// Builds the client. Nothing is sent.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) when key, address or the journal's account are not allowed,
    /// or TLS cannot be set up.
    pub fn build(self) -> Result<Flowlix, Error> {
        let key = ApiKey::parse(&self.api_key)
            .map_err(|error| Error::configuration(error.to_string(), None))?;
        let base_url = BaseUrl::parse(&self.base_url)
            .map_err(|error| Error::configuration(error.to_string(), None))?;
        let http = self.http_client(&base_url)?;
        let session = Session::new(key.expose())
            .map_err(|error| Error::configuration(error.to_string(), None))?;
        let (dialect, mode) = (key.dialect(), key.mode());
        let wire = Wire::new(dialect, base_url.as_str(), http, session);
        let account = self.journal_account;
        if account.as_ref().is_some_and(|name| name.trim().is_empty()) {
            let cause = "the journal's account has an empty name; give it the merchant's, or none";
            return Err(Error::configuration(cause, None));
        }
        let book = self
            .journal
            .map(|journal| Book::open(journal, account, &key))
            .transpose()
            .map_err(|error| {
                Error::configuration("the journal cannot be used", Some(Box::new(error)))
            })?;
        Ok(Flowlix {
            inner: Arc::new(Inner {
                key,
                base_url,
                wire,
                shared: Arc::new(Shared {
                    dialect,
                    mode,
                    runtime: self.runtime,
                    backoff: self.backoff,
                    budget: self.budget,
                    rate: self.rate,
                    clock: FlowlixClock::default(),
                    observers: self.observers,
                }),
                options: self.options,
                polling: self.polling,
                keys: self.keys,
                book,
                used_keys: UsedKeys::default(),
            }),
        })
    }

    /// One retry layer, no redirects: a redirected POST would become a GET, or show a card to another host.
    fn http_client(&self, base_url: &BaseUrl) -> Result<reqwest::Client, Error> {
        let builder = flowlix_api::http_client_builder()
            .map_err(|error| Error::configuration("TLS cannot be set up", Some(Box::new(error))))?
            .connect_timeout(self.connect_timeout)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .user_agent(concat!("flowlix-rust/", env!("CARGO_PKG_VERSION")));
        let builder = if base_url.is_loopback() {
            // A proxy of the environment is for reaching other machines.
            builder.no_proxy()
        } else {
            builder.https_only(true)
        };
        builder.build().map_err(|error| {
            Error::configuration("the HTTP client cannot be built", Some(Box::new(error)))
        })
    }
}

impl fmt::Debug for FlowlixBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlowlixBuilder")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::ErrorKind;

    fn variables(
        set: &'static [(&'static str, &'static str)],
    ) -> impl Fn(&str) -> Result<Option<String>, Error> {
        move |name| {
            Ok(set
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned()))
        }
    }

    #[test]
    fn the_environment_gives_key_and_address() {
        let builder = FlowlixBuilder::from_variables(variables(&[
            (KEY_VARIABLE, "api_test_sk_canary123"),
            (URL_VARIABLE, "http://127.0.0.1:8080"),
        ]));
        let flowlix = builder.unwrap().build().unwrap();
        assert_eq!(
            (flowlix.dialect(), flowlix.mode()),
            (Dialect::Uppercase, Mode::Test)
        );
        assert_eq!(flowlix.inner.base_url.as_str(), "http://127.0.0.1:8080");
    }

    #[test]
    fn a_missing_key_names_the_variable() {
        let error = FlowlixBuilder::from_variables(variables(&[])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("FLOWLIX_API_KEY"), "{error}");
    }

    #[test]
    fn bad_settings_fail_before_anything_is_sent_and_show_no_secret() {
        for builder in [
            Flowlix::builder("sk_canary123"),
            Flowlix::builder("fl_live_sk_canary123").base_url("http://api.flowlix.dev"),
        ] {
            assert!(!format!("{builder:?}").contains("canary"));
            let error = builder.build().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration);
            assert!(
                !format!("{error} {error:?}").contains("canary"),
                "{error:?}"
            );
        }
    }

    #[test]
    fn a_client_shows_no_secret() {
        let flowlix = Flowlix::new("fl_live_sk_canary123").unwrap();
        assert_eq!(
            format!("{flowlix:?}"),
            r#"Flowlix { key: ApiKey(fl_live_sk_[redacted]), base_url: "https://api.flowlix.dev", .. }"#
        );
    }
}
