//! Each way in which a webhook can change, in both dialects: what stops the pipeline, and what cures it.

use serde_json::{Value, json};
use xtask::dialect::Dialect::{self, SnakeCase, Uppercase};
use xtask::pipeline;
use xtask::rules::Entry;

use crate::documents::{changed, cured, incurable, stops};
use crate::tiny::{RULES, findings, follow, joined, label, rename, rule, set, take, tiny};

/// The webhook that both dialects have, under the name that each gives it.
fn shared(dialect: Dialect) -> &'static str {
    match dialect {
        SnakeCase => "/x-webhooks/order_closed",
        Uppercase => "/x-webhooks/order.closed",
    }
}

/// The webhook that uppercase alone has.
const PAID: &str = "/x-webhooks/order.paid";

fn only(dialect: Dialect, webhook: &str, body: &str, headers: &[&str]) -> Value {
    json!({ "rule": "webhook-only", "dialect": dialect, "webhook": webhook, "body": body, "headers": headers })
}

fn header(name: &str, required: bool) -> Value {
    json!({ "in": "header", "name": name, "required": required, "schema": { "type": "string" } })
}

fn refer(root: &mut Value, webhook: &str, schema: &str) {
    let place = format!("{webhook}/post/requestBody/content/application~1json/schema/$ref");
    set(
        root,
        &place,
        json!(format!("#/components/schemas/{schema}")),
    );
}

#[test]
fn a_new_webhook() {
    for dialect in Dialect::BOTH {
        cured(
            dialect,
            |root| {
                let mut webhook = root.pointer(shared(dialect)).unwrap().clone();
                take(&mut webhook, "/post/parameters/1");
                set(root, "/x-webhooks/order.sent", webhook);
            },
            &[(dialect, "/x-webhooks/order.sent", "webhook-unpaired")],
            &[only(dialect, "order.sent", "Order", &["Shop-Signature"])],
        );
    }
}

#[test]
fn a_new_webhook_of_both_dialects_pairs_by_its_name() {
    let mut sources = tiny();
    for dialect in Dialect::BOTH {
        let root = &mut sources.documents.get_mut(dialect).root;
        let webhook = root.pointer(shared(dialect)).unwrap().clone();
        set(root, "/x-webhooks/order.sent", webhook);
    }
    let model = joined(&sources).unwrap();
    let sent = model.webhooks.iter().find(|one| one.event == "order.sent");
    let sent = &sent.unwrap().sent;
    assert!(sent.snake_case.is_some() && sent.uppercase.is_some());
}

#[test]
fn a_removed_webhook() {
    for dialect in Dialect::BOTH {
        let other = dialect.other();
        let mut rule = only(
            other,
            shared(other).trim_start_matches("/x-webhooks/"),
            "Order",
            &["Shop-Signature"],
        );
        rule["optional_headers"] = json!(["Shop-Attempt"]);
        cured(
            dialect,
            |root| {
                take(root, shared(dialect));
            },
            &[(other, shared(other), "webhook-unpaired")],
            &[rule],
        );
    }
    let gone = changed(Uppercase, |root| {
        take(root, PAID);
        take(root, "/components/schemas/Event");
    });
    let found = stops(&gone, &[], &[]);
    let told: Vec<&str> = found.iter().map(|found| found.message.as_str()).collect();
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(
        told.iter().any(|told| told.contains("webhook order.paid")),
        "{found:#?}"
    );
}

#[test]
fn a_renamed_webhook() {
    cured(
        Uppercase,
        |root| rename(root, PAID, "order.charged"),
        &[(Uppercase, "/x-webhooks/order.charged", "webhook-unpaired")],
        &[only(
            Uppercase,
            "order.charged",
            "Event",
            &["Shop-Signature"],
        )],
    );
    for dialect in Dialect::BOTH {
        let sources = changed(dialect, |root| rename(root, shared(dialect), "order.ended"));
        let found = findings(&sources);
        let places: Vec<&str> = found.iter().map(|found| found.pointer.as_str()).collect();
        assert!(places.contains(&"/x-webhooks/order.ended"), "{found:#?}");
        assert!(places.contains(&shared(dialect.other())), "{found:#?}");
        let mut cured = sources;
        let paired = cured
            .rules
            .rules
            .iter_mut()
            .map(|entry| &mut entry.rule)
            .find(|rule| matches!(rule, xtask::rules::Rule::WebhookPaired { .. }))
            .unwrap();
        *paired = match dialect {
            SnakeCase => rule(
                json!({ "rule": "webhook-paired", "snake_case": "order.ended", "uppercase": "order.closed" }),
            ),
            Uppercase => rule(
                json!({ "rule": "webhook-paired", "snake_case": "order_closed", "uppercase": "order.ended" }),
            ),
        };
        assert_eq!(findings(&cured), []);
    }
}

