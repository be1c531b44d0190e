//! What the browser says when a customer comes back from the hosted page: a hint.

use std::fmt;

use flowlix_api::model::{PaymentId, PaymentStatus};
use reqwest::Url;

use super::Wait;
use crate::client::Flowlix;

/// Longest values that are taken for an id and for a status.
const LONGEST_ID: usize = 255;
const LONGEST_STATUS: usize = 64;

/// The query with which a customer comes back from the hosted page ("Create an HPP payment (API
/// reference)": Flowlix appends `payment_id` and `status`).
///
/// It comes through the customer's browser, so anybody can have written it: it says where to look, never
/// what happened. Ask Flowlix with [`confirm`](Self::confirm), and make sure with
/// [`is_for`](Self::is_for) that it names the payment of *this* order: a customer could name another one
/// that was paid.
///
/// ```
/// # use flowlix_ext::{Flowlix, Money, Settled};
/// # use flowlix_ext::payments::HostedReturn;
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = flowlix_sandbox::Sandbox::start().await?;
/// # let flowlix = Flowlix::builder(sandbox.key(flowlix_sandbox::Dialect::SnakeCase))
/// #     .base_url(sandbox.base_url()).runtime(flowlix_ext::testing::ManualTime::automatic()).build()?;
/// let created = flowlix.payments().create_hosted(Money::eur(25_00), "https://shop.example.com/done").await?;
/// # sandbox.complete_hosted(created.id.as_str(), "4111111111111111")?;
/// # let address = sandbox.return_address(created.id.as_str())?.unwrap_or_default();
/// // Later, in the handler of https://shop.example.com/done?payment_id=pay_…&status=pending:
/// let returned = HostedReturn::parse(&address)?;
/// assert!(returned.is_for(&created.id));
/// match returned.confirm(&flowlix).await? {
///     Settled::Succeeded(payment) => println!("charged: {}", payment.id),
///     other => println!("{}", other.payment().status),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a hint has to be confirmed"]
pub struct HostedReturn {
    payment_id: PaymentId,
    hint: Option<StatusHint>,
}

impl HostedReturn {
    /// Reads the query, with or without the `?`, or a whole address. Other parameters are skipped, a status
    /// may be missing or one that this SDK does not know; text that is no word is no status. Both dialects are
    /// read alike.
    ///
    /// # Errors
    /// When no payment is named, when it is named in a way that no id is written, or when a parameter is
    /// there twice: which one is meant, nobody can tell.
    pub fn parse(query_or_url: &str) -> Result<Self, InvalidReturn> {
        let address = query_or_url
            .split_once('#')
            .map_or(query_or_url, |(address, _)| address);
        // A `?` separates as well: the query may have been appended to an address that had one.
        let parameters = address.replace('?', "&");
        let mut query = Url::parse("http://localhost").map_err(|_| InvalidReturn::PaymentId)?;
        query.set_query(Some(&parameters));

        let (mut payment_id, mut status) = (None, None);
        for (name, value) in query.query_pairs() {
            let place = match &*name {
                "payment_id" => &mut payment_id,
                "status" => &mut status,
                _ => continue,
            };
            if place.replace(value.into_owned()).is_some() {
                return Err(InvalidReturn::Twice);
            }
        }
        let payment_id = payment_id.filter(|id| !id.is_empty());
        let status = status.filter(|status| is_word(status));
        Ok(Self {
            payment_id: read_id(payment_id.ok_or(InvalidReturn::NoPayment)?)?,
            hint: status.map(|text| StatusHint(PaymentStatus::from(text.as_str()))),
        })
    }

    /// The payment that the query names. Compare it with the one that you created for the order.
    #[must_use]
    pub fn payment_id(&self) -> &PaymentId {
        &self.payment_id
    }

    /// Whether the query names the payment that you created for the order.
    #[must_use]
    pub fn is_for(&self, created: &PaymentId) -> bool {
        self.payment_id == *created
    }

    /// The status that the query names, for a first word to the customer.
    #[must_use]
    pub fn status_hint(&self) -> Option<&StatusHint> {
        self.hint.as_ref()
    }

    /// Asks Flowlix what became of the payment: a [`Wait`] that looks at once, for a customer who is back.
    pub fn confirm(&self, flowlix: &Flowlix) -> Wait {
        flowlix
            .payments()
            .wait(&self.payment_id)
            .customer_returned()
    }
}

/// Only what stands in an address unescaped (RFC 3986, unreserved): the text comes from outside, and will be
/// a segment of a path.
fn read_id(text: String) -> Result<PaymentId, InvalidReturn> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if text.len() > LONGEST_ID || !text.bytes().all(plain) {
        return Err(InvalidReturn::PaymentId);
    }
    PaymentId::received(text).map_err(|_| InvalidReturn::PaymentId)
}

