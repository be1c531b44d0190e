//! The blocking client, in both dialects.
#![cfg(feature = "blocking")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{DIALECTS, VISA, card};
use flowlix_ext::blocking::Flowlix;
use flowlix_ext::model::PaymentStatus;
use flowlix_ext::payments::HostedReturn;
use flowlix_ext::refunds::RefundSettled;
use flowlix_ext::testing::ManualTime;
use flowlix_ext::{ErrorKind, IdempotencyKey, Money, Settled};
use flowlix_sandbox::{Dialect, Fault, Operation, Sandbox};
use tokio::runtime::Runtime;

/// A sandbox on a runtime of its own, and a client that knows nothing of that.
fn stage(dialect: Dialect) -> (Runtime, Sandbox, Flowlix) {
    common::watch::everything();
    let runtime = Runtime::new().unwrap();
    let sandbox = runtime.block_on(Sandbox::start()).unwrap();
    let builder = flowlix_ext::Flowlix::builder(sandbox.key(dialect))
        .base_url(sandbox.base_url())
        .runtime(ManualTime::automatic());
    (runtime, sandbox, Flowlix::build(builder).unwrap())
}

#[test]
fn a_payment_is_taken_and_refunded() {
    for dialect in DIALECTS {
        let (_runtime, sandbox, flowlix) = stage(dialect);
        assert_eq!(flowlix.client().dialect(), dialect_of(dialect));
        let key = IdempotencyKey::derive("payment", ["order-1234"]).unwrap();
        let create = || {
            let payments = flowlix.payments();
            let create = payments.create_direct(Money::eur(49_99), card(VISA));
            create.idempotency_key(key.clone())
        };
        sandbox.inject(Fault::LoseAnswer);
        let payment = flowlix.run(create()).unwrap();
        assert_eq!(payment.receipt().history().len(), 2);
        assert_eq!(flowlix.run(create().send()).unwrap().id, payment.id);

        let mut watch = flowlix.payments().watch(&payment.id);
        let mut looks = 0;
        while flowlix.run(watch.next()).unwrap().is_some() {
            looks += 1;
        }
        assert!(looks > 0);
        let settled = flowlix.run(watch.settled()).unwrap();
        assert!(matches!(settled, Settled::Succeeded(_)));

        let refund = flowlix.refunds().create(&payment.id).reason("late");
        let refund = flowlix.run(refund).unwrap().refund.clone().unwrap();
        let wait = flowlix.refunds().wait(&payment.id, &refund.id);
        let settled = flowlix.run(wait).unwrap();
        assert!(matches!(settled, RefundSettled::Succeeded(_)));
        let ledger = sandbox.ledger();
        assert_eq!((ledger.charges(), ledger.amount_refunded()), (1, 49_99));
    }
}

fn dialect_of(dialect: Dialect) -> flowlix_ext::Dialect {
    match dialect {
        Dialect::SnakeCase => flowlix_ext::Dialect::SnakeCase,
        Dialect::Uppercase => flowlix_ext::Dialect::Uppercase,
    }
}

#[test]
fn many_threads_share_one_client() {
    for dialect in DIALECTS {
        let (_runtime, sandbox, flowlix) = stage(dialect);
        let threads: Vec<_> = (0..8)
            .map(|number| {
                let flowlix = flowlix.clone();
                std::thread::spawn(move || {
                    let payments = flowlix.payments();
                    let create = payments.create_direct(Money::eur(100 + number), card(VISA));
                    let payment = flowlix.run(create).unwrap();
                    flowlix.run(flowlix.payments().wait(&payment.id)).unwrap()
                })
            })
            .collect();
        for thread in threads {
            assert!(matches!(thread.join().unwrap(), Settled::Succeeded(_)));
        }
        assert_eq!(sandbox.ledger().charges(), 8);
    }
}

#[test]
fn a_call_in_an_async_runtime_is_refused_and_nothing_is_sent() {
    for dialect in DIALECTS {
        let (runtime, sandbox, flowlix) = stage(dialect);
        let try_it = {
            let flowlix = flowlix.clone();
            move || {
                let payments = flowlix.payments();
                let create = payments.create_direct(Money::eur(49_99), card(VISA));
                let error = flowlix.run(create).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::BlockingInAsync);
                assert!(!error.may_have_taken_effect() && !error.is_retryable());
                assert!(
                    error.to_string().contains("use the async client"),
                    "{error}"
                );
            }
        };
        runtime.block_on(async { try_it() });
        let in_task = try_it.clone();
        runtime
            .block_on(runtime.spawn(async move { in_task() }))
            .unwrap();
        runtime
            .block_on(runtime.spawn_blocking(try_it.clone()))
            .unwrap();
        assert!(sandbox.requests().is_empty());

        // A client may be built anywhere, and its last clone dropped anywhere.
        runtime.block_on(async { Flowlix::new("fl_test_sk_abc123").unwrap() });
        drop(try_it);
        runtime.block_on(async move { drop(flowlix) });
    }
}

