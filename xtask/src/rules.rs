//! `reconcile.yaml`: one rule for each difference between the dialects.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::dialect::Dialect;
use crate::finding::Finding;

/// The whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// What messages call the file.
    #[serde(skip)]
    pub label: String,
    /// The rules, in the file's order.
    pub rules: Vec<Entry>,
}

/// A rule and its reason.
#[derive(Debug, Clone, Deserialize)]
pub struct Entry {
    /// Why the difference is there, or why it is bridged so.
    pub because: String,
    /// The rule.
    #[serde(flatten)]
    pub rule: Rule,
}

/// A difference between the dialects, explained.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "rule", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Rule {
    /// Two schemas of different names are one; the model takes the uppercase name.
    SchemaPaired {
        /// The name in `snake_case`.
        snake_case: String,
        /// The name in uppercase and in the model.
        uppercase: String,
    },
    /// A schema that one dialect alone has.
    SchemaOnly {
        /// The dialect that has it.
        dialect: Dialect,
        /// Its name.
        schema: String,
        /// The properties of an object or the values of an enum, all of them; none of text.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        members: Vec<String>,
    },
    /// A schema whose Rust type is written by hand.
    SchemaByHand {
        /// Its name in the model.
        schema: String,
        /// The type's path in `flowlix-api`, such as `crate::ErrorResponse`.
        path: String,
    },
    /// Two properties of different names are one; the model takes the uppercase name.
    PropertyRenamed {
        /// The model's schema.
        schema: String,
        /// The name in `snake_case`.
        snake_case: String,
        /// The name in uppercase and in the model.
        uppercase: String,
    },
    /// A property that the model keeps elsewhere.
    PropertyMoved {
        /// The model's schema.
        schema: String,
        /// The dialect in which it stands here.
        dialect: Dialect,
        /// Its name in that dialect.
        property: String,
        /// Where the model keeps it, dotted, seen from the schema.
        to: String,
    },
    /// A property that one dialect alone has.
    PropertyOnly {
        /// The model's schema.
        schema: String,
        /// The dialect that has it.
        dialect: Dialect,
        /// Its name; the path in the model where it was moved.
        property: String,
    },
    /// A property with the same value always; the model leaves it out.
    PropertyConstant {
        /// The model's schema.
        schema: String,
        /// The dialect that has it.
        dialect: Dialect,
        /// Its name.
        property: String,
        /// Its value.
        value: String,
    },
    /// A second name of a property in the same dialect; the first that is there wins.
    PropertySecondSpelling {
        /// The model's schema.
        schema: String,
        /// The dialect that has both.
        dialect: Dialect,
        /// The second name.
        property: String,
        /// The name that the model knows.
        of: String,
    },
    /// A property that one dialect requires and the other does not.
    PropertyPresence {
        /// The model's schema.
        schema: String,
        /// The model's property, dotted where it was moved.
        property: String,
        /// The dialect that requires it.
        required_by: Dialect,
    },
    /// A map that holds text in one dialect and any JSON in the other.
    PropertyTextOnly {
        /// The model's schema.
        schema: String,
        /// The model's property.
        property: String,
        /// The dialect that takes text alone.
        dialect: Dialect,
    },
    /// A property that a dialect does not put into the body, but elsewhere into the request.
    PropertyCarried {
        /// The model's schema.
        schema: String,
        /// The model's property.
        property: String,
        /// The dialect whose body lacks it.
        dialect: Dialect,
        /// Where that dialect carries it.
        by: String,
    },
    /// An enum's value that one dialect alone documents.
    ValueOnly {
        /// The model's enum.
        schema: String,
        /// The dialect that documents it.
        dialect: Dialect,
        /// The value as that dialect spells it.
        value: String,
    },
    /// Two operations of different names are one; the model takes the uppercase name.
    OperationPaired {
        /// The `operationId` in `snake_case`.
        snake_case: String,
        /// The `operationId` in uppercase and in the model.
        uppercase: String,
    },
    /// An operation that one dialect alone has.
    OperationOnly {
        /// The dialect that has it.
        dialect: Dialect,
        /// Its `operationId`.
        operation: String,
    },
    /// Paired operations whose successes answer different schemas.
    AnswerDiffers {
        /// The model's operation.
        operation: String,
        /// What `snake_case` answers.
        snake_case: String,
        /// What uppercase answers.
        uppercase: String,
    },
    /// Two webhooks of different names are one; the model takes the uppercase name.
    WebhookPaired {
        /// The event's name in `snake_case`.
        snake_case: String,
        /// The event's name in uppercase and in the model.
        uppercase: String,
    },
    /// A webhook that one dialect alone has.
    WebhookOnly {
        /// The dialect that has it.
        dialect: Dialect,
        /// The event's name.
        webhook: String,
        /// The model's schema of its body.
        body: String,
        /// The headers that always come with it, all of them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        headers: Vec<String>,
        /// The headers that may come with it, all of them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        optional_headers: Vec<String>,
    },
    /// Two parameters of different names are one; the model takes the uppercase name.
    ParameterRenamed {
        /// The model's operation, or a webhook as in `webhook payment.succeeded`.
        operation: String,
        /// The name in `snake_case`.
        snake_case: String,
        /// The name in uppercase and in the model.
        uppercase: String,
    },
    /// A parameter that one dialect alone has.
    ParameterOnly {
        /// The model's operation, or a webhook as in `webhook payment.succeeded`.
        operation: String,
        /// The dialect that has it.
        dialect: Dialect,
        /// Its name.
        parameter: String,
    },
    /// A parameter that one dialect requires and the other does not.
    ParameterPresence {
        /// The model's operation, or a webhook as in `webhook payment.succeeded`.
        operation: String,
        /// The model's parameter.
        parameter: String,
        /// The dialect that requires it.
        required_by: Dialect,
    },
    /// Two response headers of different names are one.
    HeaderRenamed {
        /// The name in `snake_case`.
        snake_case: String,
        /// The name in uppercase.
        uppercase: String,
    },
}

