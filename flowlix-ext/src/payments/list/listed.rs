//! An entry of a list, whether it can be read or not.

use std::fmt;

use flowlix_api::model::{Payment, PaymentId};

use crate::failure::text::one_line;

/// An entry of a list: a payment, or what is known of one that this SDK cannot read.
pub type Listed = Result<Payment, UndecodablePayment>;

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
        // Names are Flowlix's, and the line is ours.
        let id = self.id.as_ref().map_or("without an id", PaymentId::as_str);
        let id = one_line(id);
        let path = self.json_path.escape_debug();
        write!(f, "payment {id} in a list cannot be read at {path}")
    }
}

impl std::error::Error for UndecodablePayment {}
