//! The choices that a sandbox is built with.

use std::io;
use std::net::Ipv4Addr;

use tokio::net::TcpListener;

use crate::Sandbox;
use crate::api::{Api, Settings};
use crate::clock::{DEFAULT_START, TestClock};
use crate::dialect::Urls;
use crate::payment::{Progress, Rules};
use crate::server::Core;

/// How a [`Sandbox`] is to behave; every choice has a default.
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    port: u16,
    clock_start: i64,
    real_clock: bool,
    settings: Settings,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            port: 0,
            clock_start: DEFAULT_START,
            real_clock: false,
            settings: Settings {
                seed: 0,
                rate_limit: 500,
                accept_live_keys: false,
                strict: true,
                page_cap: None,
                list_lag: 0,
                store_refusals: false,
                terse_conflicts: false,
                rules: Rules {
                    progress: Progress::ByReads { reads_per_step: 1 },
                    customer_patience: 15 * 60,
                    refunded_status: true,
                },
            },
        }
    }
}

impl Builder {
    /// The loopback port to listen on; 0, the default, takes a free one.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Where ids come from (default 0): the same seed and the same requests give the same ids.
    pub fn seed(mut self, seed: u64) -> Self {
        self.settings.seed = seed;
        self
    }

    /// The instant at which the virtual clock stands, Unix seconds
    /// (default [`DEFAULT_START`]).
    pub fn clock_start(mut self, unix_seconds: i64) -> Self {
        self.clock_start = unix_seconds;
        self
    }

    /// Uses the machine's clock instead of a virtual one.
    pub fn real_clock(mut self) -> Self {
        self.real_clock = true;
        self
    }

    /// Requests that each key may make in a window of 60 s (default 500, as documented).
    pub fn rate_limit(mut self, requests: u32) -> Self {
        self.settings.rate_limit = requests;
        self
    }

    /// What moves payments along (default: every read is one step).
    pub fn progress(mut self, progress: Progress) -> Self {
        self.settings.rules.progress = progress;
        self
    }

    /// Seconds that a customer has for 3-D Secure or on the hosted page before the payment
    /// expires (default 900; the documents name no figure).
    pub fn customer_patience(mut self, seconds: i64) -> Self {
        self.settings.rules.customer_patience = seconds;
        self
    }

    /// Whether a fully refunded snake_case payment gets the status `refunded` (default, as the
    /// guides say) or stays `succeeded` (as the reference says).
    pub fn refunded_status(mut self, says_refunded: bool) -> Self {
        self.settings.rules.refunded_status = says_refunded;
        self
    }

    /// Whether request members and list parameters that the documents do not name are refused
    /// with 400 (default) or ignored. The documents do not say what Flowlix does; refusing shows
    /// a member that was misspelt or sent to the wrong dialect.
    pub fn refuse_unknown_members(mut self, refuse: bool) -> Self {
        self.settings.strict = refuse;
        self
    }

    /// Lets list pages hold at most `payments`, fewer than the limit asks for, while `has_more`
    /// stays true.
    pub fn short_pages(mut self, payments: usize) -> Self {
        self.settings.page_cap = Some(payments);
        self
    }

    /// Seconds on the server's clock after which a new payment shows up in lists (default 0: at
    /// once). A read shows the payment at once whatever the lag, and a cursor may name the payment.
    /// [`Sandbox::set_list_lag`] changes the lag later. The documents do not say whether lists lag
    /// behind.
    pub fn list_lag(mut self, seconds: i64) -> Self {
        self.settings.list_lag = seconds;
        self
    }

    /// Whether 4xx answers are stored under the idempotency key, **against the documents**
    /// (default: no, the key runs again). Then the same body gets the stored answer again, its
    /// `request_id` included, and another body gets 409. It holds for what happens once a request
    /// has its key: a request that is rejected, or declined by
    /// [`Fault::declined`](crate::Fault::declined). It does not hold for 401, 409, 429, or for
    /// answers that a fault puts in place of the server's.
    pub fn store_refusals(mut self, store: bool) -> Self {
        self.settings.store_refusals = store;
        self
    }

    /// Whether the message of each 409 is only "Conflict.": for a key that is used with another
    /// body, and for a key whose first request is still running (default: no, the messages tell
    /// them apart). The documents describe both by the same type and code, and warrant no words.
    /// [`Fault::in_flight`](crate::Fault::in_flight) keeps its message.
    pub fn terse_conflicts(mut self, terse: bool) -> Self {
        self.settings.terse_conflicts = terse;
        self
    }

    /// Accepts [`Sandbox::live_key`] too (default: it is an unknown key, answered with 401).
    /// A resource of the other mode is answered with 403. No money moves all the same.
    pub fn accept_live_keys(mut self, accept: bool) -> Self {
        self.settings.accept_live_keys = accept;
        self
    }

    /// Starts the server on the current tokio runtime.
    ///
    /// # Errors
    /// When the port cannot be bound.
    pub async fn start(self) -> io::Result<Sandbox> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).await?;
        let address = listener.local_addr()?;
        let clock = if self.real_clock {
            TestClock::real()
        } else {
            TestClock::stopped_at(self.clock_start)
        };
        let urls = Urls::new(format!("http://{address}"));
        let core = Core::new(Api::new(self.settings, clock.clone(), urls));
        Ok(Sandbox::serve(listener, address, core, clock))
    }
}
