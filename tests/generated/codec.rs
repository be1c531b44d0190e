//! The table of all types that stand in bodies, and what can be done with each of them.

use flowlix_api::{Dialect, ErrorResponse, model, snake_case, uppercase};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// What came of reading and writing a body.
pub(crate) type Coded = Result<Value, String>;

/// What is done with a body.
pub(crate) type Step = fn(&Value) -> Coded;

/// One schema of one dialect, and its generated type.
pub(crate) struct Codec {
    /// The schema's name in the dialect.
    pub(crate) schema: &'static str,
    /// Decodes into the dialect's type and encodes that.
    pub(crate) recode: Step,
    /// Decodes, converts into the model and back, and encodes; `None` where the model has no such way.
    pub(crate) through_model: Option<Step>,
    /// For what is received: the model's type and its own JSON, which must read back as the same value.
    pub(crate) model: Option<(&'static str, Step)>,
}

macro_rules! through {
    ($dialect:ident, $wire:ident => $model:ident) => {
        |value| {
            let read = model::$model::from(decode::<$dialect::types::$wire>(value)?);
            let said = $dialect::types::$wire::try_from(read).map_err(|error| error.to_string())?;
            encode(&said)
        }
    };
}

macro_rules! received {
    ($dialect:ident, $wire:ident => $model:ident) => {
        Codec {
            schema: stringify!($wire),
            recode: |value| encode(&decode::<$dialect::types::$wire>(value)?),
            through_model: Some(through!($dialect, $wire => $model)),
            model: Some((stringify!($model), |value| {
                let read = model::$model::from(decode::<$dialect::types::$wire>(value)?);
                let written = encode(&read)?;
                if decode::<model::$model>(&written)? != read {
                    return Err(format!("the model reads its own JSON differently: {written}"));
                }
                Ok(written)
            })),
        }
    };
}

macro_rules! sent {
    ($dialect:ident, $wire:ident => $model:ident) => {
        Codec {
            schema: stringify!($wire),
            recode: |value| encode(&decode::<$dialect::types::$wire>(value)?),
            through_model: Some(through!($dialect, $wire => $model)),
            model: None,
        }
    };
}

fn decode<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    // From text, as it comes over the wire.
    serde_json::from_str(&value.to_string()).map_err(|error| error.to_string())
}

fn encode<T: Serialize>(value: &T) -> Coded {
    serde_json::to_value(value).map_err(|error| error.to_string())
}

fn error_response() -> Codec {
    Codec {
        schema: "ErrorResponse",
        recode: |value| encode(&decode::<ErrorResponse>(value)?),
        through_model: None,
        model: None,
    }
}

/// Every object schema of the dialect.
pub(crate) fn codecs(dialect: Dialect) -> Vec<Codec> {
    match dialect {
        Dialect::SnakeCase => vec![
            sent!(snake_case, CreateDirectPayment => CreateDirectPayment),
            sent!(snake_case, CreateHostedPayment => CreateHostedPayment),
            // The payment stands in the path, so the body alone does not make a model's refund.
            Codec {
                schema: "CreateRefund",
                recode: |value| encode(&decode::<snake_case::types::CreateRefund>(value)?),
                through_model: None,
                model: None,
            },
            sent!(snake_case, CardInput => CardInput),
            sent!(snake_case, CustomerInput => BillingDetailsInput),
            received!(snake_case, Payment => Payment),
            received!(snake_case, PaymentList => PaymentList),
            received!(snake_case, Refund => Refund),
            received!(snake_case, Card => Card),
            received!(snake_case, Customer => BillingDetails),
            received!(snake_case, NextAction => NextAction),
            received!(snake_case, ErrorDetail => ErrorDetail),
            error_response(),
        ],
        Dialect::Uppercase => vec![
            sent!(uppercase, CreateDirectPayment => CreateDirectPayment),
            sent!(uppercase, CreateHostedPayment => CreateHostedPayment),
            sent!(uppercase, CreateRefund => CreateRefund),
            sent!(uppercase, PaymentMethodData => PaymentMethodData),
            sent!(uppercase, CardInput => CardInput),
            sent!(uppercase, BillingDetailsInput => BillingDetailsInput),
            received!(uppercase, Address => Address),
            received!(uppercase, Payment => Payment),
            received!(uppercase, PaymentList => PaymentList),
            received!(uppercase, Refund => Refund),
            received!(uppercase, Card => Card),
            received!(uppercase, BillingDetails => BillingDetails),
            received!(uppercase, StatusTransitions => StatusTransitions),
            received!(uppercase, NextAction => NextAction),
            received!(uppercase, WebhookEvent => WebhookEvent),
            received!(uppercase, WebhookEventData => WebhookEventData),
            received!(uppercase, ErrorDetail => ErrorDetail),
            error_response(),
        ],
    }
}

/// The codec of a schema, which has to be in the table.
#[track_caller]
pub(crate) fn codec(dialect: Dialect, schema: &str) -> Codec {
    codecs(dialect)
        .into_iter()
        .find(|codec| codec.schema == schema)
        .unwrap_or_else(|| {
            panic!(
                "{dialect} {schema} stands in a body, but not in the table of generated/codec.rs"
            )
        })
}
