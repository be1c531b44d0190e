//! A transport that keeps what a generated client would send, and answers as told.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use flowlix_api::{Sending, Transport, TransportError};

/// A request as it would have gone out.
#[derive(Debug, Clone)]
pub struct Sent {
    /// The `operationId`.
    pub operation: &'static str,
    /// Method, path and query.
    pub line: String,
    /// The headers.
    pub headers: http::HeaderMap,
    /// The body, as text.
    pub body: String,
}

impl Sent {
    /// The whole request as text, headers in order; what is marked as sensitive is not shown.
    #[must_use]
    pub fn text(&self) -> String {
        let mut headers: Vec<String> = self
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {value:?}"))
            .collect();
        headers.sort();
        let body = match serde_json::from_str::<serde_json::Value>(&self.body) {
            Ok(json) => format!("{json:#}"),
            Err(_) => self.body.clone(),
        };
        format!(
            "# {}\n{}\n{}\n\n{body}",
            self.operation,
            self.line,
            headers.join("\n")
        )
    }
}

/// The recording transport.
#[derive(Debug)]
pub struct Recorder {
    answer: Option<http::Response<Bytes>>,
    sent: Mutex<Vec<Sent>>,
}

impl Recorder {
    /// Answers every request like this.
    #[must_use]
    pub fn answering(answer: http::Response<Bytes>) -> Self {
        Self {
            answer: Some(answer),
            sent: Mutex::default(),
        }
    }

    /// Answers no request.
    #[must_use]
    pub fn interrupted() -> Self {
        Self {
            answer: None,
            sent: Mutex::default(),
        }
    }

    /// All requests so far.
    #[must_use]
    pub fn sent(&self) -> Vec<Sent> {
        self.sent
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Transport for Recorder {
    fn send<'a>(
        &'a self,
        operation: &'static str,
        request: reqwest::Request,
        _client: &'a reqwest::Client,
    ) -> Sending<'a> {
        let url = request.url();
        let query = url.query().map(|query| format!("?{query}"));
        let sent = Sent {
            operation,
            line: format!(
                "{} {}{}",
                request.method(),
                url.path(),
                query.unwrap_or_default()
            ),
            headers: request.headers().clone(),
            body: request
                .body()
                .and_then(reqwest::Body::as_bytes)
                .map(|body| String::from_utf8_lossy(body).into_owned())
                .unwrap_or_default(),
        };
        self.sent
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(sent);
        let answer = self.answer.clone().ok_or(TransportError::Interrupted);
        Box::pin(async move { answer })
    }
}
