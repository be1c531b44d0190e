//! What one attempt brought: an answer, a part of one, or a fault.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use flowlix_api::{ErrorResponse, model};
use http::{HeaderMap, StatusCode};

use super::decision::{Class, Facts, Reach};
use super::retry_after::retry_after;
use super::secrets::Secrets;

/// What one attempt brought.
pub(crate) struct Answer {
    pub(super) reach: Reach,
    pub(crate) status: Option<StatusCode>,
    pub(super) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// What Flowlix said of an error, masked.
    pub(crate) detail: Option<model::ErrorDetail>,
    pub(crate) request_id: Option<String>,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) fault: Option<Fault>,
}

/// Why an attempt brought no whole answer.
pub(crate) enum Fault {
    Http(reqwest::Error),
    AttemptTimeout(Duration),
    BodyTooLarge(usize),
}

impl Answer {
    pub(super) fn new(
        head: Option<(StatusCode, HeaderMap)>,
        outcome: Result<http::Response<Bytes>, Fault>,
        secrets: &Secrets<'_>,
        now: SystemTime,
    ) -> Self {
        let (reach, body, fault) = match outcome {
            Ok(response) => (Reach::Answered, response.into_body(), None),
            // The head alone says what happened; a body of that size is read by nobody.
            Err(fault @ Fault::BodyTooLarge(_)) => (Reach::Answered, Bytes::new(), Some(fault)),
            Err(fault) if head.is_some() => (Reach::AnswerCutShort, Bytes::new(), Some(fault)),
            Err(Fault::Http(error)) if error.is_connect() || error.is_builder() => {
                (Reach::NotConnected, Bytes::new(), Some(Fault::Http(error)))
            }
            Err(fault) => (Reach::NoAnswer, Bytes::new(), Some(fault)),
        };
        let (status, headers) = match head {
            Some((status, headers)) => (Some(status), headers),
            None => (None, HeaderMap::new()),
        };
        let detail = status
            .filter(|status| !status.is_success())
            .and_then(|_| secrets.mask_detail(ErrorResponse::read(&body).detail()?));
        let request_id = request_id(&headers)
            .map(|id| secrets.mask_id(id))
            .or_else(|| detail.as_ref().and_then(|detail| detail.request_id.clone()));
        let retry_after = retry_after(&headers, now);
        Self {
            reach,
            status,
            headers,
            body,
            detail,
            request_id,
            retry_after,
            fault,
        }
    }

    pub(super) fn facts(&self, class: Class) -> Facts<'_> {
        let detail = self.detail.as_ref();
        Facts {
            class,
            reach: self.reach,
            status: self.status.map(|status| status.as_u16()),
            error_type: detail
                .and_then(|detail| detail.type_.as_ref())
                .map(model::ErrorType::as_str),
            message: detail.and_then(|detail| detail.message.as_deref()),
        }
    }

    pub(super) fn response(&self) -> Option<http::Response<Bytes>> {
        if self.fault.is_some() {
            return None;
        }
        let mut response = http::Response::new(self.body.clone());
        *response.status_mut() = self.status?;
        *response.headers_mut() = self.headers.clone();
        Some(response)
    }
}

/// The two dialects' pages name the header differently; either is taken from either.
fn request_id(headers: &HeaderMap) -> Option<&str> {
    ["flowlix-request-id", "request-id"]
        .into_iter()
        .filter_map(|name| headers.get(name)?.to_str().ok())
        .find(|id| !id.is_empty())
}
