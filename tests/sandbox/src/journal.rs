//! What arrived: every request to the API, in order, with its secrets taken out.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use crate::server::http::{Request, split_target};

const REDACTED: &str = "[redacted]";

/// A request that reached the server.
#[derive(Clone)]
pub struct RecordedRequest {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Option<Value>,
    raw_body: Vec<u8>,
    answer: Answer,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// Nothing yet; it is being processed or held.
    Pending,
    /// Answered with this HTTP status.
    Status(u16),
    /// Answered with this HTTP status, the body cut short.
    Cut(u16),
    /// Processed, and the connection closed without an answer.
    Lost,
    /// The connection was reset before the request was read; only method and path are known.
    Reset,
}

impl RecordedRequest {
    /// The HTTP method.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The path without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The query without the question mark, as it was sent (percent-encoded); may be empty.
    #[must_use]
    pub fn query(&self) -> &str {
        &self.query
    }

    /// All headers in the order in which they came, names in lower case; of `authorization` only
    /// the key's prefix is left.
    #[must_use]
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// The first header of this name, in any spelling.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The JSON body with card number and CVC redacted; `None` when it is no JSON.
    #[must_use]
    pub fn body(&self) -> Option<&Value> {
        self.body.as_ref()
    }

    /// The body to the byte, **with** card number and CVC: for comparing attempts in tests, not
    /// for printing.
    #[must_use]
    pub fn raw_body_with_secrets(&self) -> &[u8] {
        &self.raw_body
    }

    /// What became of it.
    #[must_use]
    pub fn answer(&self) -> Answer {
        self.answer
    }
}

impl fmt::Debug for RecordedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordedRequest")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("query", &self.query)
            .field("headers", &self.headers)
            .field("body", &self.body)
            .field("answer", &self.answer)
            .finish_non_exhaustive()
    }
}

/// The place of a request in the journal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry(usize);

#[derive(Debug, Default)]
pub(crate) struct Journal {
    requests: Mutex<Vec<RecordedRequest>>,
}

impl Journal {
    fn lock(&self) -> MutexGuard<'_, Vec<RecordedRequest>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn requests(&self) -> Vec<RecordedRequest> {
        self.lock().clone()
    }

    pub(crate) fn record(&self, request: &Request) -> Entry {
        self.push(RecordedRequest {
            method: request.method().to_owned(),
            path: request.path().to_owned(),
            query: request.query().to_owned(),
            headers: request.headers().iter().map(shown_header).collect(),
            body: serde_json::from_slice(request.body()).ok().map(|mut body| {
                redact(&mut body);
                body
            }),
            raw_body: request.body().to_vec(),
            answer: Answer::Pending,
        })
    }

    pub(crate) fn record_unread(&self, method: &str, target: &str) {
        let (path, query) = split_target(target);
        self.push(RecordedRequest {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: Vec::new(),
            body: None,
            raw_body: Vec::new(),
            answer: Answer::Reset,
        });
    }

    pub(crate) fn answered(&self, entry: Entry, answer: Answer) {
        if let Some(request) = self.lock().get_mut(entry.0) {
            request.answer = answer;
        }
    }

    fn push(&self, request: RecordedRequest) -> Entry {
        let mut requests = self.lock();
        requests.push(request);
        Entry(requests.len().saturating_sub(1))
    }
}

fn shown_header((name, value): &(String, String)) -> (String, String) {
    let name = name.to_ascii_lowercase();
    if name != "authorization" {
        return (name, value.clone());
    }
    let prefixes = ["fl_test_sk_", "fl_live_sk_", "api_test_sk_", "api_live_sk_"];
    let shown = prefixes
        .iter()
        .find(|prefix| value.starts_with(&format!("Bearer {prefix}")))
        .map_or_else(
            || REDACTED.to_owned(),
            |prefix| format!("Bearer {prefix}{REDACTED}"),
        );
    (name, shown)
}

/// Card numbers and CVCs, wherever a request puts them.
fn redact(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if matches!(name.as_str(), "number" | "cvc") && !member.is_null() {
                    *member = Value::from(REDACTED);
                } else {
                    redact(member);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(redact),
        _ => {}
    }
}
