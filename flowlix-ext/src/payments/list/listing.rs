//! What Flowlix answered to a list, read payment by payment where the whole cannot be read.

use flowlix_api::model::{Payment, PaymentId, PaymentList};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::listed::{Listed, UndecodablePayment};

/// A page as it was answered, before it is known where it lies in a list.
pub(crate) struct Listing {
    pub(super) items: Vec<Listed>,
    pub(super) has_more: bool,
}

/// What both dialects' envelopes have.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
    has_more: bool,
}

#[derive(Deserialize)]
struct Named {
    id: PaymentId,
}

impl From<PaymentList> for Listing {
    fn from(list: PaymentList) -> Self {
        Self {
            items: list.data.into_iter().map(Ok).collect(),
            has_more: list.has_more,
        }
    }
}

impl Listing {
    /// The payments that can be read.
    pub(crate) fn payments(&self) -> impl Iterator<Item = &Payment> {
        self.items.iter().filter_map(|item| item.as_ref().ok())
    }

    /// Those that cannot.
    pub(crate) fn undecodable(&self) -> impl Iterator<Item = &UndecodablePayment> {
        self.items.iter().filter_map(|item| item.as_ref().err())
    }

    /// Reads a body whose payments a dialect says as `P`. Fails only where the envelope cannot be read,
    /// with the path to that place.
    pub(crate) fn read<P>(body: &[u8]) -> Result<Self, String>
    where
        P: DeserializeOwned,
        Payment: From<P>,
    {
        let mut json = serde_json::Deserializer::from_slice(body);
        let envelope: Envelope<'_> = serde_path_to_error::deserialize(&mut json)
            .map_err(|error| error.path().to_string())?;
        let items = envelope.data.iter().enumerate();
        Ok(Self {
            items: items
                .map(|(index, raw)| listed::<P>(index, raw.get()))
                .collect(),
            has_more: envelope.has_more,
        })
    }
}

fn listed<P>(index: usize, raw: &str) -> Listed
where
    P: DeserializeOwned,
    Payment: From<P>,
{
    let mut json = serde_json::Deserializer::from_str(raw);
    let read: Result<P, _> = serde_path_to_error::deserialize(&mut json);
    read.map(Payment::from).map_err(|error| {
        let path = match error.path().to_string().as_str() {
            "." => format!("data[{index}]"),
            inner => format!("data[{index}].{inner}"),
        };
        let id = serde_json::from_str(raw).ok().map(|Named { id }| id);
        UndecodablePayment::new(id, path, raw.to_owned())
    })
}
