//! Parameters of operations, of webhooks, and those kept as components.

use serde_json::{Value, json};

use crate::document::{Document, join};

use super::change::{Severity, Side};
use super::comparison::{Comparison, Verdict};
use super::operation::Operation;
use super::site::Site;
use super::{flags, schema, words};

/// One parameter where it is listed.
struct Listed<'a> {
    /// What it pairs by: its place, and its name or, in a path, its position.
    identity: (String, String),
    pointer: String,
    reference: Option<&'a str>,
    value: &'a Value,
}

/// The parameters that apply to one operation of one document.
pub(super) struct Holder<'a> {
    listed: Vec<Listed<'a>>,
    /// A `parameters` member that is no list.
    malformed: Option<&'a Value>,
}

impl<'a> Holder<'a> {
    pub(super) fn of_operation(document: &'a Document, operation: &'a Operation<'a>) -> Self {
        let pointer = join(&operation.item_pointer, operation.method);
        Self::of(
            document,
            operation.path,
            &[
                (&operation.item_pointer, operation.item),
                (&pointer, operation.value),
            ],
        )
    }

    /// The parameters of several objects, of which a later one overrides an earlier one.
    pub(super) fn of(document: &'a Document, path: &str, objects: &[(&String, &'a Value)]) -> Self {
        let mut holder = Self {
            listed: Vec::new(),
            malformed: None,
        };
        for (pointer, object) in objects {
            let pointer = join(pointer, "parameters");
            match object.get("parameters") {
                None => {}
                Some(Value::Array(parameters)) => {
                    for (index, parameter) in parameters.iter().enumerate() {
                        let pointer = join(&pointer, &index.to_string());
                        let listed = Listed::of(document, path, pointer, parameter);
                        holder
                            .listed
                            .retain(|known| known.identity != listed.identity);
                        holder.listed.push(listed);
                    }
                }
                malformed => holder.malformed = malformed,
            }
        }
        holder
    }

    fn find(&self, identity: &(String, String)) -> Option<&Listed<'a>> {
        self.listed
            .iter()
            .find(|listed| &listed.identity == identity)
    }
}

impl<'a> Listed<'a> {
    fn of(document: &'a Document, path: &str, pointer: String, listed: &'a Value) -> Self {
        let reference = listed.get("$ref").and_then(Value::as_str);
        let value = reference
            .and_then(|reference| document.follow(reference))
            .unwrap_or(listed);
        let text = |member| value.get(member).and_then(Value::as_str).unwrap_or("");
        let place = text("in").to_owned();
        let name = match place.as_str() {
            "" => reference.map_or_else(|| value.to_string(), str::to_owned),
            "header" => text("name").to_lowercase(),
            "path" => position_in(path, text("name")),
            _ => text("name").to_owned(),
        };
        Self {
            identity: (place, name),
            pointer,
            reference,
            value,
        }
    }
}

/// The position of a placeholder in a path, since its name is not sent.
fn position_in(path: &str, name: &str) -> String {
    path.split('{')
        .skip(1)
        .filter_map(|rest| rest.split_once('}'))
        .position(|(placeholder, _)| placeholder == name)
        .map_or_else(|| name.to_owned(), |position| position.to_string())
}

pub(super) fn compare(
    comparison: &mut Comparison<'_>,
    site: &Site,
    before: &Holder<'_>,
    after: &Holder<'_>,
) {
    if before.malformed != after.malformed {
        comparison.unclassified(
            &site.member("parameters"),
            before.malformed,
            after.malformed,
        );
    }
    for new in &after.listed {
        match before.find(&new.identity) {
            Some(old) => {
                // A shared parameter is compared once, at the component.
                if old.reference.is_none() || old.reference != new.reference {
                    let site = site_of(site, new, &old.pointer, &new.pointer);
                    parameter(comparison, &site, old.value, new.value);
                }
            }
            None => added(
                comparison,
                &site_of(site, new, &new.pointer, &new.pointer),
                new,
            ),
        }
    }
    for old in &before.listed {
        if after.find(&old.identity).is_none() {
            removed(
                comparison,
                &site_of(site, old, &old.pointer, &old.pointer),
                old,
            );
        }
    }
}

