//! One model: who takes part, how Flowlix behaves, and how far the search goes.

use std::collections::BTreeSet;

use super::super::record::Method;
use super::super::rules::Rules;
use super::client::{Order, Task};
use super::mutant::Mutant;
use super::world::Habits;

#[derive(Debug, Clone)]
pub(super) struct Setup {
    pub(super) tasks: Vec<Task>,
    pub(super) workers: usize,
    pub(super) habits: Habits,
    pub(super) rules: Rules,
    /// How long after it was recorded a request may leave.
    pub(super) timeout: i64,
    /// A call sends its request again when no answer came.
    pub(super) retries: bool,
    /// Requests of one call.
    pub(super) most_sends: u8,
    pub(super) crashes: u8,
    /// The last moment.
    pub(super) end: i64,
    /// Steps of one worker.
    pub(super) worker_steps: u8,
    /// Whether a person may have to decide at the end.
    pub(super) may_need_person: bool,
    /// By how much the clock of the first client is ahead of everybody else's.
    pub(super) ahead: i64,
    /// Whether requests may arrive after the quiet time: then "not charged" may be false for a while.
    pub(super) is_quiet_time_wrong: bool,
    pub(super) mutant: Mutant,
}

impl Setup {
    /// Two clients and a worker, on a Flowlix that does what its documents say.
    pub(super) fn new(tasks: Vec<Task>) -> Self {
        let transit = 1;
        Self {
            tasks,
            workers: 1,
            habits: Habits {
                key_life: 8,
                list_lag: 1,
                transit,
                declines_at_once: true,
                declines_later: false,
                asks_customer: false,
                is_per_operation: false,
                stores_refusals: false,
                loses_answers: true,
                garbles_answers: false,
            },
            // From its deadline a request is on its way for one tick and missing from lists for another one.
            rules: Rules {
                quiet: 2,
                oldest_key: 5,
                key_end: 9,
                skew: 0,
            },
            timeout: 1,
            retries: false,
            most_sends: 2,
            crashes: 0,
            end: 4,
            worker_steps: 2,
            may_need_person: false,
            ahead: 0,
            is_quiet_time_wrong: false,
            mutant: Mutant::None,
        }
    }

    pub(super) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// The namespace of idempotency keys: the API key, and in uppercase the operation.
    pub(super) fn namespace(&self, order: &Order) -> u8 {
        let is_page = order.method == Method::HostedPage;
        order.api_key * 2 + u8::from(self.habits.is_per_operation && is_page)
    }

    /// Whether an attempt of this model may have requests in more than one namespace: a key protects in its own only.
    pub(super) fn has_namespaces(&self) -> bool {
        let orders = self.tasks.iter().filter_map(|task| match task {
            Task::Pay(order) => Some(self.namespace(order)),
            Task::Close => None,
        });
        orders.collect::<BTreeSet<_>>().len() > 1
    }
}
