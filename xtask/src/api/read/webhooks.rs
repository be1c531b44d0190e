//! Webhooks: what Flowlix sends, and with which headers.

use serde_json::Value;

use super::super::{Parameter, Type, Webhook};
use super::parameters;
use super::reader::{Reader, text};
use crate::document::join;

/// What may stand beside the `post` of an event; extensions are words.
const BESIDE: [&str; 3] = ["summary", "description", "parameters"];

pub(super) fn webhooks(reader: &mut Reader<'_>) -> Vec<Webhook> {
    let pointer = "/x-webhooks";
    let Some(events) = reader.document.get(pointer) else {
        return Vec::new();
    };
    let Some(events) = reader.object(pointer, events) else {
        return Vec::new();
    };
    events
        .iter()
        .filter_map(|(event, item)| webhook(reader, event, &join(pointer, event), item))
        .collect()
}

fn webhook<'a>(
    reader: &mut Reader<'a>,
    event: &str,
    pointer: &str,
    item: &'a Value,
) -> Option<Webhook> {
    for member in reader.object(pointer, item)?.keys() {
        if member != "post" && !BESIDE.contains(&member.as_str()) && !member.starts_with("x-") {
            reader.note(
                &join(pointer, member),
                format!("`{member}` in a webhook"),
                "describe an event as one `post`, or teach this to xtask/src/api/read/webhooks.rs",
            );
        }
    }
    let delivery_at = join(pointer, "post");
    let delivery = item.get("post").unwrap_or(&Value::Null);
    let members = reader.object(&delivery_at, delivery)?;
    let shared = parameters::parameters(reader, pointer, item.get("parameters"));
    let own = parameters::parameters(reader, &delivery_at, delivery.get("parameters"));
    let headers = parameters::with_shared(own, &shared);
    for header in &headers {
        check_header(reader, header);
    }
    let body = reader.required_body(
        &join(&delivery_at, "requestBody"),
        delivery.get("requestBody").unwrap_or(&Value::Null),
        "mark the body as required: it is what the event says",
    )?;
    let statuses = members
        .get("responses")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(status, _)| status.clone())
        .collect();
    Some(Webhook {
        event: event.to_owned(),
        pointer: pointer.to_owned(),
        summary: text(members, "summary"),
        description: text(members, "description"),
        headers,
        body,
        statuses,
    })
}

fn check_header(reader: &mut Reader<'_>, header: &Parameter) {
    if header.location != "header" || header.ty != Type::Text {
        reader.note(
            &header.pointer,
            format!(
                "{} in the {} of a webhook, {}",
                header.name,
                header.location,
                header.ty.describe()
            ),
            "describe it as a header that is text, or teach it to xtask/src/api/read/webhooks.rs",
        );
    }
}
