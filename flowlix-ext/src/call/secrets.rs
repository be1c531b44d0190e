//! The secrets of one request, masked in what comes back: servers do echo what they were sent.

use flowlix_api::model::ErrorDetail;
use http::header::AUTHORIZATION;
use serde::Deserialize;
use serde_json::Value;

use crate::failure::text::{DIGITS_MASKED, KEY_MASKED, mask_keys, masked, one_line};

/// How much is kept of an id.
const ID_CHARACTERS: usize = 128;

/// A part of an API key this long is no word by chance.
const TELLING_PART: usize = 8;

/// Borrowed from the request while its answers are read: nothing is copied, and nothing outlives the call.
#[derive(Default)]
pub(super) struct Secrets<'a> {
    api_key: Option<&'a str>,
    card: Option<Card<'a>>,
}

/// What the two dialects' bodies have in common, at two places.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    card: Option<Card<'a>>,
    #[serde(borrow)]
    payment_method_data: Option<Method<'a>>,
}

#[derive(Deserialize)]
struct Method<'a> {
    #[serde(borrow)]
    card: Card<'a>,
}

#[derive(Deserialize)]
struct Card<'a> {
    number: &'a str,
    cvc: &'a str,
}

impl<'a> Secrets<'a> {
    pub(super) fn of(request: &'a reqwest::Request) -> Self {
        let authorization = request.headers().get(AUTHORIZATION);
        let body = request.body().and_then(reqwest::Body::as_bytes);
        Self {
            api_key: authorization
                .and_then(|value| value.to_str().ok())
                .and_then(|value| value.strip_prefix("Bearer ")),
            card: body
                .and_then(|body| serde_json::from_slice::<Body<'_>>(body).ok())
                .and_then(|body| body.card.or(body.payment_method_data.map(|of| of.card))),
        }
    }

    /// Prose: without these secrets, and without what looks like one of another request.
    pub(super) fn mask(&self, text: &str) -> String {
        let mut text = self.without_known(text);
        if let Some(card) = &self.card {
            text = without_number(&text, card.cvc);
        }
        masked(&text)
    }

    /// A name that Flowlix gave, on one line. It stays as it is but for these secrets and what looks like a key:
    /// support asks for it. A security code is too short to be told from a part of it.
    pub(super) fn mask_id(&self, id: &str) -> String {
        let masked = mask_keys(&self.without_known(&one_line(id)));
        masked.chars().take(ID_CHARACTERS).collect()
    }

    /// What Flowlix said about an error.
    pub(super) fn mask_detail(&self, detail: &ErrorDetail) -> Option<ErrorDetail> {
        let mut members = serde_json::to_value(detail).ok()?;
        for (name, member) in members.as_object_mut()? {
            if let Value::String(text) = member {
                *text = match name.as_str() {
                    "request_id" => self.mask_id(text),
                    _ => self.mask(text),
                };
            }
        }
        ErrorDetail::deserialize(members).ok()
    }

    fn without_known(&self, text: &str) -> String {
        let mut text = text.to_owned();
        if let Some(key) = self.api_key {
            text = text.replace(key, KEY_MASKED);
            let unprefixed = key.rsplit_once("_sk_").map(|(_, rest)| rest);
            if let Some(rest) = unprefixed.filter(|rest| rest.len() >= TELLING_PART) {
                text = text.replace(rest, KEY_MASKED);
            }
        }
        match &self.card {
            Some(card) => without_digits(&text, card.number),
            None => text,
        }
    }
}

/// The text without these digits, whatever stands between them.
fn without_digits(text: &str, digits: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let length = match written(rest, digits) {
            Some(length) => {
                shown.push_str(DIGITS_MASKED);
                length
            }
            None => {
                shown.push(letter);
                letter.len_utf8()
            }
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    shown
}

/// How long the digits are, as the text begins with them: nothing but signs may stand between two.
fn written(text: &str, digits: &str) -> Option<usize> {
    let mut missing = digits.chars();
    let mut next = missing.next()?;
    for (at, letter) in text.char_indices() {
        if letter == next {
            match missing.next() {
                Some(digit) => next = digit,
                None => return Some(at + letter.len_utf8()),
            }
        } else if letter.is_alphanumeric() || at == 0 {
            return None;
        }
    }
    None
}

/// The text without this number where it stands by itself, and not as a part of a longer one.
fn without_number(text: &str, number: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(|letter: char| letter.is_ascii_digit()) {
        let (before, from) = rest.split_at(start);
        let length = from
            .find(|letter: char| !letter.is_ascii_digit())
            .unwrap_or(from.len());
        let (digits, after) = from.split_at(length);
        shown.push_str(before);
        shown.push_str(if digits == number {
            DIGITS_MASKED
        } else {
            digits
        });
        rest = after;
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const NUMBER: &str = "4111111111111111";

    fn request(body: &str) -> reqwest::Request {
        let client = flowlix_api::http_client_builder().unwrap().build().unwrap();
        let client = client.post("http://127.0.0.1/v1/payments");
        let request = client
            .bearer_auth("fl_test_sk_canary-12.34")
            .body(body.to_owned());
        request.build().unwrap()
    }

    fn mask(text: &str) -> String {
        let request = request(
            r#"{"amount":314,"card":{"cvc":"314","exp_month":12,"number":"4111111111111111"}}"#,
        );
        Secrets::of(&request).mask(text)
    }

    #[test]
    fn the_card_of_the_request_is_masked_however_it_is_written() {
        for written in [
            NUMBER,
            "4111 1111 1111 1111",
            "4111.1111.1111.1111",
            "4111/1111_1111:1111",
            "4-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1",
            "4111, 1111, 1111, 1111",
        ] {
            assert_eq!(
                mask(&format!("card {written} expires 12/27")),
                "card [digits masked] expires 12/27",
                "{written}"
            );
        }
        assert_eq!(mask("x4111111111111111y"), "x[digits masked]y");
        assert_eq!(mask("4 of 1111"), "4 of 1111");
    }

    #[test]
    fn the_security_code_is_masked_where_it_stands_alone() {
        assert_eq!(
            mask(r#"{"cvc":"314"} cvc=314, 3145 and 1314 are others"#),
            r#"{"cvc":"[digits masked]"} cvc=[digits masked], 3145 and 1314 are others"#
        );
    }

    #[test]
    fn the_api_key_is_masked_whatever_letters_it_has() {
        assert_eq!(
            mask("key fl_test_sk_canary-12.34 or canary-12.34!"),
            "key [key masked] or [key masked]!"
        );
        assert_eq!(mask("another fl_live_sk_x"), "another [key masked]");
    }

    #[test]
    fn both_dialects_bodies_are_known_and_any_other_is_no_trouble() {
        let uppercase =
            request(r#"{"payment_method_data":{"card":{"number":"4111111111111111","cvc":"9"}}}"#);
        assert_eq!(Secrets::of(&uppercase).mask_id(NUMBER), DIGITS_MASKED);
        for body in ["", "{}", "[1]", r#"{"card":{"number":1}}"#] {
            let other = request(body);
            let secrets = Secrets::of(&other);
            assert_eq!(
                secrets.mask_id("req_4111111111111111"),
                "req_4111111111111111"
            );
        }
    }

    #[test]
    fn an_id_stays_what_support_asks_for() {
        let secrets = Secrets::default();
        assert_eq!(secrets.mask_id("req_1234567890123"), "req_1234567890123");
        assert_eq!(secrets.mask_id("a\nb"), "a b");
        assert_eq!(secrets.mask_id(&"x".repeat(999)).len(), ID_CHARACTERS);
        assert_eq!(
            secrets.mask_id("req_1 whsec_canary-1"),
            "req_1 [key masked]-1"
        );
        let late = format!("{} fl_test_sk_canary", "x".repeat(ID_CHARACTERS - 20));
        assert!(
            !secrets.mask_id(&late).contains("_sk_"),
            "cut after it is masked"
        );
    }
}
