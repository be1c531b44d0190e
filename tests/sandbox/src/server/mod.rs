//! Sockets: accepting connections, and what happens on each.

mod connection;
pub(crate) mod http;
mod late;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use self::late::Late;
use crate::api::Api;
use crate::fault::Faults;
use crate::journal::Journal;
use crate::webhook::DeliveryFaults;

/// What all connections share with the [`Sandbox`](crate::Sandbox) handle.
#[derive(Debug)]
pub(crate) struct Core {
    api: Mutex<Api>,
    pub(crate) faults: Faults,
    pub(crate) delivery_faults: DeliveryFaults,
    pub(crate) journal: Journal,
    pub(crate) stalls: Stalls,
    pub(crate) late: Late,
}

impl Core {
    pub(crate) fn new(api: Api) -> Self {
        Self {
            api: Mutex::new(api),
            faults: Faults::default(),
            delivery_faults: DeliveryFaults::default(),
            journal: Journal::default(),
            stalls: Stalls::default(),
            late: Late::default(),
        }
    }

    /// The state. A poisoned lock is taken all the same: a test that panicked elsewhere should
    /// not make the server fail on top of it.
    pub(crate) fn api(&self) -> MutexGuard<'_, Api> {
        self.api.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Requests that are being held.
#[derive(Debug)]
pub(crate) struct Stalls {
    held: watch::Sender<usize>,
    releases: watch::Sender<u64>,
}

impl Default for Stalls {
    fn default() -> Self {
        Self {
            held: watch::Sender::new(0),
            releases: watch::Sender::new(0),
        }
    }
}

impl Stalls {
    /// Holds the caller until the next release.
    async fn hold(&self) {
        let mut released = self.releases.subscribe();
        self.held.send_modify(|held| *held += 1);
        // The sender lives as long as self, so this ends with a release and nothing else.
        let _ = released.changed().await;
        self.held.send_modify(|held| *held = held.saturating_sub(1));
    }

    pub(crate) fn release(&self) {
        self.releases
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    pub(crate) async fn wait_for(&self, count: usize) {
        let _ = self.held.subscribe().wait_for(|held| *held >= count).await;
    }
}

/// Serves until the task is aborted; then all connections end with it.
pub(crate) async fn accept(listener: TcpListener, core: Arc<Core>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(connection::serve(stream, Arc::clone(&core)));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}
