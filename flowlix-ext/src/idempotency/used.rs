//! What a client without a journal remembers of its callers' keys, for as long as it lives.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

use super::IdempotencyKey;
use crate::runtime::Runtime;

/// Some 15 MB when it is full; beyond it the key that was first used longest ago is forgotten.
pub(crate) const REMEMBERED_KEYS: usize = 100_000;

/// Keys under which a call is under way, or may have been carried out. Shared by all clones of a client.
pub(crate) struct UsedKeys {
    capacity: usize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    keys: HashMap<Name, Used>,
    by_first_use: BTreeMap<u64, Name>,
    uses: u64,
}

/// The hash of a key: as long for each, and nothing of what the key was made of.
type Name = [u8; 32];

struct Used {
    /// Its place among the first uses.
    place: u64,
    since: SystemTime,
    /// When this client used it first. The wall clock may be set back since.
    met: Duration,
    under_way: u32,
    may_have_acted: bool,
}

impl Default for UsedKeys {
    fn default() -> Self {
        Self::with_capacity(REMEMBERED_KEYS)
    }
}

impl UsedKeys {
    fn with_capacity(capacity: usize) -> Self {
        Self {
            capacity,
            kept: Mutex::default(),
        }
    }

    /// The key with what is known of its age, and of whether an earlier call may have been carried out under it.
    pub(crate) fn recall(&self, key: IdempotencyKey, runtime: &dyn Runtime) -> IdempotencyKey {
        let kept = self.kept();
        let Some(used) = kept.keys.get(&name(&key)) else {
            return key;
        };
        let passed = runtime.monotonic().saturating_sub(used.met);
        let by_passing = runtime.now().checked_sub(passed);
        let since = by_passing.map_or(used.since, |at| at.min(used.since));
        let since = key.created_at().map_or(since, |at| at.min(since));
        let in_doubt = key.is_in_doubt() || used.may_have_acted;
        key.aged(since).doubted(in_doubt)
    }

    /// Whether a call may have been, or may still be, carried out under the key.
    pub(crate) fn is_used(&self, key: &IdempotencyKey) -> bool {
        // Whatever is certainly over has left the map.
        self.kept().keys.contains_key(&name(key))
    }

    /// Notes that a call with this key is about to be sent.
    pub(crate) fn begin(&self, key: &IdempotencyKey, runtime: &dyn Runtime) {
        let (now, met) = (runtime.now(), runtime.monotonic());
        let mut kept = self.kept();
        let name = name(key);
        if !kept.keys.contains_key(&name) {
            if kept.keys.len() >= self.capacity {
                kept.forget_one();
            }
            let place = kept.uses;
            kept.uses = place.saturating_add(1);
            kept.by_first_use.insert(place, name);
            let used = Used {
                place,
                since: key.created_at().unwrap_or(now),
                met,
                under_way: 0,
                may_have_acted: false,
            };
            kept.keys.insert(name, used);
        }
        if let Some(used) = kept.keys.get_mut(&name) {
            used.under_way = used.under_way.saturating_add(1);
        }
    }

    /// Notes that a call with this key has ended, and says whether another one may have been, or may still be,
    /// carried out under it.
    pub(crate) fn end(&self, key: &IdempotencyKey, may_have_acted: bool) -> bool {
        let mut kept = self.kept();
        let name = name(key);
        let Some(used) = kept.keys.get_mut(&name) else {
            return false;
        };
        used.under_way = used.under_way.saturating_sub(1);
        let others = used.may_have_acted || used.under_way > 0;
        used.may_have_acted |= may_have_acted;
        // Flowlix keeps no key of a request that it refused: it is as good as new.
        if !used.may_have_acted && used.under_way == 0 {
            let place = used.place;
            kept.by_first_use.remove(&place);
            kept.keys.remove(&name);
        }
        others
    }

    // A poisoned lock means that a thread panicked while it held plain values; each is whole.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn forget_one(&mut self) {
        let is_idle = |name: &Name| self.keys.get(name).is_none_or(|used| used.under_way == 0);
        let oldest = self.by_first_use.iter().find(|(_, name)| is_idle(name));
        if let Some((place, name)) = oldest.map(|(place, name)| (*place, *name)) {
            self.by_first_use.remove(&place);
            self.keys.remove(&name);
        }
    }
}

fn name(key: &IdempotencyKey) -> Name {
    Sha256::digest(key.as_str()).into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::ManualTime;

    fn key(number: usize) -> IdempotencyKey {
        IdempotencyKey::custom(format!("order-{number}")).unwrap()
    }

    fn is_in_doubt(keys: &UsedKeys, number: usize) -> bool {
        keys.recall(key(number), &ManualTime::stepped())
            .is_in_doubt()
    }

    #[test]
    fn of_calls_at_the_same_time_only_the_last_can_be_certain() {
        let (keys, time) = (UsedKeys::default(), ManualTime::stepped());
        keys.begin(&key(1), &time);
        keys.begin(&key(1), &time);
        assert!(keys.end(&key(1), false), "the other is under way");
        assert!(!is_in_doubt(&keys, 1) && keys.is_used(&key(1)));
        assert!(!keys.end(&key(1), false), "there is no other");
        assert!(!keys.is_used(&key(1)));
        assert!(!keys.end(&key(1), true), "was never begun");
        assert!(!keys.is_used(&key(1)));

        keys.begin(&key(1), &time);
        keys.begin(&key(1), &time);
        assert!(keys.end(&key(1), true));
        assert!(keys.end(&key(1), false), "the other may have acted");
        assert!(is_in_doubt(&keys, 1));
    }

    #[test]
    fn when_it_is_full_the_oldest_is_forgotten_but_none_that_is_under_way() {
        let (keys, time) = (UsedKeys::with_capacity(3), ManualTime::stepped());
        keys.begin(&key(0), &time);
        for number in 1..=4 {
            keys.begin(&key(number), &time);
            keys.end(&key(number), true);
        }
        let kept: Vec<usize> = (0..=4)
            .filter(|number| keys.is_used(&key(*number)))
            .collect();
        assert_eq!(kept, [0, 3, 4]);
        for number in 5..10 {
            keys.begin(&key(number), &time);
            keys.end(&key(number), false);
        }
        let kept = keys.kept();
        assert_eq!((kept.keys.len(), kept.by_first_use.len()), (2, 2));
    }

    #[test]
    fn with_calls_alone_that_are_under_way_it_grows() {
        let (keys, time) = (UsedKeys::with_capacity(1), ManualTime::stepped());
        for number in 0..3 {
            keys.begin(&key(number), &time);
        }
        assert!((0..3).all(|number| keys.is_used(&key(number))));
        assert!((0..3).all(|number| !keys.end(&key(number), false)));
        assert!((0..3).all(|number| !keys.is_used(&key(number))));
    }
}
