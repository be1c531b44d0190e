//! Names on the wire that would become one Rust name.

use crate::document::join;

use super::Rule;
use super::identifier;
use super::report::Report;
use super::sites::{Sites, object};

pub(super) const SCHEMA_COLLISION: Rule = Rule {
    id: "schema-collision",
    teaches: "no two named schemas become the same type",
};
pub(super) const PROPERTY_COLLISION: Rule = Rule {
    id: "property-collision",
    teaches: "no two properties of a schema become the same field",
};

pub(super) fn check(sites: &Sites<'_>, report: &mut Report<'_>) {
    let schemas = sites
        .components
        .iter()
        .filter(|(_, section, _)| *section == "schemas")
        .map(|(_, _, name)| *name);
    for (name, earlier, made) in identifier::collisions(schemas, identifier::pascal) {
        report.add(
            SCHEMA_COLLISION,
            &join("/components/schemas", name),
            format!("`{name}` and `{earlier}` both become the type `{made}`"),
            "rename one of the two",
        );
    }
    for schema in &sites.schemas {
        let Some(properties) = object(schema.site.value, "properties") else {
            continue;
        };
        let base = join(&schema.site.pointer, "properties");
        let names = properties.keys().map(String::as_str);
        for (name, earlier, made) in identifier::collisions(names, identifier::snake) {
            report.add(
                PROPERTY_COLLISION,
                &join(&base, name),
                format!("`{name}` and `{earlier}` both become the field `{made}`"),
                "keep the documented spelling; if both are documented, the generator needs a rule for them",
            );
        }
    }
}
