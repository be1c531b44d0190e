//! What both documents say of one thing, in one text.

use crate::dialect::{Dialect, PerDialect};

/// Joins the words of both dialects; `told` is `None` where a dialect does not have the thing at all.
pub(super) fn join(told: &PerDialect<Option<&str>>) -> String {
    match (told.snake_case, told.uppercase) {
        (Some(snake_case), Some(uppercase)) => {
            let (snake_case, uppercase) = (snake_case.trim(), uppercase.trim());
            if uppercase.is_empty() || uppercase == snake_case {
                snake_case.to_owned()
            } else if snake_case.is_empty() {
                uppercase.to_owned()
            } else {
                format!("{uppercase}\n\nIn `snake_case`: {snake_case}")
            }
        }
        (Some(snake_case), None) => only(snake_case, Dialect::SnakeCase),
        (None, Some(uppercase)) => only(uppercase, Dialect::Uppercase),
        (None, None) => String::new(),
    }
}

fn only(told: &str, dialect: Dialect) -> String {
    let note = format!("Only in `{dialect}`.");
    if told.trim().is_empty() {
        note
    } else {
        format!("{}\n\n{note}", told.trim())
    }
}
