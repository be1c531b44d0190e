//! Webhooks that one dialect alone has: their rule says what they bring, so that none changes in silence.

use crate::api::{Api, Parameter, Webhook};
use crate::dialect::{Dialect, PerDialect};
use crate::rules::Rule;

use super::super::ledger::Ledger;
use super::super::listing;

/// Holds a webhook against its rule; without one, shows the rule to add.
pub(super) fn check(
    apis: &PerDialect<Api>,
    here: Dialect,
    webhook: &Webhook,
    body: &str,
    ledger: &mut Ledger<'_>,
) {
    let right = Rule::WebhookOnly {
        dialect: here,
        webhook: webhook.event.clone(),
        body: body.to_owned(),
        headers: names(webhook, true),
        optional_headers: names(webhook, false),
    };
    let given = ledger.take(|rule| {
        matches!(rule, Rule::WebhookOnly { dialect, webhook: event, .. }
            if *dialect == here && *event == webhook.event)
    });
    let label = &apis.get(here).label;
    let Some(
        given @ Rule::WebhookOnly {
            body: told_body,
            headers,
            optional_headers,
            ..
        },
    ) = &given
    else {
        ledger.demand(
            &right,
            label,
            &webhook.pointer,
            "webhook-unpaired",
            format!(
                "the webhook {} has no counterpart in {}; it may also have another name there (rule webhook-paired)",
                webhook.event,
                here.other()
            ),
        );
        return;
    };
    let cure = format!(
        "put this in the place of the rule webhook-only of {here} {}, with its reason:\n{}",
        webhook.event,
        right.to_yaml()
    );
    if told_body != body {
        ledger.note(
            label,
            &format!("{}/post/requestBody", webhook.pointer),
            "body-differs",
            format!(
                "the webhook {} brings {body}, but the rule webhook-only says {told_body}",
                webhook.event
            ),
            cure.as_str(),
        );
    }
    for header in &webhook.headers {
        let (right_list, wrong_list) = if header.required {
            (headers, optional_headers)
        } else {
            (optional_headers, headers)
        };
        let problem = if right_list.contains(&header.name) {
            continue;
        } else if wrong_list.contains(&header.name) {
            ("presence-differs", comes(header))
        } else {
            ("header-unlisted", "is not listed")
        };
        ledger.note(
            label,
            &header.pointer,
            problem.0,
            format!(
                "the header {} of the webhook {} {} in the rule webhook-only",
                header.name, webhook.event, problem.1
            ),
            cure.as_str(),
        );
    }
    let listed: Vec<&str> = headers
        .iter()
        .chain(optional_headers)
        .map(String::as_str)
        .collect();
    let is_there = |name: &str| webhook.headers.iter().any(|header| header.name == name);
    for (_, name, problem) in listing::faults(&listed, is_there) {
        ledger.note_rule(
            given,
            "header-matches-nothing",
            &format!(
                "it names the header {name} of {label}#{}, which {problem}",
                webhook.pointer
            ),
            &cure,
        );
    }
}

fn comes(header: &Parameter) -> &'static str {
    if header.required {
        "always comes, and is optional"
    } else {
        "may be missing, and is not optional"
    }
}

/// The headers that always come, or those that may; each once.
fn names(webhook: &Webhook, required: bool) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for header in &webhook.headers {
        if header.required == required && !names.contains(&header.name) {
            names.push(header.name.clone());
        }
    }
    names
}
