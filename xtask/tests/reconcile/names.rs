//! Names that are sound on the wire, and awkward in Rust.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use xtask::dialect::Dialect::{self, SnakeCase, Uppercase};
use xtask::pipeline::{self, Sources};
use xtask::rules::Entry;

use crate::documents::cured;
use crate::tiny::{findings, follow, label, rule, set, tiny};

fn number() -> Value {
    json!({ "type": "integer", "format": "int64" })
}

fn query(name: &str) -> Value {
    json!({ "in": "query", "name": name, "schema": number() })
}

const LIST: &str = "/paths/~1v1~1orders/get/parameters";
const CREATE: &str = "/paths/~1v1~1orders/post/parameters";

/// The model's types: the name of each with its fields or variants.
fn types(sources: &Sources) -> Vec<(String, Vec<String>)> {
    let outputs = pipeline::run(sources).unwrap_or_else(|found| panic!("{found:#?}"));
    let model = outputs
        .iter()
        .find(|output| output.path.ends_with("model.rs"))
        .unwrap();
    let file = syn::parse_file(&model.text).unwrap();
    file.items
        .iter()
        .filter_map(|item| match item {
            syn::Item::Struct(item) => Some((
                item.ident.to_string(),
                item.fields
                    .iter()
                    .filter_map(|field| field.ident.as_ref().map(ToString::to_string))
                    .collect(),
            )),
            syn::Item::Enum(item) => Some((
                item.ident.to_string(),
                item.variants
                    .iter()
                    .map(|variant| variant.ident.to_string())
                    .collect(),
            )),
            _ => None,
        })
        .collect()
}

fn members(types: &[(String, Vec<String>)], name: &str) -> Vec<String> {
    let mut found = types.iter().filter(|(own, _)| own == name);
    let (_, members) = found.next().unwrap_or_else(|| panic!("{name} is missing"));
    assert!(found.next().is_none(), "{name} is there twice");
    let apart: BTreeSet<&String> = members.iter().collect();
    assert_eq!(apart.len(), members.len(), "{name}: {members:?}");
    members.clone()
}

/// An edit of both documents alike.
fn both(edit: impl Fn(&mut Value)) -> Sources {
    let mut sources = tiny();
    for dialect in Dialect::BOTH {
        edit(&mut sources.documents.get_mut(dialect).root);
    }
    sources
}

#[test]
fn names_that_no_identifier_may_have_become_others() {
    let sources = both(|root| {
        for name in ["gen", "type", "self", "3ds", "pay-by-link", "customer's"] {
            set(
                root,
                &format!("/components/schemas/Order/properties/{name}"),
                number(),
            );
        }
    });
    let fields = members(&types(&sources), "Order");
    for field in ["gen_", "type_", "self_", "x3ds", "pay_by_link", "customers"] {
        assert!(
            fields.iter().any(|name| name == field),
            "{field}: {fields:?}"
        );
    }
}

#[test]
fn values_that_no_variant_may_be_called_become_others() {
    let mut sources = tiny();
    for dialect in Dialect::BOTH {
        let root = &mut sources.documents.get_mut(dialect).root;
        for value in ["unknown", "3ds", "self"] {
            let value = match dialect {
                SnakeCase => value.to_owned(),
                Uppercase => value.to_uppercase(),
            };
            set(root, "/components/schemas/OrderStatus/enum/-", json!(value));
        }
    }
    let variants = members(&types(&sources), "OrderStatus");
    for variant in ["Unknown_", "X3ds", "Self_", "Unknown"] {
        assert!(variants.iter().any(|name| name == variant), "{variants:?}");
    }
}

/// An enum that is not replaced in a client would be closed there, and an id would be another type.
#[test]
fn schemas_that_are_not_called_like_types_are_shared_all_the_same() {
    let sources = both(|root| {
        let order = "/components/schemas/Order/properties";
        for (name, schema) in [
            (
                "3ds-state",
                json!({ "type": "string", "enum": ["a"], "x-source": "shop" }),
            ),
            (
                "order_code",
                json!({ "type": "string", "x-source": "shop" }),
            ),
        ] {
            set(root, &format!("/components/schemas/{name}"), schema);
            let reference = json!({ "$ref": format!("#/components/schemas/{name}") });
            set(root, &format!("{order}/{name}"), reference);
        }
    });
    assert_eq!(members(&types(&sources), "X3dsState"), ["A", "Unknown"]);
    let outputs = pipeline::run(&sources).unwrap();
    for (path, spelling) in [
        ("snake_case.rs", "SnakeCase"),
        ("uppercase.rs", "Uppercase"),
    ] {
        let client = outputs
            .iter()
            .find(|output| output.path.ends_with(path))
            .unwrap();
        let text: String = client.text.split_whitespace().collect();
        let shared = format!("crate::open::{spelling}<crate::model::X3dsState>");
        assert!(text.contains(&shared), "{path}");
        assert!(!text.contains("enumX3dsState"), "{path}");
        assert!(text.contains("crate::model::OrderCode"), "{path}");
        assert!(!text.contains("structOrderCode"), "{path}");
    }
}

