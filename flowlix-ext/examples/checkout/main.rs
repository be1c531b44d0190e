//! The main job, from end to end: payments that succeed, are declined, need 3-D Secure or go through the hosted page, and
//! refunds of a part and of the rest.
//!
//! `cargo run --example checkout` starts a sandbox of its own and does it in both dialects. With `FLOWLIX_API_KEY` set to
//! a test key it talks to Flowlix's test mode instead, in that key's dialect; then a person has to open the two pages it
//! prints. It exits with an error as soon as anything differs from what it expects.

mod cards;
mod customer;
mod journey;
mod transcript;

use flowlix_ext::testing::ManualTime;
use flowlix_ext::{Flowlix, Mode};
use flowlix_sandbox::{Dialect, Sandbox};

use customer::Customer;
use journey::Journey;

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    if std::env::var_os("FLOWLIX_API_KEY").is_some() {
        in_test_mode().await
    } else {
        in_sandbox().await
    }
}

async fn in_sandbox() -> Result<(), Failure> {
    let sandbox = Sandbox::start().await?;
    println!("A sandbox is listening on {}.", sandbox.base_url());
    for dialect in [Dialect::SnakeCase, Dialect::Uppercase] {
        let flowlix = Flowlix::builder(sandbox.key(dialect))
            .base_url(sandbox.base_url())
            // The sandbox needs no time to think, so nobody has to wait: pauses pass at once.
            .runtime(ManualTime::automatic())
            .build()?;
        Journey::new(&flowlix, Customer::Scripted(&sandbox))
            .run()
            .await?;
    }
    sandbox.settle();
    let ledger = sandbox.ledger();
    transcript::heading("What the sandbox has in its books");
    transcript::step(&format!(
        "{} payments, {} charges, {} refunds",
        ledger.payments().len(),
        ledger.charges(),
        ledger.refunds().count()
    ));
    transcript::expect("payments that were asked for", 8, ledger.payments().len())?;
    transcript::expect("charges, none of them twice", 6, ledger.charges())?;
    transcript::expect("refunds", 4, ledger.refunds().count())?;
    println!("\nEverything went as expected.");
    Ok(())
}

async fn in_test_mode() -> Result<(), Failure> {
    let flowlix = Flowlix::from_env()?;
    if flowlix.mode() == Mode::Live {
        return Err(
            "FLOWLIX_API_KEY is a live key, and this example takes payments: use a test key".into(),
        );
    }
    println!("Talking to Flowlix's test mode: no money moves.");
    Journey::new(&flowlix, Customer::Person).run().await?;
    println!("\nEverything went as expected.");
    Ok(())
}
