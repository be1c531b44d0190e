//! How a request that generated code built reaches Flowlix: the seam where policy plugs in.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use bytes::{Bytes, BytesMut};

/// A response body larger than this is refused: 8 MiB, some fifty times a full list page.
pub const BODY_LIMIT: usize = 8 * 1024 * 1024;

/// What [`Transport::send`] returns.
pub type Sending<'a> =
    Pin<Box<dyn Future<Output = Result<http::Response<Bytes>, TransportError>> + Send + 'a>>;

/// Sends what a generated operation has built.
///
/// It is called once for each call of a generated method. An implementation may send the request several
/// times ([`reqwest::Request::try_clone`] keeps the bytes the same); what it returns is decoded.
pub trait Transport: Send + Sync {
    /// Sends the request of the operation with this `operationId` and reads the whole answer.
    fn send<'a>(
        &'a self,
        operation: &'static str,
        request: reqwest::Request,
        client: &'a reqwest::Client,
    ) -> Sending<'a>;
}

/// Why a transport has no response to show.
#[derive(Debug)]
pub enum TransportError {
    /// The HTTP client's error.
    Http(reqwest::Error),
    /// The transport stopped for a reason that its owner keeps; generated code sees a failed request.
    Interrupted,
}

/// Sends once, with no policy of its own.
#[derive(Debug, Clone, Copy, Default)]
pub struct Direct;

impl Transport for Direct {
    fn send<'a>(
        &'a self,
        _operation: &'static str,
        request: reqwest::Request,
        client: &'a reqwest::Client,
    ) -> Sending<'a> {
        Box::pin(async move {
            let response = client
                .execute(request)
                .await
                .map_err(TransportError::Http)?;
            read_bounded(response, BODY_LIMIT)
                .await
                .map_err(|error| match error {
                    ReadError::Http(error) => TransportError::Http(error),
                    ReadError::TooLarge { .. } => TransportError::Interrupted,
                })
        })
    }
}

/// Why a response could not be read to its end. Status and headers did arrive.
#[derive(Debug)]
pub enum ReadError {
    /// The connection broke, or the body was cut short.
    Http(reqwest::Error),
    /// The body is larger than the limit, in bytes.
    TooLarge {
        /// The limit that was exceeded, in bytes.
        limit: usize,
    },
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(_) => f.write_str("the response broke off"),
            Self::TooLarge { limit } => write!(f, "the response is larger than {limit} bytes"),
        }
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Http(error) => Some(error),
            Self::TooLarge { .. } => None,
        }
    }
}

/// Reads a response's body, but never more than `limit` bytes of it.
///
/// # Errors
/// When the body breaks off, or is larger than the limit.
pub async fn read_bounded(
    mut response: reqwest::Response,
    limit: usize,
) -> Result<http::Response<Bytes>, ReadError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(ReadError::Http)? {
        if body.len() + chunk.len() > limit {
            return Err(ReadError::TooLarge { limit });
        }
        body.extend_from_slice(&chunk);
    }
    let mut whole = http::Response::new(body.freeze());
    *whole.status_mut() = response.status();
    *whole.headers_mut() = std::mem::take(response.headers_mut());
    Ok(whole)
}
