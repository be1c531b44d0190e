//! What a service does all day, in both dialects.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use common::{DECLINED, DIALECTS, Stage, THREE_D_SECURE, VISA, card};
use flowlix_ext::model::{BillingDetailsInput, PaymentStatus};
use flowlix_ext::runtime::Runtime;
use flowlix_ext::{
    Error, ErrorKind, IdempotencyKey, InvalidIdempotencyKey, KeyProvider, Money, PaymentExt,
    Settled,
};
use flowlix_sandbox::{Dialect, Fault, Operation, Sandbox};

#[tokio::test]
async fn a_payment_is_created_and_waited_for() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let payment = stage
            .create()
            .description("Order 1234")
            .metadata("order_id", "ord_1234")
            .await
            .unwrap();
        assert_eq!(payment.status, PaymentStatus::Pending);
        assert_eq!(payment.money(), Money::eur(49_99));
        assert!(payment.decline().is_none() && !payment.is_final());
        assert_eq!(payment.receipt().history().len(), 1);
        assert!(payment.receipt().request_id().is_some());
        let Settled::Succeeded(paid) = stage.flowlix.payments().wait(&payment.id).await.unwrap()
        else {
            panic!("not charged");
        };
        assert_eq!(paid.id, payment.id);
        assert!(paid.is_final());
        assert_eq!(paid.metadata["order_id"], "ord_1234");
        assert_eq!(
            stage.time.delays()[0],
            Duration::from_secs(2),
            "the first look comes after two seconds"
        );
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

#[tokio::test]
async fn the_same_key_again_is_the_same_payment() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let first = stage.create().await.unwrap();
        let second = stage.create().send().await.unwrap();
        assert_eq!(first.id, second.id);
        assert_ne!(first.receipt().request_id(), second.receipt().request_id());
        stage.assert_posts_identical(2);
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

#[tokio::test]
async fn a_key_is_made_when_the_caller_brings_none() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let payments = stage.flowlix.payments();
        let first = payments
            .create_direct(Money::eur(1), card(VISA))
            .await
            .unwrap();
        let second = payments
            .create_direct(Money::eur(1), card(VISA))
            .await
            .unwrap();
        assert_ne!(first.id, second.id);
        let key = first.receipt().idempotency_key().unwrap();
        assert_ne!(Some(key), second.receipt().idempotency_key());
        assert_eq!(
            stage.posts()[0].header("idempotency-key"),
            Some(key.as_str())
        );
    }
}

/// Keys out of the shop's own books, until they are used up.
struct Numbered(AtomicU32);

impl KeyProvider for Numbered {
    fn fresh_key(&self, _: &dyn Runtime) -> Result<IdempotencyKey, InvalidIdempotencyKey> {
        match self.0.fetch_add(1, Ordering::SeqCst) {
            2.. => Err(InvalidIdempotencyKey::RandomUnavailable),
            number => IdempotencyKey::custom(format!("shop-{number}")),
        }
    }
}

#[tokio::test]
async fn keys_are_made_by_whom_the_client_was_told_to_ask() {
    for dialect in DIALECTS {
        let numbered = Numbered(AtomicU32::new(0));
        let stage = Stage::with(dialect, |builder| builder.key_provider(numbered)).await;
        let pay = || {
            let payments = stage.flowlix.payments();
            payments.create_direct(Money::eur(1), card(VISA))
        };
        stage.create().await.unwrap();
        let at = Operation::CreateDirectPayment;
        stage.sandbox.inject_at(at, Fault::LoseAnswer, 1);
        pay().await.unwrap();
        pay().await.unwrap();
        let posts = stage.posts();
        let keys = posts.iter().map(|post| post.header("idempotency-key"));
        // One for each call: not for one that has a key, and not for each attempt.
        let expected = ["order-1234-payment", "shop-0", "shop-0", "shop-1"].map(Some);
        assert_eq!(keys.collect::<Vec<_>>(), expected);

        let error = pay().await.unwrap_err();
        assert_eq!(error.violations()[0].field, "idempotency_key", "{error}");
        assert!(!error.may_have_taken_effect());
        assert_eq!(stage.posts().len(), 4);
    }
}

#[tokio::test]
async fn a_decline_is_an_outcome_with_a_text_for_the_customer() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let payment = stage.create_with(DECLINED).await.unwrap();
        let Settled::Failed(failed) = stage.flowlix.payments().wait(&payment.id).await.unwrap()
        else {
            panic!("not declined");
        };
        assert_eq!(failed.decline().code().unwrap().as_str(), "do_not_honor");
        assert!(
            failed
                .decline()
                .customer_message()
                .contains("contact your bank")
        );
        assert!(PaymentExt::decline(&failed.clone().into_payment()).is_some());
        assert_eq!(stage.payments_and_charges(), (1, 0));
    }
}

