//! How names of the wire become names of Rust.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::Ident;

use crate::api::Type;
use crate::dialect::Dialect;
use crate::identifier;
use crate::model::{Model, ModelOperation, ModelShape};

/// The field of a wire name, as typify forms it too.
pub(super) fn field(name: &str) -> Ident {
    format_ident!("{}", identifier::snake(name))
}

/// The type of a wire name.
pub(super) fn pascal(name: &str) -> Ident {
    format_ident!("{}", identifier::pascal(name))
}

/// The variant of a value.
pub(super) fn variant(value: &str) -> Ident {
    format_ident!("{}", identifier::variant(value))
}

/// The type of what can be asked of an operation: named as the operation, unless a schema is called so.
pub(super) fn query_type(model: &Model, operation: &ModelOperation) -> Ident {
    let name = identifier::pascal(&operation.id);
    let mut schemas = model.schemas.iter();
    if schemas.any(|schema| identifier::pascal(&schema.name) == name) {
        format_ident!("{name}Query")
    } else {
        format_ident!("{name}")
    }
}

/// The module of a dialect's generated types.
pub(super) fn module(dialect: Dialect) -> Ident {
    format_ident!("{}", dialect.name())
}

/// A dialect's own type of this name.
pub(super) fn dialect_type(dialect: Dialect, name: &str) -> TokenStream {
    let module = module(dialect);
    let name = pascal(name);
    quote!(crate::#module::types::#name)
}

/// The type of a model's member that is always there.
pub(super) fn model_type(model: &Model, ty: &Type) -> TokenStream {
    match ty {
        Type::Text | Type::Uri => quote!(String),
        Type::CardNumber => quote!(crate::CardNumber),
        Type::CardCvc => quote!(crate::CardCvc),
        Type::Int32 => quote!(i32),
        Type::Int64 => quote!(i64),
        Type::Boolean => quote!(bool),
        Type::Json => quote!(serde_json::Value),
        Type::Named(name) => match model.schema(name).map(|schema| &schema.shape) {
            Some(ModelShape::ByHand(path)) => path.parse().unwrap_or_default(),
            _ => {
                let name = pascal(name);
                quote!(#name)
            }
        },
        Type::List(inner) => {
            let inner = model_type(model, inner);
            quote!(Vec<#inner>)
        }
        Type::Map(inner) => {
            let inner = model_type(model, inner);
            quote!(std::collections::BTreeMap<String, #inner>)
        }
    }
}

/// Lists and maps are empty where others are `None`.
pub(super) fn is_collection(ty: &Type) -> bool {
    matches!(ty, Type::List(_) | Type::Map(_))
}

/// Whether the type is an open enum.
pub(super) fn is_enum(model: &Model, ty: &Type) -> bool {
    matches!(ty, Type::Named(name)
        if matches!(model.schema(name).map(|schema| &schema.shape), Some(ModelShape::Enum(_))))
}

/// Whether the type is an object of the model.
pub(super) fn is_object(model: &Model, ty: &Type) -> bool {
    matches!(ty, Type::Named(name) if model.object(name).is_some())
}

/// Doc attributes of a description; `fallback` where the documents say nothing.
pub(super) fn docs(description: &str, fallback: &str) -> TokenStream {
    let text = if description.is_empty() {
        fallback.to_owned()
    } else {
        crate::normalise::rustdoc(description)
    };
    let lines = text.lines().map(|line| {
        let line = if line.is_empty() {
            String::new()
        } else {
            format!(" {}", line.trim_end())
        };
        quote!(#[doc = #line])
    });
    quote!(#(#lines)*)
}
