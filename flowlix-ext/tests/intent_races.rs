//! Several tasks and processes at one intent at the same moment, and processes that have loaded it before others changed
//! it: one charge, and nobody is told what is not so.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::intents::{
    Case, HOUR, MASTERCARD, Moment, RETURN_URL, Shop, action, cases, order, pay, paying, unknown,
    unpaid,
};
use common::journal::Ahead;
use common::{DECLINED, THREE_D_SECURE, VISA};
use flowlix_ext::Money;
use flowlix_ext::intents::{Intent, IntentErrorKind, IntentStatus};
use flowlix_ext::testing::ManualTime;
use flowlix_sandbox::{Fault, Operation};

const MOMENTS: [Moment; 2] = [Moment::Before, Moment::After];

/// Nobody was told that the intent is unpaid, and the next one is told that it is paid.
async fn judge(shop: &Shop, told: &[IntentStatus]) {
    let unpaid = |status: &IntentStatus| matches!(status, IntentStatus::Unpaid(_));
    assert!(!told.iter().any(unpaid), "{told:?}");
    shop.assert_paid_once_by(VISA).await;
    assert_eq!(shop.charges(), (1, 1));
}

#[tokio::test]
async fn two_tasks_with_one_card_charge_once() {
    for case in cases() {
        let shop = Shop::new(case).await;
        let intent = shop.order();
        let (one, two) = tokio::join!(pay(&intent, VISA), pay(&intent, VISA));
        judge(&shop, &[one, two]).await;
    }
}

#[tokio::test]
async fn two_tasks_with_two_cards_charge_once() {
    for case in cases() {
        let shop = Shop::new(case).await;
        let intent = shop.order();
        let (one, two) = tokio::join!(pay(&intent, VISA), pay(&intent, MASTERCARD));
        judge(&shop, &[one, two]).await;
    }
}

