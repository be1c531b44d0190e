//! Whose a payment is: the part of an API key that outlives its rotation.

use crate::dialect::Dialect;

/// The merchants whose keys the sandbox knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Merchant {
    /// The merchant under test: [`Sandbox::key`](crate::Sandbox::key) and its rotations.
    Own,
    /// Another merchant: [`Sandbox::foreign_key`](crate::Sandbox::foreign_key).
    Foreign,
}

/// The payments that a key gives access to. All keys of a merchant, dialect and mode share them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Account {
    pub(crate) merchant: Merchant,
    pub(crate) dialect: Dialect,
    pub(crate) livemode: bool,
}
