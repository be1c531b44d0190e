//! What the tests share: a sandbox, a client on a driven clock, a card.
#![allow(
    dead_code,
    unused_imports,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

pub(crate) mod databases;
pub(crate) mod intents;
pub(crate) mod journal;
pub(crate) mod processes;
pub(crate) mod secrets;
pub(crate) mod watch;

use std::pin::pin;
use std::sync::Arc;

use flowlix_ext::testing::ManualTime;
use flowlix_ext::{CardDetails, Flowlix, FlowlixBuilder, IdempotencyKey, Money};
use flowlix_sandbox::{Dialect, RecordedRequest, Sandbox};

pub(crate) use secrets::{CVC, DECLINED, THREE_D_SECURE, VISA};

pub(crate) const DIALECTS: [Dialect; 2] = [Dialect::SnakeCase, Dialect::Uppercase];

/// One dialect's stage.
pub(crate) struct Stage {
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) time: ManualTime,
    pub(crate) flowlix: Flowlix,
    pub(crate) dialect: Dialect,
}

impl Stage {
    pub(crate) async fn new(dialect: Dialect) -> Self {
        Self::with(dialect, |builder| builder).await
    }

    pub(crate) async fn with(
        dialect: Dialect,
        set: impl FnOnce(FlowlixBuilder) -> FlowlixBuilder,
    ) -> Self {
        Self::on(Sandbox::start().await.unwrap(), dialect, set)
    }

    pub(crate) fn on(
        sandbox: Sandbox,
        dialect: Dialect,
        set: impl FnOnce(FlowlixBuilder) -> FlowlixBuilder,
    ) -> Self {
        watch::everything();
        let time = ManualTime::automatic();
        let builder = Flowlix::builder(sandbox.key(dialect))
            .base_url(sandbox.base_url())
            .runtime(time.clone());
        let flowlix = set(builder).build().unwrap();
        Self {
            sandbox: Arc::new(sandbox),
            time,
            flowlix,
            dialect,
        }
    }

    /// Time goes by, for the client and for Flowlix.
    pub(crate) fn pass(&self, time: std::time::Duration) {
        self.time.advance(time);
        self.sandbox.clock().advance(time);
    }

    pub(crate) fn create(&self) -> flowlix_ext::payments::CreateDirect {
        self.create_with(VISA)
    }

    pub(crate) fn create_with(&self, number: &str) -> flowlix_ext::payments::CreateDirect {
        self.flowlix
            .payments()
            .create_direct(Money::eur(49_99), card(number))
            .return_url("https://shop.example.com/3ds")
            .idempotency_key(IdempotencyKey::custom("order-1234-payment").unwrap())
    }

    /// A payment that was charged.
    pub(crate) async fn charged(&self) -> flowlix_ext::model::Payment {
        let payment = self.create().await.unwrap();
        match self.flowlix.payments().wait(&payment.id).await.unwrap() {
            flowlix_ext::Settled::Succeeded(payment) => payment,
            other => panic!("not charged: {other:?}"),
        }
    }

    /// The writes that arrived.
    pub(crate) fn posts(&self) -> Vec<RecordedRequest> {
        let requests = self.sandbox.requests().into_iter();
        requests
            .filter(|request| request.method() == "POST")
            .collect()
    }

    /// Every write that arrived carried the same key and the same bytes.
    pub(crate) fn assert_posts_identical(&self, count: usize) {
        let posts = self.posts();
        assert_eq!(posts.len(), count, "{posts:?}");
        for post in &posts {
            assert_eq!(
                post.header("idempotency-key"),
                posts[0].header("idempotency-key")
            );
            assert!(post.header("idempotency-key").is_some());
            assert!(post.raw_body_with_secrets() == posts[0].raw_body_with_secrets());
        }
    }

    /// Works until one request has arrived and stalls, and gives the work up there.
    pub(crate) async fn give_up_when_stalled(&self, work: impl Future<Output: std::fmt::Debug>) {
        let (mut work, mut stalled) = (pin!(work), pin!(self.sandbox.wait_for_stalled(1)));
        std::future::poll_fn(|context| {
            assert!(work.as_mut().poll(context).is_pending());
            stalled.as_mut().poll(context)
        })
        .await;
    }

    /// How many payments exist, and how often a card is charged once all is processed.
    pub(crate) fn payments_and_charges(&self) -> (usize, usize) {
        self.sandbox.settle();
        let ledger = self.sandbox.ledger();
        (ledger.payments().len(), ledger.charges())
    }
}

/// A name that no other process has. It spells the process's id in letters, because the digits could be those of a
/// secret.
pub(crate) fn own_name(name: &str) -> String {
    let id: String = std::process::id()
        .to_string()
        .bytes()
        .map(|digit| char::from(digit - b'0' + b'a'))
        .collect();
    format!("flowlix_{id}_{name}")
}

/// An address at which nobody listens, for as long as the socket is held: a port that was given back may be somebody
/// else's by then.
pub(crate) fn nobody() -> (tokio::net::TcpSocket, String) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = format!("http://{}", socket.local_addr().unwrap());
    (socket, address)
}

pub(crate) fn card(number: &str) -> CardDetails {
    CardDetails::new(number, 12, 2027, CVC, "Jenny Rosen")
}
