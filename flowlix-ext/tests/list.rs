//! Lists over a real socket: nothing skipped, nothing doubled, and no end that only looks like one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::Duration;

use common::{DECLINED, DIALECTS, Stage, VISA, card};
use flowlix_ext::call::metrics::{Counter, Counts};
use flowlix_ext::model::{PaymentId, PaymentStatus};
use flowlix_ext::payments::{Cursor, Items, List, Listed, Pages};
use flowlix_ext::{Error, ErrorKind, Money};
use flowlix_sandbox::{Dialect, Fault, Operation, RecordedRequest, Sandbox};
use futures_core::Stream;
use serde_json::{Value, json};

async fn pay(stage: &Stage, number: &str) -> String {
    let payments = stage.flowlix.payments();
    let payment = payments
        .create_direct(Money::eur(49_99), card(number))
        .return_url("https://shop.example.com/3ds")
        .await
        .unwrap();
    payment.id.to_string()
}

/// A stage with so many payments, and their ids, newest first.
async fn stage_with(dialect: Dialect, payments: usize) -> (Stage, Vec<String>) {
    let stage = Stage::new(dialect).await;
    let ids = fill(&stage, payments).await;
    (stage, ids)
}

async fn fill(stage: &Stage, payments: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for _ in 0..payments {
        ids.insert(0, pay(stage, VISA).await);
    }
    ids
}

fn list(stage: &Stage) -> List {
    stage.flowlix.payments().list()
}

fn id(text: &str) -> PaymentId {
    PaymentId::parse(text).unwrap()
}

fn name(item: &Listed) -> String {
    item.as_ref().unwrap().id.to_string()
}

/// The ids of what is left of a list.
async fn rest(items: &mut Items) -> Vec<String> {
    let mut ids = Vec::new();
    while let Some(item) = items.next().await.unwrap() {
        ids.push(name(&item));
    }
    ids
}

fn lists(stage: &Stage) -> Vec<RecordedRequest> {
    let requests = stage.sandbox.requests().into_iter();
    requests
        .filter(|request| request.method() == "GET" && request.path() == "/v1/payments")
        .collect()
}

/// Changes the answer to the list request after `before` others.
fn alter(stage: &Stage, before: usize, change: impl Fn(&mut Value) + Send + Sync + 'static) {
    let sandbox = &stage.sandbox;
    sandbox.inject_at(Operation::ListPayments, Fault::Pass, before);
    sandbox.inject_at(Operation::ListPayments, Fault::alter(change), 1);
}

fn polled<S: Stream + Unpin>(stream: &mut S) -> impl Future<Output = Option<S::Item>> {
    std::future::poll_fn(|context| Pin::new(&mut *stream).poll_next(context))
}

fn assert_stuck(error: &Error, cause: &str) {
    assert_eq!(error.kind(), ErrorKind::ListStuck, "{error}");
    assert!(error.to_string().contains(cause), "{error}");
    assert!(error.request_id().is_some(), "{error}");
    assert_eq!(error.history().len(), 1);
    assert!(!error.may_have_taken_effect() && !error.is_retryable());
}

#[tokio::test]
async fn every_payment_comes_once_newest_first() {
    for dialect in DIALECTS {
        let (stage, expected) = stage_with(dialect, 7).await;
        let mut items = list(&stage).limit(3).items();
        assert!(!items.is_complete());
        assert_eq!(rest(&mut items).await, expected);
        assert!(items.is_complete());

        let queries: Vec<String> = lists(&stage)
            .iter()
            .map(|request| request.query().to_owned())
            .collect();
        let after = |id: &str| format!("limit=3&starting_after={id}");
        let asked = [
            "limit=3".to_owned(),
            after(&expected[2]),
            after(&expected[5]),
        ];
        assert_eq!(queries, asked);
        // Its end is the end: nothing is asked again.
        assert_eq!(items.next().await.unwrap(), None);
        assert_eq!(lists(&stage).len(), 3);
    }
}

