//! Webhooks: where they stand, and that their names are the types that their bodies name.

use std::collections::BTreeSet;
use std::ptr;

use crate::document::join;

use super::Rule;
use super::report::Report;
use super::sites::{Object, Operation, Schema, Sites, array, object};

pub(super) const PLACE: Rule = Rule {
    id: "webhooks-place",
    teaches: "webhooks stand under `x-webhooks`; OpenAPI 3.0 knows no `webhooks`, which would be passed over",
};
pub(super) const UNLISTED: Rule = Rule {
    id: "webhook-unlisted",
    teaches: "a webhook's name is one of the values that the `type` of its body may have",
};
pub(super) const MISSING: Rule = Rule {
    id: "webhook-missing",
    teaches: "each value that the `type` of a webhook's body may have is the name of a webhook",
};

pub(super) fn check(sites: &Sites<'_>, report: &mut Report<'_>) {
    if sites.root.is_some_and(|root| root.contains_key("webhooks")) {
        report.add(
            PLACE,
            "/webhooks",
            "`webhooks` is of OpenAPI 3.1: nothing would be checked or generated for it",
            "call it `x-webhooks`",
        );
    }
    let webhooks = || {
        let operations = sites.operations.iter();
        operations.filter(|operation| operation.webhook)
    };
    let names: BTreeSet<&str> = webhooks().map(|webhook| webhook.path).collect();
    let mut judged = BTreeSet::new();
    for webhook in webhooks() {
        for schema in types(webhook, sites) {
            let values = array(schema.site.value, "enum");
            let pointer = join(&schema.site.pointer, "enum");
            if !values.iter().any(|value| value == webhook.path) {
                report.add(
                    UNLISTED,
                    &webhook.path_item.pointer,
                    format!(
                        "`{}` is no value of `type` in its body, which is {pointer}",
                        webhook.path
                    ),
                    "add it to those values, or correct the webhook's name",
                );
            }
            if !judged.insert(pointer.clone()) {
                continue;
            }
            for (index, value) in values.iter().enumerate() {
                if value.as_str().is_some_and(|value| !names.contains(value)) {
                    report.add(
                        MISSING,
                        &format!("{pointer}/{index}"),
                        format!(
                            "{value} is the type of a webhook that x-webhooks does not describe"
                        ),
                        "describe it under `x-webhooks`, or take the value out",
                    );
                }
            }
        }
    }
}

/// The enums that the `type` of a webhook's body refers to, one for each media type that has such.
fn types<'a, 's>(webhook: &Operation<'a>, sites: &'s Sites<'a>) -> Vec<&'s Schema<'a>> {
    let content = object(webhook.site.value, "requestBody")
        .and_then(|body| sites.resolve(body))
        .and_then(|body| object(body, "content"));
    content
        .into_iter()
        .flatten()
        .filter_map(|(_, media_type)| {
            let body = sites.resolve_schema(object(media_type.as_object()?, "schema")?)?;
            let property = object(object(body, "properties")?, "type")?;
            let listed: &Object = sites.resolve_schema(property)?;
            let mut schemas = sites.schemas.iter();
            schemas.find(|schema| ptr::eq(schema.site.value, listed) && listed.contains_key("enum"))
        })
        .collect()
}
