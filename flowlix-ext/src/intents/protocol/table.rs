//! The state table, printed from the functions that decide.

use super::apply::Answer;
use super::pay::{Do, Observation, Pay, Refusal};
use super::record::{Attempt, Method, Payment, Phase, Record};
use super::rules::{Millis, Rules};
use super::status::Summary;

pub(super) const MINUTE: Millis = 60_000;
pub(super) const DAY: Millis = 24 * 60 * MINUTE;

/// A record that stands somewhere, and the moment at which it is looked at.
struct Row {
    name: &'static str,
    record: Record,
    now: Millis,
}

pub(super) fn rules() -> Rules {
    Rules::new(super::rules::QUIET_TIME)
}

fn row(name: &'static str, now: Millis, change: impl FnOnce(&mut Record)) -> Row {
    let mut record = Record::new("order-1234".to_owned(), 4999, "EUR".to_owned(), 0);
    change(&mut record);
    Row { name, record, now }
}

fn call(amount: i64, last4: Option<&str>, method: Method, namespace: &str, now: Millis) -> Pay {
    let last4 = last4.map(str::to_owned);
    Pay::new(
        (amount, "EUR".to_owned()),
        method,
        namespace.to_owned(),
        last4,
        None,
        now,
    )
}

/// Sends card 1111 under the current key of an API key in `snake_case`, with an answer if there is one.
fn send(record: &mut Record, token: &str, now: Millis, answer: Option<Answer>) {
    let number = record.current().map_or(1, |current| current.number);
    let pay = call(4999, Some("1111"), Method::Card, "key", now);
    pay.begin(record, number, token.to_owned(), (now, now), &rules());
    if let Some(answer) = answer {
        record.answered(number, token, answer, now);
    }
}

pub(super) fn payment(id: &str, attempt: u32, phase: Phase) -> Payment {
    Payment {
        id: id.to_owned(),
        attempt,
        method: Method::Card,
        phase,
        amount: 4999,
        currency: "EUR".to_owned(),
        refunded: 0,
        refundable: None,
        last4: Some("1111".to_owned()),
        decline_code: None,
        action: (phase == Phase::ActionRequired).then(|| "3ds".to_owned()),
        returned_from: None,
        created_at: None,
    }
}

fn seen(record: &mut Record, phase: Phase) {
    send(
        record,
        "a",
        0,
        Some(Answer::Accepted(payment("pay_1", 1, phase))),
    );
}

fn declined() -> Option<Answer> {
    Some(Answer::Declined { code: None })
}

fn rows() -> Vec<Row> {
    let rows = [without_a_payment(), with_a_payment(), closed()];
    rows.into_iter().flatten().collect()
}

fn without_a_payment() -> Vec<Row> {
    vec![
        row("nothing was tried", 0, |_| {}),
        row("the card was declined at once", 0, |record| {
            send(record, "a", 0, declined())
        }),
        row("the request was rejected", 0, |record| {
            send(record, "a", 0, Some(Answer::Rejected))
        }),
        row("an answer is missing", MINUTE, |record| {
            send(record, "a", 0, None)
        }),
        row(
            "an answer is missing, the next card was declined at once",
            MINUTE,
            |record| {
                send(record, "a", 0, None);
                send(record, "b", MINUTE, declined());
            },
        ),
        row(
            "an answer is missing, and the quiet time is over",
            31 * MINUTE,
            |record| send(record, "a", 0, None),
        ),
        row(
            "nothing was carried out, as only waiting has shown",
            45 * MINUTE,
            |record| {
                send(record, "a", 0, None);
                record.searched(40 * MINUTE, 40 * MINUTE, &rules());
            },
        ),
        row(
            "an answer is missing for more than 23 hours",
            DAY,
            |record| send(record, "a", 0, None),
        ),
        row(
            "409, while another request is on its way",
            MINUTE,
            |record| {
                send(record, "a", 0, None);
                send(record, "b", 0, Some(Answer::Conflict));
            },
        ),
        row("409, and no other request explains it", MINUTE, |record| {
            send(record, "a", 0, Some(Answer::Conflict));
        }),
        row(
            "409 that nothing explains, and a day later the lists show nothing",
            2 * DAY,
            |record| {
                send(record, "a", 0, Some(Answer::Conflict));
                record.searched(2 * DAY, 2 * DAY, &rules());
            },
        ),
        row("2xx that cannot be read", MINUTE, |record| {
            send(record, "a", 0, Some(Answer::AcceptedUnread))
        }),
    ]
}

