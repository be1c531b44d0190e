//! Flowlix's own specifications have nothing wrong.

use std::path::Path;

use serde_json::json;
use xtask::document::{Document, join};
use xtask::lint::lint;

const SPECIFICATIONS: [&str; 2] = ["snake_case.yaml", "uppercase.yaml"];

fn read(name: &str) -> Document {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../openapi")
        .join(name);
    Document::parse(name, &std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn the_specifications_are_clean() {
    for name in SPECIFICATIONS {
        let told: Vec<String> = lint(&read(name)).iter().map(ToString::to_string).collect();
        assert!(told.is_empty(), "{}", told.join("\n"));
    }
}

/// The places of all named examples of request and response bodies.
fn named_examples(document: &Document, content: &str) -> Vec<String> {
    document
        .members(content)
        .flat_map(|(media_type, _)| {
            let examples = join(&join(content, media_type), "examples");
            document
                .members(&examples)
                .filter(|(_, example)| example.get("value").is_some())
                .map(|(name, _)| join(&join(&examples, name), "value"))
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn each_of_their_examples_is_judged() {
    for name in SPECIFICATIONS {
        let sound = read(name);
        let mut places = Vec::new();
        for (path, item) in sound.members("/paths") {
            for (method, operation) in item.as_object().unwrap() {
                let at = join(&join("/paths", path), method);
                places.extend(named_examples(&sound, &format!("{at}/requestBody/content")));
                for (status, _) in operation
                    .get("responses")
                    .into_iter()
                    .flat_map(|it| it.as_object().unwrap())
                {
                    let response = join(&format!("{at}/responses"), status);
                    places.extend(named_examples(&sound, &format!("{response}/content")));
                }
            }
        }
        assert!(places.len() >= 8, "{name} has only {places:?}");
        for place in places {
            let mut broken = sound.clone();
            *broken.root.pointer_mut(&place).unwrap() = json!(3);
            let findings = lint(&broken);
            assert_eq!(findings.len(), 1, "{place}: {findings:#?}");
            assert_eq!(findings[0].rule, "example-invalid");
            assert_eq!(findings[0].pointer, place);
        }
    }
}
