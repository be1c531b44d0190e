//! The values that a document holds, against the schemas beside them.

use std::collections::BTreeMap;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, ValidationError, Validator};
use serde_json::{Value, json};

use crate::document::join;

use super::Rule;
use super::json_schema::Converter;
use super::report::Report;
use super::sites::{Object, Sample, Sites};

pub(super) const INVALID: Rule = Rule {
    id: "example-invalid",
    teaches: "every example is valid against its schema: either the example or the schema is wrong",
};
pub(super) const UNDECLARED: Rule = Rule {
    id: "example-undeclared",
    teaches: "every member of an example is declared in its schema: what is not would be lost on reading",
};
pub(super) const EXTERNAL: Rule = Rule {
    id: "example-external",
    teaches: "an example stands in the document: generating is offline, nothing is fetched",
};
pub(super) const DEFAULT_INVALID: Rule = Rule {
    id: "default-invalid",
    teaches: "a default is valid against its own schema; the generator refuses another",
};

/// How many faults of one value are told.
const MAX_FAULTS: usize = 8;

pub(super) fn check(sites: &Sites<'_>, report: &mut Report<'_>) {
    for example in &sites.named_examples {
        if example.value.contains_key("externalValue") {
            report.add(
                EXTERNAL,
                &join(&example.pointer, "externalValue"),
                "the example is kept elsewhere",
                "copy it into `value`",
            );
        }
    }
    let mut examples = Checker::new(sites);
    for example in &sites.examples {
        examples.check(example, INVALID, report);
    }
    for default in &sites.defaults {
        examples.check(default, DEFAULT_INVALID, report);
    }
}

/// Compiles each schema once, however many values it has.
struct Checker<'a> {
    converter: Converter<'a>,
    /// By the schema's text.
    compiled: BTreeMap<String, Result<Validator, String>>,
}

impl<'a> Checker<'a> {
    fn new(sites: &'a Sites<'a>) -> Self {
        Self {
            converter: Converter::new(sites),
            compiled: BTreeMap::new(),
        }
    }

    fn check(&mut self, sample: &Sample<'a>, rule: Rule, report: &mut Report<'_>) {
        match self.validator(sample.schema) {
            Ok(validator) => {
                for fault in validator.iter_errors(sample.value).take(MAX_FAULTS) {
                    tell(&fault, sample, rule, report);
                }
            }
            Err(error) => report.add(
                rule,
                &sample.pointer,
                format!("the value cannot be checked: {error}"),
                "mend the schema",
            ),
        }
    }

    fn validator(&mut self, schema: &Object) -> &Result<Validator, String> {
        self.compiled
            .entry(json!(schema).to_string())
            .or_insert_with(|| compile(&self.converter.document(schema)))
    }
}

fn compile(document: &Value) -> Result<Validator, String> {
    jsonschema::options()
        .with_draft(Draft::Draft7)
        .offline()
        .build(document)
        .map_err(|error| error.to_string())
}

fn tell(fault: &ValidationError<'_>, sample: &Sample<'_>, rule: Rule, report: &mut Report<'_>) {
    let inside = fault.instance_path().as_str();
    let place = if inside.is_empty() {
        "the value"
    } else {
        inside
    };
    let pointer = format!("{}{inside}", sample.pointer);
    if let ValidationErrorKind::AdditionalProperties { unexpected } = fault.kind() {
        report.add(
            UNDECLARED,
            &pointer,
            format!(
                "{place} has members that its schema does not list: {}",
                unexpected.join(", ")
            ),
            "add them to the schema, or take them out of the example",
        );
        return;
    }
    // Masked: an example may hold a card number, and messages end up in logs.
    report.add(
        rule,
        &pointer,
        fault.masked_with(place).to_string(),
        "correct the value if it was copied wrongly; else correct the schema",
    );
}
