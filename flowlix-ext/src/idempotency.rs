//! Idempotency keys: what makes repeating a POST safe.
//!
//! Flowlix answers a repeat with the same key and the same bytes with the stored result. It keeps a key
//! for 24 hours; after that the key is new again and a repeat **can charge twice**. So: one key for one
//! payment attempt, stored with the order.
//!
//! Start the next attempt (a new key) only when the payment of the current one failed, expired or was canceled.
//! Flowlix stores accepted requests only. A card that was declined at once has created no payment: the next card goes
//! out under the same key. Flowlix creates at most one payment per key, so a second click cannot add a charge.

mod stored;
pub(crate) mod used;

use std::fmt;
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

use crate::runtime::{RandomUnavailable, Runtime, SystemRuntime};

/// How long a key may be used by this SDK, 23 hours: one hour less than Flowlix keeps it, so that no request is
/// under way when the key stops protecting.
pub const KEY_LIFETIME: Duration = Duration::from_secs(23 * 60 * 60);

/// How far the clock that dated a key may be ahead of ours.
const CLOCKS_APART: Duration = Duration::from_secs(60 * 60);

/// Longest key that Flowlix takes, in characters ("Create a Direct API payment (API reference)").
pub const MAX_KEY_LENGTH: usize = 255;

/// The key under which Flowlix carries out a request once. Not a secret: errors and traces show it, so never
/// make one of card data.
///
/// ```
/// use flowlix_ext::IdempotencyKey;
///
/// // For a business fact: the same in each process and after a restart.
/// let key = IdempotencyKey::derive("payment", ["order-1234", "1"])?;
/// assert_eq!(key, IdempotencyKey::derive("payment", ["order-1234", "1"])?);
/// assert_ne!(key, IdempotencyKey::derive("refund", ["order-1234"])?);
///
/// // For a one-shot request: random. Store it before you send.
/// let key = IdempotencyKey::random()?;
/// assert_eq!(key.as_str().len(), 36);
/// # Ok::<(), flowlix_ext::InvalidIdempotencyKey>(())
/// ```
#[derive(Clone)]
pub struct IdempotencyKey {
    text: String,
    created_at: Option<SystemTime>,
    /// The moment was told by the caller, whose clock nobody knows.
    dated_elsewhere: bool,
    /// A call that this one knows nothing of may have sent the key and been carried out.
    in_doubt: bool,
}

impl IdempotencyKey {
    /// A random UUIDv4, created now by the system's clock. A client on a [clock of its own](crate::testing::ManualTime)
    /// may take that for a moment yet to come: there, leave the key to the client.
    ///
    /// # Errors
    /// [`InvalidIdempotencyKey::RandomUnavailable`] when the system has no randomness.
    pub fn random() -> Result<Self, InvalidIdempotencyKey> {
        Ok(Self::random_from(&SystemRuntime::new())?)
    }

    pub(crate) fn random_from(runtime: &dyn Runtime) -> Result<Self, RandomUnavailable> {
        let mut bytes = [0; 16];
        runtime.fill_random(&mut bytes)?;
        let uuid = uuid::Builder::from_random_bytes(bytes).into_uuid();
        Ok(Self {
            text: uuid.hyphenated().to_string(),
            created_at: Some(runtime.now()),
            dated_elsewhere: false,
            in_doubt: false,
        })
    }