fn with_a_payment() -> Vec<Row> {
    vec![
        row("the payment is on its way", 0, |record| {
            seen(record, Phase::Open)
        }),
        row("the payment waits for the customer", 0, |record| {
            seen(record, Phase::ActionRequired)
        }),
        row(
            "the customer is back, and the payment still waits",
            0,
            |record| {
                seen(record, Phase::ActionRequired);
                record.returned("pay_1", 0);
            },
        ),
        row("the payment failed", 0, |record| {
            seen(record, Phase::Failed)
        }),
        row("the payment expired", 0, |record| {
            seen(record, Phase::Expired)
        }),
        row("the payment was charged", 0, |record| {
            seen(record, Phase::Charged)
        }),
        row("two payments were charged", 0, |record| {
            seen(record, Phase::Charged);
            record.seen([payment("pay_2", 2, Phase::Charged)], 0);
        }),
        row(
            "superseded, and both payments wait for the customer",
            0,
            |record| {
                seen(record, Phase::ActionRequired);
                record
                    .attempts
                    .iter_mut()
                    .for_each(|attempt| attempt.superseded = true);
                record.attempts.push(Attempt::new(2, Method::Card, 0));
                record.seen([payment("pay_2", 2, Phase::ActionRequired)], 0);
            },
        ),
    ]
}

fn closed() -> Vec<Row> {
    vec![
        row("closed, and nothing was charged", 0, |record| {
            record.close(0)
        }),
        row("closed, and the payment is on its way", 0, |record| {
            seen(record, Phase::Open);
            record.close(0);
        }),
        row("closed, and charged since", 0, |record| {
            seen(record, Phase::Open);
            record.close(0);
            record.seen([payment("pay_1", 1, Phase::Charged)], 0);
        }),
    ]
}

/// What a call does, step by step, where each look shows what was known and each search finds nothing.
fn steps(row: &Row, mut next: impl FnMut(&Record, &[String], Option<Millis>) -> Do) -> String {
    let (mut record, mut looked, mut searched) = (row.record.clone(), Vec::new(), None);
    let mut text: Vec<String> = Vec::new();
    for _ in 0..8 {
        match next(&record, &looked, searched) {
            Do::Look {
                payments,
                again: false,
            } => {
                looked.extend(payments);
                text.push("look".to_owned());
            }
            Do::Look { again: true, .. } => text.push("poll".to_owned()),
            Do::Search => {
                searched = Some(row.now);
                record.searched(row.now, row.now, &rules());
                text.push("search".to_owned());
                continue;
            }
            Do::Send { attempt } => text.push(format!("send under key {attempt}")),
            Do::Wait => text.push("wait, then send again".to_owned()),
            Do::Report => text.push("report".to_owned()),
            Do::Refuse(Refusal::Closed) => text.push("error: closed".to_owned()),
            Do::Refuse(Refusal::AmountDiffers) => text.push("error: another amount".to_owned()),
        }
        if text.last().is_some_and(|last| last != "look") {
            break;
        }
    }
    text.join(", ")
}

fn paying(row: &Row, amount: i64, last4: Option<&str>, method: Method, namespace: &str) -> String {
    let mut pay = call(amount, last4, method, namespace, row.now);
    steps(row, |record, looked, searched| {
        looked.iter().for_each(|id| pay.seen.looked_at(id));
        if let Some(at) = searched {
            pay.seen.searched(at);
        }
        pay.next(record, row.now, &rules())
    })
}

fn asking(row: &Row) -> String {
    let mut seen = Observation::until(row.now);
    steps(row, |record, looked, searched| {
        looked.iter().for_each(|id| seen.looked_at(id));
        if let Some(at) = searched {
            seen.searched(at);
        }
        seen.next(record, row.now)
    })
}

fn status(row: &Row) -> String {
    match Summary::of(&row.record) {
        Summary::OutcomeUnknown {
            needs_person: true, ..
        } => "outcome_unknown, needs a person".to_owned(),
        Summary::OutcomeUnknown { declined: true, .. } => "outcome_unknown, declined".to_owned(),
        other => other.name().to_owned(),
    }
}

fn table() -> String {
    let mut text = String::from(INTRODUCTION);
    for row in &rows() {
        let cells = [
            row.name.to_owned(),
            status(row),
            paying(row, 4999, Some("1111"), Method::Card, "key"),
            paying(row, 4999, Some("4444"), Method::Card, "key"),
            paying(row, 4999, None, Method::HostedPage, "key"),
            paying(row, 4999, None, Method::HostedPage, "key/hosted_page"),
            paying(row, 5000, Some("1111"), Method::Card, "key"),
            asking(row),
        ];
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    text
}

const INTRODUCTION: &str = "\
# State table
What each call does where an intent stands, printed from the code that decides. *Look* retrieves the payments that can
still change; where a look or a search shows something new, the row of that applies. A search here finds nothing. *Key 1*
is the key of the first attempt; a send under a key that is in use already repeats or replaces a request whose outcome is
unknown, and cannot add a payment. In the uppercase dialect card and page have keys of their own.

| the intent | status | the same card | another card | hosted page, `snake_case` | hosted page, uppercase | another amount | `status()` |
|---|---|---|---|---|---|---|---|
";

#[test]
#[allow(clippy::unwrap_used)]
fn the_printed_table_is_the_one_that_decides() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/intent-states.md");
    if std::env::var_os("INSTA_UPDATE").is_some_and(|update| update == "always") {
        std::fs::write(path, table()).unwrap();
    }
    let printed = std::fs::read_to_string(path).unwrap();
    assert_eq!(
        printed,
        table(),
        "INSTA_UPDATE=always cargo test -p flowlix-ext prints it anew"
    );
}
