//! Refunds under the model checker: the calls, the store and Flowlix, in every order of events within bounds.
//!
//! What tells one refund from another is the code that production runs, on payments as Flowlix shows them.

mod checks;
mod client;
mod facts;
mod mutant;
mod settle;
mod setup;
mod system;
mod world;
