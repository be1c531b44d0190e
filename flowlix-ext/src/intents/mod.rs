//! Payment intents: be paid for an order, once.

pub(crate) mod protocol;
pub mod store;
