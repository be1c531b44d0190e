//! The payments of one dialect, one after the other.

use std::time::Duration;

use flowlix_ext::model::{Payment, PaymentId, PaymentStatus};
use flowlix_ext::{CardDetails, Flowlix, IdempotencyKey, Money, PaymentExt, Settled};

use crate::Failure;
use crate::cards;
use crate::customer::Customer;
use crate::transcript::{expect, heading, step};

const RETURN_URL: &str = "https://shop.example.com/checkout/return";
/// A person needs longer than the default wait of two minutes.
const PATIENCE: Duration = Duration::from_secs(600);

pub(crate) struct Journey<'a> {
    flowlix: &'a Flowlix,
    customer: Customer<'a>,
}

impl<'a> Journey<'a> {
    pub(crate) fn new(flowlix: &'a Flowlix, customer: Customer<'a>) -> Self {
        Self { flowlix, customer }
    }

    pub(crate) async fn run(&self) -> Result<(), Failure> {
        println!("\n== The {} dialect", self.flowlix.dialect());
        let payment = self.succeeds().await?;
        self.is_declined().await?;
        self.needs_authentication().await?;
        self.on_the_hosted_page().await?;
        self.refunds(&payment).await
    }

    async fn succeeds(&self) -> Result<Payment, Failure> {
        heading("A card that is charged");
        let payment = self.pay(cards::GOOD).await?;
        match self.follow(&payment.id).await? {
            Settled::Succeeded(payment) => {
                step(&format!("fulfil       {} was charged", payment.money()));
                Ok(payment)
            }
            other => Err(unexpected("a payment that succeeds", &other)),
        }
    }

    async fn is_declined(&self) -> Result<(), Failure> {
        heading("A card that is declined");
        let payment = self.pay(cards::DECLINED).await?;
        match self.follow(&payment.id).await? {
            Settled::Failed(failed) => {
                let decline = failed.decline();
                let code = decline.code().map(ToString::to_string);
                step(&format!(
                    "for you      {}",
                    code.as_deref().unwrap_or("no code")
                ));
                step(&format!("for them     {}", decline.customer_message()));
                expect("the decline", Some("insufficient_funds".to_owned()), code)
            }
            other => Err(unexpected("a payment that is declined", &other)),
        }
    }

    async fn needs_authentication(&self) -> Result<(), Failure> {
        heading("A card that needs 3-D Secure");
        let payment = self.pay(cards::CHALLENGED).await?;
        let Settled::RequiresAction(action) = self.follow(&payment.id).await? else {
            return Err("the payment should have asked for 3-D Secure".into());
        };
        let url = action
            .redirect_url()
            .ok_or("3-D Secure without an address to go to")?;
        self.customer.authenticate(action.payment(), url)?;
        let settled = self
            .flowlix
            .payments()
            .wait(&payment.id)
            .customer_returned_from(url)
            .deadline(PATIENCE)
            .await?;
        self.show(settled.payment());
        expect(
            "the outcome after 3-D Secure",
            &PaymentStatus::Succeeded,
            &settled.payment().status,
        )
    }

    async fn on_the_hosted_page(&self) -> Result<(), Failure> {
        heading("A payment on the hosted page");
        let payment = self
            .flowlix
            .payments()
            .create_hosted(Money::eur(25_00), RETURN_URL)
            .description("Order #5678")
            .await?;
        self.show(&payment);
        let url = payment
            .hosted_payment_url
            .as_deref()
            .ok_or("a hosted payment without its page")?;
        self.customer.pay_on_page(&payment, url)?;
        let settled = self
            .flowlix
            .payments()
            .wait(&payment.id)
            .customer_returned()
            .deadline(PATIENCE)
            .await?;
        self.show(settled.payment());
        expect(
            "the outcome of the hosted page",
            &PaymentStatus::Succeeded,
            &settled.payment().status,
        )
    }

    async fn refunds(&self, payment: &Payment) -> Result<(), Failure> {
        heading("A refund of a part, then of the rest");
        self.refund(payment, "part", Some(10_00)).await?;
        let payment = self.refund_settled(&payment.id, 10_00).await?;
        self.refund(&payment, "rest", None).await?;
        let payment = self.refund_settled(&payment.id, payment.amount).await?;
        self.show(&payment);
        Ok(())
    }

    async fn refund(
        &self,
        payment: &Payment,
        name: &str,
        amount: Option<i64>,
    ) -> Result<(), Failure> {
        let mut refund = self
            .flowlix
            .refunds()
            .create(&payment.id)
            .reason("requested_by_customer")
            .idempotency_key(IdempotencyKey::derive(
                "refund",
                [payment.id.as_str(), name],
            )?);
        if let Some(amount) = amount {
            refund = refund.amount(amount);
        }
        let created = refund.await?;
        let refund = created
            .refund
            .as_ref()
            .ok_or("the refund is not among the payment's refunds")?;
        let money = Money::new(refund.amount, refund.currency.clone());
        step(&format!(
            "refund       {money} of {}: {}",
            payment.id, refund.status
        ));
        let expected = amount.unwrap_or(payment.amount - payment.amount_refunded.unwrap_or(0));
        expect("the amount that is refunded", expected, refund.amount)
    }

    /// Looks until the payment counts this much as refunded.
    async fn refund_settled(&self, id: &PaymentId, amount: i64) -> Result<Payment, Failure> {
        const LOOKS: usize = 30;
        for _ in 0..LOOKS {
            let payment = self.flowlix.payments().retrieve(id).await?.into_inner();
            if payment.amount_refunded == Some(amount) {
                let money = Money::new(amount, payment.currency.clone());
                step(&format!("refunded     {money} so far"));
                return Ok(payment);
            }
            if let Customer::Person = self.customer {
                tokio::time::sleep(Duration::from_secs(2)).await;
            }
        }
        Err(format!("{amount} minor units of {id} should have been refunded by now").into())
    }

    async fn pay(&self, number: &str) -> Result<Payment, Failure> {
        let card = CardDetails::new(number, 12, 2030, "314", "Jenny Rosen");
        let amount = Money::eur(49_99);
        let created = self
            .flowlix
            .payments()
            .create_direct(amount.clone(), card)
            .description("Order #1234")
            .return_url(RETURN_URL)
            .metadata("order_id", "ord_1234")
            .await?;
        let payment = created.into_inner();
        step(&format!(
            "create       {amount}, card ending in {}",
            last4(number)
        ));
        self.show(&payment);
        Ok(payment)
    }

    /// Shows each status as it is seen, to the end.
    async fn follow(&self, id: &PaymentId) -> Result<Settled, Failure> {
        let mut watch = self.flowlix.payments().watch(id);
        while let Some(payment) = watch.next().await? {
            self.show(&payment);
        }
        Ok(watch.settled().await?)
    }

    fn show(&self, payment: &Payment) {
        step(&format!(
            "payment      {} is {}",
            payment.id, payment.status
        ));
    }
}

fn last4(number: &str) -> &str {
    number
        .get(number.len().saturating_sub(4)..)
        .unwrap_or_default()
}

fn unexpected(expected: &str, seen: &Settled) -> Failure {
    format!("expected {expected}, saw {}", seen.payment().status).into()
}
