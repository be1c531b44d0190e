//! What many callers do at once, and what a caller leaves behind that gives up.

use std::pin::Pin;
use std::task::Poll;

use super::{Broken, Pair, Told as _, broken, expect, first, next, scope};
use crate::conformance::together;
use crate::intents::store::{IntentStore, RecordId, StoredRecord, Swap};

const RACERS: u8 = 8;
/// How often each racer changes the record.
const CHANGES: u8 = 4;
/// Each lost race means that another racer changed the record, so far fewer are enough.
const MOST_RACES: u32 = 1000;
/// A future is dropped after it was polled once, twice and so on.
const POLLS: u32 = 4;

impl<'a> Pair<'a> {
    /// Every other racer has the other handle.
    fn handle(&self, racer: u8) -> &'a dyn IntentStore {
        match racer % 2 {
            0 => self.one,
            _ => self.other,
        }
    }
}

pub(super) async fn lets_one_of_many_win(pair: &Pair<'_>) -> Result<(), Broken> {
    let promise =
        "of many that store the same version one succeeds, and the others hear of its record";
    let one = first(scope("race"), "k");
    let two = next(&one);
    for version in [&one, &two, &next(&two)] {
        let racers: Vec<StoredRecord> = (0..RACERS)
            .map(|racer| StoredRecord {
                body: vec![racer; 100],
                ..version.clone()
            })
            .collect();
        let racing = (0..RACERS).zip(&racers);
        let racing = racing.map(|(racer, record)| pair.handle(racer).compare_and_set(record));
        let swaps = together(racing.collect()).await;
        let mut winners = Vec::new();
        let mut heard = Vec::new();
        for (racer, swap) in racers.into_iter().zip(swaps) {
            match swap.map_err(|error| Broken::by(promise, &error))? {
                Swap::Stored => winners.push(racer),
                Swap::Conflict(held) => heard.push(held),
            }
        }
        let [winner] = &winners[..] else {
            return Err(broken(
                promise,
                format_args!("{} of {RACERS} stored", winners.len()),
            ));
        };
        for held in heard {
            expect(promise, Some(winner.clone()), Ok(held))?;
        }
        pair.holds(promise, &version.id, Some(winner)).await?;
    }
    Ok(())
}

pub(super) async fn loses_no_update(pair: &Pair<'_>) -> Result<(), Broken> {
    let promise = "no change is lost when many change a record";
    let id = RecordId::new(scope("changes"), "k");
    let racing = (0..RACERS).map(|racer| {
        let changing = change(promise, pair.handle(racer), &id, racer);
        Box::pin(changing) as Pin<Box<dyn Future<Output = Result<(), Broken>> + Send + '_>>
    });
    for done in together(racing.collect()).await {
        done?;
    }
    let held = pair.other.load(&id).await;
    let held = held.map_err(|error| Broken::by(promise, &error))?;
    let (version, mut body) = held.map_or((0, Vec::new()), |held| (held.version, held.body));
    body.sort_unstable();
    let expected: Vec<u8> = (0..RACERS)
        .flat_map(|racer| [racer; CHANGES as usize])
        .collect();
    if version == u64::from(RACERS) * u64::from(CHANGES) && body == expected {
        return Ok(());
    }
    Err(broken(
        promise,
        format_args!("version {version} with {} changes", body.len()),
    ))
}

/// Adds a byte to the record several times, each time to what the store holds.
async fn change(
    promise: &'static str,
    store: &dyn IntentStore,
    id: &RecordId,
    racer: u8,
) -> Result<(), Broken> {
    let failed = |error| Broken::by(promise, &error);
    let mut held = store.load(id).await.map_err(failed)?;
    let mut changes = 0;
    for _ in 0..MOST_RACES {
        let mut record = held.as_ref().map_or_else(
            || StoredRecord {
                body: Vec::new(),
                ..first(id.scope.clone(), &id.key)
            },
            |held| StoredRecord {
                version: held.version.saturating_add(1),
                ..held.clone()
            },
        );
        record.body.push(racer);
        held = match store.compare_and_set(&record).await.map_err(failed)? {
            Swap::Stored => {
                changes += 1;
                if changes == CHANGES {
                    return Ok(());
                }
                Some(record)
            }
            Swap::Conflict(held) => held,
        };
    }
    let seen = format_args!("{MOST_RACES} conflicts and {changes} changes");
    Err(broken(promise, seen))
}

pub(super) async fn stores_whole_records(pair: &Pair<'_>) -> Result<(), Broken> {
    let promise = "a write whose future is dropped is stored whole or not at all";
    for polls in 0..=POLLS {
        let one = first(scope("dropped"), &format!("k{polls}"));
        let two = StoredRecord {
            body: vec![7; 1 << 16],
            ..next(&one)
        };
        give_up(polls, pair.one.compare_and_set(&one)).await;
        let held = until_stored(pair, promise, None, &one).await?;
        let two = StoredRecord {
            version: held.version.saturating_add(1),
            ..two
        };
        give_up(polls, pair.one.compare_and_set(&two)).await;
        let held = until_stored(pair, promise, Some(&held), &two).await?;
        give_up(polls, pair.one.delete(&held.id, held.version)).await;
        let left = pair.other.load(&held.id).await;
        let left = left.map_err(|error| Broken::by(promise, &error))?;
        if left.as_ref().is_some_and(|left| *left != held) {
            return expect(promise, Some(held), Ok(left));
        }
    }
    Ok(())
}

/// Stores another version on top of what a dropped write may have stored, and returns it.
async fn until_stored(
    pair: &Pair<'_>,
    promise: &'static str,
    before: Option<&StoredRecord>,
    dropped: &StoredRecord,
) -> Result<StoredRecord, Broken> {
    let failed = |error| Broken::by(promise, &error);
    let mut held = pair.other.load(&dropped.id).await.map_err(failed)?;
    for _ in 0..MOST_RACES {
        if held.as_ref() != before && held.as_ref() != Some(dropped) {
            let (before, dropped) = (before.cloned().told(), dropped.told());
            let held = held.told();
            return Err(broken(
                promise,
                format_args!("expected {before} or {dropped}, saw {held}"),
            ));
        }
        let record = held
            .as_ref()
            .map_or_else(|| first(dropped.id.scope.clone(), &dropped.id.key), next);
        held = match pair.one.compare_and_set(&record).await.map_err(failed)? {
            Swap::Stored => {
                pair.holds(promise, &record.id, Some(&record)).await?;
                return Ok(record);
            }
            Swap::Conflict(held) => held,
        };
    }
    Err(broken(promise, "nothing can be stored afterwards"))
}

/// Polls a future so many times, and drops it.
async fn give_up<F: Future + Unpin>(polls: u32, mut work: F) {
    let mut polled = 0;
    std::future::poll_fn(|context| {
        if polled == polls {
            return Poll::Ready(());
        }
        polled += 1;
        match Pin::new(&mut work).poll(context) {
            Poll::Pending if polled < polls => Poll::Pending,
            _ => Poll::Ready(()),
        }
    })
    .await;
}