#[tokio::test]
async fn three_d_secure_stops_the_wait_and_goes_on_when_the_customer_is_back() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let payment = stage.create_with(THREE_D_SECURE).await.unwrap();
        let wait = || stage.flowlix.payments().wait(&payment.id);
        let Settled::RequiresAction(action) = wait().await.unwrap() else {
            panic!("no action");
        };
        let url = action.redirect_url().unwrap().to_owned();
        assert!(url.starts_with(&stage.sandbox.base_url()));

        // The customer is back before Flowlix has noticed: the old action does not end the wait.
        let error = wait()
            .customer_returned()
            .deadline(Duration::from_secs(20))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WaitTimeout);
        let progress = error.wait_progress().unwrap();
        assert_eq!(
            progress.last_payment.as_ref().unwrap().status,
            PaymentStatus::RequiresAction
        );

        // Somebody who kept another address learns of this one at once.
        let settled = wait()
            .customer_returned_from("https://elsewhere.example.com")
            .await
            .unwrap();
        assert!(matches!(settled, Settled::RequiresAction(_)));

        stage.sandbox.approve(payment.id.as_str()).unwrap();
        let settled = wait().customer_returned_from(url).await.unwrap();
        assert!(matches!(settled, Settled::Succeeded(_)), "{settled:?}");
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

#[tokio::test]
async fn a_second_action_is_noticed_after_the_first() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let payment = stage.create_with(THREE_D_SECURE).await.unwrap();
        let wait = || stage.flowlix.payments().wait(&payment.id);
        assert!(matches!(wait().await.unwrap(), Settled::RequiresAction(_)));
        stage
            .sandbox
            .inject_at(Operation::RetrievePayment, Fault::Pass, 2);
        let second =
            serde_json::json!({ "next_action": { "redirect_url": "https://bank.example.com/2" } });
        stage
            .sandbox
            .inject_at(Operation::RetrievePayment, Fault::patch(second), 1);
        let Settled::RequiresAction(action) = wait().customer_returned().await.unwrap() else {
            panic!("no second action");
        };
        assert_eq!(action.redirect_url(), Some("https://bank.example.com/2"));
    }
}

#[tokio::test]
async fn what_the_customer_does_not_do_ends_the_payment() {
    for dialect in DIALECTS {
        for (end, expected) in [
            ("expire", "EXPIRED"),
            ("decline", "FAILED"),
            ("cancel", "CANCELED"),
        ] {
            let stage = Stage::new(dialect).await;
            let payment = stage.create_with(THREE_D_SECURE).await.unwrap();
            stage.flowlix.payments().wait(&payment.id).await.unwrap();
            match end {
                "expire" => stage.sandbox.expire(payment.id.as_str()).unwrap(),
                "cancel" => stage.sandbox.cancel(payment.id.as_str()).unwrap(),
                _ => stage.sandbox.decline(payment.id.as_str()).unwrap(),
            }
            let settled = stage
                .flowlix
                .payments()
                .wait(&payment.id)
                .customer_returned()
                .await
                .unwrap();
            assert_eq!(settled.payment().status.as_str(), expected);
            assert!(settled.payment().is_final());
            let variant = match settled {
                Settled::Expired(_) => "EXPIRED",
                Settled::Canceled(_) => "CANCELED",
                Settled::Failed(_) => "FAILED",
                _ => "another",
            };
            assert_eq!(variant, expected);
        }
    }
}

#[tokio::test]
async fn a_hosted_payment_is_paid_on_its_page() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let payment = stage
            .flowlix
            .payments()
            .create_hosted(Money::eur(25_00), "https://shop.example.com/done")
            .idempotency_key(IdempotencyKey::derive("hosted", ["order-5678"]).unwrap())
            .await
            .unwrap();
        assert!(payment.hosted_payment_url.is_some());
        stage
            .sandbox
            .complete_hosted(payment.id.as_str(), VISA)
            .unwrap();
        let settled = stage.flowlix.payments().wait(&payment.id).await.unwrap();
        assert!(matches!(settled, Settled::Succeeded(_)), "{settled:?}");
        assert_eq!(stage.payments_and_charges(), (1, 1));
    }
}

