//! Writes generated files, or holds them against those that stand there.

use std::fs;
use std::io;
use std::path::Path;

use similar::TextDiff;

use crate::pipeline::Output;

/// Most lines of a difference that are shown of one file.
const SHOWN_LINES: usize = 60;

/// Writes each file whose text differs, and tells which.
///
/// # Errors
/// The first file that cannot be written.
pub fn write<'a>(root: &Path, outputs: &'a [Output]) -> io::Result<Vec<&'a Output>> {
    let mut written = Vec::new();
    for output in outputs {
        if standing(root, output) != output.text {
            fs::write(root.join(output.path), &output.text)?;
            written.push(output);
        }
    }
    Ok(written)
}

/// The difference between what stands there and what would be written; nothing where there is none.
#[must_use]
pub fn check(root: &Path, outputs: &[Output]) -> Vec<String> {
    outputs
        .iter()
        .filter_map(|output| difference(&standing(root, output), output))
        .collect()
}

fn standing(root: &Path, output: &Output) -> String {
    fs::read_to_string(root.join(output.path)).unwrap_or_default()
}

fn difference(standing: &str, output: &Output) -> Option<String> {
    if standing == output.text {
        return None;
    }
    let diff = TextDiff::from_lines(standing, output.text.as_str());
    let text = diff
        .unified_diff()
        .header(&format!("{} (as it stands)", output.path), "as generated")
        .to_string();
    let lines: Vec<&str> = text.lines().collect();
    let mut shown = lines
        .iter()
        .take(SHOWN_LINES)
        .copied()
        .collect::<Vec<_>>()
        .join("\n");
    if lines.len() > SHOWN_LINES {
        shown.push_str(&format!("\n… and {} more lines", lines.len() - SHOWN_LINES));
    }
    Some(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_told_and_cut() {
        let output = Output {
            path: "a.rs",
            text: "line\n".repeat(100),
        };
        assert_eq!(difference(&output.text, &output), None);
        let told = difference("", &output).unwrap_or_default();
        assert!(
            told.starts_with("--- a.rs (as it stands)\n+++ as generated\n"),
            "{told}"
        );
        assert!(told.ends_with("more lines"), "{told}");
    }
}
