//! Writing is strict: what a dialect cannot take is refused, every field of it by name, and nothing is
//! dropped or bent to fit.

use flowlix_api::model::{
    Address, BillingDetailsInput, CardInput, CreateDirectPayment, CreateHostedPayment,
    CreateRefund, Currency, ListPayments, PaymentId, PaymentMethodData, PaymentStatus,
};
use flowlix_api::{CardCvc, CardNumber, ConversionError, Dialect, Problem, convert};
use flowlix_api::{snake_case, uppercase};
use serde_json::json;

use Dialect::{SnakeCase, Uppercase};

fn direct(change: impl FnOnce(&mut CreateDirectPayment)) -> CreateDirectPayment {
    let number = CardNumber::new("4111111111111111");
    let card = CardInput::new(
        number,
        12,
        2027,
        CardCvc::new("314"),
        "Jenny Rosen".to_owned(),
    );
    let mut payment = CreateDirectPayment::new(4999, Currency::Eur, PaymentMethodData::new(card));
    change(&mut payment);
    payment
}

fn hosted(change: impl FnOnce(&mut CreateHostedPayment)) -> CreateHostedPayment {
    let back = "https://shop.example.com/back".to_owned();
    let mut payment = CreateHostedPayment::new(2500, Currency::Eur, back);
    change(&mut payment);
    payment
}

fn refund(change: impl FnOnce(&mut CreateRefund)) -> CreateRefund {
    let mut refund = CreateRefund::new(PaymentId::received("pay_1").unwrap());
    refund.amount = Some(500);
    refund.reason = Some("requested_by_customer".to_owned());
    change(&mut refund);
    refund
}

fn payer(change: impl FnOnce(&mut BillingDetailsInput)) -> BillingDetailsInput {
    let mut address = Address::default();
    address.line1 = Some("Kurfuerstendamm 21".to_owned());
    address.city = Some("Berlin".to_owned());
    address.postal_code = Some("10719".to_owned());
    address.country = Some("DE".to_owned());
    let mut payer = BillingDetailsInput::default();
    payer.email = Some("jenny@example.com".to_owned());
    payer.first_name = Some("Jenny".to_owned());
    payer.last_name = Some("Rosen".to_owned());
    payer.phone = Some("+491701234567".to_owned());
    payer.address = Some(address);
    change(&mut payer);
    payer
}

/// What can be said in either dialect.
trait Request: Clone {
    fn said(&self, dialect: Dialect) -> Result<(), ConversionError>;
}

macro_rules! request {
    ($model:ident: $snake_case:ty, $uppercase:ty) => {
        impl Request for $model {
            fn said(&self, dialect: Dialect) -> Result<(), ConversionError> {
                match dialect {
                    SnakeCase => <$snake_case>::try_from(self.clone()).map(drop),
                    Uppercase => <$uppercase>::try_from(self.clone()).map(drop),
                }
            }
        }
    };
}

request!(CreateDirectPayment: snake_case::types::CreateDirectPayment, uppercase::types::CreateDirectPayment);
request!(CreateHostedPayment: snake_case::types::CreateHostedPayment, uppercase::types::CreateHostedPayment);
request!(CreateRefund: snake_case::types::CreateRefund, uppercase::types::CreateRefund);
request!(ListPayments: convert::snake_case::ListPaymentsQuery, convert::uppercase::ListPaymentsQuery);

/// Asserts what each dialect refuses of a request; an empty list means that it takes it.
#[track_caller]
fn assert_refused(
    request: &impl Request,
    in_snake_case: &[(&str, Problem)],
    in_uppercase: &[(&str, Problem)],
) {
    for (dialect, expected) in [(SnakeCase, in_snake_case), (Uppercase, in_uppercase)] {
        let found = match request.said(dialect) {
            Ok(()) => Vec::new(),
            Err(error) => {
                assert_eq!(error.dialect(), dialect);
                assert!(
                    !error.violations().is_empty(),
                    "{dialect}: an error without a reason"
                );
                error.violations().to_vec()
            }
        };
        let mut found: Vec<(&str, Problem)> = found
            .iter()
            .map(|violation| (violation.field.as_str(), violation.problem.clone()))
            .collect();
        let mut expected = expected.to_vec();
        found.sort_by_key(|(field, _)| *field);
        expected.sort_by_key(|(field, _)| *field);
        assert_eq!(found, expected, "{dialect}");
    }
}

/// The same change to both ways of creating a payment.
macro_rules! assert_payment_refused {
    ($change:expr, $in_snake_case:expr, $in_uppercase:expr) => {
        assert_refused(&direct($change), $in_snake_case, $in_uppercase);
        assert_refused(&hosted($change), $in_snake_case, $in_uppercase);
    };
}

