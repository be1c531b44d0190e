//! Payment intents: be paid for an order, once.

pub mod store;
