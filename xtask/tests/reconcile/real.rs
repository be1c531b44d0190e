//! Nothing of Flowlix's own documents can go or change in silence.

use serde_json::{Value, json};
use xtask::dialect::{Dialect, PerDialect};
use xtask::pipeline::{self, Sources};
use xtask::rules::Rule;
use xtask::{api, load};

use crate::tiny::{joined, only as told_whole, rename, set, take};

fn real() -> Sources {
    load::sources(&load::workspace()).unwrap()
}

struct Property {
    schema: String,
    name: String,
    pointer: String,
    value: Value,
}

fn properties(sources: &Sources, dialect: Dialect) -> Vec<Property> {
    let document = sources.documents.get(dialect);
    let api = api::read(dialect, document).unwrap();
    let mut found = Vec::new();
    for schema in &api.schemas {
        if let api::Shape::Object(properties) = &schema.shape {
            found.extend(properties.iter().map(|property| Property {
                schema: schema.name.clone(),
                name: property.name.clone(),
                pointer: property.pointer.clone(),
                value: document.get(&property.pointer).unwrap().clone(),
            }));
        }
    }
    assert!(found.len() > 50, "{dialect}: {}", found.len());
    found
}

/// Schemas that one dialect alone has: the model says of their types whatever that dialect says.
fn alone(sources: &Sources, dialect: Dialect, schema: &str) -> bool {
    sources
        .rules
        .rules
        .iter()
        .any(|entry| told_whole(&entry.rule) == Some(("schema", dialect, schema)))
}

/// Properties without a partner: the model says of their type whatever that dialect says.
fn only(sources: &Sources, here: Dialect, found: &Property) -> bool {
    let name = model_name(sources, here, &found.schema);
    sources.rules.rules.iter().any(|entry| match &entry.rule {
        Rule::PropertyOnly {
            schema,
            dialect,
            property,
        } => *dialect == here && *schema == name && *property == found.name,
        // The other dialect has it outside of the body.
        Rule::PropertyCarried {
            schema,
            dialect,
            property,
            ..
        } => *dialect == here.other() && *schema == name && *property == found.name,
        _ => false,
    })
}

fn model_name(sources: &Sources, dialect: Dialect, schema: &str) -> String {
    let paired = sources
        .rules
        .rules
        .iter()
        .find_map(|entry| match &entry.rule {
            Rule::SchemaPaired {
                snake_case,
                uppercase,
            } if dialect == Dialect::SnakeCase && snake_case == schema => Some(uppercase.clone()),
            _ => None,
        });
    paired.unwrap_or_else(|| schema.to_owned())
}

fn without(sources: &Sources, dialect: Dialect, property: &Property) -> Sources {
    let mut changed = sources.clone();
    take(
        &mut changed.documents.get_mut(dialect).root,
        &property.pointer,
    );
    changed
}

#[test]
fn no_property_can_be_removed_in_silence() {
    let sources = real();
    for dialect in Dialect::BOTH {
        for property in properties(&sources, dialect) {
            let changed = without(&sources, dialect, &property);
            assert!(joined(&changed).is_err(), "{dialect} {}", property.pointer);
        }
    }
}

#[test]
fn no_property_can_be_renamed_in_silence() {
    let sources = real();
    for dialect in Dialect::BOTH {
        for property in properties(&sources, dialect) {
            let mut changed = sources.clone();
            let root = &mut changed.documents.get_mut(dialect).root;
            rename(root, &property.pointer, "quite_another");
            assert!(joined(&changed).is_err(), "{dialect} {}", property.pointer);
        }
    }
}

/// Moved to where uppercase has nothing, so no type can differ from its own.
const WITHOUT_PARTNER: &str = "/components/schemas/Payment/properties/refunded_at";

#[test]
fn no_property_can_change_its_type_in_silence() {
    let sources = real();
    for dialect in Dialect::BOTH {
        for property in properties(&sources, dialect) {
            let other = if property.value["type"] == "integer" {
                json!({ "type": "string" })
            } else {
                json!({ "type": "integer", "format": "int64" })
            };
            let mut changed = sources.clone();
            set(
                &mut changed.documents.get_mut(dialect).root,
                &property.pointer,
                other,
            );
            assert!(
                joined(&changed).is_err()
                    || alone(&sources, dialect, &property.schema)
                    || only(&sources, dialect, &property)
                    || property.pointer == WITHOUT_PARTNER,
                "{dialect} {}",
                property.pointer
            );
        }
    }
}

#[test]
fn no_property_can_appear_in_silence() {
    let sources = real();
    for dialect in Dialect::BOTH {
        let api = api::read(dialect, sources.documents.get(dialect)).unwrap();
        for schema in &api.schemas {
            if let api::Shape::Object(_) = &schema.shape {
                let mut changed = sources.clone();
                let root = &mut changed.documents.get_mut(dialect).root;
                set(
                    root,
                    &format!("{}/properties/extra", schema.pointer),
                    json!({ "type": "string" }),
                );
                assert!(joined(&changed).is_err(), "{dialect} {}", schema.name);
            }
        }
    }
}

