//! Responses and their headers.

use serde_json::{Map, Value, json};

use super::change::{Severity, Side};
use super::comparison::{Comparison, Verdict};
use super::json::union_of_keys;
use super::site::Site;
use super::{content, flags, schema, words};

pub(super) fn compare(
    comparison: &mut Comparison<'_>,
    site: &Site,
    before: Option<&Value>,
    after: Option<&Value>,
) {
    let site = site.member("responses");
    let empty = json!({});
    let Some((old, new)) = comparison.sections(&site, before, after, &empty) else {
        return;
    };
    let is_status = |name: &&str| !name.starts_with("x-");
    let statuses = union_of_keys(old, new);
    let mut gone: Vec<&str> = Vec::new();
    let mut come: Vec<&str> = Vec::new();
    for status in statuses.iter().copied().filter(is_status) {
        match (old.get(status), new.get(status)) {
            (Some(old), Some(new)) => {
                let site = site.part(status, &format!(".{status}"));
                listed(comparison, &site, old, new);
            }
            (Some(_), None) => gone.push(status),
            (None, _) => come.push(status),
        }
    }
    for status in gone {
        let successor = come
            .iter()
            .position(|candidate| candidate.starts_with(class_of(status)))
            .map(|index| come.remove(index));
        let mut site = site.part(status, &format!(".{status}"));
        if let (Some(successor), Some(old), Some(new)) = (
            successor,
            old.get(status),
            successor.and_then(|successor| new.get(successor)),
        ) {
            site.after = crate::document::join(
                site.after.rsplit_once('/').map_or("", |(parent, _)| parent),
                successor,
            );
            moved(comparison, &site, status, successor);
            listed(comparison, &site, old, new);
        } else {
            removed(comparison, &site, status);
        }
    }
    for status in come {
        added(
            comparison,
            &site.part(status, &format!(".{status}")),
            status,
        );
    }
    let judged: Vec<&str> = statuses.iter().copied().filter(is_status).collect();
    words::rest(comparison, &site, old, new, &judged);
}

/// The first digit of a status; `default` is a class of its own.
fn class_of(status: &str) -> &str {
    status
        .char_indices()
        .nth(1)
        .map_or(status, |(second, _)| status.split_at(second).0)
}

fn is_success(status: &str) -> bool {
    status.starts_with('2')
}

fn is_range(status: &str) -> bool {
    status.ends_with("XX")
}

fn added(comparison: &mut Comparison<'_>, site: &Site, status: &str) {
    let in_responses = if is_success(status) {
        Severity::Breaking
    } else {
        Severity::Compatible
    };
    comparison.wire(
        site,
        Side::After,
        Verdict {
            rule: "response-added",
            in_requests: Severity::Compatible,
            in_responses,
            message: format!("answers with status {status} now"),
            advice: "A second success needs a rule of its own; an error must share the error schema.",
        },
    );
}

fn removed(comparison: &mut Comparison<'_>, site: &Site, status: &str) {
    let in_responses = if is_success(status) {
        Severity::Breaking
    } else {
        Severity::Compatible
    };
    comparison.wire(
        site,
        Side::Before,
        Verdict {
            rule: "response-removed",
            in_requests: Severity::Compatible,
            in_responses,
            message: format!("status {status} is no longer documented"),
            advice: "Keep reading it: released servers and proxies may still send it.",
        },
    );
}

fn moved(comparison: &mut Comparison<'_>, site: &Site, before: &str, after: &str) {
    let narrowed = is_range(before) && !is_range(after);
    comparison.wire(
        site,
        Side::After,
        Verdict {
            rule: "response-status-changed",
            in_requests: Severity::Compatible,
            in_responses: if narrowed || !is_success(before) {
                Severity::Compatible
            } else {
                Severity::Breaking
            },
            message: format!("status {before} is documented as {after} now"),
            advice: "Released versions treat a success they do not know as an error: take any 2xx where that can happen.",
        },
    );
}

