//! Each way in which a rule can be wrong.

use serde_json::{Value, json};
use xtask::finding::Finding;
use xtask::pipeline::Sources;
use xtask::rules::{Entry, Rule, Rules};

use crate::tiny::{RULES, findings, follow, joined, only, rule, tiny};

fn with(fields: Value) -> Sources {
    let mut sources = tiny();
    sources.rules.rules.push(Entry {
        because: "a test".to_owned(),
        rule: rule(fields),
    });
    sources
}

fn unreadable(text: &str) -> Vec<Finding> {
    let found = Rules::parse(RULES, text).err().unwrap_or_default();
    assert!(!found.is_empty(), "{text} passes");
    assert!(found.iter().all(|finding| finding.spec == RULES));
    found
}

/// One rule of each kind that fits nothing in the shop.
fn strangers() -> Vec<Value> {
    vec![
        json!({ "rule": "schema-paired", "snake_case": "Order", "uppercase": "Sale" }),
        json!({ "rule": "schema-paired", "snake_case": "Sale", "uppercase": "Order" }),
        json!({ "rule": "schema-only", "dialect": "uppercase", "schema": "Order" }),
        json!({ "rule": "schema-by-hand", "schema": "Sale", "path": "crate::Sale" }),
        json!({ "rule": "property-renamed", "schema": "Order", "snake_case": "sum", "uppercase": "amount" }),
        json!({ "rule": "property-moved", "schema": "Order", "dialect": "uppercase", "property": "closed_at", "to": "times.closed_at" }),
        json!({ "rule": "property-only", "schema": "Order", "dialect": "uppercase", "property": "note" }),
        json!({ "rule": "property-only", "schema": "Order", "dialect": "snake_case", "property": "amount" }),
        json!({ "rule": "property-constant", "schema": "Order", "dialect": "uppercase", "property": "object", "value": "order" }),
        json!({ "rule": "property-second-spelling", "schema": "Order", "dialect": "snake_case", "property": "failure", "of": "reason" }),
        json!({ "rule": "property-presence", "schema": "Order", "property": "amount", "required_by": "snake_case" }),
        json!({ "rule": "property-text-only", "schema": "Order", "property": "metadata", "dialect": "uppercase" }),
        json!({ "rule": "property-carried", "schema": "CreateRefund", "property": "amount", "dialect": "snake_case", "by": "path" }),
        json!({ "rule": "value-only", "schema": "OrderStatus", "dialect": "snake_case", "value": "paid" }),
        json!({ "rule": "operation-paired", "snake_case": "close_order", "uppercase": "list_orders" }),
        json!({ "rule": "operation-only", "dialect": "uppercase", "operation": "archive_order" }),
        json!({ "rule": "answer-differs", "operation": "create_order", "snake_case": "Order", "uppercase": "Refund" }),
        json!({ "rule": "parameter-renamed", "operation": "create_order", "snake_case": "created[gte]", "uppercase": "created_gte" }),
        json!({ "rule": "parameter-only", "operation": "list_orders", "dialect": "snake_case", "parameter": "limit" }),
        json!({ "rule": "parameter-presence", "operation": "list_orders", "parameter": "limit", "required_by": "uppercase" }),
        json!({ "rule": "header-renamed", "snake_case": "X-Left", "uppercase": "X-Rest" }),
        json!({ "rule": "webhook-paired", "snake_case": "order_gone", "uppercase": "order.paid" }),
        json!({ "rule": "webhook-paired", "snake_case": "order_gone", "uppercase": "order.closed" }),
        json!({ "rule": "webhook-only", "dialect": "uppercase", "webhook": "order.gone", "body": "Event" }),
        json!({ "rule": "webhook-only", "dialect": "uppercase", "webhook": "order.closed", "body": "Order" }),
        json!({ "rule": "webhook-only", "dialect": "snake_case", "webhook": "order.paid", "body": "Event" }),
        json!({ "rule": "parameter-only", "operation": "order.paid", "dialect": "uppercase", "parameter": "Shop-Signature" }),
    ]
}

