use std::time::Duration;

use flowlix_sandbox::{
    DEFAULT_START, Delivery, DeliveryFault, DeliveryOutcome, Dialect, Event, Progress, Sandbox,
    SandboxError,
};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::net::TcpListener;

use crate::client::{CHALLENGED, Client, GOOD, direct, hosted};
use crate::endpoint::{Arrived, Endpoint, accept, answer, in_time};

const DECLINED: &str = "4000000000000002";

/// The header that a delivery of this body has at this moment.
pub(crate) fn signature(secret: &str, unix_seconds: i64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(unix_seconds.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    let digest = mac.finalize().into_bytes();
    let hex: Vec<String> = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={unix_seconds},v1={}", hex.concat())
}

fn assert_genuine(sandbox: &Sandbox, arrived: &Arrived) {
    let expected = signature(
        sandbox.webhook_secret(),
        sandbox.clock().now(),
        &arrived.body,
    );
    assert_eq!(arrived.header("flowlix-signature"), Some(expected.as_str()));
}

fn outcomes(deliveries: &[Delivery]) -> Vec<&DeliveryOutcome> {
    deliveries.iter().map(Delivery::outcome).collect()
}

fn ids(events: &[Event]) -> Vec<&str> {
    events.iter().map(Event::id).collect()
}

/// A sandbox with one event of each of these types, oldest first.
async fn with_events() -> Sandbox {
    let sandbox = Sandbox::start().await.unwrap();
    let client = Client::new(&sandbox, Dialect::Uppercase);
    client.succeeded().await;
    let failed = client.create(DECLINED).await;
    client.poll(&failed).await;
    let canceled = client.create(GOOD).await;
    sandbox.cancel(&canceled).unwrap();
    sandbox
}

const KINDS: [&str; 3] = ["payment.succeeded", "payment.failed", "payment.canceled"];

/// Every documented event comes with the change that it tells, no sooner, and once.
#[tokio::test]
async fn each_documented_event_is_posted_with_the_object_that_a_read_shows() {
    let sandbox = Sandbox::start().await.unwrap();
    let endpoint = Endpoint::start().await;
    let client = Client::new(&sandbox, Dialect::Uppercase);
    let expect = async |kind: &str, data: Value| {
        let deliveries = sandbox
            .webhooks()
            .deliver_pending(endpoint.url())
            .await
            .unwrap();
        assert_eq!(outcomes(&deliveries), [&DeliveryOutcome::Accepted(200)]);
        assert!(deliveries[0].is_accepted());
        assert_eq!(deliveries[0].kind(), kind);
        let [arrived] = &endpoint.arrived()[..] else {
            panic!("{kind}")
        };
        assert_eq!(arrived.request_line, "POST /hooks?shop=1 HTTP/1.1");
        assert_eq!(arrived.header("content-type"), Some("application/json"));
        let authority = endpoint.url().split('/').nth(2);
        assert_eq!(arrived.header("host"), authority);
        assert_genuine(&sandbox, arrived);
        let body = arrived.json();
        assert_eq!(
            body,
            json!({
                "id": deliveries[0].event_id(),
                "type": kind,
                "created_at": sandbox.clock().now(),
                "livemode": false,
                "data": data,
            })
        );
        let id = body["id"].as_str().unwrap();
        assert!(id.starts_with("evt_") && id.len() == 28, "{id}");
    };
    let nothing = async || {
        let deliveries = sandbox.webhooks().deliver_pending(endpoint.url()).await;
        assert_eq!(deliveries, Ok(vec![]));
        assert!(endpoint.arrived().is_empty());
    };
    let later = || sandbox.clock().advance(Duration::from_secs(7));

    let paid = client.create(GOOD).await;
    nothing().await;
    assert_eq!(client.payment(&paid).await["status"], "PROCESSING");
    nothing().await;
    later();
    let payment = client.payment(&paid).await;
    assert_eq!(payment["status"], "SUCCEEDED");
    expect("payment.succeeded", json!({ "payment": payment })).await;
    client.payment(&paid).await;
    nothing().await;

    later();
    let refund = client.refund(&paid, Some(999)).await.json();
    nothing().await;
    let payment = client.payment(&paid).await;
    assert_eq!(payment["refunds"][0]["id"], refund["id"]);
    expect(
        "refund.succeeded",
        json!({ "refund": payment["refunds"][0] }),
    )
    .await;

    later();
    let refund = client.refund(&paid, Some(1)).await.id();
    sandbox.fail_refund(&refund).unwrap();
    let payment = client.payment(&paid).await;
    assert_eq!(payment["refunds"][1]["status"], "FAILED");
    expect("refund.failed", json!({ "refund": payment["refunds"][1] })).await;

    later();
    let failed = client.create(DECLINED).await;
    let (_, payment) = client.poll(&failed).await;
    assert_eq!(payment["decline_code"], "do_not_honor");
    expect("payment.failed", json!({ "payment": payment })).await;

    later();
    let challenged = client.create(CHALLENGED).await;
    client.poll(&challenged).await;
    nothing().await;
    sandbox.expire(&challenged).unwrap();
    let payment = client.payment(&challenged).await;
    expect("payment.expired", json!({ "payment": payment })).await;

    later();
    let reply = client
        .post("/v1/payments/hpp", &hosted(Dialect::Uppercase))
        .await;
    sandbox.cancel(&reply.id()).unwrap();
    let payment = client.payment(&reply.id()).await;
    expect("payment.canceled", json!({ "payment": payment })).await;

    // The other dialect has no webhooks.
    let snake = Client::new(&sandbox, Dialect::SnakeCase);
    let paid = snake.succeeded().await;
    snake.refund(&paid, None).await;
    snake.poll(&paid).await;
    nothing().await;
    assert_eq!(sandbox.events().len(), 6);
    assert!(!sandbox.events().iter().any(Event::is_pending));
}

#[tokio::test]
async fn an_event_carries_the_moment_of_the_change_however_late_it_is_noticed() {
    let sandbox = Sandbox::builder()
        .progress(Progress::ByClock {
            step: Duration::from_secs(2),
        })
        .start()
        .await
        .unwrap();
    let client = Client::new(&sandbox, Dialect::Uppercase);
    let challenged = client.create(CHALLENGED).await;
    let paid = client.create(GOOD).await;
    sandbox.clock().advance(Duration::from_secs(5));
    client.refund(&paid, Some(1)).await;
    let failed = client.create(DECLINED).await;
    sandbox.clock().advance(Duration::from_secs(3600));

    let events = sandbox.events();
    let told: Vec<_> = events
        .iter()
        .map(|event| (event.kind(), event.created_at() - DEFAULT_START))
        .collect();
    assert_eq!(
        told,
        [
            ("payment.succeeded", 4),
            ("refund.succeeded", 7),
            ("payment.failed", 9),
            ("payment.expired", 902),
        ]
    );
    for (event, id, time) in [
        (0, &paid, "succeeded_at"),
        (2, &failed, "failed_at"),
        (3, &challenged, "expired_at"),
    ] {
        let body = events[event].body();
        let payment = &body["data"]["payment"];
        assert_eq!(payment["id"], json!(id));
        assert_eq!(body["created_at"], payment["status_transitions"][time]);
    }
    // The payment of the first event was refunded since; the event shows it as it was.
    assert_eq!(
        events[0].body()["data"]["payment"]["amount_refunded"],
        json!(0)
    );
    let refund = &events[1].body()["data"]["refund"];
    assert_eq!(refund["completed_at"], events[1].body()["created_at"]);
}

#[tokio::test]
async fn what_is_not_accepted_stays_pending_and_is_signed_anew_next_time() {
    let sandbox = with_events().await;
    let webhooks = sandbox.webhooks();
    let endpoint = Endpoint::start().await;
    endpoint.answers([Some(500), None, Some(302)]);
    let deliveries = webhooks.deliver_pending(endpoint.url()).await.unwrap();
    assert!(
        matches!(
            outcomes(&deliveries)[..],
            [
                DeliveryOutcome::Refused(500),
                DeliveryOutcome::NoAnswer { .. },
                DeliveryOutcome::Refused(302)
            ]
        ),
        "{deliveries:?}"
    );
    assert!(!deliveries.iter().any(Delivery::is_accepted));
    let first = endpoint.arrived();
    assert_eq!(ids(&webhooks.pending()), ids(&sandbox.events()));

    sandbox.clock().advance(Duration::from_secs(3600));
    endpoint.answers([Some(204), Some(404), Some(299)]);
    let deliveries = webhooks.deliver_pending(endpoint.url()).await.unwrap();
    assert_eq!(
        outcomes(&deliveries),
        [
            &DeliveryOutcome::Accepted(204),
            &DeliveryOutcome::Refused(404),
            &DeliveryOutcome::Accepted(299)
        ]
    );
    let second = endpoint.arrived();
    for (first, second) in first.iter().zip(&second) {
        assert_eq!(first.body, second.body);
        assert_ne!(
            first.header("flowlix-signature"),
            second.header("flowlix-signature")
        );
        assert_genuine(&sandbox, second);
    }
    let pending = sandbox.webhooks().pending();
    assert_eq!(ids(&pending), [sandbox.events()[1].id()]);

    webhooks.deliver_pending(endpoint.url()).await.unwrap();
    assert_eq!(endpoint.kinds(), ["payment.failed"]);
    assert!(webhooks.pending().is_empty());
}

#[tokio::test]
async fn nobody_at_the_address_is_told_and_loses_nothing() {
    let sandbox = with_events().await;
    // Bound, so that nobody else gets the port, and not listening.
    let nobody = tokio::net::TcpSocket::new_v4().unwrap();
    nobody.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}/", nobody.local_addr().unwrap());
    let deliveries = sandbox.webhooks().deliver_pending(&url).await.unwrap();
    assert_eq!(deliveries.len(), 3);
    for delivery in &deliveries {
        let DeliveryOutcome::Unreachable { reason } = delivery.outcome() else {
            panic!("{delivery}")
        };
        assert!(delivery.to_string().contains(reason));
    }
    assert_eq!(sandbox.webhooks().pending().len(), 3);

    // The service is back, elsewhere.
    let endpoint = Endpoint::start().await;
    let deliveries = sandbox.webhooks().deliver_pending(endpoint.url()).await;
    assert!(deliveries.unwrap().iter().all(Delivery::is_accepted));
    assert_eq!(endpoint.kinds(), KINDS);
}

