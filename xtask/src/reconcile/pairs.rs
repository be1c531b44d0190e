//! Which schema of one dialect is which of the other.

mod only;

use std::collections::BTreeMap;

use crate::api::{Api, Property, Schema, Shape, Type};
use crate::dialect::{Dialect, PerDialect};
use crate::rules::Rule;

use super::ledger::Ledger;
use super::matching;

/// A schema of the model and where it comes from.
pub(super) struct Pair<'a> {
    pub(super) name: String,
    pub(super) schemas: PerDialect<Option<&'a Schema>>,
}

impl<'a> Pair<'a> {
    /// The members of a dialect's object; none where it has no such object.
    pub(super) fn properties(&self, dialect: Dialect) -> &'a [Property] {
        match self.schemas.get(dialect).map(|schema| &schema.shape) {
            Some(Shape::Object(properties)) => properties,
            _ => &[],
        }
    }

    pub(super) fn any(&self, test: impl Fn(&Schema) -> bool) -> bool {
        Dialect::BOTH
            .iter()
            .filter_map(|dialect| *self.schemas.get(*dialect))
            .any(test)
    }

    /// The dialect that alone has the schema.
    pub(super) fn only(&self) -> Option<Dialect> {
        match (self.schemas.snake_case, self.schemas.uppercase) {
            (Some(_), None) => Some(Dialect::SnakeCase),
            (None, Some(_)) => Some(Dialect::Uppercase),
            _ => None,
        }
    }
}

/// All pairs, and the model's name of every schema.
pub(super) struct Pairs<'a> {
    pub(super) pairs: Vec<Pair<'a>>,
    names: PerDialect<BTreeMap<String, String>>,
}

impl Pairs<'_> {
    /// A dialect's type in the model's names.
    pub(super) fn translate(&self, dialect: Dialect, ty: &Type) -> Type {
        ty.renamed(&|name| self.name(dialect, name))
    }

    /// The model's name of a dialect's schema.
    pub(super) fn name(&self, dialect: Dialect, name: &str) -> String {
        self.names
            .get(dialect)
            .get(name)
            .cloned()
            .unwrap_or_else(|| name.to_owned())
    }
}

pub(super) fn pair<'a>(apis: &'a PerDialect<Api>, ledger: &mut Ledger<'_>) -> Pairs<'a> {
    let mut pairs: Vec<Pair<'a>> = Vec::new();
    let mut names: PerDialect<BTreeMap<String, String>> = PerDialect::default();
    let lists = PerDialect::from_fn(|dialect| apis.get(dialect).schemas.as_slice());
    matching::each(
        apis,
        &lists,
        ledger,
        |rule| match rule {
            Rule::SchemaPaired {
                snake_case,
                uppercase,
            } => Some((snake_case, uppercase)),
            _ => None,
        },
        |found, ledger| {
            let pair = Pair {
                name: found.named.name.clone(),
                schemas: found.each,
            };
            if let Some(dialect) = pair.only() {
                only::check(apis, dialect, found.named, ledger);
            }
            for dialect in Dialect::BOTH {
                if let Some(schema) = pair.schemas.get(dialect) {
                    names
                        .get_mut(dialect)
                        .insert(schema.name.clone(), pair.name.clone());
                }
            }
            pairs.push(pair);
        },
    );
    Pairs { pairs, names }
}
