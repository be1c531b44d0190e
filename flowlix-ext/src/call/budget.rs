//! A budget of retries, shared by all clones of a client.
//!
//! When Flowlix is down every call fails, and every call retrying multiplies the load just when it hurts.
//! The bucket empties then, calls fail at once and say so, and successes fill it again.

use std::sync::atomic::{AtomicU32, Ordering};

/// A token bucket: a retry takes 5 tokens, a success gives 1 back.
#[derive(Debug)]
pub struct RetryBudget {
    capacity: u32,
    tokens: AtomicU32,
}

/// What a retry costs.
pub const RETRY_COST: u32 = 5;

/// Tokens of a full bucket unless you say otherwise: 100 retries in a row.
pub const DEFAULT_CAPACITY: u32 = 500;

impl RetryBudget {
    /// A full bucket with this many tokens. With 0 nothing is ever retried.
    #[must_use]
    pub fn new(capacity: u32) -> Self {
        Self {
            capacity,
            tokens: AtomicU32::new(capacity),
        }
    }

    /// Tokens left.
    #[must_use]
    pub fn available(&self) -> u32 {
        self.tokens.load(Ordering::Relaxed)
    }

    pub(crate) fn has_retry(&self) -> bool {
        self.available() >= RETRY_COST
    }

    pub(crate) fn take(&self) -> bool {
        self.tokens
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |tokens| {
                tokens.checked_sub(RETRY_COST)
            })
            .is_ok()
    }

    pub(crate) fn give_back(&self) {
        let _: Result<u32, u32> =
            self.tokens
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |tokens| {
                    (tokens < self.capacity).then_some(tokens + 1)
                });
    }
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self::new(DEFAULT_CAPACITY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_empty_it_and_successes_fill_it_to_the_brim() {
        let budget = RetryBudget::new(11);
        assert!(budget.take() && budget.take());
        assert!(!budget.take(), "1 token is no retry");
        assert_eq!(budget.available(), 1);
        for _ in 0..99 {
            budget.give_back();
        }
        assert_eq!(budget.available(), 11);
        assert!(!RetryBudget::new(0).take());
    }
}