#[tokio::test]
async fn a_payment_is_refunded_in_part_and_then_the_rest() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let payment = stage.charged().await;
        let refund = || {
            stage
                .flowlix
                .refunds()
                .create(&payment.id)
                .reason("requested_by_customer")
        };

        let part = refund().amount(10_00).await.unwrap();
        let created = part.refund.as_ref().unwrap();
        assert_eq!(
            (created.amount, created.payment_id.as_ref()),
            (10_00, Some(&payment.id))
        );
        assert_eq!(part.payment.is_some(), dialect == Dialect::SnakeCase);

        let rest = refund().await.unwrap();
        assert_eq!(rest.refund.as_ref().unwrap().amount, 39_99);
        assert_ne!(rest.refund.as_ref().unwrap().id, created.id);

        stage.sandbox.settle();
        assert_eq!(stage.sandbox.ledger().amount_refunded(), 49_99);
        let payment = stage
            .flowlix
            .payments()
            .retrieve(&payment.id)
            .await
            .unwrap();
        assert_eq!(payment.amount_refunded, Some(49_99));
        assert_eq!(payment.refunds.len(), 2);
    }
}

#[tokio::test]
async fn a_refund_whose_answer_is_lost_is_made_once() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let payment = stage.charged().await;
        let refund = || {
            let key = IdempotencyKey::derive("refund", ["order-1234"]).unwrap();
            stage
                .flowlix
                .refunds()
                .create(&payment.id)
                .reason("late")
                .idempotency_key(key)
        };
        stage
            .sandbox
            .inject_at(Operation::Refund, Fault::LoseAnswer, 2);
        let created = refund().amount(10_00).await.unwrap();
        assert_eq!(created.receipt().history().len(), 3);
        assert_eq!(stage.sandbox.ledger().refunds().count(), 1);

        stage
            .sandbox
            .inject_at(Operation::Refund, Fault::LoseAnswer, 4);
        let rest = || refund().idempotency_key(IdempotencyKey::derive("refund", ["rest"]).unwrap());
        let error = rest().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
        let settled = match error.refund_amount() {
            Some(amount) => rest().amount(amount).await.unwrap(),
            None => rest().await.unwrap(),
        };
        assert_eq!(settled.refund.as_ref().unwrap().amount, 39_99);
        assert_eq!(stage.sandbox.ledger().refunds().count(), 2);
    }
}

#[tokio::test]
async fn a_refund_that_cannot_be_told_from_its_twin_is_not_guessed() {
    let stage = Stage::new(Dialect::SnakeCase).await;
    let payment = stage.charged().await;
    let refund = || {
        stage
            .flowlix
            .refunds()
            .create(&payment.id)
            .reason("late")
            .amount(10_00)
    };
    assert!(refund().await.unwrap().refund.is_some());
    let second = refund().await.unwrap();
    assert_eq!(second.refund, None);
    assert_eq!(second.payment.as_ref().unwrap().refunds.len(), 2);
}

#[tokio::test]
async fn nothing_left_to_refund_is_said_before_anything_is_sent() {
    let stage = Stage::new(Dialect::Uppercase).await;
    let payment = stage.charged().await;
    stage.flowlix.refunds().create(&payment.id).await.unwrap();
    let posts = stage.posts().len();
    let error = stage
        .flowlix
        .refunds()
        .create(&payment.id)
        .await
        .unwrap_err();
    assert!(
        error.is_invalid_request() && error.to_string().contains("nothing of the payment"),
        "{error}"
    );
    assert_eq!(stage.posts().len(), posts);
}

#[tokio::test]
async fn what_breaks_a_rule_is_named_and_not_sent() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let error = stage
            .flowlix
            .payments()
            .create_direct(
                Money::eur(0),
                flowlix_ext::CardDetails::new("4111111111111112", 1, 2020, "31", ""),
            )
            .return_url("http://shop.example.com")
            .description("x".repeat(501))
            .await
            .unwrap_err();
        assert!(error.is_invalid_request());
        let mut fields: Vec<&str> = error
            .violations()
            .iter()
            .map(|found| found.field.as_str())
            .collect();
        fields.sort_unstable();
        assert_eq!(
            fields,
            [
                "amount",
                "description",
                "payment_method_data.card.cvc",
                "payment_method_data.card.exp_year",
                "payment_method_data.card.holder_name",
                "payment_method_data.card.number",
                "return_url",
            ]
        );
        assert!(stage.sandbox.requests().is_empty());
        assert!(!format!("{error} {error:?}").contains("4111"));
    }
}

