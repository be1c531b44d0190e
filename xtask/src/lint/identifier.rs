//! What progenitor and typify make of a name on the wire.

use heck::{ToPascalCase, ToSnakeCase};

/// The name of a type or of an enum variant.
pub(super) fn pascal(name: &str) -> String {
    prefixed(words(name).to_pascal_case(), "X")
}

/// The name of a field, argument or method.
pub(super) fn snake(name: &str) -> String {
    prefixed(words(name).to_snake_case(), "x")
}

/// What no identifier may hold parts words; an apostrophe is dropped, as the generator does.
fn words(name: &str) -> String {
    name.replace('\'', "")
        .replace(|c: char| !(c.is_alphanumeric() || c == '_'), "-")
}

fn prefixed(name: String, prefix: &str) -> String {
    if name.starts_with(char::is_alphabetic) {
        name
    } else {
        format!("{prefix}{name}")
    }
}

/// Pairs each name with the earlier one that becomes the same identifier, if there is one.
pub(super) fn collisions<'a>(
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