#[test]
fn a_rule_that_matches_nothing() {
    let count = tiny().rules.rules.len();
    for fields in strangers() {
        let found = findings(&with(fields.clone()));
        assert_eq!(found.len(), 1, "{fields}: {found:#?}");
        assert_eq!(found[0].rule, "rule-matches-nothing");
        assert_eq!(found[0].spec, RULES);
        assert_eq!(found[0].pointer, format!("/rules/{count}"));
        assert!(found[0].message.contains(fields["rule"].as_str().unwrap()));
    }
}

#[test]
fn every_kind_of_rule_is_judged_and_used() {
    let name = |rule: &Rule| serde_json::to_value(rule).unwrap()["rule"].to_string();
    let mut used: Vec<String> = tiny()
        .rules
        .rules
        .iter()
        .map(|entry| name(&entry.rule))
        .collect();
    let mut judged: Vec<String> = strangers()
        .into_iter()
        .map(|fields| name(&rule(fields)))
        .collect();
    for kinds in [&mut used, &mut judged] {
        kinds.sort_unstable();
        kinds.dedup();
    }
    assert_eq!(used, judged);
    // Parsing names every kind that there is in its refusal.
    let refusal = unreadable("rules: [{ rule: guess, because: x }]")
        .remove(0)
        .message;
    let known = refusal.matches('`').count() / 2 - 1;
    assert_eq!(used.len(), known, "{refusal}");
}

#[test]
fn a_rule_given_twice() {
    for entry in tiny().rules.rules {
        let mut sources = tiny();
        sources.rules.rules.push(entry.clone());
        let found = findings(&sources);
        assert_eq!(found.len(), 1, "{entry:?}: {found:#?}");
        assert_eq!(found[0].rule, "rule-matches-nothing");
    }
}

#[test]
fn every_rule_is_needed() {
    for index in 0..tiny().rules.rules.len() {
        let mut sources = tiny();
        let entry = sources.rules.rules.remove(index);
        match entry.rule {
            // Not a difference but a choice: without it the type is generated.
            Rule::SchemaByHand { .. } => assert_eq!(findings(&sources), []),
            _ => assert!(!findings(&sources).is_empty(), "{entry:?} is not needed"),
        }
    }
}

#[test]
fn a_rule_without_reason() {
    let found = unreadable("rules: [{ rule: operation-only, dialect: uppercase, operation: a }]");
    assert_eq!(found[0].rule, "rules-unreadable");
    assert!(found[0].message.contains("because"), "{}", found[0]);
    let found = unreadable(
        "rules:\n\
         - { rule: operation-only, dialect: uppercase, operation: a, because: fine }\n\
         - { rule: operation-only, dialect: uppercase, operation: b, because: ' ' }",
    );
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].rule, "rule-without-reason");
    assert_eq!(found[0].pointer, "/rules/1");
    assert!(found[0].message.contains("operation b"), "{}", found[0]);
}

#[test]
fn a_rule_that_cannot_be_read() {
    for (text, named) in [
        (
            "rules: [{ rule: operation-only, dialect: uppercase, operation: a, because: x, until: 2027 }]",
            "until",
        ),
        (
            "rules: [{ rule: operation-only, dialect: uppercase, because: x }]",
            "operation",
        ),
        (
            "rules: [{ rule: operation-only, dialect: camel, operation: a, because: x }]",
            "camel",
        ),
        ("rules: [{ rule: guess, because: x }]", "guess"),
        ("rules: [{ because: x }]", "rule"),
        ("rules: []\nexceptions: []", "exceptions"),
        ("rules: 3", "sequence"),
        ("[]", "rules"),
        ("", "rules"),
        ("rules: [", ""),
    ] {
        let found = unreadable(text);
        assert_eq!(found[0].rule, "rules-unreadable");
        assert!(found[0].message.contains(named), "{text}: {}", found[0]);
    }
}

/// The shop with one rule's field changed.
fn bent(kind: &str, at: &str, field: &str, value: &str) -> Sources {
    let mut sources = tiny();
    let entry = sources
        .rules
        .rules
        .iter_mut()
        .find(|entry| {
            let fields = serde_json::to_value(&entry.rule).unwrap();
            fields["rule"] == kind
                && fields
                    .as_object()
                    .unwrap()
                    .values()
                    .any(|value| value == at)
        })
        .unwrap();
    let mut fields = serde_json::to_value(&entry.rule).unwrap();
    fields[field] = json!(value);
    entry.rule = rule(fields);
    sources
}

