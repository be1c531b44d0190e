//! One idempotency key for one payment attempt: a card that was declined at once does not free the order for another.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use common::journal::restarted_with;
use common::{DECLINED, DIALECTS, Stage, VISA, card};
use flowlix_ext::journal::{MemoryJournal, Truth};
use flowlix_ext::{
    Error, ErrorKind, Flowlix, FlowlixBuilder, IdempotencyKey, InvalidIdempotencyKey, Money,
    Settled,
};
use flowlix_sandbox::{Dialect, Fault, Operation};

const ANOTHER: &str = "5555555555554444";

/// README's `key()`.
fn key(
    order: &str,
    attempt: u32,
    stored: Option<(String, SystemTime)>,
) -> Result<IdempotencyKey, InvalidIdempotencyKey> {
    match stored {
        Some((text, since)) => IdempotencyKey::restored(text, since),
        None => IdempotencyKey::derive("payment", [order, &attempt.to_string()]),
    }
}

/// README's rule: what starts the next attempt.
fn ends_attempt(result: &Result<Settled, Error>) -> bool {
    matches!(
        result,
        Ok(Settled::Failed(_) | Settled::Expired(_) | Settled::Canceled(_))
    )
}

/// A shop that does as README says, with two workers.
struct Shop {
    stage: Stage,
    second_worker: Flowlix,
    attempt: u32,
    stored: Option<(String, SystemTime)>,
    /// README's advice for a client with a journal: the bare key, whatever the row has.
    sends_bare_keys: bool,
}

impl Shop {
    async fn open(dialect: Dialect, has_journal: bool, sends_bare_keys: bool) -> Self {
        let journal = Arc::new(MemoryJournal::new());
        let set = |builder: FlowlixBuilder| match has_journal {
            true => builder.journal(journal.clone()),
            false => builder,
        };
        let stage = Stage::with(dialect, set).await;
        Self {
            second_worker: restarted_with(&stage, set),
            stage,
            attempt: 1,
            stored: None,
            sends_bare_keys,
        }
    }

    /// The key that a worker takes for the order: the first one stores the key before it uses the key.
    fn key(&mut self) -> IdempotencyKey {
        let now = self.stage.time.now();
        let stored = self.stored.clone().filter(|_| !self.sends_bare_keys);
        let key = key("order-1234", self.attempt, stored).unwrap();
        let row = || (key.as_str().to_owned(), now);
        self.stored.get_or_insert_with(row);
        key
    }

    /// README's `start` and `finish`, and what the shop makes of the result.
    async fn click(&mut self, number: &str) -> Result<Settled, Error> {
        let key = self.key();
        self.send(number, key).await
    }

    async fn send(&mut self, number: &str, key: IdempotencyKey) -> Result<Settled, Error> {
        let result = pay(&self.stage.flowlix, number, key).await;
        if ends_attempt(&result) {
            self.attempt += 1;
            self.stored = None;
        }
        result
    }

    fn inject(&self, fault: Fault) {
        let operation = Operation::CreateDirectPayment;
        self.stage.sandbox.inject_at(operation, fault, 1);
    }
}

async fn pay(flowlix: &Flowlix, number: &str, key: IdempotencyKey) -> Result<Settled, Error> {
    let payments = flowlix.payments();
    let create = payments.create_direct(Money::eur(49_99), card(number));
    let create = create.return_url("https://shop.example.com/3ds");
    let payment = create.idempotency_key(key).max_attempts(1).await?;
    payments.wait(&payment.id).await
}

/// The card is declined at once.
fn declined_at_once() -> Fault {
    let body =
        r#"{"error":{"type":"card_error","message":"No.","decline_code":"insufficient_funds"}}"#;
    let headers = [
        ("content-type", "application/json"),
        ("request-id", "req_1"),
    ];
    Fault::raw(422, headers, body)
}

fn assert_tells_the_customer(error: &Error) {
    let decline = error.decline().unwrap();
    let text = decline.customer_message();
    assert!(text.contains("insufficient funds"), "{text}");
}

/// The key has a payment already, of another card: look that up, and send nothing again.
fn assert_key_is_taken(error: &Error) {
    let kinds = [ErrorKind::KeyReused, ErrorKind::OutcomeUnknown];
    assert!(kinds.contains(&error.kind()), "{error}");
    assert!(error.may_have_taken_effect() && !error.is_retryable());
    assert!(error.decline().is_none());
    let text = error.to_string();
    assert!(
        text.contains("the request that this key belongs to"),
        "{text}"
    );
}

/// Without a journal, and with one; each with the row's key with its time, and with the bare key.
const SHOPS: [(bool, bool); 4] = [(false, false), (false, true), (true, false), (true, true)];

#[tokio::test]
async fn a_late_second_click_after_a_decline_adds_no_charge() {
    for dialect in DIALECTS {
        for (has_journal, sends_bare_keys) in SHOPS {
            for late in [ANOTHER, VISA, DECLINED] {
                let mut shop = Shop::open(dialect, has_journal, sends_bare_keys).await;
                shop.inject(declined_at_once());
                let (first, second) = (shop.key(), shop.key());
                let error = shop.send(DECLINED, first).await.unwrap_err();
                assert!(error.is_declined() && !error.may_have_taken_effect());
                assert_tells_the_customer(&error);

                let paid = shop.click(VISA).await.unwrap();
                assert!(matches!(paid, Settled::Succeeded(_)), "{paid:?}");
                let again = pay(&shop.second_worker, late, second).await;
                assert_eq!(shop.stage.payments_and_charges(), (1, 1));
                if late == VISA {
                    assert_eq!(again.unwrap().payment().id, paid.payment().id);
                } else {
                    assert_key_is_taken(&again.unwrap_err());
                }
            }
        }
    }
}

