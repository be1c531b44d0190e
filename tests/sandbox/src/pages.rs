//! The pages that a customer would see: the 3-D Secure challenge and the hosted payment page.
//! Everything is a link, so that a browser, curl and a test can all follow it.

use crate::api::Api;
use crate::payment::{CardEntry, Kind, Payment, Status};
use crate::server::http::{Request, Response};

/// The documented test cards and what they do.
pub(crate) const TEST_CARDS: &[(&str, &str)] = &[
    ("4111111111111111", "succeeds"),
    ("4000000000000002", "fails: do_not_honor"),
    ("4000000000009995", "fails: insufficient_funds"),
    ("4000000000000069", "fails: expired_card"),
    ("4635440000002223", "asks for 3-D Secure"),
];

/// The expiry that the hosted page uses: far enough away for every clock.
const EXPIRY: (i64, i64) = (12, 2099);

pub(crate) fn answer(api: &mut Api, request: &Request) -> Response {
    let segments: Vec<&str> = request.path().trim_matches('/').split('/').collect();
    match (request.method(), segments.as_slice()) {
        ("GET", [""]) => page(200, "Flowlix sandbox", "<p>The API is under /v1/.</p>"),
        ("GET", ["sandbox", "3ds", id]) => challenge(api, id),
        ("GET", ["sandbox", "3ds", id, "approve"]) => {
            let done = api.change(id, |payment, now, _| payment.approve(now));
            come_back(api, id, done)
        }
        ("GET", ["sandbox", "3ds", id, "decline"]) => {
            let done = api.change(id, |payment, now, _| payment.refuse(now));
            come_back(api, id, done)
        }
        ("GET", ["sandbox", "hpp", id]) => hosted(api, id),
        ("GET", ["sandbox", "hpp", id, "pay", number]) => {
            let done = hosted_card(number)
                .and_then(|card| api.change(id, |payment, now, _| payment.submit_card(card, now)));
            come_back(api, id, done)
        }
        ("GET", ["sandbox", "hpp", id, "abandon"]) => {
            let done = api.change(id, |payment, now, _| {
                payment.kind() == Kind::Hosted && payment.cancel(now)
            });
            come_back(api, id, done)
        }
        _ => page(404, "Not found", ""),
    }
}

/// A card as the hosted page would take it from the customer.
pub(crate) fn hosted_card(number: &str) -> Option<CardEntry> {
    (!number.is_empty() && number.chars().all(|c| c.is_ascii_digit()))
        .then(|| CardEntry::new(number, EXPIRY.0, EXPIRY.1))
}

fn challenge(api: &mut Api, id: &str) -> Response {
    let Some(payment) = api.find(id) else {
        return page(404, "No such payment", "");
    };
    let links = if payment.status() == Status::RequiresAction {
        format!(
            "<p><a href=\"/sandbox/3ds/{id}/approve\">Approve</a></p>\n\
             <p><a href=\"/sandbox/3ds/{id}/decline\">Decline</a></p>"
        )
    } else {
        "<p>There is nothing to authenticate.</p>".to_owned()
    };
    page(200, "3-D Secure", &format!("{}\n{links}", summary(payment)))
}

fn hosted(api: &mut Api, id: &str) -> Response {
    let Some(payment) = api
        .find(id)
        .filter(|payment| payment.kind() == Kind::Hosted)
    else {
        return page(404, "No such payment", "");
    };
    let mut body = summary(payment);
    if payment.status() == Status::Pending && payment.card().is_none() {
        for (number, outcome) in TEST_CARDS {
            body.push_str(&format!(
                "\n<p><a href=\"/sandbox/hpp/{id}/pay/{number}\">Pay with {number}</a> ({outcome})</p>"
            ));
        }
        body.push_str(&format!(
            "\n<p><a href=\"/sandbox/hpp/{id}/abandon\">Abandon</a></p>"
        ));
    } else {
        body.push_str("\n<p>There is nothing to pay.</p>");
    }
    page(200, "Hosted payment page", &body)
}

/// Sends the customer back to the shop.
fn come_back(api: &mut Api, id: &str, done: Option<bool>) -> Response {
    match done {
        None => return page(404, "No such payment or card", ""),
        Some(false) => return page(409, "The payment does not wait for this", ""),
        Some(true) => {}
    }
    let Some(payment) = api.find(id) else {
        return page(404, "No such payment", "");
    };
    match return_address(payment) {
        None => page(200, "Done", &summary(payment)),
        Some(address) => {
            let mut response = page(303, "Back to the shop", "");
            response.push_header("Location", &address);
            response
        }
    }
}

/// The return URL, after a hosted page with the documented hint of id and status. The hint is the
/// status at this moment: processing has only begun.
pub(crate) fn return_address(payment: &Payment) -> Option<String> {
    let address = payment.return_url()?;
    if payment.kind() == Kind::Direct {
        return Some(address.to_owned());
    }
    let separator = if address.contains('?') { '&' } else { '?' };
    let status = payment.dialect().spell(payment.status().name());
    Some(format!(
        "{address}{separator}payment_id={}&status={status}",
        payment.id()
    ))
}

fn summary(payment: &Payment) -> String {
    format!(
        "<p>{} {} (minor units), {}</p>",
        payment.amount(),
        payment.currency().code().to_ascii_uppercase(),
        payment.status().name()
    )
}

/// Nothing that a caller sent is ever put into a page, so there is nothing to escape.
fn page(status: u16, title: &str, body: &str) -> Response {
    let html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title></head>\n\
         <body>\n<h1>{title}</h1>\n{body}\n</body></html>\n"
    );
    Response::new(status, "text/html; charset=utf-8", html.into_bytes())
}
