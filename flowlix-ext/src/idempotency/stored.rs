//! How a key is stored: its text with its age, never one without the other.

use std::time::SystemTime;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use super::IdempotencyKey;

#[derive(Serialize, Deserialize)]
struct Stored<T> {
    text: T,
    created_at: SystemTime,
}

/// The text, and [`created_at`](IdempotencyKey::created_at) to the nanosecond. A key that has no moment yet is
/// refused: read back it would count as never used, and be sent again when it no longer protects. Give it one
/// with [`with_created_at`](IdempotencyKey::with_created_at) for what you store; the key of a receipt or of an
/// error has one.
impl Serialize for IdempotencyKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let created_at = self.created_at.ok_or_else(|| {
            ser::Error::custom(
                "an idempotency key without a moment of creation cannot be stored: \
                 give it one with `with_created_at`",
            )
        })?;
        let text = self.as_str();
        Stored { text, created_at }.serialize(serializer)
    }
}

/// As by [`restored`](IdempotencyKey::restored): a call that nobody knows of may have used the key.
impl<'de> Deserialize<'de> for IdempotencyKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = Stored::<String>::deserialize(deserializer)?;
        Self::restored(stored.text, stored.created_at).map_err(de::Error::custom)
    }
}
