//! A place that is being compared, as it is called in each document, in Rust and in the report.

use crate::document::join;

use super::change::{Direction, Severity};
use super::rust::Items;

/// The directions in which a place is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Flow {
    pub(super) request: bool,
    pub(super) response: bool,
}

impl Flow {
    pub(super) const REQUEST: Self = Self {
        request: true,
        response: false,
    };
    pub(super) const RESPONSE: Self = Self {
        request: false,
        response: true,
    };
    pub(super) const BOTH: Self = Self {
        request: true,
        response: true,
    };

    pub(super) fn union(self, other: Self) -> Self {
        Self {
            request: self.request || other.request,
            response: self.response || other.response,
        }
    }

    pub(super) fn direction(self) -> Direction {
        match (self.request, self.response) {
            (true, false) => Direction::Request,
            (false, true) => Direction::Response,
            (true, true) => Direction::Both,
            (false, false) => Direction::Neither,
        }
    }

    /// The worse of the judgements that apply.
    pub(super) fn judge(self, in_requests: Severity, in_responses: Severity) -> Severity {
        match self.direction() {
            Direction::Request => in_requests,
            Direction::Response => in_responses,
            Direction::Both | Direction::Neither => in_requests.max(in_responses),
        }
    }
}

/// A place in both documents.
#[derive(Debug, Clone, Default)]
pub(super) struct Site {
    /// JSON pointer in the earlier document.
    pub(super) before: String,
    /// JSON pointer in the later document.
    pub(super) after: String,
    /// Like a pointer, but free of array indices, so that ids survive an insertion.
    pub(super) key: String,
    /// Readable name, such as `Payment.created_at`.
    pub(super) subject: String,
    /// The Rust items that stand for it.
    pub(super) items: Items,
    pub(super) flow: Flow,
    /// The operations that reach it.
    pub(super) operations: Vec<String>,
}

impl Site {
    /// A member that says something about the same subject.
    pub(super) fn member(&self, name: &str) -> Self {
        Self {
            before: join(&self.before, name),
            after: join(&self.after, name),
            key: join(&self.key, name),
            ..self.clone()
        }
    }

    /// A member that is a subject of its own.
    pub(super) fn part(&self, name: &str, suffix: &str) -> Self {
        let mut part = self.member(name);
        part.subject = if self.subject.is_empty() {
            suffix.trim_start_matches('.').to_owned()
        } else {
            format!("{}{suffix}", self.subject)
        };
        part
    }

    pub(super) fn with_items(mut self, items: Items) -> Self {
        self.items = items;
        self
    }

    pub(super) fn with_flow(mut self, flow: Flow) -> Self {
        self.flow = flow;
        self
    }
}
