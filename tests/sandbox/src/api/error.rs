//! Flowlix's error shape.

use serde_json::{Value, json};

/// An error answer, before it has a request id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    kind: &'static str,
    code: Option<&'static str>,
    message: String,
    param: Option<Box<str>>,
    decline_code: Option<Box<str>>,
    /// For 429: seconds until the window ends.
    pub(crate) retry_after: Option<String>,
}

impl ApiError {
    fn new(status: u16, kind: &'static str, code: Option<&'static str>, message: &str) -> Self {
        Self {
            status,
            kind,
            code,
            message: message.to_owned(),
            param: None,
            decline_code: None,
            retry_after: None,
        }
    }

    fn on(mut self, param: &str) -> Self {
        self.param = Some(param.into());
        self
    }

    pub(crate) fn with_message(mut self, message: &str) -> Self {
        message.clone_into(&mut self.message);
        self
    }

    pub(crate) fn missing(param: &str) -> Self {
        Self::new(
            400,
            "invalid_request_error",
            Some("parameter_missing"),
            &format!("{param} is required."),
        )
        .on(param)
    }

    pub(crate) fn invalid(param: Option<&str>, message: &str) -> Self {
        let error = Self::new(
            400,
            "invalid_request_error",
            Some("parameter_invalid"),
            message,
        );
        match param {
            Some(param) => error.on(param),
            None => error,
        }
    }

    pub(crate) fn not_found(message: &str) -> Self {
        Self::new(404, "invalid_request_error", None, message)
    }

    /// The resource's state does not allow it. The documents name no code for that.
    pub(crate) fn wrong_state(message: &str) -> Self {
        Self::new(422, "invalid_request_error", None, message)
    }

    pub(crate) fn already_refunded() -> Self {
        Self::new(
            422,
            "invalid_request_error",
            Some("payment_already_refunded"),
            "The payment has nothing left to refund.",
        )
    }

    pub(crate) fn amount_too_large(left: i64) -> Self {
        Self::new(
            422,
            "invalid_request_error",
            Some("parameter_invalid"),
            &format!("amount is more than the {left} minor units left to refund."),
        )
        .on("amount")
    }

    pub(crate) fn invalid_api_key(message: &str) -> Self {
        Self::new(
            401,
            "authentication_error",
            Some("invalid_api_key"),
            message,
        )
    }

    pub(crate) fn other_mode() -> Self {
        Self::new(
            403,
            "authentication_error",
            None,
            "The resource belongs to the other mode (test or live).",
        )
    }

    pub(crate) fn key_reused() -> Self {
        Self::new(
            409,
            "idempotency_error",
            Some("idempotency_key_in_use"),
            "The idempotency key was already used with a different request body.",
        )
    }

    pub(crate) fn in_flight() -> Self {
        Self::new(
            409,
            "idempotency_error",
            Some("idempotency_key_in_use"),
            "A request with this idempotency key is currently being processed.",
        )
    }

    /// The card was declined before a payment came into being.
    pub(crate) fn declined(decline_code: &str) -> Self {
        let mut error = Self::new(422, "card_error", None, "The card was declined.");
        error.decline_code = Some(decline_code.into());
        error
    }

    pub(crate) fn rate_limited(retry_after: String) -> Self {
        let mut error = Self::new(
            429,
            "rate_limit_error",
            Some("rate_limit_exceeded"),
            "Too many requests.",
        );
        error.retry_after = Some(retry_after);
        error
    }

    /// The error that Flowlix documents for a status, for scripted faults.
    pub(crate) fn scripted(status: u16, retry_after: Option<String>) -> Self {
        let mut error = match status {
            401 => Self::invalid_api_key("The API key is not valid."),
            403 => Self::other_mode(),
            404 => Self::not_found("No such resource."),
            409 => Self::in_flight(),
            402 => Self::new(402, "card_error", None, "The card was declined."),
            429 => Self::new(
                429,
                "rate_limit_error",
                Some("rate_limit_exceeded"),
                "Too many requests.",
            ),
            400..=499 => Self::new(
                status,
                "invalid_request_error",
                None,
                "The request is not valid.",
            ),
            _ => Self::new(
                status,
                "api_error",
                None,
                "Something went wrong at Flowlix.",
            ),
        };
        error.retry_after = retry_after;
        error
    }

    pub(crate) fn body(&self, request_id: &str) -> Value {
        json!({
            "error": {
                "type": self.kind,
                "code": self.code,
                "message": self.message,
                "param": self.param,
                "decline_code": self.decline_code,
                "doc_url": null,
                "request_id": request_id,
            }
        })
    }
}
