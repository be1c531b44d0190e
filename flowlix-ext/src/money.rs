//! Amounts of money: minor units and a currency, never a float.

use std::fmt;
use std::str::FromStr;

use flowlix_api::model::Currency;
use serde::{Deserialize, Deserializer, Serialize};

/// An amount in minor units of a currency: EUR 49.99 is 4999 cents.
///
/// Arithmetic is checked and refuses to mix currencies. How many minor units a currency has comes from
/// ISO 4217.
///
/// ```
/// use flowlix_ext::Money;
///
/// let price = Money::eur(49_99);
/// assert_eq!(price.to_string(), "EUR 49.99");
/// assert_eq!("EUR 49.99".parse::<Money>()?, price);
/// assert_eq!(price.checked_sub(&Money::eur(9_99))?, Money::eur(40_00));
/// assert!(price.checked_add(&Money::usd(1)).is_err());
/// # Ok::<(), flowlix_ext::MoneyError>(())
/// ```
///
/// With serde it is stored in minor units, with its currency; a number with a point is refused.
/// ```
/// use flowlix_ext::Money;
///
/// let stored = serde_json::to_string(&Money::eur(49_99))?;
/// assert_eq!(stored, r#"{"minor_units":4999,"currency":"EUR"}"#);
/// assert_eq!(serde_json::from_str::<Money>(&stored)?, Money::eur(49_99));
/// assert!(serde_json::from_str::<Money>(r#"{"minor_units":49.99,"currency":"EUR"}"#).is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Money {
    minor_units: i64,
    currency: Currency,
}

impl Money {
    /// An amount of any currency, in its minor units. The code of a currency that Flowlix does not document
    /// is taken in capitals, as ISO 4217 writes it, whichever dialect named it.
    #[must_use]
    pub fn new(minor_units: i64, currency: Currency) -> Self {
        let currency = if currency.is_unknown() {
            Currency::from(currency.as_str().to_ascii_uppercase().as_str())
        } else {
            currency
        };
        Self {
            minor_units,
            currency,
        }
    }

    /// Euro cents: `Money::eur(49_99)` is EUR 49.99.
    #[must_use]
    pub fn eur(cents: i64) -> Self {
        Self::new(cents, Currency::Eur)
    }

    /// US dollar cents (keys of the `snake_case` dialect only).
    #[must_use]
    pub fn usd(cents: i64) -> Self {
        Self::new(cents, Currency::Usd)
    }

    /// Pence sterling (keys of the `snake_case` dialect only).
    #[must_use]
    pub fn gbp(pence: i64) -> Self {
        Self::new(pence, Currency::Gbp)
    }

    /// The amount in minor units.
    #[must_use]
    pub fn minor_units(&self) -> i64 {
        self.minor_units
    }

    /// The currency.
    #[must_use]
    pub fn currency(&self) -> &Currency {
        &self.currency
    }

    /// The sum.
    ///
    /// # Errors
    /// When the currencies differ, or the sum is beyond `i64`.
    pub fn checked_add(&self, other: &Self) -> Result<Self, MoneyError> {
        self.combine(other, i64::checked_add)
    }

    /// The difference; it may be negative.
    ///
    /// # Errors
    /// When the currencies differ, or the difference is beyond `i64`.
    pub fn checked_sub(&self, other: &Self) -> Result<Self, MoneyError> {
        self.combine(other, i64::checked_sub)
    }

    /// The amount times a count.
    ///
    /// # Errors
    /// When the product is beyond `i64`.
    pub fn checked_mul(&self, count: i64) -> Result<Self, MoneyError> {
        let minor_units = self
            .minor_units
            .checked_mul(count)
            .ok_or(MoneyError::Overflow)?;
        Ok(Self::new(minor_units, self.currency.clone()))
    }

    fn combine(&self, other: &Self, with: fn(i64, i64) -> Option<i64>) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::CurrenciesDiffer);
        }
        let minor_units = with(self.minor_units, other.minor_units).ok_or(MoneyError::Overflow)?;
        Ok(Self::new(minor_units, self.currency.clone()))
    }
}

