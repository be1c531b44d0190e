//! The model's types.

use proc_macro2::TokenStream;
use quote::quote;

use super::names::{docs, field, is_collection, model_type, pascal, query_type, variant};
use crate::api::Type;
use crate::dialect::PerDialect;
use crate::model::{Model, ModelObject, ModelOperation, ModelSchema, ModelShape, ModelValue};
use crate::pattern;

/// Generates the types of the model.
#[must_use]
pub fn model(model: &Model) -> TokenStream {
    let schemas = model.schemas.iter().map(|schema| match &schema.shape {
        ModelShape::Object(object) => structure(model, schema, object),
        ModelShape::Enum(values) => enumeration(schema, values),
        ModelShape::Id(patterns) => id(schema, patterns),
        ModelShape::ByHand(_) => TokenStream::new(),
    });
    let queries = model
        .operations
        .iter()
        .map(|operation| query(model, operation));
    quote! {
        #(#schemas)*
        #(#queries)*
    }
}

struct Field {
    name: String,
    docs: TokenStream,
    ty: TokenStream,
    required: bool,
    collection: bool,
}

fn structure(model: &Model, schema: &ModelSchema, object: &ModelObject) -> TokenStream {
    let fields: Vec<Field> = object
        .properties
        .iter()
        .map(|property| Field {
            name: property.name.clone(),
            docs: docs(
                &property.description,
                &format!(" The wire's `{}`.", property.name),
            ),
            ty: model_type(model, &property.ty),
            required: property.required,
            collection: is_collection(&property.ty),
        })
        .collect();
    let words = docs(
        &schema.description,
        &format!(" The model's {}.", schema.name),
    );
    structure_of(&pascal(&schema.name), &words, &fields, schema.received)
}

