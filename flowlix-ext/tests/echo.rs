//! A server that repeats what it was sent gives no secret away.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;
#[path = "common/trace.rs"]
mod trace;

use std::time::Duration;

use common::{DIALECTS, Stage};
use flowlix_ext::{CardDetails, Error, Money};
use flowlix_sandbox::{Fault, Operation};
use serde_json::json;
use trace::Recorder;

const NUMBER: &str = "5555555555554444";
const CVC: &str = "739";
const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

fn create(stage: &Stage) -> flowlix_ext::payments::CreateDirect {
    let card = CardDetails::new(NUMBER, 12, 2027, CVC, "Jenny Rosen");
    stage
        .flowlix
        .payments()
        .create_direct(Money::eur(49_99), card)
        .return_url("https://shop.example.com/3ds")
}

/// All that an error shows by itself, and what Flowlix said.
fn shown(error: &Error) -> String {
    let said = error.api_error();
    let mut shown = format!("{error} {error:?} {} {said:?}", error.explain());
    if let Some(said) = said {
        shown.push_str(&serde_json::to_string(said).unwrap());
    }
    shown.push_str(&format!("{:?} {:?}", error.request_id(), error.history()));
    shown
}

fn assert_tame(text: &str, key: &str) {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let unprefixed = key.rsplit_once("_sk_").unwrap().1;
    assert!(!digits.contains(&NUMBER[..8]), "a card number in {text}");
    assert!(!digits.contains(&NUMBER[8..]), "a card number in {text}");
    assert!(!text.contains(unprefixed), "an API key in {text}");
    for word in text.split(|letter: char| !letter.is_ascii_digit()) {
        assert_ne!(word, CVC, "a security code in {text}");
    }
}

#[tokio::test]
async fn the_secrets_of_a_call_are_masked_in_all_that_flowlix_says_about_it() {
    for dialect in DIALECTS {
        for status in [400, 409, 422, 500] {
            let stage = Stage::new(dialect).await;
            let key = stage.sandbox.key(dialect);
            let unprefixed = key.rsplit_once("_sk_").unwrap().1;
            let words = format!(
                "card 5555.5555.5555.4444 {NUMBER} 5555/5555/5555/4444 5,5,5,5,5,5,5,5,5,5,5,5,4,4,4,4 \
                 cvc {CVC} cvc{CVC} \"{CVC}\" key {key} {unprefixed} Bearer {key}"
            );
            let error = json!({ "error": {
                "type": words, "code": words, "message": words, "param": words,
                "decline_code": words, "doc_url": words,
                "request_id": format!("req_{NUMBER}_{unprefixed}"),
            }});
            let fault = Fault::raw(status, JSON, error.to_string());
            stage
                .sandbox
                .inject_at(Operation::CreateDirectPayment, fault, 9);
            let (recorder, guard) = Recorder::listen();
            let error = create(&stage).await.unwrap_err();
            drop(guard);
            assert_tame(&shown(&error), key);
            assert_tame(&format!("{:?}", recorder.ours()), key);
            let said = error.api_error().unwrap();
            let message = said.message.as_deref().unwrap();
            assert!(message.starts_with("card [digits masked] [digits masked] "));
            assert_eq!(error.request_id(), Some("req_[digits masked]_[key masked]"));
        }
    }
}

#[tokio::test]
async fn a_request_id_is_one_line_and_no_longer_than_need_be() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let id = format!("req_1234567890123456789\n\u{2028}{}", "x".repeat(999));
        let said = json!({ "error": { "message": "a\nb", "request_id": id } });
        stage
            .sandbox
            .inject(Fault::raw(400, JSON, said.to_string()));
        let error = create(&stage).await.unwrap_err();
        let id = error.request_id().unwrap();
        assert!(id.starts_with("req_1234567890123456789  xxx"), "{id}");
        assert_eq!(id.chars().count(), 128);
        assert!(!error.to_string().contains('\n'));
        assert_eq!(error.explain().lines().count(), 2);

        let header = [("flowlix-request-id", format!("req_{NUMBER}"))];
        stage.sandbox.inject(Fault::raw(401, header, ""));
        let error = create(&stage).max_attempts(1).await.unwrap_err();
        assert_eq!(error.request_id(), Some("req_[digits masked]"));
    }
}

#[tokio::test]
async fn what_flowlix_says_stays_readable() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let message = "Amount 7391 of order 1739 at 12:30 on 2026-08-07: see pay_abc123.";
        let said = json!({ "error": { "type": "invalid_request_error", "message": message } });
        stage
            .sandbox
            .inject(Fault::raw(400, JSON, said.to_string()));
        let error = create(&stage).await.unwrap_err();
        let detail = error.api_error().unwrap();
        assert_eq!(detail.message.as_deref(), Some(message));
        assert!(error.to_string().contains(message), "{error}");
    }
}

#[tokio::test]
async fn a_wait_that_ran_out_of_time_is_told_in_one_tame_line() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let payment = create(&stage).await.unwrap();
        let strange = json!({ "status": format!("settling {NUMBER}\n\u{202e}soon") });
        stage
            .sandbox
            .inject_at(Operation::RetrievePayment, Fault::patch(strange), 999);
        let wait = stage.flowlix.payments().wait(&payment.id);
        let error = wait.deadline(Duration::from_secs(9)).await.unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(text.contains("settling [digits masked]  soon"), "{text}");
        assert_tame(&text, stage.sandbox.key(dialect));
    }
}
