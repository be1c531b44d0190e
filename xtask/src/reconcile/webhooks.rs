//! Joins webhooks, their bodies and headers.

mod only;

use crate::api::{Api, Webhook};
use crate::dialect::{Dialect, PerDialect};
use crate::model::{ModelWebhook, Sent};
use crate::rules::Rule;

use super::ledger::Ledger;
use super::matching;
use super::pairs::Pairs;
use super::parameters::{self, Owner};
use super::words;

pub(super) fn reconcile(
    apis: &PerDialect<Api>,
    pairs: &Pairs<'_>,
    ledger: &mut Ledger<'_>,
) -> Vec<ModelWebhook> {
    let lists = PerDialect::from_fn(|dialect| apis.get(dialect).webhooks.as_slice());
    let mut joined = Vec::new();
    matching::each(
        apis,
        &lists,
        ledger,
        |rule| match rule {
            Rule::WebhookPaired {
                snake_case,
                uppercase,
            } => Some((snake_case, uppercase)),
            _ => None,
        },
        |found, ledger| {
            joined.push(join(apis, pairs, found.named, &found.each, ledger));
        },
    );
    joined
}

fn join(
    apis: &PerDialect<Api>,
    pairs: &Pairs<'_>,
    named: &Webhook,
    webhooks: &PerDialect<Option<&Webhook>>,
    ledger: &mut Ledger<'_>,
) -> ModelWebhook {
    let bodies = PerDialect::from_fn(|dialect| {
        webhooks
            .get(dialect)
            .map(|webhook| pairs.name(dialect, &webhook.body))
    });
    match (&bodies.snake_case, &bodies.uppercase) {
        (Some(body), None) => only::check(apis, Dialect::SnakeCase, named, body, ledger),
        (None, Some(body)) => only::check(apis, Dialect::Uppercase, named, body, ledger),
        (Some(snake_case), Some(uppercase)) if snake_case != uppercase => ledger.note(
            &apis.uppercase.label,
            &format!("{}/post/requestBody", named.pointer),
            "body-differs",
            format!(
                "the webhook {} brings {uppercase} here and {snake_case} in snake_case",
                named.event
            ),
            "pair the two schemas with the rule schema-paired",
        ),
        _ => {}
    }
    let sent = PerDialect::from_fn(|dialect| {
        webhooks.get(dialect).map(|webhook| Sent {
            event: webhook.event.clone(),
            statuses: webhook.statuses.clone(),
        })
    });
    if let (Some(snake_case), Some(uppercase)) = (&sent.snake_case, &sent.uppercase)
        && snake_case.statuses != uppercase.statuses
    {
        ledger.note(
            &apis.uppercase.label,
            &format!("{}/post/responses", named.pointer),
            "status-differs",
            format!(
                "the webhook {} is answered with {} here and with {} in snake_case",
                named.event,
                uppercase.statuses.join(" or "),
                snake_case.statuses.join(" or ")
            ),
            "document the same status, or 2XX where the pages leave it open",
        );
    }
    let told = |of: fn(&Webhook) -> &String| {
        words::join(&PerDialect::from_fn(|dialect| {
            webhooks.get(dialect).map(|webhook| of(webhook).as_str())
        }))
    };
    ModelWebhook {
        event: named.event.clone(),
        summary: told(|webhook| &webhook.summary),
        description: told(|webhook| &webhook.description),
        body: bodies
            .uppercase
            .or(bodies.snake_case)
            .unwrap_or_else(|| named.body.clone()),
        sent,
        headers: parameters::join(
            &Owner {
                apis,
                pairs,
                // Apart from operations, which may have the same name.
                name: &format!("webhook {}", named.event),
                parameters: PerDialect::from_fn(|dialect| {
                    webhooks
                        .get(dialect)
                        .map(|webhook| webhook.headers.as_slice())
                }),
            },
            ledger,
        ),
    }
}
