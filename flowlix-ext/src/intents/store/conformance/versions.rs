//! What becomes of a record from version to version.

use super::{Broken, Pair, first, next, scope};
use crate::intents::store::StoredRecord;

pub(super) async fn keeps_records_as_they_are(pair: &Pair<'_>) -> Result<(), Broken> {
    let promise = "a record comes back as it was stored";
    let mut record = first(scope("keeps"), "k");
    pair.holds(promise, &record.id, None).await?;
    pair.stores(promise, &record).await?;
    pair.holds(promise, &record.id, Some(&record)).await?;
    for (due_at, changed_at) in [
        (None, 0),
        (Some(i64::MIN), i64::MIN),
        (Some(i64::MAX), i64::MAX),
        (Some(0), -1),
        (None, 1_719_792_000_123),
    ] {
        let due = StoredRecord {
            due_at,
            changed_at,
            ..next(&record)
        };
        pair.stores(promise, &due).await?;
        pair.holds(promise, &due.id, Some(&due)).await?;
        record = due;
    }
    let longest = StoredRecord {
        state: "s".repeat(32),
        ..first(scope("keeps"), &"k".repeat(64))
    };
    pair.stores(promise, &longest).await?;
    pair.holds(promise, &longest.id, Some(&longest)).await
}

pub(super) async fn keeps_every_byte(pair: &Pair<'_>) -> Result<(), Broken> {
    let promise = "a body comes back to the byte";
    let every_byte: Vec<u8> = (0..=u8::MAX).collect();
    let mut record = first(scope("bytes"), "k");
    for body in [
        Vec::new(),
        vec![0],
        b"a\0b\0".to_vec(),
        b" 'text' \\x00 \r\n ".to_vec(),
        every_byte.repeat(4096),
        vec![0xff, 0xfe, 0xc0, 0x80],
        Vec::new(),
    ] {
        record.body = body;
        pair.stores(promise, &record).await?;
        pair.holds(promise, &record.id, Some(&record)).await?;
        record.version = record.version.saturating_add(1);
    }
    Ok(())
}

pub(super) async fn stores_only_the_next_version(pair: &Pair<'_>) -> Result<(), Broken> {
    let promise = "a record is stored only on top of the version before";
    let one = first(scope("versions"), "k");
    let two = next(&one);
    let three = next(&two);
    let zero = StoredRecord {
        version: 0,
        ..one.clone()
    };
    for early in [&zero, &two, &three] {
        pair.conflicts(promise, early, None).await?;
    }
    pair.stores(promise, &one).await?;
    for wrong in [&zero, &one, &three] {
        pair.conflicts(promise, wrong, Some(&one)).await?;
    }
    pair.stores(promise, &two).await?;
    for wrong in [&zero, &one, &two] {
        pair.conflicts(promise, wrong, Some(&two)).await?;
    }
    pair.stores(promise, &three).await?;
    pair.holds(promise, &three.id, Some(&three)).await
}

pub(super) async fn returns_what_it_holds(pair: &Pair<'_>) -> Result<(), Broken> {
    let promise = "a conflict returns the record that the store holds";
    let held = first(scope("conflicts"), "k");
    pair.stores(promise, &held).await?;
    let other = StoredRecord {
        state: "other".to_owned(),
        due_at: None,
        changed_at: 1,
        body: vec![0; 1 << 20],
        ..held.clone()
    };
    pair.conflicts(promise, &other, Some(&held)).await?;
    let held = StoredRecord {
        version: 2,
        ..other.clone()
    };
    pair.stores(promise, &held).await?;
    pair.conflicts(promise, &other, Some(&held)).await?;
    let elsewhere = first(scope("conflicts"), "other");
    pair.conflicts(promise, &next(&elsewhere), None).await
}

pub(super) async fn deletes_only_the_version_it_holds(pair: &Pair<'_>) -> Result<(), Broken> {
    let promise =
        "a record is deleted only in the version that the store holds, and may come again";
    let one = first(scope("deletes"), "k");
    let (two, beside) = (next(&one), first(scope("deletes"), "beside"));
    pair.deletes(promise, &one, false).await?;
    pair.stores(promise, &one).await?;
    pair.stores(promise, &beside).await?;
    pair.deletes(promise, &two, false).await?;
    pair.stores(promise, &two).await?;
    pair.deletes(promise, &one, false).await?;
    pair.holds(promise, &two.id, Some(&two)).await?;
    pair.deletes(promise, &two, true).await?;
    pair.holds(promise, &two.id, None).await?;
    pair.deletes(promise, &two, false).await?;
    pair.conflicts(promise, &next(&two), None).await?;
    pair.stores(promise, &one).await?;
    pair.holds(promise, &one.id, Some(&one)).await?;
    pair.holds(promise, &beside.id, Some(&beside)).await
}
