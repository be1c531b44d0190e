//! Words of another machine, made fit to be shown.

/// How much of such words stands in a line of ours.
const LINE_CHARACTERS: usize = 200;

/// How much of such words is kept at all.
const KEPT_CHARACTERS: usize = 4096;

/// Fewer digits are no card number.
const FEWEST_DIGITS: usize = 12;

pub(crate) const DIGITS_MASKED: &str = "[digits masked]";
pub(crate) const KEY_MASKED: &str = "[key masked]";

/// A name given by another machine, on one line of ours.
pub(crate) fn one_line(text: &str) -> String {
    text.chars()
        .map(|letter| if breaks_lines(letter) { ' ' } else { letter })
        .collect()
}

/// Control characters, and what else begins a new line or turns the reading direction.
fn breaks_lines(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Prose of another machine on one line of ours: short, and [`masked`].
pub(crate) fn printable(text: &str) -> String {
    // Masked before it is cut: half a card number is too much as well.
    let masked = masked(text);
    one_line(&masked).chars().take(LINE_CHARACTERS).collect()
}

/// Prose of another machine with anything that could be a card number, an API key or a webhook secret masked,
/// since servers do echo what they were sent. What is very long is cut.
pub(crate) fn masked(text: &str) -> String {
    mask_digits(&mask_keys(&bounded(text)))
}

/// The beginning of a text, not ending within a number.
fn bounded(text: &str) -> String {
    let mut letters = text.chars();
    let mut kept: String = letters.by_ref().take(KEPT_CHARACTERS).collect();
    if letters.next().is_some() {
        let whole = kept.trim_end_matches(|letter: char| letter.is_numeric() || parts(letter));
        kept.truncate(whole.len());
    }
    kept
}

/// The text with anything that could be an API key or a webhook secret masked.
pub(crate) fn mask_keys(text: &str) -> String {
    let ends = |letter: char| !letter.is_alphanumeric() && letter != '_';
    let mut shown = String::new();
    for word in text.split_inclusive(ends) {
        if word.contains("_sk_") || word.contains("whsec_") {
            shown.push_str(KEY_MASKED);
            shown.extend(word.chars().last().filter(|letter| ends(*letter)));
        } else {
            shown.push_str(word);
        }
    }
    shown
}

/// What may stand between the digits of a number that is written in groups.
fn parts(letter: char) -> bool {
    letter.is_whitespace() || matches!(letter, '-' | '\u{2010}'..='\u{2015}')
}

fn mask_digits(text: &str) -> String {
    let mut shown = String::new();
    let mut number = String::new();
    for letter in text.chars() {
        // Digits of other scripts too: they are read as digits.
        if letter.is_numeric() || (parts(letter) && !number.is_empty()) {
            number.push(letter);
            continue;
        }
        flush(&mut shown, &mut number);
        shown.push(letter);
    }
    flush(&mut shown, &mut number);
    shown
}

fn flush(shown: &mut String, number: &mut String) {
    let count = number.chars().filter(|letter| letter.is_numeric()).count();
    if count < FEWEST_DIGITS {
        shown.push_str(number);
    } else {
        shown.push_str(DIGITS_MASKED);
        // What follows the last digit belongs to the sentence.
        let digits = number.trim_end_matches(parts).len();
        shown.push_str(number.get(digits..).unwrap_or_default());
    }
    number.clear();
}

/// A moment for people, as HTTP writes it; of what lies outside the years that HTTP can write, the second.
pub(crate) fn date(moment: std::time::SystemTime) -> String {
    const YEAR_10000: i64 = 253_402_300_800;
    match crate::runtime::millis(moment).div_euclid(1000) {
        0..YEAR_10000 => httpdate::fmt_http_date(moment),
        second => format!("Unix second {second}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_others_are_tamed() {
        assert_eq!(
            printable("No such payment: pay_abc123."),
            "No such payment: pay_abc123."
        );
        assert_eq!(printable("a\r\nb\u{1b}[31m"), "a  b [31m");
        assert_eq!(
            printable("card 4111111111111111 refused"),
            "card [digits masked] refused"
        );
        assert_eq!(
            printable("card 4111 1111-1111 1111"),
            "card [digits masked]"
        );
        assert_eq!(
            printable("no such key: fl_test_sk_abc123, nor whsec_abc"),
            "no such key: [key masked], nor [key masked]"
        );
        assert_eq!(
            printable("2026-08-07 and 12 more"),
            "2026-08-07 and 12 more"
        );
        assert_eq!(
            printable(
                "card 4111\u{a0}1111\u{2013}1111\u{2009}1111, ４１１１１１１１１１１１１１１１."
            ),
            "card [digits masked], [digits masked]."
        );
        assert_eq!(printable("a\u{2028}b\u{202e}c"), "a b c");
    }

    #[test]
    fn a_cut_does_not_show_half_a_number() {
        assert_eq!(printable(&"x".repeat(999)).len(), LINE_CHARACTERS);
        assert_eq!(masked(&"x".repeat(9999)).len(), KEPT_CHARACTERS);
        for (length, tame) in [
            (LINE_CHARACTERS, printable as fn(&str) -> String),
            (KEPT_CHARACTERS, masked),
        ] {
            for digits in 1..16 {
                let cut = format!("{}4111 111111111111", "x".repeat(length - digits));
                let shown = tame(&cut);
                assert!(!shown.contains('4'), "half a number is one: {shown}");
            }
        }
    }
}
