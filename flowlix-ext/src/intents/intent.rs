//! One intent: what a shop does with an order.

use std::sync::Arc;
use std::time::Duration;

use super::correlation::Names;
use super::error::{IntentError, IntentErrorKind};
use super::history::{AttemptInfo, HistoryEntry};
use super::pay::{Pay, PayHosted};
use super::protocol::pay::{Do, Observation};
use super::protocol::record::Record;
use super::refunds::RefundPayment;
use super::request::Means;
use super::returned::Returned;
use super::session::{MOST_ROUNDS, Session, Shared};
use super::status::IntentStatus;
use crate::card::CardDetails;
use crate::failure::Violation;
use crate::money::Money;

/// The longest reference: what `merchant_reference` takes in the uppercase dialect.
const LONGEST_REFERENCE: usize = 255;

/// An order that is to be paid once, named by the shop's reference; see [`Intents::intent`](super::Intents::intent).
///
/// It holds no state: everything is in the store. Make it anew wherever you need it.
#[derive(Clone)]
pub struct Intent {
    shared: Arc<Shared>,
    names: Names,
    reference: String,
    money: Money,
}

impl Intent {
    pub(super) fn new(shared: Arc<Shared>, reference: String, money: Money) -> Self {
        let names = Names::new(shared.records.scope(), &reference);
        Self {
            shared,
            names,
            reference,
            money,
        }
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(super) fn names(&self) -> &Names {
        &self.names
    }

    /// The amount that is to be paid. Where the intent was stored with another one, and something may be charged already,
    /// [`pay`](Self::pay) says so and sends nothing; every [status](IntentStatus::amount) tells the stored one.
    #[must_use]
    pub fn money(&self) -> &Money {
        &self.money
    }

    /// Minor units and currency, as records hold them.
    pub(super) fn price(&self) -> (i64, String) {
        let currency = self.money.currency().as_str().to_ascii_uppercase();
        (self.money.minor_units(), currency)
    }

    /// The shop's reference.
    #[must_use]
    pub fn reference(&self) -> &str {
        &self.reference
    }

    /// Pays with a card that your own page collected, unless the intent is paid already.
    ///
    /// A payment of the intent that is still on its way, or waits for the customer, is looked at first: then nothing is
    /// sent, and the status says so. An earlier payment that ended without a charge makes room for a new attempt. An
    /// earlier request whose outcome is unknown is no obstacle: the card goes out under the same idempotency key.
    pub fn pay(&self, card: CardDetails) -> Pay {
        Pay::new(self.clone(), Means::Card(card))
    }

    /// Pays on Flowlix's hosted page, unless the intent is paid already: the status is
    /// [`ActionRequired`](IntentStatus::ActionRequired) with the page's address. Flowlix sends the customer back to
    /// `return_url`; pass the query to [`returned`](Self::returned).
    pub fn pay_hosted(&self, return_url: impl Into<String>) -> PayHosted {
        PayHosted::new(self.clone(), return_url.into())
    }

    /// Where the intent stands. Payments that can still change are retrieved; after a lost answer Flowlix's lists are
    /// searched.
    ///
    /// # Errors
    /// [`IntentError`] when the store fails, or the API key is not accepted.
    pub async fn status(&self) -> Result<IntentStatus, IntentError> {
        let mut session = self.session(Duration::ZERO).await?;
        session.observe().await?;
        session.report().await
    }

    /// The customer has come back, from 3-D Secure or from the hosted page. Pass the query of the request, if it has
    /// one: 3-D Secure documents none. What the query says is checked against the intent and never believed.
    pub fn returned(&self, query: Option<&str>) -> Returned {
        Returned::new(self.clone(), query.map(str::to_owned))
    }

    /// Forbids new attempts, because the order was canceled. A payment that is on its way may still be charged: then
    /// the status becomes [`PaidAfterClose`](IntentStatus::PaidAfterClose). An intent that is paid stays
    /// [`Paid`](IntentStatus::Paid): refund it.
    ///
    /// # Errors
    /// [`IntentError`] when the store fails; the intent is not closed then.
    pub async fn close(&self) -> Result<IntentStatus, IntentError> {
        let mut session = self.session(Duration::ZERO).await?;
        session.observe().await?;
        let now = session.now();
        session.note(move |record| record.close(now)).await;
        session.recorded()
    }

    /// A person has looked into Flowlix's dashboard and found no payment, or no refund, for a request whose outcome is
    /// unknown. From then on the intent counts the request as not carried out. The note goes into the
    /// [history](Self::history), so write no secret and no card data. Before the [quiet time](super::IntentsBuilder::quiet_time) is over nothing changes,
    /// because the request may still be on its way.
    ///
    /// # Errors
    /// [`IntentError`] when the store fails.
    pub async fn resolve_by_hand(
        &self,
        note: impl Into<String>,
    ) -> Result<IntentStatus, IntentError> {
        let mut session = self.session(Duration::ZERO).await?;
        session.observe().await?;
        let (now, rules, note) = (session.now(), session.shared.rules, note.into());
        session
            .note(move |record| record.decided_absent(&note, now, &rules))
            .await;
        session.recorded()
    }

    /// Gives money back, under a reference of yours for the return. The same call with the same reference refunds once.
    pub fn refund(&self, reference: impl Into<String>) -> RefundPayment {
        RefundPayment::new(self.clone(), reference.into())
    }

    /// The attempts so far, the oldest first.
    ///
    /// # Errors
    /// [`IntentError`] when the store fails.
    pub async fn attempts(&self) -> Result<Vec<AttemptInfo>, IntentError> {
        let record = self.stored().await?;
        Ok(record
            .map(|record| AttemptInfo::of(&record))
            .unwrap_or_default())
    }

    /// What has changed so far, the oldest first. Of the changes that a handler has taken, the last 100 are kept.
    ///
    /// # Errors
    /// [`IntentError`] when the store fails.
    pub async fn history(&self) -> Result<Vec<HistoryEntry>, IntentError> {
        let record = self.stored().await?;
        Ok(record
            .map(|record| HistoryEntry::of(&record))
            .unwrap_or_default())
    }

    pub(super) async fn stored(&self) -> Result<Option<Record>, IntentError> {
        self.check_reference()?;
        let kept = self
            .shared
            .records
            .load(&self.names)
            .await
            .map_err(IntentError::store)?;
        Ok(kept.map(|kept| kept.record))
    }

    /// A call on the intent, which reads the record first. An intent that nobody has stored is new.
    pub(super) async fn session(&self, within: Duration) -> Result<Session, IntentError> {
        let mut session = self.unread_session(within)?;
        let records = &self.shared.records;
        let kept = records
            .load(&self.names)
            .await
            .map_err(IntentError::store)?;
        if let Some(kept) = kept {
            session.take(kept, true);
        }
        Ok(session)
    }

    /// A call on the intent that takes it for new until a write tells otherwise.
    pub(super) fn unread_session(&self, within: Duration) -> Result<Session, IntentError> {
        self.check_reference()?;
        let (amount, currency) = self.price();
        let now = self.shared.now();
        let record = Record::new(self.reference.clone(), amount, currency, now);
        let kept = self.shared.records.fresh(&self.names, record);
        let (shared, names) = (self.shared.clone(), self.names.clone());
        Ok(Session::new(shared, names, kept, within))
    }

    /// The intent with its stored amount.
    pub(super) async fn found(mut self) -> Result<Option<Self>, IntentError> {
        let record = self.stored().await?;
        Ok(record.map(|record| {
            self.money = Money::new(record.amount, record.currency.as_str().into());
            self
        }))
    }

    fn check_reference(&self) -> Result<(), IntentError> {
        match reference_problem(&self.reference) {
            Some(problem) => Err(IntentError::invalid(vec![Violation::new(
                "reference",
                problem,
            )])),
            None => Ok(()),
        }
    }
}

/// What is wrong with a reference.
pub(super) fn reference_problem(reference: &str) -> Option<&'static str> {
    if reference.trim().is_empty() {
        Some("is empty")
    } else if reference.chars().count() > LONGEST_REFERENCE {
        Some("is longer than 255 characters")
    } else if reference.chars().any(char::is_control) {
        Some("holds control characters")
    } else {
        None
    }
}