#[tokio::test]
async fn a_page_tells_where_the_next_one_begins() {
    for dialect in DIALECTS {
        let (stage, expected) = stage_with(dialect, 3).await;
        let first = list(&stage).limit(2).page().await.unwrap();
        assert!(first.has_more);
        assert!(first.receipt().request_id().is_some());
        assert_eq!(
            first.receipt().operation().to_string(),
            "list_payments".to_owned()
        );
        assert_eq!(
            first.items.iter().map(name).collect::<Vec<_>>(),
            expected[..2]
        );
        let next = first.next.clone().unwrap();
        assert_eq!(next.position(), Some(&id(&expected[1])));
        assert!(!next.is_backward());

        let second = stage.flowlix.payments().list_from(next).page().await;
        let second = second.unwrap().into_inner();
        assert_eq!(
            second.items.iter().map(name).collect::<Vec<_>>(),
            expected[2..]
        );
        assert!(!second.has_more);
        assert_eq!(second.next, None);
    }
}

#[tokio::test]
async fn a_hundred_is_the_page_unless_told_otherwise_and_no_payment_is_no_error() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let mut items = list(&stage).items();
        assert_eq!(items.next().await.unwrap(), None);
        assert!(items.is_complete());
        assert_eq!(lists(&stage).len(), 1);
        assert_eq!(lists(&stage)[0].query(), "limit=100");
    }
}

