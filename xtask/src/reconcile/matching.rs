//! Which name of one dialect is which of the other: by rule, else by being the same. Each name pairs once.

use crate::api::{Api, Operation, Parameter, Schema, Webhook};
use crate::dialect::PerDialect;
use crate::rules::Rule;

use super::ledger::Ledger;

/// What has a name and a place in a document.
pub(super) trait Named {
    fn name(&self) -> &str;
    fn pointer(&self) -> &str;
}

impl Named for Schema {
    fn name(&self) -> &str {
        &self.name
    }
    fn pointer(&self) -> &str {
        &self.pointer
    }
}

impl Named for Operation {
    fn name(&self) -> &str {
        &self.id
    }
    fn pointer(&self) -> &str {
        &self.pointer
    }
}

impl Named for Webhook {
    fn name(&self) -> &str {
        &self.event
    }
    fn pointer(&self) -> &str {
        &self.pointer
    }
}

impl Named for Parameter {
    fn name(&self) -> &str {
        &self.name
    }
    fn pointer(&self) -> &str {
        &self.pointer
    }
}

/// One thing of the model, as the dialects have it: one of them at least.
pub(super) struct Found<'a, T> {
    /// Whose name it has: the uppercase one's, if there is one.
    pub(super) named: &'a T,
    pub(super) each: PerDialect<Option<&'a T>>,
    /// A rule pairs them.
    pub(super) by_rule: bool,
}

/// Hands over each thing of two lists together with its counterpart. What cannot have its name is noted instead.
pub(super) fn each<'a, T: Named>(
    apis: &PerDialect<Api>,
    lists: &PerDialect<&'a [T]>,
    ledger: &mut Ledger<'_>,
    renames: impl Fn(&Rule) -> Option<(&str, &str)>,
    mut take: impl FnMut(Found<'a, T>, &mut Ledger<'_>),
) {
    let given = PerDialect::from_fn(|dialect| lists.get(dialect).iter().map(T::name).collect());
    for found in names(&given, ledger, renames) {
        let each = PerDialect::from_fn(|dialect| {
            let place = (*found.places.get(dialect))?;
            lists.get(dialect).get(place)
        });
        let Some(named) = each.uppercase.or(each.snake_case) else {
            continue;
        };
        if found.clashes {
            let label = &apis.snake_case.label;
            ledger.note_clash(label, named.pointer(), named.name());
            continue;
        }
        let by_rule = found.by_rule;
        let found = Found {
            named,
            each,
            by_rule,
        };
        take(found, ledger);
    }
}

/// The places of two names that are one, in the lists that were given.
pub(super) struct Match {
    pub(super) places: PerDialect<Option<usize>>,
    /// A rule says so.
    pub(super) by_rule: bool,
    /// `snake_case` alone has the name for this, while uppercase has it for something else.
    pub(super) clashes: bool,
}

/// Matches all names: the uppercase order, then what `snake_case` alone has.
///
/// `renames` reads the two names out of a rule that is about these lists.
pub(super) fn names(
    given: &PerDialect<Vec<&str>>,
    ledger: &mut Ledger<'_>,
    renames: impl Fn(&Rule) -> Option<(&str, &str)>,
) -> Vec<Match> {
    let place = |wanted: &str| given.snake_case.iter().position(|name| *name == wanted);
    let mut claimed = vec![false; given.snake_case.len()];
    let mut partners: Vec<Option<usize>> = Vec::new();
    for uppercase in &given.uppercase {
        let mut found = None;
        ledger.take(|rule| {
            found = renames(rule)
                .filter(|(_, renamed)| renamed == uppercase)
                .and_then(|(snake_case, _)| place(snake_case))
                .filter(|place| claimed.get(*place) == Some(&false));
            found.is_some()
        });
        claim(&mut claimed, found);
        partners.push(found);
    }
    let mut matches = Vec::new();
    for (index, (uppercase, by_rule)) in given.uppercase.iter().zip(partners).enumerate() {
        let same = place(uppercase).filter(|place| claimed.get(*place) == Some(&false));
        let snake_case = by_rule.or(same);
        claim(&mut claimed, snake_case);
        matches.push(Match {
            places: PerDialect {
                snake_case,
                uppercase: Some(index),
            },
            by_rule: by_rule.is_some(),
            clashes: false,
        });
    }
    for (index, (name, claimed)) in given.snake_case.iter().zip(claimed).enumerate() {
        if !claimed {
            matches.push(Match {
                places: PerDialect {
                    snake_case: Some(index),
                    uppercase: None,
                },
                by_rule: false,
                clashes: given.uppercase.contains(name),
            });
        }
    }
    matches
}

fn claim(claimed: &mut [bool], place: Option<usize>) {
    if let Some(claimed) = place.and_then(|place| claimed.get_mut(place)) {
        *claimed = true;
    }
}
