//! Schemas put together from others, and schemas that may be null.

use crate::document::join;

use super::Rule;
use super::report::Report;
use super::sites::{Role, Schema, Sites, array, is_true};

pub(super) const COMPOSITION: Rule = Rule {
    id: "schema-composition",
    teaches: "no oneOf, anyOf, not or discriminator: the generator decodes one case as another, or panics",
};
pub(super) const ALL_OF: Rule = Rule {
    id: "schema-all-of",
    teaches: "allOf wraps exactly one $ref, beside description or nullable only",
};
pub(super) const NULLABLE_COMPONENT: Rule = Rule {
    id: "schema-nullable-component",
    teaches: "null belongs to the property, not to the named schema: else each use is a wrapped Option",
};

/// What may stand beside `allOf`.
const BESIDE_ALL_OF: [&str; 6] = [
    "allOf",
    "nullable",
    "description",
    "example",
    "default",
    "deprecated",
];

pub(super) fn check(sites: &Sites<'_>, report: &mut Report<'_>) {
    for schema in &sites.schemas {
        check_keywords(schema, report);
        check_all_of(schema, report);
        if matches!(schema.role, Role::Component(_)) && is_true(schema.site.value, "nullable") {
            report.add(
                NULLABLE_COMPONENT,
                &join(&schema.site.pointer, "nullable"),
                "the named schema is nullable",
                "take it out here, and write `nullable: true` with `allOf: [{$ref: …}]` at each property that may be null",
            );
        }
    }
}

fn check_keywords(schema: &Schema<'_>, report: &mut Report<'_>) {
    for keyword in ["oneOf", "anyOf", "not", "discriminator"] {
        if schema.site.value.contains_key(keyword) {
            report.add(
                COMPOSITION,
                &join(&schema.site.pointer, keyword),
                format!("the schema uses {keyword}"),
                "describe one object whose members are optional, and tell in words which go together",
            );
        }
    }
}

fn check_all_of(schema: &Schema<'_>, report: &mut Report<'_>) {
    let value = schema.site.value;
    if !value.contains_key("allOf") {
        return;
    }
    let pointer = join(&schema.site.pointer, "allOf");
    let wraps_one = match array(value, "allOf") {
        [only] => only.get("$ref").is_some(),
        _ => false,
    };
    if !wraps_one {
        report.add(
            ALL_OF,
            &pointer,
            "allOf does not hold exactly one $ref",
            "write the members out in one schema",
        );
    }
    for keyword in value.keys() {
        if !BESIDE_ALL_OF.contains(&keyword.as_str()) && !keyword.starts_with("x-") {
            report.add(
                ALL_OF,
                &join(&schema.site.pointer, keyword),
                format!("`{keyword}` stands beside allOf"),
                "move it into the schema that allOf refers to",
            );
        }
    }
}
