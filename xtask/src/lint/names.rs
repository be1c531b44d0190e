//! Names on the wire that would become no Rust name, one that is taken, or one and the same.

use crate::document::join;
use crate::identifier;

use super::Rule;
use super::report::Report;
use super::sites::{Role, Sites, array, is_extension, object, text};

pub(super) const UNFIT: Rule = Rule {
    id: "name-unfit",
    teaches: "names and enum values are ASCII with a letter or digit, so that a Rust name can be made of each",
};
pub(super) const COMPONENT: Rule = Rule {
    id: "component-name",
    teaches: "a component's name has letters, digits, `.`, `-` and `_` only, so that a $ref can hold it as it is",
};
pub(super) const SCHEMA_RESERVED: Rule = Rule {
    id: "schema-name-reserved",
    teaches: "no schema is called like what Rust's prelude holds: generated code would mean the schema",
};
pub(super) const OPERATION_RESERVED: Rule = Rule {
    id: "operation-id-reserved",
    teaches: "no operation is called like a method of each generated client, or like what Rust's prelude holds",
};

pub(super) const SCHEMA_COLLISION: Rule = Rule {
    id: "schema-collision",
    teaches: "no two named schemas become the same type",
};
pub(super) const PROPERTY_COLLISION: Rule = Rule {
    id: "property-collision",
    teaches: "no two properties of a schema become the same field",
};

/// What generated code names without a path.
const PRELUDE: [&str; 40] = [
    "AsMut",
    "AsRef",
    "Box",
    "Clone",
    "Copy",
    "Default",
    "DoubleEndedIterator",
    "Drop",
    "Eq",
    "Err",
    "ExactSizeIterator",
    "Extend",
    "Fn",
    "FnMut",
    "FnOnce",
    "From",
    "FromIterator",
    "Future",
    "Into",
    "IntoFuture",
    "IntoIterator",
    "Iterator",
    "None",
    "Ok",
    "Option",
    "Ord",
    "PartialEq",
    "PartialOrd",
    "Result",
    "Send",
    "Sized",
    "Some",
    "String",
    "Sync",
    "ToOwned",
    "ToString",
    "TryFrom",
    "TryInto",
    "Unpin",
    "Vec",
];

/// The methods of a generated client, and of the traits that it implements.
const METHODS: [&str; 9] = [
    "api_version",
    "baseurl",
    "client",
    "exec",
    "inner",
    "new",
    "new_with_client",
    "post",
    "pre",
];

pub(super) fn check(sites: &Sites<'_>, report: &mut Report<'_>) {
    check_components(sites, report);
    check_fitness(sites, report);
    check_reserved(sites, report);
    check_collisions(sites, report);
}

/// OpenAPI itself asks for this; the generator would take another name for another place.
fn check_components(sites: &Sites<'_>, report: &mut Report<'_>) {
    for (pointer, section, name) in &sites.components {
        if is_extension(section) {
            continue;
        }
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if !identifier::is_fit(name) || !name.chars().all(is_plain) {
            report.add(
                COMPONENT,
                pointer,
                format!("a component is called {name:?}"),
                "use letters, digits, `.`, `-` and `_` only, and change the references with it: the name is not sent",
            );
        }
    }
}

fn check_fitness(sites: &Sites<'_>, report: &mut Report<'_>) {
    let mut judge = |pointer: &str, name: &str| {
        if !identifier::is_fit(name) {
            report.add(
                UNFIT,
                pointer,
                format!("no Rust name can be made of {name:?}"),
                "correct the name; if Flowlix writes it so, teach xtask/src/identifier.rs what to make of it",
            );
        }
    };
    for schema in &sites.schemas {
        if let Role::Property(name) = schema.role {
            judge(&schema.site.pointer, name);
        }
        for (index, value) in array(schema.site.value, "enum").iter().enumerate() {
            if let Some(value) = value.as_str() {
                let pointer = join(&schema.site.pointer, "enum");
                judge(&format!("{pointer}/{index}"), value);
            }
        }
    }
    for parameter in &sites.parameters {
        judge(
            &join(&parameter.pointer, "name"),
            text(parameter.value, "name").unwrap_or_default(),
        );
    }
    for operation in &sites.operations {
        // That one is missing is told by another rule.
        if let Some(id) = text(operation.site.value, "operationId").filter(|id| !id.is_empty()) {
            judge(&join(&operation.site.pointer, "operationId"), id);
        }
    }
}

fn check_reserved(sites: &Sites<'_>, report: &mut Report<'_>) {
    for (pointer, section, name) in &sites.components {
        let made = identifier::pascal(name);
        if *section == "schemas" && PRELUDE.contains(&made.as_str()) {
            report.add(
                SCHEMA_RESERVED,
                pointer,
                format!("`{name}` becomes the type `{made}`, which Rust's prelude has"),
                "give the schema another name: it is not sent",
            );
        }
    }
    for operation in sites
        .operations
        .iter()
        .filter(|operation| !operation.webhook)
    {
        let Some(id) = text(operation.site.value, "operationId") else {
            continue;
        };
        let (method, query) = (identifier::snake(id), identifier::pascal(id));
        let taken = if METHODS.contains(&method.as_str()) {
            format!("the method `{method}`, which every generated client has")
        } else if PRELUDE.contains(&query.as_str()) {
            format!("the type `{query}` of what it can be asked, which Rust's prelude has")
        } else {
            continue;
        };
        report.add(
            OPERATION_RESERVED,
            &join(&operation.site.pointer, "operationId"),
            format!("`{id}` becomes {taken}"),
            "give the operation another operationId: it is not sent",
        );
    }
}

fn check_collisions(sites: &Sites<'_>, report: &mut Report<'_>) {
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
