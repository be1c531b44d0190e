//! What every store of webhook events must do.
#![allow(dead_code, clippy::unwrap_used, clippy::panic)]

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flowlix_api::model::EventId;
use flowlix_ext::webhooks::{Claim, ClaimToken, Completion, EventStore};

const LEASE: Duration = Duration::from_nanos(300_000_000_007);

fn id(text: &str) -> EventId {
    EventId::received(text).unwrap()
}

/// A moment with every digit that a clock can have.
fn now() -> SystemTime {
    UNIX_EPOCH + Duration::new(1_719_792_000, 123_456_789)
}

async fn claim(store: &dyn EventStore, event: &str, at: SystemTime) -> Claim {
    store.claim(&id(event), at, LEASE).await.unwrap()
}

async fn complete(store: &dyn EventStore, event: &str, token: ClaimToken) -> Completion {
    store.complete(&id(event), token).await.unwrap()
}

async fn release(store: &dyn EventStore, event: &str, token: ClaimToken) {
    store.release(&id(event), token).await.unwrap();
}

/// The token of a claim that must have been granted, and be abandoned or not as said.
fn granted(claim: Claim, after_an_abandoned_one: bool) -> ClaimToken {
    match claim {
        Claim::Granted { token, abandoned } if abandoned == after_an_abandoned_one => token,
        other => panic!("{other:?} instead of a grant, abandoned: {after_an_abandoned_one}"),
    }
}

/// Two handles of one store, of which a database gets two connections.
pub(crate) async fn conforms<S: EventStore + 'static>(one: &Arc<S>, other: &Arc<S>) {
    done_is_final(one, other).await;
    released_is_free(one, other).await;
    lapsed_is_taken_over(one, other).await;
    a_taken_event_is_not_its_former_holders(one, other).await;
    done_is_believed(one, other).await;
    a_lease_without_end_claims_nothing(one).await;
    ids_are_told_apart(one).await;
    one_of_many_wins(one, other).await;
}

async fn done_is_final(one: &dyn EventStore, other: &dyn EventStore) {
    let token = granted(claim(one, "evt_done", now()).await, false);
    let until = now() + LEASE;
    let just_before = until - Duration::from_nanos(1);
    for (store, at) in [(one, now()), (other, now()), (other, just_before)] {
        assert_eq!(claim(store, "evt_done", at).await, Claim::Held { until });
    }
    assert_eq!(complete(one, "evt_done", token).await, Completion::InTime);
    release(one, "evt_done", token).await;
    for (store, at) in [(one, now()), (other, now()), (other, until + LEASE)] {
        assert_eq!(claim(store, "evt_done", at).await, Claim::Done);
    }
    assert_eq!(
        complete(other, "evt_done", token).await,
        Completion::LeaseLost
    );
    assert_eq!(claim(one, "evt_done", until).await, Claim::Done);
}

async fn released_is_free(one: &dyn EventStore, other: &dyn EventStore) {
    let event = "evt_released";
    let first = granted(claim(one, event, now()).await, false);
    release(one, event, first).await;
    let second = granted(claim(other, event, now()).await, false);
    assert_ne!(first, second, "a token came again");
    release(one, event, first).await;
    let until = now() + LEASE;
    assert_eq!(claim(one, event, now()).await, Claim::Held { until });
    assert_eq!(complete(other, event, second).await, Completion::InTime);
}

async fn lapsed_is_taken_over(one: &dyn EventStore, other: &dyn EventStore) {
    let event = "evt_lapsed";
    granted(claim(one, event, now()).await, false);
    let later = now() + LEASE;
    let second = granted(claim(other, event, later).await, true);
    let until = later + LEASE;
    assert_eq!(claim(one, event, later).await, Claim::Held { until });
    let third = granted(claim(one, event, until).await, true);
    assert_ne!(second, third);
    release(one, event, third).await;
    let fourth = granted(claim(other, event, until).await, false);
    assert_eq!(complete(other, event, fourth).await, Completion::InTime);
}

