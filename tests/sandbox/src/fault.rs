//! Faults that a test can script, and which request each one hits.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::api::error::ApiError;
use crate::api::route::Operation;
use crate::queue::Queue;

/// Something that goes wrong with one request to the API.
///
/// "Committed" means that the request is processed as if nothing were wrong: a payment comes into
/// being, and a 2xx answer is stored under the idempotency key.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Fault {
    /// Nothing goes wrong; lets one request through before the next fault.
    Pass,
    /// The connection is reset once the request line has arrived. Not committed.
    ResetBeforeReading,
    /// Committed, then the connection is closed without an answer.
    LoseAnswer,
    /// Committed, then the head announces the whole body, half of it follows, and the connection
    /// is closed.
    CutBody,
    /// Read whole, and then under way for as long as the test wants: not let in, not counted, no
    /// idempotency key taken. [`Sandbox::release_late`](crate::Sandbox::release_late) processes the
    /// request as if it arrived only then, even if the client is gone by then.
    Late,
    /// Read and let in, its idempotency key taken, then held; committed and answered when
    /// [`Sandbox::release_stalled`](crate::Sandbox::release_stalled) is called, even if the
    /// client is gone by then.
    Stall,
    /// Committed at once; the answer is held until
    /// [`Sandbox::release_stalled`](crate::Sandbox::release_stalled).
    StallAnswer,
    /// Answered with this instead of being processed. Not committed.
    Answer(Reply),
    /// Committed, then answered with this instead.
    CommitThenAnswer(Reply),
    /// Committed, then answered with its own status and headers and a body that is not JSON.
    Garbage,
    /// Committed, then the JSON of the answer is changed on its way out.
    Alter(Alteration),
}

impl Fault {
    /// Answers with an error in Flowlix's shape, of the type that the documents give for
    /// `status`. Not committed; see [`Fault::after_commit`].
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::Answer(Reply(Script::Error(ApiError::scripted(status, None))))
    }

    /// Like [`Fault::status`], with a `Retry-After` header: seconds or an HTTP date, or anything
    /// else that a client should survive.
    #[must_use]
    pub fn status_retry_after(status: u16, retry_after: impl Into<String>) -> Self {
        let error = ApiError::scripted(status, Some(retry_after.into()));
        Self::Answer(Reply(Script::Error(error)))
    }

    /// A proxy answers with an HTML page: none of Flowlix's headers, no JSON. Not committed; see
    /// [`Fault::after_commit`].
    #[must_use]
    pub fn html(status: u16) -> Self {
        Self::Answer(Reply(Script::Html(status)))
    }

    /// 409: a request with the same idempotency key is currently being processed. Not committed.
    #[must_use]
    pub fn in_flight() -> Self {
        Self::Answer(Reply(Script::Error(ApiError::in_flight())))
    }

    /// 422 `card_error`: the card is declined at once, with this decline code and without a
    /// payment. Not committed, and not stored under the idempotency key (unless
    /// [`Builder::store_refusals`](crate::Builder::store_refusals) says so). A request that is not let
    /// in (401, 429, 409) or that is a replay gets the answer that it gets without the fault.
    #[must_use]
    pub fn declined(decline_code: impl Into<String>) -> Self {
        let error = ApiError::declined(&decline_code.into());
        Self::Answer(Reply(Script::Declined(error)))
    }

    /// Exactly this answer; only Content-Length is added. Not committed; see
    /// [`Fault::after_commit`].
    #[must_use]
    pub fn raw<N, V>(
        status: u16,
        headers: impl IntoIterator<Item = (N, V)>,
        body: impl Into<Vec<u8>>,
    ) -> Self
    where
        N: Into<String>,
        V: Into<String>,
    {
        Self::Answer(Reply(Script::Raw {
            status,
            headers: headers
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            body: body.into(),
        }))
    }

    /// Changes the answer's JSON by a merge patch (RFC 7396): members are added, replaced, or
    /// removed by null.
    #[must_use]
    pub fn patch(patch: Value) -> Self {
        Self::Alter(Alteration::patch(patch))
    }

    /// Changes the answer's JSON by a function.
    #[must_use]
    pub fn alter(change: impl Fn(&mut Value) + Send + Sync + 'static) -> Self {
        Self::Alter(Alteration::new(change))
    }

    /// Turns an answer-instead fault ([`Fault::status`], [`Fault::html`], [`Fault::raw`], …) into
    /// one that commits the request first. Other faults stay what they are.
    #[must_use]
    pub fn after_commit(self) -> Self {
        match self {
            Self::Answer(reply) => Self::CommitThenAnswer(reply),
            other => other,
        }
    }
}