#[tokio::test]
async fn events_are_delivered_twice_or_in_another_order_as_they_are_given() {
    let sandbox = with_events().await;
    let webhooks = sandbox.webhooks();
    let endpoint = Endpoint::start().await;
    let events = sandbox.events();

    let backwards = webhooks.deliver(events.iter().rev(), endpoint.url()).await;
    let delivered: Vec<String> = backwards
        .unwrap()
        .iter()
        .map(|delivery| delivery.event_id().to_owned())
        .collect();
    assert_eq!(delivered, [events[2].id(), events[1].id(), events[0].id()]);
    assert_eq!(
        endpoint.kinds(),
        ["payment.canceled", "payment.failed", "payment.succeeded"]
    );
    assert!(webhooks.pending().is_empty());

    let twice = [&events[1], &events[1]];
    webhooks.deliver(twice, endpoint.url()).await.unwrap();
    let [first, second] = &endpoint.arrived()[..] else {
        panic!()
    };
    assert_eq!(first.body, second.body);
    assert_genuine(&sandbox, first);
    assert_genuine(&sandbox, second);
}

#[tokio::test]
async fn two_workers_can_get_one_event_at_once() {
    let sandbox = with_events().await;
    let webhooks = sandbox.webhooks();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let event = &sandbox.events()[0];
    let both_there = async {
        let mut first = accept(&listener).await;
        let mut second = accept(&listener).await;
        let bodies = [
            Arrived::read(&mut first).await.body,
            Arrived::read(&mut second).await.body,
        ];
        answer(&mut first, 200).await;
        answer(&mut second, 503).await;
        bodies
    };
    let (first, second, bodies) = in_time(async {
        tokio::join!(
            webhooks.deliver([event], &url),
            webhooks.deliver([event], &url),
            both_there
        )
    })
    .await;
    assert_eq!(bodies[0], bodies[1]);
    let mut accepted = [first, second].map(|deliveries| deliveries.unwrap()[0].is_accepted());
    accepted.sort_unstable();
    assert_eq!(accepted, [false, true]);
    assert!(!sandbox.events()[0].is_pending());
}

