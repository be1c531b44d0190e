//! `cargo xtask`: makes and checks the generated parts of the workspace.

use std::process::ExitCode;
use std::time::Instant;

use clap::{Args, Parser, Subcommand};

use xtask::changes;
use xtask::dialect::Dialect;
use xtask::finding::Finding;
use xtask::{lint, load, output, pipeline};

/// Makes and checks the generated parts of the Flowlix SDK.
///
/// When Flowlix publishes a new spec: put the file in the place of openapi/snake_case.yaml or
/// openapi/uppercase.yaml, run `cargo xtask lint`, then `cargo xtask generate`. What the two dialects do not
/// agree on stops it with the rule to add to openapi/reconcile.yaml. `cargo xtask changes --against HEAD` then
/// tells what the change means for those who use the SDK.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Options {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Writes flowlix-api/src/generated and openapi/reconciled.json from openapi/.
    ///
    /// Stages: load, lint, normalise, reconcile, generate, format, write. The first stage that finds
    /// something stops the run: nothing is written then. Works offline, and twice gives the same bytes.
    Generate(Generate),
    /// Names everything in the specs that the generator cannot take, with pointer, rule and cure.
    ///
    /// Every example in a spec is validated against its schema as well.
    Lint(Lint),
    /// Tells what changed in the specs since a git revision, a file or a folder, and the semver verdict.
    Changes(changes::Options),
}

#[derive(Args)]
struct Generate {
    /// Write nothing; fail with the difference when a file is not as it would be generated.
    #[arg(long)]
    check: bool,
}

#[derive(Args)]
struct Lint {
    /// Print what the rules are and what each of them teaches, instead of reading the specs.
    #[arg(long)]
    rules: bool,
}

fn main() -> ExitCode {
    match Options::parse().verb {
        Verb::Generate(options) => generate(&options),
        Verb::Lint(Lint { rules: true }) => rules(),
        Verb::Lint(_) => lint(),
        Verb::Changes(options) => changes::run(&options, &load::workspace()),
    }
}

fn generate(options: &Generate) -> ExitCode {
    let started = Instant::now();
    let root = load::workspace();
    let outputs = match load::sources(&root).and_then(|sources| pipeline::run(&sources)) {
        Ok(outputs) => outputs,
        Err(findings) => return tell(&findings),
    };
    let lines: usize = outputs
        .iter()
        .map(|output| output.text.lines().count())
        .sum();
    if options.check {
        let differences = output::check(&root, &outputs);
        for difference in &differences {
            println!("{difference}\n");
        }
        if !differences.is_empty() {
            eprintln!(
                "generated files are not up to date: run `cargo xtask generate` and commit what it writes"
            );
            return ExitCode::FAILURE;
        }
        println!(
            "{} generated files are up to date, {lines} lines, {} ms",
            outputs.len(),
            started.elapsed().as_millis()
        );
        return ExitCode::SUCCESS;
    }
    match output::write(&root, &outputs) {
        Ok(written) => {
            for output in &outputs {
                let state = if written.contains(&output) {
                    "wrote"
                } else {
                    "kept "
                };
                println!(
                    "{state} {} ({} lines)",
                    output.path,
                    output.text.lines().count()
                );
            }
            println!("{lines} lines, {} ms", started.elapsed().as_millis());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("a generated file cannot be written: {error}");
            ExitCode::FAILURE
        }
    }
}

fn rules() -> ExitCode {
    for rule in lint::RULES {
        println!("{}\n    {}", rule.id, rule.teaches);
    }
    ExitCode::SUCCESS
}

fn lint() -> ExitCode {
    let root = load::workspace();
    let mut findings = Vec::new();
    for dialect in Dialect::BOTH {
        match load::document(&root, dialect) {
            Ok(document) => findings.extend(lint::lint(&document)),
            Err(unreadable) => findings.extend(unreadable),
        }
    }
    if findings.is_empty() {
        println!("both specs are clean");
        return ExitCode::SUCCESS;
    }
    tell(&findings)
}

fn tell(findings: &[Finding]) -> ExitCode {
    for finding in findings {
        eprintln!("{finding}\n");
    }
    eprintln!("{} findings; nothing was written", findings.len());
    ExitCode::FAILURE
}
