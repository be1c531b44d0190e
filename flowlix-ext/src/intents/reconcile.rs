//! Comparing the store with what Flowlix has: after the store was restored from a copy, or for the books.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use flowlix_api::model::{Payment, PaymentId};

use super::Intents;
use super::error::{IntentError, IntentErrorKind};
use super::protocol::record::Payment as Seen;
use super::protocol::rules::Millis;
use super::store::ScanCursor;
use crate::payments::list::Items;
use crate::runtime::millis;

/// What a comparison of the store with Flowlix's payments has shown; see [`Intents::reconcile`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reconciled {
    /// How many payments the lists showed.
    pub payments: u64,
    /// The references of the intents to which the store did not know a payment, or not how it stands. It does now.
    pub updated: Vec<String>,
    /// The references of the intents that were stored with another amount or currency than that of a payment.
    pub amounts_differ: Vec<String>,
    /// Payments that belong to no intent of this merchant and mode: another system made them, or a person.
    pub without_intent: Vec<PaymentId>,
    /// The references of intents of which the store knows a payment, created in that time, that the lists did not show.
    /// Flowlix's lists are late, or this API key does not see them.
    pub without_payment: Vec<String>,
    /// How many payments, and records of the store, could not be read; whose they are is not known.
    pub unreadable: u64,
}

/// The states of intents that have payments.
const WITH_PAYMENTS: [&str; 6] = [
    "paid",
    "processing",
    "action_required",
    "unpaid",
    "overcharged",
    "paid_after_close",
];
/// Records that one scan reads.
const PAGE: u32 = 200;

impl Intents {
    /// Reads every payment that Flowlix created from `from` to `to` (clocks may differ by a quarter of an hour), and
    /// adds to the store what it does not know. 100 payments cost one request.
    ///
    /// **Call it when the store was restored from a copy, before it serves again**, with the time of the copy and now:
    /// until then the store knows less than Flowlix, and a `pay` may charge what was charged since. Then:
    /// 1. Call it once more after the [quiet time](super::IntentsBuilder::quiet_time). Flowlix's lists may show a payment
    ///    late.
    /// 2. [Close](super::Intent::close) orders again that were canceled since the copy: Flowlix does not know of that.
    ///
    /// It is safe to drop this future, and to call it again.
    ///
    /// # Errors
    /// [`NotCarriedOut`](IntentErrorKind::NotCarriedOut) when a list cannot be read to its end,
    /// [`Store`](IntentErrorKind::Store) when the store fails. What was added until then stays.
    pub async fn reconcile(
        &self,
        from: SystemTime,
        to: SystemTime,
    ) -> Result<Reconciled, IntentError> {
        let mut found = Reconciled::default();
        let mut listed = HashSet::new();
        let mut items = self.payments_between(from, to);
        loop {
            let item = items.next().await.map_err(not_listed)?;
            match item {
                Some(Ok(payment)) => {
                    listed.insert(payment.id.as_str().to_ascii_lowercase());
                    self.compare(payment, &mut found).await?;
                }
                Some(Err(_)) => found.unreadable = found.unreadable.saturating_add(1),
                None => break,
            }
            found.payments = found.payments.saturating_add(1);
        }
        let between = (millis(from), millis(to));
        self.look_for_unlisted(&listed, between, &mut found).await?;
        for references in [
            &mut found.updated,
            &mut found.amounts_differ,
            &mut found.without_payment,
        ] {
            references.sort_unstable();
            references.dedup();
        }
        Ok(found)
    }

    /// A record that knows a payment was written after Flowlix had created it.
    async fn look_for_unlisted(
        &self,
        listed: &HashSet<String>,
        (from, to): (Millis, Millis),
        found: &mut Reconciled,
    ) -> Result<(), IntentError> {
        let shared = &self.shared;
        let (records, skew) = (&shared.records, shared.rules.skew);
        let is_missing = |payment: &Seen| {
            // Clocks may differ, so that the edges of the time prove nothing.
            let at = payment.created_at.map(|at| at.saturating_mul(1000));
            let is_within = at.is_some_and(|at| (from..to).contains(&at));
            is_within && !listed.contains(&payment.id.to_ascii_lowercase())
        };
        for state in WITH_PAYMENTS {
            let mut after = Some(ScanCursor::at(from.saturating_sub(skew)));
            loop {
                let page = records.in_state(state, after.as_ref(), PAGE).await;
                let page = page.map_err(IntentError::store)?;
                for stored in &page {
                    match records.read(stored) {
                        Ok(record) if record.payments.iter().any(is_missing) => {
                            found.without_payment.push(record.reference);
                        }
                        Ok(_) => {}
                        Err(_) => found.unreadable = found.unreadable.saturating_add(1),
                    }
                }
                after = page.last().map(ScanCursor::behind_change);
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(())
    }

    fn payments_between(&self, from: SystemTime, to: SystemTime) -> Items {
        let (flowlix, rules) = (&self.shared.flowlix, &self.shared.rules);
        let ahead = flowlix.seconds_ahead().unwrap_or_default();
        let seconds = |at: i64| at.div_euclid(1000).saturating_sub(ahead);
        let first = seconds(millis(from).saturating_sub(rules.skew));
        let last = seconds(millis(to).saturating_add(rules.skew));
        let list = flowlix.payments().list();
        list.created_gte(first)
            .created_lt(last.saturating_add(1))
            .items()
    }

    async fn compare(&self, payment: Payment, found: &mut Reconciled) -> Result<(), IntentError> {
        let Some(intent) = self.intent_of(&payment) else {
            found.without_intent.push(payment.id);
            return Ok(());
        };
        let mut session = intent.session(Duration::ZERO).await?;
        let price = |amount: i64, currency: &str| (amount, currency.to_ascii_uppercase());
        let asked = price(payment.amount, payment.currency.as_str());
        let record = session.record();
        if session.kept().is_stored() && price(record.amount, &record.currency) != asked {
            found.amounts_differ.push(intent.reference().to_owned());
        }
        session.see(vec![payment]);
        if session.kept().is_behind() {
            session.write().await;
            found.updated.push(intent.reference().to_owned());
        }
        session.recorded().map(drop)
    }
}

fn not_listed(error: crate::error::Error) -> IntentError {
    IntentError::call(IntentErrorKind::NotCarriedOut, error)
}
