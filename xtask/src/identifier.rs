//! What names of the wire become in Rust: as progenitor and typify form them, so that hand-made and generated
//! code agree.
//!
//! Only ASCII is taken to be part of a name; lint refuses names that hold more.

use heck::{ToPascalCase, ToSnakeCase};

/// The name of a type or of an enum variant.
#[must_use]
pub fn pascal(name: &str) -> String {
    made(name, |words| words.to_pascal_case(), "X")
}

/// The name of a field, argument or method.
#[must_use]
pub fn snake(name: &str) -> String {
    made(name, |words| words.to_snake_case(), "x")
}

/// The name of a value's variant in the model, where `Unknown` is taken: it holds the values without a name.
#[must_use]
pub fn variant(value: &str) -> String {
    match pascal(value) {
        name if name == "Unknown" => name + "_",
        name => name,
    }
}

/// Whether a name holds nothing that Rust would take differently from what is said here.
#[must_use]
pub fn is_fit(name: &str) -> bool {
    name.is_ascii() && name.contains(|c: char| c.is_ascii_alphanumeric())
}

fn made(name: &str, case: fn(&str) -> String, prefix: &str) -> String {
    let made = match name {
        "+1" => "plus1".to_owned(),
        "-1" => "minus1".to_owned(),
        // What no identifier may hold parts words; an apostrophe is dropped.
        _ => case(
            &name
                .replace('\'', "")
                .replace(|c: char| !(c.is_ascii_alphanumeric() || c == '_'), "-"),
        ),
    };
    let made = if made.starts_with(|c: char| c.is_ascii_alphabetic()) {
        made
    } else {
        format!("{prefix}{made}")
    };
    // `gen` is a keyword since the edition of 2024, which syn does not know of.
    if made != "gen" && syn::parse_str::<syn::Ident>(&made).is_ok() {
        made
    } else {
        made + "_"
    }
}

/// Pairs each name with the earlier one that becomes the same identifier, if there is one.
pub fn collisions<'a>(
    names: impl IntoIterator<Item = &'a str>,
    identifier: fn(&str) -> String,
) -> Vec<(&'a str, &'a str, String)> {
    let mut seen: Vec<(String, &'a str)> = Vec::new();
    let mut collisions = Vec::new();
    for name in names {
        let made = identifier(name);
        match seen.iter().find(|(earlier, _)| *earlier == made) {
            Some((_, first)) => collisions.push((name, *first, made)),
            None => seen.push((made, name)),
        }
    }
    collisions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_identifiers() {
        for (name, field, ty) in [
            ("created[gte]", "created_gte", "CreatedGte"),
            ("Idempotency-Key", "idempotency_key", "IdempotencyKey"),
            ("customer's", "customers", "Customers"),
            ("3ds", "x3ds", "X3ds"),
            ("type", "type_", "Type"),
            ("gen", "gen_", "Gen"),
            ("self", "self_", "Self_"),
            ("_", "x", "X"),
            ("", "x", "X"),
            ("+1", "plus1", "plus1"),
            ("-1", "minus1", "minus1"),
            ("\u{fc}ber", "ber", "Ber"),
        ] {
            assert_eq!(
                (snake(name), pascal(name)),
                (field.to_owned(), ty.to_owned())
            );
            for made in [snake(name), pascal(name)] {
                assert!(
                    syn::parse_str::<syn::Ident>(&made).is_ok(),
                    "{name}: {made}"
                );
            }
        }
        assert_eq!(variant("unknown"), "Unknown_");
        assert_eq!(variant("known"), "Known");
    }

    #[test]
    fn names_that_no_identifier_stands_for_are_told() {
        for name in ["", "_", "-", "*/", "\u{fc}ber", "a\u{301}", "\u{1d4b3}"] {
            assert!(!is_fit(name), "{name}");
        }
        for name in ["a", "3", "created[gte]", "a b"] {
            assert!(is_fit(name), "{name}");
        }
    }
}
