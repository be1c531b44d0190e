//! One caller at a time for one key, within this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{Mutex as Door, OwnedMutexGuard};

use super::record::RecordId;

/// The doors that are in use. A caller whose future is dropped opens its door again.
#[derive(Default)]
pub(super) struct Gate {
    doors: Mutex<HashMap<RecordId, Weak<Door<()>>>>,
}

impl Gate {
    /// Lets one caller in, and says whether another one was inside.
    pub(super) async fn enter(&self, id: &RecordId) -> (OwnedMutexGuard<()>, bool) {
        let door = self.door(id);
        match door.clone().try_lock_owned() {
            Ok(pass) => (pass, false),
            Err(_) => (door.lock_owned().await, true),
        }
    }

    fn door(&self, id: &RecordId) -> Arc<Door<()>> {
        let mut doors = self.doors.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(door) = doors.get(id).and_then(Weak::upgrade) {
            return door;
        }
        doors.retain(|_, door| door.strong_count() > 0);
        let door = Arc::new(Door::new(()));
        doors.insert(id.clone(), Arc::downgrade(&door));
        door
    }
}
