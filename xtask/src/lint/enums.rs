//! Enums: text only, and every value another variant.

use serde_json::Value;

use crate::document::join;
use crate::identifier;

use super::Rule;
use super::report::Report;
use super::sites::{Schema, Sites, text};

pub(super) const EMPTY: Rule = Rule {
    id: "enum-empty",
    teaches: "an enum lists at least one value",
};
pub(super) const NOT_STRINGS: Rule = Rule {
    id: "enum-not-strings",
    teaches: "enums are of type string and list text only; null is said by nullable",
};
pub(super) const COLLISION: Rule = Rule {
    id: "enum-collision",
    teaches: "no two values differ only in case or become the same variant; the generator panics on them",
};

pub(super) fn check(sites: &Sites<'_>, report: &mut Report<'_>) {
    for schema in &sites.schemas {
        if let Some(listed) = schema.site.value.get("enum") {
            check_enum(schema, listed, report);
        }
    }
}

fn check_enum(schema: &Schema<'_>, listed: &Value, report: &mut Report<'_>) {
    let pointer = join(&schema.site.pointer, "enum");
    let values = listed.as_array().map_or(&[][..], Vec::as_slice);
    if values.is_empty() {
        report.add(
            EMPTY,
            &pointer,
            "the enum lists no value",
            "list the documented values, or take `enum` out",
        );
    }
    if let Some(kind) = text(schema.site.value, "type").filter(|kind| *kind != "string") {
        report.add(
            NOT_STRINGS,
            &pointer,
            format!("an enum of type {kind}"),
            "describe the values in words, or make them text if that is what Flowlix sends",
        );
    }
    let mut texts: Vec<&str> = Vec::new();
    for (index, value) in values.iter().enumerate() {
        let Some(value) = value.as_str() else {
            report.add(
                NOT_STRINGS,
                &format!("{pointer}/{index}"),
                format!("{value} is no text"),
                "list text only; write `nullable: true` at the property for null",
            );
            continue;
        };
        let same = texts.iter().find(|earlier| {
            earlier.to_lowercase() == value.to_lowercase()
                || identifier::pascal(earlier) == identifier::pascal(value)
        });
        if let Some(earlier) = same {
            report.add(
                COLLISION,
                &format!("{pointer}/{index}"),
                format!(
                    "`{value}` and `{earlier}` both become the variant `{}`",
                    identifier::pascal(value)
                ),
                "keep the documented spelling only; the two dialects' spellings meet in reconcile.yaml",
            );
        }
        texts.push(value);
    }
}