#[tokio::test]
async fn what_a_dialect_cannot_say_is_refused_by_name() {
    let stage = Stage::new(Dialect::SnakeCase).await;
    let error = stage
        .create()
        .merchant_reference("ord_1234")
        .await
        .unwrap_err();
    assert_eq!(error.violations()[0].field, "merchant_reference");
    assert!(error.to_string().contains("snake_case"), "{error}");
    let error = stage
        .flowlix
        .refunds()
        .create(&stage.charged().await.id)
        .amount(1)
        .await
        .unwrap_err();
    assert_eq!(error.violations()[0].field, "reason");

    let stage = Stage::new(Dialect::Uppercase).await;
    let dollars = stage
        .flowlix
        .payments()
        .create_direct(Money::usd(1), card(VISA));
    let error = dollars.await.unwrap_err();
    assert_eq!(error.violations()[0].field, "currency");
    let mut billing = BillingDetailsInput::default();
    billing.ip = Some("192.0.2.1".into());
    let error = stage.create().billing_details(billing).await.unwrap_err();
    assert_eq!(error.violations()[0].field, "billing_details.ip");
    assert!(stage.sandbox.requests().is_empty());
}

#[tokio::test]
async fn passing_trouble_does_not_end_a_wait() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let payment = stage.create().await.unwrap();
        for fault in [Fault::status(503), Fault::LoseAnswer, Fault::Garbage] {
            stage
                .sandbox
                .inject_at(Operation::RetrievePayment, fault, 5);
        }
        let settled = stage.flowlix.payments().wait(&payment.id).await.unwrap();
        assert!(matches!(settled, Settled::Succeeded(_)));
    }
}

#[tokio::test]
async fn a_wait_comes_back_no_sooner_than_flowlix_asks() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let payment = stage.create().await.unwrap();
        let later = Fault::status_retry_after(429, "61");
        stage
            .sandbox
            .inject_at(Operation::RetrievePayment, later, 1);
        let settled = stage.flowlix.payments().wait(&payment.id).await.unwrap();
        assert!(matches!(settled, Settled::Succeeded(_)));
        assert_eq!(stage.time.delays()[1], Duration::from_secs(61));
    }
}

#[tokio::test]
async fn what_waiting_cannot_mend_ends_a_wait_at_once() {
    for dialect in DIALECTS {
        for (status, kind) in [
            (400, ErrorKind::Rejected),
            (401, ErrorKind::Authentication),
            (403, ErrorKind::Authentication),
            (404, ErrorKind::NotFound),
        ] {
            let stage = Stage::new(dialect).await;
            let payment = stage.create().await.unwrap();
            stage
                .sandbox
                .inject_at(Operation::RetrievePayment, Fault::status(status), 1);
            let error = stage
                .flowlix
                .payments()
                .wait(&payment.id)
                .await
                .unwrap_err();
            assert_eq!(error.kind(), kind);
            assert_eq!(error.wait_progress().unwrap().polls, 1);
        }
        let stage = Stage::new(dialect).await;
        let payment = stage.create().await.unwrap();
        let unsendable = stage.flowlix.payments().wait(&payment.id);
        let error = unsendable.header("Host", "x").await.unwrap_err();
        assert!(error.is_invalid_request(), "{error}");
        assert_eq!(error.wait_progress().unwrap().polls, 1);
        assert!(error.may_have_taken_effect(), "the payment goes on");
    }
}

#[tokio::test]
async fn a_wait_looks_once_more_before_its_deadline_and_tells_how_far_it_came() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let payment = stage.create().await.unwrap();
        let unknown = serde_json::json!({ "status": "settling" });
        stage
            .sandbox
            .inject_at(Operation::RetrievePayment, Fault::patch(unknown), 9999);
        let error = stage
            .flowlix
            .payments()
            .wait(&payment.id)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WaitTimeout);
        assert!(error.is_timeout() && error.is_retryable());
        assert!(error.may_have_taken_effect(), "the payment goes on");
        let progress = error.wait_progress().unwrap();
        assert_eq!(
            progress.last_payment.as_ref().unwrap().status.as_str(),
            "settling"
        );
        assert_eq!(progress.deadline, Duration::from_secs(120));
        assert_eq!(
            progress.elapsed,
            Duration::from_secs(118),
            "the last look is kept time for"
        );
        assert!((24..=60).contains(&progress.polls), "{}", progress.polls);
        assert_eq!(progress.failed_polls, 0);
        let delays = stage.time.delays();
        let (_, paced) = delays.split_last().unwrap();
        assert!(
            paced.iter().all(|pause| (2..=5).contains(&pause.as_secs())),
            "{delays:?}"
        );
        let text = error.to_string();
        assert!(
            text.contains("still settling") && text.contains(payment.id.as_str()),
            "{text}"
        );

        stage.sandbox.clear_faults();
        let settled = stage.flowlix.payments().wait(&payment.id).await.unwrap();
        assert!(
            matches!(settled, Settled::Succeeded(_)),
            "a wait can be begun again"
        );
    }
}

