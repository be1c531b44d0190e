//! One call on one intent: what it reads from Flowlix, and what it writes into the record.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use flowlix_api::Dialect;
use flowlix_api::model::{Payment, PaymentId};

use super::correlation::Names;
use super::error::{IntentError, IntentErrorKind};
use super::protocol::apply::namespace;
use super::protocol::pay::Observation;
use super::protocol::record::{Method, Payment as Seen, Record};
use super::protocol::rules::{Millis, Rules};
use super::records::{Kept, MOST_RACES, Records, too_many_races};
use super::refund_seen::shown;
use super::search::{Search, Target, search};
use super::status::{Context, IntentStatus};
use super::store::StoreError;
use super::view::payment_view;
use crate::call::options::CallOptions;
use crate::client::Flowlix;
use crate::decline::Decline;
use crate::error::Error;
use crate::failure::ErrorKind;
use crate::polling::PollState;
use crate::runtime::{SleepPurpose, jitter, millis, span_millis};

/// What all clones of an `Intents` share.
pub(super) struct Shared {
    pub(super) flowlix: Flowlix,
    pub(super) records: Records,
    pub(super) rules: Rules,
    /// Tells the API key from others.
    pub(super) credential: String,
    /// Whether this API key's witness is in the store.
    has_witness: AtomicBool,
    /// Other API keys whose payments this one sees.
    linked: Mutex<HashSet<String>>,
}

impl Shared {
    pub(super) fn new(
        flowlix: Flowlix,
        records: Records,
        rules: Rules,
        credential: String,
    ) -> Self {
        Self {
            flowlix,
            records,
            rules,
            credential,
            has_witness: AtomicBool::new(false),
            linked: Mutex::default(),
        }
    }

    pub(super) fn now(&self) -> Millis {
        millis(self.flowlix.now())
    }

    /// The namespace of idempotency keys in which this API key pays by this method.
    pub(super) fn namespace(&self, method: Method) -> String {
        namespace(&self.credential, self.is_per_operation(), method)
    }

    /// In uppercase each operation has its own idempotency keys.
    pub(super) fn is_per_operation(&self) -> bool {
        self.flowlix.dialect() == Dialect::Uppercase
    }

    /// Stores a payment that this API key has created, once in the life of a process. A store that fails here fails
    /// nothing: the witness only helps after the API key has changed.
    async fn keep_witness(&self, payment: &str) {
        if !self.has_witness.swap(true, Ordering::Relaxed) {
            let kept = self.records.keep_witness(&self.credential, payment).await;
            self.has_witness.store(kept.is_ok(), Ordering::Relaxed);
        }
    }

    /// Whether it is known that this API key sees what another one has created.
    fn is_linked(&self, credential: &str) -> bool {
        let linked = self.linked.lock().unwrap_or_else(PoisonError::into_inner);
        credential == self.credential || linked.contains(credential)
    }

    /// Whether this API key sees what another one has created: whether it can retrieve one of its payments.
    async fn sees_payments_of(&self, credential: &str) -> bool {
        if self.is_linked(credential) {
            return true;
        }
        let witness = self.records.witness(credential).await.ok().flatten();
        let Some(id) = witness.and_then(|witness| PaymentId::received(witness).ok()) else {
            return false;
        };
        let sees = self.flowlix.payments().retrieve(&id).await.is_ok();
        if sees {
            let mut linked = self.linked.lock().unwrap_or_else(PoisonError::into_inner);
            linked.insert(credential.to_owned());
        }
        sees
    }
}

/// Something that a call has learnt, and that the record has to know.
type Fact = Box<dyn Fn(&mut Record) + Send + Sync>;

/// One call on one intent.
pub(super) struct Session {
    pub(super) shared: Arc<Shared>,
    pub(super) names: Names,
    kept: Kept,
    /// What the next write takes along.
    held: Vec<Fact>,
    /// The payments as Flowlix showed them last in this call, by id.
    pub(super) payments: BTreeMap<String, Payment>,
    /// Why the store does not have all that this call has learnt.
    pub(super) not_recorded: Option<StoreError>,
    /// What could not be read last, a payment or the lists, and why.
    not_read: Option<(Option<PaymentId>, Arc<Error>)>,
    /// What this call's own card was declined for.
    pub(super) decline: Option<Decline>,
    /// The payment that this call has created.
    pub(super) own: Option<String>,
    /// The last four digits of the card in hand.
    pub(super) last4: Option<String>,
    /// The first write has told that there is a record, which cost a round trip to the store: a `pay` makes three at most,
    /// so that this one writes an answer that leaves the payment open together with what comes next. Until then only
    /// a search, or the next `pay`, finds the payment of a call that is dropped.
    pub(super) had_to_read: bool,
    /// How often somebody else changed the record while this call was about to send.
    lost_races: u32,
    /// Whether the call asks for the hosted page.
    pub(super) asks_for_page: bool,
    /// The requests of this call.
    pub(super) tokens: Vec<String>,
    started: Duration,
    give_up_after: Duration,
    polls: u32,
}

