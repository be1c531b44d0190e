//! What every store of webhook events must do: the suite that the stores of this crate pass, for one of your own.
//!
//! ```
//! use flowlix_ext::webhooks::{InMemoryEvents, conformance};
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! conformance::check(&InMemoryEvents::default()).await.unwrap();
//! # });
//! ```

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flowlix_api::model::EventId;

use super::{Claim, ClaimToken, Completion, EventStore, EventStoreError};
pub use crate::conformance::Broken;
use crate::conformance::together;

/// A lease with every digit that a duration can have.
const LEASE: Duration = Duration::from_nanos(300_000_000_007);
const TICK: Duration = Duration::from_nanos(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const RACERS: usize = 8;

/// Holds a store against everything that [`Inbox`](super::Inbox) relies on. It claims events whose ids begin with
/// `evt_conformance`, which must be unknown before, and leaves some behind; of other events it touches none that
/// was completed after 1970.
///
/// # Errors
/// The first promise that does not hold.
pub async fn check(store: &dyn EventStore) -> Result<(), Broken> {
    check_shared(store, store).await
}

/// As [`check`], with two handles of one store: two connections to one database, such as two machines have.
///
/// # Errors
/// The first promise that does not hold.
pub async fn check_shared(one: &dyn EventStore, other: &dyn EventStore) -> Result<(), Broken> {
    let pair = Pair { one, other };
    pair.keeps_a_claimed_event_from_others().await?;
    pair.keeps_done_for_good().await?;
    pair.frees_what_is_released().await?;
    pair.tells_what_was_abandoned().await?;
    pair.takes_an_event_from_its_former_holder().await?;
    pair.believes_that_an_event_was_handled().await?;
    pair.claims_nothing_for_ever().await?;
    pair.keeps_ids_apart().await?;
    pair.prunes_what_is_done_and_old().await?;
    pair.forgets_what_is_pruned().await?;
    pair.lets_one_of_many_win().await
}

struct Pair<'a> {
    one: &'a dyn EventStore,
    other: &'a dyn EventStore,
}

/// A moment with every digit that a clock can have.
fn now() -> SystemTime {
    UNIX_EPOCH + Duration::new(1_719_792_000, 123_456_789)
}

/// Moments of pruning lie where no event of yours was ever completed.
fn long_ago() -> SystemTime {
    UNIX_EPOCH + DAY
}

fn id(name: &str) -> Result<EventId, Broken> {
    let id = EventId::received(format!("evt_conformance_{name}"));
    id.map_err(|error| Broken::by("an event has an id", &error))
}

fn saw<T: fmt::Debug>(promise: &'static str, expected: &str, seen: &T) -> Broken {
    Broken {
        promise,
        seen: format!("expected {expected}, saw {seen:?}"),
    }
}

fn expect<T: PartialEq + fmt::Debug>(
    promise: &'static str,
    expected: T,
    seen: Result<T, EventStoreError>,
) -> Result<(), Broken> {
    match seen {
        Ok(seen) if seen == expected => Ok(()),
        Ok(seen) => Err(saw(promise, &format!("{expected:?}"), &seen)),
        Err(error) => Err(Broken::by(promise, &error)),
    }
}

/// The token of a claim that must be granted, and be after an abandoned one or not.
async fn granted(
    promise: &'static str,
    store: &dyn EventStore,
    event: &EventId,
    at: SystemTime,
    after_an_abandoned_one: bool,
) -> Result<ClaimToken, Broken> {
    match store.claim(event, at, LEASE).await {
        Ok(Claim::Granted { token, abandoned }) if abandoned == after_an_abandoned_one => Ok(token),
        Ok(seen) => {
            let expected = format!("a grant, abandoned: {after_an_abandoned_one}");
            Err(saw(promise, &expected, &seen))
        }
        Err(error) => Err(Broken::by(promise, &error)),
    }
}

