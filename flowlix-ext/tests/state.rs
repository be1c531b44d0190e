//! The state machine at work: what cannot be is reported, in both dialects.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;
#[path = "common/trace.rs"]
mod trace;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{DIALECTS, Stage};
use flowlix_ext::model::{Payment, PaymentStatus};
use flowlix_ext::payments::WaitHandle;
use flowlix_ext::payments::state::{allows, is_final};
use flowlix_ext::{ErrorKind, PaymentExt, Settled};
use flowlix_sandbox::{Dialect, Fault, Operation, Sandbox};
use trace::Recorder;
use tracing::Level;

/// The reports about one payment.
fn reports_about(recorder: &Recorder, payment: &str) -> Vec<String> {
    let told = recorder.ours().into_iter();
    let warned = told.filter(|told| told.level == Level::WARN);
    let texts = warned.map(|told| format!("{:?}", told.fields));
    texts
        .filter(|text| text.contains(payment) && text.contains("documents rule out"))
        .collect()
}

/// A seed of its own for each test: the payments' ids tell whose report is whose.
async fn stage(dialect: Dialect, seed: u64) -> Stage {
    let sandbox = Sandbox::builder().seed(seed).start().await.unwrap();
    Stage::on(sandbox, dialect, |builder| builder)
}

/// The looks at a payment whose refund never ends, while its status goes back and forth.
fn flickering() -> Fault {
    let looks = AtomicUsize::new(0);
    Fault::alter(move |body| {
        let look = looks.fetch_add(1, Ordering::SeqCst);
        let status = ["succeeded", "pending"][look % 2];
        body["status"] = status.into();
        body["refunds"][0]["status"] = "pending".into();
    })
}

#[tokio::test]
async fn an_impossible_jump_is_reported_once_and_does_not_end_the_wait() {
    let (recorder, _listening) = Recorder::listen();
    for dialect in DIALECTS {
        let stage = stage(dialect, 1).await;
        let payment = stage.charged().await;
        let created = stage.flowlix.refunds().create(&payment.id).reason("late");
        let refund = created.await.unwrap().refund.clone().unwrap();
        stage
            .sandbox
            .inject_at(Operation::RetrievePayment, flickering(), 9999);
        let error = stage
            .flowlix
            .refunds()
            .wait(&payment.id, &refund.id)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WaitTimeout);
        let progress = error.wait_progress().unwrap();
        assert!(progress.polls > 4);
        let [jump] = progress.impossible_jumps.as_slice() else {
            panic!("{:?}", progress.impossible_jumps);
        };
        assert_eq!(
            (&jump.from, &jump.to),
            (&PaymentStatus::Succeeded, &PaymentStatus::Pending)
        );
        let reports = reports_about(&recorder, payment.id.as_str());
        assert_eq!(reports.len(), 1, "{reports:?}");
        assert!(reports[0].contains("SUCCEEDED") && reports[0].contains("PENDING"));
    }
}

#[tokio::test]
async fn a_jump_over_a_restart_is_reported() {
    let (recorder, _listening) = Recorder::listen();
    for dialect in DIALECTS {
        let stage = stage(dialect, 2).await;
        let payment = stage.create().await.unwrap();
        let stored = serde_json::json!({
            "version": 1, "payment_id": payment.id, "started_at": 1_719_792_000, "deadline": 120,
            "last_status": "FAILED",
        });
        let handle = WaitHandle::from_json(&stored.to_string()).unwrap();
        let mut watch = stage.flowlix.payments().resume(handle).watch();
        while watch.next().await.unwrap().is_some() {}
        let jump = &watch.progress().impossible_jumps[0];
        assert_eq!(jump.from, PaymentStatus::Failed);
        assert!(!reports_about(&recorder, payment.id.as_str()).is_empty());
        // What Flowlix says now is believed.
        assert!(matches!(
            watch.settled().await.unwrap(),
            Settled::Succeeded(_)
        ));
    }
}

#[tokio::test]
async fn what_the_documents_allow_is_not_reported() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let payment = stage.create().await.unwrap();
        let looks = AtomicUsize::new(0);
        let wander = Fault::alter(move |body| {
            let path = ["processing", "requires_attention", "pending", "refunded"];
            let look = looks.fetch_add(1, Ordering::SeqCst);
            body["status"] = path[look.min(path.len() - 1)].into();
        });
        stage
            .sandbox
            .inject_at(Operation::RetrievePayment, wander, 9999);
        let mut watch = stage.flowlix.payments().watch(&payment.id);
        let mut seen: Vec<Payment> = Vec::new();
        while let Some(payment) = watch.next().await.unwrap() {
            seen.push(payment);
        }
        assert_eq!(seen.len(), 4);
        for two in seen.windows(2) {
            assert!(allows(&two[0].status, &two[1].status));
        }
        assert!(watch.progress().impossible_jumps.is_empty());
        assert_eq!(watch.progress().last_status, Some(PaymentStatus::Refunded));
        for payment in seen {
            assert_eq!(payment.is_final(), is_final(&payment.status));
        }
    }
}

#[tokio::test]
async fn a_refund_in_full_is_a_step_that_the_documents_know() {
    let stage = Stage::new(Dialect::SnakeCase).await;
    let payment = stage.charged().await;
    let mut handle = serde_json::to_value(stage.flowlix.payments().wait(&payment.id).handle());
    handle.as_mut().unwrap()["last_status"] = "SUCCEEDED".into();
    stage
        .flowlix
        .refunds()
        .create(&payment.id)
        .reason("late")
        .await
        .unwrap();
    stage.sandbox.settle();
    let handle: WaitHandle = serde_json::from_value(handle.unwrap()).unwrap();
    let resumed = stage.flowlix.payments().resume(handle);
    let mut watch = resumed.deadline(Duration::from_secs(10)).watch();
    assert_eq!(
        watch.next().await.unwrap().unwrap().status,
        PaymentStatus::Refunded
    );
    assert!(watch.progress().impossible_jumps.is_empty());
}
