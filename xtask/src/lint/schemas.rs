//! The shape of schemas: known keywords, one type, named objects, lenient responses.

use serde_json::Value;

use crate::document::join;

use super::Rule;
use super::report::Report;
use super::sites::{Role, Schema, Sites, array, object, text};

pub(super) const KEYWORD: Rule = Rule {
    id: "schema-keyword",
    teaches: "schemas use only the keywords that the generator understands; the others would be lost in silence",
};
pub(super) const KEYWORD_MISPLACED: Rule = Rule {
    id: "schema-keyword-misplaced",
    teaches: "a keyword stands with the type that it limits; elsewhere it says nothing",
};
pub(super) const TYPE: Rule = Rule {
    id: "schema-type",
    teaches: "a schema has one type, an array has items; without keywords it stands for any JSON value",
};
pub(super) const INLINE: Rule = Rule {
    id: "schema-inline",
    teaches: "objects and enums have a name in components/schemas; else the generator makes one up",
};
pub(super) const EMPTY_OBJECT: Rule = Rule {
    id: "schema-empty-object",
    teaches: "an object lists its properties, or says additionalProperties to be a map",
};
pub(super) const OBJECT_AND_MAP: Rule = Rule {
    id: "schema-object-and-map",
    teaches: "an object is either a struct or a map: beside properties stands no schema for others",
};
pub(super) const CLOSED_RESPONSE: Rule = Rule {
    id: "schema-closed-response",
    teaches: "what Flowlix sends is not closed: `additionalProperties: false` refuses every new field",
};
pub(super) const REQUIRED_UNDECLARED: Rule = Rule {
    id: "required-undeclared",
    teaches: "each required name is one of the properties",
};
pub(super) const STRING_FORMAT: Rule = Rule {
    id: "string-format",
    teaches: "no string format that becomes a stricter type: one odd value would fail the whole response",
};

/// Keywords that fit every type.
const COMMON: [&str; 6] = [
    "type",
    "description",
    "nullable",
    "example",
    "default",
    "deprecated",
];
/// Keywords with rules of their own.
const TOLD_ELSEWHERE: [&str; 7] = [
    "$ref",
    "allOf",
    "oneOf",
    "anyOf",
    "not",
    "discriminator",
    "enum",
];
/// Formats that the generator turns into a type of another crate, or one that checks on reading.
const STRICTER_FORMATS: [&str; 6] = ["date", "date-time", "uuid", "ip", "ipv4", "ipv6"];

/// The keywords that limit one type.
fn keywords_of(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "string" => &["format", "minLength", "maxLength", "pattern"],
        "integer" | "number" => &["format", "minimum", "maximum"],
        "object" => &[
            "properties",
            "required",
            "additionalProperties",
            "maxProperties",
        ],
        "array" => &["items"],
        "boolean" => &[],
        _ => return None,
    })
}

/// The types whose keywords a schema can use.
const TYPES: [&str; 6] = ["string", "integer", "number", "object", "array", "boolean"];

pub(super) fn check(sites: &Sites<'_>, report: &mut Report<'_>) {
    let received = sites.reachable(true);
    for schema in &sites.schemas {
        if schema.site.value.contains_key("$ref") {
            continue;
        }
        check_keywords(schema, report);
        check_type(schema, report);
        check_inline(schema, report);
        check_object(schema, report);
        check_required(schema, report);
        check_format(schema, report);
        let is_received = schema
            .owner
            .is_some_and(|owner| received.contains(join("/components/schemas", owner).as_str()));
        if is_received && schema.site.value.get("additionalProperties") == Some(&Value::Bool(false))
        {
            report.add(
                CLOSED_RESPONSE,
                &join(&schema.site.pointer, "additionalProperties"),
                "a schema that Flowlix sends is closed",
                "take `additionalProperties: false` out; give requests a schema of their own if they need it",
            );
        }
    }
}