/// Digits after the point, or `None` for what ISO 4217 does not list or gives no minor unit.
fn exponent(code: &str) -> Option<usize> {
    iso_currency::Currency::from_code(code)?
        .exponent()
        .map(usize::from)
}

/// `EUR 49.99`. A currency without ISO 4217 minor units shows the bare number of minor units, marked so.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.currency.as_str();
        let Some(exponent) = exponent(code) else {
            return write!(f, "{code} {} minor units", self.minor_units);
        };
        let sign = if self.minor_units < 0 { "-" } else { "" };
        let digits = format!(
            "{:0>width$}",
            self.minor_units.unsigned_abs(),
            width = exponent + 1
        );
        let (whole, fraction) = digits.split_at(digits.len() - exponent);
        let point = if fraction.is_empty() { "" } else { "." };
        write!(f, "{code} {sign}{whole}{point}{fraction}")
    }
}

/// Reads what `Display` writes: code, space, amount with exactly the currency's digits after the point, or
/// none at all (`EUR 49`).
impl FromStr for Money {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let (name, amount) = text.trim().split_once(' ').ok_or(MoneyError::Malformed)?;
        if name.len() != 3 || !name.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Err(MoneyError::Malformed);
        }
        let exponent = exponent(name).ok_or(MoneyError::UnknownCurrency)?;
        let (sign, amount) = match amount.strip_prefix('-') {
            Some(rest) => ("-", rest),
            None => ("", amount),
        };
        let (whole, fraction) = match amount.split_once('.') {
            Some((whole, fraction)) if exponent > 0 && fraction.len() == exponent => {
                (whole, fraction.to_owned())
            }
            Some(_) => return Err(MoneyError::Malformed),
            None => (amount, "0".repeat(exponent)),
        };
        let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(&fraction) {
            return Err(MoneyError::Malformed);
        }
        let minor_units = format!("{sign}{whole}{fraction}")
            .parse()
            .map_err(|_| MoneyError::Overflow)?;
        Ok(Self::new(minor_units, Currency::from(name)))
    }
}

/// Strict, so that no other form is taken for this one: both members, no other, and a whole number.
impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename = "Money", deny_unknown_fields)]
        struct Stored {
            minor_units: i64,
            currency: Currency,
        }
        let stored = Stored::deserialize(deserializer)?;
        Ok(Self::new(stored.minor_units, stored.currency))
    }
}

/// Why an amount could not be computed or read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MoneyError {
    /// Two different currencies have no sum.
    CurrenciesDiffer,
    /// The result does not fit into 64 bits.
    Overflow,
    /// Not of the form `EUR 49.99`.
    Malformed,
    /// ISO 4217 has no minor units for the code.
    UnknownCurrency,
}

impl fmt::Display for MoneyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CurrenciesDiffer => "amounts of different currencies cannot be combined",
            Self::Overflow => "the amount is beyond 64 bits of minor units",
            Self::Malformed => {
                "the amount is not of the form `EUR 49.99` with the currency's digits after the point"
            }
            Self::UnknownCurrency => "ISO 4217 lists no minor units for the currency code",
        })
    }
}

impl std::error::Error for MoneyError {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn text_and_amount_are_each_others_mirror() {
        for (text, minor_units) in [
            ("EUR 49.99", 49_99),
            ("EUR 0.01", 1),
            ("EUR 0.00", 0),
            ("EUR -0.05", -5),
            ("EUR -12.30", -12_30),
            ("JPY 500", 500),
            ("KWD 1.234", 1234),
            ("EUR 92233720368547758.07", i64::MAX),
            ("EUR -92233720368547758.08", i64::MIN),
        ] {
            let money: Money = text.parse().unwrap();
            assert_eq!(money.minor_units(), minor_units, "{text}");
            assert_eq!(money.to_string(), text);
        }
        assert_eq!("EUR 49".parse::<Money>().unwrap(), Money::eur(49_00));
    }

