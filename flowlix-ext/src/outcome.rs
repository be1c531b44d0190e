//! How a finished call is told: a receipt where Flowlix accepted it, an honest error where it did not.

use crate::call::answer::Fault;
use crate::call::decision::Situation;
use crate::call::engine::{Call, Last};
use crate::call::history::{Seconds, StopReason};
use crate::call::operation::Operation;
use crate::error::{Error, Parts};
use crate::failure::ErrorKind;
use crate::failure::text::printable;
use crate::reply::Receipt;

impl Receipt {
    /// How an accepted call went.
    pub(crate) fn of(call: &Call) -> Self {
        let record = call.record();
        let request_id = record
            .last
            .as_ref()
            .and_then(|last| last.answer.request_id.clone());
        Self::answered(
            call.operation(),
            // Whoever uses it again does so after a call that was carried out.
            call.key().map(|key| key.clone().doubted(true)),
            request_id,
            record.attempts.clone(),
            call.elapsed(),
        )
    }
}

impl Error {
    /// How a call ended that was not accepted.
    pub(crate) fn from_call(call: &Call) -> Self {
        ended(call).into()
    }

    /// Flowlix accepted, and what it answered cannot be read.
    pub(crate) fn undecodable(call: &Call, path: String) -> Self {
        call.note_undecodable(&path);
        let kinds = [ErrorKind::AcceptedButUndecodable, ErrorKind::Undecodable];
        of_no_use(call, kinds, path).into()
    }

    /// Flowlix accepted, and what it answered is about something else than was asked for.
    pub(crate) fn mismatched(call: &Call, member: &str) -> Self {
        call.note_mismatched(member);
        let kinds = [ErrorKind::AcceptedButMismatched, ErrorKind::Mismatched];
        let mut parts = of_no_use(call, kinds, member.to_owned());
        let status = parts.status.unwrap_or_default();
        parts.cause = format!("HTTP {status}, and its body is not about what was asked for");
        parts.into()
    }
}

/// An answer that is accepted and is no result: of one kind for a write, of the other for a read.
fn of_no_use(call: &Call, [write, read]: [ErrorKind; 2], path: String) -> Parts {
    let kind = if call.operation().is_write() {
        write
    } else {
        read
    };
    let raw_body = call.whole_body();
    let path = Some(path);
    Parts {
        kind,
        raw_body,
        path,
        ..ended(call)
    }
}

fn ended(call: &Call) -> Parts {
    let mut record = call.record();
    let refused = std::mem::take(&mut record.refused);
    let attempts = std::mem::take(&mut record.attempts);
    let (last, stop, in_doubt) = (record.last.take(), record.stop, record.in_doubt);
    drop(record);
    let operation = Some(call.operation());
    if !refused.is_empty() {
        let mut parts = Parts::new(ErrorKind::InvalidRequest, operation, "");
        parts.violations = refused;
        return parts;
    }
    let mut parts = match last {
        Some(last) => answered(call.operation(), last),
        None => {
            let (kind, cause) = match stop {
                Some(StopReason::KeyAge) => (ErrorKind::KeyTooOld, "it grew too old meanwhile"),
                Some(_) => (ErrorKind::NotSent, "there was no time left to send it"),
                None => (ErrorKind::NotSent, "no HTTP request could be made of it"),
            };
            Parts::new(kind, operation, cause)
        }
    };
    // Of a key that is too old it is known that nothing settles it.
    if in_doubt && parts.kind != ErrorKind::KeyTooOld {
        parts.kind = ErrorKind::OutcomeUnknown;
    }
    Parts {
        attempts,
        stop,
        elapsed: call.elapsed(),
        key: call.key().cloned(),
        ..parts
    }
}

/// What the last attempt brought.
fn answered(operation: Operation, last: Last) -> Parts {
    let mut parts = Parts::new(last.rule.kind, Some(operation), cause(&last));
    let answer = last.answer;
    parts.status = answer.status.map(|status| status.as_u16());
    parts.request_id = answer.request_id;
    parts.detail = answer.detail;
    parts.retry_after = answer.retry_after;
    match answer.fault {
        Some(Fault::Http(source)) => {
            parts.timed_out = source.is_timeout();
            parts.source = Some(Box::new(source.without_url()));
        }
        Some(Fault::AttemptTimeout(_)) => parts.timed_out = true,
        Some(Fault::BodyTooLarge(_)) | None => {}
    }
    parts
}

/// What the last attempt ended with.
fn cause(last: &Last) -> String {
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
