//! Reading one payment.

use flowlix_api::model::{Payment, PaymentId};

use crate::call::operation::Operation;
use crate::call::options::{CallOptions, call_setters, into_future};
use crate::client::Flowlix;
use crate::error::Error;
use crate::reply::Reply;

/// A payment about to be read; see [`Payments::retrieve`](super::Payments::retrieve).
#[must_use = "nothing is sent before `send` or `await`"]
#[derive(Debug)]
pub struct Retrieve {
    client: Flowlix,
    id: PaymentId,
    options: CallOptions,
}

impl Retrieve {
    pub(super) fn new(client: Flowlix, id: PaymentId) -> Self {
        let options = client.options();
        Self {
            client,
            id,
            options,
        }
    }

    call_setters!();

    pub(crate) fn options(mut self, options: CallOptions) -> Self {
        self.options = options;
        self
    }

    /// Reads the payment. A read is repeated freely when it fails.
    ///
    /// # Errors
    /// As the [decision table](crate::call::decision) says.
    pub async fn send(self) -> Result<Reply<Payment>, Error> {
        let call = self.client.read(Operation::RetrievePayment, self.options);
        self.client.wire().retrieve(&call, &self.id).await
    }
}

into_future!(Retrieve => Reply<Payment>);
