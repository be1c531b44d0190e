//! The requests that went out under one idempotency key, and what is known of each.

use serde::{Deserialize, Serialize};

use super::rules::{Millis, Rules};

/// The most unanswered sends that are kept one by one.
const MOST_OPEN: usize = 16;

/// One request that may be on its way: recorded before it leaves, removed by its own answer or by proof.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Send {
    /// Tells sends apart; nobody else uses it.
    pub(crate) token: String,
    /// When the send was recorded.
    pub(crate) at: Millis,
    /// The last moment at which the request may be written to the socket.
    pub(crate) deadline: Millis,
    /// The namespace of idempotency keys in which the request counts: the API key, and in uppercase the operation.
    pub(crate) namespace: String,
    /// Whether no other request under this key could be under way while this one was.
    alone: bool,
    /// When the evidence came that was known when the send was recorded.
    knew: Option<Millis>,
    /// By how much the sender's clock was ahead of Flowlix's, where an answer had told.
    #[serde(default)]
    ahead: Option<Millis>,
}

/// What points to a request that Flowlix holds under the key.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Evidence {
    /// Nothing does.
    #[default]
    None,
    /// A 409 that no other request of ours explains.
    Conflict,
    /// A 2xx answer that could not be read.
    Accepted,
}

/// The sends under one idempotency key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Sends {
    /// Unanswered sends.
    open: Vec<Send>,
    /// When the oldest send left that was not refused.
    oldest_at: Option<Millis>,
    /// When the last 409 or unreadable 2xx came.
    evidence_at: Option<Millis>,
    evidence: Evidence,
    /// The namespace of the send that brought the evidence.
    evidence_in: Option<String>,
    /// Flowlix's answers and its lists contradict each other: a person has to decide.
    contradiction: bool,
}

/// Why nothing may be sent under a key now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum CannotSend {
    /// The key is so old that Flowlix may have forgotten what it did under it.
    KeyTooOld,
    /// A request in another namespace of keys may still be carried out.
    OtherNamespace,
    /// So many requests are unanswered that another one would help nobody.
    TooManyOpen,
    /// A person has to decide.
    Contradiction,
}

impl Sends {
    /// Whether a request under the key may have been, or may yet be, carried out.
    pub(crate) fn is_unknown(&self) -> bool {
        !self.open.is_empty() || self.evidence != Evidence::None
    }

    /// Whether Flowlix said 2xx to a request under the key.
    pub(crate) fn is_accepted(&self) -> bool {
        self.evidence == Evidence::Accepted
    }

    /// Whether only a person can decide what happened.
    pub(crate) fn is_contradictory(&self) -> bool {
        self.contradiction
    }

    /// Whether no other request under the key could be under way while this one was.
    pub(crate) fn is_alone(&self, token: &str) -> bool {
        let send = self.open.iter().find(|send| send.token == token);
        send.is_some_and(|send| send.alone)
    }

    /// Whether the key is too old for another request.
    pub(crate) fn is_too_old(&self, now: Millis, rules: &Rules) -> bool {
        let ends_at = self.oldest_at.map(|at| at.saturating_add(rules.oldest_key));
        ends_at.is_some_and(|at| now > at)
    }

    /// What Flowlix says and what it shows contradict each other, and no request of ours can tell any more.
    pub(crate) fn contradicted(&mut self) {
        self.contradiction = true;
    }

    /// The namespaces of idempotency keys in which something may have been carried out.
    pub(crate) fn namespaces(&self) -> impl Iterator<Item = &str> {
        let open = self.open.iter().map(|send| send.namespace.as_str());
        open.chain(self.evidence_in.as_deref())
    }

    /// When the oldest send left whose outcome is unknown.
    pub(crate) fn unknown_since(&self) -> Option<Millis> {
        let open = self.open.iter().map(|send| send.at).min();
        open.or(self.oldest_at).filter(|_| self.is_unknown())
    }

    /// When the oldest send left that was not refused, whatever has become of it.
    pub(crate) fn first_at(&self) -> Option<Millis> {
        self.oldest_at
    }

