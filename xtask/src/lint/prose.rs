//! Descriptions become doc comments, and code in a doc comment becomes a test that fails.

use super::Rule;
use super::report::Report;
use super::sites::Sites;

pub(super) const CODE: Rule = Rule {
    id: "description-code",
    teaches: "descriptions hold no code block: rustdoc would compile it as Rust and fail",
};

pub(super) fn check(sites: &Sites<'_>, report: &mut Report<'_>) {
    for (pointer, text) in &sites.texts {
        for (index, line) in text.lines().enumerate() {
            let content = line.trim_start();
            let found = if content.starts_with("```") || content.starts_with("~~~") {
                "a code fence"
            } else if !content.is_empty() && (line.starts_with("    ") || line.starts_with('\t')) {
                "an indented line"
            } else {
                continue;
            };
            report.add(
                CODE,
                pointer,
                format!("line {} is {found}", index + 1),
                "put code between single backquotes in a sentence, and start lines at the margin",
            );
            break;
        }
    }
}
