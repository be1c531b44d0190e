//! The rules for what is said about the payer.

use std::net::IpAddr;

use flowlix_api::Dialect;
use flowlix_api::model::{Address, BillingDetailsInput};

use crate::failure::Violation;

/// What the documents say of the members in words, which no schema holds: the country's code, the telephone
/// number's form, the address of the customer's machine, and that `snake_case` requires all but `state` and
/// `ip` ("Create a Direct API payment (API reference)"). That a required member is there at all is checked
/// where the dialect is spoken.
pub(super) fn check(dialect: Dialect, details: Option<&BillingDetailsInput>) -> Vec<Violation> {
    let Some(details) = details else {
        return Vec::new();
    };
    let nowhere = Address::default();
    let address = details.address.as_ref().unwrap_or(&nowhere);
    let required = [
        ("email", &details.email),
        ("first_name", &details.first_name),
        ("last_name", &details.last_name),
        ("address.line1", &address.line1),
        ("address.city", &address.city),
        ("address.postal_code", &address.postal_code),
    ];
    let requires = dialect == Dialect::SnakeCase;
    let empty = required
        .into_iter()
        .filter(|(_, text)| requires && broken(text, |text| !text.trim().is_empty()))
        .map(|(field, _)| (field, "is required in the snake_case dialect, and empty"));
    let malformed = [
        broken(&address.country, is_country_code).then_some((
            "address.country",
            "must be an ISO 3166-1 alpha-2 code such as DE",
        )),
        broken(&details.phone, is_international).then_some((
            "phone",
            "must be in international format, such as +491701234567",
        )),
        // The other dialect has no place for it, whatever it says.
        (requires && broken(&details.ip, |text| text.parse::<IpAddr>().is_ok()))
            .then_some(("ip", "must be one IPv4 or IPv6 address, without a port")),
    ];
    empty
        .chain(malformed.into_iter().flatten())
        .map(|(field, problem)| Violation::new(format!("billing_details.{field}"), problem))
        .collect()
}

fn broken(text: &Option<String>, holds: fn(&str) -> bool) -> bool {
    text.as_deref().is_some_and(|text| !holds(text))
}

fn is_country_code(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// The documents' example has digits only. How numbers are grouped they leave open, and so do we.
fn is_international(text: &str) -> bool {
    let number = text.strip_prefix('+').unwrap_or_default();
    let is_digit = |byte: u8| byte.is_ascii_digit();
    number.bytes().any(is_digit)
        && number
            .bytes()
            .all(|byte| is_digit(byte) || b" -.()".contains(&byte))
}
