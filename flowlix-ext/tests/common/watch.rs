//! Hears every span and event of the whole process at every level, of every library in it, through `tracing` and
//! `log`, and ends the process at the first that shows a secret.
//!
//! It ends the process because a leak may come up on any thread, where a panic might be caught or belong to
//! nobody, and because the harness has no moment after all tests.
#![allow(dead_code, clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, Once};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::secrets;

static TARGETS: LazyLock<Mutex<BTreeSet<String>>> = LazyLock::new(Mutex::default);

/// Begins to listen; every test that sends anything does so first.
pub(crate) fn everything() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing::subscriber::set_global_default(Watch::default()).unwrap();
        log::set_boxed_logger(Box::new(Watch::default())).unwrap();
        log::set_max_level(log::LevelFilter::Trace);
    });
}

/// Who was heard so far.
pub(crate) fn targets() -> BTreeSet<String> {
    TARGETS.lock().unwrap().clone()
}

pub(crate) fn span(span: &Attributes<'_>) {
    let mut line = Line::default();
    span.record(&mut line);
    examine(span.metadata(), &line);
}

pub(crate) fn record(values: &Record<'_>) {
    let mut line = Line::default();
    values.record(&mut line);
    examine_text("a span's late field", &line.0);
}

pub(crate) fn event(event: &Event<'_>) {
    let mut line = Line::default();
    event.record(&mut line);
    examine(event.metadata(), &line);
}

fn examine(metadata: &Metadata<'_>, line: &Line) {
    examine_text(metadata.target(), &line.0);
    examine_text(metadata.target(), metadata.name());
}

fn examine_text(target: &str, text: &str) {
    {
        let mut targets = TARGETS.lock().unwrap();
        if !targets.contains(target) {
            targets.insert(target.to_owned());
        }
    }
    if let Some(secret) = secrets::leak(text) {
        // Not `eprintln!`: the harness would swallow it.
        let _ = writeln!(
            std::io::stderr(),
            "\nLEAK by {target}: {secret} is shown in: {text}"
        );
        std::process::exit(101);
    }
}

#[derive(Default)]
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        write!(self.0, " {}={value}", field.name()).unwrap();
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        write!(self.0, " {}={value} {value:?}", field.name()).unwrap();
    }
}

#[derive(Default)]
struct Watch(AtomicU64);

impl Subscriber for Watch {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        span(attributes);
        Id::from_u64(self.0.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        record(values);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, heard: &Event<'_>) {
        event(heard);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl log::Log for Watch {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        examine_text(record.target(), &record.args().to_string());
    }

    fn flush(&self) {}
}
