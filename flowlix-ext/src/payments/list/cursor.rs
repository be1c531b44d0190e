//! Where a list stands.

use flowlix_api::model::{self, PaymentId, PaymentStatus};
use serde::{Deserialize, Serialize};

use crate::failure::Violation;

const LIMIT: u32 = 100;

/// Where a list stands, with all that it asks for: filters, page size, direction, and the payment that it
/// came to. Store it (it is small, and holds no secret) and go on later, in another process too, through
/// [`Payments::list_from`](super::super::Payments::list_from).
///
/// It belongs to the API key's mode and dialect: Flowlix refuses a cursor whose payment it does not know.
///
/// ```
/// use flowlix_ext::payments::Cursor;
///
/// let stored = r#"{"limit":50,"status":"SUCCEEDED","starting_after":"pay_q7Mk2Np8Vr4Xt6Yz9Ab3Cd5E"}"#;
/// let cursor: Cursor = serde_json::from_str(stored)?;
/// assert_eq!(cursor.position().map(|id| id.as_str()), Some("pay_q7Mk2Np8Vr4Xt6Yz9Ab3Cd5E"));
/// assert_eq!(serde_json::to_string(&cursor)?, stored);
/// # Ok::<(), serde_json::Error>(())
/// ```
// A filter of a later version must not get lost on the way through this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    pub(super) limit: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<PaymentStatus>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) created_gte: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) created_lt: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) starting_after: Option<PaymentId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ending_before: Option<PaymentId>,
}

impl Cursor {
    /// All payments, from the newest on.
    pub(crate) fn start() -> Self {
        Self {
            limit: LIMIT,
            status: None,
            created_gte: None,
            created_lt: None,
            starting_after: None,
            ending_before: None,
        }
    }

    /// The payment that the list came to; `None` at its beginning.
    #[must_use]
    pub fn position(&self) -> Option<&PaymentId> {
        self.ending_before.as_ref().or(self.starting_after.as_ref())
    }

    /// Whether the list goes from older payments to newer ones.
    #[must_use]
    pub fn is_backward(&self) -> bool {
        self.ending_before.is_some()
    }

    pub(super) fn move_to(&mut self, id: PaymentId) {
        if self.is_backward() {
            self.ending_before = Some(id);
        } else {
            self.starting_after = Some(id);
        }
    }

    pub(super) fn query(&self) -> model::ListPayments {
        let mut query = model::ListPayments::default();
        // What is too great stays too great.
        query.limit = Some(i32::try_from(self.limit).unwrap_or(i32::MAX));
        query.status.clone_from(&self.status);
        query.created_gte = self.created_gte;
        query.created_lt = self.created_lt;
        query.starting_after.clone_from(&self.starting_after);
        query.ending_before.clone_from(&self.ending_before);
        query
    }

    /// What no dialect can say ("List payments (Payments API)"), and a time that ends before it begins: Flowlix
    /// would find nothing in it, and nobody would notice that the two are swapped.
    pub(super) fn violations(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        if self.starting_after.is_some() && self.ending_before.is_some() {
            found.push(Violation::new("ending_before", "excludes starting_after"));
        }
        let ends_early = |from| self.created_lt.is_some_and(|before| before < from);
        if self.created_gte.is_some_and(ends_early) {
            found.push(Violation::new("created_lt", "is before created_gte"));
        }
        found
    }
}
