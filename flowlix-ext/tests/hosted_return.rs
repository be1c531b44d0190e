//! The customer comes back from the hosted page: a hint, then the truth, in both dialects.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{DECLINED, DIALECTS, Stage, VISA};
use flowlix_ext::model::PaymentStatus;
use flowlix_ext::payments::HostedReturn;
use flowlix_ext::{ErrorKind, Money, Settled};

#[tokio::test]
async fn a_hint_is_confirmed_by_flowlix() {
    for dialect in DIALECTS {
        for (card, succeeds) in [(VISA, true), (DECLINED, false)] {
            let stage = Stage::new(dialect).await;
            let created = stage
                .flowlix
                .payments()
                .create_hosted(Money::eur(25_00), "https://shop.example.com/done?order=7")
                .await
                .unwrap();
            stage
                .sandbox
                .complete_hosted(created.id.as_str(), card)
                .unwrap();
            let address = stage.sandbox.return_address(created.id.as_str());
            let returned = HostedReturn::parse(&address.unwrap().unwrap()).unwrap();
            assert!(returned.is_for(&created.id));
            // Processing has only begun when the customer is sent back.
            let hint = returned.status_hint().unwrap();
            assert_eq!(hint.unconfirmed(), &PaymentStatus::Pending);
            let settled = returned.confirm(&stage.flowlix).await.unwrap();
            assert_eq!(matches!(settled, Settled::Succeeded(_)), succeeds);
            assert_eq!(matches!(settled, Settled::Failed(_)), !succeeds);
            assert_eq!(stage.time.delays()[0], std::time::Duration::ZERO);
        }
    }
}

#[tokio::test]
async fn a_hint_that_lies_changes_nothing() {
    for dialect in DIALECTS {
        let stage = Stage::new(dialect).await;
        let payment = stage.create_with(DECLINED).await.unwrap();
        let lie = format!("payment_id={}&status=succeeded", payment.id);
        let settled = HostedReturn::parse(&lie).unwrap();
        let settled = settled.confirm(&stage.flowlix).await.unwrap();
        assert!(matches!(settled, Settled::Failed(_)), "{settled:?}");

        let other = HostedReturn::parse("payment_id=pay_abc123&status=succeeded").unwrap();
        assert!(!other.is_for(&payment.id));
        let error = other.confirm(&stage.flowlix).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
}
