//! The journal as one client keeps it: whose records, under which API key, one caller at a time.

use std::sync::{Arc, OnceLock};

use flowlix_api::Dialect;

use super::error::JournalError;
use super::fingerprint::{credential, hex, stamp};
use super::gate::Gate;
use super::guarded::Guarded;
use super::record::{Record, RecordId, Scope};
use super::store::{Journal, SECRET_LENGTH};
use crate::call::operation::Operation;
use crate::key::ApiKey;
use crate::runtime::{Runtime, SystemRuntime};

/// A client's journal.
pub(crate) struct Book {
    pub(super) journal: Arc<dyn Journal>,
    pub(super) scope: Scope,
    /// The application vouches that every record of the scope is this merchant's, whatever API key made it.
    pub(super) account_is_named: bool,
    api_key: ApiKey,
    pub(super) credential: String,
    pub(super) holder: String,
    pub(super) gate: Gate,
    secret: OnceLock<[u8; SECRET_LENGTH]>,
}

impl Book {
    /// # Errors
    /// When the system has no randomness.
    pub(crate) fn open(
        journal: Arc<dyn Journal>,
        account: Option<String>,
        api_key: &ApiKey,
    ) -> Result<Self, JournalError> {
        // Not the client's runtime: two clients on a test's clock must not take each other for themselves.
        Ok(Self {
            journal: Arc::new(Guarded(journal)),
            account_is_named: account.is_some(),
            scope: Scope::new(account.unwrap_or_default(), api_key.mode()),
            credential: credential(api_key),
            api_key: api_key.clone(),
            holder: hex(&random::<16>()?),
            gate: Gate::default(),
            secret: OnceLock::new(),
        })
    }

    pub(super) fn dialect(&self) -> Dialect {
        self.api_key.dialect()
    }

    /// What marks that which a write with this key creates.
    pub(super) fn stamp(&self, operation: Operation, key: &str) -> String {
        stamp(&self.api_key, operation, key)
    }

    /// Whether a record was made under the API key in use.
    pub(super) fn made_by_this_key(&self, record: &Record) -> bool {
        record.credential == self.credential
    }

    /// Where the merchant's records were kept before the merchant was named.
    pub(super) fn unnamed_scope(&self) -> Option<Scope> {
        let is_named = !self.scope.account.is_empty();
        is_named.then(|| Scope::new("", self.scope.mode))
    }

    /// The record of a key. What this API key recorded before the merchant was named is carried over, so that it counts
    /// for the merchant's later API keys as well.
    pub(super) async fn find(&self, key: &str) -> Result<Option<Record>, JournalError> {
        let id = RecordId::new(self.scope.clone(), key);
        let found = self.journal.load(&id).await?;
        let Some(unnamed) = self.unnamed_scope().filter(|_| found.is_none()) else {
            return Ok(found);
        };
        let earlier = self.journal.load(&RecordId::new(unnamed, key)).await?;
        match earlier.filter(|record| self.made_by_this_key(record)) {
            Some(record) => self.carry_over(record).await,
            None => Ok(None),
        }
    }

    /// Stores a record under the merchant's name, unless there is one of its key already.
    pub(super) async fn carry_over(&self, record: Record) -> Result<Option<Record>, JournalError> {
        let named = Record {
            id: RecordId::new(self.scope.clone(), record.id.key),
            version: 1,
            ..record
        };
        if self.journal.store(&named).await? {
            return Ok(Some(named));
        }
        self.journal.load(&named.id).await
    }

    pub(super) async fn secret(&self) -> Result<[u8; SECRET_LENGTH], JournalError> {
        if let Some(secret) = self.secret.get() {
            return Ok(*secret);
        }
        let secret = self.journal.secret(random()?).await?;
        Ok(*self.secret.get_or_init(|| secret))
    }
}

fn random<const N: usize>() -> Result<[u8; N], JournalError> {
    let mut bytes = [0; N];
    SystemRuntime::new()
        .fill_random(&mut bytes)
        .map_err(|error| JournalError::caused_by("no randomness for the journal", error))?;
    Ok(bytes)
}
