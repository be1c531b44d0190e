//! What a call tells through `tracing`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;
#[path = "common/trace.rs"]
mod trace;

use common::{DIALECTS, Stage};
use flowlix_ext::Settled;
use flowlix_sandbox::{Fault, Operation};
use trace::Recorder;
use tracing::Level;

#[tokio::test]
async fn every_attempt_is_a_span_with_the_names_of_opentelemetry() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        stage
            .sandbox
            .inject_at(Operation::CreateDirectPayment, Fault::status(503), 1);
        let (recorder, guard) = Recorder::listen();
        let payment = stage.create().await.unwrap();
        drop(guard);

        let calls = recorder.spans("flowlix.call");
        assert_eq!(calls.len(), 1);
        let call = &calls[0];
        assert_eq!(call.field("otel.name"), Some("create_direct_payment"));
        assert_eq!(call.field("flowlix.dialect"), Some(dialect_name(dialect)));
        assert_eq!(call.field("flowlix.livemode"), Some("false"));
        assert_eq!(
            call.field("flowlix.idempotency_key"),
            Some("order-1234-payment")
        );
        assert_eq!(call.field("flowlix.attempts"), Some("2"));
        assert_eq!(call.field("error.type"), None);

        let attempts = recorder.spans("flowlix.attempt");
        assert_eq!(attempts.len(), 2);
        let port = stage.sandbox.base_url();
        let port = port.rsplit(':').next().unwrap();
        for attempt in &attempts {
            assert_eq!(attempt.within, Some("flowlix.call"));
            for (name, value) in [
                ("otel.name", "POST /v1/payments"),
                ("otel.kind", "client"),
                ("http.request.method", "POST"),
                ("url.template", "/v1/payments"),
                ("server.address", "127.0.0.1"),
                ("server.port", port),
            ] {
                assert_eq!(attempt.field(name), Some(value), "{name}");
            }
        }
        let first = &attempts[0];
        assert_eq!(first.field("http.response.status_code"), Some("503"));
        assert_eq!(first.field("error.type"), Some("503"));
        assert_eq!(first.field("otel.status_code"), Some("ERROR"));
        assert_eq!(first.field("http.request.resend_count"), None);
        let second = &attempts[1];
        assert_eq!(second.field("http.response.status_code"), Some("201"));
        assert_eq!(second.field("error.type"), None);
        assert_eq!(second.field("http.request.resend_count"), Some("1"));
        assert_eq!(
            second.field("flowlix.request_id"),
            payment.receipt().request_id()
        );

        let again = recorder.event("sending again").unwrap();
        assert_eq!(again.level, Level::INFO);
        assert_eq!(again.within, Some("flowlix.attempt"));
        assert_eq!(again.field("situation"), Some("server_error"));
    }
}

fn dialect_name(dialect: flowlix_sandbox::Dialect) -> &'static str {
    match dialect {
        flowlix_sandbox::Dialect::SnakeCase => "snake_case",
        flowlix_sandbox::Dialect::Uppercase => "uppercase",
    }
}

#[tokio::test]
async fn ids_stay_out_of_names_and_queries_out_of_everything() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let payment = stage.charged().await;
        let (recorder, guard) = Recorder::listen();
        stage
            .flowlix
            .payments()
            .retrieve(&payment.id)
            .await
            .unwrap();
        let refund = stage.flowlix.refunds().create(&payment.id);
        refund.amount(1).reason("broken").await.unwrap();
        let list = stage.flowlix.payments().list().created_gte(1_234_567_890);
        list.starting_after(&payment.id).page().await.unwrap();
        drop(guard);
        let attempts = recorder.spans("flowlix.attempt");
        let names: Vec<_> = attempts
            .iter()
            .map(|span| span.field("otel.name").unwrap())
            .collect();
        let refund = match dialect {
            flowlix_sandbox::Dialect::SnakeCase => "POST /v1/payments/{id}/refund",
            flowlix_sandbox::Dialect::Uppercase => "POST /v1/refunds",
        };
        assert_eq!(names, ["GET /v1/payments/{id}", refund, "GET /v1/payments"]);
        for attempt in &attempts {
            assert!(!attempt.field("url.full").unwrap().contains('?'));
        }
        assert!(!format!("{:?}", recorder.ours()).contains("1234567890"));
    }
}