    /// A key from what stays the same in one payment attempt, whatever its card: `derive("payment",
    /// ["order-1234", "1"])`. It starts with the namespace, followed by a SHA-256 of all parts, so nothing of
    /// the parts can be read from it. Do not use cards, amounts, timestamps or tokens that change within an attempt.
    ///
    /// # Errors
    /// When the namespace or the parts are empty, or the namespace is not 1–64 printable ASCII characters
    /// without spaces.
    pub fn derive<I>(namespace: &str, parts: I) -> Result<Self, InvalidIdempotencyKey>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let printable = namespace.bytes().all(|byte| byte.is_ascii_graphic());
        if namespace.is_empty() || namespace.len() > 64 || !printable {
            return Err(InvalidIdempotencyKey::Namespace);
        }
        let mut hash = Sha256::new();
        let mut part_count = 0_u32;
        // Lengths go in as well: ["a", "bc"] and ["ab", "c"] are different intents.
        let mut add = |part: &str| {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part.as_bytes());
        };
        add(namespace);
        for part in parts {
            let part = part.as_ref();
            if part.is_empty() {
                return Err(InvalidIdempotencyKey::EmptyPart);
            }
            add(part);
            part_count += 1;
        }
        if part_count == 0 {
            return Err(InvalidIdempotencyKey::EmptyPart);
        }
        let digest: String = hash
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Ok(Self {
            text: format!("{namespace}-{digest}"),
            created_at: None,
            dated_elsewhere: false,
            in_doubt: false,
        })
    }

    /// Your own text: 1–255 printable ASCII characters, no space at either end.
    ///
    /// # Errors
    /// When the text breaks that rule: Flowlix or an HTTP proxy would change or refuse it.
    pub fn custom(text: impl Into<String>) -> Result<Self, InvalidIdempotencyKey> {
        let text = text.into();
        if text.is_empty() {
            return Err(InvalidIdempotencyKey::Empty);
        }
        if text.len() > MAX_KEY_LENGTH {
            return Err(InvalidIdempotencyKey::TooLong);
        }
        if !text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() || byte == b' ')
            || text.trim() != text
        {
            return Err(InvalidIdempotencyKey::NotPrintable);
        }
        Ok(Self {
            text,
            created_at: None,
            dated_elsewhere: false,
            in_doubt: false,
        })
    }

    /// A key that was stored beside its intent. With serde both parts are stored as one, and what is read back is
    /// a restored key. Without it: its text as [`as_str`](Self::as_str) gave it, and when it was
    /// stored, before its first use. It is what [`with_created_at`](Self::with_created_at) makes of
    /// [`custom`](Self::custom).
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    /// use flowlix_ext::IdempotencyKey;
    ///
    /// // Before the first call: store both with the order.
    /// let key = IdempotencyKey::random()?;
    /// let (text, stored_at) = (key.as_str().to_owned(), SystemTime::now());
    ///
    /// // In another process, when the order is taken up again:
    /// let again = IdempotencyKey::restored(text, stored_at)?;
    /// assert_eq!(again, key);
    ///
    /// // Or as one, with its age:
    /// let again: IdempotencyKey = serde_json::from_str(&serde_json::to_string(&key)?)?;
    /// assert_eq!(again.created_at(), key.created_at());
    ///
    /// // A derived key is as old as its first use; what is stored must say when that was.
    /// let derived = IdempotencyKey::derive("payment", ["order-1234"])?;
    /// assert!(serde_json::to_string(&derived).is_err());
    /// serde_json::to_string(&derived.clone().with_created_at(SystemTime::now()))?; // store this, send `derived`
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    /// # Errors
    /// As for [`custom`](Self::custom).
    pub fn restored(
        text: impl Into<String>,
        stored_at: SystemTime,
    ) -> Result<Self, InvalidIdempotencyKey> {
        Ok(Self::custom(text)?.with_created_at(stored_at))
    }

    /// Says since when the key may have been in use, by a call whose outcome this process does not know. Then
    /// - no request is repeated with a key that no longer protects
    ///   ([`KeyTooOld`](crate::ErrorKind::KeyTooOld)), and
    /// - a call that is refused ends in [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown), because a
    ///   refusal says nothing about the call before it. A [journal](crate::journal) may know better, and [wants the
    ///   bare key](crate::journal#one-key-one-write).
    ///
    /// Without it a derived or custom key counts as never used before, unless the client that sends it, or a clone
    /// of it, has used it already: a client without a journal remembers the last 100,000 keys under which something
    /// may have been done. The key's age goes by our clock and, once an answer has told what that shows, by
    /// Flowlix's: the one counts by which it is older. A moment that is more than an hour ahead of our clock is
    /// refused by the call: how old the key is could not be told then.
    #[must_use]
    pub fn with_created_at(self, created_at: SystemTime) -> Self {
        self.aged(created_at).dated_elsewhere(true).doubted(true)
    }

    /// The same key, with another age.
    pub(crate) fn aged(mut self, created_at: SystemTime) -> Self {
        self.created_at = Some(created_at);
        self
    }

    /// The same key, whose moment is, or is not, by a clock that may differ from ours.
    pub(crate) fn dated_elsewhere(mut self, elsewhere: bool) -> Self {
        self.dated_elsewhere = elsewhere;
        self
    }

    /// The same key, after a call that may have been carried out, or before any.
    pub(crate) fn doubted(mut self, in_doubt: bool) -> Self {
        self.in_doubt = in_doubt;
        self
    }

    /// The same key, in doubt as another one is.
    pub(crate) fn with_doubt_of(self, other: &Self) -> Self {
        self.doubted(other.in_doubt)
    }

    /// Whether a call that this one knows nothing of may have been carried out under the key.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.in_doubt
    }

    /// The text that is sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// When the key was made, or first used; `None` for a derived or custom key before its first use.
    #[must_use]
    pub fn created_at(&self) -> Option<SystemTime> {
        self.created_at
    }

    /// A key without a moment of creation starts its life with the first send.
    pub(crate) fn used_at(mut self, now: SystemTime) -> Self {
        self.created_at.get_or_insert(now);
        self
    }

    /// How long the key still protects; as long as any when it was not used yet. Of our clock and Flowlix's the
    /// one counts by which a key that was dated elsewhere is older.
    pub(crate) fn left(&self, ours: SystemTime, flowlixs: Option<SystemTime>) -> Duration {
        // A moment that is ahead is a clock's fault, and makes no key live longer.
        let age = |now: SystemTime| {
            self.created_at
                .and_then(|created| now.duration_since(created).ok())
                .unwrap_or_default()
        };
        let flowlixs = flowlixs.filter(|_| self.dated_elsewhere);
        KEY_LIFETIME.saturating_sub(age(ours).max(flowlixs.map(age).unwrap_or_default()))
    }

    /// Whether the key claims a first use that is yet to come. Clocks differ; but beyond the hour by which
    /// [`KEY_LIFETIME`] is shorter than Flowlix's memory, the key's age could be told wrongly.
    pub(crate) fn is_from_the_future(&self, now: SystemTime) -> bool {
        self.created_at
            .and_then(|created| created.duration_since(now).ok())
            .is_some_and(|ahead| ahead > CLOCKS_APART)
    }
}