#[test]
fn a_webhook_of_a_name_that_a_rule_has_given_away() {
    incurable(
        SnakeCase,
        |root| {
            let webhook = root.pointer(shared(SnakeCase)).unwrap().clone();
            set(root, shared(Uppercase), webhook);
        },
        &[(SnakeCase, shared(Uppercase), "name-taken")],
        &[],
    );
}

#[test]
fn a_changed_body() {
    cured(
        Uppercase,
        |root| {
            refer(root, PAID, "Order");
            take(root, "/components/schemas/Event");
        },
        &[(
            Uppercase,
            &format!("{PAID}/post/requestBody"),
            "body-differs",
        )],
        &[only(Uppercase, "order.paid", "Order", &["Shop-Signature"])],
    );
    for dialect in Dialect::BOTH {
        incurable(
            dialect,
            |root| refer(root, shared(dialect), "Refund"),
            &[(
                Uppercase,
                &format!("{}/post/requestBody", shared(Uppercase)),
                "body-differs",
            )],
            &[],
        );
    }
}

#[test]
fn a_body_of_paired_schemas_is_the_same() {
    let mut sources = changed(Uppercase, |root| refer(root, shared(Uppercase), "Payer"));
    let root = &mut sources.documents.get_mut(SnakeCase).root;
    refer(root, shared(SnakeCase), "Customer");
    let model = joined(&sources).unwrap();
    let closed = model
        .webhooks
        .iter()
        .find(|one| one.event == "order.closed");
    assert_eq!(closed.unwrap().body, "Payer");
}

#[test]
fn a_changed_header_of_a_webhook_that_one_dialect_alone_has() {
    let parameters = format!("{PAID}/post/parameters");
    let first = format!("{parameters}/0");
    let second = format!("{parameters}/1");
    cured(
        Uppercase,
        |root| set(root, &format!("{parameters}/-"), header("Shop-Try", true)),
        &[(Uppercase, &second, "header-unlisted")],
        &[only(
            Uppercase,
            "order.paid",
            "Event",
            &["Shop-Signature", "Shop-Try"],
        )],
    );
    let mut rule = only(Uppercase, "order.paid", "Event", &["Shop-Signature"]);
    rule["optional_headers"] = json!(["Shop-Try"]);
    cured(
        Uppercase,
        |root| set(root, &format!("{parameters}/-"), header("Shop-Try", false)),
        &[(Uppercase, &second, "header-unlisted")],
        &[rule],
    );
    // A header of all that the event's item says.
    cured(
        Uppercase,
        |root| {
            set(
                root,
                &format!("{PAID}/parameters"),
                json!([header("Shop-Try", true)]),
            )
        },
        &[(
            Uppercase,
            &format!("{PAID}/parameters/0"),
            "header-unlisted",
        )],
        &[only(
            Uppercase,
            "order.paid",
            "Event",
            &["Shop-Signature", "Shop-Try"],
        )],
    );
    // A signature that may be missing is none.
    cured(
        Uppercase,
        |root| set(root, &first, header("Shop-Signature", false)),
        &[(Uppercase, &first, "presence-differs")],
        &[json!({
            "rule": "webhook-only", "dialect": "uppercase", "webhook": "order.paid", "body": "Event",
            "optional_headers": ["Shop-Signature"],
        })],
    );
    cured(
        Uppercase,
        |root| {
            take(root, &first);
        },
        &[],
        &[only(Uppercase, "order.paid", "Event", &[])],
    );
    cured(
        Uppercase,
        |root| set(root, &first, header("Shop-Seal", true)),
        &[(Uppercase, &first, "header-unlisted")],
        &[only(Uppercase, "order.paid", "Event", &["Shop-Seal"])],
    );
}