/// A status is a word; what else stands there must reach neither a page nor a log.
fn is_word(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=LONGEST_STATUS).contains(&text.len()) && text.bytes().all(plain)
}

/// A status that nobody has confirmed. It cannot be compared with a payment's status on purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusHint(PaymentStatus);

impl StatusHint {
    /// The status as the browser told it: good for choosing a page to show, for nothing else.
    #[must_use]
    pub fn unconfirmed(&self) -> &PaymentStatus {
        &self.0
    }
}

/// Why a return query cannot be used. Holds nothing of the query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidReturn {
    /// There is no `payment_id`.
    NoPayment,
    /// The `payment_id` cannot be the id of a payment.
    PaymentId,
    /// `payment_id` or `status` is there more than once.
    Twice,
}

impl fmt::Display for InvalidReturn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problem = match self {
            Self::NoPayment => "names no payment_id",
            Self::PaymentId => "names a payment_id that cannot be one",
            Self::Twice => "names payment_id or status more than once",
        };
        write!(
            f,
            "the return query {problem}; ask Flowlix for the payment that you created instead"
        )
    }
}

impl std::error::Error for InvalidReturn {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(text: &str) -> Result<(String, Option<String>), InvalidReturn> {
        let returned = HostedReturn::parse(text)?;
        let hint = returned.status_hint().map(|hint| hint.unconfirmed());
        Ok((
            returned.payment_id().to_string(),
            hint.map(|hint| hint.to_string()),
        ))
    }

    #[test]
    fn queries_and_addresses_are_read() {
        let known = Ok(("pay_abc123".to_owned(), Some("SUCCEEDED".to_owned())));
        for text in [
            "payment_id=pay_abc123&status=succeeded",
            "?payment_id=pay_abc123&status=succeeded",
            "status=SUCCEEDED&payment_id=pay_abc123",
            "https://shop.example.com/done?payment_id=pay_abc123&status=succeeded",
            "https://shop.example.com/done?order=7&payment_id=pay_abc123&utm=a%26b&status=succeeded#top",
            "https://shop.example.com/done?order=7?payment_id=pay_abc123&status=succeeded",
            "/done?payment_id=pay_abc123&&status=succeeded&flag",
            "payment_id=pay%5Fabc123&status=%73ucceeded",
        ] {
            assert_eq!(read(text), known, "{text}");
        }
    }

    #[test]
    fn a_status_may_be_missing_or_new() {
        for (query, status) in [
            ("payment_id=pay_abc123", None),
            ("payment_id=pay_abc123&status=", None),
            ("payment_id=pay_abc123&status", None),
            ("payment_id=pay_abc123&status=settling", Some("settling")),
            ("payment_id=01h9z8xm2c7q4r8s9t0v1w2x3y&status=%FF", None),
            ("payment_id=pay_abc123&status=%3Cscript%3E", None),
            ("payment_id=pay_abc123&status=a%0Ab", None),
        ] {
            let (_, hint) = read(query).unwrap();
            assert_eq!(hint.as_deref(), status, "{query}");
        }
        let long = format!("payment_id=pay_abc123&status={}", "x".repeat(65));
        assert_eq!(read(&long).unwrap().1, None);
    }

    #[test]
    fn what_cannot_be_told_is_refused() {
        for (query, problem) in [
            ("", InvalidReturn::NoPayment),
            ("status=succeeded", InvalidReturn::NoPayment),
            ("payment_id=", InvalidReturn::NoPayment),
            (
                "https://shop.example.com/payment_id=pay_abc123",
                InvalidReturn::NoPayment,
            ),
            (
                "#payment_id=pay_abc123&status=succeeded",
                InvalidReturn::NoPayment,
            ),
            ("payment_id=pay_a&payment_id=pay_b", InvalidReturn::Twice),
            ("payment_id=pay_a&payment_id=pay_a", InvalidReturn::Twice),
            (
                "payment_id=pay_a&status=failed&status=succeeded",
                InvalidReturn::Twice,
            ),
            ("payment_id=..", InvalidReturn::PaymentId),
            ("payment_id=a%2Fb", InvalidReturn::PaymentId),
            ("payment_id=a+b", InvalidReturn::PaymentId),
            ("payment_id=pay_%00", InvalidReturn::PaymentId),
            ("payment_id=pay_%FF", InvalidReturn::PaymentId),
        ] {
            assert_eq!(read(query), Err(problem), "{query}");
        }
        let long = format!("payment_id={}", "x".repeat(256));
        assert_eq!(read(&long), Err(InvalidReturn::PaymentId));
        let flood = "payment_id=pay_a&".repeat(100_000);
        assert_eq!(read(&flood), Err(InvalidReturn::Twice));
        let padded = format!("{}payment_id=pay_a", "x=y&".repeat(100_000));
        assert_eq!(read(&padded).unwrap().0, "pay_a");
        assert!(InvalidReturn::Twice.to_string().contains("more than once"));
    }
}
