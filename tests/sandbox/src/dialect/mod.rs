//! The two spellings in which Flowlix speaks: what a key decides, how requests are read and how
//! answers are written. The payment itself ([`crate::payment`]) knows neither.

pub(crate) mod members;
pub(crate) mod snake_case;
pub(crate) mod uppercase;

use serde_json::{Map, Value};

use crate::api::error::ApiError;
use crate::api::list::{ListQuery, Page};
use crate::payment::{CardEntry, Currency, Kind, Payment, Refund, Status};

/// Which of Flowlix's two spellings a key selects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dialect {
    /// Keys that start with `fl_`: `requires_action`, `eur`.
    SnakeCase,
    /// Keys that start with `api_`: `REQUIRES_ACTION`, `EUR`.
    Uppercase,
}

impl Dialect {
    /// The dialect that a key's prefix names, known to this server or not.
    pub(crate) fn of_key(key: &str) -> Option<Self> {
        if key.starts_with("fl_") {
            Some(Self::SnakeCase)
        } else if key.starts_with("api_") {
            Some(Self::Uppercase)
        } else {
            None
        }
    }

    pub(crate) fn request_id_header(self) -> &'static str {
        match self {
            Self::SnakeCase => "Flowlix-Request-Id",
            Self::Uppercase => "Request-Id",
        }
    }

    /// The currencies that the dialect documents.
    pub(crate) fn currency(self, spelled: &str) -> Option<Currency> {
        match (self, spelled) {
            (Self::SnakeCase, "eur") | (Self::Uppercase, "EUR") => Some(Currency::Eur),
            (Self::SnakeCase, "usd") => Some(Currency::Usd),
            (Self::SnakeCase, "gbp") => Some(Currency::Gbp),
            _ => None,
        }
    }

    pub(crate) fn spell_currency(self, currency: Currency) -> String {
        self.spell(currency.code())
    }

    /// Enum values are kept in lower case and spelled on the way out.
    pub(crate) fn spell(self, value: &str) -> String {
        match self {
            Self::SnakeCase => value.to_owned(),
            Self::Uppercase => value.to_ascii_uppercase(),
        }
    }

    /// Reads a status as the dialect documents it.
    pub(crate) fn status(self, spelled: &str) -> Option<Status> {
        let known = match self {
            Self::SnakeCase => snake_case::STATUSES,
            Self::Uppercase => uppercase::STATUSES,
        };
        known
            .iter()
            .copied()
            .find(|status| self.spell(status.name()) == spelled)
    }

    /// Whether `id` has the shape that the dialect documents for payment ids.
    pub(crate) fn is_payment_id(self, id: &str) -> bool {
        let Some(rest) = id.strip_prefix("pay_") else {
            return false;
        };
        match self {
            Self::SnakeCase => {
                let groups: Vec<&str> = rest.split('-').collect();
                groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
                    && groups
                        .iter()
                        .all(|group| group.chars().all(|c| c.is_ascii_hexdigit()))
            }
            Self::Uppercase => rest.len() == 24 && rest.chars().all(|c| c.is_ascii_alphanumeric()),
        }
    }

    pub(crate) fn read_direct(self, body: &Value, strict: bool) -> Result<NewPayment, ApiError> {
        match self {
            Self::SnakeCase => snake_case::read_direct(body, strict),
            Self::Uppercase => uppercase::read_direct(body, strict),
        }
    }

    pub(crate) fn read_hosted(self, body: &Value, strict: bool) -> Result<NewPayment, ApiError> {
        match self {
            Self::SnakeCase => snake_case::read_hosted(body, strict),
            Self::Uppercase => uppercase::read_hosted(body, strict),
        }
    }

    pub(crate) fn read_list(self, query: &str, strict: bool) -> Result<ListQuery, ApiError> {
        match self {
            Self::SnakeCase => snake_case::read_list(query, strict),
            Self::Uppercase => uppercase::read_list(query, strict),
        }
    }

    pub(crate) fn payment(self, payment: &Payment, urls: &Urls) -> Value {
        match self {
            Self::SnakeCase => snake_case::payment(payment, urls),
            Self::Uppercase => uppercase::payment(payment, urls),
        }
    }

    pub(crate) fn page(self, page: &Page<'_>, urls: &Urls) -> Value {
        match self {
            Self::SnakeCase => snake_case::page(page, urls),
            Self::Uppercase => uppercase::page(page, urls),
        }
    }

    /// What a refund request is answered with: the whole payment here, the refund there.
    pub(crate) fn refund_answer(self, payment: &Payment, refund: &Refund, urls: &Urls) -> Value {
        match self {
            Self::SnakeCase => snake_case::payment(payment, urls),
            Self::Uppercase => uppercase::refund(payment, refund),
        }
    }
}

/// A payment as asked for, read from either dialect.
#[derive(Debug)]
pub(crate) struct NewPayment {
    pub(crate) kind: Kind,
    pub(crate) amount: i64,
    pub(crate) currency: Currency,
    pub(crate) card: Option<CardEntry>,
    /// The payer as the dialect shows it again in its answers.
    pub(crate) payer: Value,
    /// Where the customer comes back to.
    pub(crate) return_url: Option<String>,
    pub(crate) merchant_reference: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) metadata: Map<String, Value>,
}

/// A refund as asked for, read from either dialect.
#[derive(Debug)]
pub(crate) struct NewRefund {
    /// Absent means the remaining amount (snake_case only).
    pub(crate) amount: Option<i64>,
    pub(crate) reason: Option<String>,
    pub(crate) metadata: Map<String, Value>,
}

/// Where the sandbox's own pages are.
#[derive(Clone, Debug)]
pub(crate) struct Urls {
    base: String,
}

impl Urls {
    pub(crate) fn new(base: String) -> Self {
        Self { base }
    }

    pub(crate) fn challenge(&self, payment_id: &str) -> String {
        format!("{}/sandbox/3ds/{payment_id}", self.base)
    }

    pub(crate) fn hosted_page(&self, payment_id: &str) -> String {
        format!("{}/sandbox/hpp/{payment_id}", self.base)
    }
}
