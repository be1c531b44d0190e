//! What a journal keeps of one write.

use std::fmt;

use flowlix_api::Dialect;
use flowlix_api::model::PaymentId;
use serde::{Deserialize, Serialize};

use super::error::JournalError;
use crate::failure::text::one_line;
use crate::key::Mode;
pub(super) use crate::runtime::{millis, moment, span_millis};

/// Whose writes: one merchant in one mode. Test and live writes never meet.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Scope {
    /// The merchant's name in this journal, empty unless
    /// [`FlowlixBuilder::journal_account`](crate::FlowlixBuilder::journal_account) gives one.
    pub account: String,
    /// Test or live.
    #[serde(with = "mode_text")]
    pub mode: Mode,
}

impl Scope {
    /// The scope of an account in a mode.
    #[must_use]
    pub fn new(account: impl Into<String>, mode: Mode) -> Self {
        Self {
            account: account.into(),
            mode,
        }
    }

    /// The mode as stores write it: `test` or `live`.
    #[must_use]
    pub fn mode_text(&self) -> &'static str {
        mode_text::of(self.mode)
    }
}

/// What names a record: an idempotency key. One key is for one write, whatever its operation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RecordId {
    /// Whose write.
    pub scope: Scope,
    /// The text of the idempotency key.
    pub key: String,
}

impl RecordId {
    /// The name of a key's record.
    #[must_use]
    pub fn new(scope: Scope, key: impl Into<String>) -> Self {
        Self {
            scope,
            key: key.into(),
        }
    }
}

/// One write: what was about to be sent, and what came of it.
///
/// Holds no card number and no security code, nor anything that depends on more of them than the last four
/// digits. A payment's answer may hold the customer's name and address: treat a journal like the rest of your
/// customers' data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Record {
    /// The name.
    pub id: RecordId,
    /// 1 when first stored, one more with each change: see [`Journal::store`](super::Journal::store).
    pub version: u64,
    /// The operation's name, such as `create_direct_payment`.
    pub operation: String,
    /// The dialect that it is sent in.
    #[serde(with = "dialect_text")]
    pub dialect: Dialect,
    /// Tells API keys apart without showing them.
    pub credential: String,
    /// Tells requests apart without showing them: an HMAC-SHA256 of everything that is sent, the card as its
    /// last four digits, expiry and holder.
    pub fingerprint: String,
    /// What the payment or refund carries in its metadata, so that it can be found again.
    pub stamp: Option<String>,
    /// Minor units, as sent.
    pub amount: Option<i64>,
    /// ISO 4217, in upper case.
    pub currency: Option<String>,
    /// The payment that a refund is for.
    pub payment_id: Option<PaymentId>,
    /// Your order's reference.
    pub merchant_reference: Option<String>,
    /// The reason of a refund.
    pub reason: Option<String>,
    /// When it was recorded, right before it was first sent; Unix milliseconds.
    pub started_at: i64,
    /// From when on this SDK sends nothing more of it; Unix milliseconds. While it is
    /// [`Sending`](State::Sending), the caller that sends holds the record until then.
    pub quiet_from: i64,
    /// By how many seconds the clock that the times are from was ahead of Flowlix's (negative: behind), as far as
    /// an answer had told when the outcome was stored.
    #[serde(default)]
    pub seconds_ahead: Option<i64>,
    /// Whether the key may have been sent by a call that the journal does not know, and whose payment shows no mark.
    #[serde(default)]
    pub used_elsewhere: bool,
    /// The client that sends, or sent last.
    pub holder: String,
    /// When the record last changed; Unix milliseconds.
    pub changed_at: i64,
    /// How far it is.
    pub state: State,
}

impl Record {
    /// The record as text, for a store.
    ///
    /// # Errors
    /// When it cannot be written as JSON; records that this SDK makes always can.
    pub fn to_json(&self) -> Result<String, JournalError> {
        serde_json::to_string(self)
            .map_err(|error| JournalError::caused_by("a record cannot be written as JSON", error))
    }

    /// Whether it is certain that it was not carried out.
    pub(super) fn is_not_done(&self) -> bool {
        matches!(self.state, State::NotDone { .. })
    }

    /// By how many seconds the clock was set forward since the record's times were taken, or differs from the one
    /// that they are from, when it is this far ahead of Flowlix's now. `None` where no answer had told.
    pub(super) fn set_forward(&self, seconds_ahead: Option<i64>) -> Option<i64> {
        Some(seconds_ahead?.saturating_sub(self.seconds_ahead?))
    }

    /// Until when somebody may be sending it, by our clock; `None` when nobody is.
    pub(super) fn held_until(&self, seconds_ahead: Option<i64>) -> Option<i64> {
        let set_forward = self.set_forward(seconds_ahead).unwrap_or_default();
        let until = self
            .quiet_from
            .saturating_add(set_forward.saturating_mul(1000));
        (self.state == State::Sending).then_some(until)
    }