/// A property that takes the name of another dialect's, or of the model's, hides nothing.
#[test]
fn no_property_can_hide_behind_another() {
    let sources = real();
    let known = PerDialect::from_fn(|dialect| properties(&sources, dialect));
    for dialect in Dialect::BOTH {
        for property in known.get(dialect.other()) {
            let here: Vec<&Property> = known
                .get(dialect)
                .iter()
                .filter(|other| {
                    model_name(&sources, dialect, &other.schema)
                        == model_name(&sources, dialect.other(), &property.schema)
                })
                .collect();
            let Some(schema) = here.first().map(|other| other.schema.clone()) else {
                continue;
            };
            if here.iter().any(|other| other.name == property.name) {
                continue;
            }
            let mut changed = sources.clone();
            let root = &mut changed.documents.get_mut(dialect).root;
            let place = format!("/components/schemas/{schema}/properties/{}", property.name);
            set(root, &place, property.value.clone());
            assert!(joined(&changed).is_err(), "{dialect} {place}");
        }
    }
}

#[test]
fn no_value_can_appear_or_go_in_silence() {
    let sources = real();
    for dialect in Dialect::BOTH {
        let api = api::read(dialect, sources.documents.get(dialect)).unwrap();
        for schema in &api.schemas {
            if let api::Shape::Enum(values) = &schema.shape {
                for index in 0..=values.len() {
                    let mut changed = sources.clone();
                    let root = &mut changed.documents.get_mut(dialect).root;
                    if index == values.len() {
                        set(
                            root,
                            &format!("{}/enum/-", schema.pointer),
                            json!("quite_another"),
                        );
                    } else {
                        take(root, &format!("{}/enum/{index}", schema.pointer));
                    }
                    assert!(
                        joined(&changed).is_err(),
                        "{dialect} {} {index}",
                        schema.name
                    );
                }
            }
        }
    }
}

type WebhookEdit = fn(&mut Value, &str);

/// Each way in which a webhook can change, as an edit of its place in the document.
fn webhook_edits() -> [(&'static str, WebhookEdit); 7] {
    [
        ("removed", |root, place| {
            take(root, place);
        }),
        ("renamed", |root, place| {
            rename(root, place, "quite.another");
        }),
        ("another beside it", |root, place| {
            let webhook = root.pointer(place).unwrap().clone();
            set(root, "/x-webhooks/quite.another", webhook);
        }),
        ("another body", |root, place| {
            let reference =
                format!("{place}/post/requestBody/content/application~1json/schema/$ref");
            set(root, &reference, json!("#/components/schemas/Payment"));
        }),
        ("no header", |root, place| {
            take(root, &format!("{place}/post/parameters/0"));
        }),
        ("a header more", |root, place| {
            let header = json!({ "in": "header", "name": "Extra", "schema": { "type": "string" } });
            set(root, &format!("{place}/post/parameters/-"), header);
        }),
        ("an optional header", |root, place| {
            let header = json!({ "in": "header", "name": "Flowlix-Signature", "schema": { "type": "string" } });
            set(root, &format!("{place}/post/parameters/0"), header);
        }),
    ]
}

#[test]
fn no_webhook_can_appear_go_or_change_in_silence() {
    let sources = real();
    let mut judged = 0;
    for dialect in Dialect::BOTH {
        let api = api::read(dialect, sources.documents.get(dialect)).unwrap();
        for webhook in &api.webhooks {
            for (what, edit) in webhook_edits() {
                let mut changed = sources.clone();
                edit(
                    &mut changed.documents.get_mut(dialect).root,
                    &webhook.pointer,
                );
                let found = joined(&changed).unwrap_err();
                let told = found.iter().any(|finding| {
                    finding.message.contains(&webhook.event)
                        || finding.message.contains("quite.another")
                });
                assert!(told, "{dialect} {} {what}: {found:#?}", webhook.event);
                judged += 1;
            }
        }
    }
    assert_eq!(judged, 6 * webhook_edits().len());
}

#[test]
fn every_rule_is_needed() {
    let sources = real();
    let sound = pipeline::run(&sources).unwrap();
    for index in 0..sources.rules.rules.len() {
        let mut changed = sources.clone();
        let entry = changed.rules.rules.remove(index);
        match &entry.rule {
            // Not a difference but a choice; without it other files are generated, and `--check` tells.
            Rule::SchemaByHand { .. } => {
                assert!(
                    pipeline::run(&changed).is_ok_and(|outputs| outputs != sound),
                    "{entry:?}"
                );
            }
            _ => assert!(joined(&changed).is_err(), "{entry:?} is not needed"),
        }
    }
}

#[test]
fn every_listed_member_is_needed() {
    let sources = real();
    let mut judged = 0;
    for (index, entry) in sources.rules.rules.iter().enumerate() {
        let Rule::SchemaOnly {
            dialect, members, ..
        } = &entry.rule
        else {
            continue;
        };
        for member in 0..members.len() {
            let mut changed = sources.clone();
            let Rule::SchemaOnly { members, .. } = &mut changed.rules.rules[index].rule else {
                panic!("{entry:?}");
            };
            let name = members.remove(member);
            let found = joined(&changed).unwrap_err();
            assert_eq!(found.len(), 1, "{found:#?}");
            assert_eq!(found[0].rule, "member-unlisted");
            assert_eq!(found[0].spec, sources.documents.get(*dialect).label);
            assert!(found[0].message.contains(&name), "{}", found[0]);
            judged += 1;
        }
    }
    assert!(judged > 20, "{judged}");
}
