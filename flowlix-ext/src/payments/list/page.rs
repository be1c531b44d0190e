//! One page of payments.

use std::fmt;

use flowlix_api::model::{Payment, PaymentId};

use super::{Cursor, Listing};

/// An entry of a list: a payment, or what is known of one that this SDK cannot read.
pub type Listed = Result<Payment, UndecodablePayment>;

/// One page of payments, newest first in either direction.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Page {
    /// The payments. Fewer than the limit does not mean that the list ends here.
    pub items: Vec<Listed>,
    /// Whether Flowlix has more payments after this page. The page leaves open what that means backward;
    /// it is taken to look where the list goes, at newer payments.
    pub has_more: bool,
    /// Where the next page begins. `None` at the end; and where `has_more` is true all the same, since
    /// the payment to go on from is missing or shows no id.
    pub next: Option<Cursor>,
}

impl Page {
    pub(super) fn new(listing: Listing, at: &Cursor) -> Self {
        let Listing { items, has_more } = listing;
        let last = if at.is_backward() {
            items.first()
        } else {
            items.last()
        };
        let next = last
            .filter(|_| has_more)
            .and_then(id_of)
            .map(|id| moved(at, id));
        Self {
            items,
            has_more,
            next,
        }
    }

    /// Where a list stands that has seen this page and began it `at`: at the last payment that shows its id.
    pub(super) fn end(&self, at: &Cursor) -> Cursor {
        let mut ids = self.items.iter().filter_map(id_of);
        let last = if at.is_backward() {
            ids.next()
        } else {
            ids.next_back()
        };
        last.map_or_else(|| at.clone(), |id| moved(at, id))
    }
}

fn moved(at: &Cursor, id: &PaymentId) -> Cursor {
    let mut cursor = at.clone();
    cursor.move_to(id.clone());
    cursor
}

pub(super) fn id_of(item: &Listed) -> Option<&PaymentId> {
    match item {
        Ok(payment) => Some(&payment.id),
        Err(undecodable) => undecodable.id(),
    }
}

/// A payment in a list that this SDK cannot read. The rest of its page is not touched by that.
///
/// Neither `Debug` nor `Display` show what Flowlix sent.
#[derive(Clone, PartialEq, Eq)]
pub struct UndecodablePayment {
    id: Option<PaymentId>,
    json_path: String,
    raw_json: String,
}

impl UndecodablePayment {
    pub(super) fn new(id: Option<PaymentId>, json_path: String, raw_json: String) -> Self {
        Self {
            id,
            json_path,
            raw_json,
        }
    }

    /// The payment's id, where that much can be read: ask [`retrieve`](super::super::Payments::retrieve).
    #[must_use]
    pub fn id(&self) -> Option<&PaymentId> {
        self.id.as_ref()
    }

    /// Where in the page's JSON the payment stopped making sense, such as `data[3].amount`.
    #[must_use]
    pub fn json_path(&self) -> &str {
        &self.json_path
    }

    /// The payment as it came. It may hold personal data: do not log it.
    #[must_use]
    pub fn raw_json(&self) -> &str {
        &self.raw_json
    }
}

impl fmt::Debug for UndecodablePayment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UndecodablePayment")
            .field("id", &self.id)
            .field("json_path", &self.json_path)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for UndecodablePayment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.id.as_ref().map_or("without an id", PaymentId::as_str);
        // Names within the JSON are Flowlix's, and the line is ours.
        let path = self.json_path.escape_debug();
        write!(f, "payment {id} in a list cannot be read at {path}")
    }
}

impl std::error::Error for UndecodablePayment {}
