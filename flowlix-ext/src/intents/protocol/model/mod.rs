//! The protocol under a model checker: clients, workers, a store and Flowlix, in every order of events within bounds.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod checks;
mod client;
mod mutant;
mod refund;
mod setup;
mod system;
mod worker;
mod world;
