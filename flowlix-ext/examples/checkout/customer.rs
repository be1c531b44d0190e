//! Who opens the pages: the sandbox's scripted customer, or a person at a browser.

use flowlix_ext::model::Payment;
use flowlix_sandbox::Sandbox;

use crate::Failure;
use crate::cards;
use crate::transcript::step;

#[derive(Clone, Copy)]
pub(crate) enum Customer<'a> {
    Scripted(&'a Sandbox),
    Person,
}

impl Customer<'_> {
    /// The customer authenticates on their bank's page.
    pub(crate) fn authenticate(self, payment: &Payment, url: &str) -> Result<(), Failure> {
        step(&format!("customer     goes to {url}"));
        match self {
            Self::Scripted(sandbox) => {
                sandbox.approve(payment.id.as_str())?;
                step("customer     approves, and comes back");
            }
            Self::Person => step("you          open that page and approve; this waits for you"),
        }
        Ok(())
    }

    /// The customer enters a card on Flowlix's hosted page.
    pub(crate) fn pay_on_page(self, payment: &Payment, url: &str) -> Result<(), Failure> {
        step(&format!("customer     goes to {url}"));
        match self {
            Self::Scripted(sandbox) => {
                sandbox.complete_hosted(payment.id.as_str(), cards::GOOD)?;
                step("customer     enters a card, and comes back");
            }
            Self::Person => step(&format!(
                "you          open that page and pay with {}; this waits for you",
                cards::GOOD
            )),
        }
        Ok(())
    }
}
