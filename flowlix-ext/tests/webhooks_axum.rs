//! The axum extractor, through a real router.
#![cfg(feature = "axum")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::routing::post;
use flowlix_ext::testing::ManualTime;
use flowlix_ext::webhooks::testing::sign;
use flowlix_ext::webhooks::{
    HeaderFault, SIGNATURE_HEADER, VerifiedEvent, WebhookError, WebhookRejection, WebhookSecret,
    WebhookVerifier,
};
use tower::ServiceExt;

const BODY: &str = r#"{"id":"evt_1","type":"payment.succeeded","data":{}}"#;

fn secret() -> WebhookSecret {
    WebhookSecret::parse("whsec_canary123").unwrap()
}

fn router() -> Router {
    common::watch::everything();
    let verifier = WebhookVerifier::new(secret()).runtime(ManualTime::automatic());
    Router::new()
        .route(
            "/",
            post(async |_: HeaderMap, VerifiedEvent(event): VerifiedEvent| event.id().to_string()),
        )
        .with_state(verifier)
}

fn signed(body: &str) -> String {
    sign(&secret(), ManualTime::automatic().now(), body.as_bytes())
}

async fn post_to(
    router: Router,
    body: impl Into<Body>,
    signatures: &[&str],
) -> (StatusCode, String) {
    let mut request = Request::post("/");
    for signature in signatures {
        request = request.header(SIGNATURE_HEADER, *signature);
    }
    let request = request.body(body.into()).unwrap();
    let response = router.oneshot(request).await.unwrap();
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await;
    (status, String::from_utf8(body.unwrap().to_vec()).unwrap())
}

#[tokio::test]
async fn a_genuine_delivery_reaches_the_handler() {
    let answer = post_to(router(), BODY, &[&signed(BODY)]).await;
    assert_eq!(answer, (StatusCode::OK, "evt_1".to_owned()));
}

#[tokio::test]
async fn every_other_delivery_is_refused_with_its_reason() {
    let good = signed(BODY);
    let old = sign(
        &secret(),
        std::time::SystemTime::UNIX_EPOCH,
        BODY.as_bytes(),
    );
    let no_event = signed("[]");
    for (body, signatures, status, reason) in [
        (
            BODY,
            vec![],
            StatusCode::BAD_REQUEST,
            "no Flowlix-Signature",
        ),
        (BODY, vec!["t=1"], StatusCode::BAD_REQUEST, "malformed"),
        (
            BODY,
            vec![&*good, &good],
            StatusCode::BAD_REQUEST,
            "more than once",
        ),
        (
            "{}",
            vec![&*good],
            StatusCode::BAD_REQUEST,
            "no signature matches",
        ),
        (BODY, vec![&*old], StatusCode::BAD_REQUEST, "signed 17197"),
        (
            "[]",
            vec![&*no_event],
            StatusCode::UNPROCESSABLE_ENTITY,
            "not an event",
        ),
    ] {
        let (answered, text) = post_to(router(), body, &signatures).await;
        assert_eq!(answered, status, "{text}");
        assert!(text.contains(reason), "{text}");
        assert!(!text.contains("canary") && !text.contains(&good), "{text}");
    }
}

#[tokio::test]
async fn large_bodies_are_refused_by_the_smaller_limit() {
    let large = format!("{BODY}{}", " ".repeat(1024 * 1024));
    for (router, body, status) in [
        (router(), &large[..1024 * 1024], StatusCode::OK),
        (
            router(),
            &large[..=1024 * 1024],
            StatusCode::PAYLOAD_TOO_LARGE,
        ),
        (
            router().layer(DefaultBodyLimit::disable()),
            &large,
            StatusCode::PAYLOAD_TOO_LARGE,
        ),
        (
            router().layer(DefaultBodyLimit::max(100)),
            &large[..100],
            StatusCode::OK,
        ),
        (
            router().layer(DefaultBodyLimit::max(100)),
            &large[..101],
            StatusCode::PAYLOAD_TOO_LARGE,
        ),
    ] {
        let (answered, text) = post_to(router, body.to_owned(), &[&signed(body)]).await;
        assert_eq!(answered, status, "{} bytes: {text}", body.len());
    }
}

/// A body whose connection breaks after its first part.
struct Broken(Option<&'static str>);

impl http_body::Body for Broken {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, std::io::Error>>> {
        std::task::Poll::Ready(Some(match self.0.take() {
            Some(part) => Ok(http_body::Frame::data(Bytes::from(part))),
            None => Err(std::io::ErrorKind::ConnectionReset.into()),
        }))
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_never_an_event() {
    let broken = Body::new(Broken(Some(BODY)));
    let (status, text) = post_to(router(), broken, &[&signed(BODY)]).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(text.contains("did not arrive whole"), "{text}");
}

#[test]
fn a_rejection_is_typed() {
    let fault = WebhookError::MalformedHeader(HeaderFault::NoTimestamp);
    let rejection = WebhookRejection::Refused(fault);
    assert_eq!(rejection.status(), StatusCode::BAD_REQUEST);
    assert!(format!("{rejection:?}").contains("NoTimestamp"));
}