impl Session {
    pub(super) fn new(shared: Arc<Shared>, names: Names, kept: Kept, within: Duration) -> Self {
        let started = shared.flowlix.runtime().monotonic();
        Self {
            shared,
            names,
            kept,
            held: Vec::new(),
            payments: BTreeMap::new(),
            not_recorded: None,
            not_read: None,
            decline: None,
            own: None,
            last4: None,
            had_to_read: false,
            lost_races: 0,
            asks_for_page: false,
            tokens: Vec::new(),
            started,
            give_up_after: within,
            polls: 0,
        }
    }

    pub(super) fn now(&self) -> Millis {
        self.shared.now()
    }

    pub(super) fn record(&self) -> &Record {
        &self.kept.record
    }

    pub(super) fn kept(&self) -> &Kept {
        &self.kept
    }

    /// When the call stops waiting.
    pub(super) fn give_up_at(&self) -> Millis {
        self.now().saturating_add(span_millis(self.time_left()))
    }

    /// What is left of the time that the call may wait.
    pub(super) fn time_left(&self) -> Duration {
        let elapsed = self
            .shared
            .flowlix
            .runtime()
            .monotonic()
            .saturating_sub(self.started);
        self.give_up_after.saturating_sub(elapsed)
    }

    /// The options of a single request, which ends with the call, though it gets a least time.
    pub(super) fn within_the_call(&self, mut options: CallOptions) -> CallOptions {
        let limit = self.time_left().max(LEAST_TIME);
        options.operation_timeout = options.operation_timeout.min(limit);
        options
    }

    /// Adds a fact to the record, and writes it.
    pub(super) async fn note(&mut self, fact: impl Fn(&mut Record) + Send + Sync + 'static) {
        self.hold(fact);
        self.write().await;
    }

    /// Adds a fact that Flowlix tells again if it is lost: the next write takes it along.
    pub(super) fn hold(&mut self, fact: impl Fn(&mut Record) + Send + Sync + 'static) {
        if self.kept.hold(&fact) {
            self.held.push(Box::new(fact));
        }
    }

    /// Writes what the store does not have yet. Where the store fails the call goes on with what it knows, and says so
    /// at its end.
    pub(super) async fn write(&mut self) {
        if !self.kept.is_behind() {
            return;
        }
        let facts = std::mem::take(&mut self.held);
        let fact = |record: &mut Record| facts.iter().for_each(|fact| fact(record));
        match self.shared.records.change(&mut self.kept, &fact).await {
            // A write takes along what an earlier one could not store.
            Ok(()) if self.kept.is_recorded() => self.not_recorded = None,
            Ok(()) => {}
            Err(error) => {
                self.kept.add_unstored(fact);
                self.not_recorded = Some(error);
            }
        }
    }

    /// The record as a recorder of sends has left it. Where that is another one than before, what this call has learnt
    /// is added to it.
    pub(super) fn take(&mut self, kept: Kept, is_written: bool) {
        self.kept = kept;
        if is_written {
            self.held.clear();
        }
        for fact in &self.held {
            self.kept.hold(fact);
        }
    }

    /// Somebody else has changed the record: what to do is decided anew, though not for ever.
    pub(super) fn lost_race(&mut self) -> Result<(), IntentError> {
        self.lost_races = self.lost_races.saturating_add(1);
        if self.lost_races > MOST_RACES {
            return Err(IntentError::store(too_many_races()));
        }
        Ok(())
    }

    /// Retrieves payments, after a pause if `again`.
    pub(super) async fn look(
        &mut self,
        ids: &[String],
        again: bool,
        observation: &mut Observation,
    ) -> Result<(), IntentError> {
        if again {
            self.pause().await;
        }
        for id in ids {
            observation.looked_at(id);
            match self.retrieve(id).await? {
                Some(payment) => self.see(vec![payment]),
                None if self.was_not_found() => observation.missed(),
                None => {}
            }
        }
        Ok(())
    }

