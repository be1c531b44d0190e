//! `$ref`: local, to something that is there and of the right kind, and not back to itself.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::document::join;

use super::Rule;
use super::report::Report;
use super::sites::{Object, Reference, Sites, array};

pub(super) const REMOTE: Rule = Rule {
    id: "ref-remote",
    teaches: "a $ref stays in the document: generating is offline, and the generator panics on others",
};
pub(super) const UNRESOLVED: Rule = Rule {
    id: "ref-unresolved",
    teaches: "a $ref names a component of the kind that is wanted; else the generator panics",
};
pub(super) const CIRCULAR: Rule = Rule {
    id: "ref-circular",
    teaches: "a component is not, by its own $ref or allOf, itself",
};
pub(super) const SIBLINGS: Rule = Rule {
    id: "ref-siblings",
    teaches: "nothing stands beside a $ref: OpenAPI 3.0 passes over it; wrap the $ref in allOf",
};

pub(super) fn check(sites: &Sites<'_>, report: &mut Report<'_>) {
    for reference in &sites.references {
        check_target(reference, sites, report);
        check_siblings(reference, report);
    }
    for name in circular_schemas(sites) {
        report.add(
            CIRCULAR,
            &join("/components/schemas", name),
            format!("`{name}` refers back to itself before it says anything"),
            "write out what it is",
        );
    }
    for (pointer, section, name) in &sites.components {
        if *section != "schemas" && refers_to_itself(section, name, sites) {
            report.add(
                CIRCULAR,
                pointer,
                format!("`{name}` refers back to itself before it says anything"),
                "write out what it is",
            );
        }
    }
}

fn check_target(reference: &Reference<'_>, sites: &Sites<'_>, report: &mut Report<'_>) {
    let pointer = join(&reference.site.pointer, "$ref");
    let Some(target) = reference.target else {
        report.add(
            UNRESOLVED,
            &pointer,
            "the $ref is no text",
            format!("write `#/components/{}/<name>`", reference.section),
        );
        return;
    };
    if !target.starts_with('#') {
        report.add(
            REMOTE,
            &pointer,
            format!("`{target}` is outside this document"),
            "copy what it names into components and refer to it there",
        );
        return;
    }
    let name = component_name(target, reference.section);
    if name.is_none() || sites.follow(target).is_none() {
        report.add(
            UNRESOLVED,
            &pointer,
            format!("`{target}` is not in components/{}", reference.section),
            "correct the name, or add the component",
        );
    }
}

fn check_siblings(reference: &Reference<'_>, report: &mut Report<'_>) {
    let siblings: Vec<&str> = reference
        .site
        .value
        .keys()
        .map(String::as_str)
        .filter(|member| *member != "$ref")
        .collect();
    if !siblings.is_empty() {
        report.add(
            SIBLINGS,
            &reference.site.pointer,
            format!("beside the $ref stands {}", siblings.join(", ")),
            "in a schema wrap it, `allOf: [{$ref: …}]`; elsewhere move it to the component",
        );
    }
}

/// The name in `#/components/<section>/<name>`.
fn component_name<'a>(target: &'a str, section: &str) -> Option<&'a str> {
    target
        .strip_prefix("#/components/")?
        .strip_prefix(section)?
        .strip_prefix('/')
        .filter(|name| !name.is_empty() && !name.contains('/'))
}

/// Named schemas from which `$ref` and `allOf` alone lead back to them.
pub(super) fn circular_schemas<'a>(sites: &Sites<'a>) -> Vec<&'a str> {
    sites
        .components
        .iter()
        .filter(|(_, section, _)| *section == "schemas")
        .filter_map(|(_, section, name)| refers_to_itself(section, name, sites).then_some(*name))
        .collect()
}

fn refers_to_itself(section: &str, name: &str, sites: &Sites<'_>) -> bool {
    let start = format!("#/components/{section}/{name}");
    let mut seen = BTreeSet::new();
    let mut open = vec![start.clone()];
    while let Some(reference) = open.pop() {
        let Some(value) = sites.follow(&reference) else {
            continue;
        };
        let mut next = Vec::new();
        same_value_references(value, &mut next);
        for target in next {
            if target == start {
                return true;
            }
            if seen.insert(target.to_owned()) {
                open.push(target.to_owned());
            }
        }
    }
    false
}

/// The references that hold for the very same JSON value, not for a part of it.
fn same_value_references<'a>(value: &'a Object, found: &mut Vec<&'a str>) {
    if let Some(target) = value.get("$ref").and_then(Value::as_str) {
        found.push(target);
        return;
    }
    for member in array(value, "allOf").iter().filter_map(Value::as_object) {
        same_value_references(member, found);
    }
}
