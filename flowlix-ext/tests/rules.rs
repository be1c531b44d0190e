//! What breaks a documented rule is named, all of it at once, and not sent; what keeps it just so is sent.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{DIALECTS, Stage, VISA, card};
use flowlix_ext::model::{Address, BillingDetailsInput, Currency};
use flowlix_ext::payments::{CreateDirect, CreateHosted};
use flowlix_ext::{CardDetails, Error, Money};
use flowlix_sandbox::Dialect;

fn direct(stage: &Stage) -> CreateDirect {
    let payments = stage.flowlix.payments();
    payments.create_direct(Money::eur(1), card(VISA))
}

fn hosted(stage: &Stage) -> CreateHosted {
    let payments = stage.flowlix.payments();
    payments.create_hosted(Money::eur(1), "https://shop.example.com/back")
}

fn fields(error: &Error) -> Vec<&str> {
    assert!(error.is_invalid_request(), "{error}");
    assert!(!error.may_have_taken_effect() && !error.is_retryable());
    let violations = error.violations().iter();
    let mut fields: Vec<&str> = violations.map(|found| found.field.as_str()).collect();
    fields.sort_unstable();
    fields
}

/// A payer that both dialects take.
fn payer() -> BillingDetailsInput {
    let mut address = Address::default();
    address.line1 = Some("Kurfuerstendamm 21".into());
    address.city = Some("Berlin".into());
    address.postal_code = Some("10719".into());
    address.country = Some("DE".into());
    let mut payer = BillingDetailsInput::default();
    payer.email = Some("jenny@example.com".into());
    payer.first_name = Some("Jenny".into());
    payer.last_name = Some("Rosen".into());
    payer.phone = Some("+491701234567".into());
    payer.address = Some(address);
    payer
}

/// Metadata of so many entries, each value of so many characters that take more bytes.
macro_rules! with_metadata {
    ($create:expr, $entries:expr, $characters:expr) => {
        (0..$entries).fold($create, |create, number| {
            create.metadata(format!("name-{number}"), "ü".repeat($characters))
        })
    };
}

#[tokio::test]
async fn what_keeps_the_rules_just_so_is_sent() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let text = "ü".repeat(500);
        let create = direct(&stage).description(&text).billing_details(payer());
        let create = with_metadata!(create, 50, 500).return_url("http://localhost:3000/back");
        let payment = create.await.unwrap();
        assert_eq!(payment.description.as_deref(), Some(text.as_str()));
        assert_eq!(payment.metadata.len(), 50);

        let create = hosted(&stage).description(&text).billing_details(payer());
        let create = with_metadata!(create, 50, 500);
        let create = match dialect {
            Dialect::Uppercase => create.merchant_reference("ü".repeat(255)),
            _ => create,
        };
        let payment = create.await.unwrap();
        assert_eq!(payment.amount, 1);
        let reference = payment.merchant_reference.as_deref().map(str::len);
        assert_eq!(reference, (dialect == Dialect::Uppercase).then_some(510));
        assert_eq!(stage.posts().len(), 2);
    }
}

#[tokio::test]
async fn everything_that_breaks_a_rule_is_named_at_once() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let text = "ü".repeat(501);
        let mut payer = payer();
        payer.phone = Some("0170 1234567".into());
        payer.first_name = None;
        payer.last_name = Some(" ".into());
        payer.ip = Some("192.0.2.1, 198.51.100.7".into());
        if let Some(address) = &mut payer.address {
            address.country = Some("Germany".into());
            address.line1 = None;
        }
        let payments = stage.flowlix.payments();
        let bad_card = CardDetails::new("4111111111111112", 12, 2027, "314", "Jenny Rosen");
        let direct = payments
            .create_direct(Money::new(-1, Currency::from("chf")), bad_card)
            .return_url("http://shop.example.com/back")
            .description(&text)
            .merchant_reference("x".repeat(256))
            .billing_details(payer.clone());
        let direct = with_metadata!(direct, 51, 1).metadata("name-7", text.as_str());
        let hosted = payments
            .create_hosted(Money::new(0, Currency::from("chf")), "javascript:alert(1)")
            .description(&text)
            .merchant_reference("x".repeat(256))
            .billing_details(payer);
        let hosted = with_metadata!(hosted, 51, 1).metadata("name-7", text.as_str());

        let mut expected = vec![
            "amount",
            "billing_details.address.country",
            "billing_details.ip",
            "billing_details.phone",
            "currency",
            "description",
            "merchant_reference",
            "return_url",
        ];
        if dialect == Dialect::SnakeCase {
            expected.extend([
                "billing_details.address.line1",
                "billing_details.first_name",
                "billing_details.last_name",
                "metadata",
                "metadata.name-7",
            ]);
        }
        expected.sort_unstable();
        let error = hosted.await.unwrap_err();
        assert_eq!(fields(&error), expected);
        let error = direct.await.unwrap_err();
        expected.push("payment_method_data.card.number");
        expected.sort_unstable();
        assert_eq!(fields(&error), expected);
        let ip = match dialect {
            Dialect::SnakeCase => "billing_details.ip must be one",
            _ => "billing_details.ip has no place here",
        };
        assert!(error.to_string().contains(ip), "{error}");
        let shown = format!("{error} {error:?}");
        for value in ["0170", "Germany", "192.0.2.1", "üü", "41111"] {
            assert!(!shown.contains(value), "{value} in {shown}");
        }
        assert!(stage.sandbox.requests().is_empty());
    }
}

