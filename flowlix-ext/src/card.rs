//! Card entry: checked before it is sent, wiped when dropped, shown to nobody.

use std::fmt;
use std::time::{Duration, SystemTime};

use flowlix_api::model::{CardInput, PaymentMethodData};
use flowlix_api::{CardCvc, CardNumber};
use serde::{Deserialize, Deserializer, de};

use crate::failure::Violation;

/// The networks whose numbers can be told apart by their first digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CardBrand {
    /// Visa.
    Visa,
    /// Mastercard.
    Mastercard,
    /// American Express.
    Amex,
    /// Discover.
    Discover,
    /// Diners Club.
    Diners,
    /// JCB.
    Jcb,
    /// UnionPay.
    UnionPay,
    /// Maestro.
    Maestro,
}

impl CardBrand {
    /// Tells the brand from the first digits; `None` when they belong to none of these.
    #[must_use]
    pub fn of(number: &str) -> Option<Self> {
        let prefix = |length: usize| {
            number
                .get(..length)
                .and_then(|digits| digits.parse::<u32>().ok())
        };
        let within = |length: usize, low: u32, high: u32| {
            prefix(length).is_some_and(|digits| (low..=high).contains(&digits))
        };
        if within(1, 4, 4) {
            Some(Self::Visa)
        } else if within(2, 51, 55) || within(4, 2221, 2720) {
            Some(Self::Mastercard)
        } else if within(2, 34, 34) || within(2, 37, 37) {
            Some(Self::Amex)
        } else if within(4, 3528, 3589) {
            Some(Self::Jcb)
        } else if within(3, 300, 305) || within(2, 36, 36) || within(2, 38, 39) {
            Some(Self::Diners)
        } else if within(4, 6011, 6011) || within(3, 644, 649) || within(2, 65, 65) {
            Some(Self::Discover)
        } else if within(2, 62, 62) {
            Some(Self::UnionPay)
        } else if within(2, 50, 50)
            || within(2, 56, 58)
            || within(2, 67, 67)
            || within(4, 6304, 6304)
        {
            Some(Self::Maestro)
        } else {
            None
        }
    }
}

/// What the customer typed from the card.
///
/// `Debug` shows the expiry and nothing else; number and code are wiped from memory when dropped. Checking
/// happens when a payment is sent, with all faults reported at once, or at any time through
/// [`check`](Self::check).
///
/// ```
/// use flowlix_ext::CardDetails;
/// use std::time::SystemTime;
///
/// let card = CardDetails::new("4111111111111112", 12, 2020, "31", "Jenny Rosen");
/// let fields: Vec<String> =
///     card.check(SystemTime::now()).into_iter().map(|violation| violation.field).collect();
/// assert_eq!(fields, [
///     "payment_method_data.card.number",
///     "payment_method_data.card.exp_year",
///     "payment_method_data.card.cvc",
/// ]);
/// ```
///
/// It can be read out of a request, and never be written. An entry that is no card at all is refused in words that
/// repeat nothing of it. What the format's reader buffered, such as the request's body, is not wiped.
/// ```
/// use flowlix_ext::CardDetails;
///
/// #[derive(Debug, serde::Deserialize)]
/// struct Checkout {
///     order: String,
///     card: CardDetails,
/// }
///
/// let body = r#"{"order": "1234", "card": {"number": "4111111111111111", "exp_month": 12,
///     "exp_year": 2030, "cvc": "314", "holder_name": "Jenny Rosen"}}"#;
/// let checkout: Checkout = serde_json::from_str(body)?;
/// assert!(!format!("{checkout:?}").contains("4111"));
/// # Ok::<(), serde_json::Error>(())
/// ```
/// ```compile_fail,E0277
/// # let card = flowlix_ext::CardDetails::new("4111111111111111", 12, 2030, "314", "Jenny Rosen");
/// serde_json::to_string(&card);
/// ```
#[derive(Clone)]
pub struct CardDetails {
    number: CardNumber,
    exp_month: i32,
    exp_year: i32,
    cvc: CardCvc,
    holder_name: String,
}

