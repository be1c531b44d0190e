//! Provenance: from which page, read when, each part was taken.

use serde_json::Value;

use crate::document::join;

use super::Rule;
use super::report::Report;
use super::sites::{Object, Role, Site, Sites, array, text};

pub(super) const MISSING: Rule = Rule {
    id: "provenance-missing",
    teaches: "the top-level x-provenance lists the pages that the document was taken from",
};
pub(super) const ENTRY: Rule = Rule {
    id: "provenance-entry",
    teaches: "each entry of x-provenance has a unique id, document, page and date (YYYY-MM-DD)",
};
pub(super) const SOURCE_MISSING: Rule = Rule {
    id: "source-missing",
    teaches: "every operation, named schema and named example says by x-source where it was taken from",
};
pub(super) const SOURCE_UNKNOWN: Rule = Rule {
    id: "source-unknown",
    teaches: "x-source names ids of x-provenance",
};

pub(super) fn check(sites: &Sites<'_>, report: &mut Report<'_>) {
    let entries = sites
        .root
        .map_or(&[][..], |root| array(root, "x-provenance"));
    if entries.is_empty() {
        report.add(
            MISSING,
            "/x-provenance",
            "the document does not say where it comes from",
            "add `x-provenance`, a list of {id, document, page, date}",
        );
    }
    let mut ids = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        check_entry(&format!("/x-provenance/{index}"), entry, &mut ids, report);
    }
    let named_schemas = sites
        .schemas
        .iter()
        .filter(|schema| matches!(schema.role, Role::Component(_)))
        .map(|schema| &schema.site);
    let operations = sites.operations.iter().map(|operation| &operation.site);
    for site in operations.chain(named_schemas).chain(&sites.named_examples) {
        check_source(site, &ids, report);
    }
}

fn check_entry<'a>(
    pointer: &str,
    entry: &'a Value,
    ids: &mut Vec<&'a str>,
    report: &mut Report<'_>,
) {
    let empty = Object::new();
    let members = entry.as_object().unwrap_or(&empty);
    for member in ["id", "document", "page", "date"] {
        if text(members, member).is_none_or(|text| text.trim().is_empty()) {
            report.add(
                ENTRY,
                pointer,
                format!("the entry has no `{member}`"),
                "write id, document, page and date, each as text",
            );
        }
    }
    if let Some(date) = text(members, "date").filter(|date| !is_date(date)) {
        report.add(
            ENTRY,
            &join(pointer, "date"),
            format!("{date:?} is no date"),
            "write the day on which the page was read as YYYY-MM-DD",
        );
    }
    if let Some(id) = entry.get("id").and_then(Value::as_str) {
        if ids.contains(&id) {
            report.add(
                ENTRY,
                &join(pointer, "id"),
                format!("the id `{id}` is used twice"),
                "give each page its own id",
            );
        }
        ids.push(id);
    }
}

fn check_source(site: &Site<'_>, ids: &[&str], report: &mut Report<'_>) {
    let pointer = join(&site.pointer, "x-source");
    let sources: Vec<&Value> = match site.value.get("x-source") {
        Some(Value::Array(sources)) => sources.iter().collect(),
        Some(source) => vec![source],
        None => Vec::new(),
    };
    if sources.is_empty() {
        report.add(
            SOURCE_MISSING,
            &site.pointer,
            "it does not say where it was taken from",
            "add `x-source` with the id of an entry of x-provenance",
        );
    }
    for source in sources {
        if !source.as_str().is_some_and(|source| ids.contains(&source)) {
            report.add(
                SOURCE_UNKNOWN,
                &pointer,
                format!("{source} is no id of x-provenance"),
                "correct the id, or add the page to x-provenance",
            );
        }
    }
}

/// A day of the calendar, written YYYY-MM-DD.
fn is_date(text: &str) -> bool {
    let well_formed = text.len() == 10
        && text.char_indices().all(|(index, c)| match index {
            4 | 7 => c == '-',
            _ => c.is_ascii_digit(),
        });
    let mut parts = text.split('-').map(str::parse::<u32>);
    let (Some(Ok(year)), Some(Ok(month)), Some(Ok(day))) =
        (parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    };
    well_formed && (1..=days).contains(&day)
}