#[tokio::test]
async fn a_decline_is_no_error_and_an_unknown_outcome_is_a_warning() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let (recorder, guard) = Recorder::listen();
        let payment = stage.create_with(common::DECLINED).await.unwrap();
        let settled = stage.flowlix.payments().wait(&payment.id).await.unwrap();
        assert!(matches!(settled, Settled::Failed(_)));
        let told = recorder.ours();
        assert!(told.iter().all(|told| told.level > Level::WARN), "{told:?}");

        let body = r#"{"error":{"type":"card_error","code":"card_declined"}}"#;
        let headers = [("content-type", "application/json")];
        stage.sandbox.inject(Fault::raw(422, headers, body));
        let key = |text| flowlix_ext::IdempotencyKey::custom(text).unwrap();
        stage.create().idempotency_key(key("b")).await.unwrap_err();
        let declined = recorder.event("the card was refused").unwrap();
        assert_eq!(declined.level, Level::INFO);
        let span = recorder.spans("flowlix.attempt").pop().unwrap();
        assert_eq!(span.field("otel.status_code"), None, "business, no fault");
        let span = recorder.spans("flowlix.call").pop().unwrap();
        assert_eq!(span.field("error.type"), Some("card_refused"));
        assert_eq!(span.field("otel.status_code"), None);

        stage
            .sandbox
            .inject_at(Operation::CreateDirectPayment, Fault::LoseAnswer, 4);
        stage.create().idempotency_key(key("c")).await.unwrap_err();
        drop(guard);
        let unknown = recorder.event("outcome unknown").unwrap();
        assert_eq!(unknown.level, Level::WARN);
        assert_eq!(unknown.field("attempts"), Some("4"));
        let span = recorder.spans("flowlix.call").pop().unwrap();
        assert_eq!(span.field("error.type"), Some("outcome_unknown"));
        let span = recorder.spans("flowlix.attempt").pop().unwrap();
        assert_eq!(span.field("error.type"), Some("no_answer"));
        assert_eq!(span.field("http.response.status_code"), None);
        assert!(
            recorder
                .ours()
                .iter()
                .all(|told| told.level != Level::ERROR)
        );
    }
}

#[tokio::test]
async fn values_without_a_name_waits_and_dropped_writes_are_told() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let (recorder, guard) = Recorder::listen();
        let strange = serde_json::json!({ "status": "settling 4111 1111 1111 1111\n" });
        stage.sandbox.inject(Fault::patch(strange));
        stage.create().await.unwrap();
        let unknown = recorder.event("no name for").unwrap();
        assert_eq!(unknown.field("field"), Some("Payment.status"));
        assert_eq!(unknown.field("value"), Some("settling [digits masked] "));
        assert_eq!(unknown.within, Some("flowlix.call"));

        // Those of a payment's refunds, and of the payments of a list, as well.
        let odd = r#"{"data":[{"id":"pay_a","amount":1,"currency":"EUR","status":"PENDING",
            "refunds":[{"id":"ref_a","amount":1,"currency":"EUR","status":"halfway"}]}],"has_more":false}"#;
        let json = [("content-type", "application/json")];
        stage.sandbox.inject(Fault::raw(200, json, odd));
        stage.flowlix.payments().list().page().await.unwrap();
        let told = recorder.ours().pop().unwrap();
        assert_eq!(told.field("field"), Some("Refund.status"), "{told:?}");
        assert_eq!(told.field("value"), Some("halfway"));

        stage.sandbox.inject(Fault::status_retry_after(429, "7"));
        let key = |text| flowlix_ext::IdempotencyKey::custom(text).unwrap();
        let refused = stage.create().idempotency_key(key("b")).max_attempts(1);
        refused.await.unwrap_err();
        stage.create().idempotency_key(key("b")).await.unwrap();
        let held_back = recorder.event("held back").unwrap();
        assert_eq!(held_back.field("wait"), Some("7.0 s"));
        assert_eq!(held_back.level, Level::DEBUG);

        stage.sandbox.inject(Fault::StallAnswer);
        let call = tokio::spawn(stage.create().idempotency_key(key("c")).send());
        stage.sandbox.wait_for_stalled(1).await;
        call.abort();
        assert!(call.await.is_err());
        drop(guard);
        let abandoned = recorder.event("dropped while under way").unwrap();
        assert_eq!(abandoned.level, Level::WARN);
        assert_eq!(abandoned.within, Some("flowlix.call"));
    }
}
