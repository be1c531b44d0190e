//! The one room that knows the dialects: which client serves a call, and where the two differ in kind.

use std::sync::Arc;

use flowlix_api::{
    ConversionError, Dialect, Error as ApiError, ErrorResponse, ResponseValue, Session,
};
use flowlix_api::{convert, model, snake_case, uppercase};
use serde::de::DeserializeOwned;

use crate::asked::{Asked, mark};
use crate::call::decision::Situation;
use crate::call::engine::Call;
use crate::call::open_values::OpenValues;
use crate::error::Error;
use crate::payments::list::listing::Listing;
use crate::refunds::created::{RefundCreated, Sought};
use crate::reply::{Receipt, Reply};

/// Speaks the dialect of the client's key.
pub(crate) struct Wire {
    dialect: Dialect,
    base_url: String,
    http: reqwest::Client,
    session: Session,
}

/// A request as one dialect says it: what is sent, byte for byte, in every attempt.
pub(crate) enum Said<S, U> {
    SnakeCase(S),
    Uppercase(U),
}

impl<S: serde::Serialize, U: serde::Serialize> Said<S, U> {
    /// The body as JSON; for a body that holds no secret.
    pub(crate) fn to_json(&self) -> Option<serde_json::Value> {
        match self {
            Self::SnakeCase(body) => serde_json::to_value(body).ok(),
            Self::Uppercase(body) => serde_json::to_value(body).ok(),
        }
    }
}

type Saying<S, U> = Result<Said<S, U>, ConversionError>;

pub(crate) type DirectRequest =
    Said<snake_case::types::CreateDirectPayment, uppercase::types::CreateDirectPayment>;
pub(crate) type HostedRequest =
    Said<snake_case::types::CreateHostedPayment, uppercase::types::CreateHostedPayment>;
/// In `snake_case` the payment is named by the path, not by the body.
pub(crate) type RefundRequest =
    Said<(model::PaymentId, snake_case::types::CreateRefund), uppercase::types::CreateRefund>;

/// What the query of a list says.
pub(crate) type ListQuery =
    Said<convert::snake_case::ListPaymentsQuery, convert::uppercase::ListPaymentsQuery>;

type Answered<T> = Result<ResponseValue<T>, ApiError<ErrorResponse>>;

impl Wire {
    pub(crate) fn new(
        dialect: Dialect,
        base_url: &str,
        http: reqwest::Client,
        session: Session,
    ) -> Self {
        Self {
            dialect,
            base_url: base_url.to_owned(),
            http,
            session,
        }
    }

    pub(crate) fn say_direct(
        &self,
        request: model::CreateDirectPayment,
    ) -> Saying<snake_case::types::CreateDirectPayment, uppercase::types::CreateDirectPayment> {
        self.say(request)
    }

    pub(crate) fn say_hosted(
        &self,
        request: model::CreateHostedPayment,
    ) -> Saying<snake_case::types::CreateHostedPayment, uppercase::types::CreateHostedPayment> {
        self.say(request)
    }

    pub(crate) fn say_refund(
        &self,
        request: model::CreateRefund,
    ) -> Result<RefundRequest, ConversionError> {
        let payment_id = request.payment_id.clone();
        Ok(match self.say(request)? {
            Said::SnakeCase(body) => Said::SnakeCase((payment_id, body)),
            Said::Uppercase(body) => Said::Uppercase(body),
        })
    }

    pub(crate) fn say_list(
        &self,
        query: model::ListPayments,
    ) -> Saying<convert::snake_case::ListPaymentsQuery, convert::uppercase::ListPaymentsQuery> {
        self.say(query)
    }

    /// Whether a refund may leave out its amount and so mean the rest.
    pub(crate) fn refunds_the_rest_by_itself(&self) -> bool {
        self.dialect == Dialect::SnakeCase
    }

