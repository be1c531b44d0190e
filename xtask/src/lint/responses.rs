//! Statuses: one type of success, and errors as `4XX` and `5XX` of one type.

use serde_json::Value;

use crate::document::join;

use super::Rule;
use super::bodies::JSON;
use super::report::Report;
use super::sites::{Object, Operation, Sites, entries, is_extension, object};

pub(super) const STATUS: Rule = Rule {
    id: "response-status",
    teaches: "statuses are 2xx, 4XX and 5XX; the generator passes over the others",
};
pub(super) const DEFAULT: Rule = Rule {
    id: "response-default",
    teaches: "no `default` response: it stands for success and error at once, and the generator panics",
};
pub(super) const SUCCESS: Rule = Rule {
    id: "success-response",
    teaches: "an operation has a success response, all of one type; the generator panics on two",
};
pub(super) const ERROR_STATUS: Rule = Rule {
    id: "error-status",
    teaches: "errors are given as `4XX` and `5XX`, both, and by no other status",
};
pub(super) const ERROR_SCHEMA: Rule = Rule {
    id: "error-schema",
    teaches: "all errors of an operation have one JSON schema; the generator panics on two, or on one without a body",
};

pub(super) fn check(sites: &Sites<'_>, report: &mut Report<'_>) {
    for operation in sites.operations.iter().filter(|it| !it.webhook) {
        check_operation(operation, sites, report);
    }
}

/// What a response's body becomes.
#[derive(Debug, PartialEq)]
enum Body<'a> {
    None,
    Json(Option<&'a Value>),
    Other,
}

impl<'a> Body<'a> {
    fn of(response: &'a Object) -> Self {
        let Some(content) = object(response, "content").filter(|content| !content.is_empty())
        else {
            return Self::None;
        };
        match content.get(JSON) {
            Some(media_type) => Self::Json(media_type.get("schema")),
            None => Self::Other,
        }
    }
}

struct Response<'a> {
    pointer: String,
    status: &'a str,
    /// `None` when a `$ref` leads nowhere, which is told elsewhere.
    body: Option<Body<'a>>,
}

fn check_operation(operation: &Operation<'_>, sites: &Sites<'_>, report: &mut Report<'_>) {
    let base = join(&operation.site.pointer, "responses");
    let (mut successes, mut errors) = (Vec::new(), Vec::new());
    for (pointer, status, value) in entries(&base, operation.site.value.get("responses")) {
        let response = Response {
            pointer,
            status,
            body: sites.resolve(value).map(Body::of),
        };
        let mut characters = status.chars();
        match (characters.next(), characters.as_str()) {
            _ if is_extension(status) => {}
            _ if status == "default" => report.add(
                DEFAULT,
                &response.pointer,
                "a `default` response",
                "write `4XX` and `5XX` instead, both of the error schema",
            ),
            (Some('2'), rest) if is_status_rest(rest) => successes.push(response),
            (Some('4' | '5'), rest) if is_status_rest(rest) => errors.push(response),
            _ => report.add(
                STATUS,
                &response.pointer,
                format!("`{status}` is neither a success nor an error status"),
                "keep one success status, `4XX` and `5XX`",
            ),
        }
    }
    check_successes(&base, &successes, report);
    check_errors(&base, &errors, report);
}

fn is_status_rest(rest: &str) -> bool {
    rest == "XX" || (rest.len() == 2 && rest.chars().all(|c| c.is_ascii_digit()))
}

fn check_successes(base: &str, successes: &[Response<'_>], report: &mut Report<'_>) {
    let Some((first, others)) = successes.split_first() else {
        report.add(
            SUCCESS,
            base,
            "the operation has no success response",
            "add the documented one, such as `'200'`",
        );
        return;
    };
    for other in others {
        if other.body != first.body {
            report.add(
                SUCCESS,
                &other.pointer,
                format!(
                    "`{}` answers another type than `{}`",
                    other.status, first.status
                ),
                "keep one success type; where both happen, give them one schema that reads either",
            );
        }
    }
}

fn check_errors(base: &str, errors: &[Response<'_>], report: &mut Report<'_>) {
    for required in ["4XX", "5XX"] {
        if !errors.iter().any(|error| error.status == required) {
            report.add(
                ERROR_STATUS,
                base,
                format!("there is no `{required}` response"),
                format!("add `'{required}'` with the error schema"),
            );
        }
    }
    let agreed = errors.iter().find_map(|error| match error.body {
        Some(Body::Json(Some(schema))) => Some((error.status, schema)),
        _ => None,
    });
    for error in errors {
        if !matches!(error.status, "4XX" | "5XX") {
            report.add(
                ERROR_STATUS,
                &error.pointer,
                format!("the error status `{}` stands alone", error.status),
                "fold it into `4XX` or `5XX`, and tell what it means in that description",
            );
        }
        match (&error.body, agreed) {
            (Some(Body::Json(Some(schema))), Some((status, agreed))) if *schema != agreed => {
                report.add(
                    ERROR_SCHEMA,
                    &error.pointer,
                    format!("`{}` has another schema than `{status}`", error.status),
                    "give all errors of the operation one schema",
                );
            }
            (Some(Body::None | Body::Other), _) => report.add(
                ERROR_SCHEMA,
                &error.pointer,
                format!("`{}` has no JSON body", error.status),
                "give it the error schema as application/json; other bodies are normalised before they are decoded",
            ),
            _ => {}
        }
    }
}
