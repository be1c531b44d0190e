//! The kinds of failure, and what each asks of the caller.

use std::fmt;

/// What kind of failure an [`Error`](crate::Error) is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The client cannot be built: key, address, TLS.
    Configuration,
    /// Refused before sending: the request breaks documented rules.
    InvalidRequest,
    /// Refused before sending: the idempotency key is 23 hours old and protects no longer. An earlier call with
    /// it may have taken effect.
    KeyTooOld,
    /// No connection was made, and no earlier attempt of the call can have been carried out.
    NotSent,
    /// A write was sent, and whether it was carried out is not known.
    OutcomeUnknown,
    /// A write was accepted (2xx), and the answer cannot be read.
    AcceptedButUndecodable,
    /// A write was accepted (2xx), and the answer is about something else than was asked for.
    AcceptedButMismatched,
    /// A read was answered, and the answer cannot be read.
    Undecodable,
    /// A read was answered, and the answer is about something else than was asked for.
    Mismatched,
    /// The card was declined at once (`card_error`), and no payment was created: the next card goes out under the
    /// same key.
    Declined,
    /// Flowlix rejected the request: it has to change first.
    Rejected,
    /// There is no such payment for this API key.
    NotFound,
    /// The API key is wrong, revoked, or of the other mode.
    Authentication,
    /// The idempotency key belongs to a request with another body, which may have been carried out. This
    /// request did nothing.
    KeyReused,
    /// Too many requests. This request did nothing.
    RateLimited,
    /// A read failed through no fault of the request: network, or Flowlix itself.
    Unavailable,
    /// An answer that Flowlix documents nowhere, such as a redirect.
    Unexpected,
    /// Refused before sending: the journal could not record the write, or forbids it. Whether an earlier call
    /// may have taken effect, [`may_have_taken_effect`](crate::Error::may_have_taken_effect) says.
    Journal,
    /// The payment, or the refund, had no outcome when the wait ended. It may still get one.
    WaitTimeout,
    /// Refused before sending: the blocking client was called on a thread of an async runtime.
    BlockingInAsync,
    /// Flowlix has more payments to list, and answers no way to go on, or goes in circles.
    ListStuck,
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Configuration => "configuration",
            Self::InvalidRequest => "invalid request, not sent",
            Self::KeyTooOld => "idempotency key too old, not sent",
            Self::NotSent => "not sent",
            Self::OutcomeUnknown => "outcome unknown",
            Self::AcceptedButUndecodable => "accepted but undecodable",
            Self::AcceptedButMismatched => "accepted but mismatched",
            Self::Undecodable => "undecodable",
            Self::Mismatched => "mismatched",
            Self::Declined => "declined",
            Self::Rejected => "rejected",
            Self::NotFound => "not found",
            Self::Authentication => "authentication",
            Self::KeyReused => "idempotency key reused",
            Self::RateLimited => "rate limited",
            Self::Unavailable => "unavailable",
            Self::Unexpected => "unexpected answer",
            Self::Journal => "journal, not sent",
            Self::WaitTimeout => "wait timed out",
            Self::BlockingInAsync => "blocking call in an async runtime, not sent",
            Self::ListStuck => "list stuck",
        })
    }
}

impl ErrorKind {
    /// The kind of this name, of those in which a write ends that was not carried out.
    pub(crate) fn of_refusal(name: &str) -> Option<Self> {
        let refusals = [
            Self::Declined,
            Self::Rejected,
            Self::NotFound,
            Self::Authentication,
            Self::RateLimited,
            Self::KeyTooOld,
        ];
        refusals.into_iter().find(|kind| kind.to_string() == name)
    }

    /// What the caller can do, in one clause.
    pub(crate) fn advice(self) -> Option<&'static str> {
        match self {
            Self::InvalidRequest | Self::Configuration | Self::Rejected | Self::Unexpected => None,
            Self::KeyTooOld => Some(
                "look the payment up; start a new request with a new key only if there is none",
            ),
            Self::NotSent | Self::Unavailable | Self::RateLimited => {
                Some("the same call may be repeated")
            }
            Self::OutcomeUnknown => Some("repeat the same call with this key to learn the outcome"),
            Self::AcceptedButUndecodable => {
                Some("do not start a new one: Flowlix has accepted this one")
            }
            Self::AcceptedButMismatched => Some(
                "do not start a new one: Flowlix has accepted one; see json_path() and raw_body()",
            ),
            Self::Undecodable | Self::Mismatched => Some("see json_path() and raw_body()"),
            Self::Declined => Some("ask for another card, and send it with the same key"),
            Self::NotFound => Some("check the id, and that key and payment are of one mode"),
            Self::Authentication => Some("check the API key"),
            Self::Journal => Some("the same call may be repeated once that is settled"),
            Self::KeyReused => Some(
                "the request that this key belongs to may have been carried out: look it up; only another intent needs another key",
            ),
            Self::WaitTimeout => Some("wait again: what was begun goes on by itself"),
            Self::BlockingInAsync => Some("use the async client there"),
            Self::ListStuck => {
                Some("the list is not complete; go on from its cursor, or with narrower filters")
            }
        }
    }
}