    /// The moment from which on a search that finds nothing proves that nothing was done.
    pub(crate) fn quiet_from(&self, rules: &Rules) -> Option<Millis> {
        if !self.is_unknown() {
            return None;
        }
        let last = self.open.iter().map(|send| send.deadline).max();
        let last = last.max(self.evidence_at)?;
        let wait = match self.evidence {
            Evidence::None => rules.quiet,
            // The list contradicts an answer: until the key has ended, the answer counts.
            Evidence::Conflict | Evidence::Accepted => rules.key_end.saturating_add(rules.quiet),
        };
        Some(last.saturating_add(wait))
    }

    /// The times between which a request under the key may have been carried out: the first send, and the last moment
    /// at which one may still take effect, by the sender's clock or by Flowlix's, whichever is further out.
    pub(crate) fn window(&self, rules: &Rules) -> Option<(Millis, Millis)> {
        let ahead = |send: &Send| send.ahead.unwrap_or_default();
        let firsts = self
            .open
            .iter()
            .map(|send| send.at.min(send.at.saturating_sub(ahead(send))));
        let mut first = firsts.chain(self.oldest_at).min()?;
        if self.evidence != Evidence::None {
            // The request that Flowlix holds may be one that this record does not know, from before a restored backup.
            first = first.saturating_sub(rules.key_end);
        }
        let lasts = self
            .open
            .iter()
            .map(|send| send.deadline.max(send.deadline.saturating_sub(ahead(send))));
        let last = lasts.chain(self.evidence_at).chain([first]).max()?;
        Some((first, last.saturating_add(rules.quiet)))
    }

    /// An answer has told by how much the clock was ahead of Flowlix's that these sends are dated by.
    pub(crate) fn clock_known(&mut self, tokens: &[String], ahead: Millis) {
        let ours = self
            .open
            .iter_mut()
            .filter(|send| tokens.contains(&send.token));
        for send in ours {
            send.ahead.get_or_insert(ahead);
        }
    }

    /// Whether a request may be sent in this namespace now.
    pub(crate) fn check(
        &self,
        namespace: &str,
        now: Millis,
        rules: &Rules,
    ) -> Result<(), CannotSend> {
        if self.contradiction {
            return Err(CannotSend::Contradiction);
        }
        // Refused requests have left nothing behind, in whatever namespace they were.
        let open = self.open.iter().map(|send| &send.namespace);
        if open
            .chain(&self.evidence_in)
            .any(|other| other != namespace)
        {
            return Err(CannotSend::OtherNamespace);
        }
        if self.is_too_old(now, rules) {
            return Err(CannotSend::KeyTooOld);
        }
        let live = self.open.iter().filter(|send| !send.is_over(now, rules));
        if live.count() >= MOST_OPEN {
            return Err(CannotSend::TooManyOpen);
        }
        Ok(())
    }

    /// Records a send before it leaves; [`check`](Self::check) has to allow it. Returns the moment by which it has to
    /// leave: the age of the key may leave less time than the call has.
    pub(crate) fn begin(
        &mut self,
        token: String,
        namespace: String,
        now: Millis,
        deadline: Millis,
        rules: &Rules,
    ) -> Millis {
        let mut alone = true;
        for send in &mut self.open {
            if !send.is_over(now, rules) {
                send.alone = false;
                alone = false;
            }
        }
        self.join_old_sends(now, rules);
        let oldest_at = *self.oldest_at.get_or_insert(now);
        let deadline = deadline.min(oldest_at.saturating_add(rules.oldest_key));
        self.open.push(Send {
            token,
            at: now,
            deadline,
            namespace,
            alone,
            knew: self.evidence_at,
            ahead: None,
        });
        deadline
    }

    /// The request of this send was certainly not carried out: Flowlix refused it, or it was never sent.
    pub(crate) fn refused(&mut self, token: &str) {
        self.open.retain(|send| send.token != token);
        if self.evidence == Evidence::None {
            self.oldest_at = self.open.iter().map(|send| send.at).min();
        }
    }

