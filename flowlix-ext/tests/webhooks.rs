//! Webhooks: whose they are, what they say, and that each is handled once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use common::Stage;
use flowlix_ext::model::{EventId, PaymentStatus, RefundStatus, WebhookEventType};
use flowlix_ext::testing::ManualTime;
use flowlix_ext::webhooks::testing::{TestDelivery, TestEvent, sign};
use flowlix_ext::webhooks::{
    Claim, ClaimToken, Completion, Event, EventObject, EventStore, EventStoreError, HeaderFault,
    InMemoryEvents, Inbox, InboxError, Received, SIGNATURE_HEADER, StoreFuture, WebhookError,
    WebhookSecret, WebhookVerifier, is_outdated,
};
use flowlix_sandbox::Dialect;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};

const BODY: &[u8] = br#"{"id":"evt_1","type":"payment.succeeded","data":{}}"#;

/// HMAC-SHA256 of "1719792000." and [`BODY`] with [`SECRET`], computed by another implementation.
const SIGNATURE: &str = "9eefa46db92df2ffbe063a231ec2f45c04661a05e1edcd716004007e42958bbc";
const SECRET: &str = "whsec_abc123def456";

fn secret() -> WebhookSecret {
    common::watch::everything();
    WebhookSecret::parse(SECRET).unwrap()
}

fn other_secret() -> WebhookSecret {
    WebhookSecret::parse("whsec_another").unwrap()
}

