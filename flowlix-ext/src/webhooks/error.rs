//! Why a delivery is not taken.

use std::fmt;
use std::time::Duration;

use super::SIGNATURE_HEADER;
use super::signature::HeaderFault;
use crate::failure::text::printable;

/// Why a delivery is not taken for an event of Flowlix. Holds no secret, no signature and no body.
///
/// Only a delivery whose signature matched is called too old or from the future, so those two speak of the
/// clocks or of a replay, never of a stranger's guess.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum WebhookError {
    /// The request has no `Flowlix-Signature` header.
    MissingHeader,
    /// The header cannot be read.
    MalformedHeader(HeaderFault),
    /// No signature was made by one of the secrets over these bytes and this timestamp.
    NoMatch,
    /// Genuine, and signed longer ago than is tolerated.
    TooOld {
        /// How long ago it was signed, by the clock of this machine.
        age: Duration,
    },
    /// Genuine, and signed further in the future than is tolerated.
    InTheFuture {
        /// How far ahead of the clock of this machine.
        ahead: Duration,
    },
    /// Genuine, and not an event.
    Unreadable(UnreadableEvent),
}

impl WebhookError {
    /// Whether the signature matched one of the secrets: Flowlix, or someone who repeats it, sent these
    /// bytes.
    #[must_use]
    pub fn is_authentic(&self) -> bool {
        matches!(
            self,
            Self::TooOld { .. } | Self::InTheFuture { .. } | Self::Unreadable(_)
        )
    }
}

impl fmt::Display for WebhookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingHeader => write!(
                f,
                "webhook refused: no {SIGNATURE_HEADER} header; not from Flowlix, or a proxy removed it"
            ),
            Self::MalformedHeader(fault) => {
                write!(f, "webhook refused: malformed {SIGNATURE_HEADER} header: {fault}")
            }
            Self::NoMatch => f.write_str(
                "webhook refused: no signature matches; check that the secret is this endpoint's, and that \
                 the body is the bytes as received, not JSON written anew",
            ),
            Self::TooOld { age } => write!(
                f,
                "webhook refused: signed {} s ago; a replay, or this machine's clock is fast",
                age.as_secs()
            ),
            Self::InTheFuture { ahead } => write!(
                f,
                "webhook refused: signed {} s in the future; check this machine's clock",
                ahead.as_secs()
            ),
            Self::Unreadable(error) => write!(f, "webhook genuine, but {error}"),
        }
    }
}

impl std::error::Error for WebhookError {}

impl From<UnreadableEvent> for WebhookError {
    fn from(error: UnreadableEvent) -> Self {
        Self::Unreadable(error)
    }
}

/// A body without an event's `id` and `type`: all that an envelope has to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableEvent {
    pub(super) path: String,
}

impl UnreadableEvent {
    /// Where in the JSON the body stopped making sense; `.` is the whole.
    #[must_use]
    pub fn json_path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for UnreadableEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the body is not an event with id and type (at {})",
            self.path
        )
    }
}

impl std::error::Error for UnreadableEvent {}

/// A path through a body, fit to be shown: the names of members are the body's own, and may be anything.
pub(super) fn shown_path(path: &serde_path_to_error::Path) -> String {
    printable(&path.to_string())
}
