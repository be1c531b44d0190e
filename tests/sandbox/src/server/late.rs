//! Requests that have been read and have not reached the API yet.

use std::fmt;

use tokio::sync::{oneshot, watch};

use super::Core;
use super::http::{Request, Response};
use crate::journal::{Answer, Entry};

/// The late requests, in the order in which they were read.
#[derive(Debug)]
pub(crate) struct Late {
    held: watch::Sender<Vec<Held>>,
}

struct Held {
    request: Request,
    entry: Entry,
    answer: oneshot::Sender<Response>,
}

/// Without the request, which holds the card.
impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held")
            .field("entry", &self.entry)
            .finish_non_exhaustive()
    }
}

impl Default for Late {
    fn default() -> Self {
        Self {
            held: watch::Sender::new(Vec::new()),
        }
    }
}

impl Late {
    /// Holds a request until the next release, and gives its answer then.
    pub(super) async fn hold(&self, request: &Request, entry: Entry) -> Option<Response> {
        let (answer, answered) = oneshot::channel();
        self.held.send_modify(|held| {
            held.push(Held {
                request: request.clone(),
                entry,
                answer,
            });
        });
        answered.await.ok()
    }

    pub(crate) async fn wait_for(&self, count: usize) {
        let mut held = self.held.subscribe();
        // The sender lives as long as self, so this ends with enough requests and nothing else.
        let _ = held.wait_for(|held| held.len() >= count).await;
    }

    fn take(&self) -> Vec<Held> {
        self.held.send_replace(Vec::new())
    }
}

impl Core {
    /// Processes all late requests, and tells how many they were. The requests are processed
    /// here and not by their connections, so that all of it is done when this returns.
    pub(crate) fn release_late(&self) -> usize {
        let held = self.late.take();
        let count = held.len();
        for Held {
            request,
            entry,
            answer,
        } in held
        {
            let response = self.api().answer(&request);
            self.journal
                .answered(entry, Answer::Status(response.status));
            // Nobody is there any more when the server is being stopped.
            let _ = answer.send(response);
        }
        count
    }
}
