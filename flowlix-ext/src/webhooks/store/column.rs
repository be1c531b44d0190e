//! What both databases keep in a column of 64 bits, signed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{ClaimToken, EventStoreError};

/// Nanoseconds since 1970, so that a lease ends at the very moment that was agreed; they last until 2262.
pub(super) fn from_time(time: SystemTime) -> Result<i64, EventStoreError> {
    let nanos = match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()).ok(),
        Err(before) => i64::try_from(before.duration().as_nanos())
            .ok()
            .and_then(i64::checked_neg),
    };
    nanos.ok_or_else(|| {
        EventStoreError::new("a moment more than 292 years from 1970 cannot be stored")
    })
}

/// The end of a lease that begins now.
pub(super) fn lease_end(now: SystemTime, lease: Duration) -> Result<i64, EventStoreError> {
    let end = now
        .checked_add(lease)
        .ok_or_else(|| EventStoreError::new("the lease ends after the end of time"))?;
    from_time(end)
}

pub(super) fn to_time(nanos: i64) -> Result<SystemTime, EventStoreError> {
    let distance = Duration::from_nanos(nanos.unsigned_abs());
    let time = if nanos < 0 {
        UNIX_EPOCH.checked_sub(distance)
    } else {
        UNIX_EPOCH.checked_add(distance)
    };
    time.ok_or_else(|| {
        EventStoreError::new("the stored end of a lease is no moment of this system")
    })
}

/// Databases number from 1 upwards.
pub(super) fn to_token(number: i64) -> Result<ClaimToken, EventStoreError> {
    u64::try_from(number)
        .map(ClaimToken::new)
        .map_err(EventStoreError::new)
}

/// None when no database can have given it out.
pub(super) fn from_token(token: ClaimToken) -> Option<i64> {
    i64::try_from(token.get()).ok()
}
