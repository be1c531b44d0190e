//! Payment by payment.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use super::page::id_of;
use super::{Cursor, List, Listed, Pages};
use crate::error::Error;
use crate::payments::stream;

/// The payments of a list, in its direction: newest first, or backward from older to newer; see
/// [`List::items`].
///
/// Use it through [`next`](Self::next), or as a `futures_core::Stream`. As a stream it ends after the first error, as
/// streams do; `next` may be called again. A payment that cannot be read is no error but an item: what
/// follows it still comes.
#[must_use = "nothing is sent before `next`"]
pub struct Items {
    pages: Pages,
    /// Of the page that came last.
    waiting: VecDeque<Listed>,
    cursor: Cursor,
    left: Option<u64>,
    failed: bool,
}

impl Items {
    pub(super) fn new(list: List) -> Self {
        Self {
            waiting: VecDeque::new(),
            cursor: list.cursor.clone(),
            left: list.max_items,
            pages: list.pages(),
            failed: false,
        }
    }

    /// The next payment; `None` after the last one, or after [`List::max_items`] or
    /// [`List::max_pages`].
    ///
    /// After an error it asks for the same page again. Dropping its future loses nothing.
    ///
    /// # Errors
    /// As [`Pages::next`].
    pub async fn next(&mut self) -> Result<Option<Listed>, Error> {
        std::future::poll_fn(|context| self.poll_item(context)).await
    }

    /// Where the list stands: after the last item handed out that showed its id. A list from here begins
    /// with the item that this one would hand out next.
    #[must_use]
    pub fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    /// Whether every payment of the list was handed out.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.waiting.is_empty() && self.pages.is_complete()
    }

    fn poll_item(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Listed>, Error>> {
        if self.left == Some(0) {
            return Poll::Ready(Ok(None));
        }
        loop {
            if let Some(item) = self.waiting.pop_front() {
                if let Some(id) = id_of(&item) {
                    self.cursor.move_to(id.clone());
                }
                self.left = self.left.map(|left| left.saturating_sub(1));
                return Poll::Ready(Ok(Some(item)));
            }
            let Some(page) = ready!(self.pages.poll_page(context))? else {
                return Poll::Ready(Ok(None));
            };
            self.waiting.extend(page.into_inner().items);
            if self.cursor.is_backward() {
                self.waiting.make_contiguous().reverse();
            }
        }
    }
}

stream!(Items => Listed, poll_item);

impl fmt::Debug for Items {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Items")
            .field("cursor", &self.cursor)
            .field("is_complete", &self.is_complete())
            .finish_non_exhaustive()
    }
}
