//! Joins the two dialects into one model: total and loud.
//!
//! What has the same name and type pairs by itself. Everything else needs a rule, and every rule must
//! match something; whatever is left over is a finding that shows the rule to add.

mod circles;
mod ledger;
mod listing;
mod matching;
mod moves;
mod names;
mod objects;
mod operations;
mod pairs;
mod parameters;
mod targets;
mod values;
mod webhooks;
mod words;

use crate::api::{Api, Shape};
use crate::dialect::PerDialect;
use crate::finding::Finding;
use crate::model::{Model, ModelSchema, ModelShape};
use crate::rules::{Rule, Rules};

use ledger::Ledger;
use pairs::Pair;

/// Joins both documents by the rules.
///
/// # Errors
/// Every difference that no rule explains, and every rule that explains nothing.
pub fn reconcile(apis: &PerDialect<Api>, rules: &Rules) -> Result<Model, Vec<Finding>> {
    let mut ledger = Ledger::new(rules);
    let pairs = pairs::pair(apis, &mut ledger);
    let mut model = Model::default();
    for pair in &pairs.pairs {
        if let Some(shape) = shape(apis, &pairs, pair, &mut ledger) {
            model.schemas.push(ModelSchema {
                name: pair.name.clone(),
                description: described(pair),
                names: PerDialect::from_fn(|dialect| {
                    pair.schemas.get(dialect).map(|schema| schema.name.clone())
                }),
                sent: pair.any(|schema| schema.sent),
                received: pair.any(|schema| schema.received),
                shape,
            });
        }
    }
    moves::settle(&mut model, apis, &mut ledger);
    model.operations = operations::reconcile(apis, &pairs, &mut ledger);
    model.webhooks = webhooks::reconcile(apis, &pairs, &mut ledger);
    names::check(&model, apis, &mut ledger);
    circles::check(&model, apis, &mut ledger);
    let findings = ledger.close();
    if findings.is_empty() {
        Ok(model)
    } else {
        Err(findings)
    }
}

fn described(pair: &Pair<'_>) -> String {
    words::join(&PerDialect::from_fn(|dialect| {
        pair.schemas
            .get(dialect)
            .map(|schema| schema.description.as_str())
    }))
}

fn shape(
    apis: &PerDialect<Api>,
    pairs: &pairs::Pairs<'_>,
    pair: &Pair<'_>,
    ledger: &mut Ledger<'_>,
) -> Option<ModelShape> {
    let by_hand = ledger
        .take(|rule| matches!(rule, Rule::SchemaByHand { schema, .. } if *schema == pair.name));
    let shape = match (
        pair.schemas.snake_case.map(|schema| &schema.shape),
        pair.schemas.uppercase.map(|schema| &schema.shape),
    ) {
        (None | Some(Shape::Object(_)), None | Some(Shape::Object(_))) => {
            ModelShape::Object(objects::join(apis, pairs, pair, ledger))
        }
        (None | Some(Shape::Enum(_)), None | Some(Shape::Enum(_))) => {
            ModelShape::Enum(values::join(apis, pair, ledger))
        }
        (None | Some(Shape::Text(_)), None | Some(Shape::Text(_))) => {
            ModelShape::Id(PerDialect::from_fn(|dialect| {
                match &(*pair.schemas.get(dialect))?.shape {
                    Shape::Text(limits) => limits.pattern.clone(),
                    _ => None,
                }
            }))
        }
        _ => {
            if let (Some(snake_case), Some(uppercase)) =
                (pair.schemas.snake_case, pair.schemas.uppercase)
            {
                ledger.note(
                    &apis.uppercase.label,
                    &uppercase.pointer,
                    "shape-differs",
                    format!(
                        "{} is another kind of schema than {} in {}{}",
                        uppercase.name, snake_case.name, apis.snake_case.label, snake_case.pointer
                    ),
                    "make both objects, both enums or both text, or stop pairing them",
                );
            }
            return None;
        }
    };
    let Some(Rule::SchemaByHand { path, .. }) = &by_hand else {
        return Some(shape);
    };
    if syn::parse_str::<syn::TypePath>(path).is_err() {
        ledger.note_rule(
            by_hand.as_ref()?,
            "by-hand-unfit",
            &format!("`{path}` is no path of a Rust type"),
            "write the type's path in `path`, such as crate::ErrorResponse",
        );
        return None;
    }
    Some(ModelShape::ByHand(path.clone()))
}
