//! Where the tables are.

use crate::intents::store::StoreError;

/// PostgreSQL cuts a longer name, without an error.
const LONGEST_NAME: usize = 63;

/// The names of the tables, as they stand in statements.
#[derive(Debug, Clone)]
pub(super) struct Tables {
    /// The schema's name, quoted; `None` for the schema that the search path finds.
    schema: Option<String>,
    pub(super) intents: String,
    pub(super) versions: String,
}

impl Tables {
    /// The tables that the search path finds.
    pub(super) fn on_search_path() -> Self {
        Self::of(None)
    }

    /// The tables in a schema. A quoted name is taken to the letter.
    pub(super) fn in_schema(name: &str) -> Result<Self, StoreError> {
        let problem = if name.is_empty() {
            "is empty"
        } else if name.len() > LONGEST_NAME {
            "is longer than 63 bytes, and PostgreSQL would cut it"
        } else if name.chars().any(char::is_control) {
            "has control characters"
        } else {
            return Ok(Self::of(Some(format!("\"{}\"", name.replace('"', "\"\"")))));
        };
        Err(StoreError::new(format!(
            "the schema's name {name:?} {problem}"
        )))
    }

    fn of(schema: Option<String>) -> Self {
        let prefix = schema
            .as_ref()
            .map(|schema| format!("{schema}."))
            .unwrap_or_default();
        Self {
            intents: format!("{prefix}flowlix_intents"),
            versions: format!("{prefix}flowlix_schema"),
            schema,
        }
    }

    pub(super) fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    /// Names the tables and their problem on one line.
    pub(super) fn told(&self, problem: &str) -> String {
        match &self.schema {
            None => format!("the store's tables in PostgreSQL {problem}"),
            Some(schema) => {
                format!("the store's tables in the PostgreSQL schema {schema} {problem}")
            }
        }
    }

    /// A text between dollar signs, in which nothing needs to be escaped, whatever the schema's name is.
    pub(super) fn dollar_quoted(&self, tag: &str, text: &str) -> String {
        let mut tag = tag.to_owned();
        while text.contains(&format!("${tag}$")) {
            tag.push('_');
        }
        format!("${tag}${text}${tag}$")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_name_is_quoted_or_refused() {
        for (name, intents) in [
            ("shop_payments", r#""shop_payments".flowlix_intents"#),
            ("Shop", r#""Shop".flowlix_intents"#),
            (r#"a"b"#, r#""a""b".flowlix_intents"#),
            ("a.b", r#""a.b".flowlix_intents"#),
            (
                r#""; DROP TABLE x; --"#,
                r#""""; DROP TABLE x; --".flowlix_intents"#,
            ),
        ] {
            assert_eq!(Tables::in_schema(name).unwrap().intents, intents);
        }
        for (name, problem) in [
            ("", "is empty"),
            ("a\0b", "has control characters"),
            ("a\nb", "has control characters"),
        ] {
            let error = Tables::in_schema(name).unwrap_err().to_string();
            assert_eq!(error, format!("the schema's name {name:?} {problem}"));
        }
        Tables::in_schema(&"ß".repeat(31)).unwrap();
        Tables::in_schema(&"ß".repeat(32)).unwrap_err();
    }

    #[test]
    fn no_schema_name_ends_a_dollar_quoted_text() {
        let tables = Tables::on_search_path();
        assert_eq!(tables.dollar_quoted("a", "x"), "$a$x$a$");
        assert_eq!(tables.dollar_quoted("a", "x$a$y"), "$a_$x$a$y$a_$");
        assert_eq!(tables.dollar_quoted("a", "$a$$a_$"), "$a__$$a$$a_$$a__$");
    }
}
