//! The model's type becomes a dialect's: strictly, naming every field that stands in the way.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use crate::api::{Limits, Type};
use crate::dialect::Dialect;
use crate::identifier;
use crate::model::{
    Binding, Model, ModelObject, ModelOperation, ModelProperty, ModelSchema, Target,
};

use super::names::{
    dialect_type, docs, field, is_collection, is_enum, is_object, model_type, pascal, query_type,
};
use super::types::pattern_value;

pub(super) fn to_dialect(
    model: &Model,
    schema: &ModelSchema,
    object: &ModelObject,
    dialect: Dialect,
    name: &str,
) -> TokenStream {
    let source = pascal(&schema.name);
    let target = dialect_type(dialect, name);
    let writing = Writing {
        model,
        strict: schema.sent,
    };
    let bindings = object.bindings.get(dialect);
    let carried = object.carried.get(dialect);
    let opened = writing.opened(object, bindings, &[]);
    let homeless = writing.homeless(object, bindings, carried, &[]);
    let mut locals = Vec::new();
    let mut members = Vec::new();
    for binding in bindings {
        let member = field(&binding.name);
        let said = match &binding.target {
            Target::Path(path) => writing.say(object, binding, path),
            Target::Constant(value) => writing.constant(binding, value),
            Target::SecondSpelling(_) => {
                members.push(quote!(#member: None));
                continue;
            }
        };
        let local = format_ident!("said_{}", member.to_string().trim_end_matches('_'));
        locals.push(quote!(let #local = #said;));
        members.push(quote!(#member: #local?));
    }
    let variant = dialect_variant(dialect);
    quote! {
        impl Speak<#target> for model::#source {
            fn speak(self, speech: &mut Speech) -> Option<#target> {
                #(#opened)*
                #(#homeless)*
                #(#locals)*
                Some(#target { #(#members),* })
            }
        }

        impl TryFrom<model::#source> for #target {
            type Error = ConversionError;

            fn try_from(value: model::#source) -> Result<Self, ConversionError> {
                speak(value, Dialect::#variant)
            }
        }
    }
}

/// An operation's query parameters in one dialect, and how the model's become them.
pub(super) fn query(model: &Model, operation: &ModelOperation, dialect: Dialect) -> TokenStream {
    let parameters: Vec<_> = operation
        .parameters
        .iter()
        .filter(|parameter| parameter.location == "query")
        .collect();
    if parameters.is_empty() || operation.served.get(dialect).is_none() {
        return TokenStream::new();
    }
    let source = query_type(model, operation);
    let target = format_ident!("{}Query", pascal(&operation.id));
    let words = format!(" What `{}` can be asked in this dialect.", operation.id);
    let writing = Writing {
        model,
        strict: true,
    };
    let mut fields = Vec::new();
    let mut locals = Vec::new();
    let mut members = Vec::new();
    for parameter in &parameters {
        let name = &parameter.name;
        let member = field(name);
        let Some(taken) = parameter.taken.get(dialect) else {
            locals.push(quote!(speech.no_place(#name, self.#member.is_some());));
            continue;
        };
        let ty = match (&parameter.ty, is_enum(model, &parameter.ty)) {
            (Type::Named(name), true) => {
                let name = pascal(name);
                let spelling = pascal(dialect.name());
                quote!(crate::open::#spelling<crate::model::#name>)
            }
            (Type::Named(name), false) => {
                let name = pascal(name);
                quote!(crate::model::#name)
            }
            (ty, _) => model_type(model, ty),
        };
        let doc = docs(
            &parameter.description,
            &format!(" The wire's `{}`.", taken.name),
        );
        let ty = if taken.required {
            ty
        } else {
            quote!(Option<#ty>)
        };
        fields.push(quote!(#doc pub #member: #ty,));
        let value = writing.value(&parameter.ty, &parameter.ty, &taken.limits);
        let given = if parameter.required {
            quote!(Some(self.#member))
        } else {
            quote!(self.#member)
        };
        let local = format_ident!("said_{}", member.to_string().trim_end_matches('_'));
        let how = if taken.required {
            quote!(required)
        } else {
            quote!(optional)
        };
        let say = closure(&value);
        locals.push(quote!(let #local = speech.#how(#name, #given, #say);));
        members.push(quote!(#member: #local?));
    }
    let variant = dialect_variant(dialect);
    quote! {
        #[doc = #words]
        #[derive(Debug, Clone, PartialEq)]
        #[non_exhaustive]
        pub struct #target {
            #(#fields)*
        }

        impl crate::speak::Speak<#target> for crate::model::#source {
            fn speak(self, speech: &mut crate::speak::Speech) -> Option<#target> {
                #(#locals)*
                Some(#target { #(#members),* })
            }
        }

        impl TryFrom<crate::model::#source> for #target {
            type Error = crate::ConversionError;

            fn try_from(value: crate::model::#source) -> Result<Self, crate::ConversionError> {
                crate::speak::speak(value, crate::Dialect::#variant)
            }
        }
    }
}

fn dialect_variant(dialect: Dialect) -> syn::Ident {
    pascal(dialect.name())
}

struct Writing<'a> {
    model: &'a Model,
    /// Whether the schema is part of a request, so that limits and listed values count.
    strict: bool,
}

impl Writing<'_> {
    /// Takes apart those members of the model that the dialect keeps in pieces.
    fn opened(
        &self,
        object: &ModelObject,
        bindings: &[Binding],
        path: &[String],
    ) -> Vec<TokenStream> {
        let mut opened = Vec::new();
        for (property, nested, path) in self.pieces(object, bindings, path) {
            let local = local(&path);
            let source = source(&path);
            opened.push(if property.required {
                quote!(let #local = #source;)
            } else {
                quote!(let #local = #source.unwrap_or_default();)
            });
            opened.extend(self.opened(nested, bindings, &path));
        }
        opened
    }

    fn pieces<'o>(
        &'o self,
        object: &'o ModelObject,
        bindings: &'o [Binding],
        path: &'o [String],
    ) -> impl Iterator<Item = (&'o ModelProperty, &'o ModelObject, Vec<String>)> {
        object.properties.iter().filter_map(move |property| {
            let mut path = path.to_vec();
            path.push(property.name.clone());
            let leads_on = bindings.iter().any(|binding| {
                matches!(&binding.target, Target::Path(to) if to.len() > path.len() && to.starts_with(&path))
            });
            match &property.ty {
                Type::Named(name) if leads_on => {
                    Some((property, self.model.object(name)?, path))
                }
                _ => None,
            }
        })
    }

    /// Notes every member that is given and that the dialect has no place for.
    fn homeless(
        &self,
        object: &ModelObject,
        bindings: &[Binding],
        carried: &[(String, String)],
        path: &[String],
    ) -> Vec<TokenStream> {
        let mut notes = Vec::new();
        for property in &object.properties {
            let mut path = path.to_vec();
            path.push(property.name.clone());
            let housed = bindings.iter().any(
                |binding| matches!(&binding.target, Target::Path(to) if to.starts_with(&path)),
            ) || (path.len() == 1
                && carried.iter().any(|(name, _)| *name == property.name));
            if !housed {
                let name = path.join(".");
                let source = source(&path);
                notes.push(if is_collection(&property.ty) {
                    quote!(speech.no_place(#name, !#source.is_empty());)
                } else {
                    quote!(speech.no_place(#name, #source.is_some());)
                });
            }
        }
        for (_, nested, path) in self.pieces(object, bindings, path) {
            notes.extend(self.homeless(nested, bindings, &[], &path));
        }
        notes
    }

    fn constant(&self, binding: &Binding, value: &str) -> TokenStream {
        let ty = match model_type(self.model, &binding.ty) {
            ty if is_enum(self.model, &binding.ty) => quote!(model::#ty),
            ty => ty,
        };
        let value = quote!(#ty::from(#value).into());
        if binding.required {
            quote!(Some(#value))
        } else {
            quote!(Some(Some(#value)))
        }
    }

    fn say(&self, object: &ModelObject, binding: &Binding, path: &[String]) -> TokenStream {
        let Some(property) = self.property(object, path) else {
            return quote!(Some(None));
        };
        let name = path.join(".");
        let source = source(path);
        let given = match (
            property.required,
            is_collection(&property.ty),
            binding.required,
        ) {
            (true, ..) => quote!(Some(#source)),
            (false, true, true) => quote!(Some(#source)),
            (false, true, false) => quote!(Some(#source).filter(|all| !all.is_empty())),
            (false, false, _) => source,
        };
        let value = self.value(&property.ty, &binding.ty, &binding.limits);
        let how = if binding.required {
            quote!(required)
        } else {
            quote!(optional)
        };
        let say = closure(&value);
        quote!(speech.#how(#name, #given, #say))
    }

    fn property<'o>(
        &'o self,
        object: &'o ModelObject,
        path: &[String],
    ) -> Option<&'o ModelProperty> {
        let (first, rest) = path.split_first()?;
        let property = object.property(first)?;
        match (&property.ty, rest) {
            (_, []) => Some(property),
            (Type::Named(name), rest) => self.property(self.model.object(name)?, rest),
            _ => None,
        }
    }

    /// Statements that check `value` and end in an `Option` of the dialect's value.
    fn value(&self, from: &Type, to: &Type, limits: &Limits) -> TokenStream {
        let said = self.convert(from, to);
        if !self.strict {
            return said;
        }
        let checks = checks(to, limits);
        match (to, limits.max_value_length) {
            (Type::Map(inner), Some(most)) if **inner == Type::Text => quote! {
                #checks
                let value = #said?;
                speech.each(&value, |speech, value| speech.max_length(value, #most));
                Some(value)
            },
            _ => quote!(#checks #said),
        }
    }

    fn convert(&self, from: &Type, to: &Type) -> TokenStream {
        match (from, to) {
            (Type::List(from), Type::List(to)) => {
                let each = closure(&self.convert(from, to));
                quote!(speech.list(value, #each))
            }
            (Type::Map(from), Type::Map(to)) if **from == Type::Json && **to == Type::Text => {
                quote!(speech.texts(value))
            }
            (Type::Map(_), Type::Map(_)) => quote!(Some(value.into_iter().collect())),
            (ty, _) if is_enum(self.model, ty) && self.strict => quote!(speech.value(value)),
            (ty, _) if is_enum(self.model, ty) => quote!(speech.any_value(value)),
            (ty, _) if is_object(self.model, ty) => quote!(speech.part(value)),
            _ => quote!(Some(value)),
        }
    }
}

/// A closure around statements on `value`, which may or may not need the speech.
fn closure(statements: &TokenStream) -> TokenStream {
    let uses_speech = statements
        .clone()
        .into_iter()
        .any(|token| token.to_string() == "speech");
    if uses_speech {
        quote!(|speech, value| { #statements })
    } else {
        quote!(|_, value| { #statements })
    }
}

fn checks(ty: &Type, limits: &Limits) -> TokenStream {
    let text = match ty {
        Type::Text | Type::Uri => Some(quote!(&value)),
        Type::CardNumber | Type::CardCvc => Some(quote!(value.expose())),
        _ => None,
    };
    let number = match ty {
        Type::Int32 => Some(quote!(value.into())),
        Type::Int64 => Some(quote!(value)),
        _ => None,
    };
    let mut checks = Vec::new();
    if let Some(text) = text {
        if let Some(least) = limits.min_length {
            checks.push(quote!(speech.min_length(#text, #least);));
        }
        if let Some(most) = limits.max_length {
            checks.push(quote!(speech.max_length(#text, #most);));
        }
        if let Some(pattern) = &limits.pattern {
            let pattern = pattern_value(pattern);
            checks.push(quote!(speech.pattern(#text, &#pattern);));
        }
    }
    if let Some(number) = number {
        if let Some(least) = limits.minimum {
            checks.push(quote!(speech.minimum(#number, #least);));
        }
        if let Some(most) = limits.maximum {
            checks.push(quote!(speech.maximum(#number, #most);));
        }
    }
    if let (Type::Map(_), Some(most)) = (ty, limits.max_properties) {
        checks.push(quote!(speech.max_entries(value.len(), #most);));
    }
    quote!(#(#checks)*)
}

/// The local variable that holds an opened member.
fn local(path: &[String]) -> syn::Ident {
    let names: Vec<String> = path.iter().map(|name| identifier::snake(name)).collect();
    format_ident!("opened_{}", names.join("_"))
}

/// Where the value of a model's member is found: on `self`, or on the member that was opened before.
fn source(path: &[String]) -> TokenStream {
    match path.split_last() {
        Some((last, [])) => {
            let name = field(last);
            quote!(self.#name)
        }
        Some((last, parents)) => {
            let name = field(last);
            let parent = local(parents);
            quote!(#parent.#name)
        }
        None => quote!(self),
    }
}
