//! Why a payment failed.

/// The decline codes that the sandbox itself produces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decline {
    DoNotHonor,
    InsufficientFunds,
    ExpiredCard,
    InvalidNumber,
    Generic,
    ThreeDSecureFailed,
}

impl Decline {
    /// Spelled alike in both dialects.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::DoNotHonor => "do_not_honor",
            Self::InsufficientFunds => "insufficient_funds",
            Self::ExpiredCard => "expired_card",
            Self::InvalidNumber => "invalid_number",
            Self::Generic => "generic_decline",
            Self::ThreeDSecureFailed => "three_d_secure_failed",
        }
    }

    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::DoNotHonor => "The card was declined. Contact your card issuer for details.",
            Self::InsufficientFunds => "The card has insufficient funds.",
            Self::ExpiredCard => "The card has expired.",
            Self::InvalidNumber => "The card number is invalid.",
            Self::Generic => "The card was declined.",
            Self::ThreeDSecureFailed => "The customer could not be authenticated.",
        }
    }
}
