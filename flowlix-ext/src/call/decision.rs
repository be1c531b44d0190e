#![doc = include_str!("../../docs/decisions.md")]

use std::fmt;

use crate::failure::ErrorKind;

/// What kind of call is being decided about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// A GET.
    Read,
    /// A POST with an idempotency key: repeating the same bytes is safe while the key lives.
    KeyedWrite,
    /// A POST without a key. This SDK sends none; the table says what would be right.
    UnkeyedWrite,
}

/// How far an attempt got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reach {
    /// No connection: Flowlix has not seen the request.
    NotConnected,
    /// Sent, at least in part, and no answer: a reset, a closed connection, a timeout.
    NoAnswer,
    /// The head of an answer arrived, its body broke off.
    AnswerCutShort,
    /// A whole answer arrived.
    Answered,
}

/// All that a decision rests on.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The kind of call.
    pub class: Class,
    /// How far the attempt got.
    pub reach: Reach,
    /// The HTTP status, when an answer arrived.
    pub status: Option<u16>,
    /// `type` of Flowlix's error, when the answer was one.
    pub error_type: Option<&'a str>,
    /// `message` of Flowlix's error.
    pub message: Option<&'a str>,
}

/// What an attempt came to: the row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Situation {
    /// 2xx.
    Accepted,
    /// No connection was made.
    NotConnected,
    /// Sent, and no answer came.
    NoAnswer,
    /// The answer broke off.
    AnswerCutShort,
    /// 429.
    RateLimited,
    /// 409: the first request with this key is still running.
    InFlight,
    /// 409: the key belongs to a request with another body.
    KeyReused,
    /// 409 that says neither.
    Conflict,
    /// 408.
    RequestTimeout,
    /// 5xx, from Flowlix or a proxy in front of it.
    ServerError,
    /// 4xx of type `card_error`.
    CardRefused,
    /// 401 or 403.
    NotAuthorized,
    /// 404.
    NotFound,
    /// Any other 4xx.
    Rejected,
    /// A write was answered with 4xx by somebody else than Flowlix.
    Foreign,
    /// A status that no API answers with: 1xx, 3xx, beyond 599.
    Unexpected,
}

impl Situation {
    /// A stable name in lower case, for `error.type` in traces and for labels of metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::NotConnected => "not_connected",
            Self::NoAnswer => "no_answer",
            Self::AnswerCutShort => "answer_cut_short",
            Self::RateLimited => "rate_limited",
            Self::InFlight => "in_flight",
            Self::KeyReused => "key_reused",
            Self::Conflict => "conflict",
            Self::RequestTimeout => "request_timeout",
            Self::ServerError => "server_error",
            Self::CardRefused => "card_refused",
            Self::NotAuthorized => "not_authorized",
            Self::NotFound => "not_found",
            Self::Rejected => "rejected",
            Self::Foreign => "foreign",
            Self::Unexpected => "unexpected",
        }
    }
}

/// What follows from a situation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verdict {
    /// The call is done.
    Accept,
    /// Send the same bytes again, after a pause of the backoff policy or `Retry-After`.
    Retry,
    /// Ask again until the request that is still running has its answer.
    WaitForTwin,
    /// Stop: sending again would not help, or would not be safe.
    GiveUp,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Accept => "accept",
            Self::Retry => "retry",
            Self::WaitForTwin => "wait for the twin",
            Self::GiveUp => "give up",
        })
    }
}

/// What an attempt in a situation may have done, when it was a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Effect {
    /// It was carried out.
    Done,
    /// It may have been carried out: the call is in doubt until a later attempt is accepted.
    Possible,
    /// This attempt did nothing. A doubt that an earlier attempt left stays.
    Nothing,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done => "done",
            Self::Possible => "possible",
            Self::Nothing => "nothing",
        })
    }
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Rule {
    /// The situation that it is about.
    pub situation: Situation,
    /// How the situation is recognised.
    pub when: &'static str,
    /// What a GET does.
    pub read: Verdict,
    /// What a POST with a key does.
    pub keyed_write: Verdict,
    /// What a POST without a key would do.
    pub unkeyed_write: Verdict,
    /// What a write may have done.
    pub effect: Effect,
    /// The error when the call ends here and no attempt left a doubt.
    pub kind: ErrorKind,
    /// The reason.
    pub why: &'static str,
}

impl Rule {
    /// What follows for a kind of call.
    #[must_use]
    pub fn verdict(&self, class: Class) -> Verdict {
        match class {
            Class::Read => self.read,
            Class::KeyedWrite => self.keyed_write,
            Class::UnkeyedWrite => self.unkeyed_write,
        }
    }
}