#[test]
fn a_changed_header_of_a_webhook_that_both_dialects_have() {
    for dialect in Dialect::BOTH {
        let other = dialect.other();
        let first = format!("{}/post/parameters/0", shared(dialect));
        let unpaired = |dialect: Dialect, parameter: &str| {
            json!({
                "rule": "parameter-only", "operation": "webhook order.closed", "dialect": dialect,
                "parameter": parameter,
            })
        };
        cured(
            dialect,
            |root| {
                let place = format!("{}/post/parameters/-", shared(dialect));
                set(root, &place, header("Shop-Try", true));
            },
            &[(
                dialect,
                &format!("{}/post/parameters/2", shared(dialect)),
                "parameter-unpaired",
            )],
            &[unpaired(dialect, "Shop-Try")],
        );
        cured(
            dialect,
            |root| {
                take(root, &first);
            },
            &[(
                other,
                &format!("{}/post/parameters/0", shared(other)),
                "parameter-unpaired",
            )],
            &[unpaired(other, "Shop-Signature")],
        );
        cured(
            dialect,
            |root| set(root, &first, header("Shop-Signature", false)),
            &[(
                Uppercase,
                &format!("{}/post/parameters/0", shared(Uppercase)),
                "presence-differs",
            )],
            &[json!({
                "rule": "parameter-presence", "operation": "webhook order.closed",
                "parameter": "Shop-Signature", "required_by": other,
            })],
        );
    }
    let mut renamed = changed(SnakeCase, |root| {
        let place = format!("{}/post/parameters/0", shared(SnakeCase));
        set(root, &place, header("Shop-Seal", true));
    });
    renamed.rules.rules.push(Entry {
        because: "one signature under two names".to_owned(),
        rule: rule(json!({
            "rule": "parameter-renamed", "operation": "webhook order.closed",
            "snake_case": "Shop-Seal", "uppercase": "Shop-Signature",
        })),
    });
    assert_eq!(findings(&renamed), []);
}

/// What explains an operation's parameter explains no webhook's of the same name.
#[test]
fn a_webhook_called_like_an_operation_is_another_thing() {
    let mut sources = changed(Uppercase, |root| {
        let place = format!("{}/post/parameters/-", shared(Uppercase));
        set(root, &place, header("Idempotency-Key", true));
        rename(root, shared(Uppercase), "create_order");
    });
    let root = &mut sources.documents.get_mut(SnakeCase).root;
    let place = format!("{}/post/parameters/-", shared(SnakeCase));
    set(root, &place, header("Idempotency-Key", false));
    rename(root, shared(SnakeCase), "create_order");
    let found = findings(&sources);
    let place = "/x-webhooks/create_order/post/parameters/2";
    assert!(
        found.iter().any(|found| found.pointer == place),
        "{found:#?}"
    );
    follow(&mut sources.rules, &found);
    assert_eq!(findings(&sources), []);
}

#[test]
fn another_answer() {
    for dialect in Dialect::BOTH {
        incurable(
            dialect,
            |root| {
                let place = format!("{}/post/responses/200", shared(dialect));
                rename(root, &place, "2XX");
            },
            &[(
                Uppercase,
                &format!("{}/post/responses", shared(Uppercase)),
                "status-differs",
            )],
            &[],
        );
    }
}

#[test]
fn a_rule_that_names_a_header_twice() {
    let mut sources = tiny();
    let entries = &mut sources.rules.rules;
    let index = entries
        .iter()
        .position(|entry| matches!(entry.rule, xtask::rules::Rule::WebhookOnly { .. }))
        .unwrap();
    let twice = ["Shop-Signature", "Shop-Signature"];
    entries[index].rule = rule(only(Uppercase, "order.paid", "Event", &twice));
    let found = findings(&sources);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].rule, "header-matches-nothing");
    assert_eq!(found[0].spec, RULES);
    assert_eq!(found[0].pointer, format!("/rules/{index}"));
    follow(&mut sources.rules, &found);
    assert_eq!(findings(&sources), []);
}

