//! The report as people read it: what breaks comes first, the words are folded, the verdict ends it.

use super::change::{Change, Direction, Kind, Severity, Side};
use super::report::{Count, Report, Verdict};

impl Report {
    /// The report for people, in Markdown.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        render(self)
    }
}

fn render(report: &Report) -> String {
    let mut lines = vec![
        "# What changed in the specification".to_owned(),
        String::new(),
    ];
    for compared in &report.compared {
        lines.push(format!("- `{}` → `{}`", compared.before, compared.after));
        if let Some(note) = &compared.note {
            lines.push(format!("  {note}"));
        }
    }
    let of = |kind: Kind| {
        report
            .changes
            .iter()
            .filter(move |change| change.kind == kind)
    };
    for (kind, title) in [
        (Kind::Wire, "On the wire"),
        (Kind::Rust, "In the Rust surface"),
    ] {
        if of(kind).next().is_some() {
            section(&mut lines, title, of(kind));
        }
    }
    if of(Kind::Words).next().is_some() {
        lines.extend([
            String::new(),
            "<details>".to_owned(),
            format!(
                "<summary>In the words only ({})</summary>",
                of(Kind::Words).count()
            ),
            String::new(),
        ]);
        for change in of(Kind::Words) {
            lines.push(format!("- {}: {}", place(change), change.message));
        }
        lines.extend([String::new(), "</details>".to_owned()]);
    }
    totals(&mut lines, report);
    lines.join("\n") + "\n"
}

fn section<'a>(lines: &mut Vec<String>, title: &str, changes: impl Iterator<Item = &'a Change>) {
    lines.extend([String::new(), format!("## {title}")]);
    let mut severity = None;
    for change in changes {
        if severity != Some(change.severity) {
            severity = Some(change.severity);
            let heading = match change.severity {
                Severity::Breaking => "### Breaking",
                Severity::Compatible | Severity::Cosmetic => "### Compatible",
            };
            lines.extend([String::new(), heading.to_owned(), String::new()]);
        }
        finding(lines, change);
    }
}

fn finding(lines: &mut Vec<String>, change: &Change) {
    let direction = match change.direction {
        Direction::Request => " (request)",
        Direction::Response => " (response)",
        Direction::Both => " (request and response)",
        Direction::Neither => "",
    };
    lines.push(format!(
        "- **`{}`**{direction}: {}",
        change.id, change.message
    ));
    lines.push(format!("  - at {}", place(change)));
    let listed = |names: &[String]| {
        names
            .iter()
            .map(|name| format!("`{name}`"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    if !change.operations.is_empty() {
        lines.push(format!("  - reached by {}", listed(&change.operations)));
    }
    if !change.rust_items.is_empty() {
        lines.push(format!("  - Rust: {}", listed(&change.rust_items)));
    }
    lines.push(format!("  - to do: {}", change.advice));
}

fn place(change: &Change) -> String {
    let earlier = match change.side {
        Side::Before => " (in the earlier document)",
        Side::After => "",
    };
    format!("`{}#{}`{earlier}", change.spec, change.pointer)
}

fn totals(lines: &mut Vec<String>, report: &Report) {
    let totals = report.totals();
    let row = |name: &str,
               Count {
                   breaking,
                   compatible,
               }: Count| { format!("| {name} | {breaking} | {compatible} |") };
    let meaning = match report.verdict() {
        Verdict::Unchanged => "**unchanged**: nothing to release.",
        Verdict::WordsOnly => "**words only**: a patch version.",
        Verdict::Compatible => "**compatible**: a minor version.",
        Verdict::Breaking => "**breaking**: a major version.",
    };
    lines.extend([
        String::new(),
        "## Verdict".to_owned(),
        String::new(),
        "| | breaking | compatible |".to_owned(),
        "|---|---|---|".to_owned(),
        row("wire", totals.wire),
        row("Rust surface", totals.rust),
        format!("| words | – | {} |", totals.words),
        String::new(),
        meaning.to_owned(),
    ]);
}
