//! The five operations, each over a request that was let in.

use serde_json::Value;

use super::auth::Caller;
use super::error::ApiError;
use super::route::Operation;
use super::{Api, Ticket, list};
use crate::dialect::{Dialect, NewPayment, NewRefund, snake_case, uppercase};
use crate::payment::{Payment, Refund, RefundRefusal};
use crate::server::http::Request;

impl Api {
    pub(super) fn execute(
        &mut self,
        ticket: &Ticket,
        request: &Request,
    ) -> Result<(u16, Value), ApiError> {
        let caller = ticket.caller;
        let strict = self.settings.strict;
        let path_id = ticket.route.payment_id.as_deref().unwrap_or_default();
        match ticket.route.operation {
            Operation::CreateDirectPayment => {
                let wanted = caller.dialect().read_direct(&json_body(request)?, strict)?;
                let challenged = wanted
                    .card
                    .as_ref()
                    .is_some_and(|card| card.needs_challenge());
                if challenged && wanted.return_url.is_none() {
                    return Err(ApiError::missing("return_url"));
                }
                self.create(ticket, wanted)
            }
            Operation::CreateHostedPayment => {
                let wanted = caller.dialect().read_hosted(&json_body(request)?, strict)?;
                self.create(ticket, wanted)
            }
            Operation::ListPayments => {
                let query = caller.dialect().read_list(request.query(), strict)?;
                let newest_first: Vec<&Payment> = self
                    .payments
                    .iter()
                    .rev()
                    .filter(|payment| payment.account() == caller.account)
                    .collect();
                let lag = self.settings.list_lag;
                let index = list::Index {
                    page_cap: self.settings.page_cap,
                    created_until: (lag > 0).then(|| self.clock.now().saturating_sub(lag)),
                };
                let page = list::page(&newest_first, &query, index)?;
                Ok((200, caller.dialect().page(&page, &self.urls)))
            }
            Operation::RetrievePayment => {
                self.owned(caller, path_id)?;
                self.change(path_id, Payment::read);
                let payment = self.owned(caller, path_id)?;
                Ok((200, caller.dialect().payment(payment, &self.urls)))
            }
            Operation::Refund => {
                let body = json_body(request)?;
                match caller.dialect() {
                    Dialect::SnakeCase => {
                        let wanted = snake_case::read_refund(&body, strict)?;
                        self.refund(ticket, path_id, wanted)
                    }
                    Dialect::Uppercase => {
                        let (payment_id, wanted) = uppercase::read_refund(&body, strict)?;
                        self.refund(ticket, &payment_id, wanted)
                    }
                }
            }
        }
    }

    fn create(&mut self, ticket: &Ticket, wanted: NewPayment) -> Result<(u16, Value), ApiError> {
        let caller = ticket.caller;
        let payment = Payment::new(
            wanted,
            self.ids.payment(caller.dialect()),
            caller.account,
            ticket.scope.as_ref().map(|scope| scope.key().to_owned()),
            self.clock.now(),
            self.settings.rules,
        );
        let shown = caller.dialect().payment(&payment, &self.urls);
        self.payments.push(payment);
        Ok((201, shown))
    }

    fn refund(
        &mut self,
        ticket: &Ticket,
        payment_id: &str,
        wanted: NewRefund,
    ) -> Result<(u16, Value), ApiError> {
        let caller = ticket.caller;
        self.owned(caller, payment_id)?;
        let key = ticket.scope.as_ref().map(|scope| scope.key().to_owned());
        self.add_refund(payment_id, wanted, key)
            .ok_or_else(no_such_payment)?
            .map_err(|refusal| match refusal {
                RefundRefusal::NotSucceeded(status) => ApiError::wrong_state(&format!(
                    "A payment that is {} cannot be refunded.",
                    caller.dialect().spell(status.name())
                )),
                RefundRefusal::TooOld => ApiError::wrong_state(
                    "A payment can be refunded within 180 days of its creation only.",
                ),
                RefundRefusal::NothingLeft => ApiError::already_refunded(),
                RefundRefusal::MoreThanLeft { left } => ApiError::amount_too_large(left),
            })?;
        let payment = self.owned(caller, payment_id)?;
        let refund = payment
            .refunds()
            .last()
            .ok_or_else(|| ApiError::not_found("No such refund."))?;
        Ok((
            201,
            caller.dialect().refund_answer(payment, refund, &self.urls),
        ))
    }

    /// Adds a refund to a payment, whoever asks for it, and gives the refund's id. `None` when
    /// there is no such payment.
    pub(crate) fn add_refund(
        &mut self,
        payment_id: &str,
        wanted: NewRefund,
        idempotency_key: Option<String>,
    ) -> Option<Result<String, RefundRefusal>> {
        self.change(payment_id, |payment, now, ids| {
            let amount = payment.check_refund(&wanted, now)?;
            let id = ids.refund(payment.dialect(), now);
            payment.add_refund(Refund::new(
                id.clone(),
                amount,
                payment.currency(),
                wanted.reason,
                wanted.metadata,
                idempotency_key,
                now,
            ));
            Ok(id)
        })
    }

    /// A payment that the caller may see.
    fn owned(&self, caller: Caller, payment_id: &str) -> Result<&Payment, ApiError> {
        let account = caller.account;
        let belongs = |payment: &Payment| {
            payment.account().merchant == account.merchant && payment.dialect() == account.dialect
        };
        let payment = self
            .payments
            .iter()
            .find(|payment| payment.id() == payment_id && belongs(payment))
            .ok_or_else(no_such_payment)?;
        if payment.livemode() != account.livemode {
            return Err(ApiError::other_mode());
        }
        Ok(payment)
    }
}

fn json_body(request: &Request) -> Result<Value, ApiError> {
    serde_json::from_slice(request.body())
        .map_err(|_| ApiError::invalid(None, "The request body is not valid JSON."))
}

fn no_such_payment() -> ApiError {
    ApiError::not_found("No such payment.")
}