#[tokio::test]
async fn metadata_is_text_in_one_dialect_and_anything_in_the_other() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let numbered = direct(&stage).metadata("line\nbreak", 7).await;
        match dialect {
            Dialect::SnakeCase => {
                let error = numbered.unwrap_err();
                assert_eq!(fields(&error), ["metadata.line\nbreak"]);
                assert!(!error.to_string().contains('\n'), "one line: {error}");
            }
            _ => assert_eq!(numbered.unwrap().metadata["line\nbreak"], 7),
        }
        let twice = direct(&stage).metadata("name", "a").metadata("name", "b");
        assert_eq!(twice.await.unwrap().metadata["name"], "b");
    }
}

#[tokio::test]
async fn the_payers_telephone_country_and_address_have_their_forms() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        for (phone, country, broken) in [
            ("+49 (170) 123-45.67", "DE", None),
            ("+1", "US", None),
            ("+", "DE", Some("phone")),
            ("", "DE", Some("phone")),
            ("0049170", "DE", Some("phone")),
            ("+49 CALL ME", "DE", Some("phone")),
            ("+٤٩", "DE", Some("phone")),
            ("+1", "de", Some("address.country")),
            ("+1", "DEU", Some("address.country")),
            ("+1", "", Some("address.country")),
            ("+1", "D1", Some("address.country")),
        ] {
            let mut payer = payer();
            payer.phone = Some(phone.into());
            payer.address.as_mut().unwrap().country = Some(country.into());
            let before = stage.sandbox.requests().len();
            let created = hosted(&stage).billing_details(payer).await;
            match broken {
                Some(field) => {
                    let error = created.unwrap_err();
                    assert_eq!(fields(&error), [format!("billing_details.{field}")]);
                    assert_eq!(stage.sandbox.requests().len(), before);
                }
                // Whether Flowlix takes grouped digits, Flowlix says.
                None => assert_eq!(stage.sandbox.requests().len(), before + 1),
            }
        }
    }
    let stage = Stage::new(Dialect::SnakeCase).await;
    for (ip, is_one) in [
        ("192.0.2.1", true),
        ("2001:db8::1", true),
        ("192.0.2.1:443", false),
        ("localhost", false),
    ] {
        let mut payer = payer();
        payer.ip = Some(ip.into());
        let created = direct(&stage).billing_details(payer).await;
        assert_eq!(created.is_ok(), is_one, "{ip}");
    }
}

#[tokio::test]
async fn a_refund_keeps_to_its_rules() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let payment = stage.charged().await;
        let posts = stage.posts().len();
        let refund = || stage.flowlix.refunds().create(&payment.id);
        for amount in [0, -1, i64::MIN] {
            let error = refund().amount(amount).reason("late").await.unwrap_err();
            assert_eq!(fields(&error), ["amount"]);
        }
        let wrong = refund().amount(0).reason("x".repeat(51));
        let wrong = wrong.metadata("order", "1234").await;
        let empty = refund().amount(1).reason(" ").await;
        match dialect {
            Dialect::SnakeCase => {
                let error = wrong.unwrap_err();
                assert_eq!(fields(&error), ["amount", "metadata", "reason"]);
                assert_eq!(fields(&empty.unwrap_err()), ["reason"]);
                assert_eq!(stage.posts().len(), posts);
            }
            _ => {
                assert_eq!(fields(&wrong.unwrap_err()), ["amount"]);
                assert!(empty.is_ok());
            }
        }
        let longest = refund().amount(1).reason("ü".repeat(50)).await.unwrap();
        assert_eq!(longest.refund.as_ref().unwrap().amount, 1);
    }
}
