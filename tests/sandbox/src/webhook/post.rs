//! One POST to a service.

use std::pin::pin;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::DeliveryOutcome;
use crate::sandbox::SandboxError;

/// Where a service takes webhooks.
#[derive(Debug)]
pub(super) struct Endpoint {
    /// As the `Host` header has it.
    authority: String,
    /// As a resolver takes it: an IPv6 address without the brackets that it has in a URL.
    host: String,
    port: u16,
    path: String,
}

impl Endpoint {
    pub(super) fn parse(url: &str) -> Result<Self, SandboxError> {
        Self::read(url).ok_or_else(|| SandboxError::NotAnEndpoint {
            url: url.to_owned(),
        })
    }

    fn read(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let authority = uri.authority()?;
        let host = authority.host();
        if uri.scheme_str() != Some("http") || host.is_empty() {
            return None;
        }
        // What stands before the host is a user's name, which an endpoint has not.
        let port = match authority.as_str().strip_prefix(host)? {
            "" => 80,
            port => port.strip_prefix(':')?.parse().ok()?,
        };
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Some(Self {
            authority: authority.to_string(),
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
            path: path.to_owned(),
        })
    }

    pub(super) async fn post(&self, signature: Option<String>, body: Vec<u8>) -> DeliveryOutcome {
        let request = match self.request(signature, body) {
            Ok(request) => request,
            Err(error) => return unreachable(error),
        };
        match TcpStream::connect((self.host.as_str(), self.port)).await {
            Ok(stream) => match send(stream, request).await {
                Ok(status @ 200..=299) => DeliveryOutcome::Accepted(status),
                Ok(status) => DeliveryOutcome::Refused(status),
                Err(error) => DeliveryOutcome::NoAnswer {
                    reason: error.to_string(),
                },
            },
            Err(error) => unreachable(error),
        }
    }

    fn request(
        &self,
        signature: Option<String>,
        body: Vec<u8>,
    ) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
        let mut request = Request::post(&self.path)
            .header(HOST, &self.authority)
            .header(CONTENT_TYPE, "application/json")
            .header(CONNECTION, "close");
        if let Some(signature) = signature {
            request = request.header("Flowlix-Signature", signature);
        }
        request.body(Full::from(body))
    }
}

fn unreachable(error: impl std::error::Error) -> DeliveryOutcome {
    DeliveryOutcome::Unreachable {
        reason: error.to_string(),
    }
}

/// The status of the answer; its body is nobody's concern.
async fn send(stream: TcpStream, request: Request<Full<Bytes>>) -> Result<u16, hyper::Error> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Nothing is spawned: whoever drops this future closes the connection.
    let mut answer = pin!(sender.send_request(request));
    let response = tokio::select! {
        response = &mut answer => response,
        // The connection may end with the answer already handed over.
        _ = connection => answer.await,
    };
    Ok(response?.status().as_u16())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_endpoint_is_a_plain_http_address() {
        for (url, host, port, path) in [
            ("http://localhost", "localhost", 80, "/"),
            ("http://127.0.0.1:8080/hooks", "127.0.0.1", 8080, "/hooks"),
            ("HTTP://shop.test:1/a/b?c=d#e", "shop.test", 1, "/a/b?c=d"),
            ("http://[::1]:9/", "::1", 9, "/"),
        ] {
            let endpoint = Endpoint::parse(url).unwrap();
            let read = (
                endpoint.host.as_str(),
                endpoint.port,
                endpoint.path.as_str(),
            );
            assert_eq!(read, (host, port, path), "{url}");
        }
        for url in [
            "",
            "/hooks",
            "127.0.0.1:8080",
            "https://shop.example.com/hooks",
            "ftp://shop.test/",
            "http://",
            "http://:8080/",
            "http://shop.test:port/",
            "http://shop.test:/",
            "http://shop.test:65536/",
            "http://user:word@shop.test/",
            "http://shop test/",
        ] {
            let refused = SandboxError::NotAnEndpoint {
                url: url.to_owned(),
            };
            assert_eq!(Endpoint::parse(url).unwrap_err(), refused);
        }
    }
}