#[tokio::test]
async fn events_that_come_about_meanwhile_wait_for_the_next_call() {
    let sandbox = with_events().await;
    let client = Client::new(&sandbox, Dialect::Uppercase);
    let body = direct(Dialect::Uppercase, GOOD);
    let open = client
        .post_with_key("/v1/payments", "open", &body)
        .await
        .id();
    let webhooks = sandbox.webhooks();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let other = Endpoint::start().await;
    let service = async {
        let mut stream = accept(&listener).await;
        Arrived::read(&mut stream).await;
        sandbox.cancel(&open).unwrap();
        // Somebody else delivers the second event while the first waits for its answer.
        let second = &sandbox.events()[1];
        webhooks.deliver([second], other.url()).await.unwrap();
        answer(&mut stream, 200).await;
        let mut stream = accept(&listener).await;
        let third = Arrived::read(&mut stream).await;
        answer(&mut stream, 200).await;
        third.kind()
    };
    let both = async { tokio::join!(webhooks.deliver_pending(&url), service) };
    let (deliveries, third) = in_time(both).await;
    assert_eq!(third, "payment.canceled");
    let deliveries = deliveries.unwrap();
    let delivered: Vec<&str> = deliveries.iter().map(Delivery::event_id).collect();
    let events = sandbox.events();
    assert_eq!(delivered, [events[0].id(), events[2].id()]);
    assert_eq!(ids(&webhooks.pending()), [events[3].id()]);
}

