//! A process that dies, or a call that is dropped, at any point: what another process finds is true, and the order is
//! charged once.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::time::Duration;

use common::intents::{
    Case, HOUR, MASTERCARD, Moment, QUIET, RETURN_URL, Shop, action, cases, dropped_after, order,
    pay, paying,
};
use common::{DECLINED, THREE_D_SECURE, VISA};
use flowlix_ext::intents::{Intent, IntentError, IntentStatus};
use flowlix_sandbox::{Fault, Matcher, Operation};

/// Where around a write of the store a process dies.
const MOMENTS: [Moment; 2] = [Moment::Before, Moment::After];

/// Runs `work` in processes that die around each write of the store in turn, and `then` after each death.
async fn die_around_each_write<W, T>(case: Case, work: W, then: T) -> usize
where
    W: AsyncFn(&Shop, Intent) -> Result<IntentStatus, IntentError>,
    T: AsyncFn(&Shop),
{
    let mut deaths = 0;
    for moment in MOMENTS {
        for write in 1.. {
            let shop = Shop::new(case).await;
            let (store, crash) = shop.store().crashing(moment, write);
            let intent = order(&shop.intents_on(store));
            let done = crash.or_done(work(&shop, intent)).await;
            if let Some(done) = done {
                shop.assert_true(&done.unwrap());
                break;
            }
            deaths += 1;
            then(&shop).await;
        }
    }
    deaths
}

/// Another process looks, and then pays.
async fn look_then_pay(shop: &Shop, number: &str) {
    let status = shop.order().status().await.unwrap();
    shop.assert_true(&status);
    shop.assert_paid_once_by(number).await;
}

#[tokio::test]
async fn crash_around_each_write_of_a_pay_charges_once() {
    for case in cases() {
        for number in [VISA, MASTERCARD] {
            let deaths = die_around_each_write(
                case,
                async |_, intent| paying(&intent, VISA).await,
                async |shop| {
                    shop.heal();
                    look_then_pay(shop, number).await;
                    assert_eq!(shop.charges(), (1, 1));
                },
            )
            .await;
            assert_eq!(deaths, 6);
        }
    }
}

#[tokio::test]
async fn crash_in_a_pay_with_a_fault_charges_once() {
    for case in cases() {
        for fault in [
            Fault::LoseAnswer,
            Fault::ResetBeforeReading,
            Fault::status(503),
            Fault::in_flight(),
        ] {
            let deaths = die_around_each_write(
                case,
                async |shop, intent| {
                    let posts = Matcher::method("POST");
                    shop.stage.sandbox.inject_at(posts, fault.clone(), 1);
                    paying(&intent, VISA).await
                },
                async |shop| {
                    shop.heal();
                    look_then_pay(shop, MASTERCARD).await;
                    assert_eq!(shop.charges(), (1, 1));
                },
            )
            .await;
            assert!(deaths >= 6, "{deaths}");
        }
    }
}

#[tokio::test]
async fn crash_in_a_declined_pay_charges_once() {
    for case in cases() {
        for is_later in [false, true] {
            let deaths = die_around_each_write(
                case,
                async |shop, intent| {
                    if !is_later {
                        shop.stage.sandbox.inject(Fault::declined("do_not_honor"));
                    }
                    paying(&intent, DECLINED).await
                },
                async |shop| {
                    shop.heal();
                    look_then_pay(shop, VISA).await;
                },
            )
            .await;
            assert!(deaths >= 4, "{deaths}");
        }
    }
}

#[tokio::test]
async fn crash_in_the_second_attempt_charges_once() {
    for case in cases() {
        let deaths = die_around_each_write(
            case,
            async |shop, intent| {
                pay(&shop.order(), DECLINED).await;
                paying(&intent, VISA).await
            },
            async |shop| {
                look_then_pay(shop, MASTERCARD).await;
                assert_eq!(shop.charges(), (2, 1));
            },
        )
        .await;
        assert_eq!(deaths, 6);
    }
}

#[tokio::test]
async fn crash_over_an_action_charges_once() {
    for case in cases() {
        let deaths = die_around_each_write(
            case,
            async |_, intent| paying(&intent, THREE_D_SECURE).await,
            async |shop| {
                let mut status = shop.order().status().await.unwrap();
                shop.assert_true(&status);
                if !matches!(status, IntentStatus::ActionRequired(_)) {
                    status = pay(&shop.order(), THREE_D_SECURE).await;
                }
                let waiting = action(status);
                assert!(waiting.redirect_url().is_some());
                shop.approve(&waiting);
                let back = shop.order().returned(None).await.unwrap();
                assert!(matches!(back, IntentStatus::Paid(_)), "{back}");
                assert_eq!(shop.charges(), (1, 1));
            },
        )
        .await;
        assert!(deaths >= 4, "{deaths}");
    }
}

