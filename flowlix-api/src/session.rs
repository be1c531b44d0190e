//! What every generated client carries: the key, and the way requests are sent.

use std::fmt;
use std::sync::Arc;

use reqwest::header::HeaderValue;

use crate::transport::{Direct, Transport};

/// The inner state of [`snake_case::Client`](crate::snake_case::Client) and
/// [`uppercase::Client`](crate::uppercase::Client).
#[derive(Clone)]
pub struct Session {
    authorization: HeaderValue,
    transport: Arc<dyn Transport>,
}

impl Session {
    /// A session that sends `Authorization: Bearer <key>` with each request and sends it once.
    ///
    /// # Errors
    /// When the key holds characters that no header can carry.
    pub fn new(key: &str) -> Result<Self, InvalidKey> {
        let mut authorization =
            HeaderValue::try_from(format!("Bearer {key}")).map_err(|_| InvalidKey)?;
        authorization.set_sensitive(true);
        Ok(Self {
            authorization,
            transport: Arc::new(Direct),
        })
    }

    /// The same session over another transport.
    #[must_use]
    pub fn with_transport(&self, transport: Arc<dyn Transport>) -> Self {
        Self {
            authorization: self.authorization.clone(),
            transport,
        }
    }

    pub(crate) fn authorization(&self) -> HeaderValue {
        self.authorization.clone()
    }

    pub(crate) fn transport(&self) -> &dyn Transport {
        &*self.transport
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("authorization", &"[redacted]")
            .finish_non_exhaustive()
    }
}

/// An API key that no HTTP header can carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidKey;

impl fmt::Display for InvalidKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the API key holds characters that a header cannot carry; copy it again")
    }
}

impl std::error::Error for InvalidKey {}