/// Two keys are equal when Flowlix would take them for the same.
impl PartialEq for IdempotencyKey {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for IdempotencyKey {}

impl std::hash::Hash for IdempotencyKey {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("IdempotencyKey").field(&self.text).finish()
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Why a key could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidIdempotencyKey {
    /// No text.
    Empty,
    /// More than [`MAX_KEY_LENGTH`] characters.
    TooLong,
    /// Control characters, non-ASCII characters, or a space at an end.
    NotPrintable,
    /// A namespace that is not 1–64 printable ASCII characters without spaces.
    Namespace,
    /// No parts, or an empty one: every order without a number would share one key.
    EmptyPart,
    /// The system has no randomness.
    RandomUnavailable,
}

impl fmt::Display for InvalidIdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the idempotency key is empty",
            Self::TooLong => "the idempotency key is longer than 255 characters",
            Self::NotPrintable => {
                "the idempotency key must be printable ASCII without a space at either end"
            }
            Self::Namespace => {
                "the namespace of a derived key must be 1 to 64 printable ASCII characters without spaces"
            }
            Self::EmptyPart => "a derived key needs at least one part and no empty part",
            Self::RandomUnavailable => "no random idempotency key: the system supplied no random bytes",
        })
    }
}

impl std::error::Error for InvalidIdempotencyKey {}

impl From<RandomUnavailable> for InvalidIdempotencyKey {
    fn from(_: RandomUnavailable) -> Self {
        Self::RandomUnavailable
    }
}

/// Makes the key for a call to which the caller gave none. Called once per call, before the first send.
pub trait KeyProvider: Send + Sync {
    /// A fresh key. Two calls must never get the same one.
    ///
    /// # Errors
    /// The call then fails before it is sent.
    fn fresh_key(&self, runtime: &dyn Runtime) -> Result<IdempotencyKey, InvalidIdempotencyKey>;
}

/// Random UUIDv4 keys: the default.
#[derive(Debug, Clone, Copy, Default)]
pub struct RandomKeys;

