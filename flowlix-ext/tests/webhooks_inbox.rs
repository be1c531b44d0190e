//! A shop that receives webhooks on two machines: sockets, the axum extractor, an inbox, a shared store. Whatever
//! repeats, overlaps or crashes, each event is handled once, or the handler is told that it may have been.
#![cfg(feature = "axum")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRef, State};
use axum::http::StatusCode;
use axum::routing::post;
use common::Stage;
use common::journal::restarted_with;
use flowlix_ext::model::WebhookEventType;
use flowlix_ext::testing::ManualTime;
use flowlix_ext::webhooks::testing::{TestDelivery, TestEvent};
use flowlix_ext::webhooks::{
    Claimed, Completion, EventStore, InMemoryEvents, Inbox, Received, VerifiedEvent, WebhookSecret,
    WebhookVerifier,
};
use flowlix_ext::{Flowlix, PaymentExt};
use flowlix_sandbox::Dialect;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};

const LEASE: Duration = Duration::from_secs(60);

fn secret() -> WebhookSecret {
    WebhookSecret::parse("whsec_abc123def456").unwrap()
}

/// What both machines of the shop share apart from the store: the clock, and what a test looks at.
#[derive(Clone)]
struct Shop {
    time: ManualTime,
    /// The event that its handler is not to finish before the test lets it.
    slow: Arc<Mutex<Option<String>>>,
    started: mpsc::UnboundedSender<String>,
    go_on: Arc<Semaphore>,
    books: Arc<Mutex<Vec<Entry>>>,
}

/// An effect that must happen once.
#[derive(Debug, Clone, PartialEq)]
struct Entry {
    event: String,
    machine: &'static str,
    was_abandoned: bool,
    completion: Completion,
    /// How the payment stood when the handler asked.
    is_final: bool,
}

impl Shop {
    fn new(stage: &Stage) -> (Self, mpsc::UnboundedReceiver<String>) {
        let (started, starts) = mpsc::unbounded_channel();
        let shop = Self {
            time: stage.time.clone(),
            slow: Arc::default(),
            started,
            go_on: Arc::new(Semaphore::new(0)),
            books: Arc::default(),
        };
        (shop, starts)
    }

    fn verifier(&self) -> WebhookVerifier {
        WebhookVerifier::new(secret()).runtime(self.time.clone())
    }

    fn inbox(&self, store: impl EventStore + 'static) -> Inbox {
        Inbox::new(self.verifier(), store).lease(LEASE)
    }

    fn entries(&self, event: &str) -> Vec<Entry> {
        let books = self.books.lock().unwrap();
        let of_event = books.iter().filter(|entry| entry.event == event);
        of_event.cloned().collect()
    }
}

/// One machine: a runtime of its own, which takes connections and handlers with it when it dies.
struct Machine {
    runtime: Option<tokio::runtime::Runtime>,
    address: SocketAddr,
}

#[derive(Clone)]
struct App {
    shop: Shop,
    machine: &'static str,
    inbox: Inbox,
    flowlix: Flowlix,
}

impl App {
    async fn handle(&self, claimed: Claimed) -> StatusCode {
        let event = claimed.event().id().to_string();
        let slow = &self.shop.slow;
        let is_slow = slow.lock().unwrap().take_if(|slow| *slow == event);
        if is_slow.is_some() {
            self.shop.started.send(event.clone()).unwrap();
            self.shop.go_on.acquire().await.unwrap().forget();
        }
        let object = claimed.event().object().unwrap();
        let payment = object.retrieve(&self.flowlix).unwrap().await.unwrap();
        let completion = claimed.complete().await.unwrap();
        self.shop.books.lock().unwrap().push(Entry {
            event,
            machine: self.machine,
            was_abandoned: claimed.was_abandoned(),
            completion,
            is_final: payment.is_final(),
        });
        StatusCode::OK
    }
}

impl FromRef<App> for WebhookVerifier {
    fn from_ref(app: &App) -> Self {
        app.shop.verifier()
    }
}

async fn receive(State(app): State<App>, VerifiedEvent(event): VerifiedEvent) -> StatusCode {
    match app.inbox.admit(event).await {
        Ok(Received::New(claimed)) => app.handle(claimed).await,
        Ok(Received::Duplicate(_)) => StatusCode::OK,
        Ok(Received::InProgress { .. }) => StatusCode::SERVICE_UNAVAILABLE,
        Err(error) => panic!("{error}: {:?}", std::error::Error::source(&error)),
    }
}

