//! Path items and operations: their names, their templates, and what the generator passes over.

use std::collections::BTreeMap;

use crate::document::join;
use crate::identifier;

use super::Rule;
use super::report::Report;
use super::sites::{Operation, PathItem, Sites, object, text};

pub(super) const ID_MISSING: Rule = Rule {
    id: "operation-id-missing",
    teaches: "every operation has an operationId: it becomes the method's name",
};
pub(super) const ID_DUPLICATE: Rule = Rule {
    id: "operation-id-duplicate",
    teaches: "no two operations become the same method, in any spelling",
};
pub(super) const PATH_ITEM_REF: Rule = Rule {
    id: "path-item-ref",
    teaches: "a path item stands where it is used; the generator refuses a $ref to one",
};
pub(super) const PATH_TEMPLATE: Rule = Rule {
    id: "path-template",
    teaches: "a path starts with `/` and its braces pair up around a name",
};
pub(super) const CALLBACKS: Rule = Rule {
    id: "callbacks",
    teaches: "webhooks stand under `x-webhooks`; the generator passes over callbacks in silence",
};
pub(super) const SERVERS: Rule = Rule {
    id: "servers-override",
    teaches: "servers stand at the top only; elsewhere they are passed over and the call goes astray",
};

pub(super) fn check(sites: &Sites<'_>, report: &mut Report<'_>) {
    for item in &sites.path_items {
        check_path_item(item, report);
    }
    let mut methods = BTreeMap::new();
    for operation in &sites.operations {
        check_passed_over(operation, report);
        if !operation.webhook {
            check_id(operation, &mut methods, report);
        }
    }
    if let Some(components) = sites.root.and_then(|root| object(root, "components"))
        && components.contains_key("callbacks")
    {
        report_callbacks("/components/callbacks", report);
    }
}

fn check_path_item(item: &PathItem<'_>, report: &mut Report<'_>) {
    if item.site.value.contains_key("$ref") {
        report.add(
            PATH_ITEM_REF,
            &item.site.pointer,
            "the path item is a $ref",
            "write the operations out at this path",
        );
    }
    if placeholders(item.path).is_none() {
        report.add(
            PATH_TEMPLATE,
            &item.site.pointer,
            format!("`{}` is no path template", item.path),
            "start it with `/`, and write each parameter as `{name}`",
        );
    }
    if item.site.value.contains_key("servers") {
        report_servers(&item.site.pointer, report);
    }
}

fn check_passed_over(operation: &Operation<'_>, report: &mut Report<'_>) {
    let site = &operation.site;
    if site.value.contains_key("callbacks") {
        report_callbacks(&join(&site.pointer, "callbacks"), report);
    }
    if site.value.contains_key("servers") {
        report_servers(&site.pointer, report);
    }
}

fn check_id<'a>(
    operation: &Operation<'a>,
    methods: &mut BTreeMap<String, (&'a str, String)>,
    report: &mut Report<'_>,
) {
    let site = &operation.site;
    let Some(id) = text(site.value, "operationId").filter(|id| !id.is_empty()) else {
        report.add(
            ID_MISSING,
            &site.pointer,
            "the operation has no operationId",
            "add one in snake_case, such as `operationId: create_direct_payment`",
        );
        return;
    };
    let method = identifier::snake(id);
    if let Some((earlier, place)) = methods.get(&method) {
        report.add(
            ID_DUPLICATE,
            &join(&site.pointer, "operationId"),
            format!("`{id}` and `{earlier}` at {place} both become the method `{method}`"),
            "give one of the two operations another operationId",
        );
        return;
    }
    methods.insert(method, (id, site.pointer.clone()));
}

fn report_callbacks(pointer: &str, report: &mut Report<'_>) {
    report.add(
        CALLBACKS,
        pointer,
        "callbacks are passed over: nothing would be generated for them",
        "describe what Flowlix sends under the top-level `x-webhooks`",
    );
}

fn report_servers(holder: &str, report: &mut Report<'_>) {
    report.add(
        SERVERS,
        &join(holder, "servers"),
        "servers below the top are passed over: calls would go to the top-level server",
        "keep one top-level `servers`, or describe the other host in a document of its own",
    );
}

/// The parameter names of a path template; `None` when it is malformed.
pub(super) fn placeholders(path: &str) -> Option<Vec<&str>> {
    let mut rest = path.strip_prefix('/')?;
    let mut names = Vec::new();
    while let Some((literal, after)) = rest.split_once('{') {
        let (name, tail) = after.split_once('}')?;
        if literal.contains('}') || name.is_empty() || name.contains(['/', '{']) {
            return None;
        }
        names.push(name);
        rest = tail;
    }
    (!rest.contains('}')).then_some(names)
}
