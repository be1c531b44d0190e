//! Asking Flowlix how open payments stand: which payment comes next, and whether it is retrieved or read from a list.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::Duration;

use super::lists::ON_A_PAGE;
use super::pass::State;
use super::watched::{Lane, OpenList};
use crate::intents::correlation::Names;
use crate::intents::protocol::pay::Observation;
use crate::intents::search::{Search, Target, search};
use crate::intents::session::Session;
use crate::intents::store::StoreError;
use crate::runtime::SleepPurpose;

/// So many open payments of one list are worth a page.
const WORTH_A_PAGE: usize = 3;
/// So many missing payments take turns with the others.
const MANY_MISSING: usize = 20;
/// Payments of this worker that a page is trusted to reach back over. Those of others take the rest.
const REACH: usize = 90;
/// What a search gets for one page.
const PAGE_TIMEOUT: Duration = Duration::from_secs(30);

/// What is asked next.
enum Ask {
    /// One payment.
    Single(String),
    /// The newest payments, whatever their status.
    Newest(String),
    /// The open payments of a list from this one on.
    List(String, OpenList, i64),
}

/// A payment that is due.
struct Due<'a> {
    key: &'a str,
    lane: Lane,
    since: i64,
    place: Option<(OpenList, i64)>,
}

impl State {
    /// Polls and searches for what is due.
    pub(super) async fn poll(&mut self, until: Duration) -> Result<(), StoreError> {
        self.search_lost().await?;
        while let Some(ask) = self.next_ask() {
            if !self.keep_pace(until).await {
                return Ok(());
            }
            match ask {
                Ask::Single(key) => self.retrieve(&key).await?,
                Ask::Newest(key) => self.read_newest(&key).await?,
                Ask::List(key, list, created_at) => {
                    self.read_list(&key, list, created_at, until).await?;
                }
            }
            self.deliver_more();
            if self.now().1 >= until {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Young payments come first, then missing ones, then those of which something is expected, then the others; in each
    /// lane the one that has been due for longest, and of several the newest.
    fn next_ask(&mut self) -> Option<Ask> {
        let now = self.now();
        let due_by = (now.0, now.1.min(self.due_by));
        let oldest = self.oldest();
        let mut due = Vec::new();
        for (key, watched) in &self.watched {
            let place = watched.place();
            let is_oldest = place.is_some_and(|(list, at)| oldest.get(&list) >= Some(&at));
            if let Some((lane, since)) = watched.due(due_by, is_oldest) {
                due.push(Due {
                    key,
                    lane,
                    since,
                    place,
                });
            }
        }
        // Many missing or late payments at once must not keep the others waiting: they get every second request.
        let missing = due.iter().filter(|due| due.lane == Lane::Missing).count();
        let takes_turns = |lane| match lane {
            Lane::Missing => missing > MANY_MISSING,
            lane => lane == Lane::Late,
        };
        let others = |due: &Due<'_>| Some(due.lane) != self.last_lane || !takes_turns(due.lane);
        let has_others = due.iter().any(others);
        let chosen = due
            .iter()
            .filter(|due| !has_others || others(due))
            .min_by_key(|due| (due.lane, due.since, Reverse(due.place.map(|(_, at)| at))))?;
        let (lane, ask) = (chosen.lane, self.ask(chosen, &due, now));
        self.last_lane = Some(lane);
        Some(ask)
    }

    /// A page where that tells of more payments than a retrieve does.
    fn ask(&self, chosen: &Due<'_>, due: &[Due<'_>], now: (i64, Duration)) -> Ask {
        let key = chosen.key.to_owned();
        let Some((list, created_at)) = chosen
            .place
            .filter(|_| chosen.lane != Lane::Missing && self.lists_failed_until <= now.1)
        else {
            return Ask::Single(key);
        };
        let is_newest = |at: i64| now.0.div_euclid(1000).saturating_sub(at) < self.newest_reach;
        let places = || self.watched.values().filter_map(|watched| watched.place());
        let mut newest = places().filter(|(_, at)| is_newest(*at));
        if chosen.lane == Lane::Young && is_newest(created_at) && newest.nth(1).is_some() {
            return Ask::Newest(key);
        }
        let from = self.page_from(list, created_at, due);
        // A page costs no more than a retrieve, and shows how others stand before they are due.
        let mut beside = places().filter(|(of, at)| *of == list && *at <= from);
        if beside.nth(WORTH_A_PAGE - 1).is_some() {
            Ask::List(key, list, from)
        } else {
            Ask::Single(key)
        }
    }

    /// The newest due payment from which on a page reaches back to this one, so that the page shows as many as it can.
    fn page_from(&self, list: OpenList, created_at: i64, due: &[Due<'_>]) -> i64 {
        let places = self.watched.values().filter_map(|watched| watched.place());
        let newer = places.filter(|(of, at)| *of == list && *at > created_at);
        let mut newer: Vec<i64> = newer.map(|(_, at)| at).collect();
        let newest = if newer.len() > REACH {
            *newer.select_nth_unstable(REACH - 1).1
        } else {
            i64::MAX
        };
        let due = due.iter().filter_map(|due| due.place);
        let within = due.filter(|(of, at)| *of == list && *at < newest);
        within
            .map(|(_, at)| at)
            .max()
            .unwrap_or(created_at)
            .max(created_at)
    }

    /// Of each list that is longer than a page, when the youngest of the oldest payments was created, which fit on one.
    fn oldest(&self) -> HashMap<OpenList, i64> {
        let mut created: HashMap<OpenList, Vec<i64>> = HashMap::new();
        for (list, at) in self.watched.values().filter_map(|watched| watched.place()) {
            created.entry(list).or_default().push(at);
        }
        let longer = created.into_iter().filter(|(_, of)| of.len() > ON_A_PAGE);
        longer
            .map(|(list, mut of)| {
                let (_, last, _) = of.select_nth_unstable(ON_A_PAGE - 1);
                (list, *last)
            })
            .collect()
    }

    /// Retrieves the payments of one intent, and takes over what they show.
    async fn retrieve(&mut self, key: &str) -> Result<(), StoreError> {
        let Some(watched) = self.watched.get(key) else {
            return Ok(());
        };
        let ids: Vec<String> = watched.live.iter().map(|live| live.id.clone()).collect();
        let reference = watched.reference.clone();
        let Some(mut session) = self.session(&reference).await? else {
            self.watched.remove(key);
            return Ok(());
        };
        let mut seen = Observation::until(0);
        let looked = session.look(&ids, false, &mut seen).await;
        let count = u64::try_from(ids.len()).unwrap_or(u64::MAX);
        self.done.retrieved = self.done.retrieved.saturating_add(count);
        if let Err(error) = looked {
            tracing::warn!(%error, "a payment could not be retrieved");
        }
        self.take_over(key, session).await
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
    pub(super) async fn session(&self, reference: &str) -> Result<Option<Session>, StoreError> {
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
    pub(super) async fn take_over(
        &mut self,
        key: &str,
        mut session: Session,
    ) -> Result<(), StoreError> {
        session.write().await;
        let now = self.now();
        self.remember(key.to_owned(), session.record(), now.0);
        if let Some(watched) = self.watched.get_mut(key) {
            watched.polled(now);
            for (id, payment) in &session.payments {
                watched.shown_in(id, &payment.status);
            }
        }
        self.deliver_more();
        session.not_recorded.take().map_or(Ok(()), Err)
    }

    /// Waits until a request may leave; `false` when that is too late.
    pub(super) async fn keep_pace(&mut self, until: Duration) -> bool {
        let flowlix = self.intents.shared.flowlix.clone();
        let (runtime, rate) = (flowlix.runtime(), flowlix.rate_limit());
        let now = runtime.monotonic();
        let next_at = self.pace.next_at(&rate, now);
        if next_at > until {
            return false;
        }
        let pause = next_at.saturating_sub(now);
        if !pause.is_zero() {
            runtime.sleep(pause, SleepPurpose::Delay).await;
        }
        self.pace.sent(runtime.monotonic());
        true
    }
}

async fn take_search(session: &mut Session, found: Search, begun_at: i64, is_whole: bool) {
    if is_whole {
        session.take_search(found, begun_at).await;
    } else {
        session.see(found.payments);
    }
}
