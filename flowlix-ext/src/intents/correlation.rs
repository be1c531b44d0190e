//! The names that follow from an intent's reference: idempotency keys, the record's key, and the correlation id by
//! which its payments are found again.
//!
//! They follow from merchant, mode and reference alone, so that a store that was restored from a backup, and one that
//! was lost, repeat a key instead of charging anew.

use std::collections::BTreeMap;

use flowlix_api::model::{Payment, Refund};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::store::Scope;
pub use crate::asked::CORRELATION_ID;
use crate::idempotency::{IdempotencyKey, InvalidIdempotencyKey};
use crate::journal::fingerprint::hex;

/// The metadata entry that carries the shop's reference in the `snake_case` dialect, which has no member for it.
pub const MERCHANT_REFERENCE: &str = "merchant_reference";

/// More attempts than any intent has: what a damaged or hostile answer says beyond is not believed.
const MOST_ATTEMPTS: u32 = 1_000_000;
/// 128 bits, in hexadecimal digits: enough that no two are ever the same.
const DIGITS: usize = 32;

/// The names of one intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Names {
    scope: Scope,
    reference: String,
    /// Marks the intent's payments, and is the key of its record.
    pub(crate) correlation_id: String,
}

impl Names {
    pub(crate) fn new(scope: &Scope, reference: &str) -> Self {
        let mode = scope.mode.to_string();
        Self {
            scope: scope.clone(),
            reference: reference.to_owned(),
            correlation_id: digest(&["flowlix intent 1", &scope.merchant, &mode, reference]),
        }
    }

    pub(crate) fn reference(&self) -> &str {
        &self.reference
    }

    /// The idempotency key of an attempt.
    pub(crate) fn payment_key(
        &self,
        attempt: u32,
    ) -> Result<IdempotencyKey, InvalidIdempotencyKey> {
        let mode = self.scope.mode.to_string();
        let parts = [
            &self.scope.merchant,
            &mode,
            &self.reference,
            &attempt.to_string(),
        ];
        IdempotencyKey::derive("flowlix-intent", parts)
    }

    /// The idempotency key of a refund's attempt.
    pub(crate) fn refund_key(
        &self,
        refund: &str,
        attempt: u32,
    ) -> Result<IdempotencyKey, InvalidIdempotencyKey> {
        let mode = self.scope.mode.to_string();
        let parts = [
            &self.scope.merchant,
            &mode,
            &self.reference,
            refund,
            &attempt.to_string(),
        ];
        IdempotencyKey::derive("flowlix-refund", parts)
    }

    /// What marks a payment of an attempt.
    pub(crate) fn payment_mark(&self, attempt: u32) -> String {
        format!("{}/{attempt}", self.correlation_id)
    }

    /// What marks a refund, in the dialect whose refunds have metadata. It begins with the intent's own mark, because a
    /// webhook shows a refund without its payment.
    pub(crate) fn refund_mark(&self, refund: &str, attempt: u32) -> String {
        let id = digest(&["flowlix refund 1", &self.correlation_id, refund]);
        format!("{}/{id}/{attempt}", self.correlation_id)
    }

    /// The key of the record of the intent that a refund is marked with.
    pub(crate) fn key_in(refund: &Refund) -> Option<&str> {
        key_in(&refund.metadata)
    }

    /// The key of the record of the intent that a payment is marked with.
    pub(crate) fn key_of(payment: &Payment) -> Option<&str> {
        key_in(&payment.metadata)
    }

    /// The number of the attempt that created a payment, if it is the intent's; 0 where the mark does not tell.
    pub(crate) fn attempt_of(&self, payment: &Payment) -> Option<u32> {
        self.attempt_in(&payment.metadata)
    }

    /// As [`attempt_of`](Self::attempt_of), for metadata alone.
    pub(crate) fn attempt_in(&self, metadata: &BTreeMap<String, Value>) -> Option<u32> {
        let mark = metadata.get(CORRELATION_ID)?.as_str()?;
        let (id, number) = mark.split_once('/').unwrap_or((mark, ""));
        let number = number
            .parse()
            .ok()
            .filter(|number| *number <= MOST_ATTEMPTS);
        (id == self.correlation_id).then(|| number.unwrap_or_default())
    }

