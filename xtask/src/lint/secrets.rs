//! Secrets: what must never be printed is known by its format, from which the generator takes a type
//! that hides it.

use crate::identifier;

use super::Rule;
use super::report::Report;
use super::sites::{Object, Role, Sites, text};

pub(super) const FORMAT: Rule = Rule {
    id: "secret-format",
    teaches: "card numbers, CVCs, keys and secrets carry their format; without it they would be printed by Debug",
};

pub(super) fn check(sites: &Sites<'_>, report: &mut Report<'_>) {
    for schema in &sites.schemas {
        let name = match schema.role {
            Role::Property(name) | Role::Parameter(name) => name,
            _ => continue,
        };
        let wanted = wanted_formats(name, schema.owner.unwrap_or_default());
        if wanted.is_empty() {
            continue;
        }
        let Some(value) = sites.resolve_schema(schema.site.value) else {
            continue;
        };
        let has_format = text(value, "format").is_some_and(|format| wanted.contains(&format));
        if holds_text(value) && !has_format {
            report.add(
                FORMAT,
                &schema.site.pointer,
                format!("`{name}` looks like a secret, and nothing hides it"),
                format!(
                    "add `format: {}`, or another name if it is no secret",
                    wanted.join("` or `")
                ),
            );
        }
    }
}

/// Digits may be written as integers; flags, lists and closed sets of values give nothing away.
fn holds_text(schema: &Object) -> bool {
    !schema.contains_key("enum")
        && matches!(
            text(schema, "type"),
            None | Some("string" | "integer" | "number")
        )
}

/// The formats of which a field of this name must have one; none when it looks harmless.
fn wanted_formats(name: &str, schema: &str) -> &'static [&'static str] {
    let name = identifier::snake(name);
    let words: Vec<&str> = name.split('_').collect();
    let of_card = schema.to_lowercase().contains("card") || words.contains(&"card");
    match words.last().copied() {
        Some("pan") => &["card-number"],
        Some("number") if of_card || name == "primary_account_number" => &["card-number"],
        Some("cardnumber") => &["card-number"],
        Some("cvc" | "cvc2" | "cvv" | "cvv2" | "csc") => &["card-cvc"],
        Some("code") if words.contains(&"security") => &["card-cvc"],
        Some("password" | "passphrase" | "apikey") => &["api-key", "webhook-secret"],
        Some("key") if words.contains(&"api") => &["api-key"],
        _ if words.contains(&"secret") => &["webhook-secret", "api-key"],
        _ => &[],
    }
}
