//! Components that nothing leads to.

use super::Rule;
use super::report::Report;
use super::sites::Sites;

pub(super) const COMPONENT: Rule = Rule {
    id: "component-unused",
    teaches: "every component is reached from paths or x-webhooks; the others would be generated for nobody",
};

/// The sections whose entries are reached by `$ref`; security schemes are reached by name.
const SECTIONS: [&str; 6] = [
    "schemas",
    "responses",
    "parameters",
    "examples",
    "requestBodies",
    "headers",
];

pub(super) fn check(sites: &Sites<'_>, report: &mut Report<'_>) {
    let reached = sites.reachable(false);
    for (pointer, section, name) in &sites.components {
        if SECTIONS.contains(section) && !reached.contains(pointer.as_str()) {
            report.add(
                COMPONENT,
                pointer,
                format!("nothing in paths or x-webhooks leads to `{name}`"),
                "use it, or take it out",
            );
        }
    }
}