fn verifier() -> WebhookVerifier {
    WebhookVerifier::new(secret()).runtime(ManualTime::automatic())
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn start() -> SystemTime {
    at(ManualTime::START)
}

fn signed(body: &[u8]) -> String {
    sign(&secret(), start(), body)
}

/// A genuine header, whatever stands in the place of the timestamp.
fn signed_with(timestamp: &str, body: &[u8]) -> String {
    let mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    let mac = mac.chain_update(format!("{timestamp}.")).chain_update(body);
    let hex: Vec<String> = mac
        .finalize()
        .into_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("t={timestamp},v1={}", hex.concat())
}

fn accept(body: &[u8]) -> Event {
    verifier()
        .verify(body, Some(signed(body).as_bytes()))
        .unwrap()
}

fn accept_made(event: &TestEvent) -> Event {
    let delivery = event.deliver(&secret(), start());
    verifier()
        .verify(delivery.body(), delivery.signature())
        .unwrap()
}

fn refuse(body: &[u8], header: &str) -> WebhookError {
    verifier()
        .verify(body, Some(header.as_bytes()))
        .unwrap_err()
}

#[test]
fn the_signature_is_the_documented_one() {
    let header = format!("t={},v1={SIGNATURE}", ManualTime::START);
    assert_eq!(signed(BODY), header);
    assert_eq!(signed_with("1719792000", BODY), header);
    let event = verifier().verify(BODY, Some(header.as_bytes())).unwrap();
    assert_eq!(event.id().as_str(), "evt_1");
    assert_eq!(event.raw_body(), BODY);
}

#[test]
fn during_a_rotation_old_and_new_signatures_are_accepted() {
    let now = ManualTime::START;
    let (old, new) = (
        sign(&secret(), start(), BODY),
        sign(&other_secret(), start(), BODY),
    );
    let both = verifier().also_accept([other_secret()]);
    for header in [&old, &new] {
        assert!(both.verify(BODY, Some(header.as_bytes())).is_ok());
    }

    // Flowlix may sign with both at once; whichever place ours has.
    let signature = |header: &str| header.split_once(",v1=").unwrap().1.to_owned();
    let (old, new) = (signature(&old), signature(&new));
    for header in [
        format!("t={now},v1={old},v1={new}"),
        format!("t={now},v1={new},v1={old}"),
        format!("v0=x,v1={new},t={now}, v1={old},v2=y"),
        // As many as a header may be long, ours the last.
        format!("t={now}{},v1={old}", format!(",v1={new}").repeat(58)),
    ] {
        assert!(verifier().verify(BODY, Some(header.as_bytes())).is_ok());
    }
    let longer = format!("t={now}{},v1={old}", format!(",v1={new}").repeat(60));
    assert_eq!(
        refuse(BODY, &longer),
        WebhookError::MalformedHeader(HeaderFault::TooLong)
    );

    let after = WebhookVerifier::new(other_secret())
        .also_accept(None)
        .runtime(ManualTime::automatic());
    let header = format!("t={now},v1={old}");
    assert_eq!(
        after.verify(BODY, Some(header.as_bytes())).unwrap_err(),
        WebhookError::NoMatch
    );
}

#[test]
fn what_was_not_signed_like_this_does_not_match() {
    let forged = sign(&other_secret(), start(), BODY);
    assert_eq!(refuse(BODY, &forged), WebhookError::NoMatch);

    let later = signed(BODY).replace("t=1719792000", "t=1719792001");
    assert_eq!(refuse(BODY, &later), WebhookError::NoMatch);
    // The same moment spelled otherwise is not what was signed.
    let respelled = signed(BODY).replace("t=1719792000", "t=01719792000");
    assert_eq!(refuse(BODY, &respelled), WebhookError::NoMatch);
    // The dot cannot wander between timestamp and body.
    let shorter = signed(BODY).replace("t=1719792000", "t=171979200");
    let body = [b"0.".as_slice(), BODY].concat();
    assert_eq!(refuse(&body, &shorter), WebhookError::NoMatch);

    let header = signed(BODY);
    for position in 0..BODY.len() {
        for bit in 0..8 {
            let mut body = BODY.to_vec();
            body[position] ^= 1 << bit;
            assert_eq!(refuse(&body, &header), WebhookError::NoMatch);
        }
        assert_eq!(refuse(&BODY[..position], &header), WebhookError::NoMatch);
    }
}

#[test]
fn old_and_future_timestamps_are_refused_from_the_first_moment_past_the_tolerance() {
    let now = ManualTime::START;
    let late = Duration::from_millis(300_500);
    for (clock, header, expected) in [
        (at(now + 300), now.to_string(), None),
        (at(now - 300), now.to_string(), None),
        (
            at(now) + late,
            now.to_string(),
            Some(WebhookError::TooOld { age: late }),
        ),
        (
            at(now) - late,
            now.to_string(),
            Some(WebhookError::InTheFuture { ahead: late }),
        ),
        (
            at(now),
            "0".to_owned(),
            Some(WebhookError::TooOld {
                age: Duration::from_secs(now),
            }),
        ),
        (
            at(now),
            u64::MAX.to_string(),
            Some(WebhookError::InTheFuture {
                ahead: Duration::from_secs(u64::MAX - now),
            }),
        ),
        (
            SystemTime::UNIX_EPOCH - late,
            now.to_string(),
            Some(WebhookError::InTheFuture {
                ahead: Duration::from_secs(now),
            }),
        ),
    ] {
        let verifier = verifier().runtime(ManualTime::automatic().starting_at(clock));
        let header = signed_with(&header, BODY);
        let error = verifier.verify(BODY, Some(header.as_bytes())).err();
        assert_eq!(error, expected, "{header}");
        assert!(error.is_none_or(|error| error.is_authentic()));
    }

    // A forgery says nothing about time.
    let old_forgery = sign(&other_secret(), at(1), BODY);
    assert_eq!(refuse(BODY, &old_forgery), WebhookError::NoMatch);

    // What is no number of seconds is refused, whoever signed it.
    let before_1970 = sign(&secret(), SystemTime::UNIX_EPOCH - late, BODY);
    assert!(before_1970.starts_with("t=-301,"));
    let mut odd = vec![before_1970];
    for timestamp in [
        "-1",
        "+1719792000",
        "18446744073709551616",
        "1e9",
        "1719792000.0",
        "",
        " 1",
    ] {
        odd.push(signed_with(timestamp, BODY));
    }
    for header in odd {
        assert_eq!(
            refuse(BODY, &header),
            WebhookError::MalformedHeader(HeaderFault::BadTimestamp),
            "{header}"
        );
    }

    let strict = verifier()
        .tolerance(Duration::ZERO)
        .runtime(ManualTime::automatic().starting_at(at(now + 1)));
    assert_eq!(
        strict.verify(BODY, Some(signed(BODY).as_bytes())),
        Err(WebhookError::TooOld {
            age: Duration::from_secs(1)
        })
    );
}

#[test]
fn the_header_is_found_in_a_request_and_counts_once() {
    let mut headers = http::HeaderMap::new();
    assert_eq!(
        verifier().verify_request(BODY, &headers),
        Err(WebhookError::MissingHeader)
    );
    headers.append(SIGNATURE_HEADER, signed(BODY).parse().unwrap());
    assert!(verifier().verify_request(BODY, &headers).is_ok());
    headers.append(SIGNATURE_HEADER, signed(BODY).parse().unwrap());
    assert_eq!(
        verifier().verify_request(BODY, &headers),
        Err(WebhookError::MalformedHeader(HeaderFault::Repeated))
    );
    assert_eq!(
        refuse(BODY, "t=1"),
        WebhookError::MalformedHeader(HeaderFault::NoSignature)
    );
}

#[test]
fn no_header_makes_the_verifier_panic_or_err() {
    let (verifier, good) = (verifier(), signed(BODY));
    let good = good.as_bytes();
    // Only the letter case of the hexadecimal digits is free.
    let check = |header: &[u8]| {
        let verdict = verifier.verify(BODY, Some(header));
        assert_eq!(
            verdict.is_ok(),
            header.eq_ignore_ascii_case(good) && header.starts_with(b"t=1719792000,v1="),
            "{}",
            String::from_utf8_lossy(header)
        );
    };
    for position in 0..good.len() {
        for byte in 0..=u8::MAX {
            let mut header = good.to_vec();
            header[position] = byte;
            check(&header);
        }
        check(&good[..position]);
        check(&good[position + 1..]);
    }
    // Texts made of the header's own letters, by a fixed sequence.
    let alphabet = b"t=v1,0 9af-+.\xff\0\t";
    let mut state = 1_u64;
    let mut next = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(state >> 33).unwrap() % below
    };
    for _ in 0..20_000 {
        let header: Vec<u8> = (0..next(90))
            .map(|_| alphabet[next(alphabet.len())])
            .collect();
        check(&header);
    }
    check(&b"t=1,".repeat(5_000));
}

