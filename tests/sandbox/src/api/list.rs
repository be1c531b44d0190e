//! Listing payments: the query, the filters, the pages.

use std::borrow::Cow;

use super::error::ApiError;
use crate::dialect::Dialect;
use crate::payment::{Payment, Status};

#[derive(Debug, Default)]
pub(crate) struct ListQuery {
    pub(crate) limit: usize,
    pub(crate) starting_after: Option<String>,
    pub(crate) ending_before: Option<String>,
    pub(crate) status: Option<Status>,
    pub(crate) created_from: Option<i64>,
    pub(crate) created_before: Option<i64>,
}

#[derive(Debug)]
pub(crate) struct Page<'a> {
    pub(crate) payments: Vec<&'a Payment>,
    pub(crate) has_more: bool,
}

/// What the server's index of payments can do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Index {
    /// Makes pages shorter than asked for.
    pub(crate) page_cap: Option<usize>,
    /// Payments that are newer than this are not in the index yet.
    pub(crate) created_until: Option<i64>,
}

/// Cuts one page out of `newest_first`, the caller's payments.
///
/// `has_more` looks in the direction of paging: with `ending_before`, whether newer ones remain.
pub(crate) fn page<'a>(
    newest_first: &[&'a Payment],
    query: &ListQuery,
    index: Index,
) -> Result<Page<'a>, ApiError> {
    let position = |name: &str, cursor: &str| {
        newest_first
            .iter()
            .position(|payment| payment.id() == cursor)
            .ok_or_else(|| {
                ApiError::invalid(Some(name), &format!("{name} names no known payment."))
            })
    };
    let matches = |payment: &&&'a Payment| {
        index
            .created_until
            .is_none_or(|until| payment.created_at() <= until)
            && query.status.is_none_or(|status| payment.status() == status)
            && query
                .created_from
                .is_none_or(|from| payment.created_at() >= from)
            && query
                .created_before
                .is_none_or(|before| payment.created_at() < before)
    };
    let size = index
        .page_cap
        .map_or(query.limit, |cap| query.limit.min(cap.max(1)));
    if let Some(cursor) = &query.ending_before {
        let end = position("ending_before", cursor)?;
        let mut newer: Vec<&Payment> = newest_first
            .iter()
            .take(end)
            .rev()
            .filter(matches)
            .copied()
            .collect();
        let has_more = newer.len() > size;
        newer.truncate(size);
        newer.reverse();
        return Ok(Page {
            payments: newer,
            has_more,
        });
    }
    let start = match &query.starting_after {
        None => 0,
        Some(cursor) => position("starting_after", cursor)?.saturating_add(1),
    };
    let mut older: Vec<&Payment> = newest_first
        .iter()
        .skip(start)
        .filter(matches)
        .copied()
        .collect();
    let has_more = older.len() > size;
    older.truncate(size);
    Ok(Page {
        payments: older,
        has_more,
    })
}

/// The query of a list request, read parameter by parameter.
#[derive(Debug)]
pub(crate) struct QueryParameters<'a> {
    given: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    known: Vec<&'static str>,
}

impl<'a> QueryParameters<'a> {
    pub(crate) fn new(query: &'a str) -> Result<Self, ApiError> {
        let given: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
        for (index, (name, _)) in given.iter().enumerate() {
            if given
                .iter()
                .skip(index.saturating_add(1))
                .any(|(other, _)| other == name)
            {
                return Err(ApiError::invalid(
                    Some(name),
                    &format!("{name} is given twice."),
                ));
            }
        }
        Ok(Self {
            given,
            known: Vec::new(),
        })
    }

    fn get(&mut self, name: &'static str) -> Option<&str> {
        self.known.push(name);
        self.given
            .iter()
            .find(|(given, _)| given == name)
            .map(|(_, value)| value.as_ref())
    }

    pub(crate) fn limit(&mut self) -> Result<usize, ApiError> {
        let Some(text) = self.get("limit") else {
            return Ok(10);
        };
        text.parse()
            .ok()
            .filter(|limit| (1..=100).contains(limit))
            .ok_or_else(|| ApiError::invalid(Some("limit"), "limit must be between 1 and 100."))
    }

    pub(crate) fn cursor(
        &mut self,
        name: &'static str,
        dialect: Dialect,
    ) -> Result<Option<String>, ApiError> {
        match self.get(name) {
            None => Ok(None),
            Some(id) if dialect.is_payment_id(id) => Ok(Some(id.to_owned())),
            Some(_) => Err(ApiError::invalid(
                Some(name),
                &format!("{name} is not a payment id."),
            )),
        }
    }

    pub(crate) fn status(&mut self, dialect: Dialect) -> Result<Option<Status>, ApiError> {
        match self.get("status") {
            None => Ok(None),
            Some(spelled) => dialect.status(spelled).map(Some).ok_or_else(|| {
                ApiError::invalid(Some("status"), "status is not a payment status.")
            }),
        }
    }

    pub(crate) fn seconds(&mut self, name: &'static str) -> Result<Option<i64>, ApiError> {
        match self.get(name) {
            None => Ok(None),
            Some(text) => text.parse().map(Some).map_err(|_| {
                ApiError::invalid(Some(name), &format!("{name} must be Unix seconds."))
            }),
        }
    }

    /// Refuses parameters that the dialect does not document: a filter in the other dialect's
    /// spelling would otherwise be dropped in silence.
    pub(crate) fn end(self, strict: bool) -> Result<(), ApiError> {
        let unknown = self
            .given
            .iter()
            .find(|(name, _)| !self.known.contains(&name.as_ref()));
        match unknown {
            Some((name, _)) if strict => Err(ApiError::invalid(
                Some(name),
                &format!("{name} is not a documented parameter."),
            )),
            _ => Ok(()),
        }
    }
}