impl CardDetails {
    /// Number (digits only), month 1–12, year with four digits, security code, name as on the card.
    #[must_use]
    pub fn new(
        number: impl Into<String>,
        exp_month: u8,
        exp_year: u16,
        cvc: impl Into<String>,
        holder_name: impl Into<String>,
    ) -> Self {
        Self {
            number: CardNumber::new(number),
            exp_month: exp_month.into(),
            exp_year: exp_year.into(),
            cvc: CardCvc::new(cvc),
            holder_name: holder_name.into(),
        }
    }

    /// The brand, as far as the first digits tell.
    #[must_use]
    pub fn brand(&self) -> Option<CardBrand> {
        CardBrand::of(self.number.expose())
    }

    /// Everything that is wrong with the entry: digits and length of the number, its Luhn check digit, the
    /// expiry against `now`, the length of the security code for the brand, the holder's name. Empty when
    /// all is well. No violation shows what was typed.
    #[must_use]
    pub fn check(&self, now: SystemTime) -> Vec<Violation> {
        [
            self.check_number().map(|problem| ("number", problem)),
            self.check_expiry(now),
            self.check_cvc().map(|problem| ("cvc", problem)),
            self.holder_name
                .trim()
                .is_empty()
                .then_some(("holder_name", "is empty")),
        ]
        .into_iter()
        .flatten()
        .map(|(field, problem)| {
            Violation::new(format!("payment_method_data.card.{field}"), problem)
        })
        .collect()
    }

    fn check_number(&self) -> Option<&'static str> {
        let number = self.number.expose();
        if number.is_empty() {
            Some("is empty")
        } else if !number.bytes().all(|byte| byte.is_ascii_digit()) {
            Some("must be digits only, without spaces or dashes")
        } else if !(12..=19).contains(&number.len()) {
            Some("must have 12 to 19 digits")
        } else if !luhn(number) {
            Some("has a wrong check digit: a digit is mistyped or missing")
        } else {
            None
        }
    }

    fn check_expiry(&self, now: SystemTime) -> Option<(&'static str, &'static str)> {
        if !(1..=12).contains(&self.exp_month) {
            return Some(("exp_month", "must be 1 to 12"));
        }
        if !(1000..=9999).contains(&self.exp_year) {
            return Some(("exp_year", "must have four digits"));
        }
        let (year, month) = earliest_year_and_month(now);
        if self.exp_year < year {
            Some(("exp_year", "is in the past: the card has expired"))
        } else if self.exp_year == year && self.exp_month < month {
            Some(("exp_month", "is in the past: the card has expired"))
        } else {
            None
        }
    }

    /// Three digits, four for American Express; a brand that is not known may have either.
    fn check_cvc(&self) -> Option<&'static str> {
        let cvc = self.cvc.expose();
        if !cvc.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some("must be digits only");
        }
        match (self.brand(), cvc.len()) {
            (Some(CardBrand::Amex), 4) | (None, 3 | 4) => None,
            (Some(CardBrand::Amex), _) => Some("must have 4 digits for American Express"),
            (Some(_), 3) => None,
            (Some(_), _) => Some("must have 3 digits for this brand"),
            (None, _) => Some("must have 3 or 4 digits"),
        }
    }

    /// The last four digits, which Flowlix shows of a card as well.
    pub(crate) fn last4(&self) -> Option<String> {
        let number = self.number.expose();
        let shown = number.get(number.len().checked_sub(4)?..)?;
        Some(shown.to_owned())
    }

    /// What may be stored of the card, in the shape of a whole one: tells cards apart, and pays nothing.
    pub(crate) fn outline(&self) -> PaymentMethodData {
        let hidden = self.number.expose().len().saturating_sub(4);
        let last4 = self.last4().unwrap_or_default();
        PaymentMethodData::new(CardInput::new(
            CardNumber::new(format!("{}{last4}", "0".repeat(hidden))),
            self.exp_month,
            self.exp_year,
            CardCvc::new("0".repeat(self.cvc.expose().len())),
            self.holder_name.clone(),
        ))
    }

    pub(crate) fn into_payment_method(self) -> PaymentMethodData {
        PaymentMethodData::new(CardInput::new(
            self.number,
            self.exp_month,
            self.exp_year,
            self.cvc,
            self.holder_name,
        ))
    }
}