impl KeyProvider for RandomKeys {
    fn fresh_key(&self, runtime: &dyn Runtime) -> Result<IdempotencyKey, InvalidIdempotencyKey> {
        Ok(IdempotencyKey::random_from(runtime)?)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::ManualTime;

    #[test]
    fn derived_keys_never_change_between_releases() {
        // Stored by nobody: a service derives it again after an upgrade and must get the same text.
        let key = IdempotencyKey::derive("payment", ["order-1234"]).unwrap();
        assert_eq!(
            key.as_str(),
            "payment-a390ff7fc0e626323d9fd6a9d5bd8871fb6513db36070ddcc721440238beac7d"
        );
    }

    #[test]
    fn parts_cannot_run_into_each_other() {
        let key = |parts: &[&str]| IdempotencyKey::derive("n", parts).unwrap();
        assert_ne!(key(&["a", "bc"]), key(&["ab", "c"]));
        assert_ne!(key(&["abc"]), key(&["a", "bc"]));
        let other = IdempotencyKey::derive("na", ["bc"]).unwrap();
        assert_ne!(
            other.as_str().rsplit('-').next(),
            key(&["abc"]).as_str().rsplit('-').next()
        );
    }

    #[test]
    fn a_derived_key_fits_and_tells_nothing_of_its_parts() {
        let key = IdempotencyKey::derive(&"n".repeat(64), ["jenny@example.com"]).unwrap();
        assert!(key.as_str().len() <= MAX_KEY_LENGTH);
        assert!(!key.as_str().contains("jenny"));
    }

    #[test]
    fn an_intent_without_a_name_gets_no_key() {
        let derive =
            |namespace: &str, parts: &[&str]| IdempotencyKey::derive(namespace, parts).unwrap_err();
        assert_eq!(derive("payment", &[]), InvalidIdempotencyKey::EmptyPart);
        assert_eq!(
            derive("payment", &["a", ""]),
            InvalidIdempotencyKey::EmptyPart
        );
        assert_eq!(derive("", &["a"]), InvalidIdempotencyKey::Namespace);
        assert_eq!(
            derive("two words", &["a"]),
            InvalidIdempotencyKey::Namespace
        );
        assert_eq!(
            derive(&"n".repeat(65), &["a"]),
            InvalidIdempotencyKey::Namespace
        );
    }

    #[test]
    fn custom_keys_are_what_a_header_carries_unchanged() {
        assert_eq!(
            IdempotencyKey::custom("refund order 1234")
                .unwrap()
                .as_str(),
            "refund order 1234"
        );
        assert!(IdempotencyKey::custom("k".repeat(255)).is_ok());
        for (text, reason) in [
            (String::new(), InvalidIdempotencyKey::Empty),
            ("k".repeat(256), InvalidIdempotencyKey::TooLong),
            (" key".into(), InvalidIdempotencyKey::NotPrintable),
            ("key ".into(), InvalidIdempotencyKey::NotPrintable),
            ("a\nb".into(), InvalidIdempotencyKey::NotPrintable),
            ("schlüssel".into(), InvalidIdempotencyKey::NotPrintable),
        ] {
            assert_eq!(IdempotencyKey::custom(text).unwrap_err(), reason);
        }
    }

    #[test]
    fn random_keys_are_version_4_uuids_and_differ() {
        let time = ManualTime::automatic();
        let (first, second) = (
            IdempotencyKey::random_from(&time).unwrap(),
            IdempotencyKey::random_from(&time).unwrap(),
        );
        assert_ne!(first, second);
        assert_eq!(first.as_str().len(), 36);
        assert_eq!(first.as_str().chars().nth(14), Some('4'));
        assert_eq!(first.created_at(), Some(time.now()));
    }

    #[test]
    fn a_key_is_too_old_an_hour_before_flowlix_forgets_it() {
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(ManualTime::START);
        let key = IdempotencyKey::custom("k").unwrap();
        assert_eq!(key.left(start, Some(start)), KEY_LIFETIME, "never used");
        let key = key.used_at(start).used_at(start + Duration::from_secs(9));
        assert_eq!(key.created_at(), Some(start), "the first use counts");
        let second = Duration::from_secs(1);
        assert_eq!(key.left(start + KEY_LIFETIME - second, None), second);
        assert_eq!(key.left(start + KEY_LIFETIME, None), Duration::ZERO);
        let set_back = start - CLOCKS_APART;
        assert_eq!(key.left(set_back, None), KEY_LIFETIME);
        assert!(!key.is_from_the_future(set_back));
        assert!(key.is_from_the_future(set_back - second));
    }

    #[test]
    fn of_a_key_that_was_dated_elsewhere_the_clock_decides_that_makes_it_older() {
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(ManualTime::START);
        let hours = |count: u64| Duration::from_secs(count * 60 * 60);
        let (ours, flowlixs) = (start + hours(20), Some(start + hours(22)));
        let key = IdempotencyKey::custom("k").unwrap();
        let dated_here = key.clone().used_at(start);
        assert_eq!(dated_here.left(ours, flowlixs), hours(3));
        let dated_elsewhere = key.with_created_at(start);
        assert_eq!(dated_elsewhere.left(ours, flowlixs), hours(1));
        assert_eq!(
            dated_elsewhere.left(start + hours(21), Some(start)),
            hours(2)
        );
    }
}