#[tokio::test]
async fn crash_on_the_return_charges_once() {
    for case in cases() {
        let deaths = die_around_each_write(
            case,
            async |shop, intent| {
                let waiting = action(pay(&shop.order(), THREE_D_SECURE).await);
                shop.approve(&waiting);
                intent.returned(None).await
            },
            async |shop| look_then_pay(shop, VISA).await,
        )
        .await;
        assert!(deaths >= 4, "{deaths}");
    }
}

#[tokio::test]
async fn crash_in_a_supersede_replaces_once() {
    for case in cases() {
        let deaths = die_around_each_write(
            case,
            async |shop, intent| {
                action(pay(&shop.order(), THREE_D_SECURE).await);
                paying(&intent, VISA).supersede(1).await
            },
            async |shop| {
                shop.assert_true(&shop.order().status().await.unwrap());
                let again = paying(&shop.order(), VISA).supersede(1).await.unwrap();
                assert!(matches!(again, IntentStatus::Paid(_)), "{again}");
                shop.assert_true(&again);
                assert_eq!(shop.charges(), (2, 1));
            },
        )
        .await;
        assert_eq!(deaths, 6);
    }
}

#[tokio::test]
async fn crash_in_a_close_leaves_it_open_or_closed() {
    for case in cases() {
        let mut closed = 0;
        for moment in MOMENTS {
            let shop = Shop::new(case).await;
            let (store, crash) = shop.store().crashing(moment, 1);
            let intent = order(&shop.intents_on(store));
            assert!(crash.or_done(intent.close()).await.is_none());
            match paying(&shop.order(), VISA).await {
                Ok(status) => shop.assert_true(&status),
                Err(error) => {
                    assert!(error.to_string().contains("closed"), "{error}");
                    closed += 1;
                }
            }
        }
        assert_eq!(closed, 1);
    }
}

/// The process dies with a request at this point of the exchange.
async fn dead_in_the_exchange(case: Case, fault: Fault) -> Shop {
    let shop = Shop::new(case).await;
    let operation = Operation::CreateDirectPayment;
    let is_late = matches!(fault, Fault::Late);
    shop.stage.sandbox.inject_at(operation, fault, 1);
    let paying = tokio::spawn(paying(&shop.order(), VISA).send());
    match is_late {
        true => shop.stage.sandbox.wait_for_late(1).await,
        false => shop.stage.sandbox.wait_for_stalled(1).await,
    }
    paying.abort();
    assert!(paying.await.unwrap_err().is_cancelled());
    shop
}

#[tokio::test]
async fn crash_in_the_exchange_charges_once() {
    for case in cases() {
        // On its way; at work; done and not answered.
        for fault in [Fault::Late, Fault::Stall, Fault::StallAnswer] {
            for number in [VISA, MASTERCARD] {
                let shop = dead_in_the_exchange(case, fault.clone()).await;
                let status = shop.order().status().await.unwrap();
                shop.assert_true(&status);
                assert!(!matches!(status, IntentStatus::Unpaid(_)), "{status}");
                let status = pay(&shop.order(), number).await;
                shop.assert_true(&status);
                assert!(!matches!(status, IntentStatus::Unpaid(_)), "{status}");
                shop.stage.sandbox.release_late();
                shop.stage.sandbox.release_stalled();
                shop.assert_paid_once_by(number).await;
                assert_eq!(shop.charges(), (1, 1), "{fault:?}");
            }
        }
    }
}

#[tokio::test]
async fn crash_in_the_exchange_is_found_after_days() {
    for case in cases() {
        for fault in [Fault::Late, Fault::Stall, Fault::StallAnswer] {
            let shop = dead_in_the_exchange(case, fault.clone()).await;
            // Within the quiet time what was on its way has arrived.
            shop.stage.sandbox.release_late();
            shop.stage.sandbox.release_stalled();
            shop.stage.pass(50 * HOUR);
            look_then_pay(&shop, MASTERCARD).await;
            assert_eq!(shop.charges(), (1, 1), "{fault:?}");
        }
    }
}

#[tokio::test]
async fn crash_before_sending_is_unpaid_once_certain() {
    for case in cases() {
        let shop = Shop::new(case).await;
        let (store, crash) = shop.store().crashing(Moment::After, 1);
        let intent = order(&shop.intents_on(store));
        let done = crash.or_done(paying(&intent, VISA).send()).await;
        assert!(done.is_none() && shop.stage.posts().is_empty());
        shop.stage.pass(QUIET);
        let status = shop.order().status().await.unwrap();
        assert!(matches!(status, IntentStatus::Unpaid(_)), "{status}");
        shop.assert_true(&status);
        shop.assert_paid_once_by(VISA).await;
    }
}

