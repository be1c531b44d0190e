//! What is sent and what is answered: one JSON body of one named type.

use serde_json::Map;

use crate::document::join;

use super::Rule;
use super::report::Report;
use super::sites::{Object, Sites, entries, object};

/// The one media type that the generated clients speak.
pub(super) const JSON: &str = "application/json";

pub(super) const SEVERAL_TYPES: Rule = Rule {
    id: "body-several-types",
    teaches: "a body has exactly one media type; the generator panics on a choice",
};
pub(super) const MEDIA_TYPE: Rule = Rule {
    id: "body-media-type",
    teaches: "bodies are application/json: multipart is refused, problem+json becomes a byte stream",
};
pub(super) const SCHEMA: Rule = Rule {
    id: "body-schema",
    teaches: "a body's schema is a $ref to a named schema; without one the generator panics or makes up a name",
};
pub(super) const ENCODING: Rule = Rule {
    id: "body-encoding",
    teaches: "a media type has no `encoding`; the generator panics on it",
};

pub(super) fn check(sites: &Sites<'_>, report: &mut Report<'_>) {
    for body in &sites.request_bodies {
        let count = object(body.value, "content").map_or(0, Map::len);
        if count != 1 {
            report.add(
                SEVERAL_TYPES,
                &join(&body.pointer, "content"),
                format!("the request body has {count} media types"),
                "keep application/json only",
            );
        }
    }
    for response in &sites.responses {
        let count = object(response.value, "content").map_or(0, Map::len);
        if count > 1 {
            report.add(
                SEVERAL_TYPES,
                &join(&response.pointer, "content"),
                format!("the response has {count} media types"),
                "keep application/json only",
            );
        }
    }
    for holder in sites.request_bodies.iter().chain(&sites.responses) {
        let content = join(&holder.pointer, "content");
        for (pointer, media_type, value) in entries(&content, holder.value.get("content")) {
            check_media_type(&pointer, media_type, value, report);
        }
    }
}

fn check_media_type(pointer: &str, media_type: &str, value: &Object, report: &mut Report<'_>) {
    if media_type != JSON {
        report.add(
            MEDIA_TYPE,
            pointer,
            format!("the media type is {media_type}"),
            "describe the body as application/json; what is no JSON has to be handled by hand",
        );
    }
    if value.contains_key("encoding") {
        report.add(
            ENCODING,
            &join(pointer, "encoding"),
            "the media type has an `encoding`",
            "take it out; JSON has none",
        );
    }
    match object(value, "schema") {
        Some(schema) if schema.contains_key("$ref") => {}
        Some(_) => report.add(
            SCHEMA,
            &join(pointer, "schema"),
            "the body's schema is written inline",
            "move it to components/schemas and refer to it by $ref",
        ),
        None => report.add(
            SCHEMA,
            pointer,
            "the body has no schema",
            "add `schema` with a $ref to a named schema",
        ),
    }
}