    #[test]
    fn other_texts_are_no_amounts() {
        for (text, reason) in [
            ("", MoneyError::Malformed),
            ("49.99", MoneyError::Malformed),
            ("eur 49.99", MoneyError::Malformed),
            ("EUR 49.9", MoneyError::Malformed),
            ("EUR 49.999", MoneyError::Malformed),
            ("EUR 49,99", MoneyError::Malformed),
            ("EUR .99", MoneyError::Malformed),
            ("EUR --1", MoneyError::Malformed),
            ("EUR +1", MoneyError::Malformed),
            ("EUR 1e3", MoneyError::Malformed),
            ("EUR 1.", MoneyError::Malformed),
            ("EUR -", MoneyError::Malformed),
            ("EUR 1.-5", MoneyError::Malformed),
            ("EUR 1.5.5", MoneyError::Malformed),
            ("EUR 1 000.00", MoneyError::Malformed),
            ("EUR  49.99", MoneyError::Malformed),
            ("EUR\u{a0}49.99", MoneyError::Malformed),
            ("EUR\t49.99", MoneyError::Malformed),
            ("EUR49.99", MoneyError::Malformed),
            ("49.99 EUR", MoneyError::Malformed),
            ("EUR ٤٩.٩٩", MoneyError::Malformed),
            ("KWD 1.٩9", MoneyError::Malformed),
            ("EUR 0x10", MoneyError::Malformed),
            ("JPY 100.00", MoneyError::Malformed),
            ("EURO 1.00", MoneyError::Malformed),
            ("JPY 5.", MoneyError::Malformed),
            ("ZZZ 1.00", MoneyError::UnknownCurrency),
            ("XAU 1", MoneyError::UnknownCurrency),
            ("EUR 92233720368547758.08", MoneyError::Overflow),
        ] {
            assert_eq!(text.parse::<Money>().unwrap_err(), reason, "{text}");
        }
    }

    #[test]
    fn a_currency_nobody_knows_is_shown_without_guessing_its_digits() {
        let money = Money::new(4999, Currency::from("zzz"));
        assert_eq!(money.to_string(), "ZZZ 4999 minor units");
    }

    #[test]
    fn a_currency_is_the_same_in_either_dialects_spelling() {
        for (lower, upper) in [("chf", "CHF"), ("eur", "EUR"), ("zzz", "ZZZ")] {
            let (snake_case, uppercase) = (Currency::from(lower), Currency::from(upper));
            let (one, two) = (Money::new(1, snake_case), Money::new(2, uppercase));
            assert_eq!(one.currency(), two.currency());
            assert_eq!(one.checked_add(&two).unwrap().minor_units(), 3);
        }
        let franc: Money = "CHF 0.05".parse().unwrap();
        assert_eq!(franc, Money::new(5, Currency::from("chf")));
    }

    #[test]
    fn exponents_are_those_of_iso_4217() {
        for (text, minor_units) in [
            ("ISK 7", 7),
            ("HUF 7.00", 700),
            ("TND 7.000", 7000),
            ("CLF 7.0000", 70_000),
            ("GBP 7.00", 700),
            ("USD 7.00", 700),
        ] {
            let money: Money = text.parse().unwrap();
            assert_eq!(money.minor_units(), minor_units, "{text}");
            assert_eq!(money.to_string(), text);
        }
    }

    #[test]
    fn arithmetic_is_checked() {
        assert_eq!(
            Money::eur(1).checked_sub(&Money::eur(3)).unwrap(),
            Money::eur(-2)
        );
        assert_eq!(
            Money::eur(i64::MAX).checked_add(&Money::eur(1)),
            Err(MoneyError::Overflow)
        );
        assert_eq!(
            Money::eur(i64::MIN).checked_sub(&Money::eur(1)),
            Err(MoneyError::Overflow)
        );
        assert_eq!(Money::gbp(5).checked_mul(3).unwrap(), Money::gbp(15));
        assert_eq!(
            Money::gbp(i64::MAX).checked_mul(2),
            Err(MoneyError::Overflow)
        );
        assert_eq!(
            Money::eur(1).checked_add(&Money::gbp(1)),
            Err(MoneyError::CurrenciesDiffer)
        );
    }
}
