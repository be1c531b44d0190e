//! Reading pages of lists, which show many payments for one request.

use std::collections::HashSet;
use std::time::Duration;

use flowlix_api::model::Payment;

use super::pass::State;
use super::watched::OpenList;
use crate::error::Error;
use crate::intents::correlation::Names;
use crate::intents::store::StoreError;
use crate::intents::view::payment_view;
use crate::payments::list::Page;

/// Payments that a list page shows.
pub(super) const ON_A_PAGE: usize = 100;
/// How long payments are retrieved one by one after a list could not be read.
const WITHOUT_LISTS: Duration = Duration::from_secs(30);

/// What pages have shown, from the newest payment down.
#[derive(Default)]
struct Shown {
    keys: HashSet<String>,
    /// Unix seconds: everything that is newer was shown. `None` before the first page.
    down_to: Option<i64>,
}

impl State {
    /// Reads the newest payments, which shows also how those stand that have ended.
    pub(super) async fn read_newest(&mut self, key: &str) -> Result<(), StoreError> {
        let list = self.intents.shared.flowlix.payments().list();
        let page = match list.page().await {
            Ok(page) => page.into_inner(),
            Err(error) => return self.list_failed(&error),
        };
        let mut shown = Shown::default();
        self.saw_page(page, &mut shown).await?;
        let now = self.now().0.div_euclid(1000);
        self.newest_reach = now.saturating_sub(shown.down_to.unwrap_or(i64::MIN));
        let is_new = self
            .watched
            .get(key)
            .and_then(super::watched::Watched::place)
            .is_some_and(|(_, at)| shown.down_to.is_some_and(|down_to| at > down_to));
        if is_new && !shown.keys.contains(key) {
            self.is_missing(key);
        }
        Ok(())
    }

    /// Reads a page of a list from one payment on to older ones. A payment that belongs there and is not shown has changed.
    pub(super) async fn read_list(
        &mut self,
        key: &str,
        list: OpenList,
        created_at: i64,
        until: Duration,
    ) -> Result<(), StoreError> {
        self.newest_reach = self.newest_reach.saturating_add(1);
        let payments = self.intents.shared.flowlix.payments().list();
        let before = created_at.saturating_add(1);
        let mut pages = payments.status(list.status()).created_lt(before).pages();
        let mut shown = Shown::default();
        loop {
            match pages.next().await {
                Ok(Some(page)) => self.saw_page(page.into_inner(), &mut shown).await?,
                Ok(None) => break,
                Err(error) => return self.list_failed(&error),
            }
            // More than a page of payments may have been created in the same second.
            let is_past = shown.down_to.is_some_and(|down_to| down_to < created_at);
            if is_past || !self.keep_pace(until).await {
                break;
            }
        }
        let down_to = shown.down_to.unwrap_or(i64::MAX);
        for (other, watched) in &mut self.watched {
            let belongs = watched
                .place()
                .is_some_and(|(of, at)| of == list && at <= created_at && at > down_to);
            watched.is_missing |= belongs && !shown.keys.contains(other);
        }
        if !shown.keys.contains(key) {
            self.is_missing(key);
        }
        Ok(())
    }

    fn is_missing(&mut self, key: &str) {
        if let Some(watched) = self.watched.get_mut(key) {
            watched.is_missing = true;
        }
    }

    fn list_failed(&mut self, error: &Error) -> Result<(), StoreError> {
        tracing::warn!(%error, "a list of payments could not be read");
        self.lists_failed_until = self.now().1.saturating_add(WITHOUT_LISTS);
        Ok(())
    }

    async fn saw_page(&mut self, page: Page, shown: &mut Shown) -> Result<(), StoreError> {
        self.done.pages = self.done.pages.saturating_add(1);
        let last = page.items.iter().flatten().next_back();
        let down_to = last.and_then(|payment| payment.created_at);
        // A page that shows nothing readable proves nothing.
        let down_to = if page.has_more {
            down_to
        } else {
            Some(i64::MIN)
        };
        shown.down_to = down_to.or(shown.down_to);
        for payment in page.items.into_iter().flatten() {
            self.saw(payment, &mut shown.keys).await?;
        }
        Ok(())
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
        let scope = self.intents.shared.records.scope();
        let Some(watched) = self.watched.get_mut(&key) else {
            return Ok(());
        };
        let names = Names::new(scope, &watched.reference);
        let Some(view) = payment_view(&payment, &names, scope.mode) else {
            return Ok(());
        };
        let known = watched.live.iter().find(|live| view.is(&live.id));
        if known.is_some_and(|known| known.is_same(&view)) {
            // Of several payments each one has to be read.
            if watched.live.len() == 1 {
                watched.polled(now);
                watched.shown_in(&view.id, &payment.status);
                shown.insert(key);
            }
            return Ok(());
        }
        let reference = watched.reference.clone();
        let Some(mut session) = self.session(&reference).await? else {
            return Ok(());
        };
        session.see(vec![payment]);
        self.take_over(&key, session).await?;
        shown.insert(key);
        Ok(())
    }
}
