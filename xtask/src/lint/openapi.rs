//! The document as a whole: is it OpenAPI 3.0, and can it be read as such?

use openapiv3::{OpenAPI, PathItem};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::document::{Document, join};

use super::Rule;
use super::report::Report;

pub(super) const VERSION: Rule = Rule {
    id: "openapi-version",
    teaches: "the document says `openapi: 3.0.x`; the generator refuses every other version",
};
pub(super) const UNREADABLE: Rule = Rule {
    id: "openapi-unreadable",
    teaches: "the document has the shape of OpenAPI 3.0, else the generator cannot read it",
};

const WEBHOOKS: &str = "/x-webhooks";

pub(super) fn check(document: &Document, report: &mut Report<'_>) {
    let version = document.root.get("openapi");
    let is_3_0 = version
        .and_then(|version| version.as_str()?.strip_prefix("3.0."))
        .is_some_and(|patch| !patch.is_empty() && patch.chars().all(|c| c.is_ascii_digit()));
    if !is_3_0 {
        let found = version.map_or_else(|| "nothing".to_owned(), ToString::to_string);
        report.add(
            VERSION,
            "/openapi",
            format!("the version is {found}, the generator takes 3.0.x only"),
            "write the document as OpenAPI 3.0.3",
        );
    }
    // The generator reads through this very type, so what it refuses is refused there.
    check_shape::<OpenAPI>("", &document.root, report);
    // To that type an extension is any JSON.
    if let Some(webhooks) = document.get(WEBHOOKS) {
        match webhooks.as_object() {
            Some(webhooks) => {
                for (event, item) in webhooks {
                    check_shape::<PathItem>(&join(WEBHOOKS, event), item, report);
                }
            }
            None => report.add(
                UNREADABLE,
                WEBHOOKS,
                "`x-webhooks` is no map of events",
                "write each event's name with a path item: `payment.succeeded: { post: … }`",
            ),
        }
    }
}

fn check_shape<T: DeserializeOwned>(pointer: &str, value: &Value, report: &mut Report<'_>) {
    if let Err(error) = serde_json::from_value::<T>(value.clone()) {
        report.add(
            UNREADABLE,
            pointer,
            format!("this is not shaped like OpenAPI 3.0: {error}"),
            "compare the named part with the OpenAPI 3.0.3 specification",
        );
    }
}
