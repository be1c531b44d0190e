//! Creating a payment on Flowlix's hosted page.

use flowlix_api::model::{CreateHostedPayment, Payment};

use super::{payment_setters, rules};
use crate::call::operation::Operation;
use crate::call::options::{CallOptions, call_setters, into_future, key_setter};
use crate::client::Flowlix;
use crate::error::Error;
use crate::idempotency::IdempotencyKey;
use crate::journal::draft::Draft;
use crate::journal::write::Write;
use crate::money::Money;
use crate::reply::Reply;

/// A hosted payment, about to be sent; see [`Payments::create_hosted`](super::Payments::create_hosted).
#[must_use = "nothing is sent before `send` or `await`"]
#[derive(Debug)]
pub struct CreateHosted {
    client: Flowlix,
    request: CreateHostedPayment,
    key: Option<IdempotencyKey>,
    options: CallOptions,
}

impl CreateHosted {
    pub(super) fn new(client: Flowlix, amount: Money, return_url: String) -> Self {
        let request =
            CreateHostedPayment::new(amount.minor_units(), amount.currency().clone(), return_url);
        let options = client.options();
        Self {
            client,
            request,
            key: None,
            options,
        }
    }

    payment_setters!();
    key_setter!();
    call_setters!();

    /// Creates the payment: sends once, and again only where that cannot create a second one.
    ///
    /// Dropping the future stops waiting for the answer; it does not undo the payment.
    ///
    /// # Errors
    /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest) with every violation when the request breaks a
    /// rule; nothing was sent then. Otherwise as the [decision table](crate::call::decision) says.
    pub async fn send(mut self) -> Result<Reply<Payment>, Error> {
        let operation = Operation::CreateHostedPayment;
        let wire = self.client.wire();
        let mut violations = rules::violations(
            &self.client,
            &self.options,
            Some(&self.request.return_url),
            self.request.billing_details.as_ref(),
        );
        let write = Write::new(&self.client, operation, self.key, self.options)?;
        let draft = Draft::hosted(wire, &self.request);
        violations.extend(write.stamp(&mut self.request.metadata));
        let said = wire.say_hosted(self.request);
        let request = write.checked(violations, said).await?;
        write
            .once(draft, |call| async move {
                wire.create_hosted(&call, request).await
            })
            .await
    }
}

into_future!(CreateHosted => Reply<Payment>);
