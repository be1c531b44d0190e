//! What one dialect showed cannot be said in the other where that has no place for it: refused by name.

use flowlix_api::{ConversionError, Dialect, Problem, model, snake_case, uppercase};
use flowlix_tests::document::Document;
use flowlix_tests::sample::{Sample, remove};
use serde::de::DeserializeOwned;

/// The schema's sample without these members.
fn sample<T: DeserializeOwned>(dialect: Dialect, schema: &str, without: &[&str]) -> T {
    let mut body = Sample::of(&Document::of(dialect), schema).value;
    for pointer in without {
        remove(&mut body, pointer);
    }
    serde_json::from_value(body).unwrap()
}

#[track_caller]
fn assert_no_place<T>(result: Result<T, ConversionError>, fields: &[&str]) {
    let error = result.err().expect("a refusal");
    let found = error.violations().iter();
    let mut found: Vec<&str> = found
        .map(|violation| {
            assert_eq!(violation.problem, Problem::NoPlace, "{violation}");
            violation.field.as_str()
        })
        .collect();
    found.sort_unstable();
    assert_eq!(found, fields);
}

#[test]
fn an_uppercase_payment_in_snake_case() {
    let without = ["/refunds", "/billing_details"];
    let payment: uppercase::types::Payment = sample(Dialect::Uppercase, "Payment", &without);
    assert_no_place(
        snake_case::types::Payment::try_from(model::Payment::from(payment)),
        &[
            "amount_refundable",
            "integration_type",
            "merchant_reference",
            "status_transitions.canceled_at",
            "status_transitions.expired_at",
            "status_transitions.processing_at",
            "status_transitions.requires_action_at",
        ],
    );
}

#[test]
fn a_snake_case_payment_in_uppercase() {
    let without = ["/refunds", "/customer"];
    let payment: snake_case::types::Payment = sample(Dialect::SnakeCase, "Payment", &without);
    assert_no_place(
        uppercase::types::Payment::try_from(model::Payment::from(payment)),
        &["provider_transaction_id", "status_transitions.refunded_at"],
    );
}

#[test]
fn a_refund_in_the_other_dialect() {
    let refund: uppercase::types::Refund = sample(Dialect::Uppercase, "Refund", &[]);
    assert_no_place(
        snake_case::types::Refund::try_from(model::Refund::from(refund)),
        &["livemode", "metadata", "payment_id"],
    );
    let refund: snake_case::types::Refund = sample(Dialect::SnakeCase, "Refund", &[]);
    assert_no_place(
        uppercase::types::Refund::try_from(model::Refund::from(refund)),
        &["provider_refund_id"],
    );
}

#[test]
fn a_payer_in_the_other_dialect() {
    let payer: uppercase::types::BillingDetails = sample(Dialect::Uppercase, "BillingDetails", &[]);
    assert_no_place(
        snake_case::types::Customer::try_from(model::BillingDetails::from(payer)),
        &["address", "first_name", "last_name", "phone"],
    );
    let payer: snake_case::types::Customer = sample(Dialect::SnakeCase, "Customer", &[]);
    assert_no_place(
        uppercase::types::BillingDetails::try_from(model::BillingDetails::from(payer)),
        &["name"],
    );
}

#[test]
fn a_violation_inside_a_list_names_the_item() {
    let page: uppercase::types::PaymentList = sample(Dialect::Uppercase, "PaymentList", &[]);
    let error = snake_case::types::PaymentList::try_from(model::PaymentList::from(page));
    let error = error.expect_err("a refusal");
    let fields: Vec<&str> = error
        .violations()
        .iter()
        .map(|one| one.field.as_str())
        .collect();
    for field in ["data.0.merchant_reference", "data.1.refunds.1.payment_id"] {
        assert!(fields.contains(&field), "{fields:?}");
    }
}
