//! One page of payments.

use flowlix_api::model::PaymentId;

use super::cursor::Cursor;
use super::listed::Listed;
use super::listing::Listing;

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
