//! The secrets that the tests use, and the search for them in whatever is shown.
//!
//! A secret is found as it is, in parts, in groups, in Debug of bytes, in hexadecimal, in base64, percent-encoded,
//! escaped, backwards and as an unkeyed hash. Any API key, webhook secret or card number is found by its shape too,
//! so that a test cannot bring one that nobody looks for.
#![allow(dead_code, clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use sha2::{Digest, Sha256};

/// Three digits that no test writes elsewhere.
pub(crate) const CVC: &str = "739";
/// Four digits that no test writes elsewhere.
pub(crate) const AMEX_CVC: &str = "7391";
pub(crate) const VISA: &str = "4111111111111111";
pub(crate) const DECLINED: &str = "4000000000000002";
pub(crate) const THREE_D_SECURE: &str = "4635440000002223";
pub(crate) const AMEX: &str = "378282246310005";
pub(crate) const WEBHOOK_SECRET: &str = "whsec_canaryWebhook4711";
/// A header's value; callers may put secrets into headers.
pub(crate) const HEADER: &str = "canaryHeader4711";

const CARDS: [&str; 7] = [
    VISA,
    DECLINED,
    THREE_D_SECURE,
    AMEX,
    "4000000000009995",
    "4000000000000069",
    "5555555555554444",
];

/// Of keys and webhook secrets what follows the documented prefix.
const TEXTS: [&str; 8] = [
    "sandbox0123456789",
    "canaryKey4711",
    "canaryWebhook4711",
    HEADER,
    "canary123",
    "abc123def456",
    "another456",
    "canaryPlanted4711",
];

const CVCS: [&str; 2] = [CVC, AMEX_CVC];

/// What is shown of a secret in a text, if anything.
pub(crate) fn leak(text: &str) -> Option<String> {
    views(text).iter().find_map(|view| {
        SEARCH
            .pattern_in(&squeezed(view))
            .map(str::to_owned)
            .or_else(|| key_in(view))
            .or_else(|| card_in(view))
            .or_else(|| cvc_in(view))
    })
}

/// What is shown of a secret in a file, whatever its form.
pub(crate) fn leak_in_bytes(bytes: &[u8]) -> Option<String> {
    let hashed = |secret: &&str| {
        let hash = Sha256::digest(secret.as_bytes());
        bytes.windows(hash.len()).any(|window| window == &hash[..])
    };
    if let Some(secret) = CARDS.iter().chain(&TEXTS).find(|secret| hashed(secret)) {
        return Some(format!("{secret} as a hash"));
    }
    leak(&String::from_utf8_lossy(bytes))
}

/// The text, and what it says once decoded.
fn views(text: &str) -> Vec<String> {
    let mut views = vec![text.to_owned()];
    if text.contains('%') {
        views.push(decoded(text, "%", 2));
    }
    if text.contains('\\') {
        let unicode = decoded(&text.replace("\\u{", "\\u00"), "\\u", 4);
        views.push(decoded(&unicode, "\\x", 2));
    }
    views
}

/// Replaces each mark and the hexadecimal digits after it by the character that they name.
fn decoded(text: &str, mark: &str, digits: usize) -> String {
    let mut parts = text.split(mark);
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.get(..digits);
        let code = code.and_then(|code| u32::from_str_radix(code, 16).ok());
        match code.and_then(char::from_u32) {
            Some(letter) => {
                plain.push(letter);
                plain.push_str(&part[digits..]);
            }
            None => plain.push_str(part),
        }
    }
    plain
}

/// Letters and digits alone, in lower case.
fn squeezed(text: &str) -> String {
    let letters = text.chars().filter(|letter| letter.is_alphanumeric());
    letters.map(|letter| letter.to_ascii_lowercase()).collect()
}

/// Length of the shortest part of a secret that is one too.
const PART: usize = 8;

struct Search {
    /// By the first characters; each pattern with its name.
    patterns: BTreeMap<[u8; PART], Vec<(String, String)>>,
    /// Whether any pattern begins with these two bytes: most texts are told off by this alone.
    begins: Vec<bool>,
}

static SEARCH: LazyLock<Search> = LazyLock::new(|| {
    let mut search = Search {
        patterns: BTreeMap::new(),
        begins: vec![false; 1 << 16],
    };
    for secret in CARDS {
        let parts = (0..=secret.len() - PART).map(|from| &secret[from..from + PART]);
        for part in parts.filter(|part| is_telling(part)) {
            search.add(part, &format!("{part} of a card number"));
        }
        search.add_forms(secret);
        search.add_forms(&grouped(secret, ' '));
        search.add_forms(&grouped(secret, '-'));
    }
    for secret in TEXTS {
        let parts = (0..=secret.len() - PART).map(|from| &secret[from..from + PART]);
        let mixed = |part: &&str| {
            part.bytes().any(|byte| byte.is_ascii_digit())
                && part.bytes().any(|byte| byte.is_ascii_alphabetic())
        };
        for part in parts.filter(mixed) {
            search.add(part, &format!("{part} of {secret}"));
        }
        search.add_forms(secret);
    }
    for cvc in CVCS {
        for body in [format!("\"cvc\":\"{cvc}\""), format!("\"cvc\": \"{cvc}\"")] {
            search.add_encoded(&body, "the CVC's member");
        }
    }
    search
});

impl Search {
    fn add(&mut self, pattern: &str, name: &str) {
        let pattern = squeezed(pattern);
        let Some(start) = pattern.as_bytes().first_chunk::<PART>() else {
            return;
        };
        self.begins[place(start)] = true;
        let patterns = self.patterns.entry(*start).or_default();
        patterns.push((pattern, name.to_owned()));
    }