impl Pair<'_> {
    async fn keeps_a_claimed_event_from_others(&self) -> Result<(), Broken> {
        let promise = "a claimed event is held from everybody until its lease has run out";
        let event = id("claimed")?;
        granted(promise, self.one, &event, now(), false).await?;
        let until = now() + LEASE;
        for (store, at) in [
            (self.one, now()),
            (self.other, now()),
            (self.other, until - TICK),
        ] {
            let claim = store.claim(&event, at, LEASE).await;
            expect(promise, Claim::Held { until }, claim)?;
        }
        granted(promise, self.other, &event, until, true).await?;
        Ok(())
    }

    async fn keeps_done_for_good(&self) -> Result<(), Broken> {
        let promise = "an event that is done stays done, for everybody";
        let event = id("done")?;
        let token = granted(promise, self.one, &event, now(), false).await?;
        let completed = self.one.complete(&event, token, now()).await;
        expect(promise, Completion::InTime, completed)?;
        expect(promise, (), self.one.release(&event, token).await)?;
        let much_later = now() + LEASE + LEASE;
        for (store, at) in [
            (self.one, now()),
            (self.other, now()),
            (self.other, much_later),
        ] {
            expect(promise, Claim::Done, store.claim(&event, at, LEASE).await)?;
        }
        let again = self.other.complete(&event, token, now()).await;
        expect(promise, Completion::LeaseLost, again)?;
        let claim = self.one.claim(&event, much_later, LEASE).await;
        expect(promise, Claim::Done, claim)
    }

    async fn frees_what_is_released(&self) -> Result<(), Broken> {
        let promise = "a released event is free, and its token ends no later claim";
        let event = id("released")?;
        let first = granted(promise, self.one, &event, now(), false).await?;
        expect(promise, (), self.one.release(&event, first).await)?;
        let second = granted(promise, self.other, &event, now(), false).await?;
        if first == second {
            return Err(saw(promise, "another token", &second));
        }
        expect(promise, (), self.one.release(&event, first).await)?;
        let until = now() + LEASE;
        let claim = self.one.claim(&event, now(), LEASE).await;
        expect(promise, Claim::Held { until }, claim)?;
        let completed = self.other.complete(&event, second, now()).await;
        expect(promise, Completion::InTime, completed)
    }

    async fn tells_what_was_abandoned(&self) -> Result<(), Broken> {
        let promise = "a claim that ran out is told to the next one, until an event is released";
        let event = id("lapsed")?;
        granted(promise, self.one, &event, now(), false).await?;
        let later = now() + LEASE;
        let second = granted(promise, self.other, &event, later, true).await?;
        let until = later + LEASE;
        let claim = self.one.claim(&event, later, LEASE).await;
        expect(promise, Claim::Held { until }, claim)?;
        let third = granted(promise, self.one, &event, until, true).await?;
        if second == third {
            return Err(saw(promise, "another token", &third));
        }
        expect(promise, (), self.one.release(&event, third).await)?;
        let fourth = granted(promise, self.other, &event, until, false).await?;
        // Late, but nobody else came.
        let completed = self.other.complete(&event, fourth, until + LEASE).await;
        expect(promise, Completion::InTime, completed)
    }

    async fn takes_an_event_from_its_former_holder(&self) -> Result<(), Broken> {
        let promise = "who lost an event can neither free it nor complete it in time";
        let event = id("taken")?;
        let slow = granted(promise, self.one, &event, now(), false).await?;
        let later = now() + LEASE;
        let quick = granted(promise, self.other, &event, later, true).await?;
        expect(promise, (), self.one.release(&event, slow).await)?;
        let until = later + LEASE;
        let claim = self.one.claim(&event, later, LEASE).await;
        expect(promise, Claim::Held { until }, claim)?;
        let completed = self.one.complete(&event, slow, later).await;
        expect(promise, Completion::LeaseLost, completed)?;
        let claim = self.other.claim(&event, later, LEASE).await;
        expect(promise, Claim::Done, claim)?;
        let completed = self.other.complete(&event, quick, later).await;
        expect(promise, Completion::LeaseLost, completed)?;
        expect(promise, (), self.other.release(&event, quick).await)?;
        let claim = self.one.claim(&event, until + LEASE, LEASE).await;
        expect(promise, Claim::Done, claim)
    }

    async fn believes_that_an_event_was_handled(&self) -> Result<(), Broken> {
        let promise = "a completion is kept also when the store knows of no claim";
        for (name, number) in [("unknown", 1), ("foreign", u64::MAX)] {
            let (event, token) = (id(name)?, ClaimToken::new(number));
            expect(promise, (), self.one.release(&event, token).await)?;
            let completed = self.one.complete(&event, token, now()).await;
            expect(promise, Completion::LeaseLost, completed)?;
            let claim = self.other.claim(&event, now(), LEASE).await;
            expect(promise, Claim::Done, claim)?;
        }
        Ok(())
    }

    async fn claims_nothing_for_ever(&self) -> Result<(), Broken> {
        let promise = "a lease without an end is an error, and claims nothing";
        let event = id("endless")?;
        if let Ok(claim) = self.one.claim(&event, now(), Duration::MAX).await {
            return Err(saw(promise, "an error", &claim));
        }
        granted(promise, self.other, &event, now(), false).await?;
        Ok(())
    }

    async fn keeps_ids_apart(&self) -> Result<(), Broken> {
        let promise = "ids name events to the letter";
        for name in ["a", "A", "a ", "ä", "a\u{308}", "'; --", "%", "_"] {
            granted(promise, self.one, &id(name)?, now(), false).await?;
        }
        Ok(())
    }

    async fn prunes_what_is_done_and_old(&self) -> Result<(), Broken> {
        let promise = "pruning deletes what was done before the moment, and nothing else";
        let moment = long_ago();
        for (name, completed_at, again_at) in [
            ("prune_old", Some(moment - TICK), Some(now())),
            ("prune_older", Some(moment - DAY), None),
            ("prune_exact", Some(moment), Some(moment - TICK)),
            ("prune_young", Some(moment + TICK), None),
            ("prune_claimed", None, None),
            ("prune_abandoned", None, None),
        ] {
            let event = id(name)?;
            let token = granted(promise, self.one, &event, moment - DAY - LEASE, false).await?;
            if let Some(at) = completed_at {
                let completed = self.one.complete(&event, token, at).await;
                expect(promise, Completion::InTime, completed)?;
            }
            if let Some(at) = again_at {
                let repeated = self.other.complete(&event, token, at).await;
                expect(promise, Completion::LeaseLost, repeated)?;
            }
        }
        let claimed = id("prune_claimed")?;
        granted(promise, self.one, &claimed, moment, true).await?;

        let early = self.other.forget(moment - DAY).await;
        expect(promise, 0, early)?;
        expect(promise, 2, self.other.forget(moment).await)?;
        expect(promise, 0, self.one.forget(moment).await)?;
        for name in ["prune_exact", "prune_young"] {
            let claim = self.one.claim(&id(name)?, now(), LEASE).await;
            expect(promise, Claim::Done, claim)?;
        }
        let until = moment + LEASE;
        let claim = self.other.claim(&claimed, moment, LEASE).await;
        expect(promise, Claim::Held { until }, claim)?;
        let abandoned = id("prune_abandoned")?;
        granted(promise, self.other, &abandoned, moment, true).await?;
        expect(promise, 2, self.one.forget(moment + DAY).await)
    }

    async fn forgets_what_is_pruned(&self) -> Result<(), Broken> {
        let promise = "a pruned event is new, and its old token ends no later claim";
        let event = id("pruned")?;
        let moment = long_ago();
        let first = granted(promise, self.one, &event, moment - LEASE, false).await?;
        let completed = self.one.complete(&event, first, moment - TICK).await;
        expect(promise, Completion::InTime, completed)?;
        expect(promise, 1, self.one.forget(moment).await)?;
        let second = granted(promise, self.other, &event, now(), false).await?;
        if first == second {
            return Err(saw(promise, "another token", &second));
        }
        let completed = self.other.complete(&event, second, now()).await;
        expect(promise, Completion::InTime, completed)
    }

    /// Of many at once, one gets an event that is new, and one an event that was abandoned.
    async fn lets_one_of_many_win(&self) -> Result<(), Broken> {
        let promise = "of many that claim an event at once one is granted";
        for round in 0..RACERS {
            let event = id(&format!("many_{round}"))?;
            let mut tokens = Vec::new();
            for (at, after_an_abandoned_one) in [(now(), false), (now() + LEASE, true)] {
                let racers = (0..RACERS).map(|racer| {
                    let store = if racer % 2 == 0 { self.one } else { self.other };
                    store.claim(&event, at, LEASE)
                });
                let until = at + LEASE;
                let mut winners = 0;
                for claim in together(racers.collect()).await {
                    match claim {
                        Ok(Claim::Held { until: held }) if held == until => {}
                        Ok(Claim::Granted { token, abandoned })
                            if abandoned == after_an_abandoned_one && !tokens.contains(&token) =>
                        {
                            winners += 1;
                            tokens.push(token);
                        }
                        Ok(claim) => return Err(saw(promise, "one grant, the rest held", &claim)),
                        Err(error) => return Err(Broken::by(promise, &error)),
                    }
                }
                expect(promise, 1, Ok(winners))?;
            }
        }
        Ok(())
    }
}
