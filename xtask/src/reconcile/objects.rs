//! Joins the members of objects: by name and type, or by rule.

use crate::api::{Api, Property, Type};
use crate::dialect::{Dialect, PerDialect};
use crate::model::{Binding, ModelObject, ModelProperty, Target};
use crate::rules::Rule;

use super::ledger::Ledger;
use super::pairs::{Pair, Pairs};
use super::{targets, words};

/// The members of one schema; those that the model keeps elsewhere are settled by [`super::moves`].
pub(super) fn join(
    apis: &PerDialect<Api>,
    pairs: &Pairs<'_>,
    pair: &Pair<'_>,
    ledger: &mut Ledger<'_>,
) -> ModelObject {
    let mut object = ModelObject::default();
    for dialect in Dialect::BOTH {
        let bindings: Vec<Binding> = pair
            .properties(dialect)
            .iter()
            .map(|property| Binding {
                name: property.name.clone(),
                ty: pairs.translate(dialect, &property.ty),
                required: property.required,
                limits: property.limits.clone(),
                target: targets::target(apis, pair, dialect, property, ledger),
            })
            .collect();
        targets::check(apis, pair, dialect, &bindings, ledger);
        *object.bindings.get_mut(dialect) = bindings;
    }
    for dialect in [Dialect::Uppercase, Dialect::SnakeCase] {
        for (property, binding) in pair
            .properties(dialect)
            .iter()
            .zip(object.bindings.get(dialect).clone())
        {
            let Some(name) = leaf(&binding).filter(|name| object.property(name).is_none()) else {
                continue;
            };
            let partner = object
                .bindings
                .get(dialect.other())
                .iter()
                .find(|other| leaf(other).as_ref() == Some(&name))
                .cloned();
            let partner_property = partner.as_ref().and_then(|partner| {
                pair.properties(dialect.other())
                    .iter()
                    .find(|property| property.name == partner.name)
            });
            let place = Place {
                apis,
                pair,
                dialect,
                property,
            };
            let (ty, required) = match &partner {
                Some(partner) => place.join(&binding, partner, &name, ledger),
                None => place.alone(&binding, &name, &mut object, ledger),
            };
            let mut told = PerDialect::default();
            *told.get_mut(dialect) = Some(property.description.as_str());
            *told.get_mut(dialect.other()) =
                partner_property.map(|partner| partner.description.as_str());
            let description = if pair.only().is_some() {
                property.description.clone()
            } else {
                words::join(&told)
            };
            object.properties.push(ModelProperty {
                name,
                description,
                ty,
                required,
            });
        }
    }
    object
}

fn leaf(binding: &Binding) -> Option<String> {
    match &binding.target {
        Target::Path(path) => path.first().filter(|_| path.len() == 1).cloned(),
        _ => None,
    }
}

/// One property, seen from the dialect that leads.
struct Place<'a> {
    apis: &'a PerDialect<Api>,
    pair: &'a Pair<'a>,
    dialect: Dialect,
    property: &'a Property,
}

impl Place<'_> {
    fn label(&self) -> &str {
        &self.apis.get(self.dialect).label
    }

    /// The type and presence of a property that both dialects have.
    fn join(
        &self,
        binding: &Binding,
        partner: &Binding,
        name: &str,
        ledger: &mut Ledger<'_>,
    ) -> (Type, bool) {
        let (snake_case, uppercase) = match self.dialect {
            Dialect::SnakeCase => (binding, partner),
            Dialect::Uppercase => (partner, binding),
        };
        let ty = self.join_types(&snake_case.ty, &uppercase.ty, name, ledger);
        if snake_case.required != uppercase.required {
            let required_by = if snake_case.required {
                Dialect::SnakeCase
            } else {
                Dialect::Uppercase
            };
            ledger.demand(
                &Rule::PropertyPresence {
                    schema: self.pair.name.clone(),
                    property: name.to_owned(),
                    required_by,
                },
                self.label(),
                &self.property.pointer,
                "presence-differs",
                format!(
                    "{required_by} alone requires {}.{name}; in the other dialect it may be missing or null",
                    self.pair.name
                ),
            );
        }
        (ty, snake_case.required && uppercase.required)
    }

    fn join_types(
        &self,
        snake_case: &Type,
        uppercase: &Type,
        name: &str,
        ledger: &mut Ledger<'_>,
    ) -> Type {
        let text = Type::Map(Box::new(Type::Text));
        let json = Type::Map(Box::new(Type::Json));
        let text_only = if *snake_case == text && *uppercase == json {
            Some(Dialect::SnakeCase)
        } else if *snake_case == json && *uppercase == text {
            Some(Dialect::Uppercase)
        } else {
            None
        };
        if let Some(dialect) = text_only {
            ledger.demand(
                &Rule::PropertyTextOnly {
                    schema: self.pair.name.clone(),
                    property: name.to_owned(),
                    dialect,
                },
                self.label(),
                &self.property.pointer,
                "type-differs",
                format!("{}.{name} holds text alone in {dialect}", self.pair.name),
            );
            return json;
        }
        if snake_case != uppercase {
            ledger.note(
                self.label(),
                &self.property.pointer,
                "type-differs",
                format!(
                    "{}.{name} is {} in snake_case and {} in uppercase, and no conversion joins these",
                    self.pair.name,
                    snake_case.describe(),
                    uppercase.describe()
                ),
                "make the documents agree; where they truly differ, pair the schemas (rule schema-paired), or keep the \
                 two apart: rename one of them by a rule and let each be property-only",
            );
        }
        uppercase.clone()
    }

    /// The type and presence of a property that one dialect has.
    fn alone(
        &self,
        binding: &Binding,
        name: &str,
        object: &mut ModelObject,
        ledger: &mut Ledger<'_>,
    ) -> (Type, bool) {
        let schema = &self.pair.name;
        let other = self.dialect.other();
        if self.pair.only().is_some() || self.leads_to_a_move(name, object) {
            return (binding.ty.clone(), binding.required);
        }
        let carried = ledger.take(|rule| {
            matches!(rule, Rule::PropertyCarried { schema: s, property, dialect, .. }
                if s == schema && property == name && *dialect == other)
        });
        if let Some(Rule::PropertyCarried { by, .. }) = carried {
            object.carried.get_mut(other).push((name.to_owned(), by));
            return (binding.ty.clone(), binding.required);
        }
        ledger.demand(
            &Rule::PropertyOnly {
                schema: schema.clone(),
                dialect: self.dialect,
                property: self.property.name.clone(),
            },
            self.label(),
            &self.property.pointer,
            "property-unpaired",
            format!(
                "{schema}.{} has no counterpart in {other}; it may also be renamed or stand elsewhere there (rules \
                 property-renamed, property-moved)",
                self.property.name
            ),
        );
        if binding.required && self.pair.any(|schema| schema.sent) {
            ledger.demand(
                &Rule::PropertyPresence {
                    schema: schema.clone(),
                    property: name.to_owned(),
                    required_by: self.dialect,
                },
                self.label(),
                &self.property.pointer,
                "presence-differs",
                format!(
                    "{} requires {schema}.{name}, which {other} does not know",
                    self.dialect
                ),
            );
        }
        (binding.ty.clone(), false)
    }

    /// Whether the other dialect keeps parts of this member under other names.
    fn leads_to_a_move(&self, name: &str, object: &ModelObject) -> bool {
        object
            .bindings
            .get(self.dialect.other())
            .iter()
            .any(|binding| {
                matches!(&binding.target, Target::Path(path)
                    if path.len() > 1 && path.first().is_some_and(|first| first == name))
            })
    }
}