#[tokio::test]
async fn a_call_that_is_given_up_leaves_the_event_pending() {
    let sandbox = with_events().await;
    let webhooks = sandbox.webhooks();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let arrived = tokio::select! {
        deliveries = webhooks.deliver_pending(&url) => panic!("{deliveries:?}"),
        arrived = async {
            let mut stream = accept(&listener).await;
            Arrived::read(&mut stream).await
        } => arrived,
    };
    assert_eq!(arrived.kind(), KINDS[0]);
    assert_eq!(webhooks.pending().len(), 3);
}

#[tokio::test]
async fn lost_and_delayed_events_are_not_posted() {
    let sandbox = with_events().await;
    let webhooks = sandbox.webhooks();
    let endpoint = Endpoint::start().await;
    webhooks.inject(DeliveryFault::Delay);
    webhooks.inject(DeliveryFault::Lose);
    let deliveries = webhooks.deliver_pending(endpoint.url()).await.unwrap();
    assert_eq!(
        outcomes(&deliveries),
        [
            &DeliveryOutcome::Delayed,
            &DeliveryOutcome::Lost,
            &DeliveryOutcome::Accepted(200)
        ]
    );
    assert_eq!(endpoint.kinds(), ["payment.canceled"]);
    // Overtaken, it comes later; the lost one never does.
    webhooks.deliver_pending(endpoint.url()).await.unwrap();
    assert_eq!(endpoint.kinds(), ["payment.succeeded"]);
    assert!(webhooks.pending().is_empty());
}

#[tokio::test]
async fn an_answer_that_is_lost_brings_the_event_again() {
    let sandbox = with_events().await;
    let webhooks = sandbox.webhooks();
    let endpoint = Endpoint::start().await;
    endpoint.answers([Some(200), Some(500)]);
    webhooks.inject_at("payment.succeeded", DeliveryFault::LoseAnswer, 1);
    webhooks.inject_at("payment.failed", DeliveryFault::LoseAnswer, 1);
    let deliveries = webhooks.deliver_pending(endpoint.url()).await.unwrap();
    assert!(matches!(
        outcomes(&deliveries)[..],
        [
            DeliveryOutcome::NoAnswer { .. },
            DeliveryOutcome::Refused(500),
            DeliveryOutcome::Accepted(200)
        ]
    ));
    let first = endpoint.arrived();
    assert_eq!(first.len(), 3);
    webhooks.deliver_pending(endpoint.url()).await.unwrap();
    let second = endpoint.arrived();
    assert_eq!(second.len(), 2);
    assert_eq!(first[0].body, second[0].body);
}