#[test]
fn what_both_dialects_have_is_taken_by_both() {
    assert_payment_refused!(
        |payment| {
            payment.billing_details = Some(payer(|_| {}));
            payment.description = Some("d".repeat(500));
            payment
                .metadata
                .insert("order".to_owned(), "ü".repeat(500).into());
        },
        &[],
        &[]
    );
    assert_refused(
        &direct(|payment| payment.return_url = Some("https://a.b".into())),
        &[],
        &[],
    );
    assert_refused(&refund(|_| {}), &[], &[]);
    assert_refused(&ListPayments::default(), &[], &[]);
}

#[test]
fn amounts_are_positive() {
    let small = [("amount", Problem::TooSmall(1))];
    for amount in [0, -1, i64::MIN] {
        assert_payment_refused!(|payment| payment.amount = amount, &small, &small);
        assert_refused(
            &refund(|refund| refund.amount = Some(amount)),
            &small,
            &small,
        );
    }
}

#[test]
fn currencies_are_those_that_the_dialect_documents() {
    let other = |known: &[&'static str]| {
        let known = known.to_vec();
        [("currency", Problem::NoSuchValue { known })]
    };
    let (snake_case, uppercase) = (other(&["eur", "usd", "gbp"]), other(&["EUR"]));
    for currency in [Currency::Usd, Currency::Gbp] {
        assert_payment_refused!(
            |payment| payment.currency = currency.clone(),
            &[],
            &uppercase
        );
    }
    assert_payment_refused!(
        |payment| payment.currency = Currency::from("CHF"),
        &snake_case,
        &uppercase
    );
}

#[test]
fn a_merchant_reference_has_a_place_in_uppercase_only() {
    let no_place = [("merchant_reference", Problem::NoPlace)];
    assert_payment_refused!(
        |payment| payment.merchant_reference = Some("r".repeat(255)),
        &no_place,
        &[]
    );
    assert_payment_refused!(
        |payment| payment.merchant_reference = Some("r".repeat(256)),
        &no_place,
        &[("merchant_reference", Problem::TooLong(255))]
    );
}

#[test]
fn texts_have_their_documented_lengths() {
    let long = [("description", Problem::TooLong(500))];
    assert_payment_refused!(
        |payment| payment.description = Some("ü".repeat(501)),
        &long,
        &long
    );
    assert_refused(
        &refund(|refund| refund.reason = Some("r".repeat(51))),
        &[("reason", Problem::TooLong(50))],
        &[],
    );
}

#[test]
fn metadata_is_limited_and_textual_in_snake_case_only() {
    assert_payment_refused!(
        |payment| {
            for (name, value) in [
                ("list", json!([])),
                ("none", json!(null)),
                ("number", json!(1)),
            ] {
                payment.metadata.insert(name.to_owned(), value);
            }
            payment.metadata.insert("text".to_owned(), json!("fine"));
        },
        &[
            ("metadata.list", Problem::NotText),
            ("metadata.none", Problem::NotText),
            ("metadata.number", Problem::NotText),
        ],
        &[]
    );
    assert_payment_refused!(
        |payment| {
            payment
                .metadata
                .insert("long".to_owned(), "v".repeat(501).into());
            for index in 0..50 {
                payment.metadata.insert(format!("key {index}"), json!(""));
            }
        },
        &[
            ("metadata", Problem::TooMany(50)),
            ("metadata.long", Problem::TooLong(500)),
        ],
        &[]
    );
}

#[test]
fn a_payer_is_whole_in_snake_case_and_all_that_lacks_is_named_at_once() {
    let missing = [
        "billing_details.email",
        "billing_details.first_name",
        "billing_details.last_name",
        "billing_details.phone",
        "billing_details.address.line1",
        "billing_details.address.city",
        "billing_details.address.postal_code",
        "billing_details.address.country",
    ]
    .map(|field| (field, Problem::Missing));
    assert_payment_refused!(
        |payment| payment.billing_details = Some(BillingDetailsInput::default()),
        &missing,
        &[]
    );
    let [.., country] = missing;
    assert_payment_refused!(
        |payment| payment.billing_details =
            Some(payer(|payer| payer.address.as_mut().unwrap().country = None)),
        std::slice::from_ref(&country),
        &[]
    );
}

#[test]
fn parts_of_a_payer_that_one_dialect_lacks_are_refused_there() {
    assert_payment_refused!(
        |payment| payment.billing_details = Some(payer(|payer| {
            payer.ip = Some("203.0.113.7".to_owned());
            payer.address.as_mut().unwrap().line2 = Some("Apartment 4B".to_owned());
        })),
        &[("billing_details.address.line2", Problem::NoPlace)],
        &[("billing_details.ip", Problem::NoPlace)]
    );
}

