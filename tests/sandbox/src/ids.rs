//! Identifiers, drawn from a seed: the same seed and the same requests give the same ids, so
//! transcripts and snapshots are stable.

use crate::dialect::Dialect;

const ALPHANUMERIC: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const CROCKFORD: &[u8] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// One independent sequence for each kind of id, so that one more request (a new request id)
/// does not change the next payment's id.
#[derive(Debug)]
pub(crate) struct Ids {
    payments: Sequence,
    refunds: Sequence,
    requests: Sequence,
    events: Sequence,
    provider: u64,
}

impl Ids {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            payments: Sequence::new(seed, 1),
            refunds: Sequence::new(seed, 2),
            requests: Sequence::new(seed, 3),
            events: Sequence::new(seed, 4),
            provider: 1_402_758_057,
        }
    }

    pub(crate) fn payment(&mut self, dialect: Dialect) -> String {
        match dialect {
            Dialect::SnakeCase => format!("pay_{}", self.payments.uuid()),
            Dialect::Uppercase => format!("pay_{}", self.payments.text(ALPHANUMERIC, 24)),
        }
    }

    pub(crate) fn refund(&mut self, dialect: Dialect, now: i64) -> String {
        match dialect {
            Dialect::SnakeCase => self.refunds.ulid(now),
            Dialect::Uppercase => format!("ref_{}", self.refunds.text(ALPHANUMERIC, 24)),
        }
    }

    pub(crate) fn request(&mut self) -> String {
        format!("req_{}", self.requests.text(ALPHANUMERIC, 24))
    }

    pub(crate) fn event(&mut self) -> String {
        format!("evt_{}", self.events.text(ALPHANUMERIC, 24))
    }

    /// The provider's own reference: decimal digits, counting up.
    pub(crate) fn provider_reference(&mut self) -> String {
        let reference = self.provider.to_string();
        self.provider = self.provider.wrapping_add(1);
        reference
    }
}

/// SplitMix64: small, seeded, and good enough for ids that only have to differ.
#[derive(Debug)]
struct Sequence(u64);

impl Sequence {
    fn new(seed: u64, stream: u64) -> Self {
        Self(seed ^ stream.wrapping_mul(0xA076_1D64_78BD_642F))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn text(&mut self, alphabet: &[u8], length: usize) -> String {
        let size = u64::try_from(alphabet.len()).unwrap_or(1).max(1);
        (0..length)
            .filter_map(|_| {
                let index = usize::try_from(self.next() % size).ok()?;
                alphabet.get(index).copied().map(char::from)
            })
            .collect()
    }

    fn uuid(&mut self) -> String {
        let (high, low) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xFFFF,
            high & 0xFFF,
            0x8000 | ((low >> 48) & 0x3FFF),
            low & 0xFFFF_FFFF_FFFF,
        )
    }

    fn ulid(&mut self, now: i64) -> String {
        let mut millis = u64::try_from(now).unwrap_or(0).wrapping_mul(1000);
        let mut time = Vec::with_capacity(10);
        for _ in 0..10 {
            let index = usize::try_from(millis % 32).unwrap_or(0);
            time.push(CROCKFORD.get(index).copied().map_or('0', char::from));
            millis /= 32;
        }
        time.reverse();
        time.into_iter().collect::<String>() + &self.text(CROCKFORD, 16)
    }
}
