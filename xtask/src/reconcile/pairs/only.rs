//! Schemas that one dialect alone has: their rule lists their members, so that none comes or goes in silence.

use crate::api::{Api, Schema, Shape};
use crate::dialect::{Dialect, PerDialect};
use crate::document::join;
use crate::rules::Rule;

use super::super::ledger::Ledger;
use super::super::listing;

/// A property of an object, or a value of an enum.
struct Member<'a> {
    name: &'a str,
    pointer: String,
}

/// Holds a schema against its rule; without one, shows the rule to add.
pub(super) fn check(
    apis: &PerDialect<Api>,
    here: Dialect,
    schema: &Schema,
    ledger: &mut Ledger<'_>,
) {
    let members = members(schema);
    let right = Rule::SchemaOnly {
        dialect: here,
        schema: schema.name.clone(),
        members: members
            .iter()
            .map(|member| member.name.to_owned())
            .collect(),
    };
    let given = ledger.take(|rule| {
        matches!(rule, Rule::SchemaOnly { dialect, schema: name, .. }
            if *dialect == here && *name == schema.name)
    });
    let label = &apis.get(here).label;
    let Some(
        given @ Rule::SchemaOnly {
            members: listed, ..
        },
    ) = &given
    else {
        ledger.demand(
            &right,
            label,
            &schema.pointer,
            "schema-unpaired",
            format!(
                "{} has no counterpart in {}#/components/schemas; it may also be another schema there (rule \
                 schema-paired)",
                schema.name,
                apis.get(here.other()).label
            ),
        );
        return;
    };
    let cure = format!(
        "put this in the place of the rule schema-only of {here} {}, with its reason:\n{}",
        schema.name,
        right.to_yaml()
    );
    for member in &members {
        if !listed.iter().any(|name| name == member.name) {
            ledger.note(
                label,
                &member.pointer,
                "member-unlisted",
                format!(
                    "{} is in {}, which {here} alone has, but the rule schema-only does not list it",
                    member.name, schema.name
                ),
                cure.as_str(),
            );
        }
    }
    let listed: Vec<&str> = listed.iter().map(String::as_str).collect();
    let is_there = |name: &str| members.iter().any(|member| member.name == name);
    for (index, name, problem) in listing::faults(&listed, is_there) {
        ledger.note_rule(
            given,
            "member-matches-nothing",
            &format!(
                "members/{index} names {name} of {label}#{}, which {problem}",
                schema.pointer
            ),
            &cure,
        );
    }
}

/// The members in the document's order, each once; text has none.
fn members(schema: &Schema) -> Vec<Member<'_>> {
    let mut members: Vec<Member<'_>> = Vec::new();
    match &schema.shape {
        Shape::Object(properties) => members.extend(properties.iter().map(|property| Member {
            name: &property.name,
            pointer: property.pointer.clone(),
        })),
        Shape::Enum(values) => {
            for value in values {
                if !members.iter().any(|member| member.name == value) {
                    members.push(Member {
                        name: value,
                        pointer: join(&schema.pointer, "enum"),
                    });
                }
            }
        }
        Shape::Text(_) => {}
    }
    members
}
