//! What happens while the worker sleeps: arrivals, ends, webhooks, and the requests of others.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use flowlix_ext::call::rate::RateLimit;
use flowlix_ext::intents::store::MemoryStore;
use flowlix_ext::intents::{IntentStatus, Intents};
use flowlix_ext::runtime::Runtime;
use flowlix_ext::testing::ManualTime;
use flowlix_ext::webhooks::Event;
use flowlix_ext::{CardDetails, Flowlix, Money};
use flowlix_sandbox::{Dialect, Sandbox};
use tokio::sync::{Mutex, Notify};

use super::clocks::ShopTime;
use super::figures::Figures;
use super::{
    ARRIVALS, Lifetimes, Load, OTHERS, Random, SharedWorld, intents, seconds, whole_millis,
};

const VISA: &str = "4111111111111111";
const THREE_D_SECURE: &str = "4635440000002223";
const RETURN_URL: &str = "https://shop.example.com/back";
/// Payments of others that ended longer ago are not made: no request of the worker shows them.
const FOREIGN_BEFORE: Duration = Duration::from_secs(60);
/// From the terminal status to the webhook's arrival.
const WEBHOOK: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Deed {
    Arrival,
    /// Of another program of the merchant, with another API key.
    Foreign,
    /// Of another client with the same API key.
    Other,
    Do(Payment, Vec<Act>),
    Webhook(Payment),
    Measure,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Payment {
    id: String,
    reference: String,
}

/// One thing that happens to a payment. The last one of a payment ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Act {
    /// Since the one before.
    after: Duration,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Step,
    Approve,
    Complete,
    Expire,
}

/// How a customer pays.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Card(&'static str),
    Hosted,
}

pub(crate) struct World {
    load: Load,
    sandbox: Sandbox,
    time: ManualTime,
    shop: Intents,
    before: Intents,
    other: Flowlix,
    foreign: Vec<Flowlix>,
    deeds: BinaryHeap<Reverse<(Duration, u64, Deed)>>,
    number: u64,
    random: Random,
    open: usize,
    /// When the worker starts.
    start: Duration,
    is_populating: bool,
    figures: Figures,
    over: Arc<Notify>,
}

impl World {
    pub(crate) fn new(
        load: Load,
        sandbox: Sandbox,
        time: ManualTime,
        shop: Intents,
        store: MemoryStore,
        figures: Figures,
    ) -> SharedWorld {
        // Clients that nobody paces; each API key has a window of its own.
        let client = |key: &str| {
            let builder = Flowlix::builder(key).base_url(sandbox.base_url());
            let builder = builder.rate_limit(RateLimit::off()).max_attempts(1);
            // Nobody moves the clock while a deed is done.
            let clock = ShopTime::new(time.clone(), figures.clone());
            builder.runtime(clock).build().unwrap()
        };
        let rotated = |number| client(&sandbox.rotated_key(load.dialect, number));
        let longest = match load.lifetimes {
            Lifetimes::Fixed => load.lifetime(),
            Lifetimes::Spread => 2.0 * load.lifetime(),
        };
        Arc::new(Mutex::new(Self {
            before: intents(rotated(1), store),
            foreign: vec![rotated(2), rotated(3)],
            other: client(sandbox.key(load.dialect)),
            load,
            sandbox,
            time,
            shop,
            deeds: BinaryHeap::new(),
            number: 0,
            random: Random(load.seed),
            open: 0,
            start: seconds(longest.max(900.0) + 1.0),
            is_populating: true,
            figures,
            over: Arc::default(),
        }))
    }

    pub(crate) fn base_url(&self) -> String {
        self.sandbox.base_url()
    }

    pub(crate) fn over(&self) -> Arc<Notify> {
        self.over.clone()
    }

    fn at(&mut self, at: Duration, deed: Deed) {
        self.number += 1;
        self.deeds.push(Reverse((at, self.number, deed)));
    }

    /// Makes what is open when the worker starts, with the ages that it has then.
    pub(crate) async fn populate(&mut self) {
        let foreign = self.start.saturating_sub(FOREIGN_BEFORE);
        self.at(Duration::ZERO, Deed::Arrival);
        if self.load.has_foreign {
            self.at(foreign, Deed::Foreign);
        }
        self.go_on_to(self.start).await;
        self.is_populating = false;
        self.at(self.start, Deed::Other);
        self.at(self.start + self.load.warm_up, Deed::Measure);
    }

    /// Time goes by.
    pub(crate) async fn pass(&mut self, by: Duration) {
        // Handlers that can run do so before the clock moves.
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        let to = self.time.monotonic() + whole_millis(by);
        self.go_on_to(to).await;
        let end = self.start + self.load.warm_up + self.load.measured;
        if to >= end {
            self.figures.finish(self.load.measured);
            self.over.notify_one();
        }
    }

    async fn go_on_to(&mut self, to: Duration) {
        while let Some(Reverse((at, _, _))) = self.deeds.peek()
            && *at <= to
        {
            let Some(Reverse((at, _, deed))) = self.deeds.pop() else {
                return;
            };
            self.move_clock(at);
            self.happens(deed).await;
        }
        self.move_clock(to);
    }

    fn move_clock(&mut self, to: Duration) {
        let by = to.saturating_sub(self.time.monotonic());
        self.time.advance(by);
        self.figures.at(self.time.monotonic(), self.open);
    }