#[tokio::test]
async fn filters_are_kept_on_every_page() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let clock = stage.sandbox.clock();
        let mut expected = Vec::new();
        let (mut from, mut before) = (0, 0);
        for round in 0..8 {
            match round {
                1 => from = clock.now(),
                7 => before = clock.now(),
                _ => {}
            }
            let charged = pay(&stage, VISA).await;
            pay(&stage, DECLINED).await;
            if (1..7).contains(&round) {
                expected.insert(0, charged);
            }
            clock.advance(Duration::from_secs(60));
        }
        stage.sandbox.settle();

        let filtered = list(&stage)
            .status(PaymentStatus::Succeeded)
            .created_gte(from)
            .created_lt(before);
        let mut items = filtered.limit(4).items();
        assert_eq!(rest(&mut items).await, expected);

        let filters = match dialect {
            Dialect::SnakeCase => [
                "status=succeeded".to_owned(),
                format!("created%5Bgte%5D={from}"),
                format!("created%5Blt%5D={before}"),
            ],
            _ => [
                "status=SUCCEEDED".to_owned(),
                format!("created_gte={from}"),
                format!("created_lt={before}"),
            ],
        };
        let requests = lists(&stage);
        assert_eq!(requests.len(), 2);
        for request in &requests {
            let said: Vec<&str> = request.query().split('&').collect();
            for filter in &filters {
                assert!(said.contains(&filter.as_str()), "{filter} in {said:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_short_page_is_not_the_end() {
    for dialect in DIALECTS {
        let sandbox = Sandbox::builder().short_pages(2).start().await.unwrap();
        let stage = Stage::on(sandbox, dialect, |builder| builder);
        let expected = fill(&stage, 5).await;
        assert_eq!(rest(&mut list(&stage).limit(50).items()).await, expected);
        assert_eq!(lists(&stage).len(), 3);
    }
}

#[tokio::test]
async fn payments_created_meanwhile_move_none_of_the_list() {
    for dialect in DIALECTS {
        let (stage, expected) = stage_with(dialect, 5).await;
        let mut items = list(&stage).limit(2).items();
        let mut listed = Vec::new();
        while let Some(item) = items.next().await.unwrap() {
            listed.push(name(&item));
            pay(&stage, VISA).await;
        }
        assert_eq!(listed, expected);
    }
}

#[tokio::test]
async fn backward_goes_on_to_newer_payments_and_to_those_that_come_later() {
    let (stage, mut newest_first) = stage_with(Dialect::Uppercase, 6).await;
    let oldest = newest_first.pop().unwrap();
    let backward = || list(&stage).limit(2).ending_before(&id(&oldest));

    let mut items = backward().items();
    let mut oldest_first = newest_first.clone();
    oldest_first.reverse();
    assert_eq!(rest(&mut items).await, oldest_first);
    assert!(items.is_complete() && items.cursor().is_backward());
    for request in lists(&stage) {
        assert!(request.query().contains("ending_before="));
        assert!(!request.query().contains("starting_after="));
    }

    // A page shows its payments newest first in this direction, too.
    let mut pages = backward().pages();
    let first = pages.next().await.unwrap().unwrap();
    assert_eq!(
        first.items.iter().map(name).collect::<Vec<_>>(),
        newest_first[3..]
    );
    assert_eq!(pages.cursor().position(), Some(&id(&newest_first[3])));
    assert_eq!(first.next.as_ref(), Some(pages.cursor()));

    let later = [pay(&stage, VISA).await, pay(&stage, VISA).await];
    let cursor = items.cursor().clone();
    let mut news = stage.flowlix.payments().list_from(cursor).items();
    assert_eq!(rest(&mut news).await, later);
}

#[tokio::test]
async fn what_the_dialect_cannot_ask_is_refused_by_name_before_sending() {
    for dialect in DIALECTS {
        let (stage, ids) = stage_with(dialect, 1).await;
        let known = id(&ids[0]);
        let both = list(&stage).starting_after(&known).ending_before(&known);
        let swapped = list(&stage)
            .created_gte(1_719_878_400)
            .created_lt(1_719_792_000);
        for (refused, field) in [
            (swapped, "created_lt"),
            (list(&stage).limit(0), "limit"),
            (list(&stage).limit(101), "limit"),
            (list(&stage).limit(u32::MAX), "limit"),
            (list(&stage).status("SETTLING".into()), "status"),
            (both, "ending_before"),
        ] {
            let error = refused.clone().page().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidRequest);
            let fields: Vec<_> = error
                .violations()
                .iter()
                .map(|found| &found.field)
                .collect();
            assert_eq!(fields, [field]);
            let error = refused.items().next().await.unwrap_err();
            assert!(error.is_invalid_request());
        }
        let backward = list(&stage).limit(0).ending_before(&known).page().await;
        match dialect {
            Dialect::SnakeCase => {
                let violations = backward.unwrap_err().violations().to_vec();
                assert_eq!(violations.len(), 2, "{violations:?}");
                assert_eq!(violations[1].field, "ending_before");
                assert!(violations[1].problem.contains("snake_case dialect"));
            }
            _ => assert_eq!(backward.unwrap_err().violations().len(), 1),
        }
        assert!(lists(&stage).is_empty());
    }
}

#[tokio::test]
async fn a_stored_cursor_goes_on_from_any_item() {
    for dialect in DIALECTS {
        let (stage, expected) = stage_with(dialect, 7).await;
        stage.sandbox.settle();
        for taken in 0..=expected.len() {
            let mut items = list(&stage)
                .status(PaymentStatus::Succeeded)
                .limit(3)
                .items();
            for id in &expected[..taken] {
                assert_eq!(&name(&items.next().await.unwrap().unwrap()), id);
            }
            let stored = serde_json::to_string(items.cursor()).unwrap();
            drop(items);

            let cursor: Cursor = serde_json::from_str(&stored).unwrap();
            let mut resumed = stage.flowlix.payments().list_from(cursor).items();
            assert_eq!(rest(&mut resumed).await, expected[taken..]);
            let last = lists(&stage).pop().unwrap();
            assert!(last.query().contains("limit=3"), "{}", last.query());
            assert!(last.query().to_lowercase().contains("status=succeeded"));
        }
    }
}

#[tokio::test]
async fn a_stored_cursor_keeps_its_direction() {
    let (stage, newest_first) = stage_with(Dialect::Uppercase, 6).await;
    let mut items = list(&stage)
        .limit(2)
        .ending_before(&id(&newest_first[5]))
        .items();
    for expected in [4, 3, 2] {
        let item = items.next().await.unwrap().unwrap();
        assert_eq!(name(&item), newest_first[expected]);
    }
    let stored = serde_json::to_string(items.cursor()).unwrap();
    let cursor: Cursor = serde_json::from_str(&stored).unwrap();
    let mut resumed = stage.flowlix.payments().list_from(cursor).items();
    assert_eq!(
        rest(&mut resumed).await,
        [newest_first[1].clone(), newest_first[0].clone()]
    );
}

#[tokio::test]
async fn a_filter_that_is_set_anew_takes_the_place_of_the_cursors() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let charged = fill(&stage, 3).await;
        let declined = pay(&stage, DECLINED).await;
        let newest = pay(&stage, VISA).await;
        stage.sandbox.settle();
        let mut items = list(&stage)
            .status(PaymentStatus::Succeeded)
            .limit(1)
            .items();
        assert_eq!(name(&items.next().await.unwrap().unwrap()), newest);
        let cursor = items.cursor().clone();
        let from = || stage.flowlix.payments().list_from(cursor.clone());

        let mut failed = from().status(PaymentStatus::Failed).limit(50).items();
        assert_eq!(rest(&mut failed).await, [declined]);
        let query = lists(&stage).pop().unwrap().query().to_lowercase();
        assert!(query.contains("limit=50") && query.contains("status=failed"));
        assert_eq!(rest(&mut from().items()).await, charged);
        let elsewhere = from().starting_after(&id(&charged[1]));
        assert_eq!(rest(&mut elsewhere.items()).await, charged[2..]);

        let error = from().ending_before(&id(&newest)).page().await.unwrap_err();
        assert!(error.is_invalid_request());
    }
}