#[test]
fn a_rule_for_the_other_dialect() {
    let mut sources = tiny();
    let mut told = only(SnakeCase, "order.paid", "Event", &["Shop-Signature"]);
    for entry in &mut sources.rules.rules {
        if matches!(entry.rule, xtask::rules::Rule::WebhookOnly { .. }) {
            entry.rule = rule(told.clone());
        }
    }
    told["dialect"] = json!(Uppercase);
    let found = stops(&sources, &[(Uppercase, PAID, "webhook-unpaired")], &[told]);
    assert_eq!(found.len(), 2, "{found:#?}");
    follow(&mut sources.rules, &found);
    assert_eq!(findings(&sources), []);
}

/// What no rule can say of a webhook stops, wherever lint stands.
#[test]
fn what_the_model_has_no_word_for() {
    type Edit = fn(&mut Value);
    let edits: [(Edit, &str); 9] = [
        (|root| set(root, "/x-webhooks", json!([])), "/x-webhooks"),
        (|root| set(root, PAID, json!(null)), PAID),
        (
            |root| rename(root, "/x-webhooks/order.paid/post", "put"),
            "/x-webhooks/order.paid/put",
        ),
        (
            |root| set(root, "/x-webhooks/order.paid/get", json!({})),
            "/x-webhooks/order.paid/get",
        ),
        (
            |root| {
                set(
                    root,
                    "/x-webhooks/order.paid/$ref",
                    json!("#/x-webhooks/order.closed"),
                )
            },
            "/x-webhooks/order.paid/$ref",
        ),
        (
            |root| {
                set(
                    root,
                    "/x-webhooks/order.paid/post/requestBody/required",
                    json!(false),
                )
            },
            "/x-webhooks/order.paid/post/requestBody",
        ),
        (
            |root| {
                take(root, "/x-webhooks/order.paid/post/requestBody");
            },
            "/x-webhooks/order.paid/post/requestBody",
        ),
        (
            |root| {
                set(
                    root,
                    "/x-webhooks/order.paid/post/parameters/0/in",
                    json!("query"),
                )
            },
            "/x-webhooks/order.paid/post/parameters/0",
        ),
        (
            |root| {
                let schema = json!({ "type": "integer", "format": "int64" });
                set(
                    root,
                    "/x-webhooks/order.paid/post/parameters/0/schema",
                    schema,
                );
            },
            "/x-webhooks/order.paid/post/parameters/0",
        ),
    ];
    for (edit, place) in edits {
        let found = joined(&changed(Uppercase, edit)).unwrap_err();
        assert!(
            found.iter().any(|finding| finding.rule == "not-understood"
                && finding.pointer == place
                && finding.spec == label(Uppercase)),
            "{place}: {found:#?}"
        );
    }
}

#[test]
fn the_reconciled_document_shows_them() {
    let outputs = pipeline::run(&tiny()).unwrap();
    let text = &outputs
        .iter()
        .find(|output| output.path.ends_with("reconciled.json"))
        .unwrap()
        .text;
    let document: Value = serde_json::from_str(text).unwrap();
    let webhooks = document["x-webhooks"].as_object().unwrap();
    let names: Vec<&String> = webhooks.keys().collect();
    assert_eq!(names, ["order.paid", "order.closed"]);
    let closed = &webhooks["order.closed"]["post"];
    assert_eq!(
        closed["x-flowlix"],
        json!({
            "snake_case": { "event": "order_closed", "answered-with": ["200"] },
            "uppercase": { "event": "order.closed", "answered-with": ["200"] },
        })
    );
    assert_eq!(
        closed.pointer("/requestBody/content/application~1json/schema/$ref"),
        Some(&json!("#/components/schemas/Order"))
    );
    let headers: Vec<(&Value, &Value)> = closed["parameters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|header| (&header["name"], &header["required"]))
        .collect();
    assert_eq!(
        headers,
        [
            (&json!("Shop-Signature"), &json!(true)),
            (&json!("Shop-Attempt"), &json!(false))
        ]
    );
    assert_eq!(
        closed["responses"],
        json!({ "200": { "description": "Received." } })
    );
    let paid = &webhooks["order.paid"]["post"]["x-flowlix"];
    assert_eq!(paid["snake_case"], Value::Null);
}
