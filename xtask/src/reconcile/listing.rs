//! What a rule lists of a document, held against what is there.

/// The names of a list that should not stand in it: their places, and why.
pub(super) fn faults<'a>(
    listed: &[&'a str],
    is_there: impl Fn(&str) -> bool,
) -> Vec<(usize, &'a str, &'static str)> {
    let mut found = Vec::new();
    for (index, name) in listed.iter().enumerate() {
        if !is_there(name) {
            found.push((index, *name, "is not there"));
        } else if listed.iter().take(index).any(|earlier| earlier == name) {
            found.push((index, *name, "is listed twice"));
        }
    }
    found
}