#[tokio::test]
async fn a_time_without_a_moment_holds_no_payment_and_is_no_error() {
    for dialect in DIALECTS {
        let (stage, _) = stage_with(dialect, 1).await;
        let now = stage.sandbox.clock().now();
        let mut items = list(&stage).created_gte(now).created_lt(now).items();
        assert_eq!(items.next().await.unwrap(), None);
        assert!(items.is_complete());
    }
}

#[tokio::test]
async fn a_cursor_of_another_dialect_is_refused_by_flowlix_and_hides_nothing() {
    for dialect in DIALECTS {
        let (stage, ids) = stage_with(dialect, 2).await;
        let mut items = list(&stage).limit(1).items();
        assert_eq!(name(&items.next().await.unwrap().unwrap()), ids[0]);
        let other = DIALECTS
            .into_iter()
            .find(|other| *other != dialect)
            .unwrap();
        let foreign = flowlix_ext::Flowlix::builder(stage.sandbox.key(other))
            .base_url(stage.sandbox.base_url())
            .build()
            .unwrap();
        let mut resumed = foreign.payments().list_from(items.cursor().clone()).items();
        assert_eq!(
            resumed.next().await.unwrap_err().kind(),
            ErrorKind::Rejected
        );
        assert!(!resumed.is_complete());
    }
}

#[test]
fn a_cursor_with_a_filter_of_another_version_is_refused() {
    let stored = r#"{"limit":10,"merchant_reference":"ord_1234"}"#;
    assert!(serde_json::from_str::<Cursor>(stored).is_err());
}

#[tokio::test]
async fn a_cursor_that_flowlix_does_not_know_is_an_error() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let unknown = id("pay_q7Mk2Np8Vr4Xt6Yz9Ab3Cd5E");
        let error = list(&stage).starting_after(&unknown).page().await;
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Rejected);
    }
}