#[test]
fn a_move_to_where_nothing_can_stand() {
    let place = "/components/schemas/Order/properties/closed_at";
    for target in [
        "when.closed_at",
        "payer.email.closed_at",
        "amount.closed_at",
        "times.1st",
        "times.",
        "times. x",
        "times.a b",
        ".closed_at",
        "refunds.closed_at",
        "status.closed_at",
    ] {
        let found = findings(&bent("property-moved", "closed_at", "to", target));
        let nowhere = found
            .iter()
            .find(|finding| finding.rule == "moved-nowhere")
            .unwrap_or_else(|| panic!("{target}: {found:#?}"));
        assert_eq!(nowhere.spec, "tiny.snake_case.yaml");
        assert_eq!(nowhere.pointer, place);
        assert!(nowhere.message.contains(target), "{nowhere}");
    }
    for (target, kind) in [
        ("payer.email", "type-differs"),
        ("amount", "name-taken"),
        ("created_at", "name-taken"),
    ] {
        let found = findings(&bent("property-moved", "closed_at", "to", target));
        assert!(
            found.iter().any(|finding| finding.rule == kind),
            "{target}: {found:#?}"
        );
    }
}

#[test]
fn a_second_spelling_of_what_is_not_kept() {
    let place = "/components/schemas/Order/properties/failure";
    for of in ["failure", "gone", "amount", "status"] {
        let found = findings(&bent("property-second-spelling", "failure", "of", of));
        assert_eq!(found.len(), 1, "{of}: {found:#?}");
        assert_eq!(found[0].rule, "second-spelling-unfit");
        assert_eq!(found[0].spec, "tiny.uppercase.yaml");
        assert_eq!(found[0].pointer, place);
    }
}

#[test]
fn a_constant_of_another_value() {
    let found = findings(&bent("property-constant", "object", "value", "sale"));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].rule, "constant-unfit");
    assert_eq!(
        found[0].pointer,
        "/components/schemas/Order/properties/object"
    );
}

#[test]
fn two_names_renamed_to_one() {
    for (fields, place) in [
        (
            json!({ "rule": "property-renamed", "schema": "Order", "snake_case": "note", "uppercase": "created_at" }),
            "/components/schemas/Order/properties/note",
        ),
        (
            json!({ "rule": "property-moved", "schema": "Order", "dialect": "snake_case", "property": "note", "to": "times.closed_at" }),
            "/components/schemas/Order/properties/note",
        ),
    ] {
        let found = findings(&with(fields));
        assert!(
            found
                .iter()
                .any(|finding| finding.rule == "name-taken" && finding.pointer == place),
            "{found:#?}"
        );
    }
    for fields in [
        json!({ "rule": "schema-paired", "snake_case": "Customer", "uppercase": "Event" }),
        json!({ "rule": "operation-paired", "snake_case": "refund_order", "uppercase": "list_orders" }),
        json!({ "rule": "parameter-renamed", "operation": "list_orders", "snake_case": "created[gte]", "uppercase": "before" }),
        json!({ "rule": "header-renamed", "snake_case": "Shop-Request-Id", "uppercase": "X-Left" }),
    ] {
        let found = findings(&with(fields.clone()));
        assert!(!found.is_empty(), "{fields} passes");
    }
}

/// The shop with other members listed for a schema that one dialect alone has.
fn listed(schema: &str, members: &[&str]) -> (Sources, String) {
    let mut sources = tiny();
    let index = sources
        .rules
        .rules
        .iter()
        .position(|entry| only(&entry.rule).is_some_and(|(_, _, name)| name == schema))
        .unwrap();
    let Rule::SchemaOnly {
        members: listed, ..
    } = &mut sources.rules.rules[index].rule
    else {
        panic!("{schema}");
    };
    *listed = members.iter().map(|name| (*name).to_owned()).collect();
    (sources, format!("/rules/{index}"))
}