    /// A payment as it stands; `None` when Flowlix did not say.
    pub(super) async fn retrieve(&mut self, id: &str) -> Result<Option<Payment>, IntentError> {
        let Ok(id) = PaymentId::received(id) else {
            return Ok(None);
        };
        match self.read(&id).await {
            Ok(payment) => {
                self.not_read
                    .take_if(|(what, _)| what.as_ref() == Some(&id));
                Ok(Some(payment))
            }
            Err(error) if error.is_authentication() => Err(self.not_told(error)),
            Err(error) => {
                self.not_read = Some((Some(id), Arc::new(error)));
                Ok(None)
            }
        }
    }

    /// Whether Flowlix knows no payment of the id that was asked for last, at least not for this API key.
    fn was_not_found(&self) -> bool {
        let error = self.not_read.as_ref();
        error.is_some_and(|(_, error)| error.kind() == ErrorKind::NotFound)
    }

    /// Asks Flowlix once how a payment stands.
    pub(super) async fn read(&self, id: &PaymentId) -> Result<Payment, Error> {
        let flowlix = &self.shared.flowlix;
        let options = self.within_the_call(flowlix.options());
        let payments = flowlix.payments();
        let payment = payments.retrieve(id).options(options).send().await?;
        Ok(payment.into_inner())
    }

    /// Flowlix could not be asked; what the record says stays true.
    pub(super) fn not_told(&self, error: Error) -> IntentError {
        IntentError::call(IntentErrorKind::NotCarriedOut, error).with_status(self.status())
    }

    /// Flowlix showed these payments.
    pub(super) fn see(&mut self, payments: Vec<Payment>) {
        let (mode, names) = (self.shared.flowlix.mode(), self.names.clone());
        let views: Vec<_> = payments
            .iter()
            .filter_map(|payment| payment_view(payment, &names, mode))
            .collect();
        let now = self.now();
        let rules = self.shared.rules;
        for payment in &payments {
            let id = payment.id.as_str().to_owned();
            self.payments.insert(id, payment.clone());
        }
        self.hold(move |record| {
            record.seen(views.iter().cloned(), now);
            for payment in &payments {
                see_refunds(record, payment, &names, now, &rules);
            }
        });
    }

    /// Searches the lists for payments of the intent.
    pub(super) async fn search(
        &mut self,
        observation: &mut Observation,
    ) -> Result<(), IntentError> {
        let begun_at = self.now();
        observation.searched(begun_at);
        let limit = self.time_left().max(LEAST_TIME);
        let target = Target {
            names: &self.names,
            record: self.record(),
        };
        let (mut found, error) = search(&self.shared, &[target], limit).await;
        match error {
            Some(error) if error.is_authentication() => return Err(self.not_told(error)),
            Some(error) => self.not_read = Some((None, Arc::new(error))),
            None => {}
        }
        self.take_search(found.pop().unwrap_or_default(), begun_at)
            .await;
        Ok(())
    }

    /// What a search that was begun at this moment has shown of the intent.
    pub(super) async fn take_search(&mut self, found: Search, begun_at: Millis) {
        self.see(found.payments);
        if self.not_read.is_none() {
            self.hold(move |record| record.end_assumptions(begun_at));
        }
        if found.is_complete && self.search_counts(begun_at).await {
            let rules = self.shared.rules;
            let now = self.now();
            self.hold(move |record| record.searched(begun_at, now, &rules));
        }
    }

    /// Whether a search with this API key shows what the other API keys may have created.
    async fn search_counts(&self, begun_at: Millis) -> bool {
        let rules = &self.shared.rules;
        let mut credentials = HashSet::new();
        for attempt in self.record().unknown_attempts() {
            if attempt
                .sends
                .quiet_from(rules)
                .is_some_and(|from| begun_at >= from)
            {
                let of_sends = attempt.sends.namespaces().map(credential_of);
                credentials.extend(of_sends.map(str::to_owned));
            }
        }
        for credential in credentials {
            if !self.shared.sees_payments_of(&credential).await {
                return false;
            }
        }
        true
    }

    /// Whether an empty search would prove something by now, if this API key saw what another one may have created.
    fn is_blind(&self) -> bool {
        let (rules, now) = (&self.shared.rules, self.now());
        self.record().unknown_attempts().any(|attempt| {
            let is_quiet = attempt
                .sends
                .quiet_from(rules)
                .is_some_and(|from| now >= from);
            let mut namespaces = attempt.sends.namespaces().map(credential_of);
            is_quiet && namespaces.any(|credential| !self.shared.is_linked(credential))
        })
    }

    /// A request of this call has created this payment, or replayed its creation.
    pub(super) async fn created(&mut self, payment: &Payment) {
        self.shared.keep_witness(payment.id.as_str()).await;
        let id = payment.id.as_str().to_owned();
        self.payments
            .entry(id.clone())
            .or_insert_with(|| payment.clone());
        self.own = Some(id);
    }

