//! Fixed windows of 60 s, one budget for each key.

use std::collections::HashMap;

use super::auth::Caller;

const WINDOW: i64 = 60;

#[derive(Debug)]
pub(crate) struct RateLimit {
    limit: u32,
    used: HashMap<Caller, Used>,
}

#[derive(Debug, Default)]
struct Used {
    window: i64,
    requests: u32,
}

/// What the headers say after a request has been counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Budget {
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    /// Unix seconds at which the window ends.
    pub(crate) reset: i64,
    pub(crate) exceeded: bool,
}

impl RateLimit {
    pub(crate) fn new(limit: u32) -> Self {
        Self {
            limit,
            used: HashMap::new(),
        }
    }

    pub(crate) fn count(&mut self, caller: Caller, now: i64) -> Budget {
        let window = now.div_euclid(WINDOW);
        let used = self.used.entry(caller).or_default();
        if used.window != window {
            *used = Used {
                window,
                requests: 0,
            };
        }
        let exceeded = used.requests >= self.limit;
        used.requests = used.requests.saturating_add(1);
        Budget {
            limit: self.limit,
            remaining: self.limit.saturating_sub(used.requests),
            reset: (window + 1) * WINDOW,
            exceeded,
        }
    }
}