    /// The attempt that created a refund, if it is one under this reference.
    pub(crate) fn marked_attempt(&self, refund: &Refund, reference: &str) -> Option<u32> {
        let mark = refund.metadata.get(CORRELATION_ID)?.as_str()?;
        let (_, attempt) = mark.rsplit_once('/')?;
        let attempt: u32 = attempt.parse().ok()?;
        (mark == self.refund_mark(reference, attempt)).then_some(attempt)
    }
}

/// Tells one action of the customer from another without keeping its address: whoever has the address may act for the
/// customer.
pub(crate) fn action_digest(address: &str) -> String {
    let mut digest = digest(&["flowlix action 1", address]);
    digest.truncate(16);
    digest
}

fn key_in(metadata: &BTreeMap<String, Value>) -> Option<&str> {
    let mark = metadata.get(CORRELATION_ID)?.as_str()?;
    let key = mark.split_once('/').map_or(mark, |(key, _)| key);
    let is_key = key.len() == DIGITS && key.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_key.then_some(key)
}

fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        // Lengths go in as well, so that parts cannot run into each other.
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut text = hex(&hash.finalize());
    text.truncate(DIGITS);
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::key::Mode;

    fn names(merchant: &str, mode: Mode, reference: &str) -> Names {
        Names::new(&Scope::new(merchant, mode), reference)
    }

    /// They are stored at Flowlix and in stores: a release that computes others would charge again.
    #[test]
    fn names_never_change_between_releases() {
        let names = names("my-shop", Mode::Test, "order-1234");
        assert_eq!(names.correlation_id, "10d52745f4f077c914f4ac7031e00270");
        assert_eq!(
            names.payment_key(1).unwrap().as_str(),
            "flowlix-intent-42f6faab35c6cdd2c3e21421527722dabebb235f1d1e34f83a32f6d530ec9ab6"
        );
        assert_eq!(
            names.refund_key("return-77", 2).unwrap().as_str(),
            "flowlix-refund-7c5998e28340ceb74eeea9c709950e82cfa16183998a3cc9d7b728b0fd89d960"
        );
        assert_eq!(
            names.refund_mark("return-77", 2),
            "10d52745f4f077c914f4ac7031e00270/7eb1c0fefd8769399224475fe8be071b/2"
        );
    }

    #[test]
    fn merchant_mode_reference_and_attempt_tell_names_apart() {
        let one = names("my-shop", Mode::Test, "order-1234");
        for other in [
            names("my-shop2", Mode::Test, "order-1234"),
            names("my-shop", Mode::Live, "order-1234"),
            names("my-shop", Mode::Test, "order-123"),
        ] {
            assert_ne!(one.correlation_id, other.correlation_id);
            assert_ne!(one.payment_key(1), other.payment_key(1));
        }
        assert_ne!(one.payment_key(1), one.payment_key(2));
        assert_ne!(one.refund_key("a", 1), one.refund_key("b", 1));
    }

    #[test]
    fn a_mark_names_its_attempt_and_nothing_absurd() {
        let names = names("my-shop", Mode::Test, "order-1234");
        let marked =
            |mark: String| BTreeMap::from([(CORRELATION_ID.to_owned(), Value::from(mark))]);
        let id = &names.correlation_id;
        assert_eq!(names.attempt_in(&marked(names.payment_mark(7))), Some(7));
        assert_eq!(names.attempt_in(&marked(id.clone())), Some(0));
        assert_eq!(
            names.attempt_in(&marked(format!("{id}/4294967295"))),
            Some(0)
        );
        assert_eq!(names.attempt_in(&marked(format!("{id}/-1"))), Some(0));
        assert_eq!(names.attempt_in(&marked("other/1".to_owned())), None);
        assert_eq!(names.attempt_in(&BTreeMap::new()), None);
    }
}
