//! Words of another machine, made fit for a line of ours.

/// How much of such words is shown.
const MESSAGE_CHARACTERS: usize = 200;

/// A name given by another machine, on one line of ours.
pub(crate) fn one_line(text: &str) -> String {
    text.chars()
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .collect()
}

/// Prose of another machine on one line of ours: bounded, without control characters, and with anything that
/// could be a card number, an API key or a webhook secret masked, since servers do echo what they were sent.
pub(crate) fn printable(text: &str) -> String {
    // Masked before it is cut: half a card number is too much as well.
    let examined: String = text.chars().take(MESSAGE_CHARACTERS * 4).collect();
    let masked = mask_digits(&mask_keys(&examined));
    masked.chars().take(MESSAGE_CHARACTERS).collect()
}

fn mask_keys(text: &str) -> String {
    let ends = |letter: char| !letter.is_alphanumeric() && letter != '_';
    let mut shown = String::new();
    for word in text.split_inclusive(ends) {
        if word.contains("_sk_") || word.contains("whsec_") {
            shown.push_str("[key masked]");
            shown.extend(word.chars().last().filter(|letter| ends(*letter)));
        } else {
            shown.push_str(word);
        }
    }
    shown
}

fn mask_digits(text: &str) -> String {
    let mut shown = String::new();
    let mut digits = String::new();
    for character in text.chars() {
        if character.is_ascii_digit() {
            digits.push(character);
            continue;
        }
        // A card number may be written in groups.
        if matches!(character, ' ' | '-') && !digits.is_empty() {
            digits.push(character);
            continue;
        }
        flush(&mut shown, &mut digits);
        shown.push(if character.is_control() {
            ' '
        } else {
            character
        });
    }
    flush(&mut shown, &mut digits);
    shown
}

fn flush(shown: &mut String, digits: &mut String) {
    let count = digits.bytes().filter(u8::is_ascii_digit).count();
    if count < 12 {
        shown.push_str(digits);
    } else {
        shown.push_str("[digits masked]");
        // The separator after the last digit belongs to the sentence.
        shown.extend(
            digits
                .chars()
                .rev()
                .take_while(|character| !character.is_ascii_digit()),
        );
    }
    digits.clear();
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
        assert_eq!(printable(&"x".repeat(999)).len(), MESSAGE_CHARACTERS);
        let cut = format!("{} 4111111111111111", "x".repeat(MESSAGE_CHARACTERS - 11));
        assert!(
            !printable(&cut).contains("41111111"),
            "half a number is one"
        );
    }
}
