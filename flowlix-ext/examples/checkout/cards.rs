//! Flowlix's test cards. They work with test keys alone.

/// It is charged.
pub(crate) const GOOD: &str = "4111111111111111";
/// The issuer declines it: insufficient funds.
pub(crate) const DECLINED: &str = "4000000000009995";
/// It asks for 3-D Secure.
pub(crate) const CHALLENGED: &str = "4635440000002223";