use Verdict::{Accept, GiveUp, Retry, WaitForTwin};

const fn rule(
    situation: Situation,
    when: &'static str,
    [read, keyed_write, unkeyed_write]: [Verdict; 3],
    effect: Effect,
    kind: ErrorKind,
    why: &'static str,
) -> Rule {
    Rule {
        situation,
        when,
        read,
        keyed_write,
        unkeyed_write,
        effect,
        kind,
        why,
    }
}

/// Every rule, in the order of the printed table.
pub const RULES: [Rule; 16] = [
    ACCEPTED,
    NOT_CONNECTED,
    NO_ANSWER,
    ANSWER_CUT_SHORT,
    RATE_LIMITED,
    IN_FLIGHT,
    KEY_REUSED,
    CONFLICT,
    REQUEST_TIMEOUT,
    SERVER_ERROR,
    CARD_REFUSED,
    NOT_AUTHORIZED,
    NOT_FOUND,
    REJECTED,
    FOREIGN,
    UNEXPECTED,
];

const ACCEPTED: Rule = rule(
    Situation::Accepted,
    "2xx",
    [Accept, Accept, Accept],
    Effect::Done,
    ErrorKind::Undecodable,
    "Flowlix did it, or replayed what it did; nothing is sent again, whatever the body holds",
);
const NOT_CONNECTED: Rule = rule(
    Situation::NotConnected,
    "no connection",
    [Retry, Retry, GiveUp],
    Effect::Nothing,
    ErrorKind::NotSent,
    "the request never left",
);
const NO_ANSWER: Rule = rule(
    Situation::NoAnswer,
    "sent, then a reset, a closed connection or a timeout",
    [Retry, Retry, GiveUp],
    Effect::Possible,
    ErrorKind::Unavailable,
    "Flowlix may have acted; the same key and bytes replay the result instead of acting twice",
);
const ANSWER_CUT_SHORT: Rule = rule(
    Situation::AnswerCutShort,
    "an answer whose body broke off",
    [Retry, Retry, GiveUp],
    Effect::Possible,
    ErrorKind::Unavailable,
    "Flowlix has acted or refused, and the answer is lost; the same key replays it",
);
const RATE_LIMITED: Rule = rule(
    Situation::RateLimited,
    "429",
    [Retry, Retry, GiveUp],
    Effect::Nothing,
    ErrorKind::RateLimited,
    "refused before it was looked at; Retry-After says when to come back",
);
const IN_FLIGHT: Rule = rule(
    Situation::InFlight,
    "409, the message says that the request is being processed",
    [GiveUp, WaitForTwin, GiveUp],
    Effect::Possible,
    ErrorKind::Unavailable,
    "the first request with this key is still running; its result will be replayed",
);
const KEY_REUSED: Rule = rule(
    Situation::KeyReused,
    "409, the message says that the body differs",
    [GiveUp, GiveUp, GiveUp],
    Effect::Nothing,
    ErrorKind::KeyReused,
    "the key belongs to another request, which may have been carried out; sending again can never succeed",
);
const CONFLICT: Rule = rule(
    Situation::Conflict,
    "409 in other words",
    [GiveUp, GiveUp, GiveUp],
    Effect::Possible,
    ErrorKind::Rejected,
    "either of the two: a request that is still running, or another body; guessing would be a lie",
);
const REQUEST_TIMEOUT: Rule = rule(
    Situation::RequestTimeout,
    "408",
    [Retry, Retry, GiveUp],
    Effect::Possible,
    ErrorKind::Unavailable,
    "something on the way gave up waiting; how much of the request got through is not known",
);
const SERVER_ERROR: Rule = rule(
    Situation::ServerError,
    "5xx",
    [Retry, Retry, GiveUp],
    Effect::Possible,
    ErrorKind::Unavailable,
    "Flowlix or a proxy failed, perhaps after acting; only 2xx are stored, so the same key runs again",
);
const CARD_REFUSED: Rule = rule(
    Situation::CardRefused,
    "4xx of type card_error",
    [GiveUp, GiveUp, GiveUp],
    Effect::Nothing,
    ErrorKind::Declined,
    "the card was declined at once and this request created nothing; the next card goes out under the same key",
);
const NOT_AUTHORIZED: Rule = rule(
    Situation::NotAuthorized,
    "401, 403",
    [GiveUp, GiveUp, GiveUp],
    Effect::Nothing,
    ErrorKind::Authentication,
    "the key is wrong, revoked, or of the other mode",
);
const NOT_FOUND: Rule = rule(
    Situation::NotFound,
    "404",
    [GiveUp, GiveUp, GiveUp],
    Effect::Nothing,
    ErrorKind::NotFound,
    "there is no such payment for this key",
);
const REJECTED: Rule = rule(
    Situation::Rejected,
    "any other 4xx",
    [GiveUp, GiveUp, GiveUp],
    Effect::Nothing,
    ErrorKind::Rejected,
    "the request is not acceptable; it has to change first",
);
const FOREIGN: Rule = rule(
    Situation::Foreign,
    "a POST, and 4xx without Flowlix's error body",
    [GiveUp, Retry, GiveUp],
    Effect::Possible,
    ErrorKind::Unexpected,
    "something on the way answers in Flowlix's place, and what Flowlix did is not known; the same key asks again",
);
const UNEXPECTED: Rule = rule(
    Situation::Unexpected,
    "any other status, such as a redirect",
    [GiveUp, GiveUp, GiveUp],
    Effect::Possible,
    ErrorKind::Unexpected,
    "Flowlix documents no such answer; card data is never sent after a redirect",
);

