//! The conversions between each dialect's types and the model.

use proc_macro2::TokenStream;
use quote::quote;

use crate::dialect::Dialect;
use crate::model::{Model, ModelShape};

use super::{read, write};

/// Generates the conversions.
#[must_use]
pub fn convert(model: &Model) -> TokenStream {
    let mut items = Vec::new();
    for schema in &model.schemas {
        let ModelShape::Object(object) = &schema.shape else {
            continue;
        };
        for dialect in Dialect::BOTH {
            if let Some(name) = schema.names.get(dialect) {
                // What the dialect carries outside the body cannot be read back from the body.
                if object.carried.get(dialect).is_empty() {
                    items.push(read::from_dialect(model, schema, object, dialect, name));
                }
                items.push(write::to_dialect(model, schema, object, dialect, name));
            }
        }
    }
    let queries = Dialect::BOTH.map(|dialect| {
        let module = super::names::module(dialect);
        let words = format!(" Query parameters as the {dialect} dialect takes them.");
        let queries = model
            .operations
            .iter()
            .map(|operation| write::query(model, operation, dialect));
        quote! {
            #[doc = #words]
            pub mod #module {
                #(#queries)*
            }
        }
    });
    quote! {
        use crate::{ConversionError, Dialect, model};
        use crate::speak::{Speak, Speech, speak};

        #(#items)*
        #(#queries)*
    }
}
