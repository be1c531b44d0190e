//! Single rules that the model's small numbers do not show.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use super::apply::Answer;
use super::pay::Pay;
use super::record::{Method, Payment, Phase, Record, Unpaid};
use super::rules::{LONGEST_QUIET_TIME, Millis, QUIET_TIME, Rules};
use super::status::Summary;
use super::table::{self, DAY, MINUTE, rules};

fn record() -> Record {
    Record::new("order-1234".to_owned(), 4999, "EUR".to_owned(), 0)
}

/// Sends a card under the first key; the moment by which the request has to leave.
fn send(record: &mut Record, token: &str, now: Millis, rules: &Rules) -> Millis {
    let price = (4999, "EUR".to_owned());
    let pay = Pay::new(price, Method::Card, "key".to_owned(), None, None, now);
    let times = (now, now + 2 * MINUTE);
    pay.begin(record, 1, token.to_owned(), times, rules)
}

fn payment(phase: Phase) -> Payment {
    table::payment("pay_1", 1, phase)
}

/// A request that may leave last is carried out within the key's life, whatever the quiet time and the clocks are.
#[test]
fn last_request_under_a_key_arrives_within_its_life() {
    for quiet in [Duration::ZERO, QUIET_TIME, LONGEST_QUIET_TIME] {
        let (rules, mut record) = (Rules::new(quiet), record());
        send(&mut record, "a", 0, &rules);
        let deadline = send(&mut record, "b", rules.oldest_key - MINUTE, &rules);
        assert_eq!(deadline, rules.oldest_key);
        assert!(deadline + rules.quiet + rules.skew <= DAY, "{quiet:?}");
    }
}

#[test]
fn unreadable_answer_about_a_known_payment_tells_nothing_new() {
    let mut record = record();
    send(&mut record, "a", 0, &rules());
    record.seen([payment(Phase::Failed)], MINUTE);
    let before = record.clone();
    record.answered(1, "a", Answer::AcceptedUnread, 2 * MINUTE);
    assert_eq!(record, before);
}

#[test]
fn unreadable_answer_after_absence_was_proved_counts() {
    let mut record = record();
    send(&mut record, "a", 0, &rules());
    record.searched(45 * MINUTE, 45 * MINUTE, &rules());
    assert_eq!(Summary::of(&record), Summary::Unpaid(Unpaid::ProvedAbsent));
    record.answered(1, "a", Answer::AcceptedUnread, 46 * MINUTE);
    assert_eq!(Summary::of(&record), Summary::Processing { payment: None });
}

/// A decline that came last of all shows that Flowlix holds nothing under the key: no person has to decide any more.
#[test]
fn decline_ends_a_contradiction() {
    let (rules, mut record) = (rules(), record());
    send(&mut record, "a", 0, &rules);
    record.answered(1, "a", Answer::Conflict, 0);
    send(&mut record, "b", MINUTE, &rules);
    record.searched(2 * DAY, 2 * DAY, &rules);
    assert!(matches!(
        Summary::of(&record),
        Summary::OutcomeUnknown {
            needs_person: true,
            ..
        }
    ));
    record.answered(1, "b", Answer::Declined { code: None }, 2 * DAY);
    assert!(matches!(Summary::of(&record), Summary::Unpaid(_)));
    let sends = &record.attempt(1).unwrap().sends;
    assert_eq!(sends.check("key", 2 * DAY, &rules), Ok(()));
}

/// A call adds what it has learnt to the record in hand, and once more when it writes.
#[test]
fn facts_may_be_added_twice() {
    let answers = [
        Answer::Accepted(payment(Phase::Open)),
        Answer::AcceptedUnread,
        Answer::Declined { code: None },
        Answer::Rejected,
        Answer::NotCarriedOut,
        Answer::Conflict,
        Answer::Unknown,
    ];
    for answer in answers {
        let mut record = record();
        send(&mut record, "a", 0, &rules());
        record.answered(1, "a", answer.clone(), MINUTE);
        let once = record.clone();
        record.answered(1, "a", answer.clone(), MINUTE);
        assert_eq!(record, once, "{answer:?}");
    }
}