/// An answer that stands in for the server's own. Made by the constructors of [`Fault`].
#[derive(Clone, Debug)]
pub struct Reply(pub(crate) Script);

#[derive(Clone, Debug)]
pub(crate) enum Script {
    /// An error in Flowlix's shape, with Flowlix's headers.
    Error(ApiError),
    /// The card is declined once the request has been let in.
    Declined(ApiError),
    /// A proxy's HTML page.
    Html(u16),
    /// Given to the byte.
    Raw {
        status: u16,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    },
}

/// A change to JSON on its way out. Made by [`Fault::patch`] and [`Fault::alter`], and by those of
/// [`DeliveryFault`](crate::DeliveryFault).
#[derive(Clone)]
pub struct Alteration(Arc<dyn Fn(&mut Value) + Send + Sync>);

impl Alteration {
    pub(crate) fn new(change: impl Fn(&mut Value) + Send + Sync + 'static) -> Self {
        Self(Arc::new(change))
    }

    pub(crate) fn patch(patch: Value) -> Self {
        Self::new(move |body| merge(body, &patch))
    }

    pub(crate) fn apply(&self, body: &[u8]) -> Vec<u8> {
        match serde_json::from_slice::<Value>(body) {
            Ok(mut value) => {
                (self.0)(&mut value);
                value.to_string().into_bytes()
            }
            Err(_) => body.to_vec(),
        }
    }
}

impl fmt::Debug for Alteration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Alteration")
    }
}

fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    if let Value::Object(members) = target {
        for (name, change) in changes {
            if change.is_null() {
                members.remove(name);
            } else {
                merge(members.entry(name.clone()).or_insert(Value::Null), change);
            }
        }
    }
}

/// Which requests a fault hits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matcher {
    method: Option<String>,
    path: Option<String>,
    operation: Option<Operation>,
}

impl Matcher {
    /// Every request to the API. (The sandbox's own pages are never hit.)
    #[must_use]
    pub fn any() -> Self {
        Self::default()
    }

    /// Requests with this HTTP method.
    #[must_use]
    pub fn method(method: impl Into<String>) -> Self {
        Self {
            method: Some(method.into()),
            ..Self::default()
        }
    }

    /// Requests for exactly this path, whatever their query.
    #[must_use]
    pub fn path(path: impl Into<String>) -> Self {
        Self {
            path: Some(path.into()),
            ..Self::default()
        }
    }

    fn matches(&self, method: &str, path: &str, operation: Option<Operation>) -> bool {
        self.method.as_deref().is_none_or(|wanted| wanted == method)
            && self.path.as_deref().is_none_or(|wanted| wanted == path)
            && self
                .operation
                .is_none_or(|wanted| operation == Some(wanted))
    }
}

impl From<Operation> for Matcher {
    fn from(operation: Operation) -> Self {
        Self {
            operation: Some(operation),
            ..Self::default()
        }
    }
}

/// The faults that wait for their request.
pub(crate) type Faults = Queue<Matcher, Fault>;

impl Faults {
    /// Uses up the first fault that matches.
    pub(crate) fn take(&self, method: &str, path: &str, operation: Option<Operation>) -> Fault {
        self.take_where(|matcher| matcher.matches(method, path, operation))
            .unwrap_or(Fault::Pass)
    }
}