    /// Flowlix declined the card of this send, so that it holds no request under the key.
    pub(crate) fn declined(&mut self, token: &str) {
        let sent = self.open.iter().find(|send| send.token == token);
        let is_newer = sent.is_some_and(|send| send.knew == self.evidence_at);
        if self.evidence == Evidence::Conflict && is_newer {
            self.evidence = Evidence::None;
            self.evidence_at = None;
            self.evidence_in = None;
            self.contradiction = false;
        }
        self.refused(token);
    }

    /// 409: this send was not carried out, and Flowlix knows another request under the key.
    pub(crate) fn conflict(&mut self, token: &str, now: Millis) {
        let Some(at) = self.open.iter().position(|send| send.token == token) else {
            return;
        };
        let send = self.open.remove(at);
        if send.alone {
            self.evidence = self.evidence.max(Evidence::Conflict);
            self.evidence_in = Some(send.namespace);
        }
        self.evidence_at = self.evidence_at.max(Some(now));
        if !self.is_unknown() {
            self.oldest_at = None;
            self.evidence_at = None;
        }
    }

    /// A 2xx answer that could not be read. The send may have been counted as not carried out meanwhile, wrongly as the
    /// answer shows.
    pub(crate) fn accepted_unread(&mut self, token: &str, now: Millis) {
        let sent = self.open.iter().position(|send| send.token == token);
        if sent.is_none() && self.evidence == Evidence::Accepted {
            // Told twice: now nobody knows any more in which namespace the request was.
            return;
        }
        self.evidence_in = sent.map(|at| self.open.remove(at).namespace);
        self.evidence = Evidence::Accepted;
        self.evidence_at = self.evidence_at.max(Some(now));
    }

    /// Whether a send is one of those whose outcome is unknown.
    pub(crate) fn is_open(&self, token: &str) -> bool {
        self.open.iter().any(|send| send.token == token)
    }

    /// It is known what Flowlix holds under the key: nothing else can come of any send in a namespace that `holds` it.
    pub(crate) fn resolved(&mut self, holds: impl Fn(&str) -> bool) {
        self.open.retain(|send| !holds(&send.namespace));
        if self.evidence_in.as_deref().is_none_or(holds) {
            *self = Self {
                open: std::mem::take(&mut self.open),
                oldest_at: self.oldest_at,
                ..Self::default()
            };
        }
    }

    /// A complete search that was begun at this moment found nothing. Returns whether that proves that nothing was done.
    pub(crate) fn found_nothing(&mut self, begun_at: Millis, rules: &Rules) -> bool {
        match self.quiet_from(rules) {
            Some(from) if begun_at >= from && self.evidence == Evidence::None => {
                *self = Self::default();
                true
            }
            Some(from) if begun_at >= from => {
                self.contradiction = true;
                false
            }
            _ => false,
        }
    }

    /// A person has found out that nothing was done under the key. Returns whether that counts: before the quiet time
    /// is over a request may still be on its way.
    pub(crate) fn decided_absent(&mut self, now: Millis, rules: &Rules) -> bool {
        let last = self.open.iter().map(|send| send.deadline).max();
        let is_quiet = last
            .max(self.evidence_at)
            .is_none_or(|at| now >= at.saturating_add(rules.quiet));
        let counts = self.is_unknown() && is_quiet;
        if counts {
            *self = Self::default();
        }
        counts
    }

    /// Keeps the record small: what can no longer be under way needs no entry of its own.
    fn join_old_sends(&mut self, now: Millis, rules: &Rules) {
        if self.open.len() < MOST_OPEN {
            return;
        }
        let (old, mut kept): (Vec<Send>, Vec<Send>) = self
            .open
            .drain(..)
            .partition(|send| send.is_over(now, rules));
        let joined = old.into_iter().reduce(|mut one, other| {
            one.at = one.at.min(other.at);
            one.deadline = one.deadline.max(other.deadline);
            one
        });
        kept.splice(0..0, joined);
        self.open = kept;
    }
}

impl Send {
    /// Whether the request can no longer be under way.
    fn is_over(&self, now: Millis, rules: &Rules) -> bool {
        now >= self.deadline.saturating_add(rules.quiet)
    }
}