    fn add_forms(&mut self, secret: &str) {
        self.add(secret, secret);
        let backwards: String = secret.chars().rev().collect();
        self.add(&backwards, &format!("{secret} backwards"));
        let hash = Sha256::digest(secret.as_bytes());
        self.add(&hexadecimal(&hash), &format!("{secret} as a hash"));
        self.add_encoded(secret, secret);
    }

    fn add_encoded(&mut self, text: &str, name: &str) {
        self.add(&hexadecimal(text.as_bytes()), &format!("{name} in hex"));
        let decimal: String = text.bytes().map(|byte| byte.to_string()).collect();
        self.add(&decimal, &format!("{name} as a list of bytes"));
        for offset in 0..3 {
            let inner = base64_within(text.as_bytes(), offset);
            self.add(&inner, &format!("{name} in base64"));
        }
    }

    fn pattern_in(&self, text: &str) -> Option<&str> {
        let bytes = text.as_bytes();
        bytes.windows(PART).enumerate().find_map(|(at, window)| {
            let start = window.first_chunk::<PART>()?;
            if !self.begins[place(start)] {
                return None;
            }
            let patterns = self.patterns.get(start)?;
            let found = patterns
                .iter()
                .find(|(pattern, _)| bytes[at..].starts_with(pattern.as_bytes()));
            found.map(|(_, name)| name.as_str())
        })
    }
}

fn place(start: &[u8; PART]) -> usize {
    usize::from(start[0]) << 8 | usize::from(start[1])
}

/// Whether a run of digits is rare enough to be a part of a card number and not a count or a moment.
fn is_telling(digits: &str) -> bool {
    digits.bytes().collect::<BTreeSet<_>>().len() >= 4
}

fn grouped(number: &str, separator: char) -> String {
    let digits: Vec<char> = number.chars().collect();
    let groups = digits.chunks(4).map(|group| group.iter().collect());
    groups.collect::<Vec<String>>().join(&separator.to_string())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What base64 makes of the bytes wherever they stand in a longer text, without the characters at either end that
/// depend on their neighbours; `offset` is their place modulo 3.
fn base64_within(bytes: &[u8], offset: usize) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits = |index: usize| {
        let byte = bytes[index / 8];
        byte >> (7 - index % 8) & 1
    };
    let first = (8 * offset).next_multiple_of(6) - 8 * offset;
    let mut text = String::new();
    let mut at = first;
    while at + 6 <= bytes.len() * 8 {
        let value = (at..at + 6).fold(0, |value, index| value << 1 | bits(index));
        text.push(char::from(ALPHABET[usize::from(value)]));
        at += 6;
    }
    text
}

/// An API key or webhook secret of any value.
fn key_in(text: &str) -> Option<String> {
    for (prefix, least) in [("_sk_", 6), ("whsec_", 3)] {
        for (at, _) in text.match_indices(prefix) {
            let rest = text[at + prefix.len()..].chars();
            if rest.take_while(char::is_ascii_alphanumeric).count() >= least {
                return Some(format!("something after {prefix}"));
            }
        }
    }
    None
}

/// A card number of any value: of a brand, of its length, with a right check digit, also in groups.
fn card_in(text: &str) -> Option<String> {
    let is_part = |letter: char| letter.is_ascii_digit() || matches!(letter, ' ' | '-');
    let runs = text.split(|letter| !is_part(letter));
    let long = runs.filter(|run| run.len() >= 15);
    let mut numbers = long.flat_map(|run| {
        let whole: String = run.chars().filter(char::is_ascii_digit).collect();
        let words = run.split([' ', '-']).map(str::to_owned);
        words.chain([whole]).collect::<Vec<_>>()
    });
    numbers
        .find(|number| is_card(number))
        .map(|number| format!("the card number {number}"))
}

pub(crate) fn is_card(number: &str) -> bool {
    let branded = match number.len() {
        15 => number.starts_with("34") || number.starts_with("37"),
        16 => number.starts_with(['4', '5', '2']) || number.starts_with("60"),
        _ => false,
    };
    branded && number.bytes().all(|byte| byte.is_ascii_digit()) && luhn(number)
}

fn luhn(number: &str) -> bool {
    let digits = number.bytes().rev().map(|byte| u32::from(byte - b'0'));
    let sum: u32 = digits
        .enumerate()
        .map(|(place, digit)| match (place % 2, digit * 2) {
            (0, _) => digit,
            (_, doubled) => doubled / 10 + doubled % 10,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// A security code as a word of its own, or as Debug of its bytes. What counts bytes is none.
fn cvc_in(text: &str) -> Option<String> {
    if !text.contains("73") && !text.contains("55") {
        return None;
    }
    let dense: String = text
        .chars()
        .filter(|letter| !letter.is_whitespace())
        .collect();
    let words = || text.split(|letter: char| !letter.is_alphanumeric());
    let words: Vec<&str> = words().filter(|word| !word.is_empty()).collect();
    for cvc in CVCS {
        let bytes: Vec<String> = cvc.bytes().map(|byte| byte.to_string()).collect();
        if dense.contains(&format!("[{}]", bytes.join(","))) {
            return Some(format!("the CVC {cvc} as a list of bytes"));
        }
        for (at, word) in words.iter().enumerate() {
            let counts = |other: Option<&&str>| {
                other.is_some_and(|word| matches!(*word, "bytes" | "length" | "len" | "remaining"))
            };
            let before = at.checked_sub(1).and_then(|before| words.get(before));
            if *word == cvc && !counts(before) && !counts(words.get(at + 1)) {
                return Some(format!("the CVC {cvc}"));
            }
        }
    }
    None
}
