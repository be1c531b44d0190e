//! Asking Flowlix how open payments stand: many at once by lists of open payments, the others one by one.

use std::collections::HashSet;
use std::time::Duration;

use flowlix_api::Dialect;
use flowlix_api::model::{Payment, PaymentStatus};

use super::pass::State;
use crate::error::Error;
use crate::intents::correlation::Names;
use crate::intents::protocol::pay::Observation;
use crate::intents::search::{Search, Target, search};
use crate::intents::session::Session;
use crate::intents::store::StoreError;
use crate::intents::view::payment_view;
use crate::runtime::SleepPurpose;

/// Payments that a list page shows.
const ON_A_PAGE: usize = 100;
/// What a search gets for one page.
const PAGE_TIMEOUT: Duration = Duration::from_secs(30);

impl State {
    /// Polls and searches for what is due.
    pub(super) async fn poll(&mut self, until: Duration) -> Result<(), StoreError> {
        self.search_lost().await?;
        let now = self.now().1;
        let due =
            |watched: &&super::watched::Watched| watched.poll_at <= now && !watched.live.is_empty();
        let mut keys: Vec<(i64, String)> = self
            .watched
            .iter()
            .filter(|(_, watched)| due(watched))
            .map(|(key, watched)| (watched.since, key.clone()))
            .collect();
        // Young payments come first.
        keys.sort_unstable_by(|one, other| other.cmp(one));
        let keys: Vec<String> = keys.into_iter().map(|(_, key)| key).collect();
        // A payment that has ended since costs a request on top of the pages.
        if keys.len() > self.pages_of_all().saturating_mul(2) {
            self.poll_lists(until).await
        } else {
            self.poll_singly(&keys, until).await
        }
    }

    /// About as many pages as lists of all open payments have.
    fn pages_of_all(&self) -> usize {
        let live: usize = self
            .watched
            .values()
            .map(|watched| watched.live.len())
            .sum();
        live.div_ceil(ON_A_PAGE)
            .saturating_add(self.open_statuses().len())
    }

    fn open_statuses(&self) -> Vec<PaymentStatus> {
        match self.intents.shared.flowlix.dialect() {
            Dialect::SnakeCase => vec![PaymentStatus::Pending, PaymentStatus::RequiresAction],
            Dialect::Uppercase => vec![
                PaymentStatus::Pending,
                PaymentStatus::Processing,
                PaymentStatus::RequiresAction,
            ],
        }
    }