#[test]
fn an_error_is_the_async_clients_error() {
    for dialect in DIALECTS {
        let (_runtime, sandbox, flowlix) = stage(dialect);
        sandbox.inject(Fault::status(401));
        let id = "pay_a1b2c3d4e5f67890abcdef12".parse().unwrap();
        let error = flowlix.run(flowlix.payments().retrieve(&id)).unwrap_err();
        assert!(error.is_authentication(), "{error}");

        sandbox.inject(Fault::patch(serde_json::json!({ "amount": 1 })));
        let create = flowlix
            .payments()
            .create_direct(Money::eur(49_99), card(VISA));
        let error = flowlix.run(create).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AcceptedButMismatched, "{error}");
        assert!(error.may_have_taken_effect());
        assert_eq!(error.json_path(), Some("amount"));
        assert_eq!(sandbox.ledger().payments().len(), 1);
    }
    let error = Flowlix::new("sk_canary123").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(!format!("{error:?}").contains("canary"));
}

#[test]
fn streams_are_iterators() {
    for dialect in DIALECTS {
        let (runtime, sandbox, flowlix) = stage(dialect);
        let mut created = Vec::new();
        for amount in 1..=5 {
            let payments = flowlix.payments();
            let create = payments.create_direct(Money::eur(amount), card(VISA));
            created.insert(0, flowlix.run(create).unwrap().id.clone());
        }
        let list = || flowlix.payments().list().limit(2).max_attempts(1);
        let mut items = list().items();
        let listed: Vec<_> = flowlix
            .iter(&mut items)
            .map(|item| item.unwrap().unwrap().id)
            .collect();
        assert_eq!(listed, created);
        assert!(items.is_complete());
        let pages: Vec<_> = flowlix.iter(list().pages()).collect();
        let sizes = pages.iter().map(|page| page.as_ref().unwrap().items.len());
        assert_eq!(sizes.collect::<Vec<_>>(), [2, 2, 1]);

        // It ends after its first error, and the stream knows where it stood.
        sandbox.inject_at(Operation::ListPayments, Fault::Pass, 1);
        sandbox.inject_at(Operation::ListPayments, Fault::status(500), 1);
        let mut items = list().items();
        let results: Vec<_> = flowlix
            .iter(&mut items)
            .map(|item| item.is_ok())
            .take(9)
            .collect();
        assert_eq!(results, [true, true, false]);
        assert!(!items.is_complete());
        assert_eq!(items.cursor().position(), Some(&created[1]));

        let mut watch = flowlix.payments().watch(&created[0]);
        let last = flowlix.iter(&mut watch).last().unwrap().unwrap();
        assert_eq!(last.status, PaymentStatus::Succeeded);
        let settled = flowlix.run(watch.settled()).unwrap();
        assert!(matches!(settled, Settled::Succeeded(_)));

        let asked = sandbox.requests().len();
        let refused: Vec<_> =
            runtime.block_on(async { flowlix.iter(list().items()).take(9).collect() });
        let [Err(error)] = refused.as_slice() else {
            panic!("{refused:?}");
        };
        assert_eq!(error.kind(), ErrorKind::BlockingInAsync);
        assert_eq!(sandbox.requests().len(), asked);
    }
}

#[test]
fn every_operation_can_be_run() {
    for dialect in DIALECTS {
        let (_runtime, sandbox, flowlix) = stage(dialect);
        let back = "https://shop.example.com/back";
        let hosted = flowlix.payments().create_hosted(Money::eur(25_00), back);
        let hosted = flowlix.run(hosted).unwrap();
        sandbox.complete_hosted(hosted.id.as_str(), VISA).unwrap();
        let address = sandbox.return_address(hosted.id.as_str()).unwrap();
        let returned = HostedReturn::parse(&address.unwrap()).unwrap();
        let settled = flowlix.run(returned.confirm(flowlix.client())).unwrap();
        assert!(matches!(settled, Settled::Succeeded(_)));
        let page = flowlix.run(flowlix.payments().list().page()).unwrap();
        assert_eq!(page.items.len(), 1);
        let payment = flowlix
            .run(flowlix.payments().retrieve(&hosted.id))
            .unwrap();
        let refund = flowlix.refunds().of(&payment).amount(1).reason("late");
        assert!(flowlix.run(refund).unwrap().refund.is_some());
        let handle = flowlix.payments().wait(&payment.id).handle();
        let resumed = flowlix.run(flowlix.payments().resume(handle)).unwrap();
        assert_eq!(resumed.payment().id, payment.id);
        // Work that fails in a way of its own.
        let work = async { Err::<(), _>("its own way") };
        assert_eq!(flowlix.block_on(work).unwrap(), Err("its own way"));
    }
}

#[test]
fn what_was_begun_outlives_the_client_that_began_it() {
    for dialect in DIALECTS {
        let (_runtime, sandbox, flowlix) = stage(dialect);
        let payments = flowlix.payments();
        let create = payments.create_direct(Money::eur(49_99), card(VISA));
        flowlix.run(create).unwrap();
        let mut items = payments.list().limit(1).items();
        let another = {
            let (first, another) = (flowlix.clone(), flowlix.clone());
            drop((first, flowlix));
            another
        };
        assert_eq!(another.iter(&mut items).count(), 1);
        drop(another);
        assert_eq!(sandbox.ledger().payments().len(), 1);
        drop(items);
    }
}
