//! The Flowlix API as it is: both dialects, and the one model that they share.
//!
//! - [`snake_case`] and [`uppercase`] are clients generated from Flowlix's two documents, faithful to each.
//! - [`model`] holds the types that both map to; its names follow the uppercase dialect, the newer one.
//! - Conversions join them. Reading is lenient: `From` a dialect's type never fails, unknown fields are
//!   ignored, and unknown values of enums are kept. Writing is strict: `TryFrom` the model names every
//!   field that a dialect cannot take ([`ConversionError`]).
//!
//! There is no policy here: no retries, no waiting, no timeouts. Services depend on `flowlix-ext`; this
//! crate is for those who build such a layer of their own, through [`Transport`].
//!
//! ```
//! use flowlix_api::{model, snake_case};
//!
//! let answer = r#"{ "id": "pay_abc123", "amount": 4999, "currency": "eur", "status": "settling" }"#;
//! let payment: snake_case::types::Payment = serde_json::from_str(answer)?;
//! let payment = model::Payment::from(payment);
//! assert_eq!(payment.currency, model::Currency::Eur);
//! assert!(payment.status.is_unknown());
//! assert_eq!(payment.status.as_str(), "settling");
//! # Ok::<(), serde_json::Error>(())
//! ```

#![deny(missing_docs)]

mod dialect;
mod error_response;
mod generated;
mod hooks;
mod http_client;
mod id;
pub mod open;
mod pattern;
mod secret;
mod session;
mod speak;
mod transport;

pub use progenitor_client::{ClientInfo, Error, ResponseValue};

pub use crate::dialect::Dialect;
pub use crate::error_response::{EXCERPT_CHARACTERS, ErrorResponse};
pub use crate::generated::{convert, model, snake_case, uppercase};
pub use crate::http_client::{TlsError, http_client_builder};
pub use crate::id::InvalidId;
pub use crate::secret::{CardCvc, CardNumber};
pub use crate::session::{InvalidKey, Session};
pub use crate::speak::{ConversionError, Problem, Violation};
pub use crate::transport::{
    BODY_LIMIT, Direct, ReadError, Sending, Transport, TransportError, read_bounded,
};
