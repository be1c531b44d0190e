//! What is measured.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use flowlix_ext::intents::{IntentChange, IntentStatus};

use super::LATENCY;

/// Measurements of one run; clones share them.
#[derive(Clone)]
pub(crate) struct Figures(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    is_measuring: bool,
    now: Duration,
    /// When payments ended, by reference.
    ended: HashMap<String, Duration>,
    waits: Vec<Duration>,
    requests: BTreeMap<&'static str, u32>,
    worker_429: u32,
    other_429: u32,
    creates: u32,
    creates_delayed: u32,
    open: Vec<usize>,
    measured: Duration,
}

impl Figures {
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(crate) fn begin(&self) {
        self.state().is_measuring = true;
    }

    pub(crate) fn finish(&self, measured: Duration) {
        let mut state = self.state();
        (state.is_measuring, state.measured) = (false, measured);
    }

    pub(crate) fn at(&self, now: Duration, open: usize) {
        let mut state = self.state();
        state.now = now;
        if state.is_measuring {
            state.open.push(open);
        }
    }

    pub(crate) fn ended(&self, reference: &str, at: Duration) {
        self.state().ended.insert(reference.to_owned(), at);
    }

    pub(crate) fn reported(&self, change: &IntentChange) {
        let is_end = matches!(
            change.status(),
            IntentStatus::Paid(_) | IntentStatus::Unpaid(_)
        );
        let mut state = self.state();
        if !is_end {
            return;
        }
        let Some(ended) = state.ended.remove(change.reference()) else {
            panic!("{} was reported before it ended", change.reference());
        };
        if state.is_measuring {
            // The answer that told of it takes its time.
            let wait = (state.now + LATENCY).saturating_sub(ended);
            state.waits.push(wait);
        }
    }

    pub(crate) fn requested(&self, path: &'static str, status: Option<u16>) {
        let mut state = self.state();
        state.worker_429 += u32::from(status == Some(429));
        if state.is_measuring {
            *state.requests.entry(path).or_default() += 1;
        }
    }

    pub(crate) fn created(&self) {
        let mut state = self.state();
        state.creates += u32::from(state.is_measuring);
    }

    pub(crate) fn delayed(&self, _: Duration) {
        self.state().creates_delayed += 1;
    }

    pub(crate) fn refused_create(&self) {
        self.state().other_429 += 1;
    }

    pub(crate) fn other_429(&self) {
        self.state().other_429 += 1;
    }

    /// Waits from the terminal status to the handler's call, those that are still waiting included.
    fn waits(&self) -> Vec<Duration> {
        let state = self.state();
        let mut waits = state.waits.clone();
        let unreported = state.ended.values();
        waits.extend(unreported.map(|at| state.now.saturating_sub(*at)));
        waits.sort_unstable();
        waits
    }

    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        let waits = self.waits();
        let place = (waits.len() * percent).div_ceil(100).max(1) - 1;
        waits.get(place).copied().unwrap_or_default()
    }

    pub(crate) fn reports(&self) -> usize {
        self.waits().len()
    }

    /// Requests a minute that retrieved a payment, and that read a list page.
    pub(crate) fn requests(&self) -> (f64, f64) {
        let state = self.state();
        let minutes = state.measured.as_secs_f64() / 60.0;
        let of = |is_single: bool| {
            let requests = state.requests.iter();
            let of_kind = requests.filter(|(path, _)| path.contains("{id}") == is_single);
            f64::from(of_kind.map(|(_, count)| *count).sum::<u32>()) / minutes
        };
        (of(true), of(false))
    }

    /// 429s of the worker, and of everybody else.
    pub(crate) fn refused(&self) -> (u32, u32) {
        let state = self.state();
        (state.worker_429, state.other_429)
    }

    /// Creates, and how many of them had to wait or were answered 429.
    pub(crate) fn creates(&self) -> (u32, u32) {
        let state = self.state();
        (state.creates, state.creates_delayed)
    }

    pub(crate) fn mean_open(&self) -> usize {
        let state = self.state();
        state.open.iter().sum::<usize>() / state.open.len().max(1)
    }
}
