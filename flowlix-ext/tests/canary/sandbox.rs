//! The sandbox: its Debug stands in the test logs of users.

use std::time::Duration;

use flowlix_ext::Money;
use flowlix_ext::testing::ManualTime;
use flowlix_sandbox::{
    Answer, DeliveryFault, Dialect, Fault, Matcher, Operation, Progress, Sandbox,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::common::secrets::{AMEX, VISA};
use crate::shown::{Shown, show};
use crate::{builder, card};

/// What a sandbox keeps of the requests that it was sent.
pub(crate) async fn drive(shown: &mut Shown, dialect: Dialect) {
    let sandbox = Sandbox::start().await.unwrap();
    let flowlix = builder(&sandbox, dialect, &ManualTime::automatic());
    let flowlix = flowlix.build().unwrap();
    let create = flowlix
        .payments()
        .create_direct(Money::eur(49_99), card(AMEX));
    let payment = create.await.unwrap();
    sandbox.settle();
    let refund = flowlix.refunds().create(&payment.id).reason("late");
    refund.await.unwrap();
    let (ledger, requests) = (sandbox.ledger(), sandbox.requests());
    assert!(!requests.is_empty());
    let sandbox = &sandbox;
    show!(shown, sandbox, &ledger, &sandbox.clock());
    for payment in ledger.payments() {
        show!(shown, payment, &payment.kind, &payment.status);
    }
    for refund in ledger.refunds() {
        show!(shown, refund, &refund.status);
    }
    for request in &requests {
        show!(shown, request, &request.answer());
    }
    if dialect == Dialect::Uppercase {
        deliver(shown, sandbox).await;
    }
    let id = ledger.payments()[0].id.clone();
    show!(
        shown,
        &sandbox.approve(&id).unwrap_err(),
        &sandbox.approve("pay_none").unwrap_err()
    );
    show!(shown, &sandbox.complete_hosted(&id, VISA).unwrap_err());
}

/// Webhooks to an endpoint that takes one, refuses one and says nothing to one, and to nobody.
async fn deliver(shown: &mut Shown, sandbox: &Sandbox) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/webhooks", listener.local_addr().unwrap());
    let answering = tokio::spawn(async move {
        for answer in [
            "HTTP/1.1 204 No Content\r\n\r\n",
            "HTTP/1.1 500 No\r\n\r\n",
            "",
        ] {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 9999]).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let (webhooks, events) = (sandbox.webhooks(), sandbox.events());
    let event = events.first().unwrap();
    let mut deliveries = webhooks.deliver([event, event, event], &url).await.unwrap();
    answering.await.unwrap();
    let (_nobody, url) = crate::common::nobody();
    deliveries.extend(webhooks.deliver([event], &url).await.unwrap());
    show!(shown, &webhooks, event);
    for delivery in &deliveries {
        show!(shown, delivery, delivery.outcome());
    }
    show!(
        shown,
        &webhooks.deliver_pending("nowhere").await.unwrap_err()
    );
}

/// What a test scripts.
pub(crate) fn script(shown: &mut Shown) {
    let fault = Fault::patch(serde_json::json!({ "status": "new" }));
    let Fault::Alter(alteration) = &fault else {
        panic!("{fault:?}");
    };
    let status = Fault::status(503);
    let Fault::Answer(reply) = &status else {
        panic!("{status:?}");
    };
    show!(
        shown,
        &fault,
        alteration,
        &status,
        reply,
        &Fault::status(503).after_commit()
    );
    show!(
        shown,
        &Matcher::any(),
        &Operation::ListPayments,
        &Dialect::Uppercase
    );
    show!(shown, &Answer::Cut(200), &Answer::Status(200));
    let step = Duration::from_secs(1);
    show!(
        shown,
        &Progress::ByReads { reads_per_step: 1 },
        &Progress::ByClock { step }
    );
    show!(shown, &Sandbox::builder());
    for fault in [
        DeliveryFault::patch(serde_json::json!({})),
        DeliveryFault::Signature("t=1".to_owned()),
        DeliveryFault::SignedAt(1),
        DeliveryFault::WrongSecret,
    ] {
        show!(shown, &fault);
    }
}
