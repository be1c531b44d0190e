//! What stands in a journal in place of what may not: keyed, one-way, the same in each release.

use flowlix_api::Dialect;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

use super::store::SECRET_LENGTH;
use crate::call::operation::Operation;
use crate::key::ApiKey;

/// The name under which a payment or refund carries its stamp in its metadata.
///
/// Reserved while a journal is in use. It counts against the 50 entries that the `snake_case` dialect takes.
pub const STAMP: &str = "flowlix_sdk_stamp";

/// Tells requests apart. The card goes in as what may be stored anyway (last four digits, expiry, holder), so
/// that even with the secret nobody can learn more of it.
pub(super) fn fingerprint(
    secret: &[u8; SECRET_LENGTH],
    operation: Operation,
    dialect: Dialect,
    outline: &Value,
) -> String {
    let mut text = String::new();
    canonical(outline, &mut text);
    mac(
        secret,
        &[
            "flowlix fingerprint 1",
            operation.name(),
            dialect.name(),
            &text,
        ],
    )
}

/// What a write carries so that it can be found again. It follows from API key and idempotency key, so that a
/// repeat sends the same bytes whatever became of the journal; nobody without the API key can guess it.
pub(super) fn stamp(api_key: &ApiKey, operation: Operation, key: &str) -> String {
    shortened(mac(
        api_key.expose().as_bytes(),
        &["flowlix stamp 1", operation.name(), key],
    ))
}

/// Tells API keys apart without showing them.
pub(crate) fn credential(api_key: &ApiKey) -> String {
    shortened(mac(api_key.expose().as_bytes(), &["flowlix credential 1"]))
}

fn mac(key: &[u8], parts: &[&str]) -> String {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return String::new();
    };
    for part in parts {
        // Lengths go in as well, so that parts cannot run into each other.
        mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        mac.update(part.as_bytes());
    }
    hex(&mac.finalize().into_bytes())
}

/// 128 bits: enough that no two are ever the same.
fn shortened(mut digest: String) -> String {
    digest.truncate(32);
    digest
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// JSON with sorted members: the order of a map must not decide whether two requests are the same.
fn canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by_key(|(name, _)| *name);
            text.push('{');
            for (name, member) in sorted {
                text.push_str(&Value::from(name.as_str()).to_string());
                text.push(':');
                canonical(member, text);
                text.push(',');
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for item in items {
                canonical(item, text);
                text.push(',');
            }
            text.push(']');
        }
        scalar => text.push_str(&scalar.to_string()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn of(outline: &Value) -> String {
        fingerprint(
            &[7; SECRET_LENGTH],
            Operation::CreateRefund,
            Dialect::SnakeCase,
            outline,
        )
    }

    /// Stored by services: a release that computes another one would take every repeat for another request.
    #[test]
    fn they_never_change_between_releases() {
        let outline = serde_json::json!({"amount": 4999, "metadata": {"b": 1, "a": [null, "x"]}});
        assert_eq!(
            of(&outline),
            "79fdb7d582e4f18f5a0fd8a99a9b4cd47c47fdfca03e0196ecf52eed0097c590"
        );
        let key = ApiKey::parse("api_test_sk_abc123def456").unwrap();
        assert_eq!(
            stamp(&key, Operation::CreateDirectPayment, "order-1234"),
            "e72607481b8907894b719bd99e947642"
        );
    }

    #[test]
    fn whatever_differs_tells_them_apart() {
        let outline = serde_json::json!({"amount": 4999, "reason": "late"});
        for other in [
            serde_json::json!({"amount": 4998, "reason": "late"}),
            serde_json::json!({"amount": "4999", "reason": "late"}),
            serde_json::json!({"amount": 4999}),
            serde_json::json!({"amount": 4999, "reason": null}),
        ] {
            assert_ne!(of(&outline), of(&other), "{other}");
        }
        let key = ApiKey::parse("api_test_sk_abc123def456").unwrap();
        let other = ApiKey::parse("api_test_sk_abc123def457").unwrap();
        let operation = Operation::CreateDirectPayment;
        assert_ne!(stamp(&key, operation, "a"), stamp(&key, operation, "b"));
        assert_ne!(stamp(&key, operation, "a"), stamp(&other, operation, "a"));
        assert_ne!(credential(&key), credential(&other));
    }
}
