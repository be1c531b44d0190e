//! Which action a customer was asked for, and which one they are back from.

use flowlix_api::model::Payment;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Tells one action from another without keeping its address: whoever holds that may act for the customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct ActionMark(String);

/// Enough of the digest to tell a payment's few actions apart.
const MARK_BYTES: usize = 8;

impl ActionMark {
    pub(super) fn of(redirect_url: Option<&str>) -> Self {
        let Some(url) = redirect_url else {
            return Self("no address".to_owned());
        };
        let digest = Sha256::digest(url.as_bytes());
        let digits = digest.iter().take(MARK_BYTES);
        Self(digits.map(|byte| format!("{byte:02x}")).collect())
    }

    /// The action that a payment asks for now.
    pub(super) fn in_payment(payment: &Payment) -> Option<Self> {
        let action = payment.next_action.as_ref()?;
        Some(Self::of(action.redirect_url.as_deref()))
    }
}

/// What a wait takes `requires_action` for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Returned {
    /// The customer has not been sent anywhere yet.
    #[default]
    No,
    /// The customer is back from the action that the wait sees first.
    FromWhatIsSeenFirst,
    /// The customer is back from this action.
    From(ActionMark),
}

impl Returned {
    /// Whether an action is one that the customer is already back from.
    pub(super) fn covers(&mut self, redirect_url: Option<&str>) -> bool {
        let seen = ActionMark::of(redirect_url);
        match self {
            Self::No => false,
            Self::FromWhatIsSeenFirst => {
                *self = Self::From(seen);
                true
            }
            Self::From(known) => *known == seen,
        }
    }
}