#[tokio::test]
async fn card_and_the_page_at_once_charge_once() {
    for case in cases() {
        let shop = Shop::new(case).await;
        let (card, page) = (shop.order(), shop.order());
        let (card, page) = tokio::join!(pay(&card, VISA), page.pay_hosted(RETURN_URL).send());
        let page = page.unwrap();
        let unpaid = |status: &IntentStatus| matches!(status, IntentStatus::Unpaid(_));
        assert!(!unpaid(&card) && !unpaid(&page), "{card} {page}");
        assert_eq!(shop.stage.sandbox.ledger().payments().len(), 1);
        if let IntentStatus::ActionRequired(page) = shop.order().status().await.unwrap() {
            let id = page.payment_id().unwrap().as_str();
            shop.stage.sandbox.complete_hosted(id, VISA).unwrap();
        }
        judge(&shop, &[]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_processes_charge_once() {
    for case in cases() {
        for number in [VISA, THREE_D_SECURE] {
            let shop = Shop::new(case).await;
            let tasks: Vec<_> = (0..8)
                .map(|index| {
                    let number = [number, MASTERCARD][index % 2];
                    tokio::spawn(paying(&shop.order(), number).send())
                })
                .collect();
            for task in tasks {
                let status = task.await.unwrap().unwrap();
                assert!(!matches!(status, IntentStatus::Unpaid(_)), "{status}");
            }
            if let IntentStatus::ActionRequired(waiting) = shop.order().status().await.unwrap() {
                shop.approve(&waiting);
                shop.order().returned(None).await.unwrap();
            }
            judge(&shop, &[]).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_clicks_supersede_once() {
    for case in cases() {
        let shop = Shop::new(case).await;
        let waiting = action(pay(&shop.order(), THREE_D_SECURE).await);
        let clicks: Vec<_> = (0..4)
            .map(|_| paying(&shop.order(), VISA).supersede(waiting.attempt()))
            .map(|click| tokio::spawn(click.send()))
            .collect();
        for click in clicks {
            click.await.unwrap().unwrap();
        }
        shop.assert_paid_once_by(VISA).await;
        assert_eq!(shop.charges(), (2, 1));
    }
}

/// Does `other` in another process right before, or right after, each write of a call in turn.
async fn amid_each_write<W, O, J>(case: Case, work: W, other: O, judge: J)
where
    W: AsyncFn(&Shop, Intent) -> IntentStatus,
    O: Fn(Intent) -> common::intents::Deed,
    J: AsyncFn(&Shop, IntentStatus),
{
    for moment in MOMENTS {
        for write in 1.. {
            let shop = Shop::new(case).await;
            let done = Arc::new(AtomicUsize::new(0));
            let (deed, count) = (other(shop.order()), done.clone());
            let store = shop.store().meanwhile(moment, write, async move {
                deed.await;
                count.fetch_add(1, Ordering::SeqCst);
            });
            let status = work(&shop, order(&shop.intents_on(store))).await;
            if done.load(Ordering::SeqCst) == 0 {
                assert!(write > 1, "nothing was written");
                break;
            }
            judge(&shop, status).await;
        }
    }
}

fn told(result: Result<IntentStatus, flowlix_ext::intents::IntentError>) -> IntentStatus {
    match result {
        Ok(status) => status,
        Err(error) => error.status().unwrap_or_else(|| panic!("{error}")).clone(),
    }
}

#[tokio::test]
async fn process_that_loaded_before_a_charge_sees_it() {
    for case in cases() {
        for number in [VISA, MASTERCARD] {
            amid_each_write(
                case,
                async |_, intent| told(paying(&intent, VISA).await),
                |intent| {
                    Box::pin(async move {
                        let status = pay(&intent, number).await;
                        assert!(!matches!(status, IntentStatus::Unpaid(_)), "{status}");
                    })
                },
                async |shop, status| {
                    assert!(matches!(status, IntentStatus::Paid(_)), "{status}");
                    shop.assert_true(&status);
                    judge(shop, &[]).await;
                },
            )
            .await;
        }
    }
}

#[tokio::test]
async fn process_that_loaded_before_a_decline_goes_on() {
    for case in cases() {
        amid_each_write(
            case,
            async |_, intent| told(paying(&intent, VISA).await),
            |intent| Box::pin(async move { drop(pay(&intent, DECLINED).await) }),
            async |shop, status| {
                shop.assert_true(&status);
                shop.assert_paid_once_by(VISA).await;
            },
        )
        .await;
    }
}

#[tokio::test]
async fn process_that_loaded_before_a_close_sees_it() {
    for case in cases() {
        amid_each_write(
            case,
            async |_, intent| told(paying(&intent, VISA).await),
            |intent| Box::pin(async move { drop(intent.close().await.unwrap()) }),
            async |shop, status| {
                shop.assert_true(&status);
                let again = told(paying(&shop.order(), VISA).await);
                shop.assert_true(&again);
                let (payments, charges) = shop.charges();
                assert!(payments <= 1 && charges == payments);
                let last = shop.order().status().await.unwrap();
                match charges {
                    0 => assert!(unpaid(last).is_closed()),
                    _ => assert!(
                        matches!(
                            last,
                            IntentStatus::Paid(_) | IntentStatus::PaidAfterClose(_)
                        ),
                        "{last}"
                    ),
                }
            },
        )
        .await;
    }
}

#[tokio::test]
async fn process_that_loaded_before_an_action_sees_it() {
    for case in cases() {
        amid_each_write(
            case,
            async |_, intent| told(paying(&intent, THREE_D_SECURE).await),
            |intent| Box::pin(async move { drop(pay(&intent, VISA).await) }),
            async |shop, status| {
                shop.assert_true(&status);
                if let IntentStatus::ActionRequired(waiting) = &status {
                    shop.approve(waiting);
                }
                judge(shop, &[]).await;
            },
        )
        .await;
    }
}

#[tokio::test]
async fn process_that_loaded_before_a_supersede_sees_it() {
    for case in cases() {
        amid_each_write(
            case,
            async |shop, intent| {
                action(pay(&shop.order(), THREE_D_SECURE).await);
                told(paying(&intent, VISA).supersede(1).await)
            },
            |intent| {
                Box::pin(async move {
                    let click = paying(&intent, MASTERCARD).supersede(1);
                    drop(click.await.unwrap());
                })
            },
            async |shop, status| {
                assert!(!matches!(status, IntentStatus::Unpaid(_)), "{status}");
                shop.assert_paid_once_by(VISA).await;
                assert_eq!(shop.charges(), (2, 1));
            },
        )
        .await;
    }
}

#[tokio::test]
async fn process_that_loaded_before_another_amount_sees_it() {
    for case in cases() {
        let shop = Shop::new(case).await;
        let other = shop.intents().intent("order-1234", Money::eur(50_00));
        let store = shop.store().meanwhile(Moment::Before, 1, async move {
            assert!(pay(&other, MASTERCARD).await.is_paid());
        });
        let error = paying(&order(&shop.intents_on(store)), VISA).await;
        let error = error.unwrap_err();
        assert_eq!(error.kind(), IntentErrorKind::AmountMismatch, "{error}");
        shop.assert_true(error.status().unwrap());
        assert_eq!(shop.charges(), (1, 1));
    }
}

/// A shop in which the first request fails, and something happens before its repeat is recorded.
async fn before_the_repeat(
    case: Case,
    other: impl Fn(Intent) -> common::intents::Deed,
) -> (Shop, IntentStatus) {
    let shop = Shop::new(case).await;
    let operation = Operation::CreateDirectPayment;
    shop.stage
        .sandbox
        .inject_at(operation, Fault::status(503), 1);
    let deed = other(shop.order());
    let store = shop.store().meanwhile(Moment::Before, 2, deed);
    let intent = order(&shop.intents_on(store));
    let status = told(paying(&intent, VISA).await);
    (shop, status)
}

#[tokio::test]
async fn repeat_after_a_close_is_not_sent() {
    for case in cases() {
        let (shop, status) = before_the_repeat(case, |intent| {
            Box::pin(async move { drop(intent.close().await.unwrap()) })
        })
        .await;
        unknown(status);
        assert_eq!(shop.stage.posts().len(), 1);
        shop.stage.pass(HOUR);
        assert!(unpaid(shop.order().status().await.unwrap()).is_closed());
        assert_eq!(shop.charges(), (0, 0));
    }
}

#[tokio::test]
async fn repeat_after_another_charge_is_not_sent() {
    for case in cases() {
        let (shop, status) = before_the_repeat(case, |intent| {
            Box::pin(async move { assert!(pay(&intent, MASTERCARD).await.is_paid()) })
        })
        .await;
        assert!(matches!(status, IntentStatus::Paid(_)), "{status}");
        assert_eq!(shop.stage.posts().len(), 2);
        judge(&shop, &[]).await;
    }
}

#[tokio::test]
async fn repeat_after_another_action_is_not_sent() {
    for case in cases() {
        let (shop, status) = before_the_repeat(case, |intent| {
            Box::pin(async move { drop(action(pay(&intent, THREE_D_SECURE).await)) })
        })
        .await;
        let waiting = action(status);
        assert!(!waiting.is_for_this_card());
        assert_eq!(shop.stage.posts().len(), 2);
        shop.approve(&waiting);
        judge(&shop, &[]).await;
    }
}

/// The answer shows the payment as it was created; others have seen it charged meanwhile.
#[tokio::test]
async fn late_answer_does_not_take_a_charge_back() {
    for case in cases() {
        let shop = Shop::new(case).await;
        let operation = Operation::CreateDirectPayment;
        shop.stage
            .sandbox
            .inject_at(operation, Fault::StallAnswer, 1);
        let first = paying(&shop.order(), VISA).within(Duration::ZERO);
        let first = tokio::spawn(first.send());
        shop.stage.sandbox.wait_for_stalled(1).await;
        shop.stage.sandbox.settle();
        let seen = shop.order().status().await.unwrap();
        assert!(matches!(seen, IntentStatus::Paid(_)), "{seen}");
        shop.stage.sandbox.release_stalled();
        let late = first.await.unwrap().unwrap();
        assert!(matches!(late, IntentStatus::Paid(_)), "{late}");
        let history = shop.order().history().await.unwrap();
        assert_eq!(history.last().unwrap().state, "paid", "{history:?}");
        judge(&shop, &[]).await;
    }
}

#[tokio::test]
async fn repeat_after_another_decline_goes_on_anew() {
    for case in cases() {
        let (shop, status) = before_the_repeat(case, |intent| {
            Box::pin(async move { drop(unpaid(pay(&intent, DECLINED).await)) })
        })
        .await;
        assert!(matches!(status, IntentStatus::Paid(_)), "{status}");
        shop.assert_true(&status);
        assert_eq!(shop.keys_sent().len(), 2);
        assert_eq!(shop.charges(), (2, 1));
    }
}

/// What a webhook's handler does: it finds the intent and asks how it stands.
fn webhook(shop: &Shop) -> impl Future<Output = IntentStatus> + Send + 'static {
    let intents = shop.intents();
    async move {
        let intent = intents.get("order-1234").await.unwrap().unwrap();
        intent.status().await.unwrap()
    }
}

/// The action is done: nobody may send the customer there again.
fn assert_not_handed_out(shop: &Shop, status: &IntentStatus) {
    assert!(
        matches!(status, IntentStatus::Paid(_) | IntentStatus::Processing(_)),
        "{status}"
    );
    shop.assert_true(status);
}

#[tokio::test]
async fn return_and_its_webhook_at_once_agree() {
    for case in cases() {
        let shop = Shop::new(case).await;
        let waiting = action(pay(&shop.order(), THREE_D_SECURE).await);
        shop.approve(&waiting);
        let intent = shop.order();
        let (back, told) = tokio::join!(intent.returned(None).send(), webhook(&shop));
        assert_not_handed_out(&shop, &told);
        let back = back.unwrap();
        assert!(matches!(back, IntentStatus::Paid(_)), "{back}");
        judge(&shop, &[]).await;
    }
}

#[tokio::test]
async fn webhook_amid_the_writes_of_a_return_agrees() {
    for case in cases() {
        for moment in MOMENTS {
            for write in 1..=3 {
                let shop = Shop::new(case).await;
                let waiting = action(pay(&shop.order(), THREE_D_SECURE).await);
                shop.approve(&waiting);
                let told = webhook(&shop);
                let store = shop.store().meanwhile(moment, write, async move {
                    drop(told.await);
                });
                let intent = order(&shop.intents_on(store));
                let back = intent.returned(None).await.unwrap();
                assert!(matches!(back, IntentStatus::Paid(_)), "{back}");
                shop.assert_true(&back);
                judge(&shop, &[]).await;
                assert_eq!(shop.stage.posts().len(), 1);
            }
        }
    }
}

#[tokio::test]
async fn failed_action_and_its_webhook_at_once_agree() {
    for case in cases() {
        let shop = Shop::new(case).await;
        let waiting = action(pay(&shop.order(), THREE_D_SECURE).await);
        let id = waiting.payment_id().unwrap().as_str();
        shop.stage.sandbox.decline(id).unwrap();
        let intent = shop.order();
        let (back, told) = tokio::join!(intent.returned(None).send(), webhook(&shop));
        for status in [back.unwrap(), told] {
            shop.assert_true(&status);
            unpaid(status);
        }
        shop.assert_paid_once_by(VISA).await;
    }
}

/// What a machine is told that sleeps around the first write of its `pay`, while others pay by these cards. Only its
/// wall clock notices.
async fn told_after_sleep(
    shop: &Shop,
    moment: Moment,
    hours: u32,
    cards: &'static [&'static str],
) -> IntentStatus {
    let key = shop.stage.sandbox.key(shop.stage.dialect);
    let clock = Ahead::of(&shop.stage.time, 0);
    let later = ManualTime::automatic().starting_at(shop.stage.time.now() + hours * HOUR);
    let other = order(&shop.intents_at(key, later, shop.store()));
    let (asleep, sandbox) = (clock.clone(), shop.stage.sandbox.clone());
    let store = shop.store().meanwhile(moment, 1, async move {
        asleep.sleep_for((hours * HOUR).as_secs());
        sandbox.clock().advance(hours * HOUR);
        for number in cards {
            pay(&other, number).await;
        }
    });
    let intent = order(&shop.intents_at(key, clock, store));
    told(paying(&intent, VISA).await)
}

/// A machine that sleeps between recording and sending: what it wakes up with is too late to be sent.
#[tokio::test]
async fn process_asleep_after_recording_sends_nothing() {
    for case in cases() {
        for hours in [1, 30] {
            let shop = Shop::new(case).await;
            let status = told_after_sleep(&shop, Moment::After, hours, &[MASTERCARD]).await;
            assert!(matches!(status, IntentStatus::Paid(_)), "{status}");
            shop.assert_true(&status);
            assert_eq!(shop.stage.posts().len(), 1);
            assert_eq!(shop.charges(), (1, 1));
        }
    }
}

/// A process that loaded the intent long ago goes on with what it knew then.
#[tokio::test]
async fn process_asleep_before_recording_decides_anew() {
    for case in cases() {
        for hours in [1, 30] {
            let shop = Shop::new(case).await;
            let cards = &[DECLINED, MASTERCARD];
            let status = told_after_sleep(&shop, Moment::Before, hours, cards).await;
            assert!(matches!(status, IntentStatus::Paid(_)), "{status}");
            shop.assert_true(&status);
            assert_eq!(shop.charges(), (2, 1));
        }
    }
}

/// So many processes die over one intent that nobody may send before some of their requests are certainly over.
#[tokio::test]
async fn too_many_open_requests_wait_for_certainty() {
    for case in cases() {
        let shop = Shop::new(case).await;
        for number in 0..16 {
            // The first write of all but the first process finds the record of the others.
            let recorded = if number == 0 { 1 } else { 2 };
            let (store, crash) = shop.store().crashing(Moment::After, recorded);
            let intent = order(&shop.intents_on(store));
            let done = crash.or_done(paying(&intent, VISA).send()).await;
            assert!(done.is_none());
        }
        let full = unknown(pay(&shop.order(), VISA).await);
        assert!(!full.can_pay_again());
        assert!(shop.stage.posts().is_empty());
        shop.stage.pass(Duration::from_secs(60 * 60));
        shop.assert_paid_once_by(VISA).await;
        assert_eq!(shop.charges(), (1, 1));
    }
}

#[tokio::test]
async fn second_click_amid_the_exchange_charges_once() {
    for case in cases() {
        for number in [VISA, MASTERCARD] {
            let shop = Shop::new(case).await;
            let operation = Operation::CreateDirectPayment;
            shop.stage.sandbox.inject_at(operation, Fault::Stall, 1);
            let first = tokio::spawn(paying(&shop.order(), VISA).send());
            shop.stage.sandbox.wait_for_stalled(1).await;
            let second = pay(&shop.order(), number).await;
            assert!(
                matches!(second, IntentStatus::OutcomeUnknown(_)),
                "{second}"
            );
            shop.stage.sandbox.release_stalled();
            let first = first.await.unwrap().unwrap();
            judge(&shop, &[first]).await;
        }
    }
}
