//! A shop that dies at the worst moments, and finds out afterwards what it owes its customers.
//!
//! `cargo run -p flowlix-ext --example recover --features journal-sqlite` starts a sandbox of its own. In both dialects a shop takes a
//! payment and dies right before it sends, takes another whose answer gets lost and dies, and takes one that
//! arrives but is not stored. A new process opens the journal's file, asks Flowlix for the truth, which needs no card, and
//! goes on: the order that was not charged is paid, the others are not paid again. It exits with an error as
//! soon as anything differs from what it expects.

mod crashing;
mod shop;

use std::path::PathBuf;
use std::time::Duration;

use flowlix_ext::journal::{Recovery, SqliteJournal, Truth};
use flowlix_ext::testing::ManualTime;
use flowlix_ext::{Flowlix, FlowlixBuilder};
use flowlix_sandbox::{Dialect, Fault, Operation, Sandbox};

use crashing::Crashing;
use shop::{ANSWER_LOST, NEVER_SENT, NOT_STORED, Shop};

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let folder = std::env::temp_dir().join(format!("flowlix-recover-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let result = in_both_dialects(&folder).await;
    std::fs::remove_dir_all(&folder)?;
    result
}

async fn in_both_dialects(folder: &std::path::Path) -> Result<(), Failure> {
    for dialect in [Dialect::SnakeCase, Dialect::Uppercase] {
        println!("\n== The {dialect:?} dialect");
        let stage = Stage {
            sandbox: Sandbox::start().await?,
            dialect,
            time: ManualTime::automatic(),
            file: folder.join(format!("{dialect:?}.sqlite")),
        };
        stage.crash().await?;
        stage.restart().await?;
    }
    println!("\nEverything went as expected.");
    Ok(())
}

/// What outlives a process: Flowlix, the clock, and the journal's file.
struct Stage {
    sandbox: Sandbox,
    dialect: Dialect,
    time: ManualTime,
    file: PathBuf,
}

impl Stage {
    fn builder(&self) -> FlowlixBuilder {
        Flowlix::builder(self.sandbox.key(self.dialect))
            .base_url(self.sandbox.base_url())
            // The sandbox needs no time to think, so nobody has to wait: pauses pass at once.
            .runtime(self.time.clone())
    }

    /// Three processes, each of which ends in the middle of a payment.
    async fn crash(&self) -> Result<(), Failure> {
        println!("\nThree processes die");
        let journal = Crashing::after_recording(SqliteJournal::open(&self.file)?);
        let recorded = journal.recorded();
        let shop = Shop::new(self.builder().journal(journal).build()?);
        let payment = tokio::spawn(async move { shop.pay(NEVER_SENT).await.is_ok() });
        recorded.notified().await;
        payment.abort();
        step(&format!(
            "{NEVER_SENT}: recorded, and dead before it was sent"
        ));

        let journal = SqliteJournal::open(&self.file)?;
        let shop = Shop::new(self.builder().journal(journal).max_attempts(1).build()?);
        let operation = Operation::CreateDirectPayment;
        self.sandbox.inject_at(operation, Fault::LoseAnswer, 1);
        let error = shop.pay(ANSWER_LOST).await.err();
        let error = error.ok_or("the answer should have been lost")?;
        expect("the outcome is unknown", true, error.outcome_unknown())?;
        step(&format!("{ANSWER_LOST}: {error}"));

        let journal = Crashing::after_answer(SqliteJournal::open(&self.file)?);
        let shop = Shop::new(self.builder().journal(journal).build()?);
        let reply = shop.pay(NOT_STORED).await?;
        let failure = reply.receipt().journal_error();
        let failure = failure.ok_or("the answer should not have been stored")?;
        step(&format!(
            "{NOT_STORED}: answered {}, not stored: {failure}",
            reply.id
        ));
        Ok(())
    }

    /// A new process: the truth first, then business as usual.
    async fn restart(&self) -> Result<(), Failure> {
        println!("\nA new process asks what became of them");
        let journal = SqliteJournal::open(&self.file)?;
        let flowlix = self.builder().journal(journal).build()?;
        // Time passes: Flowlix processes what has arrived, and what has not arrived by then never will.
        self.sandbox.settle();
        self.time.advance(Duration::from_secs(30 * 60));
        self.sandbox.clock().advance(Duration::from_secs(30 * 60));
        let recovery: Recovery = flowlix.recover().await?;
        for write in &recovery.writes {
            step(&write.to_string());
        }
        expect("every outcome is known", true, recovery.is_complete())?;
        for (order, charged) in [(ANSWER_LOST, true), (NEVER_SENT, false), (NOT_STORED, true)] {
            let key = Shop::key(order)?;
            let write = recovery
                .writes
                .iter()
                .find(|write| write.record.id.key == key.as_str());
            let write = write.ok_or_else(|| format!("nothing was said about {order}"))?;
            let was_charged = matches!(write.truth, Truth::Charged(_));
            expect(order, charged, was_charged)?;
        }

        println!("\nThe shop goes on, and tries each order again");
        let shop = Shop::new(flowlix);
        for order in [NEVER_SENT, ANSWER_LOST, NOT_STORED] {
            let payment = shop.pay(order).await?;
            let how = if payment.receipt().is_from_journal() {
                "known from the journal, nothing was sent"
            } else {
                "sent"
            };
            step(&format!("{order}: {} ({how})", payment.id));
        }
        self.sandbox.settle();
        expect(
            "charges, one for each order",
            3,
            self.sandbox.ledger().charges(),
        )
    }
}

fn step(text: &str) {
    println!("    {text}");
}

/// Fails when something is not as it should be.
fn expect<T: PartialEq + std::fmt::Debug>(what: &str, expected: T, seen: T) -> Result<(), Failure> {
    if expected == seen {
        return Ok(());
    }
    Err(format!("{what}: expected {expected:?}, saw {seen:?}").into())
}
