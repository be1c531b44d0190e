//! A shop in two dialects, small enough to change anything in it.

use serde_json::Value;
use xtask::dialect::{Dialect, PerDialect};
use xtask::document::Document;
use xtask::finding::Finding;
use xtask::pipeline::{self, Sources};
use xtask::rules::{Entry, Rule, Rules};
use xtask::{api, model, reconcile};

pub(crate) const RULES: &str = "tiny.reconcile.yaml";
const RULES_TEXT: &str = include_str!("tiny.reconcile.yaml");

/// The shop's documents and rules, sound as they stand.
pub(crate) fn tiny() -> Sources {
    let document = |dialect, text| Document::parse(label(dialect), text).unwrap();
    Sources {
        documents: PerDialect {
            snake_case: document(Dialect::SnakeCase, include_str!("tiny.snake_case.yaml")),
            uppercase: document(Dialect::Uppercase, include_str!("tiny.uppercase.yaml")),
        },
        rules: Rules::parse(RULES, RULES_TEXT).unwrap(),
    }
}

/// What messages call a dialect's document.
pub(crate) fn label(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::SnakeCase => "tiny.snake_case.yaml",
        Dialect::Uppercase => "tiny.uppercase.yaml",
    }
}

/// Both documents joined, whatever lint would say of them.
pub(crate) fn joined(sources: &Sources) -> Result<model::Model, Vec<Finding>> {
    let apis = PerDialect {
        snake_case: api::read(Dialect::SnakeCase, &sources.documents.snake_case)?,
        uppercase: api::read(Dialect::Uppercase, &sources.documents.uppercase)?,
    };
    reconcile::reconcile(&apis, &sources.rules)
}

/// What stops the pipeline.
pub(crate) fn findings(sources: &Sources) -> Vec<Finding> {
    pipeline::run(sources).err().unwrap_or_default()
}

/// Replaces or adds the value at a pointer; `-` as the last part appends to an array.
pub(crate) fn set(root: &mut Value, pointer: &str, value: Value) {
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    let member = member.replace("~1", "/").replace("~0", "~");
    match root.pointer_mut(parent).expect(parent) {
        Value::Object(members) => {
            members.insert(member, value);
        }
        Value::Array(items) if member == "-" => items.push(value),
        Value::Array(items) => items[member.parse::<usize>().unwrap()] = value,
        other => panic!("{parent} is {other}"),
    }
}

/// Takes out the member or element at a pointer.
pub(crate) fn take(root: &mut Value, pointer: &str) -> Value {
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    let member = member.replace("~1", "/").replace("~0", "~");
    match root.pointer_mut(parent).expect(parent) {
        Value::Object(members) => members.shift_remove(&member).expect(pointer),
        Value::Array(items) => items.remove(member.parse().unwrap()),
        other => panic!("{parent} is {other}"),
    }
}

/// Gives a member another name and leaves its value.
pub(crate) fn rename(root: &mut Value, pointer: &str, name: &str) {
    let value = take(root, pointer);
    let (parent, _) = pointer.rsplit_once('/').unwrap();
    set(root, &format!("{parent}/{name}"), value);
}

/// Puts a property's name into its schema's `required`, or takes it out.
pub(crate) fn require(root: &mut Value, schema: &str, property: &str, required: bool) {
    let schema = root
        .pointer_mut(&format!("/components/schemas/{schema}"))
        .and_then(Value::as_object_mut)
        .expect(schema);
    let mut names: Vec<Value> = schema
        .get("required")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    names.retain(|name| name != property);
    if required {
        names.push(property.into());
    }
    schema.shift_remove("required");
    if !names.is_empty() {
        schema.insert("required".to_owned(), names.into());
    }
}

/// The rule that a cure shows, with a reason put in; `None` where no rule can cure.
pub(crate) fn shown_rule(finding: &Finding) -> Option<Entry> {
    let (lead, snippet) = finding.cure.split_once(":\n- ")?;
    let leads = ["add to ", "put this in the place of "];
    assert!(
        leads.iter().any(|known| lead.starts_with(known)),
        "{finding}"
    );
    assert!(snippet.ends_with("because: …"), "{finding}");
    let text = format!("rules:\n- {}", snippet.replace('…', "the documents differ"));
    let rules = Rules::parse("cure", &text).unwrap_or_else(|found| panic!("{finding}: {found:?}"));
    assert_eq!(rules.rules.len(), 1, "{finding}");
    rules.rules.into_iter().next()
}

/// Does what the findings say: adds or replaces by the rules that they show, deletes those that match nothing.
pub(crate) fn follow(rules: &mut Rules, findings: &[Finding]) {
    let stale: Vec<String> = findings
        .iter()
        .filter(|finding| finding.rule == "rule-matches-nothing")
        .map(|finding| finding.pointer.clone())
        .collect();
    let kept = rules.rules.drain(..).enumerate();
    rules.rules = kept
        .filter(|(index, _)| !stale.contains(&format!("/rules/{index}")))
        .map(|(_, entry)| entry)
        .collect();
    for finding in findings {
        let Some(shown) = shown_rule(finding) else {
            continue;
        };
        if finding.cure.starts_with("add to ") {
            rules.rules.push(shown);
        } else {
            let replaced = rules
                .rules
                .iter_mut()
                .find(|entry| only(&entry.rule) == only(&shown.rule));
            replaced.expect("a rule to replace").rule = shown.rule;
        }
    }
}

/// What a rule tells all of that one dialect alone has: the kind, the dialect and the name.
pub(crate) fn only(rule: &Rule) -> Option<(&'static str, Dialect, &str)> {
    match rule {
        Rule::SchemaOnly {
            dialect, schema, ..
        } => Some(("schema", *dialect, schema)),
        Rule::WebhookOnly {
            dialect, webhook, ..
        } => Some(("webhook", *dialect, webhook)),
        _ => None,
    }
}

/// A rule as it would stand in the file.
pub(crate) fn rule(fields: Value) -> Rule {
    serde_json::from_value(fields).unwrap()
}

/// Every pointer into a value, parents after their members.
pub(crate) fn pointers(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect(value, "", &mut found);
    found
}

fn collect(value: &Value, at: &str, found: &mut Vec<String>) {
    let mut member = |name: &str, value: &Value| {
        let pointer = xtask::document::join(at, name);
        collect(value, &pointer, found);
        found.push(pointer);
    };
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| member(name, value)),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(index, value)| member(&index.to_string(), value)),
        _ => {}
    }
}
