#![doc = include_str!("../docs/migration.md")]
//!
//! # Where to read on
//! [`Payments`](crate::payments::Payments) has every call on payments, [`Wait`](crate::payments::Wait) and
//! [`WaitHandle`](crate::payments::WaitHandle) all about waiting, [`IdempotencyKey`](crate::IdempotencyKey) the
//! rules for keys, [`call::decision`](crate::call::decision) the table of what is sent again, and
//! [`journal`](crate::journal) what outlives a crash.
