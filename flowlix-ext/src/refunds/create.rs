//! Creating a refund.

use std::time::Duration;

use flowlix_api::{Dialect, model};

use super::{RefundCreated, check};
use crate::call::operation::Operation;
use crate::call::options::{CallOptions, call_setters, into_future, key_setter};
use crate::client::Flowlix;
use crate::error::Error;
use crate::failure::Violation;
use crate::idempotency::IdempotencyKey;
use crate::journal::draft::Draft;
use crate::journal::write::{Recorded, Write};
use crate::payments::metadata_setter;
use crate::reply::Reply;

/// A refund about to be sent; see [`Refunds::create`](super::Refunds::create).
#[must_use = "nothing is sent before `send` or `await`"]
#[derive(Debug)]
pub struct CreateRefund {
    client: Flowlix,
    request: model::CreateRefund,
    key: Option<IdempotencyKey>,
    options: CallOptions,
    /// The payment, when the caller gave it or it was read.
    known: Option<model::Payment>,
    check_first: bool,
}

impl CreateRefund {
    pub(super) fn new(client: Flowlix, payment: model::PaymentId) -> Self {
        let options = client.options();
        Self {
            client,
            request: model::CreateRefund::new(payment),
            key: None,
            options,
            known: None,
            check_first: false,
        }
    }

    key_setter!();
    call_setters!();

    /// How much to give back, in minor units of the payment's currency. Without it, [all that is
    /// left](Self::remaining).
    pub fn amount(mut self, minor_units: i64) -> Self {
        self.request.amount = Some(minor_units);
        self
    }

    /// Gives back all that is left: what happens without an [`amount`](Self::amount), said aloud.
    ///
    /// In the uppercase dialect "all that is left" is read from the payment first, as one more request unless
    /// the payment is [given](super::Refunds::of); when you repeat such a refund after an unknown outcome,
    /// give the amount that [`Error::refund_amount`] shows, so that the bytes stay the same. A
    /// [journal](crate::journal) remembers the amount, so that such a repeat may also leave it out again.
    pub fn remaining(mut self) -> Self {
        self.request.amount = None;
        self
    }

    /// Reads the payment first, as one more request, and refuses what cannot succeed as
    /// [`Refunds::of`](super::Refunds::of) does. In the `snake_case` dialect it also helps to tell which refund is
    /// [the new one](RefundCreated::refund).
    ///
    /// A refund with a key of yours that the payment may already hold is not refused: it may be the repeat
    /// that settles an unknown outcome, and Flowlix knows by the key.
    pub fn check_first(mut self) -> Self {
        self.known = None;
        self.check_first = true;
        self
    }

    pub(super) fn knowing(mut self, payment: model::Payment) -> Self {
        self.known = Some(payment);
        self
    }

