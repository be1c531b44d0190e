//! Numbers: money is an integer of minor units, and integers have a width.

use crate::document::join;

use super::Rule;
use super::report::Report;
use super::sites::{Sites, text};

pub(super) const NUMBER: Rule = Rule {
    id: "money-number",
    teaches: "no `type: number`: it becomes a float, and a float cannot hold money",
};
pub(super) const INTEGER_FORMAT: Rule = Rule {
    id: "integer-format",
    teaches: "an integer says its width, int32 or int64 (money and timestamps: int64)",
};

pub(super) fn check(sites: &Sites<'_>, report: &mut Report<'_>) {
    for schema in &sites.schemas {
        let format = text(schema.site.value, "format");
        match text(schema.site.value, "type") {
            Some("number") => report.add(
                NUMBER,
                &join(&schema.site.pointer, "type"),
                "a number would become a float",
                "write `type: integer` and `format: int64`; an amount counts minor units",
            ),
            Some("integer") if !matches!(format, Some("int32" | "int64")) => report.add(
                INTEGER_FORMAT,
                &schema.site.pointer,
                "an integer of unknown width",
                "add `format: int64`, or int32 for what stays small",
            ),
            _ => {}
        }
    }
}