    /// A moment of a clock that is this far ahead of Flowlix's, by the clock that the record's times are from: the
    /// latest that it can be. A clock of which no answer had told is taken for right, as when it is looked for.
    pub(super) fn by_its_clock(&self, moment: i64, seconds_ahead: Option<i64>) -> i64 {
        let its = self.seconds_ahead.unwrap_or_default();
        let set_forward = match seconds_ahead {
            Some(ahead) => ahead.saturating_sub(its),
            // Ours may be right, or wrong as its own is.
            None => its.saturating_neg().min(0),
        };
        moment.saturating_sub(set_forward.saturating_mul(1000))
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    /// When the text is not a record of this release or an earlier one.
    pub fn from_json(text: &str) -> Result<Self, JournalError> {
        serde_json::from_str(text).map_err(|error| {
            // The text of serde's error quotes the record.
            let place = format!("line {} column {}", error.line(), error.column());
            JournalError::new(format!("a stored record cannot be read at {place}"))
        })
    }

    /// What a store keeps under this name.
    #[cfg(any(feature = "journal-sqlite", feature = "journal-postgres"))]
    pub(super) fn read(id: &RecordId, json: &str) -> Result<Self, JournalError> {
        let record = Self::from_json(json)?;
        if record.id != *id {
            return Err(JournalError::new("a stored record is about another key"));
        }
        Ok(record)
    }
}

/// An entry of [`Journal::unsettled`](super::Journal::unsettled): a record, or what is known of one that cannot be
/// read.
pub type Unsettled = Result<Record, UnreadableRecord>;

/// A record that is in the journal and cannot be read: it is damaged, or was written by a later release.
///
/// What became of its write is not known, so a call with its key sends nothing. It stays until it is repaired or
/// deleted by hand; before it is deleted, look for what was sent with the key.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct UnreadableRecord {
    /// The name that it is stored under.
    pub id: RecordId,
    /// Why it cannot be read.
    pub error: JournalError,
}

impl UnreadableRecord {
    /// What is known of such a record; for those who write a store.
    #[must_use]
    pub fn new(id: RecordId, error: JournalError) -> Self {
        Self { id, error }
    }
}

impl fmt::Display for UnreadableRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Nobody knows what else has become of a row that is damaged.
        let key = one_line(&self.id.key);
        let Self { error, .. } = self;
        write!(
            f,
            "a write with key {key}: still unknown, look for it by hand: {error}"
        )
    }
}

// Its text tells the error already.
impl std::error::Error for UnreadableRecord {}

/// How far a write is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
#[non_exhaustive]
pub enum State {
    /// It is being sent, or its process died while it was.
    Sending,
    /// It was sent, and what came of it is not known.
    InDoubt,
    /// Flowlix accepted it.
    Accepted {
        /// The answer in the model's form.
        result: serde_json::Value,
        /// Flowlix's id of the request.
        request_id: Option<String>,
    },
    /// It was certainly not carried out: another request may go out under the same key.
    NotDone {
        /// Why.
        why: String,
    },
}

impl State {
    /// Whether it is known what came of it.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        matches!(self, Self::Accepted { .. } | Self::NotDone { .. })
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sending => "sending",
            Self::InDoubt => "in doubt",
            Self::Accepted { .. } => "accepted",
            Self::NotDone { .. } => "not done",
        })
    }
}

mod mode_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::key::Mode;

    pub(super) fn of(mode: Mode) -> &'static str {
        match mode {
            Mode::Test => "test",
            Mode::Live => "live",
        }
    }

    pub(super) fn serialize<S: Serializer>(mode: &Mode, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(of(*mode))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Mode, D::Error> {
        match String::deserialize(from)?.as_str() {
            "test" => Ok(Mode::Test),
            "live" => Ok(Mode::Live),
            _ => Err(D::Error::custom("a mode is test or live")),
        }
    }
}

mod dialect_text {
    use flowlix_api::Dialect;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(dialect: &Dialect, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(dialect.name())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Dialect, D::Error> {
        let name = String::deserialize(from)?;
        [Dialect::SnakeCase, Dialect::Uppercase]
            .into_iter()
            .find(|dialect| dialect.name() == name)
            .ok_or_else(|| D::Error::custom("a dialect is snake_case or uppercase"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn moments_survive_at_either_end() {
        for at in [i64::MIN, -1, 0, 1_719_792_000_123, i64::MAX] {
            let shown = moment(at);
            assert!(
                millis(shown) == at || shown == SystemTime::UNIX_EPOCH,
                "{at}"
            );
        }
        assert_eq!(span_millis(Duration::MAX), i64::MAX);
    }

    #[test]
    fn a_moment_of_another_clock_is_set_right_as_far_as_answers_told() {
        for (ours, its, expected) in [
            (Some(30), Some(30), 100_000),
            (Some(30), Some(10), 80_000),
            (Some(-10), Some(10), 120_000),
            // Its clock is taken for right.
            (Some(30), None, 70_000),
            (None, None, 100_000),
            // Ours may be right, or as its own: the later of both.
            (None, Some(30), 130_000),
            (None, Some(-30), 100_000),
        ] {
            let mut record = Record::from_json(RECORD).unwrap();
            record.seconds_ahead = its;
            let moment = record.by_its_clock(100_000, ours);
            assert_eq!(moment, expected, "{ours:?} {its:?}");
        }
    }

    const RECORD: &str = r#"{
        "id": {"scope": {"account": "", "mode": "test"}, "key": "k"}, "version": 1,
        "operation": "create_refund", "dialect": "uppercase", "credential": "", "fingerprint": "",
        "stamp": null, "amount": null, "currency": null, "payment_id": null,
        "merchant_reference": null, "reason": null, "started_at": 0, "quiet_from": 0,
        "holder": "", "changed_at": 0, "state": {"is": "sending"}
    }"#;
}