#[tokio::test]
async fn one_payment_that_cannot_be_read_costs_no_other() {
    for dialect in DIALECTS {
        let (stage, expected) = stage_with(dialect, 5).await;
        // In the middle of the first page, and at its end, from where the list goes on.
        alter(&stage, 0, |page| {
            page["data"][1]["amount"] = json!("canary-amount");
            page["data"][2]["metadata"] = json!("canary-metadata");
        });
        let mut items = list(&stage).limit(3).items();
        let mut listed = Vec::new();
        while let Some(item) = items.next().await.unwrap() {
            listed.push(item);
        }
        assert!(items.is_complete());
        assert_eq!(listed.len(), 5);
        for (index, path) in [(1, "data[1].amount"), (2, "data[2].metadata")] {
            let undecodable = listed[index].as_ref().unwrap_err();
            assert_eq!(undecodable.id(), Some(&id(&expected[index])));
            assert_eq!(undecodable.json_path(), path);
            let raw: Value = serde_json::from_str(undecodable.raw_json()).unwrap();
            assert_eq!(raw["id"], json!(expected[index]));
            assert!(undecodable.raw_json().contains("canary"));
            let shown = format!("{undecodable} {undecodable:?} {items:?}");
            assert!(!shown.contains("canary"), "{shown}");
            assert!(
                undecodable.to_string().contains(&expected[index]),
                "{shown}"
            );
        }
        for index in [0, 3, 4] {
            assert_eq!(name(&listed[index]), expected[index]);
        }
        assert_eq!(lists(&stage).len(), 2);
    }
}

#[tokio::test]
async fn backward_goes_on_from_a_first_payment_that_cannot_be_read() {
    let (stage, newest_first) = stage_with(Dialect::Uppercase, 6).await;
    // The first of the page is the one that a backward list goes on from.
    alter(&stage, 0, |page| {
        page["data"][0]["amount"] = json!("canary")
    });
    let mut items = list(&stage)
        .limit(2)
        .ending_before(&id(&newest_first[5]))
        .items();
    let mut listed = Vec::new();
    while let Some(item) = items.next().await.unwrap() {
        listed.push(match item {
            Ok(payment) => payment.id.to_string(),
            Err(undecodable) => undecodable.id().unwrap().to_string(),
        });
    }
    let mut oldest_first = newest_first[..5].to_vec();
    oldest_first.reverse();
    assert_eq!(listed, oldest_first);

    alter(&stage, 0, |page| page["data"][0]["id"] = json!(null));
    let mut items = list(&stage)
        .limit(2)
        .ending_before(&id(&newest_first[5]))
        .items();
    assert_eq!(name(&items.next().await.unwrap().unwrap()), newest_first[4]);
    assert!(items.next().await.unwrap().unwrap().is_err());
    assert_stuck(&items.next().await.unwrap_err(), "more payments follow");
    assert_eq!(items.cursor().position(), Some(&id(&newest_first[4])));
}

#[tokio::test]
async fn what_a_list_cannot_read_or_name_is_counted() {
    for dialect in DIALECTS {
        let counts = Counts::default();
        let stage = Stage::with(dialect, |builder| builder.metrics(counts.clone())).await;
        fill(&stage, 4).await;
        alter(&stage, 0, |page| {
            page["data"][0]["status"] = json!("SETTLING");
            page["data"][1]["amount"] = json!("4999");
            page["data"][3] = json!(null);
        });
        let page = list(&stage).page().await.unwrap();
        let readable: Vec<bool> = page.items.iter().map(Result::is_ok).collect();
        assert_eq!(readable, [true, false, true, false]);
        assert_eq!(counts.get(Counter::Undecodable), 2);
        assert_eq!(counts.get(Counter::UnknownValues), 1);
        assert_eq!(counts.get(Counter::Failures), 0);
    }
}

