//! The customer has come back.

use std::time::Duration;

use flowlix_api::model::PaymentId;

use super::error::IntentError;
use super::intent::{Intent, other_intent};
use super::pay::{WITHIN, intent_future};
use super::protocol::record::Phase;
use super::session::Session;
use super::status::IntentStatus;
use crate::failure::{ErrorKind, Violation};
use crate::payments::HostedReturn;

/// A customer who has come back, about to be dealt with; see [`Intent::returned`].
///
/// The action that the customer has come back from no longer counts, in whatever process: the call waits until the
/// payment ends, or asks for another action.
#[must_use = "nothing is asked before `send` or `await`"]
#[derive(Debug)]
pub struct Returned {
    intent: Intent,
    query: Option<String>,
    within: Duration,
}

impl Returned {
    pub(super) fn new(intent: Intent, query: Option<String>) -> Self {
        Self {
            intent,
            query,
            within: WITHIN,
        }
    }

    /// How long to wait at most for the payment to go on. Default: 10 s.
    pub fn within(mut self, limit: Duration) -> Self {
        self.within = limit;
        self
    }

    /// Waits, and tells where the intent stands then.
    ///
    /// # Errors
    /// [`OtherIntent`](super::IntentErrorKind::OtherIntent) when the query names a payment that is no attempt of this intent;
    /// [`InvalidRequest`](super::IntentErrorKind::InvalidRequest) when it names a payment in a way that no id is written.
    pub async fn send(self) -> Result<IntentStatus, IntentError> {
        let named = self
            .query
            .as_deref()
            .map(named_payment)
            .transpose()?
            .flatten();
        let mut session = self.intent.session(self.within).await?;
        if let Some(id) = &named {
            session.check_is_own(id).await?;
        }
        session.customer_is_back(named.as_deref());
        session.write().await;
        session.observe().await?;
        session.report().await
    }
}

intent_future!(Returned => IntentStatus);

/// The payment that a query names; `None` for a query that names none, as after 3-D Secure.
fn named_payment(query: &str) -> Result<Option<String>, IntentError> {
    use crate::payments::InvalidReturn;

    match HostedReturn::parse(query) {
        Ok(returned) => Ok(Some(returned.payment_id().as_str().to_owned())),
        Err(InvalidReturn::NoPayment) => Ok(None),
        Err(error) => {
            let text = error.to_string();
            // A violation begins with the name of what it is about.
            let problem = text.strip_prefix("the return query ").unwrap_or(&text);
            Err(IntentError::invalid(vec![Violation::new("query", problem)]))
        }
    }
}

impl Session {
    /// A payment that the record does not know is asked for: the store may be older than the payment. So is one that
    /// had ended without a charge, since the customer comes back from it.
    async fn check_is_own(&mut self, id: &str) -> Result<(), IntentError> {
        let known = self.record().payment(id).map(|payment| payment.phase);
        if known.is_some_and(|phase| !phase.is_ended()) {
            return Ok(());
        }
        let id = PaymentId::received(id).map_err(|_| other_intent())?;
        match self.read(&id).await {
            Ok(payment) if self.names.attempt_of(&payment).is_some() => {
                self.see(vec![payment]);
                Ok(())
            }
            Err(error) if error.is_authentication() => Err(self.not_told(error)),
            _ if known.is_some() => Ok(()),
            Err(error) if error.kind() != ErrorKind::NotFound => Err(self.not_told(error)),
            _ => Err(other_intent()),
        }
    }

    /// The action that was shown last is done, of the payment that the query names or of every one that waits.
    fn customer_is_back(&mut self, named: Option<&str>) {
        let now = self.now();
        let waiting: Vec<String> = self
            .record()
            .payments
            .iter()
            .filter(|payment| payment.phase == Phase::ActionRequired)
            .filter(|payment| named.is_none_or(|named| payment.is(named)))
            .map(|payment| payment.id.clone())
            .collect();
        for id in waiting {
            self.hold(move |record| record.returned(&id, now));
        }
    }
}
