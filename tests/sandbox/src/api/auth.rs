//! Who is calling: the bearer key decides dialect and mode.

use super::error::ApiError;
use crate::dialect::Dialect;
use crate::server::http::Request;

/// The test key of a dialect.
pub(crate) fn test_key(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::SnakeCase => "fl_test_sk_sandbox0123456789",
        Dialect::Uppercase => "api_test_sk_sandbox0123456789",
    }
}

/// The live key of a dialect: unknown to the server unless it is built to accept it.
pub(crate) fn live_key(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::SnakeCase => "fl_live_sk_sandbox0123456789",
        Dialect::Uppercase => "api_live_sk_sandbox0123456789",
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) dialect: Dialect,
    pub(crate) livemode: bool,
}

/// The caller's dialect as far as the request shows it, for answers to callers who are refused.
pub(crate) fn claimed_dialect(request: &Request) -> Option<Dialect> {
    bearer(request).and_then(Dialect::of_key)
}

fn bearer(request: &Request) -> Option<&str> {
    let (scheme, key) = request.header("authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
}

pub(crate) fn authenticate(request: &Request, accept_live: bool) -> Result<Caller, ApiError> {
    if request.header("authorization").is_none() {
        return Err(ApiError::invalid_api_key(
            "The Authorization header is missing.",
        ));
    }
    let Some(key) = bearer(request).filter(|key| !key.is_empty()) else {
        return Err(ApiError::invalid_api_key(
            "The Authorization header must be: Bearer <secret key>.",
        ));
    };
    for dialect in [Dialect::SnakeCase, Dialect::Uppercase] {
        if key == test_key(dialect) {
            return Ok(Caller {
                dialect,
                livemode: false,
            });
        }
        if accept_live && key == live_key(dialect) {
            return Ok(Caller {
                dialect,
                livemode: true,
            });
        }
    }
    Err(ApiError::invalid_api_key("The API key is not valid."))
}
