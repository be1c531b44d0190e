//! What can be asked of Flowlix, and what may be repeated.

use std::fmt;

use flowlix_api::Dialect;

/// An operation of the Flowlix API, the same in both dialects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// Create a payment from card data.
    CreateDirectPayment,
    /// Create a payment whose card data the customer enters on Flowlix's page.
    CreateHostedPayment,
    /// Read one payment.
    RetrievePayment,
    /// Read a page of payments.
    ListPayments,
    /// Give money back.
    CreateRefund,
}

impl Operation {
    /// The name in errors and traces.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CreateDirectPayment => "create_direct_payment",
            Self::CreateHostedPayment => "create_hosted_payment",
            Self::RetrievePayment => "retrieve_payment",
            Self::ListPayments => "list_payments",
            Self::CreateRefund => "create_refund",
        }
    }

    /// The path in a dialect, with a name in place of an id.
    pub(crate) fn path(self, dialect: Dialect) -> &'static str {
        match (self, dialect) {
            (Self::CreateDirectPayment | Self::ListPayments, _) => "/v1/payments",
            (Self::CreateHostedPayment, _) => "/v1/payments/hpp",
            (Self::RetrievePayment, _) => "/v1/payments/{id}",
            (Self::CreateRefund, Dialect::SnakeCase) => "/v1/payments/{id}/refund",
            (Self::CreateRefund, Dialect::Uppercase) => "/v1/refunds",
        }
    }

    /// Whether the operation moves money or creates something.
    #[must_use]
    pub fn is_write(self) -> bool {
        !matches!(self, Self::RetrievePayment | Self::ListPayments)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
