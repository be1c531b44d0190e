//! load → lint → normalise → reconcile → generate → format: from three texts to the generated files.

use crate::api;
use crate::dialect::{Dialect, PerDialect};
use crate::document::Document;
use crate::finding::Finding;
use crate::rules::Rules;
use crate::{format, generate, lint, normalise, reconcile};

/// What the pipeline starts from.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The two dialects' documents.
    pub documents: PerDialect<Document>,
    /// The rules that join them.
    pub rules: Rules,
}

/// A generated file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Where it belongs, seen from the workspace's root.
    pub path: &'static str,
    /// Its text.
    pub text: String,
}

/// Runs every stage.
///
/// # Errors
/// All findings of the first stage that has any.
pub fn run(sources: &Sources) -> Result<Vec<Output>, Vec<Finding>> {
    let documents = &sources.documents;
    let findings: Vec<Finding> = Dialect::BOTH
        .iter()
        .flat_map(|dialect| lint::lint(documents.get(*dialect)))
        .collect();
    if !findings.is_empty() {
        return Err(findings);
    }
    let apis = PerDialect {
        snake_case: api::read(Dialect::SnakeCase, &documents.snake_case)?,
        uppercase: api::read(Dialect::Uppercase, &documents.uppercase)?,
    };
    let model = reconcile::reconcile(&apis, &sources.rules)?;
    let client = |dialect, path, from| {
        let lenient = normalise::normalise(documents.get(dialect));
        generate::client(dialect, &lenient, &model)
            .and_then(|tokens| format::rust(path, from, tokens))
            .map(|text| Output { path, text })
    };
    let both = "openapi/snake_case.yaml, openapi/uppercase.yaml and openapi/reconcile.yaml";
    let rust = |path, tokens| format::rust(path, both, tokens).map(|text| Output { path, text });
    let document = serde_json::to_string_pretty(&generate::document(&model)).map_err(|error| {
        vec![Finding::new(
            "openapi/reconciled.json",
            "",
            "generated-unreadable",
            error.to_string(),
            "this is a mistake in xtask/src/generate",
        )]
    })?;
    Ok(vec![
        Output {
            path: "openapi/reconciled.json",
            text: document + "\n",
        },
        client(
            Dialect::SnakeCase,
            "flowlix-api/src/generated/snake_case.rs",
            "openapi/snake_case.yaml",
        )?,
        client(
            Dialect::Uppercase,
            "flowlix-api/src/generated/uppercase.rs",
            "openapi/uppercase.yaml",
        )?,
        rust(
            "flowlix-api/src/generated/model.rs",
            generate::model(&model),
        )?,
        rust(
            "flowlix-api/src/generated/convert.rs",
            generate::convert(&model),
        )?,
    ])
}