#[test]
fn whatever_an_event_is_about_its_envelope_is_read() {
    let event = |kind: &str, data: Value| accept_made(&TestEvent::other("evt_1", kind, data));
    let payment = json!({
        "id": "pay_1", "amount": 4999, "currency": "EUR", "status": "DISPUTED", "news": [1],
    });

    let dispute = event("payment.disputed", json!({ "payment": payment }));
    assert!(dispute.kind().is_unknown());
    assert_eq!(dispute.kind().as_str(), "payment.disputed");
    let Ok(EventObject::Payment(read)) = dispute.object() else {
        panic!("{dispute:?}");
    };
    assert_eq!(read.status.as_str(), "DISPUTED");

    let refund = json!({ "id": "ref_1", "amount": 1, "currency": "EUR", "status": "REVERSED" });
    let reversed = event(
        "refund.reversed",
        json!({ "refund": refund, "payment": null }),
    );
    assert!(matches!(reversed.object(), Ok(EventObject::Refund(_))));

    for data in [
        json!({ "payout": { "id": "po_1" } }),
        json!({ "payment": payment, "refund": refund }),
        json!([1]),
        json!("text"),
        Value::Null,
    ] {
        let unknown = event("payout.paid", data);
        assert_eq!(unknown.object(), Ok(EventObject::Unknown));
        assert_eq!(unknown.object().unwrap().payment_id(), None);
    }

    for (kind, data, path) in [
        ("payment.succeeded", json!({}), "data"),
        ("payment.succeeded", json!({ "refund": refund }), "data"),
        ("payment.failed", json!({ "payment": null }), "data.payment"),
        ("refund.failed", json!({ "payment": payment }), "data"),
        (
            "payment.succeeded",
            json!({ "payment": { "id": "pay_1", "amount": "4999 canary" } }),
            "data.payment.amount",
        ),
    ] {
        let event = event(kind, data);
        assert_eq!(event.id().as_str(), "evt_1");
        let error = event.object().unwrap_err();
        assert_eq!(error.json_path(), path, "{kind}");
        assert!(!format!("{error} {error:?}").contains("canary"));
    }
}