impl Session {
    /// Looks at everything that can still change, and searches for what was lost.
    pub(super) async fn observe(&mut self) -> Result<(), IntentError> {
        let seen = self.look_around().await;
        self.write().await;
        seen
    }

    async fn look_around(&mut self) -> Result<(), IntentError> {
        let mut seen = Observation::until(self.give_up_at());
        for _ in 0..MOST_ROUNDS {
            match seen.next(self.record(), self.now()) {
                Do::Look { payments, again } => {
                    if again {
                        self.write().await;
                    }
                    self.look(&payments, again, &mut seen).await?;
                }
                Do::Search => self.search(&mut seen).await?,
                _ => break,
            }
        }
        Ok(())
    }

    /// The customer is sent to the action again, so that its being open is news no longer.
    pub(super) fn hand_out_action(&mut self) {
        let now = self.now();
        let waiting: Vec<String> = self
            .record()
            .live_payments()
            .filter(|payment| payment.returned_from.is_some())
            .map(|payment| payment.id.clone())
            .collect();
        for id in waiting {
            self.hold(move |record| record.sent_to_action(&id, now));
        }
    }
}

impl std::fmt::Debug for Intent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Intent")
            .field("reference", &self.reference)
            .field("money", &self.money)
            .finish_non_exhaustive()
    }
}

pub(super) fn other_intent() -> IntentError {
    let cause = "the query names a payment that is no attempt of this intent";
    IntentError::new(IntentErrorKind::OtherIntent, cause)
}
