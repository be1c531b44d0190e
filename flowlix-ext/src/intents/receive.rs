//! Webhooks: what Flowlix says by itself is stored like what it answers.

use std::time::Duration;

use flowlix_api::model::{Payment, Refund};
use serde_json::Value;

use super::correlation::{CORRELATION_ID, MERCHANT_REFERENCE, Names};
use super::error::IntentError;
use super::intent::Intent;
use super::session::Session;
use super::status::IntentStatus;
use super::{Intents, view};
use crate::key::Mode;
use crate::money::Money;
use crate::webhooks::{Event, EventObject};

impl Intents {
    /// Takes a verified webhook: stores how the payment or the refund stands, and returns where its intent stands. Answer
    /// 200 when it returns `Ok`. Any process may receive, without a worker: the handler of a
    /// [worker](Self::run) hears of the change.
    ///
    /// `None` means that there is nothing to do: the event is about no intent of this merchant, is of the other mode, or
    /// cannot be read. It is logged. Repeated events and events out of order change nothing.
    ///
    /// With axum and the feature `axum`, this is the whole endpoint:
    #[cfg_attr(feature = "axum", doc = "```")]
    #[cfg_attr(not(feature = "axum"), doc = "```ignore")]
    /// use axum::extract::State;
    /// use axum::http::StatusCode;
    /// use flowlix_ext::intents::Intents;
    /// use flowlix_ext::webhooks::VerifiedEvent;
    ///
    /// # #[derive(Clone)] struct App { intents: Intents, verifier: flowlix_ext::webhooks::WebhookVerifier }
    /// # impl axum::extract::FromRef<App> for flowlix_ext::webhooks::WebhookVerifier {
    /// #     fn from_ref(app: &App) -> Self { app.verifier.clone() }
    /// # }
    /// async fn flowlix(State(app): State<App>, VerifiedEvent(event): VerifiedEvent) -> StatusCode {
    ///     app.intents.receive(&event).await.map_or(StatusCode::SERVICE_UNAVAILABLE, |_| StatusCode::OK)
    /// }
    /// # fn router(app: App) -> axum::Router {
    /// axum::Router::new().route("/webhooks/flowlix", axum::routing::post(flowlix)).with_state(app)
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Store`](super::IntentErrorKind::Store) when the store fails: answer 503, and Flowlix delivers again.
    pub async fn receive(&self, event: &Event) -> Result<Option<IntentStatus>, IntentError> {
        let is_live = self.shared.records.scope().mode == Mode::Live;
        let is_ours = event.livemode().is_none_or(|live| live == is_live);
        let object = event.object().ok().filter(|_| is_ours);
        let received = match object {
            Some(EventObject::Payment(payment)) => self.receive_payment(*payment).await?,
            Some(EventObject::Refund(refund)) => self.receive_refund(*refund).await?,
            _ => None,
        };
        if received.is_none() {
            let (id, kind) = (event.id().as_str(), event.kind().as_str());
            tracing::info!(event = %id, %kind, "a webhook is about no intent of this merchant and mode");
        }
        Ok(received)
    }

    async fn receive_payment(&self, payment: Payment) -> Result<Option<IntentStatus>, IntentError> {
        let Some(intent) = self.intent_of(&payment) else {
            return Ok(None);
        };
        let mut session = intent.session(Duration::ZERO).await?;
        session.see(vec![payment]);
        session.write().await;
        session.recorded().map(Some)
    }

    /// A refund names its payment and bears the mark of its intent. What the record does not know of, the next call on
    /// the intent reads.
    async fn receive_refund(&self, refund: Refund) -> Result<Option<IntentStatus>, IntentError> {
        let Some(key) = Names::key_in(&refund) else {
            return Ok(None);
        };
        let records = &self.shared.records;
        let Some(kept) = records.load_key(key).await.map_err(IntentError::store)? else {
            return Ok(None);
        };
        // Of an erased intent the refunds are forgotten, and the reference.
        if kept.record.is_erased() {
            return Ok(None);
        }
        let names = Names::new(records.scope(), &kept.record.reference);
        let mut session = Session::new(self.shared.clone(), names, kept, Duration::ZERO);
        session.see_refund(refund);
        session.write().await;
        session.recorded().map(Some)
    }

    /// The intent that a payment says it is of, if its correlation id says so too.
    pub(super) fn intent_of(&self, payment: &Payment) -> Option<Intent> {
        let scope = self.shared.records.scope();
        let is_marked = |reference: &str| {
            let names = Names::new(scope, reference);
            let is_of_mode = view::payment_view(payment, &names, scope.mode).is_some();
            is_of_mode && names.attempt_of(payment).is_some()
        };
        payment.metadata.get(CORRELATION_ID)?;
        let metadata = payment.metadata.get(MERCHANT_REFERENCE);
        let references = [
            payment.merchant_reference.as_deref(),
            metadata.and_then(Value::as_str),
        ];
        let mut references = references.into_iter().flatten();
        let reference = references.find(|reference| is_marked(reference))?;
        let money = Money::new(payment.amount, payment.currency.clone());
        Some(self.intent(reference, money))
    }
}

impl Session {
    /// Flowlix showed this refund by itself, without its payment.
    fn see_refund(&mut self, refund: Refund) {
        let (names, now) = (self.names.clone(), self.now());
        self.hold(move |record| {
            let view = view::refund_view(&refund);
            let known = record.refunds.iter().find(|known| {
                let attempt = names.marked_attempt(&refund, &known.reference);
                attempt.is_some() && attempt == known.attempts.last().map(|last| last.number)
            });
            if let Some(reference) = known.map(|known| known.reference.clone()) {
                record.refund_told(&reference, view, now);
            }
        });
    }
}