#[test]
fn members_of_the_envelope_that_are_odd_do_not_cost_it() {
    let event = accept(
        br#"{"id":"evt_1","type":"x","created_at":"soon","livemode":"yes","data":1,"more":{}}"#,
    );
    assert_eq!((event.created_at(), event.livemode()), (None, None));
    let made = TestEvent::other("evt_2", "x", json!({}));
    let event = accept_made(&made.livemode(true).created_at(7));
    assert_eq!(
        (event.created_at(), event.livemode()),
        (Some(7), Some(true))
    );

    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for odd in [
        deep.as_str(),
        "1e999",
        "-0.5",
        "9223372036854775808",
        "null",
    ] {
        let body = format!(r#"{{"created_at":{odd},"livemode":{odd},"id":"evt_1","type":"x"}}"#);
        let event = accept(body.as_bytes());
        assert_eq!((event.created_at(), event.livemode()), (None, None));
        assert_eq!(event.raw_body(), body.as_bytes());
    }
}

#[test]
fn a_genuine_body_that_is_no_event_is_told_apart() {
    let deep = [
        br#"{"id":"evt_1","type":"x","data":"#.to_vec(),
        b"[".repeat(100_000),
    ]
    .concat();
    for (body, path) in [
        (b"".as_slice(), "."),
        (b"canary", "."),
        (b"\xff\xfe", "."),
        (b"null", "."),
        (br#"{"type":"x"}"#, "."),
        (br#"{"id":"evt_1"}"#, "."),
        (br#"{"id":"","type":"x"}"#, "id"),
        (br#"{"id":5,"type":"x"}"#, "id"),
        (br#"{"id":"evt_1","type":5}"#, "type"),
        (br#"{"id":"evt_1","type":"x"}{}"#, "."),
        (br#"{"id":"evt_1","id":"evt_2","type":"x"}"#, "."),
        (&deep, "data"),
    ] {
        let error = refuse(body, &signed(body));
        assert!(error.is_authentic(), "{error}");
        let WebhookError::Unreadable(unreadable) = &error else {
            panic!("{error}");
        };
        assert!(
            unreadable.json_path().starts_with(path),
            "{path}: {unreadable}"
        );
        assert!(!format!("{error} {error:?}").contains("canary"));
    }
}

/// One of each documented event, as the sandbox would have posted it.
#[tokio::test]
async fn the_six_documented_events_are_verified_and_read() {
    let stage = Stage::new(Dialect::Uppercase).await;
    let create = |number: &str, order: &str| {
        stage
            .create_with(number)
            .idempotency_key(flowlix_ext::IdempotencyKey::custom(order).unwrap())
    };
    let paid = create(common::VISA, "paid").await.unwrap();
    let failed = create(common::DECLINED, "failed").await.unwrap();
    let canceled = create(common::VISA, "canceled").await.unwrap();
    stage.sandbox.cancel(canceled.id.as_str()).unwrap();
    let expired = create(common::THREE_D_SECURE, "expired").await.unwrap();
    stage.sandbox.settle();
    stage.sandbox.expire(expired.id.as_str()).unwrap();
    let refund = |amount: i64| stage.flowlix.refunds().create(&paid.id).amount(amount);
    let lost = refund(1_00).await.unwrap().refund.clone().unwrap();
    stage.sandbox.fail_refund(lost.id.as_str()).unwrap();
    let returned = refund(2_00).await.unwrap().refund.clone().unwrap();
    stage.sandbox.settle();

    let mut seen = Vec::new();
    for posted in stage.sandbox.events() {
        let event = accept(posted.body().to_string().as_bytes());
        assert_eq!(event.livemode(), Some(false));
        assert!(event.created_at().is_some());
        assert!(!event.kind().is_unknown());
        let object = event.object().unwrap();
        let now = object.retrieve(&stage.flowlix).unwrap().await.unwrap();
        assert_eq!(object.payment_id(), Some(&now.id));
        let (id, status) = match &object {
            EventObject::Payment(payment) => {
                // The one that was refunded since is older, and no other.
                assert_eq!(is_outdated(payment, &now), payment.id == paid.id);
                assert!(!is_outdated(&now, payment));
                (payment.id.to_string(), payment.status.to_string())
            }
            EventObject::Refund(refund) => {
                assert!(now.refunds.contains(refund));
                (refund.id.to_string(), refund.status.to_string())
            }
            other => panic!("{other:?}"),
        };
        seen.push((event.kind().clone(), id, status));
    }
    seen.sort();

    let payment = |kind, payment: &flowlix_ext::model::Payment, status: PaymentStatus| {
        (kind, payment.id.to_string(), status.to_string())
    };
    let refund = |kind, refund: &flowlix_ext::model::Refund, status: RefundStatus| {
        (kind, refund.id.to_string(), status.to_string())
    };
    let mut expected = [
        payment(
            WebhookEventType::PaymentSucceeded,
            &paid,
            PaymentStatus::Succeeded,
        ),
        payment(
            WebhookEventType::PaymentFailed,
            &failed,
            PaymentStatus::Failed,
        ),
        payment(
            WebhookEventType::PaymentCanceled,
            &canceled,
            PaymentStatus::Canceled,
        ),
        payment(
            WebhookEventType::PaymentExpired,
            &expired,
            PaymentStatus::Expired,
        ),
        refund(
            WebhookEventType::RefundSucceeded,
            &returned,
            RefundStatus::Succeeded,
        ),
        refund(WebhookEventType::RefundFailed, &lost, RefundStatus::Failed),
    ];
    expected.sort();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn an_event_made_for_a_test_reads_like_a_real_one() {
    let stage = Stage::new(Dialect::Uppercase).await;
    let payment = stage.charged().await;
    let created = stage.flowlix.refunds().create(&payment.id).amount(1_00);
    let refund = created.await.unwrap().refund.clone().unwrap();

    let made = TestEvent::payment("evt_1", WebhookEventType::PaymentSucceeded, &payment).unwrap();
    let event = accept_made(&made);
    assert_eq!(event.created_at(), i64::try_from(ManualTime::START).ok());
    assert_eq!(event.object(), Ok(EventObject::Payment(Box::new(payment))));
    let made = TestEvent::refund("evt_2", WebhookEventType::RefundFailed, &refund).unwrap();
    let event = accept_made(&made);
    assert_eq!(event.kind(), &WebhookEventType::RefundFailed);
    assert_eq!(event.object(), Ok(EventObject::Refund(Box::new(refund))));
    // What was verified once can be stored and read again elsewhere.
    assert_eq!(Event::from_verified_body(event.raw_body()), Ok(event));
}

/// All of these are genuine, so this is about robustness, and about what an error shows.
#[test]
fn no_object_costs_more_than_an_error() {
    let payment = |members: &str| {
        format!(
            r#"{{"id":"evt_1","type":"TYPE","data":{{"payment":{{"id":"pay_1","currency":"EUR",{members}"amount":1,"status":"FAILED"}}}}}}"#
        )
    };
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let nested = format!(
        "{}1{}",
        r#"{"4111111111111111":"#.repeat(100_000),
        "}".repeat(100_000)
    );
    let long = "whsec_canary".repeat(10_000);
    let cases = [
        (payment(&format!(r#""metadata":{{"k":{deep}}},"#)), false),
        (payment(&format!(r#""metadata":{nested},"#)), false),
        (
            payment(&format!(r#""metadata":{{"{long}":{deep}}},"#)),
            false,
        ),
        (payment(&format!(r#""metadata":"{long}","#)), false),
        (payment(r#""amount_refunded":1e999,"#), false),
        (payment(r#""amount_refunded":9223372036854775808,"#), false),
        (payment(r#""amount":2,"#), false),
        (payment(&format!(r#""{long}":{deep},"#)), true),
        (payment(&format!(r#""news":{nested},"#)), true),
        (payment(r#""news":1e999,"#), true),
    ];
    for (body, readable) in cases {
        // A type that is not known yet is read in the same way once it has a payment.
        for kind in ["payment.failed", "payment.disputed"] {
            let event = accept(body.replace("TYPE", kind).as_bytes());
            match event.object() {
                Ok(EventObject::Payment(payment)) => {
                    assert!(readable, "{kind}");
                    assert_eq!(payment.amount, 1);
                }
                Ok(other) => panic!("{kind}: {other:?}"),
                Err(error) => {
                    assert!(!readable, "{kind}: {error}");
                    let shown = format!("{error} {error:?} {}", error.json_path());
                    assert!(shown.contains("data.payment"), "{shown}");
                    assert!(shown.len() < 2_000, "{shown}");
                    assert!(
                        !shown.contains("canary") && !shown.contains("4111111"),
                        "{shown}"
                    );
                }
            }
        }
    }
    let twice = br#"{"id":"evt_1","type":"x.y","data":{"payment":{}},"data":{"refund":{}}}"#;
    assert_eq!(accept(twice).object(), Ok(EventObject::Unknown));
}

#[test]
fn a_sample_of_every_documented_event_reads_as_its_type_says() {
    for (kind, object, status) in [
        (WebhookEventType::PaymentSucceeded, "payment", "SUCCEEDED"),
        (WebhookEventType::PaymentFailed, "payment", "FAILED"),
        (WebhookEventType::PaymentCanceled, "payment", "CANCELED"),
        (WebhookEventType::PaymentExpired, "payment", "EXPIRED"),
        (WebhookEventType::RefundSucceeded, "refund", "SUCCEEDED"),
        (WebhookEventType::RefundFailed, "refund", "FAILED"),
    ] {
        let sample = TestEvent::sample("evt_1", kind.clone()).with("amount", 7);
        let event = accept_made(&sample);
        assert_eq!(event.kind(), &kind);
        let read = match event.object().unwrap() {
            EventObject::Payment(payment) => {
                let ended = payment.status_transitions.clone().unwrap();
                let ends = [
                    (ended.succeeded_at, "SUCCEEDED"),
                    (ended.failed_at, "FAILED"),
                    (ended.canceled_at, "CANCELED"),
                    (ended.expired_at, "EXPIRED"),
                ];
                for (at, of) in ends {
                    assert_eq!(at.is_some(), of == status, "{kind}: {of}");
                }
                assert_eq!(payment.decline_code.is_some(), status == "FAILED");
                assert!(!payment.status.is_unknown());
                ("payment", payment.amount, payment.status.to_string())
            }
            EventObject::Refund(refund) => {
                assert_eq!(refund.decline_code.is_some(), status == "FAILED");
                assert!(refund.payment_id.is_some() && !refund.status.is_unknown());
                ("refund", refund.amount, refund.status.to_string())
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(read, (object, 7, status.to_owned()));
    }
    let unreadable = TestEvent::sample("evt_1", WebhookEventType::RefundFailed).with("amount", "7");
    let error = accept_made(&unreadable).object().unwrap_err();
    assert_eq!(error.json_path(), "data.refund.amount");
    let about_neither = TestEvent::other("evt_1", "x", json!({"payout": {}})).with("amount", 7);
    assert_eq!(
        accept_made(&about_neither).object(),
        Ok(EventObject::Unknown)
    );
}

#[test]
fn a_delivery_of_a_test_is_refused_for_what_is_wrong_with_it() {
    let made = TestEvent::sample("evt_1", WebhookEventType::PaymentSucceeded);
    let delivery = made.deliver(&secret(), start());
    let verify = |delivery: &TestDelivery| {
        let request = delivery.request("/").unwrap();
        let told = verifier().verify(delivery.body(), delivery.signature());
        assert_eq!(
            told,
            verifier().verify_request(request.body(), request.headers())
        );
        told.err()
    };
    assert_eq!(verify(&delivery), None);
    for (delivery, error) in [
        (
            made.deliver(&other_secret(), start()),
            WebhookError::NoMatch,
        ),
        (delivery.clone().with_body("{}"), WebhookError::NoMatch),
        (
            delivery.clone().without_signature(),
            WebhookError::MissingHeader,
        ),
        (
            delivery.clone().with_signature("t=1"),
            WebhookError::MalformedHeader(HeaderFault::NoSignature),
        ),
        (
            made.deliver(&secret(), start() - Duration::from_secs(301)),
            WebhookError::TooOld {
                age: Duration::from_secs(301),
            },
        ),
        (
            made.deliver(&secret(), start() + Duration::from_secs(301)),
            WebhookError::InTheFuture {
                ahead: Duration::from_secs(301),
            },
        ),
    ] {
        assert_eq!(verify(&delivery), Some(error));
    }
    let no_event = TestDelivery::new(&secret(), start(), "[]");
    assert!(matches!(
        verify(&no_event),
        Some(WebhookError::Unreadable(_))
    ));
    // Each delivery of an event has a signature of its own, and its id.
    let again = made.clone().created_at(1).deliver(&secret(), start());
    assert_ne!(again.signature(), delivery.signature());
    let id = |delivery: &TestDelivery| {
        let event = Event::from_verified_body(delivery.body()).unwrap();
        event.id().clone()
    };
    assert_eq!(id(&again), id(&delivery));
    assert!(delivery.with_signature("\n").request("/").is_err());
}

#[tokio::test]
async fn only_what_the_uppercase_dialect_can_say_has_events() {
    let stage = Stage::new(Dialect::SnakeCase).await;
    let mut payment = stage.charged().await;
    payment.provider_transaction_id = Some("canary".to_owned());
    let kind = WebhookEventType::PaymentSucceeded;
    let error = TestEvent::payment("evt_1", kind, &payment).unwrap_err();
    assert!(error.to_string().contains("uppercase dialect"), "{error}");
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("provider_transaction_id"), "{cause}");
    assert!(!format!("{error:?} {cause}").contains("canary"));
}

// Each event once.

const LEASE: Duration = Duration::from_secs(60);

fn memory(capacity: usize) -> InMemoryEvents {
    InMemoryEvents::new(NonZeroUsize::new(capacity).unwrap())
}

fn inbox(time: &ManualTime, store: impl EventStore + 'static) -> Inbox {
    Inbox::new(verifier().runtime(time.clone()), store).lease(LEASE)
}

async fn receive(inbox: &Inbox) -> Received {
    let event = Event::from_verified_body(BODY).unwrap();
    inbox.admit(event).await.unwrap()
}

#[tokio::test]
async fn a_repeat_is_told_and_a_forgery_claims_nothing() {
    let time = ManualTime::automatic();
    let inbox = inbox(&time, memory(10));
    let forged = sign(&other_secret(), start(), BODY);
    let refused = inbox.receive(BODY, Some(forged.as_bytes())).await;
    assert!(matches!(
        refused,
        Err(InboxError::Refused(WebhookError::NoMatch))
    ));

    let header = signed(BODY);
    let deliver = || inbox.receive(BODY, Some(header.as_bytes()));
    let Received::New(claimed) = deliver().await.unwrap() else {
        panic!("the first delivery is new");
    };
    assert!(!claimed.was_abandoned());
    let Received::InProgress { event, until } = deliver().await.unwrap() else {
        panic!("it is being handled");
    };
    assert_eq!(event.id(), claimed.event().id());
    assert_eq!(until, start() + LEASE);
    assert_eq!(claimed.complete().await.unwrap(), Completion::InTime);
    assert!(matches!(deliver().await.unwrap(), Received::Duplicate(_)));
    time.advance(LEASE * 4);
    assert!(matches!(deliver().await.unwrap(), Received::Duplicate(_)));
}

#[tokio::test]
async fn a_worker_that_failed_gives_the_event_back() {
    let inbox = inbox(&ManualTime::automatic(), memory(10));
    let Received::New(claimed) = receive(&inbox).await else {
        panic!("new");
    };
    claimed.release().await.unwrap();
    let Received::New(again) = receive(&inbox).await else {
        panic!("free again");
    };
    assert!(!again.was_abandoned());
}

#[tokio::test]
async fn a_worker_that_died_loses_the_event_with_its_lease() {
    let time = ManualTime::automatic();
    let inbox = inbox(&time, memory(10));
    let Received::New(claimed) = receive(&inbox).await else {
        panic!("new");
    };
    drop(claimed);
    time.advance(LEASE - Duration::from_nanos(1));
    assert!(matches!(receive(&inbox).await, Received::InProgress { .. }));
    time.advance(Duration::from_nanos(1));
    let Received::New(again) = receive(&inbox).await else {
        panic!("the lease has run out");
    };
    assert!(again.was_abandoned());
}

#[tokio::test]
async fn a_worker_that_is_too_slow_neither_frees_nor_reopens_the_event() {
    let time = ManualTime::automatic();
    let inbox = inbox(&time, memory(10));
    let Received::New(slow) = receive(&inbox).await else {
        panic!("new");
    };
    let Received::New(slower) = ({
        time.advance(LEASE);
        receive(&inbox).await
    }) else {
        panic!("the lease has run out");
    };
    slow.release().await.unwrap();
    assert!(matches!(receive(&inbox).await, Received::InProgress { .. }));

    time.advance(LEASE);
    let Received::New(third) = receive(&inbox).await else {
        panic!("the lease has run out again");
    };
    // It was handled, whoever did it: that is noted, and told.
    assert_eq!(slower.complete().await.unwrap(), Completion::LeaseLost);
    third.release().await.unwrap();
    assert!(matches!(receive(&inbox).await, Received::Duplicate(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_deliveries_at_once_one_is_handed_out() {
    let inbox = inbox(&ManualTime::automatic(), Arc::new(memory(10)));
    let start = Arc::new(tokio::sync::Barrier::new(32));
    let deliveries: Vec<_> = (0..32)
        .map(|_| {
            let (inbox, start) = (inbox.clone(), Arc::clone(&start));
            tokio::spawn(async move {
                start.wait().await;
                matches!(receive(&inbox).await, Received::New(_))
            })
        })
        .collect();
    let mut handed_out = 0;
    for delivery in deliveries {
        handed_out += usize::from(delivery.await.unwrap());
    }
    assert_eq!(handed_out, 1);
}

#[tokio::test]
async fn memory_is_bounded_and_never_forgets_a_running_claim() {
    common::watch::everything();
    let store = memory(2);
    let id = |text: &str| EventId::received(text).unwrap();
    let claim = async |text: &str, second: u64| store.claim(&id(text), at(second), LEASE).await;
    let granted = async |text: &str, second: u64| match claim(text, second).await.unwrap() {
        Claim::Granted { token, .. } => token,
        other => panic!("{text}: {other:?}"),
    };

    let (first, _second) = (granted("evt_1", 0).await, granted("evt_2", 0).await);
    assert!(claim("evt_3", 0).await.is_err());
    assert_eq!(
        claim("evt_2", 0).await.unwrap(),
        Claim::Held { until: at(60) }
    );

    // A done event makes room, and is forgotten by that.
    store.complete(&id("evt_1"), first, at(0)).await.unwrap();
    let third = granted("evt_3", 0).await;
    assert!(claim("evt_4", 0).await.is_err());
    store.release(&id("evt_3"), third).await.unwrap();
    granted("evt_1", 30).await;

    // Then a claim that ran out; the one that runs stays.
    granted("evt_5", 60).await;
    assert_eq!(
        claim("evt_1", 60).await.unwrap(),
        Claim::Held { until: at(90) }
    );
    assert!(claim("evt_2", 60).await.is_err());
    assert!(format!("{store:?}").contains("events: 2"));
    assert!(format!("{:?}", InMemoryEvents::default()).contains("capacity: 100000"));
}

#[tokio::test]
async fn an_inbox_forgets_what_was_done_long_ago_and_nothing_else() {
    let time = ManualTime::automatic();
    let inbox = inbox(&time, memory(10));
    let day = Duration::from_secs(24 * 60 * 60);
    let deliver = async |id: &str| {
        let made = TestEvent::sample(id, WebhookEventType::PaymentFailed);
        let delivery = made.deliver(&secret(), time.now());
        inbox
            .receive(delivery.body(), delivery.signature())
            .await
            .unwrap()
    };
    let new = async |id: &str| match deliver(id).await {
        Received::New(claimed) => claimed,
        other => panic!("{other:?}"),
    };
    new("evt_old").await.complete().await.unwrap();
    drop(new("evt_abandoned").await);
    time.advance(day);
    new("evt_young").await.complete().await.unwrap();
    time.advance(day);

    // Done exactly two days ago is not longer ago than two days.
    assert_eq!(inbox.prune(2 * day).await.unwrap(), 0);
    // Longer than there is time: nothing is that old.
    assert_eq!(inbox.prune(Duration::MAX).await.unwrap(), 0);
    assert_eq!(
        inbox
            .prune(2 * day - Duration::from_nanos(1))
            .await
            .unwrap(),
        1
    );
    assert!(!new("evt_old").await.was_abandoned());
    assert!(new("evt_abandoned").await.was_abandoned());
    assert!(matches!(deliver("evt_young").await, Received::Duplicate(_)));
    assert!(matches!(
        deliver("evt_old").await,
        Received::InProgress { .. }
    ));
    time.advance(Duration::from_nanos(1));
    assert_eq!(inbox.prune(Duration::ZERO).await.unwrap(), 1);
    new("evt_young").await.release().await.unwrap();
}

#[tokio::test]
async fn pruned_events_leave_their_room() {
    common::watch::everything();
    let store = memory(2);
    let id = |text: &str| EventId::received(text).unwrap();
    for (name, second) in [("evt_1", 5), ("evt_2", 3)] {
        let claim = store.claim(&id(name), at(second), LEASE).await.unwrap();
        let Claim::Granted { token, .. } = claim else {
            panic!("{claim:?}");
        };
        store.complete(&id(name), token, at(second)).await.unwrap();
    }
    // The clock stepped back between the two: the later one is the older one.
    assert_eq!(store.forget(at(4)).await.unwrap(), 1);
    assert!(format!("{store:?}").contains("events: 1"));
    assert!(matches!(
        store.claim(&id("evt_3"), at(6), LEASE).await.unwrap(),
        Claim::Granted { .. }
    ));
    // Nothing had to make room for it.
    let claim = store.claim(&id("evt_1"), at(6), LEASE).await.unwrap();
    assert_eq!(claim, Claim::Done);
}

/// A store whose database is away.
struct Broken;

impl EventStore for Broken {
    fn claim<'a>(&'a self, _: &'a EventId, _: SystemTime, _: Duration) -> StoreFuture<'a, Claim> {
        Box::pin(async { Err(EventStoreError::new("no connection")) })
    }
    fn complete<'a>(
        &'a self,
        _: &'a EventId,
        _: ClaimToken,
        _: SystemTime,
    ) -> StoreFuture<'a, Completion> {
        Box::pin(async { Err(EventStoreError::new("no connection")) })
    }
    fn forget(&self, _: SystemTime) -> StoreFuture<'_, u64> {
        Box::pin(async { Err(EventStoreError::new("no connection")) })
    }
    fn release<'a>(&'a self, _: &'a EventId, _: ClaimToken) -> StoreFuture<'a, ()> {
        Box::pin(async { Err(EventStoreError::new("no connection")) })
    }
}

#[tokio::test]
async fn without_its_store_an_inbox_hands_nothing_out() {
    let store: Arc<dyn EventStore> = Arc::new(Broken);
    let inbox = inbox(&ManualTime::automatic(), store);
    let error = inbox
        .receive(BODY, Some(signed(BODY).as_bytes()))
        .await
        .unwrap_err();
    assert!(matches!(error, InboxError::Store(_)));
    assert!(inbox.prune(Duration::ZERO).await.is_err());
    let chain: Vec<String> =
        std::iter::successors(Some(&error as &dyn std::error::Error), |error| {
            error.source()
        })
        .map(ToString::to_string)
        .collect();
    assert_eq!(chain.len(), 2, "{chain:?}");
    assert_eq!(chain[1], "no connection");
}

#[tokio::test]
async fn nothing_printable_holds_a_secret_or_the_body() {
    let secret = WebhookSecret::parse("whsec_canary123").unwrap();
    let verifier = WebhookVerifier::new(secret.clone())
        .also_accept([secret.clone()])
        .runtime(ManualTime::automatic());
    let body = br#"{"id":"evt_1","type":"payment.succeeded","data":{"payment":{"id":"canary"}}}"#;
    let good = sign(&secret, start(), body);
    let event = verifier.verify(body, Some(good.as_bytes())).unwrap();
    let inbox = Inbox::new(verifier.clone(), memory(1));
    let mut shown = format!(
        "{secret:?} {secret:#?} {secret} {verifier:?} {verifier:#?} {event:?} {event:#?} {inbox:?} {:?}",
        event.object()
    );
    for _ in 0..2 {
        shown += &format!("{:?}", inbox.admit(event.clone()).await);
    }
    let other = Event::from_verified_body(br#"{"id":"evt_2","type":"x","a":"canary"}"#).unwrap();
    shown += &format!("{:?}", inbox.admit(other).await);

    let header = |t: u64, body: &[u8]| sign(&secret, at(t), body);
    for (body, header) in [
        (body.as_slice(), Some("canary".to_owned())),
        (body, Some("t=canary,v1=canary".to_owned())),
        (body, Some(header(1, b"canary"))),
        (body, Some(header(1, body))),
        (body, Some(header(u64::MAX / 2, body))),
        (b"canary", Some(header(ManualTime::START, b"canary"))),
        (body, None),
    ] {
        let error = verifier
            .verify(body, header.as_ref().map(String::as_bytes))
            .unwrap_err();
        shown += &format!("{error} {error:?} {error:#?}");
        let error = InboxError::Refused(error);
        shown += &format!("{error} {error:?}");
    }
    let signature = good.split_once("v1=").unwrap().1;
    assert!(!shown.contains("canary"), "{shown}");
    assert!(!shown.contains(signature), "{shown}");
    assert!(shown.contains("[redacted]") && shown.contains("evt_1"));
}