#[tokio::test]
async fn a_second_click_between_two_cards_adds_no_charge() {
    for dialect in DIALECTS {
        for (has_journal, sends_bare_keys) in SHOPS {
            let mut shop = Shop::open(dialect, has_journal, sends_bare_keys).await;
            shop.inject(declined_at_once());
            let (first, second) = (shop.key(), shop.key());
            assert!(shop.send(DECLINED, first).await.is_err());
            let paid = pay(&shop.second_worker, ANOTHER, second).await.unwrap();
            assert!(matches!(paid, Settled::Succeeded(_)), "{paid:?}");
            let next = shop.click(VISA).await;
            assert_eq!(shop.stage.payments_and_charges(), (1, 1));
            assert_key_is_taken(&next.unwrap_err());
        }
    }
}

#[tokio::test]
async fn a_row_of_declined_cards_keeps_the_key() {
    for dialect in DIALECTS {
        for (has_journal, sends_bare_keys) in SHOPS {
            let mut shop = Shop::open(dialect, has_journal, sends_bare_keys).await;
            for number in [DECLINED, ANOTHER, DECLINED] {
                shop.inject(declined_at_once());
                let error = shop.click(number).await.unwrap_err();
                assert_tells_the_customer(&error);
            }
            let paid = shop.click(VISA).await.unwrap();
            assert!(matches!(paid, Settled::Succeeded(_)), "{paid:?}");
            let posts = shop.stage.posts();
            let keys = posts.iter().map(|post| post.header("idempotency-key"));
            assert_eq!(keys.collect::<BTreeSet<_>>().len(), 1);
            assert_eq!((shop.attempt, posts.len()), (1, 4));
            assert_eq!(shop.stage.payments_and_charges(), (1, 1));
        }
    }
}

#[tokio::test]
async fn a_failed_payment_starts_the_next_attempt() {
    for dialect in DIALECTS {
        for (has_journal, sends_bare_keys) in SHOPS {
            let mut shop = Shop::open(dialect, has_journal, sends_bare_keys).await;
            let (first, second) = (shop.key(), shop.key());
            let failed = shop.send(DECLINED, first).await.unwrap();
            assert!(matches!(failed, Settled::Failed(_)), "{failed:?}");
            let paid = shop.click(VISA).await.unwrap();
            assert!(matches!(paid, Settled::Succeeded(_)), "{paid:?}");
            let late = pay(&shop.second_worker, ANOTHER, second).await;
            assert_key_is_taken(&late.unwrap_err());
            assert_eq!(shop.stage.payments_and_charges(), (2, 1));
        }
    }
}

/// A decline under a key in doubt: an earlier request may have created the payment, and here it has or has not.
#[tokio::test]
async fn the_next_card_under_a_key_in_doubt_adds_no_charge() {
    for dialect in DIALECTS {
        for was_created in [false, true] {
            let mut shop = Shop::open(dialect, false, false).await;
            let lost = if was_created {
                Fault::LoseAnswer
            } else {
                Fault::status(503)
            };
            for fault in [lost, declined_at_once()] {
                shop.inject(fault);
                let error = shop.click(DECLINED).await.unwrap_err();
                assert!(error.may_have_taken_effect() && !error.is_declined());
                if error.status() == Some(422) {
                    assert_tells_the_customer(&error);
                }
            }
            match (was_created, shop.click(VISA).await) {
                (false, Ok(Settled::Succeeded(_))) => {}
                (true, Err(error)) => assert_key_is_taken(&error),
                (_, result) => panic!("{result:?}"),
            }
            let charges = usize::from(!was_created); // the card that was sent first fails later
            assert_eq!(shop.stage.payments_and_charges(), (1, charges));
        }
    }
}

#[tokio::test]
async fn a_journal_holds_a_key_in_doubt_until_recovery() {
    for dialect in DIALECTS {
        let mut shop = Shop::open(dialect, true, true).await;
        for fault in [Fault::status(503), declined_at_once()] {
            shop.inject(fault);
            let error = shop.click(DECLINED).await.unwrap_err();
            assert!(error.may_have_taken_effect(), "{error}");
        }
        let error = shop.click(VISA).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::KeyReused, "{error}");
        assert_eq!(shop.stage.posts().len(), 2, "nothing was sent");

        shop.stage.pass(Duration::from_secs(60 * 60));
        let recovery = shop.stage.flowlix.recover().await.unwrap();
        let truths: Vec<_> = recovery.writes.iter().map(|write| &write.truth).collect();
        assert!(
            matches!(truths[..], [Truth::NotCharged(None)]),
            "{truths:?}"
        );
        let paid = shop.click(VISA).await.unwrap();
        assert!(matches!(paid, Settled::Succeeded(_)), "{paid:?}");
        assert_eq!(shop.stage.payments_and_charges(), (1, 1));
    }
}