#[test]
fn a_listed_member_that_is_not_there() {
    for (schema, members, wrong, document) in [
        (
            "Times",
            ["closed_at", "paid_at", "gone"].as_slice(),
            "members/2 names gone",
            "tiny.uppercase.yaml",
        ),
        (
            "Times",
            &["closed_at", "paid_at", "closed_at"],
            "members/2 names closed_at",
            "tiny.uppercase.yaml",
        ),
        (
            "OrderTag",
            &["sale", "order"],
            "members/0 names sale",
            "tiny.snake_case.yaml",
        ),
    ] {
        let (mut sources, place) = listed(schema, members);
        let found = findings(&sources);
        assert_eq!(found.len(), 1, "{members:?}: {found:#?}");
        assert_eq!(found[0].rule, "member-matches-nothing");
        assert_eq!(found[0].spec, RULES);
        assert_eq!(found[0].pointer, place);
        assert!(found[0].message.contains(wrong), "{}", found[0]);
        let there = format!("{document}#/components/schemas/{schema}");
        assert!(found[0].message.contains(&there), "{}", found[0]);
        follow(&mut sources.rules, &found);
        assert_eq!(sources.rules.rules.len(), tiny().rules.rules.len());
        assert_eq!(findings(&sources), []);
    }
}

#[test]
fn a_schema_listed_for_the_other_dialect() {
    let mut sources = bent("schema-only", "Times", "dialect", "snake_case");
    let found = findings(&sources);
    let kinds: Vec<&str> = found.iter().map(|found| found.rule.as_str()).collect();
    assert_eq!(kinds, ["schema-unpaired", "rule-matches-nothing"]);
    assert_eq!(found[0].spec, "tiny.uppercase.yaml");
    assert_eq!(found[0].pointer, "/components/schemas/Times");
    follow(&mut sources.rules, &found);
    assert_eq!(findings(&sources), []);
}

#[test]
fn members_in_any_order() {
    let (sources, _) = listed("Times", &["paid_at", "closed_at"]);
    assert_eq!(findings(&sources), []);
}

#[test]
fn a_schema_that_is_listed_without_its_members() {
    let (mut sources, _) = listed("Times", &[]);
    let found = findings(&sources);
    let places: Vec<&str> = found.iter().map(|found| found.pointer.as_str()).collect();
    assert_eq!(
        places,
        [
            "/components/schemas/Times/properties/closed_at",
            "/components/schemas/Times/properties/paid_at",
        ]
    );
    assert!(found.iter().all(|found| found.rule == "member-unlisted"));
    follow(&mut sources.rules, &found);
    assert_eq!(findings(&sources), []);
}

/// Whatever stands in a rule, the answer is findings or files, never a panic.
#[test]
fn a_rule_may_say_anything() {
    let words = ["", "a b", "1st", "..", "Order", "amount", "::", "type", "Ü"];
    let mut judged = 0;
    for (index, entry) in tiny().rules.rules.iter().enumerate() {
        let fields = serde_json::to_value(&entry.rule).unwrap();
        for (name, _) in fields.as_object().unwrap() {
            for word in words
                .into_iter()
                .flat_map(|word| [json!(word), json!([word])])
            {
                let mut bent = fields.clone();
                bent[name] = word.clone();
                let Ok(rule) = serde_json::from_value::<Rule>(bent) else {
                    continue;
                };
                let mut sources = tiny();
                sources.rules.rules[index].rule = rule;
                match joined(&sources) {
                    Ok(_) => assert!(findings(&sources).is_empty(), "{name} {word}"),
                    Err(found) => assert!(found.iter().all(|finding| !finding.cure.is_empty())),
                }
                judged += 1;
            }
        }
    }
    assert!(judged > 400, "{judged}");
}

/// A shown rule can be pasted, but not without a reason of its own.
#[test]
fn the_ellipsis_of_a_shown_rule_is_no_reason() {
    let shown = Rule::ParameterOnly {
        operation: "list".to_owned(),
        dialect: xtask::dialect::Dialect::Uppercase,
        parameter: "created[gte]".to_owned(),
    };
    let text = format!("rules:\n{}", shown.to_yaml());
    let refused = Rules::parse(RULES, &text).expect_err(&text);
    assert_eq!(refused[0].rule, "rule-without-reason");
    let read = Rules::parse(RULES, &text.replace('…', "a reason")).expect(&text);
    assert_eq!(read.rules[0].rule, shown, "{text}");
}