    /// Whether Flowlix has had this payment since before the record's first request of its attempt.
    pub(super) fn is_older_than_attempt(&self, payment: &Seen, attempt: u32) -> bool {
        let first = self
            .record()
            .attempt(attempt)
            .and_then(|attempt| attempt.sends.first_at());
        let ahead = self.shared.flowlix.seconds_ahead().unwrap_or_default();
        let created = payment.created_at.map(|at| {
            at.saturating_add(ahead)
                .saturating_mul(1000)
                .saturating_add(CLOSE)
        });
        first.zip(created).is_some_and(|(first, at)| at < first)
    }

    /// Where the clock differs from Flowlix's by more than the search allows for, the sends of this call say so: the
    /// first answer may have come after they were recorded.
    pub(super) fn note_clock(&mut self) {
        let ahead = self
            .shared
            .flowlix
            .seconds_ahead()
            .unwrap_or_default()
            .saturating_mul(1000);
        if ahead.saturating_abs() > self.shared.rules.skew {
            let tokens = std::mem::take(&mut self.tokens);
            self.hold(move |record| record.clock_known(&tokens, ahead));
        }
    }

    /// Waits until it is time to ask again.
    pub(super) async fn pause(&mut self) {
        let flowlix = &self.shared.flowlix;
        let runtime = flowlix.runtime();
        let state = PollState {
            polls: self.polls,
            elapsed: runtime.monotonic().saturating_sub(self.started),
            time_left: self.time_left(),
        };
        self.polls = self.polls.saturating_add(1);
        let pause = flowlix.polling().pause(&state, jitter(runtime));
        runtime
            .sleep(pause.min(self.time_left()), SleepPurpose::Delay)
            .await;
    }

    /// Where the intent stands.
    pub(super) fn status(&self) -> IntentStatus {
        let namespace = self.shared.namespace(Method::Card);
        let context = Context {
            reference: self.names.reference(),
            payments: self.payments.values().collect(),
            last4: self.last4.as_deref(),
            asks_for_page: self.asks_for_page,
            own: self.own.as_deref(),
            decline: self.decline.clone(),
            not_recorded: self.not_recorded.clone(),
            not_read: self.not_read.as_ref().map(|(_, error)| error.clone()),
            is_blind: self.is_blind(),
            namespace: &namespace,
            now: self.now(),
        };
        IntentStatus::of(self.record(), &self.shared.rules, &context)
    }

    /// The status of a call whose whole purpose is to be recorded.
    pub(super) fn recorded(mut self) -> Result<IntentStatus, IntentError> {
        match self.not_recorded.take() {
            Some(error) => Err(IntentError::store(error)),
            None => Ok(self.status()),
        }
    }

    /// The status that a call ends with. An address is handed out only when the record has the payment: otherwise
    /// another attempt could be started beside the one that the customer is sent to.
    pub(super) async fn report(&mut self) -> Result<IntentStatus, IntentError> {
        self.write().await;
        let status = self.status();
        match (&self.not_recorded, &status) {
            (Some(error), IntentStatus::ActionRequired(_)) => {
                Err(IntentError::action_not_recorded(error.clone()))
            }
            _ => Ok(status),
        }
    }
}

/// What a single request gets at least, whatever is left of the call's time.
const LEAST_TIME: Duration = Duration::from_secs(5);
/// More rounds than any honest server causes; a hostile one must not keep a call for ever.
pub(super) const MOST_ROUNDS: usize = 100;
/// Moments of two clocks that are no further apart count as one, in milliseconds.
const CLOSE: Millis = 60_000;

/// A payment shows how its refunds stand; which of them was lost only a refund call finds out.
fn see_refunds(record: &mut Record, payment: &Payment, names: &Names, now: Millis, rules: &Rules) {
    let of_payment = record
        .refunds
        .iter()
        .filter(|refund| refund.payment.eq_ignore_ascii_case(payment.id.as_str()));
    let references: Vec<String> = of_payment.map(|refund| refund.reference.clone()).collect();
    for reference in references {
        // Only what is told by its id or its mark counts, so that the dialect makes no difference.
        let shown = shown(record, payment, names, &reference, false);
        if shown.refund.is_some() {
            record.refund_seen(&reference, shown, now, rules);
        }
    }
}

fn credential_of(namespace: &str) -> &str {
    namespace
        .split_once('/')
        .map_or(namespace, |(credential, _)| credential)
}
