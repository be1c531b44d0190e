//! What a handler is told.

use std::time::SystemTime;

use crate::intents::protocol::record::{Change, Record};
use crate::intents::protocol::rules::Rules;
use crate::intents::status::{Context, IntentStatus};
use crate::runtime::moment;

/// One change of an intent, as a handler is told of it; see [`Intents::run`](crate::intents::Intents::run).
#[derive(Debug, Clone)]
pub struct IntentChange {
    sequence: u64,
    changed_at: SystemTime,
    status: IntentStatus,
    note: Option<String>,
}

impl IntentChange {
    pub(super) fn new(record: &Record, change: &Change, rules: &Rules) -> Self {
        let context = Context {
            now: change.at,
            ..Context::default()
        };
        Self {
            sequence: change.sequence,
            changed_at: moment(change.at),
            status: IntentStatus::at(&change.what, record, rules, &context),
            note: change.note.clone(),
        }
    }

    /// The shop's reference of the intent.
    #[must_use]
    pub fn reference(&self) -> &str {
        self.status.reference()
    }

    /// The number of the change. It rises with each change of the intent, by one or more, also over what a store has lost
    /// that was restored from a copy. The same change has the same number when it is reported again.
    ///
    /// A change is reported again when a process dies between the handler's commit and the acknowledgement. To take each
    /// change once, write the number together with your own row, in one transaction of your own database:
    /// ```sql
    /// BEGIN;
    /// UPDATE orders SET state = 'paid', flowlix_sequence = 1719792000
    ///  WHERE reference = 'order-1234' AND flowlix_sequence < 1719792000;
    /// COMMIT; -- no row was updated: the change was taken before; return Ok too
    /// ```
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// When the change was seen.
    #[must_use]
    pub fn changed_at(&self) -> SystemTime {
        self.changed_at
    }

    /// Where the intent stood after the change. Later changes may have come since: they are reported next.
    #[must_use]
    pub fn status(&self) -> &IntentStatus {
        &self.status
    }

    /// What a person wrote who [resolved](crate::intents::Intent::resolve_by_hand) the intent.
    #[must_use]
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }
}
