//! Declines: what to tell the customer, and what to do.

use std::fmt;

use flowlix_api::model::{DeclineCode, ErrorDetail, Payment, Refund};

use crate::call::Operation;

/// What helps after a decline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Advice {
    /// The customer should use another card.
    AnotherCard,
    /// The customer mistyped something: let them correct the entry.
    CorrectEntry,
    /// The customer may try again with the same card: under a new key when the payment failed, under the same key when
    /// the card was declined at once, which created no payment.
    TryAgain,
    /// The request is wrong: the integration has to change, the customer can do nothing.
    FixIntegration,
    /// Nothing went back: refund again, or give the money back in another way. A refund that failed needs a new key for
    /// that; a refund that was declined at once keeps its key.
    RefundAgain,
}

/// Why a payment or refund failed.
///
/// Keep [`code`](Self::code) and [`message`](Self::message) for yourself; show
/// [`customer_message`](Self::customer_message). It never tells that a card is reported lost or stolen or
/// looks fraudulent: whoever holds such a card must not learn it from a shop.
///
/// ```
/// use flowlix_ext::decline::{Advice, Decline};
/// use flowlix_ext::model::DeclineCode;
///
/// let stolen = Decline::from_code(DeclineCode::StolenCard);
/// assert_eq!(stolen.customer_message(), Decline::from_code(DeclineCode::GenericDecline).customer_message());
/// assert_eq!(stolen.advice(), Advice::AnotherCard);
/// assert!(stolen.needs_fraud_review());
/// assert!(!stolen.may_retry());
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Decline {
    code: Option<DeclineCode>,
    message: Option<String>,
    of_refund: bool,
}

const GENERIC: &str = "Your card was declined. Please try a different card.";
/// Who waits for money need not hear about cards.
const REFUND: &str = "The refund could not be completed. Please contact us.";

impl Decline {
    /// A decline of which only the code is known.
    #[must_use]
    pub fn from_code(code: DeclineCode) -> Self {
        Self {
            code: Some(code),
            message: None,
            of_refund: false,
        }
    }

    /// A decline of which nothing is known but that it was one.
    pub(crate) fn without_code() -> Self {
        Self {
            code: None,
            message: None,
            of_refund: false,
        }
    }

    /// The decline of a failed refund of which only the code is known.
    pub(crate) fn of_refund_code(code: Option<DeclineCode>) -> Self {
        Self {
            code,
            message: None,
            of_refund: true,
        }
    }

    /// The decline of a failed payment.
    #[must_use]
    pub fn of_payment(payment: &Payment) -> Self {
        Self {
            code: payment.decline_code.clone(),
            message: payment.decline_message.clone(),
            of_refund: false,
        }
    }

    /// The decline of a failed refund.
    #[must_use]
    pub fn of_refund(refund: &Refund) -> Self {
        Self {
            code: refund.decline_code.clone(),
            message: refund.decline_message.clone(),
            of_refund: true,
        }
    }

    pub(crate) fn of_error(operation: Option<Operation>, detail: &ErrorDetail) -> Self {
        Self {
            code: detail.decline_code.clone(),
            message: detail.message.clone(),
            of_refund: operation == Some(Operation::CreateRefund),
        }
    }

    /// Flowlix's code, when it gave one. Do not show it to customers.
    #[must_use]
    pub fn code(&self) -> Option<&DeclineCode> {
        self.code.as_ref()
    }

    /// Flowlix's explanation for you. Do not show it to customers.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// What helps. An unknown code is treated as a generic decline.
    #[must_use]
    pub fn advice(&self) -> Advice {
        match &self.code {
            Some(DeclineCode::InvalidAmount | DeclineCode::InvalidCurrency) => {
                Advice::FixIntegration
            }
            _ if self.of_refund => Advice::RefundAgain,
            Some(DeclineCode::InvalidNumber | DeclineCode::InvalidExpiry) => Advice::CorrectEntry,
            Some(
                DeclineCode::ThreeDSecureFailed
                | DeclineCode::ThreeDSecureTimeout
                | DeclineCode::ThreeDSecureError,
            ) => Advice::TryAgain,
            _ => Advice::AnotherCard,
        }
    }

    /// Whether the same card, correctly entered, can make sense again. After a payment that failed the card needs a new
    /// idempotency key: the old key would replay that payment. After a card that was declined at once
    /// ([`Error::decline`](crate::Error::decline)) the same key is right: no payment was created.
    #[must_use]
    pub fn may_retry(&self) -> bool {
        matches!(self.advice(), Advice::TryAgain | Advice::CorrectEntry)
    }

    /// Whether the payment belongs into a fraud review.
    #[must_use]
    pub fn needs_fraud_review(&self) -> bool {
        matches!(
            self.code,
            Some(
                DeclineCode::LostCard
                    | DeclineCode::StolenCard
                    | DeclineCode::SuspectFraud
                    | DeclineCode::FraudFilter
            )
        )
    }

