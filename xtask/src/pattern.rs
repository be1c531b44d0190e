//! Reads a documented regular expression as a sequence of runs of characters.
//!
//! Ids and codes need no more than that, and so the generated crate needs no regex engine.

use regex_syntax::hir::{Class, Hir, HirKind, Look};

/// A run of characters of one class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Inclusive ranges of the characters that belong.
    pub class: Vec<(char, char)>,
    /// How many at least.
    pub min: usize,
    /// How many at most.
    pub max: Option<usize>,
}

/// The runs of a pattern.
///
/// # Errors
/// A sentence that says which part is more than a sequence of runs anchored at both ends.
pub fn runs(pattern: &str) -> Result<Vec<Run>, String> {
    let hir = regex_syntax::parse(pattern).map_err(|error| error.to_string())?;
    let HirKind::Concat(parts) = hir.kind() else {
        return Err("it is not anchored by ^ and $".to_owned());
    };
    let [first, middle @ .., last] = parts.as_slice() else {
        return Err("it is empty".to_owned());
    };
    if *first.kind() != HirKind::Look(Look::Start) || *last.kind() != HirKind::Look(Look::End) {
        return Err("it is not anchored by ^ and $".to_owned());
    }
    let mut runs = Vec::new();
    for part in middle {
        push(part, &mut runs)?;
    }
    if (0..runs.len()).any(|index| may_overtake(runs.get(index..).unwrap_or_default())) {
        return Err("one part can take characters of the next".to_owned());
    }
    Ok(runs)
}

/// Whether the first run could take what a later one needs; runs that may be empty hide nothing behind them.
fn may_overtake(runs: &[Run]) -> bool {
    let Some((first, rest)) = runs.split_first() else {
        return false;
    };
    if first.max == Some(first.min) {
        return false;
    }
    for next in rest {
        if overlap(&first.class, &next.class) {
            return true;
        }
        if next.min > 0 {
            return false;
        }
    }
    false
}

fn push(part: &Hir, runs: &mut Vec<Run>) -> Result<(), String> {
    match part.kind() {
        HirKind::Literal(literal) => {
            let text = std::str::from_utf8(&literal.0).map_err(|error| error.to_string())?;
            runs.extend(text.chars().map(|character| Run {
                class: vec![(character, character)],
                min: 1,
                max: Some(1),
            }));
        }
        HirKind::Class(class) => runs.push(Run {
            class: ranges(class)?,
            min: 1,
            max: Some(1),
        }),
        HirKind::Repetition(repetition) => {
            let HirKind::Class(class) = repetition.sub.kind() else {
                return Err("it repeats more than one character class".to_owned());
            };
            let size = |count: u32| usize::try_from(count).map_err(|error| error.to_string());
            runs.push(Run {
                class: ranges(class)?,
                min: size(repetition.min)?,
                max: repetition.max.map(size).transpose()?,
            });
        }
        _ => return Err("it holds alternatives, groups or look-arounds".to_owned()),
    }
    Ok(())
}

fn ranges(class: &Class) -> Result<Vec<(char, char)>, String> {
    match class {
        Class::Unicode(class) => Ok(class
            .ranges()
            .iter()
            .map(|range| (range.start(), range.end()))
            .collect()),
        Class::Bytes(_) => Err("it matches bytes".to_owned()),
    }
}

fn overlap(left: &[(char, char)], right: &[(char, char)]) -> bool {
    left.iter().any(|(low, high)| {
        right
            .iter()
            .any(|(other_low, other_high)| low <= other_high && other_low <= high)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_pattern_is_a_sequence_of_runs() {
        let runs = runs("^p_[A-Za-z0-9]{24}$");
        assert_eq!(runs.as_ref().map(Vec::len), Ok(3));
        assert_eq!(
            runs.ok().and_then(|runs| runs.last().cloned()),
            Some(Run {
                class: vec![('0', '9'), ('A', 'Z'), ('a', 'z')],
                min: 24,
                max: Some(24),
            })
        );
    }

    #[test]
    fn what_needs_an_engine_is_refused() {
        for pattern in [
            "abc",
            "^(a|bc)$",
            "^a*ab$",
            "^[a-z]+[a-f]$",
            "^[a-z]+[0-9]*[a-f]$",
            "^(ab){2}$",
            "^[",
        ] {
            assert!(runs(pattern).is_err(), "{pattern}");
        }
    }
}