#[tokio::test]
async fn a_wait_without_any_answer_ends_at_its_deadline_with_the_cause() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let payment = stage.create().await.unwrap();
        stage
            .sandbox
            .inject_at(Operation::RetrievePayment, Fault::status(503), 9999);
        let wait = stage
            .flowlix
            .payments()
            .wait(&payment.id)
            .deadline(Duration::from_secs(30));
        let error = wait.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WaitTimeout);
        let progress = error.wait_progress().unwrap();
        assert!(progress.last_payment.is_none() && progress.failed_polls == progress.polls);
        assert!(progress.elapsed <= Duration::from_secs(30));
        let source = std::error::Error::source(&error).unwrap();
        assert!(source.to_string().contains("503"), "{source}");
        // What Flowlix's support asks for is the last answer that there was.
        let last: &Error = source.downcast_ref().unwrap();
        assert!(error.request_id().is_some() && error.request_id() == last.request_id());
    }
}

#[tokio::test]
async fn one_look_that_stalls_cannot_outlast_the_wait() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let payment = stage.create().await.unwrap();
        stage
            .sandbox
            .inject_at(Operation::RetrievePayment, Fault::StallAnswer, 1);
        let wait = stage
            .flowlix
            .payments()
            .wait(&payment.id)
            .deadline(Duration::from_secs(10));
        let waiting = tokio::spawn(wait.send());
        stage.sandbox.wait_for_stalled(1).await;
        // Two seconds passed before the look, so eight are left; one attempt could take twenty.
        stage.time.advance(Duration::from_secs(8));
        // Real time only so that a look without bounds fails this test instead of hanging it.
        let ended = tokio::time::timeout(Duration::from_secs(10), waiting).await;
        let error = ended.unwrap().unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WaitTimeout);
        assert_eq!(
            error.wait_progress().unwrap().elapsed,
            Duration::from_secs(10)
        );
    }
}

#[tokio::test]
async fn a_payment_that_was_refunded_in_full_says_so() {
    let stage = Stage::new(Dialect::SnakeCase).await;
    let payment = stage.charged().await;
    stage
        .flowlix
        .refunds()
        .create(&payment.id)
        .reason("late")
        .await
        .unwrap();
    stage.sandbox.settle();
    let settled = stage.flowlix.payments().wait(&payment.id).await.unwrap();
    assert!(matches!(settled, Settled::Refunded(_)), "{settled:?}");
    assert!(settled.payment().is_final());
}

#[tokio::test]
async fn unknown_values_and_both_spellings_are_read() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let patch = serde_json::json!({
            "brand_new_field": { "deep": [1, 2, 3] },
            "decline_code": "brand_new_code", "failure_code": "brand_new_code",
        });
        stage.sandbox.inject(Fault::patch(patch));
        let payment = stage.create().await.unwrap();
        assert_eq!(
            payment.decline_code.as_ref().unwrap().as_str(),
            "brand_new_code"
        );
        assert!(payment.decline().is_none(), "it has not failed");
        let francs = serde_json::json!({ "currency": "CHF" });
        stage.sandbox.inject(Fault::patch(francs));
        let read = stage.flowlix.payments().retrieve(&payment.id);
        assert_eq!(read.await.unwrap().money().to_string(), "CHF 49.99");
    }
}

#[tokio::test]
async fn nothing_that_is_sent_or_shown_gives_a_secret_away() {
    for dialect in DIALECTS {
        let sandbox = Sandbox::start().await.unwrap();
        let key = sandbox.key(dialect);
        let secret = key.rsplit_once("_sk_").unwrap().1.to_owned();
        let stage = Stage::on(sandbox, dialect, |builder| builder);
        let create = stage.create();
        let shown = format!(
            "{:?} {create:?} {:?} {:?} {:?}",
            stage.flowlix,
            stage.flowlix.payments(),
            stage.flowlix.refunds(),
            card(VISA)
        );
        let reply = create.await.unwrap();
        let wait = stage.flowlix.payments().wait(&reply.id);
        let shown = format!("{shown} {wait:?} {reply:?}");
        let shown = format!("{shown} {:?}", wait.await.unwrap());
        assert!(!shown.contains(&secret), "{secret} in {shown}");
        // A security code is looked for as a word: its digits may stand in the sandbox's port.
        assert_eq!(common::secrets::leak(&shown), None, "{shown}");
        for request in stage.sandbox.requests() {
            assert_eq!(request.header("api-version"), None);
            assert!(
                request
                    .header("user-agent")
                    .unwrap()
                    .starts_with("flowlix-rust/")
            );
        }
    }
}
