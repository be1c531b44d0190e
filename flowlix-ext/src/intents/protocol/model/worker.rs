//! A worker: it looks, searches, tells a handler what has changed, and acknowledges that.

use super::client::Search;
use super::mutant::Mutant;
use super::setup::Setup;
use super::system::System;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Stage {
    Resting,
    Searching(Search),
    /// The handler is about to take this change.
    Handling {
        sequence: u64,
    },
    /// The handler has taken this change.
    Handled {
        sequence: u64,
    },
    Dead,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Worker {
    stage: Stage,
    /// Looks, searches and reports that it may still begin.
    left: u8,
    /// The record's version when it was last looked through without finding anything to do.
    seen: Option<(u8, i64)>,
}

impl Worker {
    pub(super) fn new(steps: u8) -> Self {
        Self {
            stage: Stage::Resting,
            left: steps,
            seen: None,
        }
    }

    /// A worker that never tires.
    pub(super) fn resting() -> Self {
        Self::new(u8::MAX)
    }

    pub(super) fn may_step(&self, system: &System) -> bool {
        match self.stage {
            Stage::Dead => false,
            Stage::Resting => self.left > 0 && self.has_work(system),
            _ => true,
        }
    }

    pub(super) fn is_at_work(&self) -> bool {
        !matches!(self.stage, Stage::Dead | Stage::Resting)
    }

    pub(super) fn die(&mut self) {
        self.stage = Stage::Dead;
    }

    fn has_work(&self, system: &System) -> bool {
        system.store.version > 0
            && system.store.record.due_at(system.world.now).is_some()
            && self.seen != Some((system.store.version, system.world.now))
    }

    pub(super) fn step(mut self, me: usize, system: &mut System, setup: &Setup) {
        self.go_on(system, setup);
        system.workers[me] = self;
    }

    /// One step outside the model's bounds; `false` when there is nothing to do.
    pub(super) fn step_forever(&mut self, system: &mut System, setup: &Setup) -> bool {
        let may_step = self.may_step(system);
        if may_step {
            self.go_on(system, setup);
        }
        may_step
    }

    fn go_on(&mut self, system: &mut System, setup: &Setup) {
        let now = system.world.now;
        self.stage = match self.stage.clone() {
            Stage::Resting => return self.begin(system, setup),
            Stage::Searching(search) => {
                let version = system.store.version;
                search.end(system, setup, now);
                self.seen = (system.store.version == version).then_some((version, now));
                Stage::Resting
            }
            Stage::Handling { sequence } => {
                // A change that was taken before may come again.
                system.skipped |= sequence > system.handled + 1;
                system.handled = system.handled.max(sequence);
                Stage::Handled { sequence }
            }
            Stage::Handled { sequence } => {
                if setup.mutant != Mutant::AcknowledgeBeforeHandler {
                    system.change(|record| record.acknowledge(sequence));
                }
                Stage::Resting
            }
            Stage::Dead => Stage::Dead,
        };
    }

    fn begin(&mut self, system: &mut System, setup: &Setup) {
        self.left = self.left.saturating_sub(1);
        let now = system.world.now;
        let record = &system.store.record;
        let last = record.changes.last().map_or(0, |change| change.sequence);
        if record.acknowledged < last {
            let sequence = setup.mutant.change_to_tell(record.acknowledged + 1, last);
            if setup.mutant == Mutant::AcknowledgeBeforeHandler {
                system.change(|record| record.acknowledge(sequence));
            }
            self.stage = Stage::Handling { sequence };
            return;
        }
        let live: Vec<usize> = record
            .live_payments()
            .map(|payment| payment.id.parse().unwrap())
            .collect();
        let views: Vec<_> = live.iter().map(|id| system.world.view(*id)).collect();
        let version = system.store.version;
        system.change(|record| record.seen(views, now));
        if system.store.version == version && system.store.record.is_worth_a_search() {
            self.stage = Stage::Searching(Search::begin(system, setup, now));
        } else if system.store.version == version {
            self.seen = Some((version, now));
        }
    }
}
