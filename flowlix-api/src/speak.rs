//! Saying a value of the model in one dialect, strictly.
//!
//! The generated conversions walk a value through a [`Speech`], which keeps the path and gathers every
//! violation, so that a caller learns of all of them at once.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use crate::Dialect;
use crate::open::{OpenEnum, Spelled, Spelling};
use crate::pattern::Pattern;

/// A value of the model that a dialect cannot say, with every reason why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversionError {
    dialect: Dialect,
    violations: Vec<Violation>,
}

impl ConversionError {
    /// The dialect that cannot say it.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Each violation, in the order of the dialect's document; never empty.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }
}

impl fmt::Display for ConversionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {} dialect cannot take this: ", self.dialect)?;
        for (index, violation) in self.violations.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{violation}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConversionError {}

/// One field that breaks a rule of the dialect. It never holds the field's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The model's field, dotted, such as `billing_details.address.line2`.
    pub field: String,
    /// The rule that it breaks.
    pub problem: Problem,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.problem)
    }
}

/// Why a dialect cannot take a field.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// The dialect requires the field and it is missing.
    Missing,
    /// The dialect has no place for the field.
    NoPlace,
    /// The dialect documents no such value.
    NoSuchValue {
        /// Those that it documents, as it spells them.
        known: Vec<&'static str>,
    },
    /// The dialect takes text here, and the value is other JSON.
    NotText,
    /// Fewer characters than this.
    TooShort(usize),
    /// More characters than this.
    TooLong(usize),
    /// A number smaller than this.
    TooSmall(i64),
    /// A number greater than this.
    TooGreat(i64),
    /// More entries than this.
    TooMany(usize),
    /// The text does not fit this documented pattern.
    Mismatch(&'static str),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("is required here and missing"),
            Self::NoPlace => f.write_str("has no place here, so leave it out"),
            Self::NoSuchValue { known } => {
                let known = known.join(", ");
                write!(
                    f,
                    "has a value that is not documented here; known are {known}"
                )
            }
            Self::NotText => f.write_str("must be text here"),
            Self::TooShort(least) => write!(f, "must have at least {least} characters"),
            Self::TooLong(most) => write!(f, "must have at most {most} characters"),
            Self::TooSmall(least) => write!(f, "must be at least {least}"),
            Self::TooGreat(most) => write!(f, "must be at most {most}"),
            Self::TooMany(most) => write!(f, "must have at most {most} entries"),
            Self::Mismatch(pattern) => write!(f, "must match {pattern}"),
        }
    }
}

/// A model type that knows how to become `T`; `None` when a violation was noted on the way.
pub(crate) trait Speak<T> {
    fn speak(self, speech: &mut Speech) -> Option<T>;
}

/// Says a whole value, or returns all that stood in the way.
pub(crate) fn speak<M: Speak<T>, T>(value: M, dialect: Dialect) -> Result<T, ConversionError> {
    let mut speech = Speech {
        dialect,
        path: Vec::new(),
        violations: Vec::new(),
    };
    match value.speak(&mut speech) {
        Some(said) if speech.violations.is_empty() => Ok(said),
        _ => Err(ConversionError {
            dialect,
            violations: speech.violations,
        }),
    }
}

/// The walk through one value: where it is, and what it found.
pub(crate) struct Speech {
    dialect: Dialect,
    path: Vec<String>,
    violations: Vec<Violation>,
}

impl Speech {
    fn at<R>(&mut self, field: &str, say: impl FnOnce(&mut Self) -> R) -> R {
        self.path.push(field.to_owned());
        let result = say(self);
        self.path.pop();
        result
    }

    fn note(&mut self, problem: Problem) {
        self.violations.push(Violation {
            field: self.path.join("."),
            problem,
        });
    }

    fn refuse(&mut self, broken: bool, problem: Problem) {
        if broken {
            self.note(problem);
        }
    }