/// Number, code and name as text, month and year as numbers, under the names that Flowlix uses. Whether they make
/// a card is [`check`](CardDetails::check)'s business.
impl<'de> Deserialize<'de> for CardDetails {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Entry {
            number: CardNumber,
            exp_month: i32,
            exp_year: i32,
            cvc: CardCvc,
            holder_name: String,
        }
        // The format's own words quote what they cannot use: a number that stands there without quotes.
        let entry = Entry::deserialize(deserializer).map_err(|_| {
            de::Error::custom(
                "no card: `number`, `cvc` and `holder_name` must be text, \
                 `exp_month` and `exp_year` whole numbers",
            )
        })?;
        Ok(Self {
            number: entry.number,
            exp_month: entry.exp_month,
            exp_year: entry.exp_year,
            cvc: entry.cvc,
            holder_name: entry.holder_name,
        })
    }
}

impl fmt::Debug for CardDetails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CardDetails")
            .field("number", &self.number)
            .field("exp_month", &self.exp_month)
            .field("exp_year", &self.exp_year)
            .field("cvc", &self.cvc)
            .finish_non_exhaustive()
    }
}

fn luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, byte)| {
            let digit = u32::from(byte.wrapping_sub(b'0'));
            match (place % 2, digit * 2) {
                (0, _) => digit,
                (_, doubled) if doubled > 9 => doubled - 9,
                (_, doubled) => doubled,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// A card is valid to the end of its month wherever that month ends last, 12 hours behind UTC.
fn earliest_year_and_month(now: SystemTime) -> (i32, i32) {
    let behind = Duration::from_secs(12 * 60 * 60);
    let since = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .saturating_sub(behind);
    let days = i64::try_from(since.as_secs() / 86_400).unwrap_or(i64::MAX / 1000);
    // Days to civil date in the proleptic Gregorian calendar, counted from 1 March of year 0.
    let days = days + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (
        i32::try_from(year).unwrap_or(i32::MAX),
        i32::try_from(month).unwrap_or(i32::MAX),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn at(date: &str) -> SystemTime {
        httpdate::parse_http_date(date).unwrap()
    }

    fn now() -> SystemTime {
        at("Mon, 01 Jul 2024 12:00:00 GMT")
    }

    fn fields(card: &CardDetails) -> Vec<String> {
        let fields = card.check(now()).into_iter();
        fields
            .map(|violation| {
                violation
                    .field
                    .rsplit('.')
                    .next()
                    .unwrap_or_default()
                    .to_owned()
            })
            .collect()
    }

    fn with_number(number: &str, cvc: &str) -> CardDetails {
        CardDetails::new(number, 12, 2027, cvc, "Jenny Rosen")
    }

    #[test]
    fn the_documented_test_cards_pass() {
        for number in [
            "4111111111111111",
            "4000000000000002",
            "4000000000009995",
            "4000000000000069",
            "4635440000002223",
        ] {
            assert!(
                with_number(number, "314").check(now()).is_empty(),
                "{number}"
            );
        }
    }

    #[test]
    fn numbers_are_checked() {
        for number in [
            "",
            "4111111111111112",
            "4111 1111 1111 1111",
            "4111-1111-1111-1111",
            "41111111111",
            "41111111111111111111",
            // Their check digits are right.
            "00000000000",
            "00000000000000000000",
            "411111111111111a",
            "４１１１１１１１１１１１１１１１",
        ] {
            assert_eq!(fields(&with_number(number, "314")), ["number"], "{number}");
        }
    }

    #[test]
    fn the_security_code_fits_the_brand() {
        for (number, cvc, fits) in [
            ("378282246310005", "1234", true),
            ("378282246310005", "123", false),
            ("4111111111111111", "1234", false),
            ("4111111111111111", "12a", false),
            ("4111111111111111", "", false),
            ("5555555555554444", "123", true),
            ("9000000000000001", "123", true),
            ("9000000000000001", "1234", true),
            ("9000000000000001", "12", false),
        ] {
            let bad = fields(&with_number(number, cvc)).contains(&"cvc".to_owned());
            assert_eq!(!bad, fits, "{number} {cvc}");
        }
    }

    #[test]
    fn brands_are_told_by_their_first_digits() {
        for (number, brand) in [
            ("4111111111111111", Some(CardBrand::Visa)),
            ("5555555555554444", Some(CardBrand::Mastercard)),
            ("2223003122003222", Some(CardBrand::Mastercard)),
            ("378282246310005", Some(CardBrand::Amex)),
            ("6011111111111117", Some(CardBrand::Discover)),
            ("30569309025904", Some(CardBrand::Diners)),
            ("3530111333300000", Some(CardBrand::Jcb)),
            ("6200000000000005", Some(CardBrand::UnionPay)),
            ("6759649826438453", Some(CardBrand::Maestro)),
            ("9000000000000001", None),
            ("", None),
            ("é", None),
        ] {
            assert_eq!(CardBrand::of(number), brand, "{number}");
        }
    }

    #[test]
    fn a_card_is_good_to_the_end_of_its_month_everywhere() {
        let check = |month, year, now: &str| {
            CardDetails::new("4111111111111111", month, year, "314", "J")
                .check(at(now))
                .is_empty()
        };
        assert!(check(6, 2024, "Sun, 30 Jun 2024 23:59:59 GMT"));
        assert!(
            check(6, 2024, "Mon, 01 Jul 2024 11:59:59 GMT"),
            "still June on Baker Island"
        );
        assert!(!check(6, 2024, "Mon, 01 Jul 2024 12:00:00 GMT"));
        assert!(!check(12, 2023, "Mon, 01 Jul 2024 12:00:00 GMT"));
        assert!(check(2, 2024, "Thu, 29 Feb 2024 23:00:00 GMT"));
        assert!(check(12, 2024, "Tue, 31 Dec 2024 23:00:00 GMT"));
        assert!(!check(0, 2027, "Mon, 01 Jul 2024 12:00:00 GMT"));
        assert!(!check(13, 2027, "Mon, 01 Jul 2024 12:00:00 GMT"));
        assert!(!check(12, 27, "Mon, 01 Jul 2024 12:00:00 GMT"));
    }

    #[test]
    fn dates_are_right_at_the_seams_of_the_calendar() {
        for (date, expected) in [
            ("Thu, 01 Jan 1970 12:00:00 GMT", (1970, 1)),
            ("Tue, 29 Feb 2000 12:00:00 GMT", (2000, 2)),
            ("Wed, 01 Mar 2000 12:00:00 GMT", (2000, 3)),
            ("Fri, 31 Dec 2100 12:00:00 GMT", (2100, 12)),
            ("Sat, 01 Jan 2101 12:00:00 GMT", (2101, 1)),
        ] {
            assert_eq!(earliest_year_and_month(at(date)), expected, "{date}");
        }
    }

    #[test]
    fn all_faults_are_named_at_once_and_none_shows_the_entry() {
        let card = CardDetails::new("4111111111111112", 13, 2027, "98", " ");
        assert_eq!(fields(&card), ["number", "exp_month", "cvc", "holder_name"]);
        let shown = format!("{card:?} {card:#?} {:?}", card.check(now()));
        assert!(!shown.contains("4111"), "{shown}");
        assert!(!shown.contains("98"), "{shown}");
    }
}
