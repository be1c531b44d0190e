//! What bounds one call.

use std::time::Duration;

use super::headers::{ExtraHeaders, HeaderRefused};
use crate::failure::Violation;
use crate::failure::text::printable;

/// Default of [`CallOptions::attempt_timeout`].
pub(crate) const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(20);
/// Default of [`CallOptions::operation_timeout`].
pub(crate) const OPERATION_TIMEOUT: Duration = Duration::from_secs(60);
/// Default of [`CallOptions::max_attempts`].
pub(crate) const MAX_ATTEMPTS: u32 = 4;

/// The limits of one call; a client has defaults for them, each call may change its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CallOptions {
    /// From sending one attempt to the last byte of its answer.
    pub(crate) attempt_timeout: Duration,
    /// The whole call: all attempts and the pauses between them.
    pub(crate) operation_timeout: Duration,
    /// How often a failing request is sent at most. Waiting for a twin is bounded by time alone.
    pub(crate) max_attempts: u32,
    /// On top of what the SDK sends.
    pub(crate) headers: ExtraHeaders,
    /// The headers that were asked for and cannot be sent.
    pub(crate) refused_headers: Vec<Violation>,
}

impl CallOptions {
    pub(crate) fn add_header(&mut self, name: &str, value: &str) {
        if let Err(refused) = self.headers.insert(name, value) {
            // A name that is none could be anything, a secret in the wrong place too.
            let field = match refused {
                HeaderRefused::Name => "header".to_owned(),
                _ => format!("header {}", printable(&name.to_ascii_lowercase())),
            };
            self.refused_headers
                .push(Violation::new(field, refused.to_string()));
        }
    }
}

impl Default for CallOptions {
    fn default() -> Self {
        Self {
            attempt_timeout: ATTEMPT_TIMEOUT,
            operation_timeout: OPERATION_TIMEOUT,
            max_attempts: MAX_ATTEMPTS,
            headers: ExtraHeaders::default(),
            refused_headers: Vec::new(),
        }
    }
}

/// The setters that every call's builder has, for a builder with a field `options`. One that sends several requests
/// says what the limits count for: `each "look"`.
macro_rules! call_setters {
    () => {
        call_setters!(
            whole "How long the whole call may take, with all attempts and pauses. Default: 60 s."
        );
    };
    (each $request:literal) => {
        call_setters!(whole concat!(
            "How long each ", $request, " may take, with all its attempts and pauses. Default: 60 s."
        ));
    };
    (whole $operation_timeout:expr) => {
        /// How long one attempt may take, from sending to the last byte of the answer. Default: 20 s.
        pub fn attempt_timeout(mut self, limit: std::time::Duration) -> Self {
            self.options.attempt_timeout = limit;
            self
        }

        #[doc = $operation_timeout]
        pub fn operation_timeout(mut self, limit: std::time::Duration) -> Self {
            self.options.operation_timeout = limit;
            self
        }

        /// How often the request is sent at most when it fails. Default: 4; 1 turns retries off. Repeats that
        /// wait for an earlier request with the same key to end are bounded by time alone.
        pub fn max_attempts(mut self, attempts: u32) -> Self {
            self.options.max_attempts = attempts.max(1);
            self
        }

        /// Adds a header to each request of this call, such as `traceparent`; a name given twice keeps the
        /// last value. What the SDK sets itself (`Authorization`, `Idempotency-Key`, `Host`, `Content-*` and
        /// the like) cannot be replaced: such a call fails with
        /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest) before anything is sent.
        pub fn header(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
            self.options.add_header(name.as_ref(), value.as_ref());
            self
        }
    };
}

/// The setter of a write's idempotency key, for a builder with a field `key`.
macro_rules! key_setter {
    () => {
        /// The key under which Flowlix does this once. Without one the client makes a random key before
        /// the first send; the reply and the error show it.
        pub fn idempotency_key(mut self, key: $crate::IdempotencyKey) -> Self {
            self.key = Some(key);
            self
        }
    };
}

/// Lets a builder be awaited without `send()`.
macro_rules! into_future {
    ($builder:ty => $output:ty) => {
        impl std::future::IntoFuture for $builder {
            type Output = Result<$output, $crate::Error>;
            type IntoFuture = std::pin::Pin<Box<dyn Future<Output = Self::Output> + Send>>;

            fn into_future(self) -> Self::IntoFuture {
                Box::pin(self.send())
            }
        }
    };
}

pub(crate) use {call_setters, into_future, key_setter};