    /// Why: required in the `snake_case` dialect, at most 50 characters there.
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.request.reason = Some(reason.into());
        self
    }

    metadata_setter!("Adds one entry of metadata; uppercase dialect only.");

    /// Creates the refund: sends once, and again only where that cannot refund twice.
    ///
    /// Dropping the future stops waiting for the answer; it does not undo the refund.
    ///
    /// # Errors
    /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest) with every violation when the request breaks a
    /// rule, when nothing is left to refund, or when a payment that was given or read shows that the refund
    /// cannot succeed; nothing was sent then. Otherwise as the [decision table](crate::call::decision) says.
    pub async fn send(mut self) -> Result<Reply<RefundCreated>, Error> {
        let operation = Operation::CreateRefund;
        let client = self.client.clone();
        let wire = client.wire();
        let may_repeat = self.key.is_some();
        // The key and its age come first: reading what is left must not hide that the key is too old.
        let write = Write::new(&client, operation, self.key.take(), self.options.clone())?;
        // Before the payment is read: that read would carry the same headers.
        if !self.options.refused_headers.is_empty() {
            let refused = self.options.refused_headers;
            let error = Error::invalid_request(operation, refused);
            return Err(write.unsent(error).await);
        }
        let (mut draft, mut recorded) = self.recorded(&write).await?;
        let needs_amount = self.request.amount.is_none() && !wire.refunds_the_rest_by_itself();
        if recorded.is_none() && (self.check_first || (needs_amount && self.known.is_none())) {
            let read = self.read_payment(write.time_left()).await;
            self.known = match read {
                Ok(payment) => Some(payment),
                Err(error) => return Err(write.unsent(error).await),
            };
            // Whoever has sent this very refund meanwhile is the reason if nothing is left.
            (draft, recorded) = self.recorded(&write).await?;
        }
        let mut violations = match (recorded, &self.known) {
            // It was sent before, for this amount, and is not to be judged by what has happened since.
            (Some(recorded), _) => {
                self.request.amount = recorded.amount;
                Vec::new()
            }
            (None, Some(payment)) => {
                if needs_amount {
                    self.request.amount = payment.amount_refundable.filter(|left| *left > 0);
                }
                let refusals = self.refusals(payment, needs_amount, may_repeat);
                if !refusals.is_empty() {
                    // Nothing is sent; that the amount is missing too would be no news.
                    self.request.amount.get_or_insert(payment.amount);
                }
                refusals
            }
            (None, None) => Vec::new(),
        };
        violations.extend(self.unreasoned());
        let amount = self.request.amount;
        draft.amount = amount;
        violations.extend(write.stamp_refund(&mut self.request.metadata));
        let said = wire.say_refund(self.request);
        let request = write.checked(violations, said).await?;
        let known = self.known;
        write
            .once(draft, |call| async move {
                wire.create_refund(&call, request, known.as_ref()).await
            })
            .await
            .map_err(|error| error.with_refund_amount(amount))
    }

    /// What the journal knows of this request. A repeat may name the amount that was left out the first time,
    /// since [`Error::refund_amount`] shows it.
    async fn recorded(&self, write: &Write<'_>) -> Result<(Draft, Option<Recorded>), Error> {
        let draft = Draft::refund(&self.request);
        let reused = match write.recorded(&draft).await {
            Err(error) if error.is_key_reused() && draft.amount.is_some() => error,
            found => return Ok((draft, found?)),
        };
        let mut open = self.request.clone();
        open.amount = None;
        let open = Draft::refund(&open);
        match write.recorded(&open).await? {
            Some(recorded) if recorded.amount == draft.amount => Ok((open, Some(recorded))),
            _ => Err(reused),
        }
    }

    /// A reason that is required and says nothing ("Refund a payment (API reference)").
    fn unreasoned(&self) -> Option<Violation> {
        let reason = self.request.reason.as_deref()?;
        let is_missing = self.client.dialect() == Dialect::SnakeCase && reason.trim().is_empty();
        let problem = "is required in the snake_case dialect, and empty";
        is_missing.then(|| Violation::new("reason", problem))
    }

    /// What the payment has against the refund.
    fn refusals(
        &self,
        payment: &model::Payment,
        needs_amount: bool,
        may_repeat: bool,
    ) -> Vec<Violation> {
        let amount = self.request.amount;
        let unsaid = needs_amount && amount.is_none();
        if may_repeat && !unsaid && check::may_be_a_repeat(payment, amount) {
            return Vec::new();
        }
        let mut found = check::violations(payment, amount, self.client.runtime().now());
        let is_named = found.iter().any(|violation| violation.field == "amount");
        if unsaid && payment.amount_refundable.is_none() && !is_named {
            let problem = "was left out, and Flowlix did not say what is left to refund";
            found.push(Violation::new("amount", problem));
        }
        found
    }

    async fn read_payment(&self, limit: Duration) -> Result<model::Payment, Error> {
        let mut options = self.options.clone();
        options.operation_timeout = limit;
        let read = self.client.read(Operation::RetrievePayment, options);
        let wire = self.client.wire();
        let reply = wire.retrieve(&read, &self.request.payment_id).await?;
        Ok(reply.into_inner())
    }
}

into_future!(CreateRefund => Reply<RefundCreated>);
