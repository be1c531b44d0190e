//! What xtask makes from `openapi/`; only this file is written by hand.

// The shape of generated code is the generator's own, so lints about style and layout say nothing about it.
// The one panic it would hold is taken out by xtask, with the constructor around it.
#![allow(clippy::all, clippy::pedantic, missing_docs, unreachable_pub)]

#[rustfmt::skip]
pub mod convert;
/// One model for both dialects: what is sent to Flowlix, and what comes back.
///
/// Names follow the uppercase dialect. What the two dialects say alike is told once; what only one says begins
/// with its name, or ends with "Only in", and holds for the keys of that dialect alone: `fl_…` of `snake_case`, `api_…`
/// of uppercase. A member that only one dialect has is `None`, or empty, when read in the other, and refused by its
/// name when it would be sent.
///
/// - Amounts are minor units (4999 is EUR 49.99), times are Unix seconds.
/// - Enums are open: a value that this version has no name for is kept as it came, in `Unknown`. So match with a
///   wildcard, and take it for nothing that you know. `as_str` gives its text.
/// - Ids that came from Flowlix are taken as they are. Their `FromStr` (`parse`) holds an id of your own against the
///   documented patterns; [`received`](model::PaymentId::received) takes one back that you have stored.
/// - Structs that are read can be stored: they are serde's, in the model's own names, whatever the dialect.
#[rustfmt::skip]
pub mod model;
#[rustfmt::skip]
pub mod snake_case;
#[rustfmt::skip]
pub mod uppercase;
