//! Which operation a method and a path mean.

use crate::dialect::Dialect;

/// The five operations of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// `POST /v1/payments`
    CreateDirectPayment,
    /// `POST /v1/payments/hpp`
    CreateHostedPayment,
    /// `GET /v1/payments`
    ListPayments,
    /// `GET /v1/payments/{id}`
    RetrievePayment,
    /// `POST /v1/payments/{id}/refund` (snake_case) or `POST /v1/refunds` (uppercase)
    Refund,
}

/// An operation and, where the path names one, its payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) operation: Operation,
    pub(crate) payment_id: Option<String>,
    /// The dialect that has this path, when only one has it.
    only_in: Option<Dialect>,
}

impl Route {
    fn of(operation: Operation) -> Self {
        Self {
            operation,
            payment_id: None,
            only_in: None,
        }
    }

    fn with_payment(mut self, id: &str) -> Self {
        self.payment_id = Some(id.to_owned());
        self
    }

    fn only_in(mut self, dialect: Dialect) -> Self {
        self.only_in = Some(dialect);
        self
    }

    pub(crate) fn exists_in(&self, dialect: Dialect) -> bool {
        self.only_in.is_none_or(|only| only == dialect)
    }
}

/// `path` is without its query.
pub(crate) fn route(method: &str, path: &str) -> Option<Route> {
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    Some(match (method, segments.as_slice()) {
        ("POST", ["v1", "payments"]) => Route::of(Operation::CreateDirectPayment),
        ("POST", ["v1", "payments", "hpp"]) => Route::of(Operation::CreateHostedPayment),
        ("GET", ["v1", "payments"]) => Route::of(Operation::ListPayments),
        ("GET", ["v1", "payments", id]) => Route::of(Operation::RetrievePayment).with_payment(id),
        ("POST", ["v1", "payments", id, "refund"]) => Route::of(Operation::Refund)
            .with_payment(id)
            .only_in(Dialect::SnakeCase),
        ("POST", ["v1", "refunds"]) => Route::of(Operation::Refund).only_in(Dialect::Uppercase),
        _ => return None,
    })
}
