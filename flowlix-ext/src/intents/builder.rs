//! Setting intents up.

use std::sync::Arc;
use std::time::Duration;

use super::Intents;
use super::error::{IntentError, IntentErrorKind};
use super::protocol::rules::{LONGEST_QUIET_TIME, QUIET_TIME, Rules};
use super::records::Records;
use super::session::Shared;
use super::store::{IntentStore, Scope};
use crate::client::Flowlix;
use crate::journal::fingerprint::credential;

/// The longest name of a merchant.
const LONGEST_MERCHANT: usize = 128;

/// Settings of an [`Intents`]. What is not set keeps its default.
#[must_use]
pub struct IntentsBuilder {
    flowlix: Flowlix,
    store: Arc<dyn IntentStore>,
    merchant: Option<String>,
    quiet_time: Duration,
}

impl IntentsBuilder {
    pub(super) fn new(flowlix: Flowlix, store: Arc<dyn IntentStore>) -> Self {
        Self {
            flowlix,
            store,
            merchant: None,
            quiet_time: QUIET_TIME,
        }
    }

    /// The merchant's name, required: an intent is named by merchant, mode and reference. It goes into idempotency
    /// keys, so **never change it**, and give each system that names orders on its own another one, such as
    /// `my-shop` and `my-shop-staging`. Do not derive it from the API key, which may change.
    pub fn merchant(mut self, name: impl Into<String>) -> Self {
        self.merchant = Some(name.into());
        self
    }

    /// How long after its deadline a request may still be on its way, or its payment missing from Flowlix's lists.
    /// Only then does a search that finds nothing prove that nothing was done. An assumption: proxies, Flowlix's own
    /// queues and clocks that differ go into it.
    ///
    /// A time that is too short can make a status say "not charged" too early. It can charge or refund twice in three cases
    /// only: after the API key was changed, after the way to pay was changed in uppercase, and where a request is repeated
    /// 22 hours or more after the first one under its key. A second charge becomes the status
    /// [`Overcharged`](super::IntentStatus::Overcharged) once it is seen; a second refund shows in
    /// [`Paid::refunded`](super::Paid::refunded) alone.
    ///
    /// Default: 30 minutes; at most one hour.
    pub fn quiet_time(mut self, time: Duration) -> Self {
        self.quiet_time = time;
        self
    }

    /// Builds. Nothing is sent, and the store is not touched.
    ///
    /// # Errors
    /// [`Configuration`](IntentErrorKind::Configuration) when a setting is missing or not allowed.
    pub fn build(self) -> Result<Intents, IntentError> {
        let wrong = |cause: &str| Err(IntentError::new(IntentErrorKind::Configuration, cause));
        let merchant = self.merchant.unwrap_or_default();
        if merchant.trim().is_empty() {
            return wrong("the merchant has no name: give one with .merchant(\"my-shop\")");
        }
        if merchant.len() > LONGEST_MERCHANT || merchant.chars().any(char::is_control) {
            return wrong(
                "the merchant's name is longer than 128 bytes, or holds control characters",
            );
        }
        if self.quiet_time > LONGEST_QUIET_TIME {
            return wrong(
                "the quiet time is longer than one hour, which leaves no time to repeat a request",
            );
        }
        if self.flowlix.book().is_some() {
            return wrong("the client has a journal, which intents replace: build it without one");
        }
        let scope = Scope::new(merchant, self.flowlix.mode());
        let records = Records::new(self.store, scope, self.flowlix.clone());
        let credential = credential(self.flowlix.api_key());
        let rules = Rules::new(self.quiet_time);
        let shared = Arc::new(Shared::new(self.flowlix, records, rules, credential));
        Ok(Intents::from_shared(shared))
    }
}

impl std::fmt::Debug for IntentsBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IntentsBuilder")
            .field("merchant", &self.merchant)
            .field("quiet_time", &self.quiet_time)
            .finish_non_exhaustive()
    }
}
