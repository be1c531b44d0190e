//! The card as the server keeps it, and what its number makes happen.

use std::fmt;

use super::decline::Decline;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Brand {
    Visa,
    Mastercard,
    Amex,
    Discover,
    Unknown,
}

impl Brand {
    pub(crate) fn of(number: &str) -> Self {
        let prefix = |digits: usize| {
            number
                .get(..digits)
                .and_then(|text| text.parse::<u32>().ok())
                .unwrap_or(0)
        };
        match (prefix(1), prefix(2), prefix(4)) {
            (4, _, _) => Self::Visa,
            (_, 34 | 37, _) => Self::Amex,
            (_, 51..=55, _) | (_, _, 2221..=2720) => Self::Mastercard,
            (_, 65, _) | (_, _, 6011) => Self::Discover,
            _ => Self::Unknown,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Visa => "visa",
            Self::Mastercard => "mastercard",
            Self::Amex => "amex",
            Self::Discover => "discover",
            Self::Unknown => "unknown",
        }
    }

    pub(crate) fn cvc_length(self) -> usize {
        if self == Self::Amex { 4 } else { 3 }
    }
}

/// What the documented test numbers do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Behaviour {
    Succeeds,
    Challenges,
    Declines(Decline),
}

/// A card without the secrets: the number is read for what it makes happen, and dropped.
#[derive(Clone)]
pub(crate) struct CardEntry {
    brand: Brand,
    last4: String,
    exp_month: i64,
    exp_year: i64,
    behaviour: Behaviour,
}

impl CardEntry {
    /// `number` holds digits only; the caller has checked that.
    pub(crate) fn new(number: &str, exp_month: i64, exp_year: i64) -> Self {
        let behaviour = match number {
            _ if !passes_luhn(number) => Behaviour::Declines(Decline::InvalidNumber),
            "4000000000000002" => Behaviour::Declines(Decline::DoNotHonor),
            "4000000000009995" => Behaviour::Declines(Decline::InsufficientFunds),
            "4000000000000069" => Behaviour::Declines(Decline::ExpiredCard),
            "4635440000002223" => Behaviour::Challenges,
            _ => Behaviour::Succeeds,
        };
        let last4 = number
            .len()
            .checked_sub(4)
            .and_then(|start| number.get(start..))
            .unwrap_or(number);
        Self {
            brand: Brand::of(number),
            last4: last4.to_owned(),
            exp_month,
            exp_year,
            behaviour,
        }
    }

    pub(crate) fn brand(&self) -> Brand {
        self.brand
    }

    pub(crate) fn last4(&self) -> &str {
        &self.last4
    }

    pub(crate) fn exp_month(&self) -> i64 {
        self.exp_month
    }

    pub(crate) fn exp_year(&self) -> i64 {
        self.exp_year
    }

    /// The issuer's country: the same for every sandbox card.
    pub(crate) fn country(&self) -> &'static str {
        "DE"
    }

    pub(crate) fn needs_challenge(&self) -> bool {
        self.behaviour == Behaviour::Challenges
    }

    /// A number that cannot exist never reaches the downstream systems.
    pub(crate) fn fails_at_once(&self) -> bool {
        self.behaviour == Behaviour::Declines(Decline::InvalidNumber)
    }

    /// The decline that processing ends with, if any.
    pub(crate) fn decline(&self, now: i64) -> Option<Decline> {
        if let Behaviour::Declines(decline) = self.behaviour {
            return Some(decline);
        }
        let (year, month) = year_and_month(now);
        ((self.exp_year, self.exp_month) < (year, month)).then_some(Decline::ExpiredCard)
    }
}

impl fmt::Debug for CardEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CardEntry")
            .field("brand", &self.brand)
            .field("last4", &self.last4)
            .finish_non_exhaustive()
    }
}

/// The Luhn check digit, the customary test of a card number.
fn passes_luhn(number: &str) -> bool {
    let mut sum = 0;
    for (position, character) in number.chars().rev().enumerate() {
        let Some(digit) = character.to_digit(10) else {
            return false;
        };
        sum += match (position % 2, digit) {
            (0, digit) => digit,
            (_, digit) if digit > 4 => digit * 2 - 9,
            (_, digit) => digit * 2,
        };
    }
    number.len() >= 12 && sum % 10 == 0
}

/// Calendar year and month of a Unix time, UTC (Howard Hinnant's civil-from-days).
fn year_and_month(unix_seconds: i64) -> (i64, i64) {
    let days = unix_seconds.div_euclid(86_400) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    (year_of_era + era * 400 + i64::from(month <= 2), month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_follow_the_calendar() {
        assert_eq!(year_and_month(0), (1970, 1));
        assert_eq!(year_and_month(1_709_251_199), (2024, 2)); // 29 February, last second
        assert_eq!(year_and_month(1_709_251_200), (2024, 3));
        assert_eq!(year_and_month(1_719_792_000), (2024, 7));
        assert_eq!(year_and_month(1_735_689_599), (2024, 12));
        assert_eq!(year_and_month(1_735_689_600), (2025, 1));
    }

    #[test]
    fn a_card_is_good_until_the_end_of_its_month() {
        let card = CardEntry::new("4111111111111111", 7, 2024);
        assert_eq!(card.decline(1_719_792_000), None);
        assert_eq!(card.decline(1_722_470_400), Some(Decline::ExpiredCard)); // 1 August
    }

    #[test]
    fn brands_come_from_the_leading_digits() {
        assert_eq!(Brand::of("4111111111111111"), Brand::Visa);
        assert_eq!(Brand::of("378282246310005"), Brand::Amex);
        assert_eq!(Brand::of("5555555555554444"), Brand::Mastercard);
        assert_eq!(Brand::of("2221000000000009"), Brand::Mastercard);
        assert_eq!(Brand::of("6011111111111117"), Brand::Discover);
        assert_eq!(Brand::of("7"), Brand::Unknown);
    }

    #[test]
    fn debug_keeps_the_number_out() {
        let shown = format!("{:?}", CardEntry::new("4111111111111111", 12, 2027));
        assert!(shown.contains("1111") && !shown.contains("41111"));
    }
}