    pub(crate) async fn create_direct(
        &self,
        call: &Arc<Call>,
        request: DirectRequest,
    ) -> Result<Reply<model::Payment>, Error> {
        match request {
            Said::SnakeCase(body) => {
                let client = self.snake_case(call);
                let answered = client.create_direct_payment(key(call), &body).await;
                let stamp = mark(|name| body.metadata.as_ref()?.get(name));
                let asked = Asked::to_charge(body.amount, &body.currency)
                    .stamped(stamp.map(String::as_str));
                asked.check(call, conclude(call, answered)?)
            }
            Said::Uppercase(body) => {
                let client = self.uppercase(call);
                let key = key(call).unwrap_or_default();
                let answered = client.create_direct_payment(key, &body).await;
                let stamp =
                    mark(|name| body.metadata.as_ref()?.get(name)).and_then(|mark| mark.as_str());
                let asked = Asked::to_charge(body.amount, &body.currency).stamped(stamp);
                asked.check(call, conclude(call, answered)?)
            }
        }
    }

    pub(crate) async fn create_hosted(
        &self,
        call: &Arc<Call>,
        request: HostedRequest,
    ) -> Result<Reply<model::Payment>, Error> {
        match request {
            Said::SnakeCase(body) => {
                let client = self.snake_case(call);
                let answered = client.create_hosted_payment(key(call), &body).await;
                let stamp = mark(|name| body.metadata.as_ref()?.get(name));
                let asked = Asked::to_charge(body.amount, &body.currency)
                    .stamped(stamp.map(String::as_str));
                asked.check(call, conclude(call, answered)?)
            }
            Said::Uppercase(body) => {
                let client = self.uppercase(call);
                let key = key(call).unwrap_or_default();
                let answered = client.create_hosted_payment(key, &body).await;
                let stamp =
                    mark(|name| body.metadata.as_ref()?.get(name)).and_then(|mark| mark.as_str());
                let asked = Asked::to_charge(body.amount, &body.currency).stamped(stamp);
                asked.check(call, conclude(call, answered)?)
            }
        }
    }

    pub(crate) async fn retrieve(
        &self,
        call: &Arc<Call>,
        id: &model::PaymentId,
    ) -> Result<Reply<model::Payment>, Error> {
        let reply = match self.dialect {
            Dialect::SnakeCase => conclude(call, self.snake_case(call).retrieve_payment(id).await),
            Dialect::Uppercase => conclude(call, self.uppercase(call).retrieve_payment(id).await),
        }?;
        Asked::about(id).check(call, reply)
    }

    /// Decodes a page payment by payment where it cannot be read as a whole.
    pub(crate) async fn list(
        &self,
        call: &Arc<Call>,
        query: &ListQuery,
    ) -> Result<Reply<Listing>, Error> {
        match query {
            Said::SnakeCase(query) => conclude_list::<_, snake_case::types::Payment>(
                call,
                self.snake_case(call)
                    .list_payments(
                        query.created_gte,
                        query.created_lt,
                        query.limit,
                        query.starting_after.as_ref(),
                        query.status.as_ref(),
                    )
                    .await,
            ),
            Said::Uppercase(query) => conclude_list::<_, uppercase::types::Payment>(
                call,
                self.uppercase(call)
                    .list_payments(
                        query.created_gte,
                        query.created_lt,
                        query.ending_before.as_ref(),
                        query.limit,
                        query.starting_after.as_ref(),
                        query.status.as_ref(),
                    )
                    .await,
            ),
        }
    }