impl Machine {
    async fn start<S, F>(stage: &Stage, shop: &Shop, machine: &'static str, open: F) -> Self
    where
        S: EventStore + 'static,
        F: Future<Output = S> + Send + 'static,
    {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let shop = shop.clone();
        let flowlix = restarted_with(stage, |builder| builder);
        let starting = runtime.spawn(async move {
            let inbox = shop.inbox(open.await);
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let app = App {
                shop,
                machine,
                inbox,
                flowlix,
            };
            let router = Router::new()
                .route("/webhooks/flowlix", post(receive))
                .with_state(app);
            tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
            address
        });
        let address = starting.await.unwrap();
        Self {
            runtime: Some(runtime),
            address,
        }
    }

    /// The answer, or `None` when the connection broke before one came.
    fn post(&self, delivery: &TestDelivery) -> impl Future<Output = Option<u16>> + Send + use<> {
        send(self.address, delivery.clone(), usize::MAX)
    }
}

impl Drop for Machine {
    /// A crash: everything that it was doing stops where it stands.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Sends a delivery, or its first bytes only, the way Flowlix does: over a connection of its own.
async fn send(address: SocketAddr, delivery: TestDelivery, length: usize) -> Option<u16> {
    let request = delivery.request("/webhooks/flowlix").unwrap();
    let mut bytes = format!(
        "POST {} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\nContent-Length: {}\r\n",
        request.uri(),
        request.body().len()
    )
    .into_bytes();
    for (name, value) in request.headers() {
        bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    bytes.extend([b"\r\n", request.body().as_ref()].concat());
    bytes.truncate(bytes.len().min(length));

    let mut connection = TcpStream::connect(address).await.ok()?;
    connection.write_all(&bytes).await.ok()?;
    if length < usize::MAX {
        connection.shutdown().await.ok()?;
    }
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).await.ok()?;
    let answer = String::from_utf8(answer).unwrap();
    let status = answer.strip_prefix("HTTP/1.1 ")?.get(..3)?;
    Some(status.parse().unwrap())
}

/// The events of a sandbox in which everything happened that has an event.
async fn events(stage: &Stage) -> Vec<(String, String)> {
    let create = |number: &str, order: &str| {
        let key = flowlix_ext::IdempotencyKey::custom(order).unwrap();
        stage.create_with(number).idempotency_key(key)
    };
    let paid = create(common::VISA, "paid").await.unwrap();
    create(common::DECLINED, "failed").await.unwrap();
    let canceled = create(common::VISA, "canceled").await.unwrap();
    stage.sandbox.cancel(canceled.id.as_str()).unwrap();
    let expired = create(common::THREE_D_SECURE, "expired").await.unwrap();
    stage.sandbox.settle();
    stage.sandbox.expire(expired.id.as_str()).unwrap();
    let refund = |amount: i64| stage.flowlix.refunds().create(&paid.id).amount(amount);
    let lost = refund(1_00).await.unwrap().refund.clone().unwrap();
    stage.sandbox.fail_refund(lost.id.as_str()).unwrap();
    refund(2_00).await.unwrap();
    stage.sandbox.settle();

    let posted = stage.sandbox.events();
    let posted = posted.iter().map(|event| {
        let id = event.body()["id"].as_str().unwrap().to_owned();
        (id, event.body().to_string())
    });
    posted.collect()
}

/// Runs the whole story on a store; `open` gives one machine's handle of it.
async fn each_event_is_handled_once<S, F>(open: impl Fn() -> F)
where
    S: EventStore + 'static,
    F: Future<Output = S> + Send + 'static,
{
    let stage = Stage::new(Dialect::Uppercase).await;
    let events = events(&stage).await;
    assert_eq!(events.len(), 6);
    let (shop, mut starts) = Shop::new(&stage);
    let mut one = Machine::start(&stage, &shop, "one", open()).await;
    let two = Machine::start(&stage, &shop, "two", open()).await;

    storm(&shop, &events, &one, &two).await;
    overlap(&shop, &mut starts, &stage, &one, &two).await;
    slow(&shop, &mut starts, &stage, &one, &two).await;
    one = crash(&shop, &mut starts, &stage, one, &two, open()).await;
    refusals(&shop, &stage, &one).await;
    prune(&shop, &events, &one, open()).await;
}

/// An event of its own for each chapter of the story, about a payment that exists.
async fn event(stage: &Stage, id: &str) -> TestEvent {
    let mut payments = stage.flowlix.payments().list().items();
    let payment = payments.next().await.unwrap().unwrap().unwrap();
    TestEvent::payment(id, WebhookEventType::PaymentSucceeded, &payment).unwrap()
}

/// Everything arrives four times at once, in the wrong order, and again until it is taken.
async fn storm(shop: &Shop, events: &[(String, String)], one: &Machine, two: &Machine) {
    let deliver = |(_, body): &(String, String)| {
        // Each delivery has a signature of its own.
        shop.time.advance(Duration::from_millis(700));
        TestDelivery::new(&secret(), shop.time.now(), body.clone())
    };
    let mut posts = Vec::new();
    for _ in 0..2 {
        for event in events.iter().rev() {
            posts.push(tokio::spawn(one.post(&deliver(event))));
            posts.push(tokio::spawn(two.post(&deliver(event))));
        }
    }
    for post in posts {
        let status = post.await.unwrap();
        assert!(matches!(status, Some(200 | 503)), "{status:?}");
    }
    for (event, machine) in events.iter().zip([one, two].into_iter().cycle()) {
        assert_eq!(machine.post(&deliver(event)).await, Some(200));
        let entries = shop.entries(&event.0);
        assert_eq!(entries.len(), 1, "{entries:?}");
        assert!(!entries[0].was_abandoned && entries[0].is_final);
        assert_eq!(entries[0].completion, Completion::InTime);
    }
}

/// While one machine is at it, the other says that it is not done yet.
async fn overlap(
    shop: &Shop,
    starts: &mut mpsc::UnboundedReceiver<String>,
    stage: &Stage,
    one: &Machine,
    two: &Machine,
) {
    let event = event(stage, "evt_overlap").await;
    let deliver = || event.deliver(&secret(), shop.time.now());
    *shop.slow.lock().unwrap() = Some("evt_overlap".to_owned());
    let first = tokio::spawn(one.post(&deliver()));
    assert_eq!(starts.recv().await.unwrap(), "evt_overlap");
    assert_eq!(two.post(&deliver()).await, Some(503));
    assert_eq!(one.post(&deliver()).await, Some(503));
    shop.go_on.add_permits(1);
    assert_eq!(first.await.unwrap(), Some(200));
    assert_eq!(two.post(&deliver()).await, Some(200));
    let entries = shop.entries("evt_overlap");
    assert_eq!(entries.len(), 1, "{entries:?}");
    assert_eq!(entries[0].machine, "one");
}

/// A handler that is slower than its lease: the other one is told, and so is the slow one.
async fn slow(
    shop: &Shop,
    starts: &mut mpsc::UnboundedReceiver<String>,
    stage: &Stage,
    one: &Machine,
    two: &Machine,
) {
    let event = event(stage, "evt_slow").await;
    let deliver = || event.deliver(&secret(), shop.time.now());
    *shop.slow.lock().unwrap() = Some("evt_slow".to_owned());
    let slow = tokio::spawn(two.post(&deliver()));
    starts.recv().await.unwrap();
    shop.time.advance(LEASE);
    assert_eq!(one.post(&deliver()).await, Some(200));
    shop.go_on.add_permits(1);
    assert_eq!(slow.await.unwrap(), Some(200));
    let told: Vec<_> = shop
        .entries("evt_slow")
        .into_iter()
        .map(|entry| (entry.machine, entry.was_abandoned, entry.completion))
        .collect();
    assert_eq!(
        told,
        [
            ("one", true, Completion::InTime),
            ("two", false, Completion::LeaseLost)
        ]
    );
    assert_eq!(two.post(&deliver()).await, Some(200));
    assert_eq!(shop.entries("evt_slow").len(), 2);
}

/// A machine dies between claim and completion.
async fn crash<S, F>(
    shop: &Shop,
    starts: &mut mpsc::UnboundedReceiver<String>,
    stage: &Stage,
    one: Machine,
    two: &Machine,
    open: F,
) -> Machine
where
    S: EventStore + 'static,
    F: Future<Output = S> + Send + 'static,
{
    let event = event(stage, "evt_crash").await;
    let deliver = || event.deliver(&secret(), shop.time.now());
    *shop.slow.lock().unwrap() = Some("evt_crash".to_owned());
    let lost = tokio::spawn(one.post(&deliver()));
    starts.recv().await.unwrap();
    drop(one);
    assert_eq!(lost.await.unwrap(), None);

    // Nobody knows how far it came: while the lease runs, the event is nobody's.
    assert_eq!(two.post(&deliver()).await, Some(503));
    shop.time.advance(LEASE - Duration::from_nanos(1));
    assert_eq!(two.post(&deliver()).await, Some(503));
    shop.time.advance(Duration::from_nanos(1));
    assert_eq!(two.post(&deliver()).await, Some(200));
    let entries = shop.entries("evt_crash");
    assert_eq!(entries.len(), 1, "{entries:?}");
    assert!(entries[0].was_abandoned && entries[0].machine == "two");

    let restarted = Machine::start(stage, shop, "one", open).await;
    assert_eq!(restarted.post(&deliver()).await, Some(200));
    assert_eq!(shop.entries("evt_crash").len(), 1);
    restarted
}

/// What is not genuine, or not whole, claims nothing.
async fn refusals(shop: &Shop, stage: &Stage, one: &Machine) {
    let event = event(stage, "evt_refused").await;
    let good = event.deliver(&secret(), shop.time.now());
    let forger = WebhookSecret::parse("whsec_guessed").unwrap();
    let hour = Duration::from_secs(3600);
    for (delivery, status) in [
        (event.deliver(&forger, shop.time.now()), 400),
        (event.deliver(&secret(), shop.time.now() - hour), 400),
        (event.deliver(&secret(), shop.time.now() + hour), 400),
        (good.clone().with_body("{}"), 400),
        (good.clone().without_signature(), 400),
        (good.clone().with_signature("t=1,t=1"), 400),
        (TestDelivery::new(&secret(), shop.time.now(), "[]"), 422),
        (
            TestDelivery::new(&secret(), shop.time.now(), vec![b' '; 2 << 20]),
            413,
        ),
    ] {
        let answer = one.post(&delivery).await;
        // A connection that is closed on a body too large may break before the answer is read.
        assert!(
            answer == Some(status) || (status == 413 && answer.is_none()),
            "{answer:?} instead of {status}"
        );
    }
    let head = 200 + good.signature().unwrap().len();
    for length in [10, head, head + good.body().len() / 2] {
        let answer = send(one.address, good.clone(), length).await;
        assert!(!matches!(answer, Some(200..=299)), "{answer:?}");
    }
    assert_eq!(shop.entries("evt_refused"), []);
    assert_eq!(one.post(&good).await, Some(200));
    assert_eq!(shop.entries("evt_refused").len(), 1);
}

/// What was done long ago is forgotten when asked, and then new again; what was abandoned stays.
async fn prune<S, F>(shop: &Shop, events: &[(String, String)], one: &Machine, open: F)
where
    S: EventStore + 'static,
    F: Future<Output = S> + Send + 'static,
{
    let inbox = shop.inbox(open.await);
    let abandoned = TestEvent::sample("evt_abandoned", WebhookEventType::PaymentFailed);
    let deliver = || abandoned.deliver(&secret(), shop.time.now());
    let claimed = inbox.receive(deliver().body(), deliver().signature()).await;
    assert!(matches!(claimed, Ok(Received::New(_))));
    drop(claimed);

    let day = Duration::from_secs(24 * 60 * 60);
    shop.time.advance(day);
    assert_eq!(inbox.prune(2 * day).await.unwrap(), 0);
    let done = shop.books.lock().unwrap().len() - 1; // evt_slow has two entries
    assert_eq!(inbox.prune(day / 2).await.unwrap(), done as u64);

    let (id, body) = &events[0];
    let again = TestDelivery::new(&secret(), shop.time.now(), body.clone());
    assert_eq!(one.post(&again).await, Some(200));
    let entries = shop.entries(id);
    assert_eq!(entries.len(), 2);
    assert!(!entries[1].was_abandoned);
    let taken = inbox.receive(deliver().body(), deliver().signature()).await;
    let Ok(Received::New(taken)) = taken else {
        panic!("{taken:?}");
    };
    assert!(taken.was_abandoned());
}

#[tokio::test]
async fn in_memory_each_event_is_handled_once() {
    // Of the process that both machines are; it does not die.
    let store = Arc::new(InMemoryEvents::default());
    each_event_is_handled_once(|| std::future::ready(store.clone())).await;
}

#[cfg(feature = "journal-sqlite")]
#[tokio::test]
async fn in_sqlite_each_event_is_handled_once() {
    use flowlix_ext::journal::SqliteJournal;
    let folder = common::databases::Folder::new("inbox");
    let file = folder.file();
    each_event_is_handled_once(|| {
        let file = file.clone();
        async move { SqliteJournal::open(file).unwrap() }
    })
    .await;
}

#[cfg(feature = "journal-postgres")]
#[tokio::test]
async fn in_postgres_each_event_is_handled_once() {
    use flowlix_ext::journal::PostgresJournal;
    use flowlix_ext::journal::tokio_postgres::NoTls;
    let Some(schema) = common::databases::Schema::new("inbox").await else {
        return;
    };
    each_event_is_handled_once(|| {
        let config = schema.config();
        async move { PostgresJournal::connect(config, NoTls).await.unwrap() }
    })
    .await;
    schema.close().await;
}
