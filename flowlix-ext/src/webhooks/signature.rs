//! The signature header: `t=<unix seconds>,v1=<hex>`.

use std::fmt;

/// Length of an HMAC-SHA256.
const MAC_LENGTH: usize = 32;

/// Longest header that is read: room for dozens of signatures, and a bound on the work for a stranger.
const MAX_HEADER_LENGTH: usize = 4096;

/// What a signature header says.
#[derive(Debug)]
pub(super) struct SignatureHeader<'a> {
    /// As spelled, since the spelling is what was signed.
    pub(super) timestamp_text: &'a str,
    /// Unix seconds.
    pub(super) timestamp: u64,
    /// The `v1` signatures: several while Flowlix signs with an old and a new secret.
    pub(super) signatures: Vec<[u8; MAC_LENGTH]>,
}

/// What is wrong with a signature header. Never holds the header's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeaderFault {
    /// The request has the header more than once, and which one counts is nowhere said.
    Repeated,
    /// More than 4096 bytes.
    TooLong,
    /// Bytes that are not ASCII text.
    NotText,
    /// A part that is not `name=value`.
    NotAPair,
    /// No `t`.
    NoTimestamp,
    /// `t` is there more than once, and which one counts is nowhere said.
    SeveralTimestamps,
    /// `t` is not a number of Unix seconds.
    BadTimestamp,
    /// No `v1`; other schemes do not count.
    NoSignature,
    /// A `v1` that is not 64 hexadecimal digits.
    BadSignature,
}

impl fmt::Display for HeaderFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Repeated => "the header is there more than once",
            Self::TooLong => "it is longer than 4096 bytes",
            Self::NotText => "it is not ASCII text",
            Self::NotAPair => "a part of it is not name=value",
            Self::NoTimestamp => "it has no timestamp (t=)",
            Self::SeveralTimestamps => "it has more than one timestamp (t=)",
            Self::BadTimestamp => "its timestamp (t=) is not a number of Unix seconds",
            Self::NoSignature => "it has no signature (v1=)",
            Self::BadSignature => "a signature (v1=) is not 64 hexadecimal digits",
        })
    }
}

impl<'a> SignatureHeader<'a> {
    pub(super) fn parse(header: &'a [u8]) -> Result<Self, HeaderFault> {
        if header.len() > MAX_HEADER_LENGTH {
            return Err(HeaderFault::TooLong);
        }
        let text = std::str::from_utf8(header)
            .ok()
            .filter(|text| text.is_ascii())
            .ok_or(HeaderFault::NotText)?;
        let mut timestamp = None;
        let mut signatures = Vec::new();
        for part in text.split(',') {
            let (scheme, value) = part
                .trim_matches([' ', '\t'])
                .split_once('=')
                .ok_or(HeaderFault::NotAPair)?;
            match scheme {
                "t" if timestamp.is_some() => return Err(HeaderFault::SeveralTimestamps),
                "t" => timestamp = Some((value, unix_seconds(value)?)),
                "v1" => signatures.push(mac(value)?),
                // A scheme that Flowlix may add later; the known one still has to match.
                _ => {}
            }
        }
        let (timestamp_text, timestamp) = timestamp.ok_or(HeaderFault::NoTimestamp)?;
        if signatures.is_empty() {
            return Err(HeaderFault::NoSignature);
        }
        Ok(Self {
            timestamp_text,
            timestamp,
            signatures,
        })
    }
}

fn unix_seconds(text: &str) -> Result<u64, HeaderFault> {
    // `parse` alone would take "+1".
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(HeaderFault::BadTimestamp);
    }
    text.parse().map_err(|_| HeaderFault::BadTimestamp)
}

fn mac(hex: &str) -> Result<[u8; MAC_LENGTH], HeaderFault> {
    let mut mac = [0; MAC_LENGTH];
    let digits = hex.as_bytes();
    if digits.len() != 2 * MAC_LENGTH {
        return Err(HeaderFault::BadSignature);
    }
    for (byte, pair) in mac.iter_mut().zip(digits.chunks_exact(2)) {
        for digit in pair {
            let value = char::from(*digit)
                .to_digit(16)
                .and_then(|value| u8::try_from(value).ok())
                .ok_or(HeaderFault::BadSignature)?;
            *byte = (*byte << 4) | value;
        }
    }
    Ok(mac)
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_fault_has_its_reason() {
        let good = "ab".repeat(32);
        for (header, fault) in [
            (String::new(), HeaderFault::NotAPair),
            ("t".to_owned(), HeaderFault::NotAPair),
            (format!("t=1,,v1={good}"), HeaderFault::NotAPair),
            (format!("v1={good}"), HeaderFault::NoTimestamp),
            (format!("T=1,v1={good}"), HeaderFault::NoTimestamp),
            (format!("t=1,t=1,v1={good}"), HeaderFault::SeveralTimestamps),
            (format!("t=,v1={good}"), HeaderFault::BadTimestamp),
            (format!("t=+1,v1={good}"), HeaderFault::BadTimestamp),
            (format!("t=-1,v1={good}"), HeaderFault::BadTimestamp),
            (format!("t=1.5,v1={good}"), HeaderFault::BadTimestamp),
            (
                format!("t=18446744073709551616,v1={good}"),
                HeaderFault::BadTimestamp,
            ),
            ("t=1".to_owned(), HeaderFault::NoSignature),
            (format!("t=1,v0={good}"), HeaderFault::NoSignature),
            ("t=1,v1=".to_owned(), HeaderFault::BadSignature),
            (format!("t=1,v1={good}0"), HeaderFault::BadSignature),
            (
                format!("t=1,v1={}", "g".repeat(64)),
                HeaderFault::BadSignature,
            ),
            (format!("t=1,v1={good}\u{e9}"), HeaderFault::NotText),
            ("x".repeat(MAX_HEADER_LENGTH + 1), HeaderFault::TooLong),
        ] {
            assert_eq!(
                SignatureHeader::parse(header.as_bytes()).unwrap_err(),
                fault,
                "{header}"
            );
        }
        assert_eq!(
            SignatureHeader::parse(b"t=1,v1=\xff").unwrap_err(),
            HeaderFault::NotText
        );
    }

    #[test]
    fn several_signatures_and_unknown_schemes_are_read() {
        let (first, second) = ("0A".repeat(32), "ff".repeat(32));
        let text = format!("v2=x, t=0012,v1={first}, v1={second}");
        let header = SignatureHeader::parse(text.as_bytes()).unwrap();
        assert_eq!((header.timestamp_text, header.timestamp), ("0012", 12));
        assert_eq!(header.signatures, [[10; 32], [255; 32]]);
        assert_eq!(hex(&[10, 255, 0]), "0aff00");
    }
}
