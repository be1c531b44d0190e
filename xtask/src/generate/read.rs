//! A dialect's type becomes the model's: never fails.

use proc_macro2::TokenStream;
use quote::quote;

use crate::api::Type;
use crate::dialect::Dialect;
use crate::model::{Binding, Model, ModelObject, ModelProperty, ModelSchema, Target};

use super::names::{dialect_type, field, is_collection, is_enum, is_object, pascal};

pub(super) fn from_dialect(
    model: &Model,
    schema: &ModelSchema,
    object: &ModelObject,
    dialect: Dialect,
    name: &str,
) -> TokenStream {
    let source = dialect_type(dialect, name);
    let target = pascal(&schema.name);
    let reading = Reading {
        model,
        bindings: object.bindings.get(dialect),
    };
    let built = reading.build(&schema.name, object, &[]);
    quote! {
        impl From<#source> for model::#target {
            fn from(value: #source) -> Self {
                #built
            }
        }
    }
}

struct Reading<'a> {
    model: &'a Model,
    bindings: &'a [Binding],
}

impl Reading<'_> {
    /// The expression that builds the object at a path of the model.
    fn build(&self, name: &str, object: &ModelObject, path: &[String]) -> TokenStream {
        let ident = pascal(name);
        let members = object.properties.iter().map(|property| {
            let ident = field(&property.name);
            let mut path = path.to_vec();
            path.push(property.name.clone());
            let value = self.member(property, &path);
            quote!(#ident: #value)
        });
        quote!(model::#ident { #(#members),* })
    }

    fn member(&self, property: &ModelProperty, path: &[String]) -> TokenStream {
        let direct = self
            .bindings
            .iter()
            .find(|binding| matches!(&binding.target, Target::Path(to) if to == path));
        if let Some(binding) = direct {
            return self.direct(property, binding);
        }
        let leads_on = self.bindings.iter().any(|binding| {
            matches!(&binding.target, Target::Path(to) if to.len() > path.len() && to.starts_with(path))
        });
        if let (true, Type::Named(name)) = (leads_on, &property.ty)
            && let Some(object) = self.model.object(name)
        {
            let part = self.build(name, object, path);
            return if property.required {
                part
            } else {
                quote!(Some(#part).filter(|part| *part != Default::default()))
            };
        }
        if is_collection(&property.ty) {
            quote!(Default::default())
        } else {
            quote!(None)
        }
    }

    fn direct(&self, property: &ModelProperty, binding: &Binding) -> TokenStream {
        let name = field(&binding.name);
        let mut source = quote!(value.#name);
        for second in self.bindings.iter().filter(
            |other| matches!(&other.target, Target::SecondSpelling(of) if *of == binding.name),
        ) {
            let second = field(&second.name);
            source = quote!(#source.or(value.#second));
        }
        let converted = |value: TokenStream| self.convert(&binding.ty, &property.ty, &value);
        match (binding.required, property.required) {
            (true, true) => converted(source),
            (true, false) if is_collection(&property.ty) => converted(source),
            (true, false) => {
                let value = converted(source);
                quote!(Some(#value))
            }
            (false, _) => {
                let mapped = match self.convert_each(&binding.ty, &property.ty) {
                    Some(each) => quote!(#source.map(|value| #each)),
                    None => source,
                };
                if is_collection(&property.ty) {
                    quote!(#mapped.unwrap_or_default())
                } else {
                    mapped
                }
            }
        }
    }

    fn convert_each(&self, from: &Type, to: &Type) -> Option<TokenStream> {
        let value = quote!(value);
        let converted = self.convert(from, to, &value);
        (converted.to_string() != value.to_string()).then_some(converted)
    }

    fn convert(&self, from: &Type, to: &Type, value: &TokenStream) -> TokenStream {
        match (from, to) {
            (Type::List(from), Type::List(to)) => match self.convert_each(from, to) {
                Some(each) => quote!(#value.into_iter().map(|value| #each).collect()),
                None => value.clone(),
            },
            (Type::Map(from), Type::Map(to)) if **from == Type::Text && **to == Type::Json => {
                quote!(#value.into_iter().map(|(name, text)| (name, text.into())).collect())
            }
            (Type::Map(_), Type::Map(_)) => quote!(#value.into_iter().collect()),
            (ty, _) if is_enum(self.model, ty) => quote!(#value.into_inner()),
            (ty, _) if is_object(self.model, ty) => quote!(#value.into()),
            _ => value.clone(),
        }
    }
}
