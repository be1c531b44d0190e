//! The two documents under comparison, and what has been found so far.

use serde_json::{Map, Value};

use crate::document::Document;
use crate::rules::Entry;

use super::change::{Change, Direction, Kind, Severity, Side};
use super::json;
use super::reach::Reach;
use super::rust::Names;
use super::site::Site;

/// The members of an object in both documents.
pub(super) type Pair<'v> = (&'v Map<String, Value>, &'v Map<String, Value>);

/// The judgement of one rule, before it is tied to a place.
pub(super) struct Verdict<'a> {
    pub(super) rule: &'a str,
    pub(super) in_requests: Severity,
    pub(super) in_responses: Severity,
    pub(super) message: String,
    pub(super) advice: &'a str,
}

/// State of one comparison.
pub(super) struct Comparison<'a> {
    pub(super) before: &'a Document,
    pub(super) after: &'a Document,
    pub(super) names: Names<'a>,
    pub(super) reach: Reach,
    /// Pairs of references being followed, so that a schema that contains itself ends.
    pub(super) following: Vec<(String, String)>,
    changes: Vec<Change>,
}

impl<'a> Comparison<'a> {
    pub(super) fn new(before: &'a Document, after: &'a Document, rules: &'a [Entry]) -> Self {
        Self {
            before,
            after,
            names: Names::of(after, rules),
            reach: Reach::of(before, after),
            following: Vec::new(),
            changes: Vec::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    pub(super) fn into_changes(mut self) -> Vec<Change> {
        self.changes.sort_by(|left, right| {
            (
                left.kind,
                right.severity,
                &left.pointer,
                &left.rule,
                &left.id,
            )
                .cmp(&(
                    right.kind,
                    left.severity,
                    &right.pointer,
                    &right.rule,
                    &right.id,
                ))
        });
        self.changes.dedup();
        self.changes
    }

    /// A change of what is sent or received.
    pub(super) fn wire(&mut self, site: &Site, side: Side, verdict: Verdict<'_>) {
        let Verdict {
            rule,
            in_requests,
            in_responses,
            mut message,
            advice,
        } = verdict;
        let direction = site.flow.direction();
        if direction == Direction::Neither {
            message.push_str("; nothing sent or received reaches this place");
            self.push(
                site,
                side,
                Kind::Words,
                Severity::Cosmetic,
                rule,
                message,
                advice,
            );
            return;
        }
        if direction == Direction::Both && in_requests != in_responses {
            let breaks = if in_requests > in_responses {
                "requests"
            } else {
                "responses"
            };
            message.push_str("; it breaks ");
            message.push_str(breaks);
            message.push_str(" only");
        }
        let severity = site.flow.judge(in_requests, in_responses);
        self.push(site, side, Kind::Wire, severity, rule, message, advice);
    }

    /// A change of a public item.
    pub(super) fn rust(
        &mut self,
        site: &Site,
        side: Side,
        rule: &str,
        severity: Severity,
        message: String,
        advice: &str,
    ) {
        self.push(site, side, Kind::Rust, severity, rule, message, advice);
    }

    /// A change that only a reader notices.
    pub(super) fn words(&mut self, site: &Site, side: Side, rule: &str, message: String) {
        let advice = "Nothing to do but to regenerate, for the doc comments.";
        self.push(
            site,
            side,
            Kind::Words,
            Severity::Cosmetic,
            rule,
            message,
            advice,
        );
    }

    /// A difference that no rule knows: breaking until somebody has looked.
    pub(super) fn unclassified(
        &mut self,
        site: &Site,
        before: Option<&Value>,
        after: Option<&Value>,
    ) {
        if before == after {
            return;
        }
        let side = if after.is_some() {
            Side::After
        } else {
            Side::Before
        };
        let message = format!(
            "changed {} in a way that no rule judges",
            json::change(before, after)
        );
        self.push(
            site,
            side,
            Kind::Wire,
            Severity::Breaking,
            "unclassified",
            message,
            "Look at it by hand; `cargo xtask lint` says whether the generator takes it.",
        );
    }

    /// Both values as objects; anything else that differs is reported, and `None` returned.
    pub(super) fn objects<'v>(
        &mut self,
        site: &Site,
        before: Option<&'v Value>,
        after: Option<&'v Value>,
    ) -> Option<Pair<'v>> {
        match (before, after) {
            (Some(Value::Object(before)), Some(Value::Object(after))) => Some((before, after)),
            (before, after) => {
                self.unclassified(site, before, after);
                None
            }
        }
    }

    /// Both values as objects, where one that is missing counts as empty.
    pub(super) fn sections<'v>(
        &mut self,
        site: &Site,
        before: Option<&'v Value>,
        after: Option<&'v Value>,
        empty: &'v Value,
    ) -> Option<Pair<'v>> {
        self.objects(
            site,
            Some(before.unwrap_or(empty)),
            Some(after.unwrap_or(empty)),
        )
    }

    #[allow(clippy::too_many_arguments)] // private, and each argument is a field of `Change`
    fn push(
        &mut self,
        site: &Site,
        side: Side,
        kind: Kind,
        severity: Severity,
        rule: &str,
        message: String,
        advice: &str,
    ) {
        let subject = if site.subject.is_empty() {
            "document"
        } else {
            &site.subject
        };
        let hash = short_hash(&[&self.names.dialect, rule, &site.key]);
        self.changes.push(Change {
            id: format!("{rule}/{subject}@{hash:08x}"),
            kind,
            rule: rule.to_owned(),
            severity,
            direction: site.flow.direction(),
            spec: self.after.label.clone(),
            pointer: match side {
                Side::Before => site.before.clone(),
                Side::After => site.after.clone(),
            },
            side,
            message,
            advice: advice.to_owned(),
            rust_items: site.items.to_vec(),
            operations: site.operations.clone(),
        });
    }
}

/// 32-bit FNV-1a. The standard library's hasher promises nothing across releases, and ids must not move.
fn short_hash(parts: &[&str]) -> u32 {
    parts
        .iter()
        .flat_map(|part| part.bytes().chain([0]))
        .fold(0x811c_9dc5, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        })
}