fn structure_of(
    ident: &syn::Ident,
    words: &TokenStream,
    fields: &[Field],
    received: bool,
) -> TokenStream {
    let all_optional = fields.iter().all(|field| !field.required);
    let default = all_optional.then(|| quote!(Default,));
    // What is only sent may hold a card: it has no way into storage.
    let serde = received.then(|| quote!(serde::Serialize, serde::Deserialize,));
    let members = fields.iter().map(|member| {
        let Field { docs, ty, .. } = member;
        let ident = field(&member.name);
        let renamed = (ident != member.name).then_some(&member.name);
        let serde = received.then(|| match (&renamed, member.required, member.collection) {
            (None, true, _) => quote!(),
            (Some(name), true, _) => quote!(#[serde(rename = #name)]),
            (None, false, false) => {
                quote!(#[serde(default, skip_serializing_if = "Option::is_none")])
            }
            (Some(name), false, false) => {
                quote!(#[serde(rename = #name, default, skip_serializing_if = "Option::is_none")])
            }
            (None, false, true) => quote!(#[serde(default)]),
            (Some(name), false, true) => quote!(#[serde(rename = #name, default)]),
        });
        let schema = (!received).then(|| {
            let name = renamed
                .map(|name| quote!(#[cfg_attr(feature = "schemars", schemars(rename = #name))]));
            let default = (!member.required && member.collection)
                .then(|| quote!(#[cfg_attr(feature = "schemars", schemars(default))]));
            quote!(#name #default)
        });
        let ty = optional(member.required, member.collection, ty);
        quote! {
            #docs
            #serde
            #schema
            pub #ident: #ty,
        }
    });
    let constructor = (!received && !all_optional).then(|| constructor(ident, fields));
    quote! {
        #words
        #[derive(Debug, Clone, PartialEq, #default #serde)]
        #[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
        #[non_exhaustive]
        pub struct #ident {
            #(#members)*
        }

        #constructor
    }
}

fn optional(required: bool, collection: bool, ty: &TokenStream) -> TokenStream {
    if required || collection {
        ty.clone()
    } else {
        quote!(Option<#ty>)
    }
}

fn constructor(ident: &syn::Ident, fields: &[Field]) -> TokenStream {
    let arguments = fields
        .iter()
        .filter(|member| member.required)
        .map(|member| {
            let name = field(&member.name);
            let ty = &member.ty;
            quote!(#name: #ty)
        });
    let values = fields.iter().map(|member| {
        let name = field(&member.name);
        if member.required {
            quote!(#name)
        } else {
            quote!(#name: Default::default())
        }
    });
    quote! {
        impl #ident {
            /// With what is required; the rest is set on the fields.
            #[must_use]
            pub fn new(#(#arguments),*) -> Self {
                Self { #(#values),* }
            }
        }
    }
}

fn enumeration(schema: &ModelSchema, values: &[ModelValue]) -> TokenStream {
    let ident = pascal(&schema.name);
    let words = docs(
        &schema.description,
        &format!(" The model's {}.", schema.name),
    );
    let variants = values.iter().map(|value| {
        let name = variant(&value.canonical);
        let doc = format!(" {}.", spelled(value));
        quote!(#[doc = #doc] #name,)
    });
    let rows = values.iter().map(|value| {
        let name = variant(&value.canonical);
        let canonical = &value.canonical;
        let spelling = |spelling: &Option<String>| match spelling {
            Some(text) => quote!(Some(#text)),
            None => quote!(None),
        };
        let snake_case = spelling(&value.spelled.snake_case);
        let uppercase = spelling(&value.spelled.uppercase);
        quote!(#name = #canonical, #snake_case, #uppercase;)
    });
    quote! {
        #words
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum #ident {
            #(#variants)*
            /// A value that this version has no name for, as it came.
            Unknown(crate::open::UnknownValue),
        }

        crate::open::open_enum!(#ident { #(#rows)* });
    }
}

/// How the dialects spell a value, for its documentation.
fn spelled(value: &ModelValue) -> String {
    match (&value.spelled.snake_case, &value.spelled.uppercase) {
        (Some(snake_case), Some(uppercase)) if snake_case == uppercase => {
            format!("`{snake_case}` in both dialects")
        }
        (Some(snake_case), Some(uppercase)) => {
            format!("`{snake_case}` in `snake_case`, `{uppercase}` in uppercase")
        }
        (Some(snake_case), None) => format!("`{snake_case}`, in `snake_case` only"),
        (None, Some(uppercase)) => format!("`{uppercase}`, in uppercase only"),
        (None, None) => value.canonical.clone(),
    }
}

fn id(schema: &ModelSchema, patterns: &PerDialect<Option<String>>) -> TokenStream {
    let ident = pascal(&schema.name);
    let words = docs(
        &schema.description,
        &format!(" The model's {}.", schema.name),
    );
    // A dialect without a pattern takes any text, so none can be refused.
    let open = [&patterns.snake_case, &patterns.uppercase]
        .iter()
        .zip([&schema.names.snake_case, &schema.names.uppercase])
        .any(|(pattern, name)| name.is_some() && pattern.is_none());
    let patterns = [&patterns.snake_case, &patterns.uppercase]
        .into_iter()
        .flatten()
        .filter(|_| !open)
        .map(|pattern| pattern_value(pattern));
    quote! {
        #words
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct #ident(String);

        crate::id::opaque_id!(#ident, &[#(#patterns),*]);
    }
}

/// A pattern as a value of the generated crate. Lint has refused those that cannot be one.
pub(super) fn pattern_value(text: &str) -> TokenStream {
    let runs = pattern::runs(text).unwrap_or_default();
    let runs = runs.iter().map(|run| {
        let class = run.class.iter().map(|(low, high)| quote!((#low, #high)));
        let min = run.min;
        let max = match run.max {
            Some(max) => quote!(#max),
            None => quote!(usize::MAX),
        };
        quote!(crate::pattern::Run { class: &[#(#class),*], min: #min, max: #max })
    });
    quote!(crate::pattern::Pattern { text: #text, runs: &[#(#runs),*] })
}

/// The query parameters of an operation, as one type.
fn query(model: &Model, operation: &ModelOperation) -> TokenStream {
    let fields: Vec<Field> = operation
        .parameters
        .iter()
        .filter(|parameter| parameter.location == "query")
        .map(|parameter| Field {
            name: parameter.name.clone(),
            docs: docs(
                &parameter.description,
                &format!(" The wire's `{}`.", parameter.name),
            ),
            ty: model_type(model, &parameter.ty),
            required: parameter.required,
            collection: matches!(parameter.ty, Type::List(_) | Type::Map(_)),
        })
        .collect();
    if fields.is_empty() {
        return TokenStream::new();
    }
    let words = format!(" What can be asked of `{}`.", operation.id);
    structure_of(
        &query_type(model, operation),
        &quote!(#[doc = #words]),
        &fields,
        false,
    )
}
