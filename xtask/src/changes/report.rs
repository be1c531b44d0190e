//! The outcome of a comparison: findings, totals, verdict.

use serde::Serialize;

use crate::document::Document;

use super::change::{Change, Kind, Severity};

/// What the findings mean for the next version number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing to release.
    Unchanged,
    /// Descriptions, examples and the like: a patch version.
    WordsOnly,
    /// Users need not change anything: a minor version.
    Compatible,
    /// Users may have to change something: a major version.
    Breaking,
}

impl Verdict {
    /// Exit status of `cargo xtask changes`: 3 for breaking, otherwise 0.
    #[must_use]
    pub fn exit_status(self) -> u8 {
        match self {
            Self::Breaking => 3,
            Self::Unchanged | Self::WordsOnly | Self::Compatible => 0,
        }
    }

    /// The part of the version number to raise.
    #[must_use]
    pub fn semver(self) -> &'static str {
        match self {
            Self::Unchanged => "none",
            Self::WordsOnly => "patch",
            Self::Compatible => "minor",
            Self::Breaking => "major",
        }
    }
}

/// How many findings of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Count {
    /// Findings that break.
    pub breaking: usize,
    /// Findings that do not.
    pub compatible: usize,
}

/// How many findings, by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Totals {
    /// On the wire.
    pub wire: Count,
    /// In the Rust surface.
    pub rust: Count,
    /// In the words only.
    pub words: usize,
}

/// A pair of documents that were compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// The earlier document.
    pub before: String,
    /// The later document.
    pub after: String,
    /// Why nothing is listed, when nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// The outcome of one or more comparisons.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// What was compared.
    pub compared: Vec<Compared>,
    /// What was found: wire before Rust before words, and what breaks first.
    pub changes: Vec<Change>,
}

impl Report {
    pub(super) fn new(before: &Document, after: &Document, changes: Vec<Change>) -> Self {
        // As text, since `==` of two trees does not see the order of members.
        let (old, new) = (before.root.to_string(), after.root.to_string());
        let same_text = old == new;
        let note = match (changes.is_empty(), same_text) {
            (false, _) => None,
            (true, true) => Some("The two say the same, word for word.".to_owned()),
            (true, false) => Some(
                "The two differ only in the order of members or lists, or in the way of writing the \
                 same schema: nothing that is sent, received, generated or read changes."
                    .to_owned(),
            ),
        };
        Self {
            compared: vec![Compared {
                before: before.label.clone(),
                after: after.label.clone(),
                note,
            }],
            changes,
        }
    }

    /// Puts several reports into one.
    #[must_use]
    pub fn join(reports: impl IntoIterator<Item = Self>) -> Self {
        let mut joined = Self::default();
        for report in reports {
            joined.compared.extend(report.compared);
            joined.changes.extend(report.changes);
        }
        joined
            .changes
            .sort_by_key(|change| (change.kind, std::cmp::Reverse(change.severity)));
        joined
    }

    /// The totals; always all three.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for change in &self.changes {
            let count = match change.kind {
                Kind::Wire => &mut totals.wire,
                Kind::Rust => &mut totals.rust,
                Kind::Words => {
                    totals.words += 1;
                    continue;
                }
            };
            if change.severity == Severity::Breaking {
                count.breaking += 1;
            } else {
                count.compatible += 1;
            }
        }
        totals
    }

    /// The verdict: as bad as the worst finding.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self.changes.iter().map(|change| change.severity).max() {
            None => Verdict::Unchanged,
            Some(Severity::Cosmetic) => Verdict::WordsOnly,
            Some(Severity::Compatible) => Verdict::Compatible,
            Some(Severity::Breaking) => Verdict::Breaking,
        }
    }

    /// The report for programs: one JSON object, pretty-printed, ending with a line feed.
    #[must_use]
    pub fn to_json(&self) -> String {
        #[derive(Serialize)]
        struct Printed<'a> {
            compared: &'a [Compared],
            changes: &'a [Change],
            totals: Totals,
            verdict: Verdict,
            semver: &'static str,
        }
        let verdict = self.verdict();
        let printed = serde_json::json!(Printed {
            compared: &self.compared,
            changes: &self.changes,
            totals: self.totals(),
            verdict,
            semver: verdict.semver(),
        });
        format!("{printed:#}\n")
    }
}