/// Drops `work` after each number of polls in turn, and runs `then` after each drop.
async fn drop_at_each_await<W, T>(case: Case, work: W, then: T) -> usize
where
    W: AsyncFn(&Shop) -> Result<IntentStatus, IntentError>,
    T: AsyncFn(&Shop),
{
    for polls in 1.. {
        let shop = Shop::new(case).await;
        if let Some(done) = dropped_after(polls, work(&shop)).await {
            shop.assert_true(&done.unwrap());
            return polls;
        }
        then(&shop).await;
    }
    unreachable!("every future is done at some time")
}

#[tokio::test]
async fn pay_dropped_at_any_await_charges_once() {
    for case in cases() {
        for number in [VISA, MASTERCARD] {
            let awaits = drop_at_each_await(
                case,
                async |shop| paying(&shop.order(), VISA).await,
                async |shop| {
                    look_then_pay(shop, number).await;
                    assert_eq!(shop.charges(), (1, 1));
                },
            )
            .await;
            assert!(awaits > 5, "{awaits}");
        }
    }
}

#[tokio::test]
async fn pay_dropped_amid_faults_charges_once() {
    for case in cases() {
        for fault in [
            Fault::LoseAnswer,
            Fault::CutBody,
            Fault::ResetBeforeReading,
            Fault::Garbage,
            Fault::status(503),
            Fault::in_flight(),
            Fault::declined("do_not_honor"),
        ] {
            let awaits = drop_at_each_await(
                case,
                async |shop| {
                    let posts = Matcher::method("POST");
                    shop.stage.sandbox.inject_at(posts, fault.clone(), 1);
                    paying(&shop.order(), VISA).await
                },
                async |shop| {
                    shop.heal();
                    look_then_pay(shop, MASTERCARD).await;
                    assert_eq!(shop.charges(), (1, 1), "{fault:?}");
                },
            )
            .await;
            assert!(awaits > 5, "{awaits}");
        }
    }
}

#[tokio::test]
async fn declined_pay_dropped_at_any_await_charges_once() {
    for case in cases() {
        let awaits = drop_at_each_await(
            case,
            async |shop| paying(&shop.order(), DECLINED).await,
            async |shop| look_then_pay(shop, VISA).await,
        )
        .await;
        assert!(awaits > 5, "{awaits}");
    }
}

#[tokio::test]
async fn return_dropped_at_any_await_charges_once() {
    for case in cases() {
        for polls in 1.. {
            let shop = Shop::new(case).await;
            let waiting = action(pay(&shop.order(), THREE_D_SECURE).await);
            shop.approve(&waiting);
            let back = shop.order().returned(None).send();
            if dropped_after(polls, back).await.is_some() {
                assert!(polls > 3, "{polls}");
                break;
            }
            look_then_pay(&shop, VISA).await;
            assert_eq!(shop.charges(), (1, 1));
        }
    }
}

#[tokio::test]
async fn page_dropped_at_any_await_is_handed_out() {
    for case in cases() {
        let awaits = drop_at_each_await(
            case,
            async |shop| shop.order().pay_hosted(RETURN_URL).await,
            async |shop| {
                shop.assert_true(&shop.order().status().await.unwrap());
                let page = action(shop.order().pay_hosted(RETURN_URL).await.unwrap());
                let id = page.payment_id().unwrap().as_str().to_owned();
                shop.stage.sandbox.complete_hosted(&id, VISA).unwrap();
                let back = shop.order().returned(None).await.unwrap();
                assert!(matches!(back, IntentStatus::Paid(_)), "{back}");
                assert_eq!(shop.charges(), (1, 1));
            },
        )
        .await;
        assert!(awaits > 5, "{awaits}");
    }
}

#[tokio::test]
async fn supersede_dropped_at_any_await_replaces_once() {
    for case in cases() {
        for polls in 1.. {
            let shop = Shop::new(case).await;
            action(pay(&shop.order(), THREE_D_SECURE).await);
            let replacing = paying(&shop.order(), VISA).supersede(1).send();
            if dropped_after(polls, replacing).await.is_some() {
                assert!(polls > 5, "{polls}");
                break;
            }
            shop.assert_true(&shop.order().status().await.unwrap());
            let again = paying(&shop.order(), VISA).supersede(1).await.unwrap();
            assert!(matches!(again, IntentStatus::Paid(_)), "{again}");
            assert_eq!(shop.charges(), (2, 1));
        }
    }
}

#[tokio::test]
async fn close_dropped_at_any_await_is_closed_by_the_next() {
    for case in cases() {
        drop_at_each_await(
            case,
            async |shop| shop.order().close().await,
            async |shop| {
                let closed = shop.order().close().await.unwrap();
                assert!(matches!(&closed, IntentStatus::Unpaid(unpaid) if unpaid.is_closed()));
                assert!(
                    paying(&shop.order(), VISA)
                        .within(Duration::ZERO)
                        .await
                        .is_err()
                );
                assert_eq!(shop.charges(), (0, 0));
            },
        )
        .await;
    }
}
