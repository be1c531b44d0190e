//! The extractor for axum.

use std::fmt;

use axum_core::RequestExt;
use axum_core::extract::{FromRef, FromRequest, Request};
use axum_core::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::error::WebhookError;
use super::event::Event;
use super::verifier::WebhookVerifier;

/// Largest body that is read: a documented event has a few kilobytes.
const BODY_LIMIT: usize = 1024 * 1024;

/// A verified event as an argument of an axum handler. The verifier comes from the router's state.
///
/// It takes the body, so it stands last among the arguments. Bodies over 1 MiB are refused, or over axum's
/// `DefaultBodyLimit` where that is smaller.
///
/// The router's state has to be a verifier, or to have one by `FromRef`, and to be given by `with_state`. Where that
/// is missing the compiler says no more than that it expected `MethodRouter` and found
/// `MethodRouter<WebhookVerifier>`.
///
/// ```
/// use axum::Router;
/// use axum::extract::State;
/// use axum::routing::post;
/// use flowlix_ext::webhooks::{Inbox, Received, VerifiedEvent, WebhookVerifier};
/// use http::StatusCode;
///
/// #[derive(Clone)]
/// struct App {
///     verifier: WebhookVerifier,
///     inbox: Inbox,
/// }
///
/// impl axum::extract::FromRef<App> for WebhookVerifier {
///     fn from_ref(app: &App) -> Self {
///         app.verifier.clone()
///     }
/// }
///
/// async fn flowlix(State(app): State<App>, VerifiedEvent(event): VerifiedEvent) -> StatusCode {
///     match app.inbox.admit(event).await {
///         Ok(Received::New(claimed)) => {
///             // … handle claimed.event() …
///             match claimed.complete().await {
///                 Ok(_) => StatusCode::OK,
///                 Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
///             }
///         }
///         Ok(Received::Duplicate(_)) => StatusCode::OK,
///         Ok(Received::InProgress { .. }) | Err(_) => StatusCode::SERVICE_UNAVAILABLE,
///     }
/// }
///
/// # fn router(app: App) -> Router {
/// Router::new().route("/webhooks/flowlix", post(flowlix)).with_state(app)
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct VerifiedEvent(
    /// The event.
    pub Event,
);

/// Why the extractor refused a request. As a response it is one line of text and a status:
/// - 400 for a missing, malformed or wrong signature, and for one that is too old or from the future. Not
///   401: that asks for credentials, and a signature is not the kind that can be asked for.
/// - 413 for a body that is too large.
/// - 422 for a genuine delivery that is not an event.
#[derive(Debug)]
#[non_exhaustive]
pub enum WebhookRejection {
    /// The delivery is not taken for an event.
    Refused(WebhookError),
    /// The body is larger than what is read.
    TooLarge,
    /// The body did not arrive whole.
    Interrupted,
}

impl WebhookRejection {
    /// The status of the response.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Refused(WebhookError::Unreadable(_)) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Refused(_) | Self::Interrupted => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        }
    }
}

impl fmt::Display for WebhookRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => error.fmt(f),
            Self::TooLarge => f.write_str("webhook refused: the body is too large"),
            Self::Interrupted => f.write_str("webhook refused: the body did not arrive whole"),
        }
    }
}

impl std::error::Error for WebhookRejection {}

impl IntoResponse for WebhookRejection {
    fn into_response(self) -> Response {
        (self.status(), self.to_string()).into_response()
    }
}

impl<S> FromRequest<S> for VerifiedEvent
where
    S: Send + Sync,
    WebhookVerifier: FromRef<S>,
{
    type Rejection = WebhookRejection;

    async fn from_request(request: Request, state: &S) -> Result<Self, WebhookRejection> {
        let verifier = WebhookVerifier::from_ref(state);
        // The application's own limit counts too, should it be smaller.
        let (parts, body) = request.with_limited_body().into_parts();
        let body = read(Limited::new(body, BODY_LIMIT)).await?;
        verifier
            .verify_request(&body, &parts.headers)
            .map(Self)
            .map_err(WebhookRejection::Refused)
    }
}

async fn read(body: Limited<axum_core::body::Body>) -> Result<Bytes, WebhookRejection> {
    match body.collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if is_length_limit(&*error) => Err(WebhookRejection::TooLarge),
        Err(_) => Err(WebhookRejection::Interrupted),
    }
}

/// Our limit fails with the error itself, the application's with the error wrapped.
fn is_length_limit(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source())
        .any(|error| error.is::<LengthLimitError>())
}