    /// A text for the customer, in English. It reveals nothing that the cardholder must not learn.
    #[must_use]
    pub fn customer_message(&self) -> &'static str {
        match &self.code {
            _ if self.of_refund => REFUND,
            Some(DeclineCode::InsufficientFunds) => {
                "Your card has insufficient funds. Please try a different card."
            }
            Some(DeclineCode::ExpiredCard) => "Your card has expired. Please use a different card.",
            Some(DeclineCode::DoNotHonor) => {
                "Your card was declined. Please contact your bank or try a different card."
            }
            Some(DeclineCode::InvalidNumber) => {
                "The card number is not valid. Please check it and try again."
            }
            Some(DeclineCode::InvalidExpiry) => {
                "The expiry date is not valid. Please check it and try again."
            }
            Some(DeclineCode::InvalidAmount | DeclineCode::InvalidCurrency) => {
                "The payment could not be processed. Please contact us."
            }
            Some(DeclineCode::ThreeDSecureFailed) => {
                "The payment could not be confirmed with your bank. Please try again, or contact your bank."
            }
            Some(DeclineCode::ThreeDSecureTimeout) => {
                "The confirmation with your bank took too long. Please try again and confirm promptly."
            }
            Some(DeclineCode::ThreeDSecureNotSupported) => {
                "Your card does not support online confirmation. Please use a different card."
            }
            Some(DeclineCode::ThreeDSecureError) => {
                "The confirmation with your bank did not work. Please try again."
            }
            _ => GENERIC,
        }
    }
}

impl fmt::Debug for Decline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decline")
            .field("code", &self.code)
            .field("message", &self.message)
            .field("of_refund", &self.of_refund)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use flowlix_api::Dialect;
    use flowlix_api::open::OpenEnum as _;

    use super::*;

    fn with(code: &str) -> Decline {
        Decline::from_code(DeclineCode::from(code))
    }

    #[test]
    fn every_documented_code_has_its_advice() {
        let mut advised = Vec::new();
        for (advice, codes) in [
            (
                Advice::AnotherCard,
                "generic_decline do_not_honor issuer_declined insufficient_funds expired_card not_permitted \
                 cardholder_limit card_velocity_exceeded lost_card stolen_card suspect_fraud fraud_filter \
                 three_d_secure_not_supported",
            ),
            (Advice::CorrectEntry, "invalid_number invalid_expiry"),
            (Advice::FixIntegration, "invalid_amount invalid_currency"),
            (
                Advice::TryAgain,
                "three_d_secure_failed three_d_secure_timeout three_d_secure_error",
            ),
        ] {
            for code in codes.split_whitespace() {
                let may_retry = matches!(advice, Advice::TryAgain | Advice::CorrectEntry);
                // The letter case is not a matter of the dialect.
                for spelled in [code.to_owned(), code.to_uppercase()] {
                    let decline = with(&spelled);
                    assert_eq!(decline.advice(), advice, "{spelled}");
                    assert_eq!(decline.may_retry(), may_retry, "{spelled}");
                    assert!(!decline.customer_message().is_empty());
                }
                advised.push(DeclineCode::from(code));
            }
        }
        // What the documents list, neither more nor less: the enum is generated from both of them.
        for code in DeclineCode::known() {
            assert!(advised.contains(code), "{code} needs its row above");
            for dialect in [Dialect::SnakeCase, Dialect::Uppercase] {
                assert!(code.spelled(dialect).is_some(), "{code} in {dialect}");
            }
        }
        assert_eq!(advised.len(), DeclineCode::known().len());
    }

    #[test]
    fn the_guides_words_are_the_customers() {
        for (code, text) in [
            (
                "insufficient_funds",
                "Your card has insufficient funds. Please try a different card.",
            ),
            (
                "expired_card",
                "Your card has expired. Please use a different card.",
            ),
            (
                "do_not_honor",
                "Your card was declined. Please contact your bank or try a different card.",
            ),
            (
                "generic_decline",
                "Your card was declined. Please try a different card.",
            ),
        ] {
            assert_eq!(with(code).customer_message(), text);
        }
    }

    #[test]
    fn unknown_and_missing_codes_are_generic() {
        for decline in [
            with("brand_new_code"),
            Decline {
                code: None,
                message: None,
                of_refund: false,
            },
        ] {
            assert_eq!(decline.customer_message(), GENERIC);
            assert_eq!(decline.advice(), Advice::AnotherCard);
            assert!(!decline.may_retry());
        }
    }

    #[test]
    fn a_refund_that_failed_is_no_declined_card() {
        for code in DeclineCode::known() {
            let refund = Decline {
                of_refund: true,
                ..Decline::from_code(code.clone())
            };
            assert_eq!(refund.customer_message(), REFUND);
            assert!(!refund.may_retry(), "{code}");
            let advice = match code {
                DeclineCode::InvalidAmount | DeclineCode::InvalidCurrency => Advice::FixIntegration,
                _ => Advice::RefundAgain,
            };
            assert_eq!(refund.advice(), advice, "{code}");
        }
    }

    #[test]
    fn nobody_learns_that_a_card_is_lost_stolen_or_suspected() {
        for code in ["lost_card", "stolen_card", "suspect_fraud", "fraud_filter"] {
            let decline = with(code);
            assert_eq!(decline.customer_message(), GENERIC);
            assert!(decline.needs_fraud_review() && !decline.may_retry());
        }
        for code in DeclineCode::known() {
            let text = Decline::from_code(code.clone())
                .customer_message()
                .to_lowercase();
            for word in ["lost", "stolen", "fraud", "suspect"] {
                assert!(!text.contains(word), "{code}: {text}");
            }
        }
    }
}
