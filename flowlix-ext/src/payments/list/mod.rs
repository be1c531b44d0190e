//! Listing payments: one page, page by page, or payment by payment.

mod cursor;
mod items;
pub(crate) mod listed;
pub(crate) mod listing;
mod page;
mod pages;

use flowlix_api::model::{PaymentId, PaymentStatus};

use crate::call::operation::Operation;
use crate::call::options::{CallOptions, call_setters};
use crate::client::Flowlix;
use crate::error::Error;
use crate::failure::Violation;
use crate::reply::Reply;

pub use cursor::Cursor;
pub use items::Items;
pub use listed::{Listed, UndecodablePayment};
pub use page::Page;
pub use pages::Pages;

/// Payments about to be listed; see [`Payments::list`](super::Payments::list).
///
/// Timeouts and attempts count for each page by itself.
#[must_use = "nothing is sent before `page`, `pages` or `items`"]
#[derive(Debug, Clone)]
pub struct List {
    client: Flowlix,
    cursor: Cursor,
    max_pages: Option<u64>,
    max_items: Option<u64>,
    options: CallOptions,
}

impl List {
    pub(super) fn new(client: Flowlix, cursor: Cursor) -> Self {
        let options = client.options();
        Self {
            client,
            cursor,
            max_pages: None,
            max_items: None,
            options,
        }
    }

    /// Only payments that have this status when their page is read.
    pub fn status(mut self, status: PaymentStatus) -> Self {
        self.cursor.status = Some(status);
        self
    }

    /// Only payments created at or after this time, Unix seconds.
    pub fn created_gte(mut self, seconds: i64) -> Self {
        self.cursor.created_gte = Some(seconds);
        self
    }

    /// Only payments created before this time, Unix seconds.
    pub fn created_lt(mut self, seconds: i64) -> Self {
        self.cursor.created_lt = Some(seconds);
        self
    }

    /// How many payments a page holds at most, 1 to 100. Default: 100, which asks least often. It bounds no
    /// list: see [`max_items`](Self::max_items).
    pub fn limit(mut self, payments: u32) -> Self {
        self.cursor.limit = payments;
        self
    }

    /// Begins after this payment and goes on to older ones. Excludes
    /// [`ending_before`](Self::ending_before).
    pub fn starting_after(mut self, id: &PaymentId) -> Self {
        self.cursor.starting_after = Some(id.clone());
        self
    }

    /// Lists backward: begins before this payment and goes on to newer ones. Uppercase dialect only;
    /// excludes [`starting_after`](Self::starting_after).
    pub fn ending_before(mut self, id: &PaymentId) -> Self {
        self.cursor.ending_before = Some(id.clone());
        self
    }

    /// Ends [`items`](Self::items) after so many, though there may be more:
    /// [`Items::is_complete`] tells. Default: no limit.
    pub fn max_items(mut self, items: u64) -> Self {
        self.max_items = Some(items);
        self
    }

    /// Ends [`pages`](Self::pages) and [`items`](Self::items) after so many pages, though there may be
    /// more: [`Pages::is_complete`] tells. Default: no limit.
    pub fn max_pages(mut self, pages: u64) -> Self {
        self.max_pages = Some(pages);
        self
    }

    call_setters!(each "page");

    pub(crate) fn options(mut self, options: CallOptions) -> Self {
        self.options = options;
        self
    }

    /// Reads one page.
    ///
    /// # Errors
    /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest) with every violation when the key's dialect
    /// cannot ask this; nothing was sent then. [`Undecodable`](crate::ErrorKind::Undecodable) when the page
    /// as a whole cannot be read; a single payment that cannot is one of its items. Otherwise as the
    /// [decision table](crate::call::decision) says; a read is repeated freely when it fails.
    pub async fn page(self) -> Result<Reply<Page>, Error> {
        let operation = Operation::ListPayments;
        let wire = self.client.wire();
        let said = wire.say_list(self.cursor.query());
        let query = Violation::join(operation, self.cursor.violations(), said)?;
        let call = self.client.read(operation, self.options);
        let reply = wire.list(&call, &query).await?;
        Ok(reply.map(|listing| Page::new(listing, &self.cursor)))
    }

    /// Reads page by page, each one when it is asked for.
    pub fn pages(self) -> Pages {
        Pages::new(self)
    }

    /// Reads payment by payment; asks for a page whenever the last one is used up.
    pub fn items(self) -> Items {
        Items::new(self)
    }
}
