//! What the documents' words forbid to either way of creating a payment; what their schemas forbid is checked
//! where a dialect is spoken.

use flowlix_api::model::BillingDetailsInput;

use super::{billing, return_url};
use crate::call::options::CallOptions;
use crate::client::Flowlix;
use crate::failure::Violation;

pub(crate) fn violations(
    client: &Flowlix,
    options: &CallOptions,
    return_to: Option<&str>,
    payer: Option<&BillingDetailsInput>,
) -> Vec<Violation> {
    let mut found: Vec<Violation> = return_url::check(return_to).into_iter().collect();
    found.extend(billing::check(client.dialect(), payer));
    found.extend_from_slice(&options.refused_headers);
    found
}