    /// One dialect answers the whole payment, the other the refund alone. `known` is the payment before that.
    pub(crate) async fn create_refund(
        &self,
        call: &Arc<Call>,
        request: RefundRequest,
        known: Option<&model::Payment>,
    ) -> Result<Reply<RefundCreated>, Error> {
        match request {
            Said::SnakeCase((id, body)) => {
                // Asked before it is sent: later it speaks of this call.
                let key_in_doubt = call.record().in_doubt;
                let answered = self
                    .snake_case(call)
                    .refund_payment(&id, key(call), &body)
                    .await;
                let reply: Reply<model::Payment> =
                    Asked::about(&id).check(call, conclude(call, answered)?)?;
                let sought = Sought {
                    amount: body.amount,
                    reason: &body.reason,
                    known,
                    key_may_be_used: key_in_doubt || met_a_twin(call),
                };
                Ok(reply.map(|payment| RefundCreated::found_in(payment, id, &sought)))
            }
            Said::Uppercase(body) => {
                let answered = self
                    .uppercase(call)
                    .create_refund(key(call).unwrap_or_default(), &body)
                    .await;
                let stamp =
                    mark(|name| body.metadata.as_ref()?.get(name)).and_then(|mark| mark.as_str());
                let asked = Asked::to_refund(&body.payment_id, body.amount).stamped(stamp);
                let reply: Reply<model::Refund> = asked.check(call, conclude(call, answered)?)?;
                Ok(reply.map(|refund| RefundCreated::answered(refund, body.payment_id)))
            }
        }
    }

    fn say<M, S, U>(&self, request: M) -> Saying<S, U>
    where
        M: TryInto<S, Error = ConversionError> + TryInto<U, Error = ConversionError>,
    {
        Ok(match self.dialect {
            Dialect::SnakeCase => Said::SnakeCase(request.try_into()?),
            Dialect::Uppercase => Said::Uppercase(request.try_into()?),
        })
    }

    fn snake_case(&self, call: &Arc<Call>) -> snake_case::Client {
        let session = self.session.with_transport(call.clone());
        snake_case::Client::new_with_client(&self.base_url, self.http.clone(), session)
    }

    fn uppercase(&self, call: &Arc<Call>) -> uppercase::Client {
        let session = self.session.with_transport(call.clone());
        uppercase::Client::new_with_client(&self.base_url, self.http.clone(), session)
    }
}

fn key(call: &Call) -> Option<&str> {
    call.key().map(crate::IdempotencyKey::as_str)
}

/// Whether a request with this key was running that another call may have sent.
fn met_a_twin(call: &Call) -> bool {
    let attempts = &call.record().attempts;
    attempts
        .iter()
        .any(|attempt| attempt.situation == Situation::InFlight)
}

/// Joins what the generated code decoded with what the call recorded. The record decides: generated code
/// knows one success status for each operation, and any 2xx means that Flowlix did it.
fn conclude<T, M>(call: &Call, answered: Answered<T>) -> Result<Reply<M>, Error>
where
    T: DeserializeOwned,
    M: From<T> + OpenValues,
{
    let value = match answered {
        Ok(value) => value.into_inner(),
        Err(_) => decode_again(call)?,
    };
    let value = M::from(value);
    call.look_for_unknown(&value);
    Ok(Reply::new(value, Receipt::of(call)))
}

fn conclude_list<T, P>(call: &Call, answered: Answered<T>) -> Result<Reply<Listing>, Error>
where
    model::PaymentList: From<T>,
    P: DeserializeOwned,
    model::Payment: From<P>,
{
    let listing = match answered {
        Ok(value) => Listing::from(model::PaymentList::from(value.into_inner())),
        Err(_) => {
            let accepted = call.accepted_body();
            let Some(body) = accepted else {
                return Err(Error::from_call(call));
            };
            Listing::read::<P>(&body).map_err(|path| Error::undecodable(call, path))?
        }
    };
    for payment in listing.payments() {
        call.look_for_unknown(payment);
    }
    for undecodable in listing.undecodable() {
        call.note_undecodable(undecodable.json_path());
    }
    Ok(Reply::new(listing, Receipt::of(call)))
}

fn decode_again<T: DeserializeOwned>(call: &Call) -> Result<T, Error> {
    // The record's lock must be free again before an error is made of the record.
    let accepted = call.accepted_body();
    let Some(body) = accepted else {
        return Err(Error::from_call(call));
    };
    let mut json = serde_json::Deserializer::from_slice(&body);
    // The text of serde's error quotes the body; the path does not.
    serde_path_to_error::deserialize(&mut json)
        .map_err(|error| Error::undecodable(call, error.path().to_string()))
}
