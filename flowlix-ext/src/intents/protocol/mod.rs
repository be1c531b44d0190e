//! The protocol of payment intents: pure functions from a record and a fact to the next record and what to do.
//!
//! Nothing here reads a clock, a store or the network. The calls, the printed state table and the model checker use
//! the same functions.

pub(crate) mod apply;
mod erase;
#[cfg(test)]
mod model;
pub(crate) mod pay;
pub(crate) mod record;
pub(crate) mod refund;
pub(crate) mod report;
pub(crate) mod rules;
pub(crate) mod sends;
pub(crate) mod status;
#[cfg(test)]
mod table;
#[cfg(test)]
mod tests;
