//! Payment intents: be paid for an order, once.

mod builder;
mod correlation;
mod error;
mod history;
mod intent;
mod pay;
pub(crate) mod protocol;
mod recorder;
mod records;
mod refunds;
mod request;
mod returned;
mod search;
mod session;
mod status;
pub mod store;
mod view;

use std::sync::Arc;

pub use builder::IntentsBuilder;
pub use correlation::{CORRELATION_ID, MERCHANT_REFERENCE};
pub use error::{IntentError, IntentErrorKind};
pub use history::{AttemptInfo, AttemptMethod, AttemptState, HistoryEntry};
pub use intent::Intent;
pub use pay::{Pay, PayHosted};
pub use refunds::{RefundInfo, RefundPayment, RefundStatus};
pub use returned::Returned;
pub use status::{
    ActionRequired, IntentStatus, OutcomeUnknown, Overcharged, Paid, PaidAfterClose, Processing,
    Unpaid, UnpaidReason,
};

use crate::client::Flowlix;
use crate::money::Money;
use session::Shared;
use store::IntentStore;

/// The payment intents of one merchant. Cheap to clone; make one and share it.
#[derive(Clone)]
pub struct Intents {
    shared: Arc<Shared>,
}

impl Intents {
    /// Intents that pay through this client and are kept in this store.
    pub fn builder(flowlix: Flowlix, store: impl IntentStore + 'static) -> IntentsBuilder {
        IntentsBuilder::new(flowlix, Arc::new(store))
    }

    fn from_shared(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The intent of an order, named by a reference of yours: 1 to 255 characters. Nothing is sent or stored.
    #[must_use]
    pub fn intent(&self, reference: impl Into<String>, money: Money) -> Intent {
        Intent::new(self.shared.clone(), reference.into(), money)
    }

    /// The intent that is stored under a reference, with its amount; `None` when there is none.
    ///
    /// # Errors
    /// [`IntentError`] when the store fails.
    pub async fn get(&self, reference: impl Into<String>) -> Result<Option<Intent>, IntentError> {
        // The amount is taken from the record.
        self.intent(reference, Money::eur(0)).found().await
    }
}

impl std::fmt::Debug for Intents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Intents")
            .field("merchant", &self.shared.records.scope().merchant)
            .field("flowlix", &self.shared.flowlix)
            .finish_non_exhaustive()
    }
}
