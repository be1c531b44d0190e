//! One difference between two versions of a specification.

use serde::Serialize;

/// Where a change is felt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// In what is sent and received.
    Wire,
    /// In the public items of `flowlix-api`.
    Rust,
    /// In descriptions, examples and the like.
    Words,
}

/// Who has to cope with a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// What the SDK sends.
    Request,
    /// What the SDK receives: answers and webhook deliveries.
    Response,
    /// Both of them.
    Both,
    /// Nothing that is sent or received.
    Neither,
}

/// How bad a change is for whoever was built against the earlier version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Nothing but words.
    Cosmetic,
    /// What worked goes on working.
    Compatible,
    /// What worked may fail, or not compile.
    Breaking,
}

/// Which of the two documents a pointer belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The earlier document, for what is gone from the later one.
    Before,
    /// The later document.
    After,
}

/// One difference, judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Stable name: rule, place in words, and a short hash of specification, rule and place.
    pub id: String,
    /// Where it is felt.
    pub kind: Kind,
    /// The rule that judged it, in kebab-case.
    pub rule: String,
    /// How bad it is.
    pub severity: Severity,
    /// Who has to cope with it.
    pub direction: Direction,
    /// The later document, such as `openapi/uppercase.yaml`.
    pub spec: String,
    /// JSON pointer of the place.
    pub pointer: String,
    /// The document that the pointer belongs to.
    pub side: Side,
    /// What changed, in a sentence.
    pub message: String,
    /// What to do about it.
    pub advice: String,
    /// The Rust items it touches.
    pub rust_items: Vec<String>,
    /// The operations and webhooks that reach the place.
    pub operations: Vec<String>,
}
