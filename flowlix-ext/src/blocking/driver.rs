//! The thread behind the blocking client.

use std::fmt;
use std::io;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// A runtime on a thread of its own. Between calls it keeps watching the connections: one that Flowlix has
/// closed must not be taken for a live one by the next payment.
pub(super) struct Driver {
    handle: Handle,
    /// Dropped, it ends the thread. The runtime is dropped there, since dropping one inside another panics.
    _until: oneshot::Sender<()>,
}

impl Driver {
    pub(super) fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (until, ended) = oneshot::channel();
        thread::Builder::new()
            .name("flowlix-blocking".to_owned())
            .spawn(move || {
                // Nothing is ever sent: the end is the sender's.
                let _: Result<(), _> = runtime.block_on(ended);
            })?;
        Ok(Self {
            handle,
            _until: until,
        })
    }

    /// Runs the work on the calling thread, which must not belong to a runtime.
    pub(super) fn run<F: Future>(&self, work: F) -> F::Output {
        self.handle.block_on(work)
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").finish_non_exhaustive()
    }
}