/// Finds the rule for what happened.
#[must_use]
pub fn classify(facts: &Facts<'_>) -> &'static Rule {
    match (facts.reach, facts.status) {
        (Reach::NotConnected, _) => &NOT_CONNECTED,
        (Reach::NoAnswer, _) | (Reach::Answered, None) => &NO_ANSWER,
        (Reach::AnswerCutShort, _) => &ANSWER_CUT_SHORT,
        (Reach::Answered, Some(status)) => answered(status, facts),
    }
}

fn answered(status: u16, facts: &Facts<'_>) -> &'static Rule {
    // Every error of Flowlix's has a type and a message ("Errors").
    let is_flowlixs = facts.error_type.is_some() || facts.message.is_some();
    match status {
        200..=299 => &ACCEPTED,
        400..=407 | 409..=499 if facts.class != Class::Read && !is_flowlixs => &FOREIGN,
        401 | 403 => &NOT_AUTHORIZED,
        404 => &NOT_FOUND,
        408 => &REQUEST_TIMEOUT,
        409 => conflict(facts.message),
        429 => &RATE_LIMITED,
        400..=499
            if facts
                .error_type
                .is_some_and(|kind| kind.eq_ignore_ascii_case("card_error")) =>
        {
            &CARD_REFUSED
        }
        400..=499 => &REJECTED,
        500..=599 => &SERVER_ERROR,
        _ => &UNEXPECTED,
    }
}

/// How a message says that the body differs. "Use a different key" is advice that either conflict may give.
const DIFFERS: [&str; 3] = ["different request", "different body", "different param"];

/// Both meanings of 409 carry one code, so only the message tells them apart; see the "Idempotency" part
/// of the documentation. Words that this function does not know are taken for neither.
fn conflict(message: Option<&str>) -> &'static Rule {
    let message = message.unwrap_or_default().to_ascii_lowercase();
    if message.contains("being processed") || message.contains("in progress") {
        &IN_FLIGHT
    } else if DIFFERS.iter().any(|words| message.contains(words)) {
        &KEY_REUSED
    } else {
        &CONFLICT
    }
}

/// The table as Markdown: the documentation of this module is exactly this text.
#[must_use]
pub fn table() -> String {
    let mut text = String::from(INTRODUCTION);
    for rule in &RULES {
        text.push_str(&format!(
            "| {} | {} | {} | {} | {} | {} | {} |\n",
            rule.when,
            rule.read,
            rule.keyed_write,
            rule.unkeyed_write,
            rule.effect,
            rule.kind,
            rule.why
        ));
    }
    text
}

const INTRODUCTION: &str = "\
What a failure means: one table decides for every call.

*Effect* is what a write may have done. Once an attempt was *possible*, the call is in doubt: if it ends
without a 2xx its error is `outcome unknown`, whatever the last answer was, because a refusal of the last
attempt says nothing about the first. Only a 2xx ends the doubt.

A 2xx is an error only if its body is no result: one that cannot be read is `undecodable`, one about something
else than was asked for `mismatched`; of a write both are told as `accepted but …`.

A retry happens only while attempts, time and the retry budget last, and for a write while its key is
younger than 23 hours.

| when | GET | POST with key | POST without key | effect | error | why |
|---|---|---|---|---|---|---|
";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn facts(reach: Reach, status: Option<u16>) -> Facts<'static> {
        Facts {
            class: Class::KeyedWrite,
            reach,
            status,
            error_type: Some("some_error"),
            message: None,
        }
    }

    #[test]
    fn the_documentation_is_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/decisions.md");
        if std::env::var_os("UPDATE_DECISIONS").is_some() {
            std::fs::write(path, table()).unwrap();
        }
        let printed = std::fs::read_to_string(path).unwrap();
        assert_eq!(
            table(),
            printed,
            "review the change, then run this test with UPDATE_DECISIONS=1"
        );
    }

    #[test]
    fn every_situation_has_one_rule() {
        let mut seen: Vec<Situation> = RULES.iter().map(|rule| rule.situation).collect();
        seen.dedup();
        assert_eq!(seen.len(), RULES.len());
    }

    #[test]
    fn statuses_find_their_rule() {
        for (status, situation) in [
            (200, Situation::Accepted),
            (201, Situation::Accepted),
            (204, Situation::Accepted),
            (302, Situation::Unexpected),
            (100, Situation::Unexpected),
            (400, Situation::Rejected),
            (401, Situation::NotAuthorized),
            (402, Situation::Rejected),
            (403, Situation::NotAuthorized),
            (404, Situation::NotFound),
            (408, Situation::RequestTimeout),
            (409, Situation::Conflict),
            (422, Situation::Rejected),
            (429, Situation::RateLimited),
            (500, Situation::ServerError),
            (502, Situation::ServerError),
            (503, Situation::ServerError),
            (504, Situation::ServerError),
            (999, Situation::Unexpected),
        ] {
            assert_eq!(
                classify(&facts(Reach::Answered, Some(status))).situation,
                situation,
                "{status}"
            );
        }
        for (reach, situation) in [
            (Reach::NotConnected, Situation::NotConnected),
            (Reach::NoAnswer, Situation::NoAnswer),
            (Reach::AnswerCutShort, Situation::AnswerCutShort),
        ] {
            assert_eq!(classify(&facts(reach, Some(201))).situation, situation);
        }
    }

    #[test]
    fn a_card_error_is_a_decline_whatever_its_status_and_spelling() {
        for (status, error_type) in [
            (402, "card_error"),
            (422, "CARD_ERROR"),
            (400, "card_error"),
        ] {
            let facts = Facts {
                error_type: Some(error_type),
                ..facts(Reach::Answered, Some(status))
            };
            assert_eq!(classify(&facts).situation, Situation::CardRefused);
        }
    }

    #[test]
    fn a_refusal_that_is_not_flowlixs_word_settles_no_write() {
        for status in [400, 401, 402, 403, 404, 409, 422, 429, 499] {
            let foreign = Facts {
                error_type: None,
                ..facts(Reach::Answered, Some(status))
            };
            let rule = classify(&foreign);
            assert_eq!(rule.situation, Situation::Foreign, "{status}");
            let named = Facts {
                message: Some("No."),
                ..foreign
            };
            assert_ne!(classify(&named).situation, Situation::Foreign, "{status}");
            let read = Facts {
                class: Class::Read,
                ..foreign
            };
            assert_ne!(classify(&read).situation, Situation::Foreign, "{status}");
        }
    }

    #[test]
    fn the_two_conflicts_are_told_apart_by_their_words_and_never_guessed() {
        for (message, situation) in [
            (
                Some("A request with this key is currently being processed."),
                Situation::InFlight,
            ),
            (
                Some("This key was used with a different request body."),
                Situation::KeyReused,
            ),
            (
                Some("A different request with this key is currently being processed."),
                Situation::InFlight,
            ),
            (
                Some("The first request is still in progress."),
                Situation::InFlight,
            ),
            (
                Some("Keys cannot be used again with different parameters."),
                Situation::KeyReused,
            ),
            (
                Some("This key belongs to a different request."),
                Situation::KeyReused,
            ),
            (Some("Idempotency key in use."), Situation::Conflict),
            (
                Some("The key is in use: wait for this request, or use a different key."),
                Situation::Conflict,
            ),
            (None, Situation::Conflict),
        ] {
            let facts = Facts {
                message,
                ..facts(Reach::Answered, Some(409))
            };
            assert_eq!(classify(&facts).situation, situation, "{message:?}");
        }
    }

    #[test]
    fn a_write_without_a_key_is_never_sent_twice() {
        for rule in &RULES {
            assert!(
                matches!(rule.unkeyed_write, Accept | GiveUp),
                "{:?}",
                rule.situation
            );
        }
    }

    #[test]
    fn whatever_may_have_acted_leaves_a_doubt() {
        let certain: Vec<Situation> = RULES
            .iter()
            .filter(|rule| rule.effect == Effect::Nothing)
            .map(|rule| rule.situation)
            .collect();
        assert_eq!(
            certain,
            [
                Situation::NotConnected,
                Situation::RateLimited,
                Situation::KeyReused,
                Situation::CardRefused,
                Situation::NotAuthorized,
                Situation::NotFound,
                Situation::Rejected,
            ]
        );
    }
}
