//! Patterns that can be checked by generated code, without a regex engine.

use crate::document::join;
use crate::pattern::runs;

use super::Rule;
use super::report::Report;
use super::sites::{Sites, text};

pub(super) const SHAPE: Rule = Rule {
    id: "pattern-shape",
    teaches: "a pattern is an anchored sequence of ASCII characters, classes and their repetitions, so that it becomes code and no regex is linked",
};

pub(super) fn check(sites: &Sites<'_>, report: &mut Report<'_>) {
    for schema in &sites.schemas {
        if schema.site.value.contains_key("pattern")
            && let Err(reason) = becomes_code(text(schema.site.value, "pattern"))
        {
            report.add(
                SHAPE,
                &join(&schema.site.pointer, "pattern"),
                format!("the pattern cannot be turned into code: {reason}"),
                "write characters, classes such as [a-z0-9] and {n} between ^ and $; tell the rest in the description",
            );
        }
    }
}

fn becomes_code(pattern: Option<&str>) -> Result<(), String> {
    let runs = runs(pattern.ok_or("it is no text")?)?;
    // OpenAPI's patterns are those of ECMAScript, where `\d` and `\w` are ASCII; here they are not.
    let beyond_ascii = runs
        .iter()
        .flat_map(|run| &run.class)
        .any(|(_, high)| !high.is_ascii());
    if beyond_ascii {
        return Err(
            "a class holds more than ASCII; write it out, such as [0-9] for \\d".to_owned(),
        );
    }
    Ok(())
}