/// `create_order` takes the schema `CreateOrder`; what is asked beside it needs a name of its own.
#[test]
fn what_is_asked_of_an_operation_that_is_called_like_a_schema() {
    let sources = both(|root| set(root, &format!("{CREATE}/-"), query("dry_run")));
    let types = types(&sources);
    assert_eq!(members(&types, "CreateOrderQuery"), ["dry_run"]);
    assert!(members(&types, "CreateOrder").len() > 1);
}

/// A moved member whose place has a name that Rust cannot say.
#[test]
fn a_place_of_a_name_with_a_hyphen() {
    let mut sources = tiny();
    let root = &mut sources.documents.uppercase.root;
    crate::tiny::rename(
        root,
        "/components/schemas/CreateOrder/properties/options",
        "sales-options",
    );
    for entry in &mut sources.rules.rules {
        let text = serde_json::to_string(&entry.rule).unwrap();
        let moved = text.replace("options.coupon", "sales-options.coupon");
        entry.rule = serde_json::from_str(&moved).unwrap();
    }
    assert!(members(&types(&sources), "CreateOrder").contains(&"sales_options".to_owned()));
}

/// What is apart in each document, and would be one in the model.
#[test]
fn names_that_meet() {
    let text = || json!({ "type": "string" });
    let object = || json!({ "type": "object", "x-source": "shop", "properties": { "a": { "type": "string" } } });
    type Edit<'a> = &'a dyn Fn(&mut Value, &str);
    let property: Edit<'_> = &|root, name| {
        set(
            root,
            &format!("/components/schemas/Order/properties/{name}"),
            text(),
        )
    };
    let value: Edit<'_> =
        &|root, name| set(root, "/components/schemas/OrderStatus/enum/-", json!(name));
    let parameter: Edit<'_> = &|root, name| set(root, &format!("{LIST}/-"), query(name));
    let schema: Edit<'_> = &|root, name| {
        set(root, &format!("/components/schemas/{name}"), object());
        let reference = json!({ "$ref": format!("#/components/schemas/{name}") });
        set(root, "/components/schemas/Order/properties/part", reference);
    };
    let operation: Edit<'_> = &|root, name| {
        let mut operation = root.pointer("/paths/~1v1~1orders/get").unwrap().clone();
        operation["operationId"] = json!(name);
        set(
            root,
            &format!("/paths/~1v1~1{name}"),
            json!({ "get": operation }),
        );
    };
    for (edit, names, place) in [
        (
            property,
            ["paid-by", "paidBy"],
            (SnakeCase, "/components/schemas/Order/properties/paid-by"),
        ),
        (
            value,
            ["in-review", "IN_REVIEW"],
            (SnakeCase, "/components/schemas/OrderStatus"),
        ),
        (
            parameter,
            ["paid[by]", "paid_by"],
            (SnakeCase, "/paths/~1v1~1orders/get/parameters/3"),
        ),
        (
            schema,
            ["OrderPart", "order_part"],
            (SnakeCase, "/components/schemas/OrderPart"),
        ),
        (
            operation,
            ["findOrders", "find_orders"],
            (SnakeCase, "/paths/~1v1~1findOrders/get"),
        ),
    ] {
        let mut sources = tiny();
        edit(&mut sources.documents.snake_case.root, names[0]);
        edit(&mut sources.documents.uppercase.root, names[1]);
        // Each is explained as a thing of one dialect, in as many rounds as that takes.
        let mut found = findings(&sources);
        for _ in 0..3 {
            follow(&mut sources.rules, &found);
            found = findings(&sources);
        }
        let met: Vec<_> = found
            .iter()
            .filter(|found| found.rule == "names-meet")
            .collect();
        assert!(!met.is_empty(), "{names:?}: {found:#?}");
        assert_eq!(
            (met[0].spec.as_str(), met[0].pointer.as_str()),
            (label(place.0), place.1),
            "{}",
            met[0]
        );
        for name in names {
            let told = met[0].message.to_lowercase();
            assert!(told.contains(&name.to_lowercase()), "{told}");
        }
    }
}

#[test]
fn names_that_meet_are_parted_by_pairing_them() {
    let mut sources = tiny();
    let snake_case = &mut sources.documents.snake_case.root;
    set(snake_case, &format!("{LIST}/-"), query("paid[by]"));
    let uppercase = &mut sources.documents.uppercase.root;
    set(uppercase, &format!("{LIST}/-"), query("paid_by"));
    sources.rules.rules.push(Entry {
        because: "one filter under two names".to_owned(),
        rule: rule(json!({
            "rule": "parameter-renamed", "operation": "list_orders",
            "snake_case": "paid[by]", "uppercase": "paid_by",
        })),
    });
    assert_eq!(findings(&sources), []);
    // Alone it is no other's neighbour.
    cured(
        SnakeCase,
        |root| set(root, &format!("{LIST}/-"), query("paid[by]")),
        &[(SnakeCase, &format!("{LIST}/3"), "parameter-unpaired")],
        &[json!({
            "rule": "parameter-only", "operation": "list_orders", "dialect": "snake_case",
            "parameter": "paid[by]",
        })],
    );
}
