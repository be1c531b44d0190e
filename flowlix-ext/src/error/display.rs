//! How errors read: one line, operation and request id first, nothing that could be a secret.

use std::fmt;

use super::Error;
use crate::call::decision::Situation;
use crate::call::engine::{Fault, Last};
use crate::call::history::{Seconds, StopReason};

/// How much of Flowlix's message an error shows.
const MESSAGE_CHARACTERS: usize = 200;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.0;
        match inner.operation {
            Some(operation) => {
                let id = inner
                    .request_id
                    .as_deref()
                    .map_or_else(|| "no request id".into(), one_line);
                write!(f, "{operation} [{id}]: ")?;
            }
            None => f.write_str("flowlix client: ")?,
        }
        write!(f, "{}", inner.kind)?;
        if !inner.cause.is_empty() {
            write!(f, ": {}", inner.cause)?;
        }
        for (index, violation) in inner.violations.iter().enumerate() {
            write!(f, "{} {violation}", if index == 0 { ":" } else { ";" })?;
        }
        if let Some(path) = &inner.path {
            write!(f, " at {}", one_line(path))?;
        }
        if !inner.attempts.is_empty() {
            let count = inner.attempts.len();
            let plural = if count == 1 { "" } else { "s" };
            write!(f, "; {count} attempt{plural} in {}", Seconds(inner.elapsed))?;
        } else if inner.wait.is_some() {
            write!(f, " in {}", Seconds(inner.elapsed))?;
        }
        if let Some(stop) = inner.stop.filter(|stop| *stop != StopReason::Final) {
            write!(f, " ({stop})")?;
        }
        if let Some(key) = &inner.key {
            write!(f, "; idempotency key {key}")?;
        }
        let advice = if inner.stop == Some(StopReason::KeyAge) {
            Some("the key is too old to repeat the call: look the payment up first")
        } else {
            inner.kind.advice()
        };
        advice.map_or(Ok(()), |advice| write!(f, "; {advice}"))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.0;
        f.debug_struct("Error")
            .field("kind", &inner.kind)
            .field("message", &self.to_string())
            .field("attempts", &inner.attempts)
            .field("source", &inner.source)
            .finish_non_exhaustive()
    }
}

/// What the last attempt ended with.
pub(super) fn cause(last: &Last) -> String {
    let answer = &last.answer;
    let status = answer.status.map_or(0, |status| status.as_u16());
    match (&answer.fault, last.rule.situation) {
        (Some(Fault::AttemptTimeout(limit)), Situation::AnswerCutShort) => {
            format!(
                "HTTP {status}, and its body was not complete within {}",
                Seconds(*limit)
            )
        }
        (Some(Fault::AttemptTimeout(limit)), _) => format!("no answer within {}", Seconds(*limit)),
        (Some(Fault::BodyTooLarge(limit)), _) => {
            format!("HTTP {status} with a body of more than {limit} bytes")
        }
        (_, Situation::NotConnected) => "no connection".to_owned(),
        (_, Situation::NoAnswer) => "the connection broke before an answer came".to_owned(),
        (_, Situation::AnswerCutShort) => format!("HTTP {status}, and its body broke off"),
        (_, Situation::Accepted) => format!("HTTP {status}, and its body cannot be read"),
        _ => refusal(status, last),
    }
}

fn refusal(status: u16, last: &Last) -> String {
    let Some(detail) = &last.answer.detail else {
        return format!("HTTP {status} without Flowlix's error body");
    };
    let mut text = format!("HTTP {status}");
    if let Some(kind) = &detail.type_ {
        text.push_str(&format!(" {}", printable(kind.as_str())));
    }
    if let Some(code) = &detail.code {
        text.push_str(&format!(" {}", printable(code.as_str())));
    }
    if let Some(param) = &detail.param {
        text.push_str(&format!(" ({})", printable(param)));
    }
    if let Some(message) = &detail.message {
        text.push_str(&format!(": {}", printable(message)));
    }
    text
}

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

    #[test]
    fn a_configuration_error_reads_well() {
        let error = Error::configuration("the API key is empty", None);
        assert_eq!(
            error.to_string(),
            "flowlix client: configuration: the API key is empty"
        );
    }
}
