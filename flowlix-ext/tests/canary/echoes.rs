//! A server that repeats what it was sent, in every place of an answer.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use flowlix_ext::journal::{MemoryJournal, Record};
use flowlix_ext::testing::ManualTime;
use flowlix_ext::{Error, Flowlix, IdempotencyKey, Money, model};
use flowlix_sandbox::{Dialect, Fault, Operation, Sandbox};
use serde_json::{Value, json};

use crate::common::secrets::{AMEX, AMEX_CVC, WEBHOOK_SECRET};
use crate::common::{DIALECTS, watch};
use crate::journal::Noting;
use crate::shown::{Shown, show};
use crate::{Showing, builder, card};

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];
const AT: Operation = Operation::CreateDirectPayment;

/// What the server heard of the card number and the key, as it may say it.
fn names(sandbox: &Sandbox, dialect: Dialect) -> Vec<String> {
    let grouped = format!("{} {} {}", &AMEX[..4], &AMEX[4..10], &AMEX[10..]);
    vec![
        AMEX.to_owned(),
        format!("no: {AMEX}."),
        grouped.replace(' ', "-"),
        grouped,
        format!("https://pay.example.com/?number={AMEX}"),
        sandbox.key(dialect).to_owned(),
        format!("Bearer {}", sandbox.key(dialect)),
    ]
}

/// The same, and what is told from other text in prose alone: the code, and the key without its prefix.
fn prose(sandbox: &Sandbox, dialect: Dialect) -> Vec<String> {
    let mut words = names(sandbox, dialect);
    words.extend([
        format!("cvc {AMEX_CVC} does not match"),
        format!("{{\"number\":\"{AMEX}\",\"cvc\":\"{AMEX_CVC}\"}}"),
        sandbox
            .key(dialect)
            .rsplit_once("_sk_")
            .unwrap()
            .1
            .to_owned(),
        format!("is it {WEBHOOK_SECRET}?"),
    ]);
    words
}

struct Echo {
    sandbox: Sandbox,
    flowlix: Flowlix,
    shown: Arc<Mutex<Shown>>,
    records: Arc<Mutex<Vec<Record>>>,
    calls: u32,
}

impl Echo {
    async fn new(dialect: Dialect) -> Self {
        let sandbox = Sandbox::start().await.unwrap();
        let (shown, records) = (Arc::<Mutex<Shown>>::default(), Arc::default());
        let showing = Showing(shown.clone());
        let flowlix = builder(&sandbox, dialect, &ManualTime::automatic())
            .hook(showing.clone())
            .metrics(showing.clone())
            .polling(showing)
            .journal(Noting(MemoryJournal::new(), Arc::clone(&records)))
            .build()
            .unwrap();
        Self {
            sandbox,
            flowlix,
            shown,
            records,
            calls: 0,
        }
    }

    /// A payment that this fault answers; what it says of the answer is shown.
    async fn pay(&mut self, fault: Fault) -> Result<model::Payment, Error> {
        self.calls += 1;
        self.sandbox.inject_at(AT, fault, 4);
        let key = IdempotencyKey::custom(format!("order-{}", self.calls)).unwrap();
        let create = self
            .flowlix
            .payments()
            .create_direct(Money::eur(49_99), card(AMEX));
        let create = create
            .return_url("https://shop.example.com/3ds")
            .idempotency_key(key);
        let ended = create.await;
        self.sandbox.clear_faults();
        let mut shown = self.shown.lock().unwrap();
        match ended {
            Ok(payment) => {
                show!(shown, payment.receipt());
                Ok(payment.into_inner())
            }
            Err(error) => {
                shown.error(&error);
                Err(error)
            }
        }
    }

    /// Nothing that was shown since the beginning, and nothing that was written down, is a secret.
    fn assert_silent(&self) {
        let mut shown = self.shown.lock().unwrap();
        assert!(shown.count() > 0);
        for record in self.records.lock().unwrap().iter() {
            show!(shown, record);
            shown.text(&record.to_json().unwrap());
        }
        let leaks = shown.leaks();
        assert!(leaks.is_empty(), "{leaks:#?}");
    }
}

/// Every member of an error, with every status that is decided about differently.
#[tokio::test]
async fn an_error_that_quotes_the_request_shows_none_of_it() {
    watch::everything();
    for dialect in DIALECTS {
        let mut echo = Echo::new(dialect).await;
        for words in prose(&echo.sandbox, dialect) {
            let everywhere = json!({ "error": {
                "type": words, "code": words, "message": words, "param": words, "decline_code": words,
                "doc_url": words,
            } });
            let declined = json!({ "error": {
                "type": "card_error", "code": words, "message": words, "param": words, "decline_code": words,
            } });
            for (status, body) in [
                (400, everywhere.to_string()),
                (401, everywhere.to_string()),
                (404, everywhere.to_string()),
                (409, everywhere.to_string()),
                (429, everywhere.to_string()),
                (500, everywhere.to_string()),
                (418, words.clone()),
                (502, format!("<html>{words}</html>")),
                (422, declined.to_string()),
            ] {
                let error = echo.pay(Fault::raw(status, JSON, body)).await.unwrap_err();
                assert!(error.decline().is_some() == (status == 422), "{error}");
            }
        }
        echo.assert_silent();
    }
}