#[tokio::test]
async fn an_entry_that_is_no_payment_at_all_is_reported_in_its_place() {
    for dialect in DIALECTS {
        let (stage, expected) = stage_with(dialect, 3).await;
        alter(&stage, 0, |page| {
            page["data"][0] = json!("canary");
            page["data"][1]["id"] = json!("");
        });
        let page = list(&stage).page().await.unwrap();
        let paths: Vec<_> = page.items[..2]
            .iter()
            .map(|item| {
                let undecodable = item.as_ref().unwrap_err();
                assert_eq!(undecodable.id(), None);
                undecodable.json_path()
            })
            .collect();
        assert_eq!(paths, ["data[0]", "data[1].id"]);
        assert_eq!(name(&page.items[2]), expected[2]);
    }
}

#[tokio::test]
async fn more_payments_without_an_id_to_go_on_from_are_not_passed_over_in_silence() {
    for dialect in DIALECTS {
        let (stage, expected) = stage_with(dialect, 5).await;
        alter(&stage, 0, |page| {
            page["data"][2]["id"] = json!(null);
        });
        let page = list(&stage).limit(3).page().await.unwrap();
        assert!(page.has_more && page.next.is_none());

        alter(&stage, 0, |page| {
            page["data"][2]["id"] = json!(null);
        });
        let mut items = list(&stage).limit(3).items();
        for id in &expected[..2] {
            assert_eq!(&name(&items.next().await.unwrap().unwrap()), id);
        }
        assert!(items.next().await.unwrap().unwrap().is_err());
        let asked = lists(&stage).len();
        for _ in 0..2 {
            let error = items.next().await.unwrap_err();
            assert_stuck(&error, "more payments follow");
        }
        assert!(!items.is_complete());
        assert_eq!(lists(&stage).len(), asked);
        // The cursor stands before the entry without an id, so that nothing gets lost.
        let cursor = items.cursor().clone();
        let mut resumed = stage.flowlix.payments().list_from(cursor).items();
        assert_eq!(rest(&mut resumed).await, expected[2..]);
    }
}

#[tokio::test]
async fn an_empty_page_before_the_end_is_an_error_and_no_circle() {
    for dialect in DIALECTS {
        let (stage, expected) = stage_with(dialect, 4).await;
        alter(&stage, 1, |page| {
            *page = json!({ "data": [], "has_more": true });
        });
        let mut pages = list(&stage).limit(2).pages();
        assert!(pages.next().await.unwrap().is_some());
        let error = pages.next().await.unwrap_err();
        assert_stuck(&error, "holds none to go on from");
        assert_eq!(lists(&stage).len(), 2);
        assert!(!pages.is_complete());

        let page = pages.next().await.unwrap().unwrap();
        assert_eq!(
            page.items.iter().map(name).collect::<Vec<_>>(),
            expected[2..]
        );
        assert!(pages.next().await.unwrap().is_none() && pages.is_complete());
    }
}

#[tokio::test]
async fn a_page_that_comes_again_is_an_error_and_no_circle() {
    for dialect in DIALECTS {
        for repeated_from in [1, 2] {
            let (stage, expected) = stage_with(dialect, 6).await;
            let first = list(&stage).limit(2).page().await.unwrap();
            let repeated = first.items.iter().map(name).collect::<Vec<_>>();
            // Flowlix ignores the cursor, or comes back to an earlier page.
            alter(&stage, repeated_from, move |page| {
                for (payment, id) in page["data"]
                    .as_array_mut()
                    .unwrap()
                    .iter_mut()
                    .zip(&repeated)
                {
                    payment["id"] = json!(id);
                }
            });
            let mut items = list(&stage).limit(2).items();
            let mut listed = Vec::new();
            let error = loop {
                match items.next().await {
                    Ok(item) => listed.push(name(&item.unwrap())),
                    Err(error) => break error,
                }
            };
            assert_stuck(&error, &format!("payment {} came again", expected[1]));
            assert_eq!(listed, expected[..2 * repeated_from]);
            assert_eq!(rest(&mut items).await, expected[2 * repeated_from..]);
        }
    }
}

