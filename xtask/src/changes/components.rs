//! What is shared by reference, compared once for all that refer to it.

use serde_json::{Value, json};

use super::change::{Severity, Side};
use super::comparison::{Comparison, Verdict};
use super::json::union_of_keys;
use super::site::{Flow, Site};
use super::{content, parameters, responses, rust, schema, security, words};

pub(super) fn compare(
    comparison: &mut Comparison<'_>,
    site: &Site,
    before: Option<&Value>,
    after: Option<&Value>,
) {
    let empty = json!({});
    let Some((old, new)) = comparison.sections(site, before, after, &empty) else {
        return;
    };
    const SECTIONS: [&str; 7] = [
        "schemas",
        "parameters",
        "headers",
        "responses",
        "requestBodies",
        "securitySchemes",
        "examples",
    ];
    for section in SECTIONS {
        let site = site.member(section);
        let Some((old, new)) =
            comparison.sections(&site, old.get(section), new.get(section), &empty)
        else {
            continue;
        };
        for name in union_of_keys(old, new) {
            component(
                comparison,
                &site,
                section,
                name,
                old.get(name),
                new.get(name),
            );
        }
    }
    words::rest(comparison, site, old, new, &SECTIONS);
}

fn component(
    comparison: &mut Comparison<'_>,
    section_site: &Site,
    section: &str,
    name: &str,
    before: Option<&Value>,
    after: Option<&Value>,
) {
    if before == after {
        return;
    }
    let reference = format!("#/components/{section}/{name}");
    let (flow, operations) = comparison.reach.usage(&reference);
    let mut site = section_site.member(name).with_flow(flow);
    site.operations = operations;
    site.subject = if section == "schemas" {
        name.to_owned()
    } else {
        format!("{section}/{name}")
    };
    if section == "schemas" {
        let is_struct = [before, after].into_iter().flatten().any(rust::is_struct);
        let items = comparison.names.component(name, is_struct);
        named_schema(
            comparison,
            &site.with_items(items),
            &reference,
            before,
            after,
        );
        return;
    }
    match (section, before, after) {
        ("securitySchemes", before, after) => {
            security::scheme(comparison, &site.with_flow(Flow::REQUEST), before, after);
        }
        ("examples", before, after) => {
            words::record(comparison, &site, "example", before, after);
        }
        ("parameters", Some(old), Some(new)) => {
            parameters::parameter(comparison, &site, old, new);
        }
        ("headers", Some(old), Some(new)) => responses::header(comparison, &site, old, new),
        ("responses", Some(old), Some(new)) => responses::response(comparison, &site, old, new),
        ("requestBodies", Some(old), Some(new)) => content::body(comparison, &site, old, new),
        // Its first use is reported where it is used.
        (_, None, Some(new)) => words::record(comparison, &site, "component", None, Some(new)),
        (_, old, _) => removed(comparison, &site, &reference, old),
    }
}

fn removed(comparison: &mut Comparison<'_>, site: &Site, reference: &str, before: Option<&Value>) {
    if comparison.reach.still_used(reference) {
        dangling(comparison, site, reference);
    } else {
        words::record(comparison, site, "component", before, None);
    }
}

fn dangling(comparison: &mut Comparison<'_>, site: &Site, reference: &str) {
    comparison.wire(
        site,
        Side::Before,
        Verdict {
            rule: "reference-broken",
            in_requests: Severity::Breaking,
            in_responses: Severity::Breaking,
            message: format!("`{reference}` is gone but still referred to"),
            advice: "Put it back, or mend the references; nothing is generated until then.",
        },
    );
}

fn named_schema(
    comparison: &mut Comparison<'_>,
    site: &Site,
    reference: &str,
    before: Option<&Value>,
    after: Option<&Value>,
) {
    match (before, after) {
        (Some(old), Some(new)) => {
            let (old_shape, new_shape) = (rust::shape_of(old), rust::shape_of(new));
            if old_shape != new_shape {
                comparison.rust(
                    site,
                    Side::After,
                    "type-shape-changed",
                    Severity::Breaking,
                    format!("the type was {old_shape} and is {new_shape} now"),
                    "Adapt reconcile.yaml and the conversions; release a major version.",
                );
            }
            schema::compare(comparison, site, old, new, false);
        }
        (None, Some(_)) => comparison.rust(
            site,
            Side::After,
            "type-added",
            Severity::Compatible,
            "a type more".to_owned(),
            "Pair it with one of the other dialect, or give reconcile.yaml a rule; then regenerate.",
        ),
        (Some(_), None) => {
            if comparison.reach.still_used(reference) {
                dangling(comparison, site, reference);
            }
            comparison.rust(
                site,
                Side::Before,
                "type-removed",
                Severity::Breaking,
                "the type is gone".to_owned(),
                "Take out its rules in reconcile.yaml; release a major version.",
            );
        }
        (None, None) => {}
    }
}
