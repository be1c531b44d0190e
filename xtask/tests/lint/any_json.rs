//! Lint answers to any JSON value; it never panics.

use serde_json::{Value, json};

use crate::base::{base, lint, remove, set};

fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    let mut member = |name: &str, value: &Value| {
        let pointer = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
        pointers(value, &pointer, found);
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

#[test]
fn every_part_may_be_missing_or_anything() {
    let mut all = Vec::new();
    pointers(&base(), "", &mut all);
    assert!(all.len() > 100, "the base lost its content");
    let replacements = [
        Value::Null,
        json!(-1.5),
        json!(true),
        json!(""),
        json!("^[a-"),
        json!([]),
        json!([null, 1, {}]),
        json!({}),
        json!({ "$ref": "#/components/schemas/Order" }),
        json!({ "$ref": 3 }),
    ];
    let known: Vec<&str> = xtask::lint::RULES.iter().map(|rule| rule.id).collect();
    let mut judged = 0;
    for pointer in &all {
        let mut mutants: Vec<Value> = Vec::new();
        let mut removed = base();
        remove(&mut removed, pointer);
        mutants.push(removed);
        for replacement in &replacements {
            let mut replaced = base();
            set(&mut replaced, pointer, replacement.clone());
            mutants.push(replaced);
        }
        for mutant in mutants {
            for finding in lint(mutant) {
                assert!(known.contains(&finding.rule.as_str()), "{finding}");
                assert!(!finding.message.is_empty() && !finding.cure.is_empty());
            }
            judged += 1;
        }
    }
    assert_eq!(judged, all.len() * (replacements.len() + 1));
}

/// Findings of these families say that a document is incomplete, not that the generator chokes on it.
const OF_NO_CONCERN_TO_THE_GENERATOR: [&str; 5] = [
    "component-",
    "example-",
    "provenance-",
    "secret-",
    "source-",
];

#[test]
fn what_lint_lets_through_the_generator_takes() {
    let mut all = Vec::new();
    pointers(&base(), "", &mut all);
    let mut generated = 0;
    for pointer in &all {
        for replacement in [
            None,
            Some(json!("^[a-")),
            Some(json!({})),
            Some(json!([null])),
        ] {
            let mut mutant = base();
            match replacement {
                None => remove(&mut mutant, pointer),
                Some(replacement) => set(&mut mutant, pointer, replacement),
            }
            let stopped = lint(mutant.clone()).iter().any(|finding| {
                !OF_NO_CONCERN_TO_THE_GENERATOR
                    .iter()
                    .any(|family| finding.rule.starts_with(family))
            });
            if !stopped {
                let spec: openapiv3::OpenAPI = serde_json::from_value(mutant).unwrap();
                let tokens = progenitor::Generator::default().generate_tokens(&spec);
                assert!(tokens.is_ok(), "{pointer}: {tokens:?}");
                generated += 1;
            }
        }
    }
    assert!(generated > 100, "only {generated} were sound enough");
}

/// In the stack that a test has, and that the main thread has on other systems, deep documents are told.
#[test]
fn documents_of_any_depth_are_judged_on_a_small_stack() {
    let nest = |wrap: fn(Value) -> Value, levels| {
        let text = json!({ "type": "string" });
        (0..levels).fold(text, |inner, _| wrap(inner))
    };
    let wraps: [fn(Value) -> Value; 4] = [
        |inner| json!({ "type": "array", "items": inner }),
        |inner| json!({ "type": "object", "additionalProperties": inner }),
        |inner| json!({ "type": "object", "properties": { "a": inner } }),
        |inner| json!({ "allOf": [inner] }),
    ];
    let judged = std::thread::Builder::new()
        .stack_size(1 << 20)
        .spawn(move || {
            let mut deep = 0;
            for wrap in wraps {
                for levels in [9, 18, 19, 60, 120] {
                    let mut root = base();
                    let place = "/components/schemas/Order/properties/deep";
                    set(&mut root, place, nest(wrap, levels));
                    let told = lint(root);
                    deep += usize::from(told.iter().any(|found| found.rule == "document-too-deep"));
                }
            }
            deep
        });
    let deep = judged.unwrap().join().unwrap();
    assert_eq!(deep, 2 * 3 + 2 * 4);
}

#[test]
fn what_is_no_object_is_no_openapi() {
    for root in [json!(null), json!(3), json!("x"), json!([]), json!({})] {
        let findings = lint(root.clone());
        for rule in [
            "openapi-version",
            "openapi-unreadable",
            "provenance-missing",
        ] {
            assert!(
                findings.iter().any(|finding| finding.rule == rule),
                "{root} passes {rule}"
            );
        }
    }
}

#[test]
fn schemas_that_refer_in_circles_are_told_and_end() {
    let mut root = base();
    let schema = json!({ "x-source": "guide", "allOf": [{ "$ref": "#/components/schemas/B" }] });
    set(&mut root, "/components/schemas/A", schema);
    let schema = json!({ "x-source": "guide", "allOf": [{ "$ref": "#/components/schemas/A" }] });
    set(&mut root, "/components/schemas/B", schema);
    let member = json!({ "example": 3, "allOf": [{ "$ref": "#/components/schemas/A" }] });
    set(
        &mut root,
        "/components/schemas/Order/properties/circle",
        member,
    );
    let findings = lint(root);
    let circular: Vec<&str> = findings
        .iter()
        .filter(|finding| finding.rule == "ref-circular")
        .map(|finding| finding.pointer.as_str())
        .collect();
    assert_eq!(circular, ["/components/schemas/A", "/components/schemas/B"]);
}
