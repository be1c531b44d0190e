//! Which name of one dialect is which of the other: by rule, else by being the same. Each name pairs once.

use crate::dialect::PerDialect;
use crate::rules::Rule;

use super::ledger::Ledger;

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