async fn a_taken_event_is_not_its_former_holders(one: &dyn EventStore, other: &dyn EventStore) {
    let event = "evt_taken";
    let slow = granted(claim(one, event, now()).await, false);
    let later = now() + LEASE;
    let quick = granted(claim(other, event, later).await, true);
    release(one, event, slow).await;
    let until = later + LEASE;
    assert_eq!(claim(one, event, later).await, Claim::Held { until });
    assert_eq!(complete(one, event, slow).await, Completion::LeaseLost);
    assert_eq!(claim(other, event, later).await, Claim::Done);
    assert_eq!(complete(other, event, quick).await, Completion::LeaseLost);
    release(other, event, quick).await;
    assert_eq!(claim(one, event, until + LEASE).await, Claim::Done);
}

async fn done_is_believed(one: &dyn EventStore, other: &dyn EventStore) {
    for (event, number) in [("evt_unknown", 1), ("evt_foreign", u64::MAX)] {
        let token = ClaimToken::new(number);
        release(one, event, token).await;
        assert_eq!(complete(one, event, token).await, Completion::LeaseLost);
        assert_eq!(claim(other, event, now()).await, Claim::Done);
    }
}

async fn a_lease_without_end_claims_nothing(store: &dyn EventStore) {
    let event = id("evt_endless");
    assert!(store.claim(&event, now(), Duration::MAX).await.is_err());
    granted(claim(store, "evt_endless", now()).await, false);
}

async fn ids_are_told_apart(store: &dyn EventStore) {
    for event in ["evt_a", "evt_A", "evt_a ", "evt_ä", "evt_'; --", "evt_%"] {
        granted(claim(store, event, now()).await, false);
    }
}

/// Of many at once, one gets an event that is new, and one an event that was abandoned.
async fn one_of_many_wins<S: EventStore + 'static>(one: &Arc<S>, other: &Arc<S>) {
    let mut tokens = HashSet::new();
    for round in 0..8 {
        for (at, abandoned) in [(now(), false), (now() + LEASE, true)] {
            let claims = (0..8).map(|worker| {
                let store = if worker % 2 == 0 { one } else { other }.clone();
                tokio::spawn(async move { claim(&store, &format!("evt_many_{round}"), at).await })
            });
            let claims: Vec<_> = claims.collect();
            let mut winners = 0;
            for answer in claims {
                match answer.await.unwrap() {
                    Claim::Held { until } => assert_eq!(until, at + LEASE),
                    answer => {
                        winners += 1;
                        assert!(tokens.insert(granted(answer, abandoned)));
                    }
                }
            }
            assert_eq!(winners, 1);
        }
    }
}

/// What was noted is there after a restart: `open` opens the same store anew.
pub(crate) async fn survive<S: EventStore, F: Future<Output = S>>(open: impl Fn() -> F) {
    let before = open().await;
    let done = granted(claim(&before, "evt_kept_done", now()).await, false);
    complete(&before, "evt_kept_done", done).await;
    let held = granted(claim(&before, "evt_kept_held", now()).await, false);
    let released = granted(claim(&before, "evt_kept_free", now()).await, false);
    release(&before, "evt_kept_free", released).await;
    drop(before);

    let after = open().await;
    assert_eq!(claim(&after, "evt_kept_done", now()).await, Claim::Done);
    let until = now() + LEASE;
    assert_eq!(
        claim(&after, "evt_kept_held", now()).await,
        Claim::Held { until }
    );
    let again = granted(claim(&after, "evt_kept_free", now()).await, false);
    assert!(![done, held, released].contains(&again));
    let taken = granted(claim(&after, "evt_kept_held", until).await, true);
    assert_eq!(
        complete(&after, "evt_kept_held", held).await,
        Completion::LeaseLost
    );
    assert_ne!(held, taken);
    assert_eq!(claim(&after, "evt_kept_held", until).await, Claim::Done);
}
