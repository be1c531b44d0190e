//! The documents in `openapi/`, read as plain data.

use std::path::PathBuf;
use std::sync::LazyLock;

use flowlix_api::Dialect;
use serde_json::Value;

/// Both dialects, for tests that hold in each.
pub const DIALECTS: [Dialect; 2] = [Dialect::SnakeCase, Dialect::Uppercase];

/// One OpenAPI document.
#[derive(Debug)]
pub struct Document(Value);

/// An example of a whole body that a document prints.
#[derive(Debug)]
pub struct Example {
    /// Where it stands, as a JSON pointer into the document.
    pub pointer: String,
    /// The name of the body's schema.
    pub schema: String,
    /// The body.
    pub value: Value,
}

impl Document {
    /// What Flowlix says about one dialect.
    #[must_use]
    pub fn of(dialect: Dialect) -> Self {
        Self(yaml(&format!("{dialect}.yaml")))
    }

    /// The one model that both dialects map to.
    #[must_use]
    pub fn reconciled() -> Self {
        let text = text("reconciled.json");
        Self(serde_json::from_str(&text).expect("reconciled.json is JSON"))
    }

    /// The document itself.
    #[must_use]
    pub fn root(&self) -> &Value {
        &self.0
    }

    /// Each schema of the document under its name.
    pub fn schemas(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0["components"]["schemas"]
            .as_object()
            .expect("a document has schemas")
            .iter()
            .map(|(name, schema)| (name.as_str(), schema))
    }

    /// The schema of this name.
    #[must_use]
    pub fn schema(&self, name: &str) -> &Value {
        self.0["components"]["schemas"]
            .get(name)
            .unwrap_or_else(|| panic!("the document has no schema {name}"))
    }

    /// Every example of a request's, a response's or a webhook's body.
    #[must_use]
    pub fn examples(&self) -> Vec<Example> {
        let mut found = Vec::new();
        gather(&self.0, "", &mut found);
        found
    }
}

/// The rules by which the dialects are reconciled.
#[must_use]
pub fn rules() -> &'static [Value] {
    static RULES: LazyLock<Value> = LazyLock::new(|| yaml("reconcile.yaml"));
    RULES["rules"]
        .as_array()
        .expect("reconcile.yaml holds a list of rules")
}

/// The name of the schema that a schema refers to, directly or through a lone `allOf`.
#[must_use]
pub fn target(schema: &Value) -> Option<&str> {
    let reference = schema
        .get("$ref")
        .or_else(|| schema["allOf"][0].get("$ref"));
    reference?.as_str()?.strip_prefix("#/components/schemas/")
}

fn gather(node: &Value, pointer: &str, found: &mut Vec<Example>) {
    match node {
        Value::Object(members) => {
            for (name, member) in members {
                let at = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
                if name == "content" {
                    bodies(member, &at, found);
                }
                gather(member, &at, found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                gather(item, &format!("{pointer}/{index}"), found);
            }
        }
        _ => {}
    }
}

fn bodies(content: &Value, pointer: &str, found: &mut Vec<Example>) {
    for (media, body) in content.as_object().into_iter().flatten() {
        let at = format!("{pointer}/{}", media.replace('/', "~1"));
        let named = body["examples"].as_object().into_iter().flatten();
        let printed = named
            .map(|(name, example)| (format!("{at}/examples/{name}"), &example["value"]))
            .chain(
                body.get("example")
                    .map(|value| (format!("{at}/example"), value)),
            );
        for (pointer, value) in printed {
            let schema = target(&body["schema"])
                .unwrap_or_else(|| panic!("{pointer}: its schema has no name"));
            found.push(Example {
                schema: schema.to_owned(),
                value: value.clone(),
                pointer,
            });
        }
    }
}

fn yaml(name: &str) -> Value {
    serde_norway::from_str(&text(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn text(name: &str) -> String {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "..", "openapi", name]
        .iter()
        .collect();
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