#[tokio::test]
async fn a_cursor_that_is_taken_as_inclusive_doubles_nothing() {
    for dialect in DIALECTS {
        let (stage, expected) = stage_with(dialect, 3).await;
        let from = expected[0].clone();
        alter(&stage, 0, move |page| {
            page["data"][0]["id"] = json!(from);
            page["has_more"] = json!(false);
        });
        let mut pages = list(&stage).starting_after(&id(&expected[0])).pages();
        let error = pages.next().await.unwrap_err();
        assert_stuck(&error, "came again");
        assert!(!pages.is_complete());
    }
}

#[tokio::test]
async fn an_envelope_that_cannot_be_read_is_an_error_with_its_place() {
    for dialect in DIALECTS {
        let (stage, expected) = stage_with(dialect, 2).await;
        for (patch, path) in [
            (json!({ "data": "canary" }), "data"),
            (json!({ "has_more": "canary" }), "has_more"),
            (json!({ "has_more": null }), "."),
            (json!({ "data": null }), "."),
        ] {
            let fault = Fault::patch(patch);
            stage.sandbox.inject_at(Operation::ListPayments, fault, 1);
            let mut items = list(&stage).items();
            let error = items.next().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Undecodable);
            assert_eq!(error.json_path(), Some(path));
            assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
            assert!(error.raw_body().is_some());
            assert_eq!(rest(&mut items).await, expected);
        }
        stage
            .sandbox
            .inject_at(Operation::ListPayments, Fault::Garbage, 1);
        let error = list(&stage).page().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Undecodable);
    }
}

#[tokio::test]
async fn a_page_is_read_again_until_it_comes() {
    for dialect in DIALECTS {
        let (stage, expected) = stage_with(dialect, 4).await;
        let faults = [
            Fault::status(503),
            Fault::CutBody,
            Fault::html(502),
            Fault::LoseAnswer,
            Fault::status_retry_after(429, "1"),
            Fault::ResetBeforeReading,
        ];
        for fault in faults {
            stage.sandbox.inject_at(Operation::ListPayments, fault, 1);
        }
        let mut items = list(&stage).limit(2).items();
        // Four attempts are not enough for the first page; asked again, the list goes on.
        let error = items.next().await.unwrap_err();
        assert!(error.is_retryable(), "{error}");
        assert_eq!(error.attempts(), 4);
        assert_eq!(rest(&mut items).await, expected);
        assert_eq!(stage.sandbox.pending_faults(), 0);
    }
}

#[tokio::test]
async fn after_an_error_on_the_way_nothing_is_lost_or_doubled() {
    for dialect in DIALECTS {
        let (stage, expected) = stage_with(dialect, 5).await;
        let fail_second_page = || {
            let sandbox = &stage.sandbox;
            sandbox.inject_at(Operation::ListPayments, Fault::Pass, 1);
            sandbox.inject_at(Operation::ListPayments, Fault::status(500), 1);
        };
        let limited = || list(&stage).limit(2).max_attempts(1);

        fail_second_page();
        let mut items = limited().items();
        let mut listed = Vec::new();
        let mut errors = 0;
        loop {
            match items.next().await {
                Ok(Some(item)) => listed.push(name(&item)),
                Ok(None) => break,
                Err(_) => errors += 1,
            }
        }
        assert_eq!((listed, errors), (expected.clone(), 1));

        // As a stream it ends there, and its cursor leads on.
        fail_second_page();
        let mut items = limited().items();
        let mut listed = Vec::new();
        let error = loop {
            match polled(&mut items).await {
                Some(Ok(item)) => listed.push(name(&item)),
                Some(Err(error)) => break error,
                None => panic!("ended without the error"),
            }
        };
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(polled(&mut items).await.is_none());
        assert!(!items.is_complete());
        let cursor = items.cursor().clone();
        let mut resumed = stage.flowlix.payments().list_from(cursor).items();
        listed.extend(rest(&mut resumed).await);
        assert_eq!(listed, expected);

        fail_second_page();
        let mut pages = limited().pages();
        assert!(polled(&mut pages).await.unwrap().is_ok());
        assert!(polled(&mut pages).await.unwrap().is_err());
        assert!(polled(&mut pages).await.is_none());
        let page = pages.next().await.unwrap().unwrap();
        assert_eq!(name(&page.items[0]), expected[2]);
    }
}