    async fn happens(&mut self, deed: Deed) {
        let now = self.time.monotonic();
        match deed {
            Deed::Arrival => {
                let next = now + self.random.gap(ARRIVALS);
                self.at(next, Deed::Arrival);
                self.arrival(now).await;
            }
            Deed::Foreign => {
                let gap = self.random.gap(self.load.foreign());
                self.at(now + gap, Deed::Foreign);
                self.foreign_payment().await;
            }
            Deed::Other => {
                let next = now + self.random.gap(OTHERS);
                self.at(next, Deed::Other);
                let page = self.other.payments().list().limit(1).page();
                if page.await.is_err() {
                    self.figures.other_429();
                }
            }
            Deed::Do(payment, acts) => self.act(now, payment, acts),
            Deed::Webhook(payment) => self.webhook(&payment).await,
            Deed::Measure => self.figures.begin(),
        }
    }

    /// A customer comes, and the shop creates a payment.
    async fn arrival(&mut self, now: Duration) {
        let (how, acts) = self.life();
        let ends = acts.iter().map(|act| act.after).sum::<Duration>();
        if self.is_populating && now + ends <= self.start {
            return;
        }
        let reference = format!("order-{}", self.number);
        let intents = if self.is_populating {
            &self.before
        } else {
            &self.shop
        };
        let intent = intents.intent(&reference, Money::eur(49_99));
        let status = match how {
            How::Hosted => intent.pay_hosted(RETURN_URL).await,
            How::Card(number) => {
                let pay = intent.pay(card(number)).return_url(RETURN_URL);
                pay.within(Duration::ZERO).await
            }
        };
        let id = match status {
            Ok(IntentStatus::ActionRequired(action)) => action.payment_id().cloned(),
            Ok(IntentStatus::Processing(processing)) => processing.payment_id().cloned(),
            Err(_) if !self.is_populating => return self.figures.refused_create(),
            other => panic!("{other:?}"),
        };
        let id = id.unwrap().as_str().to_owned();
        self.figures.created();
        self.open += 1;
        let first = acts[0].after;
        self.at(now + first, Deed::Do(Payment { id, reference }, acts));
    }

    /// Half end within 10 s; a tenth wait about 10 minutes for their customer; the rest expire.
    fn life(&mut self) -> (How, Vec<Act>) {
        let kind = self.random.unit();
        let act = |after: f64, what| Act {
            after: seconds(after),
            what,
        };
        if kind < 0.5 {
            let half = self.random.between(0.5, 5.0);
            let acts = self.steps(half);
            return (How::Card(VISA), acts);
        }
        if kind < 0.6 {
            let wait = self.random.between(300.0, 900.0);
            let mut end = self.steps(0.5);
            if self.random.unit() < 0.5 {
                end.insert(0, act(wait, What::Complete));
                return (How::Hosted, end);
            }
            // Approved in uppercase, a payment is being processed; in snake_case it is pending.
            let acts = vec![
                act(1.0, What::Step),
                act(wait, What::Approve),
                act(0.5, What::Step),
            ];
            return (How::Card(THREE_D_SECURE), acts);
        }
        let mean = self.load.lifetime();
        let lifetime = match self.load.lifetimes {
            Lifetimes::Fixed => mean,
            Lifetimes::Spread => self.random.between(0.0, 2.0 * mean),
        };
        (How::Hosted, vec![act(lifetime, What::Expire)])
    }

    /// The steps of a card payment that nobody has to confirm.
    fn steps(&self, half: f64) -> Vec<Act> {
        let step = |after| Act {
            after: seconds(after),
            what: What::Step,
        };
        match self.load.dialect {
            Dialect::SnakeCase => vec![step(2.0 * half)],
            Dialect::Uppercase => vec![step(half), step(half)],
        }
    }

    fn act(&mut self, now: Duration, payment: Payment, mut acts: Vec<Act>) {
        let id = &payment.id;
        match acts.remove(0).what {
            What::Step => self.sandbox.step(id),
            What::Approve => self.sandbox.approve(id),
            What::Complete => self.sandbox.complete_hosted(id, VISA),
            What::Expire => self.sandbox.expire(id),
        }
        .unwrap();
        if let Some(next) = acts.first() {
            let at = now + next.after;
            self.at(at, Deed::Do(payment, acts));
            return;
        }
        self.open -= 1;
        self.figures.ended(&payment.reference, now);
        // The sandbox has webhooks in uppercase alone.
        if self.load.dialect == Dialect::Uppercase && self.random.unit() < 0.1 {
            self.at(now + WEBHOOK, Deed::Webhook(payment));
        }
    }

    async fn webhook(&mut self, payment: &Payment) {
        let mut events = self.sandbox.events().into_iter();
        let event = events.find(|event| event.body()["data"]["payment"]["id"] == *payment.id);
        let body = event.unwrap().body().to_string();
        let event = Event::from_verified_body(body.as_bytes()).unwrap();
        self.shop.receive(&event).await.unwrap();
    }

    /// A payment that is no concern of the worker's, and ends at once.
    async fn foreign_payment(&mut self) {
        let client = &self.foreign[usize::from(self.random.unit() < 0.5)];
        let create = client
            .payments()
            .create_direct(Money::eur(10_00), card(VISA));
        let payment = create.await.unwrap();
        self.sandbox.cancel(payment.id.as_str()).unwrap();
    }
}

fn card(number: &str) -> CardDetails {
    CardDetails::new(number, 12, 2030, "314", "Jenny Rosen")
}
