//! `cargo xtask changes`.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::report::Report;
use super::source::{self, Failure, Source};

/// Exit status when the comparison could not be made.
const FAILED: u8 = 2;

/// How the report is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people: what breaks first, words folded, verdict last
    Markdown,
    /// For programs: one object with `compared`, `changes`, `totals`, `verdict` and `semver`
    Json,
}

/// Which specifications are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum SpecChoice {
    /// openapi/snake_case.yaml, the dialect of fl_ keys
    SnakeCase,
    /// openapi/uppercase.yaml, the dialect of api_ keys
    Uppercase,
    /// Both of them; of a single file, the one that it belongs to by name or title
    Both,
}

/// Says what changed in the specifications since an earlier version of them.
///
/// Each finding has an id that stays the same from run to run, a JSON pointer, the operations that reach
/// the place, the Rust items it touches, and what to do. The report ends with the totals and the part of
/// the version number to raise.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Each finding is on the wire, in the Rust surface or in the words only, and judged by direction: a new field
in an answer is compatible, a new required field in a request is not. What no rule knows counts as breaking.

Exit status: 0 nothing breaks, 3 something breaks, 2 the comparison could not be made.

Examples:
  cargo xtask changes --against HEAD                   what the working tree changes
  cargo xtask changes --against v0.1.0 --format json   since a tag, for a program
  cargo xtask changes --against old/uppercase.yaml     against a file, for its dialect")]
pub struct Options {
    /// The earlier version: a file, a folder with the specifications (or with `openapi/`), or a git revision
    ///
    /// A path that exists is taken as a path; write `refs/heads/NAME` for a branch that is called like one.
    #[arg(long, value_name = "REVISION|FILE|FOLDER")]
    pub against: String,
    /// How to print the report
    #[arg(long, value_enum, default_value_t = Format::Markdown)]
    pub format: Format,
    /// Which specification to compare
    #[arg(long, value_enum, default_value_t = SpecChoice::Both)]
    pub spec: SpecChoice,
}

/// Compares and prints. Exit status: 0 when nothing breaks, 3 when something does, 2 when the comparison
/// could not be made. `root` is the folder that holds `openapi/`.
#[must_use]
pub fn run(options: &Options, root: &Path) -> ExitCode {
    let report = match report(options, root) {
        Ok(report) => report,
        Err(failure) => {
            eprintln!("changes: {failure}");
            return ExitCode::from(FAILED);
        }
    };
    let text = match options.format {
        Format::Markdown => report.to_markdown(),
        Format::Json => report.to_json(),
    };
    if let Err(error) = std::io::stdout().lock().write_all(text.as_bytes()) {
        eprintln!("changes: the report cannot be printed: {error}");
        return ExitCode::from(FAILED);
    }
    ExitCode::from(report.verdict().exit_status())
}

/// Compares the chosen specifications below `root` with their earlier versions.
///
/// # Errors
/// When a document is missing or unreadable, or `--against` names nothing that can be compared.
pub fn report(options: &Options, root: &Path) -> Result<Report, Failure> {
    let names: &[&str] = match options.spec {
        SpecChoice::SnakeCase => &["snake_case"],
        SpecChoice::Uppercase => &["uppercase"],
        SpecChoice::Both => &["snake_case", "uppercase"],
    };
    let rules = source::rules(root)?;
    let earlier = Source::find(root, &options.against)?;
    let mut reports = Vec::new();
    for name in names {
        let after = source::current(root, name)?;
        if let Some(before) = earlier.read(&after, names.len() == 1)? {
            reports.push(super::compare_with(&before, &after, &rules));
        }
    }
    if reports.is_empty() {
        return Err(Failure {
            message: format!(
                "{} is neither named nor titled like one of the specifications",
                options.against
            ),
            cure: "say which one it is an earlier version of, with --spec".to_owned(),
        });
    }
    Ok(Report::join(reports))
}
