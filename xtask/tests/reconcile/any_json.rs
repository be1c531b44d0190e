//! Whatever stands in a document, the answer is findings or files, never a panic.

use serde_json::{Value, json};
use xtask::dialect::{Dialect, PerDialect};
use xtask::{api, pipeline, reconcile};

use crate::tiny::{joined, pointers, set, take, tiny};

fn replacements() -> [Option<Value>; 7] {
    [
        None,
        Some(Value::Null),
        Some(json!(-1.5)),
        Some(json!("Order")),
        Some(json!([null, 1, {}])),
        Some(json!({})),
        Some(json!({ "$ref": "#/components/schemas/Order" })),
    ]
}

/// The stages stand on their own: nothing that lint would stop may surprise them.
#[test]
fn every_part_of_a_document_may_be_missing_or_anything() {
    let sound = tiny();
    let apis = PerDialect::from_fn(|dialect| {
        api::read(dialect, sound.documents.get(dialect)).expect("sound")
    });
    let mut judged = 0;
    for dialect in Dialect::BOTH {
        let document = sound.documents.get(dialect);
        for pointer in pointers(&document.root) {
            for replacement in replacements() {
                let mut changed = document.clone();
                match replacement {
                    None => {
                        take(&mut changed.root, &pointer);
                    }
                    Some(value) => set(&mut changed.root, &pointer, value),
                }
                let joined = api::read(dialect, &changed).and_then(|api| {
                    let mut apis = apis.clone();
                    *apis.get_mut(dialect) = api;
                    reconcile::reconcile(&apis, &sound.rules)
                });
                if let Err(found) = joined {
                    assert!(!found.is_empty(), "{dialect} {pointer}");
                    assert!(found.iter().all(|finding| !finding.cure.is_empty()));
                }
                judged += 1;
            }
        }
    }
    assert!(judged > 3000, "{judged}");
}

#[test]
fn the_pipeline_answers_to_every_gap() {
    let sound = tiny();
    let mut passed = 0;
    for dialect in Dialect::BOTH {
        let all = pointers(&sound.documents.get(dialect).root);
        // The other operations repeat the answers of this one.
        let places = ["/components", "/paths/~1v1~1orders/get", "/x-webhooks"];
        for pointer in all
            .iter()
            .filter(|pointer| places.iter().any(|place| pointer.starts_with(place)))
        {
            let mut sources = sound.clone();
            take(&mut sources.documents.get_mut(dialect).root, pointer);
            match pipeline::run(&sources) {
                Ok(outputs) => {
                    assert_eq!(outputs.len(), 5);
                    passed += 1;
                }
                Err(found) => assert!(!found.is_empty()),
            }
        }
    }
    assert!(passed > 0);
}

#[test]
fn a_document_may_be_anything() {
    for dialect in Dialect::BOTH {
        for root in [json!(null), json!(3), json!("x"), json!([]), json!({})] {
            let mut sources = tiny();
            sources.documents.get_mut(dialect).root = root.clone();
            assert!(pipeline::run(&sources).is_err(), "{root}");
            assert!(joined(&sources).is_err(), "{root}");
        }
    }
}