    /// A field that the dialect requires.
    pub(crate) fn required<M, T>(
        &mut self,
        field: &str,
        value: Option<M>,
        say: impl FnOnce(&mut Self, M) -> Option<T>,
    ) -> Option<T> {
        self.at(field, |speech| match value {
            Some(value) => say(speech, value),
            None => {
                speech.note(Problem::Missing);
                None
            }
        })
    }

    /// A field that may be left out.
    pub(crate) fn optional<M, T>(
        &mut self,
        field: &str,
        value: Option<M>,
        say: impl FnOnce(&mut Self, M) -> Option<T>,
    ) -> Option<Option<T>> {
        match value {
            Some(value) => self.at(field, |speech| say(speech, value)).map(Some),
            None => Some(None),
        }
    }

    /// A field that the dialect has no place for.
    pub(crate) fn no_place(&mut self, field: &str, given: bool) {
        self.at(field, |speech| speech.refuse(given, Problem::NoPlace));
    }

    /// A part of another type.
    pub(crate) fn part<M: Speak<T>, T>(&mut self, value: M) -> Option<T> {
        value.speak(self)
    }

    /// A list of parts.
    pub(crate) fn list<M, T>(
        &mut self,
        values: Vec<M>,
        mut say: impl FnMut(&mut Self, M) -> Option<T>,
    ) -> Option<Vec<T>> {
        let mut said = Vec::with_capacity(values.len());
        for (index, value) in values.into_iter().enumerate() {
            said.push(self.at(&index.to_string(), |speech| say(speech, value)));
        }
        said.into_iter().collect()
    }

    /// An open enum, when the dialect documents the value.
    pub(crate) fn value<E: OpenEnum, S: Spelling>(&mut self, value: E) -> Option<Spelled<E, S>> {
        if value.spelled(self.dialect).is_none() {
            let known = E::known().iter();
            let known = known
                .filter_map(|value| value.spelled(self.dialect))
                .collect();
            self.note(Problem::NoSuchValue { known });
            return None;
        }
        Some(value.into())
    }

    /// An open enum of a response, which may hold what no document lists.
    pub(crate) fn any_value<E: OpenEnum, S: Spelling>(
        &mut self,
        value: E,
    ) -> Option<Spelled<E, S>> {
        Some(value.into())
    }

    /// A map whose values must be text.
    pub(crate) fn texts(
        &mut self,
        values: BTreeMap<String, Value>,
    ) -> Option<BTreeMap<String, String>> {
        let mut said = Vec::with_capacity(values.len());
        for (name, value) in values {
            said.push(self.at(&name.clone(), |speech| match value {
                Value::String(text) => Some((name, text)),
                _ => {
                    speech.note(Problem::NotText);
                    None
                }
            }));
        }
        said.into_iter().collect()
    }

    /// Each entry of a map of text, under its own name.
    pub(crate) fn each(
        &mut self,
        values: &BTreeMap<String, String>,
        mut check: impl FnMut(&mut Self, &String),
    ) {
        for (name, value) in values {
            self.at(name, |speech| check(speech, value));
        }
    }

    /// No document has such a limit today; xtask writes the call for the first one that does.
    #[allow(dead_code)]
    pub(crate) fn min_length(&mut self, text: &str, least: usize) {
        self.refuse(text.chars().count() < least, Problem::TooShort(least));
    }

    pub(crate) fn max_length(&mut self, text: &str, most: usize) {
        self.refuse(text.chars().count() > most, Problem::TooLong(most));
    }

    pub(crate) fn minimum(&mut self, number: i64, least: i64) {
        self.refuse(number < least, Problem::TooSmall(least));
    }

    pub(crate) fn maximum(&mut self, number: i64, most: i64) {
        self.refuse(number > most, Problem::TooGreat(most));
    }

    pub(crate) fn max_entries(&mut self, entries: usize, most: usize) {
        self.refuse(entries > most, Problem::TooMany(most));
    }

    pub(crate) fn pattern(&mut self, text: &str, pattern: &Pattern) {
        self.refuse(!pattern.matches(text), Problem::Mismatch(pattern.text));
    }
}