#[tokio::test]
async fn forgeries_and_replays_arrive_as_scripted_and_never_count() {
    let sandbox = with_events().await;
    let webhooks = sandbox.webhooks();
    let endpoint = Endpoint::start().await;
    let now = sandbox.clock().now();
    let event = sandbox.events()[0].clone();
    let whole = event.body().to_string().into_bytes();
    let mut richer = event.body().clone();
    richer["data"]["payment"]["amount"] = json!(1_000_000);
    let richer = richer.to_string().into_bytes();
    let genuine = signature(sandbox.webhook_secret(), now, &whole);
    let old = signature(sandbox.webhook_secret(), now - 301, &whole);

    for (fault, header, body) in [
        (DeliveryFault::Unsigned, None, &whole),
        (
            DeliveryFault::Signature("t=,v1".to_owned()),
            Some("t=,v1".to_owned()),
            &whole,
        ),
        (DeliveryFault::SignedAt(now - 301), Some(old), &whole),
        (
            DeliveryFault::patch(json!({ "data": { "payment": { "amount": 1_000_000 } } })),
            Some(genuine.clone()),
            &richer,
        ),
        (
            DeliveryFault::alter(|body| body["data"]["payment"]["amount"] = json!(1_000_000)),
            Some(genuine.clone()),
            &richer,
        ),
    ] {
        let name = format!("{fault:?}");
        webhooks.inject(fault);
        let deliveries = webhooks.deliver([&event], endpoint.url()).await.unwrap();
        // An endpoint that falls for it does not thereby have the event.
        assert_eq!(
            outcomes(&deliveries),
            [&DeliveryOutcome::Accepted(200)],
            "{name}"
        );
        assert!(sandbox.events()[0].is_pending(), "{name}");
        let [arrived] = &endpoint.arrived()[..] else {
            panic!("{name}")
        };
        assert_eq!(
            arrived.header("flowlix-signature"),
            header.as_deref(),
            "{name}"
        );
        assert_eq!(&arrived.body, body, "{name}");
    }

    webhooks.inject(DeliveryFault::WrongSecret);
    webhooks.deliver([&event], endpoint.url()).await.unwrap();
    let [arrived] = &endpoint.arrived()[..] else {
        panic!()
    };
    let forged = arrived.header("flowlix-signature").unwrap();
    let (time, mac) = forged.split_once(",v1=").unwrap();
    assert_eq!(time, format!("t={now}"));
    assert!(mac.len() == 64 && mac.chars().all(|c| c.is_ascii_hexdigit()));
    assert_ne!(forged, genuine);
    assert!(sandbox.events()[0].is_pending());

    // What cannot be a header is not posted.
    webhooks.inject(DeliveryFault::Signature("t=1\r\nv1=2".to_owned()));
    let deliveries = webhooks.deliver([&event], endpoint.url()).await.unwrap();
    assert!(matches!(
        deliveries[0].outcome(),
        DeliveryOutcome::Unreachable { .. }
    ));
    assert!(endpoint.arrived().is_empty());

    webhooks.deliver_pending(endpoint.url()).await.unwrap();
    assert_eq!(
        endpoint.arrived()[0].header("flowlix-signature"),
        Some(genuine.as_str())
    );
    assert!(webhooks.pending().is_empty());
}

#[tokio::test]
async fn delivery_faults_hit_what_they_are_meant_for_in_order() {
    let sandbox = with_events().await;
    let webhooks = sandbox.webhooks();
    let endpoint = Endpoint::start().await;
    webhooks.inject_at("payment.canceled", DeliveryFault::Delay, 2);
    webhooks.inject_at("payment.succeeded", DeliveryFault::Lose, 0);
    webhooks.inject(DeliveryFault::Pass);
    webhooks.inject(DeliveryFault::Delay);
    assert_eq!(webhooks.pending_faults(), 4);
    // A fault for a request to the API is another matter.
    assert_eq!(sandbox.pending_faults(), 0);

    webhooks.deliver_pending(endpoint.url()).await.unwrap();
    assert_eq!(endpoint.kinds(), ["payment.succeeded"]);
    assert_eq!(sandbox.webhooks().pending_faults(), 1);
    webhooks.deliver_pending(endpoint.url()).await.unwrap();
    assert_eq!(endpoint.kinds(), ["payment.failed"]);
    assert_eq!(webhooks.pending_faults(), 0);

    webhooks.inject(DeliveryFault::Lose);
    webhooks.clear_faults();
    webhooks.deliver_pending(endpoint.url()).await.unwrap();
    assert_eq!(endpoint.kinds(), ["payment.canceled"]);
}

#[tokio::test]
async fn what_cannot_be_delivered_at_all_is_an_error_before_anything_is_posted() {
    let sandbox = with_events().await;
    let other = Sandbox::builder().seed(1).start().await.unwrap();
    let endpoint = Endpoint::start().await;
    let url = endpoint.url().replace("http:", "https:");
    let refused = SandboxError::NotAnEndpoint { url: url.clone() };
    let webhooks = sandbox.webhooks();
    assert_eq!(webhooks.deliver_pending(&url).await, Err(refused.clone()));
    assert_eq!(webhooks.deliver([], &url).await, Err(refused.clone()));
    assert!(refused.to_string().contains(&url));

    let client = Client::new(&other, Dialect::Uppercase);
    client.succeeded().await;
    let (ours, theirs) = (sandbox.events(), other.events());
    let both = [&ours[0], &theirs[0]];
    let id = theirs[0].id().to_owned();
    assert_eq!(
        webhooks.deliver(both, endpoint.url()).await,
        Err(SandboxError::NotFound { id })
    );
    assert!(endpoint.arrived().is_empty());
    assert_eq!(webhooks.pending().len(), 3);
}
