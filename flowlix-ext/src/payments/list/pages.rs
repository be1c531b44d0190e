//! Page by page: what to ask next, and when to stop.

use std::collections::HashSet;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use flowlix_api::model::PaymentId;
use futures_core::Stream;

use super::page::id_of;
use super::{Cursor, List, Page};
use crate::error::Error;
use crate::failure::text::one_line;
use crate::payments::stream;
use crate::reply::{Receipt, Reply};

type Fetch = Pin<Box<dyn Future<Output = Result<Reply<Page>, Error>> + Send>>;

/// The pages of a list, in its direction; see [`List::pages`].
///
/// Use it through [`next`](Self::next), or as a `futures_core::Stream`. As a stream it ends after the first error, as
/// streams do; `next` may be called again.
#[must_use = "nothing is sent before `next`"]
pub struct Pages {
    /// Its cursor is where the next page begins.
    list: List,
    /// Every payment after which a page was asked for.
    passed: HashSet<PaymentId>,
    in_flight: Option<Fetch>,
    left: Option<u64>,
    end: Option<End>,
    failed: bool,
}

enum End {
    /// Flowlix said so.
    Complete,
    /// Flowlix has more, and the page that this is the receipt of shows no id to ask for it.
    Lost(Receipt),
}

impl Pages {
    pub(super) fn new(list: List) -> Self {
        Self {
            passed: list.cursor.position().cloned().into_iter().collect(),
            left: list.max_pages,
            list,
            in_flight: None,
            end: None,
            failed: false,
        }
    }

    /// The next page; `None` after the last one, or after [`List::max_pages`].
    ///
    /// After an error it asks for the same page again. Dropping its future loses nothing.
    ///
    /// # Errors
    /// As [`List::page`]; and [`ListStuck`](crate::ErrorKind::ListStuck) where Flowlix has more payments but
    /// answers no way to go on (an empty page, a last payment without a readable id), or answers a payment
    /// again from which the list had gone on. The list never ends in silence there, nor runs in circles.
    pub async fn next(&mut self) -> Result<Option<Reply<Page>>, Error> {
        std::future::poll_fn(|context| self.poll_page(context)).await
    }

    /// Where the list stands: after the last page that came.
    #[must_use]
    pub fn cursor(&self) -> &Cursor {
        &self.list.cursor
    }

    /// Whether the last page came, and nothing is left.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        matches!(self.end, Some(End::Complete))
    }

    pub(super) fn poll_page(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Reply<Page>>, Error>> {
        match &self.end {
            Some(End::Complete) => return Poll::Ready(Ok(None)),
            Some(End::Lost(receipt)) => {
                let cause = "more payments follow, and the one to go on from shows no id";
                return Poll::Ready(Err(Error::list_stuck(receipt, cause)));
            }
            None if self.left == Some(0) => return Poll::Ready(Ok(None)),
            None => {}
        }
        let fetch = self
            .in_flight
            .get_or_insert_with(|| Box::pin(self.list.clone().page()));
        let fetched = ready!(fetch.as_mut().poll(context));
        self.in_flight = None;
        Poll::Ready(fetched.and_then(|page| self.pass(page)).map(Some))
    }

    /// Goes past a page, if it is one that leads on.
    fn pass(&mut self, page: Reply<Page>) -> Result<Reply<Page>, Error> {
        let mut ids = page.items.iter().filter_map(id_of);
        if let Some(again) = ids.find(|id| self.passed.contains(id)) {
            let again = one_line(again.as_str());
            let cause = format!("payment {again} came again, from which the list had gone on");
            return Err(Error::list_stuck(page.receipt(), cause));
        }
        if page.has_more && page.items.is_empty() {
            let cause = "more payments follow, and the page holds none to go on from";
            return Err(Error::list_stuck(page.receipt(), cause));
        }
        self.list.cursor = page.end(&self.list.cursor);
        self.passed.extend(self.list.cursor.position().cloned());
        if !page.has_more {
            self.end = Some(End::Complete);
        } else if page.next.is_none() {
            self.end = Some(End::Lost(page.receipt().clone()));
        }
        self.left = self.left.map(|left| left.saturating_sub(1));
        Ok(page)
    }
}

stream!(Pages => Reply<Page>, poll_page);

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages")
            .field("cursor", self.cursor())
            .field("is_complete", &self.is_complete())
            .finish_non_exhaustive()
    }
}
