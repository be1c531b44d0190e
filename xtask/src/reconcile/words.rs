//! What both documents say of one thing, in one text that states nothing of one dialect as true of both.

use crate::dialect::{Dialect, PerDialect};

/// Joins the words of both dialects; `told` is `None` where a dialect does not have the thing at all.
///
/// Sentences that both begin with stand first, once. From the first that differs, each dialect's words are
/// introduced with its name.
pub(super) fn join(told: &PerDialect<Option<&str>>) -> String {
    match (told.snake_case, told.uppercase) {
        (Some(snake_case), Some(uppercase)) => both(snake_case.trim(), uppercase.trim()),
        (Some(snake_case), None) => only(snake_case, Dialect::SnakeCase),
        (None, Some(uppercase)) => only(uppercase, Dialect::Uppercase),
        (None, None) => String::new(),
    }
}

fn both(snake_case: &str, uppercase: &str) -> String {
    let common = common_sentences(snake_case, uppercase);
    let mut paragraphs = vec![
        uppercase
            .get(..common)
            .unwrap_or_default()
            .trim()
            .to_owned(),
    ];
    for (dialect, told) in [
        (Dialect::Uppercase, uppercase),
        (Dialect::SnakeCase, snake_case),
    ] {
        let own = told.get(common..).unwrap_or_default().trim();
        if !own.is_empty() {
            // A list has to begin on a line of its own to be one.
            let gap = if own.starts_with("- ") { "\n\n" } else { " " };
            paragraphs.push(format!("In `{dialect}`:{gap}{own}"));
        }
    }
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    paragraphs.join("\n\n")
}

/// How many bytes of whole sentences both texts begin with.
fn common_sentences(one: &str, other: &str) -> usize {
    let same = one
        .char_indices()
        .zip(other.chars())
        .take_while(|((_, left), right)| left == right)
        .last()
        .map_or(0, |((at, character), _)| at + character.len_utf8());
    let is_end = |at: &usize| ends_sentence(one, *at) && ends_sentence(other, *at);
    (0..=same).rev().find(is_end).unwrap_or(0)
}

fn ends_sentence(text: &str, at: usize) -> bool {
    let (Some(before), Some(after)) = (text.get(..at), text.get(at..)) else {
        return false;
    };
    before.ends_with('.') && (after.is_empty() || after.starts_with(char::is_whitespace))
}

fn only(told: &str, dialect: Dialect) -> String {
    let note = format!("Only in `{dialect}`.");
    if told.trim().is_empty() {
        note
    } else {
        format!("{}\n\n{note}", told.trim())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(snake_case: &str, uppercase: &str) -> String {
        join(&PerDialect {
            snake_case: Some(snake_case),
            uppercase: Some(uppercase),
        })
    }

    #[test]
    fn what_both_say_stands_once() {
        assert_eq!(joined("A card.", "A card."), "A card.");
        assert_eq!(joined("", ""), "");
    }

    #[test]
    fn what_one_says_is_never_told_of_both() {
        assert_eq!(
            joined("Currency. In lower case.", "Currency. Only EUR."),
            "Currency.\n\nIn `uppercase`: Only EUR.\n\nIn `snake_case`: In lower case."
        );
        assert_eq!(
            joined("The payer. All or nothing.", "The payer."),
            "The payer.\n\nIn `snake_case`: All or nothing."
        );
        assert_eq!(joined("", "A page."), "In `uppercase`: A page.");
        assert_eq!(
            joined("Null until known.", "Null until then."),
            "In `uppercase`: Null until then.\n\nIn `snake_case`: Null until known."
        );
    }

    #[test]
    fn only_whole_sentences_are_shared() {
        // 4.5 ends no sentence, nor does a full stop that one of the two goes on after.
        assert_eq!(
            joined("At most 4.5 of it.", "At most 4.7 of it."),
            "In `uppercase`: At most 4.7 of it.\n\nIn `snake_case`: At most 4.5 of it."
        );
        assert_eq!(
            joined("See a.b", "See a."),
            "In `uppercase`: See a.\n\nIn `snake_case`: See a.b"
        );
    }

    #[test]
    fn a_list_stays_a_list() {
        assert_eq!(
            joined("Status.\n\n- `a`: one.", "Status.\n\n- `A`: one."),
            "Status.\n\nIn `uppercase`:\n\n- `A`: one.\n\nIn `snake_case`:\n\n- `a`: one."
        );
    }

    #[test]
    fn what_one_dialect_lacks_is_said_to_be_only_in_the_other() {
        let told = PerDialect {
            snake_case: None,
            uppercase: Some("A page."),
        };
        assert_eq!(join(&told), "A page.\n\nOnly in `uppercase`.");
    }
}
