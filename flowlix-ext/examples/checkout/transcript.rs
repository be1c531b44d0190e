//! What is printed, and what stops the example.

use std::fmt::Debug;

use crate::Failure;

pub(crate) fn heading(text: &str) {
    println!("\n{text}");
}

pub(crate) fn step(text: &str) {
    println!("    {text}");
}

/// Fails when something is not as it should be.
pub(crate) fn expect<T: PartialEq + Debug>(
    what: &str,
    expected: T,
    seen: T,
) -> Result<(), Failure> {
    if expected == seen {
        return Ok(());
    }
    Err(format!("{what}: expected {expected:?}, saw {seen:?}").into())
}
