//! The `Flowlix-Signature` header, after the webhooks page.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The secret of every endpoint.
pub(crate) const SECRET: &str = "whsec_sandbox0123456789";

/// `t=<unix seconds>,v1=<hex>`, v1 being the HMAC-SHA256 of `{t}.{body}`. The key is the whole
/// secret, prefix included.
pub(super) fn sign(secret: &str, unix_seconds: i64, body: &[u8]) -> String {
    // The algorithm takes keys of every length, so there is a MAC.
    let digest = Hmac::<Sha256>::new_from_slice(secret.as_bytes())
        .map(|mac| {
            mac.chain_update(format!("{unix_seconds}."))
                .chain_update(body)
                .finalize()
                .into_bytes()
        })
        .unwrap_or_default();
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={unix_seconds},v1={hex}")
}

#[cfg(test)]
mod tests {
    /// Computed by another implementation.
    #[test]
    fn the_signature_is_the_documented_one() {
        let body = br#"{"id":"evt_1","type":"payment.succeeded","data":{}}"#;
        assert_eq!(
            super::sign("whsec_abc123def456", 1_719_792_000, body),
            "t=1719792000,\
             v1=9eefa46db92df2ffbe063a231ec2f45c04661a05e1edcd716004007e42958bbc"
        );
    }
}
