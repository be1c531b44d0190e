//! The public surface of the generated modules, one line for each thing that a caller can name.
//!
//! A change of these listings is a change of the crate's API: read it before accepting it.

use std::path::PathBuf;

use quote::ToTokens;
use syn::{Fields, ImplItem, Item, ReturnType, Visibility};

fn listing(module: &str) -> String {
    let path: PathBuf = [
        env!("CARGO_MANIFEST_DIR"),
        "../flowlix-api/src/generated",
        &format!("{module}.rs"),
    ]
    .iter()
    .collect();
    let source = std::fs::read_to_string(&path).unwrap();
    let file = syn::parse_file(&source).unwrap();
    let mut lines = Vec::new();
    list(&file.items, "", &mut lines);
    lines.join("\n")
}

fn list(items: &[Item], module: &str, lines: &mut Vec<String>) {
    for item in items {
        match item {
            Item::Mod(inner) if is_public(&inner.vis) => {
                if let Some((_, items)) = &inner.content {
                    list(items, &format!("{module}{}::", inner.ident), lines);
                }
            }
            Item::Struct(item) if is_public(&item.vis) => {
                let name = format!("{module}{}{}", item.ident, text(&item.generics));
                lines.push(format!("struct {name}{}", attributes(&item.attrs)));
                fields(&item.fields, &name, lines);
            }
            Item::Enum(item) if is_public(&item.vis) => {
                let name = format!("{module}{}", item.ident);
                lines.push(format!("enum {name}{}", attributes(&item.attrs)));
                for variant in &item.variants {
                    lines.push(format!(
                        "  {name}::{}{}",
                        variant.ident,
                        text(&variant.fields)
                    ));
                }
            }
            Item::Impl(item) => implementation(item, module, lines),
            Item::Macro(item) => {
                let call = text(&item.mac);
                lines.push(call.replace("{ ", "{\n  ").replace("; ", ";\n  "));
            }
            Item::Use(item) if is_public(&item.vis) => lines.push(text(&item.tree)),
            Item::Type(item) if is_public(&item.vis) => {
                lines.push(format!("type {module}{} = {}", item.ident, text(&item.ty)));
            }
            Item::Const(item) if is_public(&item.vis) => {
                lines.push(format!("const {module}{}: {}", item.ident, text(&item.ty)));
            }
            Item::Fn(item) if is_public(&item.vis) => lines.push(text(&item.sig)),
            Item::Trait(item) if is_public(&item.vis) => {
                lines.push(format!("trait {module}{}", item.ident));
            }
            _ => {}
        }
    }
}

fn fields(fields: &Fields, name: &str, lines: &mut Vec<String>) {
    for (index, field) in fields.iter().enumerate() {
        if is_public(&field.vis) {
            let member = field
                .ident
                .as_ref()
                .map_or_else(|| index.to_string(), ToString::to_string);
            lines.push(format!("  {name}.{member}: {}", text(&field.ty)));
        }
    }
}

fn implementation(item: &syn::ItemImpl, module: &str, lines: &mut Vec<String>) {
    let target = text(&item.self_ty);
    if let Some((_, of, _)) = &item.trait_ {
        let of = text(of);
        // How the model is said is the crate's own business.
        if !of.starts_with("Speak<") && !of.starts_with("crate::speak::") {
            lines.push(format!("impl {of} for {module}{target}"));
        }
        return;
    }
    for member in &item.items {
        if let ImplItem::Fn(method) = member
            && is_public(&method.vis)
        {
            lines.push(signature(&method.sig, &format!("{module}{target}")));
        }
    }
}

fn signature(signature: &syn::Signature, target: &str) -> String {
    let asyncness = if signature.asyncness.is_some() {
        "async "
    } else {
        ""
    };
    let inputs: Vec<String> = signature.inputs.iter().map(text).collect();
    let output = match &signature.output {
        ReturnType::Default => String::new(),
        ReturnType::Type(_, output) => format!(" -> {}", text(output)),
    };
    format!(
        "{asyncness}fn {target}::{}({}){output}",
        signature.ident,
        inputs.join(", ")
    )
}

/// The derives and what else callers can see of the attributes.
fn attributes(attributes: &[syn::Attribute]) -> String {
    attributes
        .iter()
        .filter(|attribute| !attribute.path().is_ident("doc"))
        .map(|attribute| format!(" #[{}]", text(&attribute.meta)))
        .collect()
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

/// Source text without the spaces between tokens and the long names of the standard library.
fn text(node: &impl ToTokens) -> String {
    let mut text = node.to_token_stream().to_string();
    for (spaced, close) in [
        (" :: ", "::"),
        (":: ", "::"),
        (" ::", "::"),
        (" < ", "<"),
        ("< ", "<"),
        (" <", "<"),
        (" >", ">"),
        (" ,", ","),
        (" : ", ": "),
        ("& ", "&"),
        (" (", "("),
        ("( ", "("),
        (" )", ")"),
        (" ;", ";"),
        (" !", "!"),
        ("[ ", "["),
        (" ]", "]"),
        ("::std::option::", ""),
        ("::std::string::", ""),
        ("::std::vec::", ""),
        ("::std::collections::", ""),
        ("std::collections::", ""),
        ("::serde_json::", "serde_json::"),
        ("::serde::", "serde::"),
    ] {
        text = text.replace(spaced, close);
    }
    text.replace(", ", ",")
        .replace(",>", ">")
        .replace(",)", ")")
        .replace(',', ", ")
}

#[test]
fn snake_case() {
    insta::assert_snapshot!(listing("snake_case"));
}

#[test]
fn uppercase() {
    insta::assert_snapshot!(listing("uppercase"));
}

#[test]
fn model() {
    insta::assert_snapshot!(listing("model"));
}

#[test]
fn convert() {
    insta::assert_snapshot!(listing("convert"));
}