fn check_keywords(schema: &Schema<'_>, report: &mut Report<'_>) {
    let kind = text(schema.site.value, "type");
    for keyword in schema.site.value.keys().map(String::as_str) {
        if COMMON.contains(&keyword)
            || TOLD_ELSEWHERE.contains(&keyword)
            || keyword.starts_with("x-")
        {
            continue;
        }
        let pointer = join(&schema.site.pointer, keyword);
        let known = TYPES
            .into_iter()
            .filter_map(keywords_of)
            .any(|keywords| keywords.contains(&keyword));
        if !known {
            report.add(
                KEYWORD,
                &pointer,
                format!("the generator does not know `{keyword}`"),
                "take it out and say it in the description, or teach it to the generator",
            );
        } else if let Some(kind) = kind
            && keywords_of(kind).is_some_and(|keywords| !keywords.contains(&keyword))
        {
            report.add(
                KEYWORD_MISPLACED,
                &pointer,
                format!("`{keyword}` says nothing about a value of type {kind}"),
                "take it out, or correct the type",
            );
        }
    }
}

fn check_type(schema: &Schema<'_>, report: &mut Report<'_>) {
    let value = schema.site.value;
    match value.get("type") {
        Some(kind) if !kind.as_str().is_some_and(|kind| TYPES.contains(&kind)) => report.add(
            TYPE,
            &join(&schema.site.pointer, "type"),
            format!("{kind} is no type of OpenAPI 3.0"),
            format!(
                "write one of {}; null is said by `nullable: true`",
                TYPES.join(", ")
            ),
        ),
        Some(kind) if kind == "array" && object(value, "items").is_none() => report.add(
            TYPE,
            &schema.site.pointer,
            "an array without items",
            "add `items`",
        ),
        Some(_) => {}
        None => {
            let limits = value.keys().map(String::as_str).find(|keyword| {
                *keyword == "enum"
                    || TYPES
                        .into_iter()
                        .filter_map(keywords_of)
                        .any(|keywords| keywords.contains(keyword))
            });
            if let Some(keyword) = limits.filter(|_| !value.contains_key("allOf")) {
                report.add(
                    TYPE,
                    &schema.site.pointer,
                    format!("`{keyword}` without a type"),
                    "add `type`",
                );
            }
        }
    }
}

fn check_inline(schema: &Schema<'_>, report: &mut Report<'_>) {
    let needs_name = matches!(
        schema.role,
        Role::Property(_) | Role::Items | Role::MapValue | Role::Parameter(_)
    );
    if !needs_name {
        return;
    }
    for (keyword, what) in [("properties", "object"), ("enum", "enum")] {
        if schema.site.value.contains_key(keyword) {
            report.add(
                INLINE,
                &schema.site.pointer,
                format!("an {what} without a name"),
                "move it to components/schemas and refer to it by $ref",
            );
        }
    }
}

fn check_object(schema: &Schema<'_>, report: &mut Report<'_>) {
    let value = schema.site.value;
    if text(value, "type") != Some("object") {
        return;
    }
    let additional = value.get("additionalProperties");
    match (object(value, "properties"), additional) {
        (None, None) => report.add(
            EMPTY_OBJECT,
            &schema.site.pointer,
            "an object of which nothing is said",
            "list its properties, or write `additionalProperties: true` when it is a map of any JSON",
        ),
        (Some(_), Some(Value::Bool(true) | Value::Object(_))) => report.add(
            OBJECT_AND_MAP,
            &join(&schema.site.pointer, "additionalProperties"),
            "properties and a map at once",
            "take additionalProperties out: unknown members of a response are ignored anyway",
        ),
        _ => {}
    }
}

fn check_required(schema: &Schema<'_>, report: &mut Report<'_>) {
    let value = schema.site.value;
    let base = join(&schema.site.pointer, "required");
    for (index, name) in array(value, "required").iter().enumerate() {
        let declared = name.as_str().is_some_and(|name| {
            object(value, "properties").is_some_and(|properties| properties.contains_key(name))
        });
        if !declared {
            report.add(
                REQUIRED_UNDECLARED,
                &format!("{base}/{index}"),
                format!("{name} is required but not among the properties"),
                "declare the property, or take the name out",
            );
        }
    }
}

fn check_format(schema: &Schema<'_>, report: &mut Report<'_>) {
    let value = schema.site.value;
    if text(value, "type") == Some("string")
        && let Some(format) = text(value, "format")
        && STRICTER_FORMATS.contains(&format)
    {
        report.add(
            STRING_FORMAT,
            &join(&schema.site.pointer, "format"),
            format!("`{format}` becomes a type that refuses other text"),
            "leave the format out and state it in the description",
        );
    }
}