fn listed(comparison: &mut Comparison<'_>, site: &Site, before: &Value, after: &Value) {
    if let Some(((before_at, old), (after_at, new))) =
        content::resolved_pair(comparison, site, before, after)
    {
        let site = Site {
            before: before_at,
            after: after_at,
            ..site.clone()
        };
        response(comparison, &site, &old, &new);
    }
}

/// Compares one response with its successor.
pub(super) fn response(
    comparison: &mut Comparison<'_>,
    site: &Site,
    before: &Value,
    after: &Value,
) {
    let Some((old, new)) = comparison.objects(site, Some(before), Some(after)) else {
        return;
    };
    headers(comparison, site, old.get("headers"), new.get("headers"));
    content::compare(comparison, site, old.get("content"), new.get("content"));
    words::rest(comparison, site, old, new, &["headers", "content"]);
}

fn headers(
    comparison: &mut Comparison<'_>,
    site: &Site,
    before: Option<&Value>,
    after: Option<&Value>,
) {
    let site = site.member("headers");
    let empty = json!({});
    let Some((old, new)) = comparison.sections(&site, before, after, &empty) else {
        return;
    };
    for name in union_of_keys(old, new) {
        let Some(key) = stored_name(old, new, name) else {
            continue;
        };
        let mut site = site.part(name, &format!(".header.{name}"));
        match (key.0.and_then(|key| old.get(key)), key.1.and_then(|key| new.get(key))) {
            (Some(old), Some(new)) => {
                if let Some(((before_at, old), (after_at, new))) =
                    content::resolved_pair(comparison, &site, old, new)
                {
                    site.before = before_at;
                    site.after = after_at;
                    header(comparison, &site, &old, &new);
                }
            }
            (None, _) => comparison.wire(
                &site,
                Side::After,
                Verdict {
                    rule: "header-added",
                    in_requests: Severity::Compatible,
                    in_responses: Severity::Compatible,
                    message: format!("the response header `{name}` is new"),
                    advice: "Decide whether flowlix-ext should read it.",
                },
            ),
            (Some(_), None) => comparison.wire(
                &site,
                Side::Before,
                Verdict {
                    rule: "header-removed",
                    in_requests: Severity::Breaking,
                    in_responses: Severity::Breaking,
                    message: format!("the response header `{name}` is gone"),
                    advice: "See what flowlix-ext reads from it: rate limits, waiting times, request ids.",
                },
            ),
        }
    }
}

/// How each document spells a header; `None` when the later document's spelling has judged it already.
fn stored_name<'v>(
    before: &'v Map<String, Value>,
    after: &'v Map<String, Value>,
    name: &'v str,
) -> Option<(Option<&'v str>, Option<&'v str>)> {
    let spelling = |members: &'v Map<String, Value>| {
        members
            .keys()
            .map(String::as_str)
            .find(|key| *key == name)
            .or_else(|| {
                members
                    .keys()
                    .map(String::as_str)
                    .find(|key| key.eq_ignore_ascii_case(name))
            })
    };
    let pair = (spelling(before), spelling(after));
    let judged_already = pair.1.is_some_and(|spelled| spelled != name);
    (!judged_already).then_some(pair)
}

/// Compares one response header with its successor.
pub(super) fn header(comparison: &mut Comparison<'_>, site: &Site, before: &Value, after: &Value) {
    let Some((old, new)) = comparison.objects(site, Some(before), Some(after)) else {
        return;
    };
    flags::required(
        comparison,
        site,
        "header",
        old.get("required"),
        new.get("required"),
    );
    let empty = json!({});
    schema::compare(
        comparison,
        &site.member("schema"),
        old.get("schema").unwrap_or(&empty),
        new.get("schema").unwrap_or(&empty),
        true,
    );
    flags::deprecation(comparison, site, old, new);
    words::rest(
        comparison,
        site,
        old,
        new,
        &["required", "schema", "deprecated"],
    );
}
