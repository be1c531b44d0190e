//! What generated clients do around each request.
//!
//! The hooks stand in this crate because Rust lets only a client's own crate implement them.

use bytes::Bytes;
use progenitor_client::{ClientHooks, ClientInfo, OperationInfo};
use reqwest::header::AUTHORIZATION;

use crate::error_response::ErrorResponse;
use crate::session::Session;
use crate::transport::TransportError;

impl ClientHooks<Session> for crate::snake_case::Client {
    async fn exec(
        &self,
        request: reqwest::Request,
        info: &OperationInfo,
    ) -> reqwest::Result<reqwest::Response> {
        exchange(self.inner(), self.client(), request, info).await
    }
}

impl ClientHooks<Session> for crate::uppercase::Client {
    async fn exec(
        &self,
        request: reqwest::Request,
        info: &OperationInfo,
    ) -> reqwest::Result<reqwest::Response> {
        exchange(self.inner(), self.client(), request, info).await
    }
}

async fn exchange(
    session: &Session,
    client: &reqwest::Client,
    mut request: reqwest::Request,
    info: &OperationInfo,
) -> reqwest::Result<reqwest::Response> {
    let headers = request.headers_mut();
    // The generator sends the document's version with each request; Flowlix knows no such header.
    headers.remove("api-version");
    headers.insert(AUTHORIZATION, session.authorization());
    match session
        .transport()
        .send(info.operation_id, request, client)
        .await
    {
        Ok(response) => Ok(readable(response).into()),
        Err(TransportError::Http(error)) => Err(error),
        Err(TransportError::Interrupted) => interrupted(),
    }
}

/// Generated code parses an error's body as JSON before it looks at anything else, and would lose the
/// status of an HTML page. So a body that is no JSON becomes a JSON text of its beginning.
fn readable(response: http::Response<Bytes>) -> http::Response<Bytes> {
    let is_json = || serde_json::from_slice::<serde::de::IgnoredAny>(response.body()).is_ok();
    if response.status().is_success() || is_json() {
        return response;
    }
    response.map(|body| serde_json::to_vec(&ErrorResponse::read(&body)).map_or(body, Bytes::from))
}

/// The only failure that can be made here: `reqwest::Error` has no constructor.
fn interrupted() -> reqwest::Result<reqwest::Response> {
    let mut gateway_timeout = http::Response::new(Bytes::new());
    *gateway_timeout.status_mut() = http::StatusCode::GATEWAY_TIMEOUT;
    reqwest::Response::from(gateway_timeout).error_for_status()
}