#[test]
fn a_card_has_digits_and_dates() {
    let wrong = [
        (
            "payment_method_data.card.number",
            Problem::Mismatch("^[0-9]+$"),
        ),
        ("payment_method_data.card.exp_month", Problem::TooGreat(12)),
        ("payment_method_data.card.exp_year", Problem::TooSmall(1000)),
        (
            "payment_method_data.card.cvc",
            Problem::Mismatch("^[0-9]{3,4}$"),
        ),
    ];
    assert_refused(
        &direct(|payment| {
            let card = &mut payment.payment_method_data.card;
            card.number = CardNumber::new("4111 1111 1111 1111");
            card.exp_month = 13;
            card.exp_year = 27;
            card.cvc = CardCvc::new("12345");
        }),
        &wrong,
        &wrong,
    );
}

#[test]
fn a_cards_month_and_year_have_both_bounds() {
    let month = "payment_method_data.card.exp_month";
    let year = "payment_method_data.card.exp_year";
    for (value, wrong) in [
        (
            (0, 999),
            [
                (month, Problem::TooSmall(1)),
                (year, Problem::TooSmall(1000)),
            ],
        ),
        (
            (13, 10_000),
            [
                (month, Problem::TooGreat(12)),
                (year, Problem::TooGreat(9999)),
            ],
        ),
    ] {
        let payment = direct(|payment| {
            let card = &mut payment.payment_method_data.card;
            (card.exp_month, card.exp_year) = value;
        });
        assert_refused(&payment, &wrong, &wrong);
    }
}

#[test]
fn a_refund_says_what_each_dialect_needs() {
    assert_refused(
        &refund(|refund| refund.amount = None),
        &[],
        &[("amount", Problem::Missing)],
    );
    assert_refused(
        &refund(|refund| refund.reason = None),
        &[("reason", Problem::Missing)],
        &[],
    );
    assert_refused(
        &refund(|refund| {
            refund
                .metadata
                .insert("ticket".to_owned(), json!({ "id": 1 }));
        }),
        &[("metadata", Problem::NoPlace)],
        &[],
    );
}

#[test]
fn a_list_asks_for_what_the_dialect_can_filter() {
    let list = |change: fn(&mut ListPayments)| {
        let mut list = ListPayments::default();
        change(&mut list);
        list
    };
    let status = |known: [&'static str; 7]| {
        let known = known.to_vec();
        [("status", Problem::NoSuchValue { known })]
    };
    let snake_case = status([
        "pending",
        "requires_action",
        "succeeded",
        "failed",
        "canceled",
        "expired",
        "refunded",
    ]);
    let uppercase = status([
        "PENDING",
        "REQUIRES_ACTION",
        "PROCESSING",
        "SUCCEEDED",
        "FAILED",
        "CANCELED",
        "EXPIRED",
    ]);
    assert_refused(
        &list(|list| list.status = Some(PaymentStatus::Processing)),
        &snake_case,
        &[],
    );
    assert_refused(
        &list(|list| list.status = Some(PaymentStatus::Refunded)),
        &[],
        &uppercase,
    );
    assert_refused(
        &list(|list| list.status = Some("new".into())),
        &snake_case,
        &uppercase,
    );
    assert_refused(
        &list(|list| list.ending_before = PaymentId::received("pay_1").ok()),
        &[("ending_before", Problem::NoPlace)],
        &[],
    );
    let small = [("limit", Problem::TooSmall(1))];
    assert_refused(&list(|list| list.limit = Some(0)), &small, &small);
    let great = [("limit", Problem::TooGreat(100))];
    assert_refused(&list(|list| list.limit = Some(101)), &great, &great);
}

#[test]
fn the_message_names_every_field_and_shows_no_value() {
    let payment = direct(|payment| {
        payment.amount = 0;
        payment.currency = Currency::Usd;
        payment.payment_method_data.card.number = CardNumber::new("4111-canary");
        payment.payment_method_data.card.cvc = CardCvc::new("canary");
        payment.merchant_reference = Some("canary".repeat(50));
        payment.billing_details = Some(payer(|payer| {
            payer.ip = Some("canary".to_owned());
            payer.phone = None;
            payer.address.as_mut().unwrap().line2 = Some("canary".to_owned());
        }));
        payment
            .metadata
            .insert("count".to_owned(), json!(["canary"]));
    });
    let messages =
        [SnakeCase, Uppercase].map(|dialect| payment.said(dialect).unwrap_err().to_string());
    let text = messages.join("\n\n");
    assert!(!text.contains("canary"), "{text}");
    insta::assert_snapshot!(text);
}