    async fn poll_singly(&mut self, keys: &[String], until: Duration) -> Result<(), StoreError> {
        for key in keys {
            let Some(watched) = self.watched.get(key) else {
                continue;
            };
            let ids: Vec<String> = watched.live.iter().map(|live| live.id.clone()).collect();
            let reference = watched.reference.clone();
            self.retrieve(key, &reference, &ids).await?;
            if self.now().1 >= until {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Retrieves payments of one intent, and takes over what they show.
    async fn retrieve(
        &mut self,
        key: &str,
        reference: &str,
        ids: &[String],
    ) -> Result<(), StoreError> {
        self.keep_pace().await;
        let Some(mut session) = self.session(reference).await? else {
            self.watched.remove(key);
            return Ok(());
        };
        let mut seen = Observation::until(0);
        let looked = session.look(ids, false, &mut seen).await;
        let count = u64::try_from(ids.len()).unwrap_or(u64::MAX);
        self.done.retrieved = self.done.retrieved.saturating_add(count);
        if let Err(error) = looked {
            tracing::warn!(%error, "a payment could not be retrieved");
        }
        self.take_over(key, session).await
    }

    /// Reads the lists of open payments. A payment that no list shows is open no longer, and is retrieved.
    async fn poll_lists(&mut self, until: Duration) -> Result<(), StoreError> {
        let begun = self.now();
        let mut shown = HashSet::new();
        for status in self.open_statuses() {
            match self.poll_list(status, until, &mut shown).await? {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(error) => {
                    tracing::warn!(%error, "a list of open payments could not be read");
                    return Ok(());
                }
            }
        }
        let missing: Vec<String> = self
            .watched
            .iter()
            .filter(|(_, watched)| watched.poll_at <= begun.1 && !watched.live.is_empty())
            .filter(|(_, watched)| watched.live.iter().any(|live| !shown.contains(&live.id)))
            .map(|(key, _)| key.clone())
            .collect();
        self.poll_singly(&missing, until).await
    }

    /// Reads one list; `Ok(false)` when the time was over before its end.
    async fn poll_list(
        &mut self,
        status: PaymentStatus,
        until: Duration,
        shown: &mut HashSet<String>,
    ) -> Result<Result<bool, Error>, StoreError> {
        let shared = self.intents.shared.clone();
        let oldest = self.watched.values().flat_map(|watched| &watched.live);
        let oldest = oldest.filter_map(|live| live.created_at).min();
        let from = oldest
            .unwrap_or_default()
            .saturating_sub(shared.rules.skew)
            .div_euclid(1000);
        let list = shared
            .flowlix
            .payments()
            .list()
            .status(status)
            .created_gte(from);
        let mut pages = list.pages();
        loop {
            self.keep_pace().await;
            let page = match pages.next().await {
                Ok(Some(page)) => page.into_inner(),
                Ok(None) => return Ok(Ok(true)),
                Err(error) => return Ok(Err(error)),
            };
            self.done.pages = self.done.pages.saturating_add(1);
            for payment in page.items.into_iter().flatten() {
                self.saw(payment, shown).await?;
            }
            self.deliver_more();
            if self.now().1 >= until {
                return Ok(Ok(false));
            }
        }
    }

    /// A list showed a payment: only what is new goes into the store.
    async fn saw(
        &mut self,
        payment: Payment,
        shown: &mut HashSet<String>,
    ) -> Result<(), StoreError> {
        let Some(key) = Names::key_of(&payment).map(str::to_owned) else {
            return Ok(());
        };
        let now = self.now();
        let scope = self.intents.shared.records.scope().clone();
        let Some(watched) = self.watched.get_mut(&key) else {
            return Ok(());
        };
        let names = Names::new(&scope, &watched.reference);
        let Some(view) = payment_view(&payment, &names, scope.mode) else {
            return Ok(());
        };
        shown.insert(view.id.clone());
        let known = watched.live.iter().find(|live| view.is(&live.id));
        if known.is_some_and(|known| known.is_same(&view)) {
            watched.polled(now);
            return Ok(());
        }
        let reference = watched.reference.clone();
        let Some(mut session) = self.session(&reference).await? else {
            return Ok(());
        };
        session.see(vec![payment]);
        self.take_over(&key, session).await
    }

    /// Searches once for all lost requests that are due.
    async fn search_lost(&mut self) -> Result<(), StoreError> {
        let now = self.now();
        let due = self
            .watched
            .iter()
            .filter(|(_, watched)| watched.is_lost && watched.search_at <= now.1);
        let keys: Vec<(String, String)> = due
            .map(|(key, watched)| (key.clone(), watched.reference.clone()))
            .collect();
        let mut sessions = Vec::new();
        for (key, reference) in keys {
            if let Some(session) = self.session(&reference).await? {
                sessions.push((key, session));
            }
        }
        if sessions.is_empty() {
            return Ok(());
        }
        let targets: Vec<Target<'_>> = sessions
            .iter()
            .map(|(_, session)| Target {
                names: &session.names,
                record: session.record(),
            })
            .collect();
        let shared = self.intents.shared.clone();
        let (found, error) = search(&shared, &targets, PAGE_TIMEOUT).await;
        if let Some(error) = &error {
            tracing::warn!(%error, "a search of the lists broke off");
        }
        for ((key, mut session), found) in sessions.into_iter().zip(found) {
            take_search(&mut session, found, now.0, error.is_none()).await;
            self.done.searched = self.done.searched.saturating_add(1);
            self.take_over(&key, session).await?;
            let now = self.now();
            if let Some(watched) = self.watched.get_mut(&key) {
                watched.searched(now);
            }
        }
        Ok(())
    }

    /// A call on an intent of the store; `None` when its record is gone.
    async fn session(&self, reference: &str) -> Result<Option<Session>, StoreError> {
        let shared = &self.intents.shared;
        let names = Names::new(shared.records.scope(), reference);
        let Some(kept) = shared.records.load(&names).await? else {
            return Ok(None);
        };
        Ok(Some(Session::new(
            shared.clone(),
            names,
            kept,
            Duration::ZERO,
        )))
    }

    /// Writes what a call has learnt, and remembers how the intent stands.
    async fn take_over(&mut self, key: &str, mut session: Session) -> Result<(), StoreError> {
        session.write().await;
        let now = self.now();
        self.remember(key.to_owned(), session.record(), now.0);
        self.deliver_more();
        session.not_recorded.take().map_or(Ok(()), Err)
    }

    /// Spreads requests evenly over what is left of the rate limit's window: a burst would leave nobody anything until
    /// its end.
    async fn keep_pace(&self) {
        let flowlix = &self.intents.shared.flowlix;
        let rate = flowlix.rate_limit();
        let (Some(remaining), Some(ends_in)) = (rate.remaining, rate.window_ends_in) else {
            return;
        };
        let left = remaining.saturating_sub(rate.kept_for_writes).max(1);
        let pause = ends_in.checked_div(left).unwrap_or_default();
        flowlix.runtime().sleep(pause, SleepPurpose::Delay).await;
    }
}

async fn take_search(session: &mut Session, found: Search, begun_at: i64, is_whole: bool) {
    if is_whole {
        session.take_search(found, begun_at).await;
    } else {
        session.see(found.payments);
    }
}