#[tokio::test]
async fn a_header_that_quotes_the_request_shows_none_of_it() {
    watch::everything();
    for dialect in DIALECTS {
        let mut echo = Echo::new(dialect).await;
        for words in names(&echo.sandbox, dialect) {
            let headers = [
                ("location", words.as_str()),
                ("x-request-id", &words),
                ("request-id", &words),
                ("flowlix-request-id", &words),
                ("retry-after", &words),
                ("x-ratelimit-limit", &words),
                ("x-ratelimit-remaining", &words),
                ("x-ratelimit-reset", &words),
                ("www-authenticate", &words),
                ("set-cookie", &words),
                ("content-type", &words),
                (AMEX, &words),
            ];
            for status in [200, 302, 400, 401, 429, 503] {
                let body = json!({ "error": { "request_id": words } }).to_string();
                let error = echo.pay(Fault::raw(status, headers, body)).await;
                assert!(error.is_err());
            }
        }
        echo.assert_silent();
    }
}

/// An accepted payment with odd values: what is told of them, and the errors about them.
#[tokio::test]
async fn an_odd_answer_that_quotes_the_request_shows_none_of_it_in_errors_and_events() {
    watch::everything();
    for dialect in DIALECTS {
        let mut echo = Echo::new(dialect).await;
        for words in names(&echo.sandbox, dialect) {
            for (member, value) in [
                ("status", json!(words)),
                ("currency", json!(words)),
                ("decline_code", json!(words)),
                ("amount", json!(words)),
                ("refunds", json!([{ "id": words, "amount": words }])),
                ("refunds", json!([{ (words.clone()): words }])),
                ("next_action", json!(words)),
                ("card", json!({ "exp_month": words })),
                ("metadata", json!([words])),
            ] {
                let mut patch = json!({});
                patch[member] = value;
                let ended = echo.pay(Fault::patch(patch)).await;
                // Values without a name are read; what cannot be read is an error.
                assert!(ended.is_ok() || ended.is_err_and(|error| error.may_have_taken_effect()));
            }
            list(&echo, &words).await;
            recover(&mut echo, &words).await;
        }
        // The journal keeps the answer itself, whatever Flowlix put into it.
        let leaks = echo.shown.lock().unwrap().leaks().to_vec();
        assert!(leaks.is_empty(), "{leaks:#?}");
    }
}

async fn list(echo: &Echo, words: &str) {
    let odd: [Value; 4] = [
        json!({ "data": [{ "id": words, "amount": words }] }),
        json!({ "data": [{ "id": "pay_abc123", (words.to_owned()): 1, "metadata": words }] }),
        json!({ "data": words }),
        json!({ "data": [], "has_more": words }),
    ];
    for odd in odd {
        let at = Operation::ListPayments;
        echo.sandbox.inject_at(at, Fault::patch(odd), 4);
        let page = echo.flowlix.payments().list().page().await;
        echo.sandbox.clear_faults();
        let mut shown = echo.shown.lock().unwrap();
        match &page {
            Ok(page) => {
                for listed in page.items.iter().filter_map(|item| item.as_ref().err()) {
                    // Its id is what to ask for; only the rest of it is text of others.
                    shown.text(listed.json_path());
                }
            }
            Err(error) => shown.error(error),
        }
    }
}

/// Writes in doubt, and what a recovery says that meets the same server.
async fn recover(echo: &mut Echo, words: &str) {
    let lost = echo.pay(Fault::LoseAnswer).await.unwrap_err();
    assert!(lost.outcome_unknown());
    let body = json!({ "error": { "type": words, "code": words, "message": words } });
    for at in [Operation::ListPayments, Operation::RetrievePayment] {
        let refused = Fault::raw(400, JSON, body.to_string());
        echo.sandbox.inject_at(at, refused, 9);
    }
    let recovery = echo.flowlix.recover().certain_after(Duration::ZERO).await;
    echo.sandbox.clear_faults();
    let mut shown = echo.shown.lock().unwrap();
    match &recovery {
        Ok(recovery) => {
            for write in &recovery.writes {
                show!(shown, write, &write.truth);
            }
        }
        Err(error) => shown.error(error),
    }
}
