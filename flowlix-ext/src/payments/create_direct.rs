//! Creating a payment from card data.

use flowlix_api::model::{CreateDirectPayment, Payment};

use super::{payment_setters, rules};
use crate::call::operation::Operation;
use crate::call::options::{CallOptions, call_setters, into_future, key_setter};
use crate::card::CardDetails;
use crate::client::Flowlix;
use crate::error::Error;
use crate::idempotency::IdempotencyKey;
use crate::journal::draft::Draft;
use crate::journal::write::Write;
use crate::money::Money;
use crate::reply::Reply;

/// A payment from card data, about to be sent; see [`Payments::create_direct`](super::Payments::create_direct).
#[must_use = "nothing is sent before `send` or `await`"]
#[derive(Debug)]
pub struct CreateDirect {
    client: Flowlix,
    card: CardDetails,
    request: CreateDirectPayment,
    key: Option<IdempotencyKey>,
    options: CallOptions,
}

impl CreateDirect {
    pub(super) fn new(client: Flowlix, amount: Money, card: CardDetails) -> Self {
        let request = CreateDirectPayment::new(
            amount.minor_units(),
            amount.currency().clone(),
            card.clone().into_payment_method(),
        );
        let options = client.options();
        Self {
            client,
            card,
            request,
            key: None,
            options,
        }
    }

    payment_setters!();
    key_setter!();
    call_setters!();

    /// Where the customer comes back to after 3-D Secure: https, or `http://localhost`. Without it a card
    /// that needs 3-D Secure cannot be charged.
    pub fn return_url(mut self, url: impl Into<String>) -> Self {
        self.request.return_url = Some(url.into());
        self
    }

    /// Creates the payment: sends once, and again only where that cannot charge twice.
    ///
    /// Dropping the future stops waiting for the answer; it does not undo the payment.
    ///
    /// # Errors
    /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest) with every violation when card or request break
    /// a rule; nothing was sent then. Otherwise as the [decision table](crate::call::decision) says; look at
    /// [`may_have_taken_effect`](Error::may_have_taken_effect) first.
    pub async fn send(mut self) -> Result<Reply<Payment>, Error> {
        let operation = Operation::CreateDirectPayment;
        let wire = self.client.wire();
        let broken = rules::violations(
            &self.client,
            &self.options,
            self.request.return_url.as_deref(),
            self.request.billing_details.as_ref(),
        );
        let write = Write::new(&self.client, operation, self.key, self.options)?;
        let draft = Draft::direct(wire, &self.request, &self.card);
        let reserved = write.stamp(&mut self.request.metadata);
        let said = wire.say_direct(self.request);
        let mut violations = self.card.check(self.client.runtime().now());
        if !violations.is_empty() && said.is_ok() {
            // A repeat tells what became of the first: a card that has expired since must not hide that.
            match write.recorded(&draft).await {
                Ok(Some(recorded)) => violations = self.card.check(recorded.started_at),
                Err(error) if !error.is_key_reused() => return Err(error),
                Ok(None) | Err(_) => {}
            }
        }
        violations.extend(broken);
        violations.extend(reserved);
        let request = write.checked(violations, said).await?;
        write
            .once(draft, |call| async move {
                wire.create_direct(&call, request).await
            })
            .await
    }
}

into_future!(CreateDirect => Reply<Payment>);