impl Rule {
    /// The rule as it would stand in the file, ready to paste.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        let fields = serde_json::to_value(self).unwrap_or_default();
        let mut text = String::new();
        for (name, value) in fields.as_object().into_iter().flatten() {
            let lead = if text.is_empty() { "- " } else { "  " };
            text.push_str(&format!("{lead}{name}: {}\n", field(value, scalar)));
        }
        text.push_str("  because: …");
        text
    }
}

/// A field's text, in the given spelling; a list always as YAML, so that its names can be told apart.
fn field(value: &Value, spelled: fn(&str) -> String) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| field(item, scalar)).collect();
            format!("[{}]", items.join(", "))
        }
        other => spelled(other.as_str().unwrap_or_default()),
    }
}

/// A YAML scalar that reads back as this very text: a plain word where that is safe, else quoted as JSON quotes.
fn scalar(text: &str) -> String {
    let is_plain = text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c))
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
            .contains(&text.to_lowercase().as_str());
    if is_plain {
        text.to_owned()
    } else {
        Value::from(text).to_string()
    }
}

impl Rules {
    /// Parses the file.
    ///
    /// # Errors
    /// A finding when the text is no list of rules, or a rule lacks its reason; the `…` of a rule that was
    /// shown to be added is none.
    pub fn parse(label: &str, text: &str) -> Result<Self, Vec<Finding>> {
        let mut rules: Self = serde_norway::from_str(text).map_err(|error| {
            vec![Finding::new(
                label,
                "",
                "rules-unreadable",
                format!("the rules cannot be read: {error}"),
                "write each rule as xtask/src/rules.rs describes it",
            )]
        })?;
        rules.label = label.to_owned();
        let without: Vec<Finding> = rules
            .rules
            .iter()
            .enumerate()
            .filter(|(_, entry)| matches!(entry.because.trim(), "" | "…"))
            .map(|(index, entry)| {
                Finding::new(
                    label,
                    &format!("/rules/{index}"),
                    "rule-without-reason",
                    format!("{} gives no reason", summary(&entry.rule)),
                    "say in `because` why the dialects differ",
                )
            })
            .collect();
        if without.is_empty() {
            Ok(rules)
        } else {
            Err(without)
        }
    }
}

/// The rule in one line.
#[must_use]
pub fn summary(rule: &Rule) -> String {
    let fields = serde_json::to_value(rule).unwrap_or_default();
    let words: Vec<String> = fields
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| match name.as_str() {
            "rule" => field(value, str::to_owned),
            _ => format!("{name} {}", field(value, str::to_owned)),
        })
        .collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_shown_and_summed_up_with_every_name() {
        let rule = Rule::SchemaOnly {
            dialect: Dialect::Uppercase,
            schema: "S".to_owned(),
            members: vec!["payment.failed".to_owned(), "no".to_owned()],
        };
        let list = r#"[payment.failed, "no"]"#;
        assert!(rule.to_yaml().contains(&format!("\n  members: {list}\n")));
        assert!(summary(&rule).ends_with(&format!(", members {list}")));
    }

    #[test]
    fn a_shown_rule_reads_back_as_itself() {
        for value in [
            "created",
            "created[gte]",
            "",
            "123",
            "true",
            "null",
            "a \"b\" \\ c",
            "über",
            "- x",
            "a: b",
            "#",
            "~",
            "it's",
            "X-Rate",
        ] {
            let constant = Rule::PropertyConstant {
                schema: "S".to_owned(),
                dialect: Dialect::SnakeCase,
                property: "p".to_owned(),
                value: value.to_owned(),
            };
            let only = Rule::SchemaOnly {
                dialect: Dialect::Uppercase,
                schema: "S".to_owned(),
                members: vec!["first, [".to_owned(), value.to_owned(), "a]".to_owned()],
            };
            for rule in [constant, only] {
                let text = format!("rules:\n{}", rule.to_yaml()).replace('…', "a reason");
                let read = Rules::parse("r.yaml", &text)
                    .map(|rules| rules.rules.into_iter().map(|entry| entry.rule).collect());
                assert_eq!(read, Ok(vec![rule]), "{text}");
            }
        }
    }
}
