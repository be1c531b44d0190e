//! Records every span and event of the current thread, and passes them on to the watch over all threads.
#![allow(dead_code)]

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Level, Metadata, Subscriber};

use crate::common::watch;

/// One span or event.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) name: &'static str,
    pub(crate) target: String,
    pub(crate) level: Level,
    pub(crate) is_span: bool,
    /// Name of the span that was entered then.
    pub(crate) within: Option<&'static str>,
    pub(crate) fields: HashMap<&'static str, String>,
}

impl Told {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    pub(crate) fn message(&self) -> &str {
        self.field("message").unwrap_or_default()
    }
}

/// Clones share one record.
#[derive(Clone, Default)]
pub(crate) struct Recorder {
    told: Arc<Mutex<Vec<Told>>>,
    entered: Arc<Mutex<Vec<u64>>>,
    next: Arc<AtomicU64>,
    spans: Arc<Mutex<HashMap<u64, usize>>>,
}

impl Recorder {
    /// Records on this thread until the guard is dropped.
    pub(crate) fn listen() -> (Self, DefaultGuard) {
        watch::everything();
        let recorder = Self::default();
        let guard = tracing::subscriber::set_default(recorder.clone());
        (recorder, guard)
    }

    pub(crate) fn told(&self) -> Vec<Told> {
        self.told.lock().unwrap().clone()
    }

    /// What this crate told.
    pub(crate) fn ours(&self) -> Vec<Told> {
        let told = self.told().into_iter();
        told.filter(|told| told.target.starts_with("flowlix_ext"))
            .collect()
    }

    pub(crate) fn spans(&self, name: &str) -> Vec<Told> {
        let told = self.ours().into_iter();
        told.filter(|told| told.is_span && told.name == name)
            .collect()
    }

    pub(crate) fn event(&self, message: &str) -> Option<Told> {
        let mut told = self.ours().into_iter();
        told.find(|told| !told.is_span && told.message().contains(message))
    }

    fn tell(&self, metadata: &'static Metadata<'static>, fields: Fields) -> usize {
        let within = self.entered.lock().unwrap().last().copied();
        let within = within.and_then(|id| self.spans.lock().unwrap().get(&id).copied());
        let mut told = self.told.lock().unwrap();
        let within = within.map(|index| told[index].name);
        told.push(Told {
            name: metadata.name(),
            target: metadata.target().to_owned(),
            level: *metadata.level(),
            is_span: metadata.is_span(),
            within,
            fields: fields.0,
        });
        told.len() - 1
    }
}

impl Subscriber for Recorder {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        watch::span(span);
        let mut fields = Fields::default();
        span.record(&mut fields);
        let index = self.tell(span.metadata(), fields);
        let id = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        self.spans.lock().unwrap().insert(id, index);
        Id::from_u64(id)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        watch::record(values);
        let mut fields = Fields::default();
        values.record(&mut fields);
        let index = self.spans.lock().unwrap()[&span.into_u64()];
        self.told.lock().unwrap()[index].fields.extend(fields.0);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        watch::event(event);
        let mut fields = Fields::default();
        event.record(&mut fields);
        self.tell(event.metadata(), fields);
    }

    fn enter(&self, span: &Id) {
        self.entered.lock().unwrap().push(span.into_u64());
    }

    fn exit(&self, span: &Id) {
        let mut entered = self.entered.lock().unwrap();
        if let Some(place) = entered.iter().rposition(|id| *id == span.into_u64()) {
            entered.remove(place);
        }
    }
}

#[derive(Default)]
struct Fields(HashMap<&'static str, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}
