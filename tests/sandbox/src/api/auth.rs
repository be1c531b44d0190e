//! Who is calling: the bearer key decides merchant, dialect and mode.

use super::error::ApiError;
use crate::account::{Account, Merchant};
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

/// A further test key of the same merchant, as after the rotation of its key.
pub(crate) fn rotated_key(dialect: Dialect, n: u8) -> String {
    let prefix = test_prefix(dialect);
    format!("{prefix}{ROTATED}{n}{SUFFIX}")
}

/// The test key of another merchant.
pub(crate) fn foreign_key(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::SnakeCase => "fl_test_sk_foreign0123456789",
        Dialect::Uppercase => "api_test_sk_foreign0123456789",
    }
}

const ROTATED: &str = "rotated";
const SUFFIX: &str = "sandbox0123456789";

fn test_prefix(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::SnakeCase => "fl_test_sk_",
        Dialect::Uppercase => "api_test_sk_",
    }
}

/// Which of the keys of an account it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum KeyName {
    First,
    Rotated(u8),
}

/// One API key that the server knows. What Flowlix keeps for each key (idempotency, rate limit)
/// is kept for each `Caller`, what it keeps for each merchant is kept for each [`Account`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Caller {
    pub(crate) account: Account,
    key: KeyName,
}

impl Caller {
    /// The caller with this key, unless nobody has it.
    fn of_key(key: &str) -> Option<Self> {
        let dialect = Dialect::of_key(key)?;
        let caller = |merchant, livemode, key| Self {
            account: Account {
                merchant,
                dialect,
                livemode,
            },
            key,
        };
        if key == test_key(dialect) {
            Some(caller(Merchant::Own, false, KeyName::First))
        } else if key == live_key(dialect) {
            Some(caller(Merchant::Own, true, KeyName::First))
        } else if key == foreign_key(dialect) {
            Some(caller(Merchant::Foreign, false, KeyName::First))
        } else {
            let n = rotation(dialect, key)?;
            Some(caller(Merchant::Own, false, KeyName::Rotated(n)))
        }
    }

    pub(crate) fn dialect(self) -> Dialect {
        self.account.dialect
    }
}

fn rotation(dialect: Dialect, key: &str) -> Option<u8> {
    let n = key
        .strip_prefix(test_prefix(dialect))?
        .strip_prefix(ROTATED)?
        .strip_suffix(SUFFIX)?
        .parse()
        .ok()?;
    // "007" and "+7" are no spellings of 7.
    (key == rotated_key(dialect, n)).then_some(n)
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
    Caller::of_key(key)
        .filter(|caller| accept_live || !caller.account.livemode)
        .ok_or_else(|| ApiError::invalid_api_key("The API key is not valid."))
}
