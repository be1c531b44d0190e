//! Collects what is shown, and looks for what must not be.

use std::any::type_name;
use std::collections::BTreeSet;
use std::error::Error as StdError;
use std::fmt::{Debug, Display};
use std::sync::{Arc, Mutex};

use flowlix_ext::Error;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Everything that was shown, and the types that showed it.
#[derive(Default)]
pub(crate) struct Shown {
    texts: Vec<String>,
    types: BTreeSet<String>,
}

impl Shown {
    pub(crate) fn text(&mut self, text: String) {
        self.texts.push(text);
    }

    pub(crate) fn debug<T: Debug>(&mut self, value: &T) {
        // `Reply<Payment>` drives both.
        let names = type_name::<T>()
            .split(['<', '>', ',', '&'])
            .filter_map(|path| path.rsplit("::").next());
        self.types.extend(names.map(|name| name.trim().to_owned()));
        self.texts.push(format!("{value:?}"));
        self.texts.push(format!("{value:#?}"));
    }

    pub(crate) fn both<T: Debug + Display>(&mut self, value: &T) {
        self.debug(value);
        self.texts.push(value.to_string());
    }

    pub(crate) fn source(&mut self, mut source: Option<&(dyn StdError + 'static)>) {
        while let Some(error) = source {
            self.texts.push(format!("{error} {error:?}"));
            source = error.source();
        }
    }

    pub(crate) fn error(&mut self, error: &Error) {
        self.both(error);
        self.text(error.explain());
        self.source(StdError::source(error));
        for attempt in error.history() {
            self.both(attempt);
            self.debug(&attempt.next);
        }
        if let Some(key) = error.idempotency_key() {
            self.both(key);
        }
    }

    pub(crate) fn take(&mut self, other: &mut Self) {
        self.texts.append(&mut other.texts);
        self.types.append(&mut other.types);
    }

    pub(crate) fn types(&self) -> &BTreeSet<String> {
        &self.types
    }

    /// Fails when a secret is shown, whole or in part; a short one counts only as a word of its own.
    pub(crate) fn look_for(&self, secrets: &[&str], short: &[&str]) {
        assert!(self.texts.len() > 100, "little was shown");
        let parts: Vec<&str> = secrets.iter().flat_map(|secret| parts(secret)).collect();
        for text in &self.texts {
            for part in &parts {
                assert!(!text.contains(part), "{part} is shown in: {text}");
            }
            let digits: String = text.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
            for part in parts.iter().filter(|part| is_number(part)) {
                assert!(!digits.contains(part), "{part} is shown in: {text}");
            }
            for word in text.split(|letter: char| !letter.is_alphanumeric()) {
                assert!(!short.contains(&word), "{word} is shown in: {text}");
            }
        }
    }
}

/// Each run of eight characters.
fn parts(secret: &str) -> impl Iterator<Item = &str> {
    (0..=secret.len() - 8)
        .map(|from| &secret[from..from + 8])
        // Words that are no secret by themselves.
        .filter(|part| part.bytes().any(|byte| byte.is_ascii_digit()))
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

type Lines = Arc<Mutex<Vec<(String, String)>>>;

/// What the whole process tells through `tracing` and `log`, at every level.
pub(crate) struct Listening(Lines);

pub(crate) fn listen() -> Listening {
    let lines = Lines::default();
    let ear = Ear(lines.clone());
    tracing::subscriber::set_global_default(ear).unwrap();
    log::set_boxed_logger(Box::new(Ear(lines.clone()))).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    Listening(lines)
}

impl Listening {
    /// The lines, and who told them.
    pub(crate) fn lines(&self) -> (Vec<String>, BTreeSet<String>) {
        let told = self.0.lock().unwrap().clone();
        let (targets, lines): (BTreeSet<_>, Vec<_>) = told.into_iter().unzip();
        (lines, targets)
    }
}

struct Ear(Lines);

impl Ear {
    fn hear(&self, target: &str, line: String) {
        self.0.lock().unwrap().push((target.to_owned(), line));
    }
}

#[derive(Default)]
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.push_str(&format!(" {}={value:?}", field.name()));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push_str(&format!(" {}={value}", field.name()));
    }
}

impl Subscriber for Ear {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut line = Line(span.metadata().name().to_owned());
        span.record(&mut line);
        self.hear(span.metadata().target(), line.0);
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        let mut line = Line::default();
        values.record(&mut line);
        self.hear("record", line.0);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        self.hear(event.metadata().target(), line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl log::Log for Ear {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        self.hear(record.target(), record.args().to_string());
    }

    fn flush(&self) {}
}
