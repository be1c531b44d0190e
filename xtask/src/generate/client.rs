//! A dialect's client and types, by progenitor.

use openapiv3::OpenAPI;
use proc_macro2::TokenStream;
use progenitor::{GenerationSettings, Generator, HooksMode, InterfaceStyle, TagStyle, TypeImpl};
use quote::{ToTokens, quote};
use schemars08::schema::{InstanceType, SchemaObject};
use syn::{ImplItem, Item};

use crate::dialect::Dialect;
use crate::document::Document;
use crate::finding::Finding;
use crate::identifier;
use crate::model::{Model, ModelShape};

use super::names::pascal;

/// Generates the client of a normalised document.
///
/// # Errors
/// A finding when progenitor refuses the document all the same.
pub fn client(
    dialect: Dialect,
    document: &Document,
    model: &Model,
) -> Result<TokenStream, Vec<Finding>> {
    let refused = |problem: String| {
        vec![Finding::new(
            &document.label,
            "",
            "generator-refuses",
            problem,
            "change the document; if lint could have told, add a rule to xtask/src/lint",
        )]
    };
    let spec: OpenAPI = serde_json::from_value(document.root.clone())
        .map_err(|error| refused(error.to_string()))?;
    let tokens = Generator::new(&settings(dialect, model))
        .generate_tokens(&spec)
        .map_err(|error| refused(error.to_string()))?;
    let file = syn::parse2(tokens).map_err(|error| refused(error.to_string()))?;
    Ok(without_default_client(file).into_token_stream())
}

fn settings(dialect: Dialect, model: &Model) -> GenerationSettings {
    let mut settings = GenerationSettings::new();
    settings
        .with_interface(InterfaceStyle::Positional)
        .with_tag(TagStyle::Merged)
        .with_hooks(HooksMode::Expected)
        .with_inner_type(quote!(crate::Session))
        // A body must serialise to the same bytes each time.
        .with_map_type("::std::collections::BTreeMap");
    let shows = || [TypeImpl::Display].into_iter();
    for schema in &model.schemas {
        let Some(name) = schema.names.get(dialect) else {
            continue;
        };
        // The generator looks for the type that a schema becomes.
        let name = identifier::pascal(name);
        match &schema.shape {
            ModelShape::Enum(_) => {
                let spelling = match dialect {
                    Dialect::SnakeCase => "SnakeCase",
                    Dialect::Uppercase => "Uppercase",
                };
                let path = format!(
                    "crate::open::{spelling}<crate::model::{}>",
                    pascal(&schema.name)
                );
                settings.with_replacement(name, path, shows());
            }
            ModelShape::Id(_) => {
                settings.with_replacement(
                    name,
                    format!("crate::model::{}", pascal(&schema.name)),
                    shows(),
                );
            }
            ModelShape::ByHand(path) => {
                settings.with_replacement(name, path, [].into_iter());
            }
            ModelShape::Object(_) => {}
        }
    }
    for (format, path) in [
        ("card-number", "crate::CardNumber"),
        ("card-cvc", "crate::CardCvc"),
    ] {
        let schema = SchemaObject {
            instance_type: Some(InstanceType::String.into()),
            format: Some(format.to_owned()),
            ..SchemaObject::default()
        };
        settings.with_conversion(schema, path, [].into_iter());
    }
    settings
}

/// Takes out `Client::new`, which bakes in a timeout and panics, and the prelude that nobody needs.
fn without_default_client(mut file: syn::File) -> syn::File {
    file.items
        .retain(|item| !matches!(item, Item::Mod(module) if module.ident == "prelude"));
    for item in &mut file.items {
        if let Item::Impl(block) = item
            && block.trait_.is_none()
        {
            block.items.retain(
                |item| !matches!(item, ImplItem::Fn(function) if function.sig.ident == "new"),
            );
        }
    }
    file
}