fn name_of(parameter: &Value) -> &str {
    parameter.get("name").and_then(Value::as_str).unwrap_or("?")
}

fn site_of(site: &Site, listed: &Listed<'_>, before: &str, after: &str) -> Site {
    let (place, identity) = &listed.identity;
    let mut site = site.clone();
    site.key = join(&join(&join(&site.key, "parameters"), place), identity);
    site.subject = format!("{}.{place}.{}", site.subject, name_of(listed.value));
    site.before = before.to_owned();
    site.after = after.to_owned();
    if site.flow.request {
        site.flow.response = false;
    }
    site
}

fn added(comparison: &mut Comparison<'_>, site: &Site, parameter: &Listed<'_>) {
    let required = is_required(parameter.value);
    let (word, in_requests) = if required {
        ("required", Severity::Breaking)
    } else {
        ("optional", Severity::Compatible)
    };
    comparison.wire(
        site,
        Side::After,
        Verdict {
            rule: "parameter-added",
            in_requests,
            in_responses: Severity::Compatible,
            message: format!(
                "new {word} {} parameter `{}`",
                parameter.identity.0,
                name_of(parameter.value)
            ),
            advice: "Pair it with one of the other dialect, or give reconcile.yaml a rule; then regenerate.",
        },
    );
}

fn removed(comparison: &mut Comparison<'_>, site: &Site, parameter: &Listed<'_>) {
    comparison.wire(
        site,
        Side::Before,
        Verdict {
            rule: "parameter-removed",
            in_requests: Severity::Breaking,
            in_responses: Severity::Breaking,
            message: format!(
                "the {} parameter `{}` is gone",
                parameter.identity.0,
                name_of(parameter.value)
            ),
            advice: "Take out its rule in reconcile.yaml and what flowlix-ext builds on it.",
        },
    );
}

fn is_required(parameter: &Value) -> bool {
    parameter.get("required").and_then(Value::as_bool) == Some(true)
}

/// Compares one parameter with its successor.
pub(super) fn parameter(
    comparison: &mut Comparison<'_>,
    site: &Site,
    before: &Value,
    after: &Value,
) {
    let Some((old, new)) = comparison.objects(site, Some(before), Some(after)) else {
        return;
    };
    let in_path = |parameter: &Value| parameter.get("in").and_then(Value::as_str) == Some("path");
    if in_path(before) && in_path(after) {
        if old.get("name") != new.get("name") {
            comparison.words(
                site,
                Side::After,
                "path-parameter-renamed",
                format!(
                    "the placeholder `{}` is called `{}` now; its name is not sent",
                    name_of(before),
                    name_of(after)
                ),
            );
        }
    } else if old.get("in") != new.get("in") || old.get("name") != new.get("name") {
        let place = |parameter: &Value| {
            parameter
                .get("in")
                .and_then(Value::as_str)
                .unwrap_or("?")
                .to_owned()
        };
        let same_header = place(before) == "header"
            && place(after) == "header"
            && name_of(before).eq_ignore_ascii_case(name_of(after));
        if same_header {
            comparison.words(
                site,
                Side::After,
                "header-respelled",
                format!("`{}` is spelled `{}` now", name_of(before), name_of(after)),
            );
        } else {
            comparison.wire(
                site,
                Side::After,
                Verdict {
                    rule: "parameter-renamed",
                    in_requests: Severity::Breaking,
                    in_responses: Severity::Breaking,
                    message: format!(
                        "the {} parameter `{}` is the {} parameter `{}` now",
                        place(before),
                        name_of(before),
                        place(after),
                        name_of(after)
                    ),
                    advice: "Released versions send the old name: ask until when it is taken, then regenerate.",
                },
            );
        }
    }
    flags::required(
        comparison,
        site,
        "parameter",
        old.get("required"),
        new.get("required"),
    );
    let empty = json!({});
    schema::compare(
        comparison,
        &site.member("schema"),
        old.get("schema").unwrap_or(&empty),
        new.get("schema").unwrap_or(&empty),
        !is_required(before),
    );
    flags::deprecation(comparison, site, old, new);
    words::rest(
        comparison,
        site,
        old,
        new,
        &["in", "name", "required", "schema", "deprecated"],
    );
}