#[tokio::test]
async fn pages_and_items_are_streams() {
    fn is_stream<S: Stream + Send + Unpin + 'static>(_: &S) {}
    for dialect in DIALECTS {
        let (stage, expected) = stage_with(dialect, 5).await;
        let (mut pages, mut items) = (list(&stage).limit(2).pages(), list(&stage).items());
        is_stream::<Pages>(&pages);
        is_stream::<Items>(&items);

        let (mut by_page, mut by_item) = (Vec::new(), Vec::new());
        while let Some(page) = polled(&mut pages).await {
            by_page.push(page.unwrap().items.iter().map(name).collect::<Vec<_>>());
        }
        while let Some(item) = polled(&mut items).await {
            by_item.push(name(&item.unwrap()));
        }
        assert_eq!(by_page, [&expected[..2], &expected[2..4], &expected[4..]]);
        assert_eq!(by_item, expected);
        assert!(pages.is_complete() && items.is_complete());
    }
}

#[tokio::test]
async fn giving_up_on_the_next_item_loses_nothing() {
    for dialect in DIALECTS {
        let (stage, expected) = stage_with(dialect, 3).await;
        stage
            .sandbox
            .inject_at(Operation::ListPayments, Fault::StallAnswer, 1);
        let mut items = list(&stage).items();
        stage.give_up_when_stalled(items.next()).await;
        stage.sandbox.release_stalled();
        assert_eq!(rest(&mut items).await, expected);
        assert_eq!(lists(&stage).len(), 1);
    }
}

#[tokio::test]
async fn a_list_that_is_not_polled_asks_nothing() {
    let (stage, _) = stage_with(Dialect::Uppercase, 1).await;
    let mut items = list(&stage).items();
    let mut next = Box::pin(items.next());
    drop(list(&stage).pages());
    assert!(lists(&stage).is_empty());
    let pending = next.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(pending.is_pending());
}

#[tokio::test]
async fn limits_end_a_list_without_calling_it_complete() {
    for dialect in DIALECTS {
        let (stage, expected) = stage_with(dialect, 5).await;
        let mut items = list(&stage).limit(2).max_items(3).items();
        assert_eq!(rest(&mut items).await, expected[..3]);
        assert!(!items.is_complete());
        assert_eq!(lists(&stage).len(), 2);
        let cursor = items.cursor().clone();
        let mut resumed = stage.flowlix.payments().list_from(cursor).items();
        assert_eq!(rest(&mut resumed).await, expected[3..]);

        let mut pages = list(&stage).limit(2).max_pages(2).pages();
        let mut count = 0;
        while pages.next().await.unwrap().is_some() {
            count += 1;
        }
        assert_eq!((count, pages.is_complete()), (2, false));
        assert_eq!(pages.cursor().position(), Some(&id(&expected[3])));

        let mut items = list(&stage).limit(2).max_pages(1).items();
        assert_eq!(rest(&mut items).await, expected[..2]);
        assert!(!items.is_complete());

        // The last page came, and not all of it was handed out.
        let mut items = list(&stage).max_items(3).items();
        assert_eq!(rest(&mut items).await, expected[..3]);
        assert!(!items.is_complete());

        // A limit that the list just fills does not hide that it is complete.
        let mut items = list(&stage).max_items(5).items();
        assert_eq!(rest(&mut items).await, expected);
        assert!(items.is_complete());

        let asked = lists(&stage).len();
        assert_eq!(
            list(&stage).max_items(0).items().next().await.unwrap(),
            None
        );
        assert!(
            list(&stage)
                .max_pages(0)
                .pages()
                .next()
                .await
                .unwrap()
                .is_none()
        );
        assert_eq!(lists(&stage).len(), asked);
    }
}
