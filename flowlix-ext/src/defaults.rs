//! The tables of defaults, in the README and on the crate's page, say what the code does.
#![cfg(test)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::time::Duration;

use crate::call::backoff::ExponentialBackoff;
use crate::call::budget::{self, RETRY_COST};
use crate::call::options::{ATTEMPT_TIMEOUT, MAX_ATTEMPTS, OPERATION_TIMEOUT};
use crate::client::CONNECT_TIMEOUT;
use crate::idempotency::KEY_LIFETIME;
use crate::idempotency::used::REMEMBERED_KEYS;
use crate::journal::{self, CERTAIN_AFTER};
use crate::payments::looks::DEADLINE;
use crate::polling::{DefaultPolling, PollState, Polling};
use crate::webhooks::{self, InMemoryEvents, Inbox, WebhookSecret, WebhookVerifier};
use crate::{Flowlix, base_url};

/// What stands in the second column, by the first.
fn rows(page: &str, heading: &str) -> BTreeMap<String, String> {
    let lines = page.lines().map(|line| line.trim_start_matches("//! "));
    let table = lines
        .skip_while(|line| *line != heading)
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'))
        .skip(2);
    let cells = table.map(|row| row.split('|').map(str::trim).collect::<Vec<_>>());
    cells
        .map(|cells| (cells[1].to_owned(), numbers_whole(cells[2])))
        .collect()
}

/// Without what parts the thousands: `100,000`, `10 000`.
fn numbers_whole(text: &str) -> String {
    let is_digit = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_digit());
    let mut whole = String::new();
    let mut rest = text.chars();
    while let Some(letter) = rest.next() {
        let three = rest.clone().take(3);
        let parts = matches!(letter, ',' | ' ')
            && is_digit(whole.chars().last())
            && three.filter(char::is_ascii_digit).count() == 3
            && !is_digit(rest.clone().nth(3));
        if !parts {
            whole.push(letter);
        }
    }
    whole
}

fn seconds(span: Duration) -> String {
    format!("{} s", span.as_secs())
}

fn minutes(span: Duration) -> String {
    format!("{} min", span.as_secs() / 60)
}

/// The pause before a look, the longest that jitter makes of it.
fn pause(polls: u32, elapsed: Duration) -> Duration {
    let time_left = Duration::MAX;
    let state = PollState {
        polls,
        elapsed,
        time_left,
    };
    DefaultPolling.pause(&state, 1.0)
}

/// What `Debug` shows of a member.
fn shown(value: &dyn std::fmt::Debug, member: &str) -> String {
    let text = format!("{value:?}");
    let (_, from) = text.split_once(&format!("{member}: ")).unwrap();
    let until = from.find([',', ' ']).unwrap();
    from[..until].to_owned()
}

fn lease() -> Duration {
    let secret = WebhookSecret::parse("whsec_abc123def456").unwrap();
    let inbox = Inbox::new(WebhookVerifier::new(secret), InMemoryEvents::default());
    let text = shown(&inbox, "lease");
    Duration::from_secs(text.trim_end_matches('s').parse().unwrap())
}

fn page_limit() -> String {
    let flowlix = Flowlix::new("fl_test_sk_abc123def456").unwrap();
    shown(flowlix.payments().list().items().cursor(), "limit")
}

#[test]
fn the_tables_of_defaults_are_true() {
    let ExponentialBackoff { base, cap } = ExponentialBackoff::default();
    let first_look = seconds(pause(0, Duration::ZERO));
    let events = shown(&InMemoryEvents::default(), "capacity");
    let records = journal::DEFAULT_CAPACITY.to_string();
    let every = |elapsed| format!("every {}", seconds(pause(99, elapsed)));
    let looks = [
        seconds(DEADLINE),
        format!("after {first_look}"),
        seconds(pause(99, Duration::ZERO)),
        every(DEADLINE),
    ];
    let backoff = format!(
        "up to {} ms, doubling to {}",
        base.as_millis(),
        seconds(cap)
    );
    let tokens = format!("{} tokens", budget::DEFAULT_CAPACITY);
    let budget = [tokens, format!("takes {RETRY_COST}, ")];
    let lifetime = format!("{} h", KEY_LIFETIME.as_secs() / 3600);
    let remembered = format!("the last {REMEMBERED_KEYS}");
    let recovery = [minutes(CERTAIN_AFTER)];
    let answer = format!("{} MiB", flowlix_api::BODY_LIMIT >> 20);
    let tolerance = minutes(webhooks::DEFAULT_TOLERANCE);

    // The same fact, by the names that it has in the README and on the crate's page.
    let facts: &[([&str; 2], &[String])] = &[
        (["address"; 2], &[base_url::DEFAULT.to_owned()]),
        (["connecting"; 2], &[seconds(CONNECT_TIMEOUT)]),
        (["one attempt"; 2], &[seconds(ATTEMPT_TIMEOUT)]),
        (
            ["a whole call, with its repeats", "a whole call"],
            &[seconds(OPERATION_TIMEOUT)],
        ),
        (["attempts"; 2], &[format!("{MAX_ATTEMPTS}; ")]),
        (["pause between attempts"; 2], &[backoff]),
        (
            ["retry budget of all clones together", "retry budget"],
            &budget,
        ),
        (
            [
                "no request with a key older than",
                "age at which a key is used no more",
            ],
            &[lifetime],
        ),
        (
            ["keys that a client without a journal remembers to have used"; 2],
            &[remembered],
        ),
        (["wait for a payment or a refund"; 2], &looks),
        (["payments on a page of a list"; 2], &[page_limit()]),
        (
            ["webhook tolerance", "age of a webhook's signature"],
            &[tolerance],
        ),
        (
            [
                "hold on a webhook event while it is worked on",
                "lease of an event that is being handled",
            ],
            &[minutes(lease())],
        ),
        (
            [
                "what the in-memory stores keep",
                "events that the in-memory store remembers",
            ],
            &[events],
        ),
        (
            [
                "what the in-memory stores keep",
                "records that the in-memory journal remembers",
            ],
            &[records],
        ),
        (
            ["recovery: finding nothing means that nothing was done"; 2],
            &recovery,
        ),
        (["largest answer"; 2], &[answer]),
    ];
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    let pages = [
        rows(&readme, "## Defaults"),
        rows(include_str!("lib.rs"), "# Defaults"),
    ];
    for (names, phrases) in facts {
        for (name, rows) in names.iter().zip(&pages) {
            let said = rows.get(*name).map_or("", String::as_str);
            for phrase in *phrases {
                assert!(said.contains(phrase), "{name}: {said}; it is {phrase}");
            }
        }
    }
}
