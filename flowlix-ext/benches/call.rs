//! What a call costs beside the plain alternative: the same request by reqwest, its answer read as untyped JSON.
//!
//! `cargo bench -p flowlix-ext`. Both talk to the same sandbox in turn, in the same run; only the ratio means something.

#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use flowlix_ext::call::rate::RateLimit;
use flowlix_ext::model::PaymentId;
use flowlix_ext::{CardDetails, Flowlix, Money};
use flowlix_sandbox::{Dialect, Sandbox};

const ROUNDS: usize = 15;
const CALLS: usize = 200;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let sandbox = Sandbox::builder()
        .rate_limit(u32::MAX)
        .start()
        .await
        .unwrap();
    for dialect in [Dialect::SnakeCase, Dialect::Uppercase] {
        let flowlix = Flowlix::builder(sandbox.key(dialect))
            .base_url(sandbox.base_url())
            .rate_limit(RateLimit::off())
            .build()
            .unwrap();
        let card = CardDetails::new("4111111111111111", 12, 2030, "314", "Jenny Rosen");
        let payment = flowlix
            .payments()
            .create_direct(Money::eur(49_99), card)
            .await
            .unwrap();
        let plain = flowlix_api::http_client_builder().unwrap().build().unwrap();
        let url = format!("{}/v1/payments/{}", sandbox.base_url(), payment.id);
        let key = sandbox.key(dialect);

        let mut ratios = Vec::with_capacity(ROUNDS);
        let mut ours = Duration::ZERO;
        for round in 0..=ROUNDS {
            let sdk = with_sdk(&flowlix, &payment.id).await;
            let http = with_http(&plain, &url, key).await;
            // The first round warms both connections up.
            if round > 0 {
                ratios.push(sdk.as_secs_f64() / http.as_secs_f64());
                ours += sdk;
            }
        }
        ratios.sort_by(f64::total_cmp);
        let each = ours / u32::try_from(ROUNDS * CALLS).unwrap();
        println!(
            "{dialect:?}: retrieve takes {:.2} times as long as plain reqwest (median of {ROUNDS}; {:.2} to {:.2}); {each:?} a call",
            ratios.get(ROUNDS / 2).unwrap(),
            ratios.first().unwrap(),
            ratios.last().unwrap(),
        );
    }
}

async fn with_sdk(flowlix: &Flowlix, id: &PaymentId) -> Duration {
    let begun = Instant::now();
    for _ in 0..CALLS {
        flowlix.payments().retrieve(id).await.unwrap();
    }
    begun.elapsed()
}

async fn with_http(client: &reqwest::Client, url: &str, key: &str) -> Duration {
    let begun = Instant::now();
    for _ in 0..CALLS {
        let response = client.get(url).bearer_auth(key).send().await.unwrap();
        let body = response.error_for_status().unwrap().bytes().await.unwrap();
        let payment: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert!(payment.get("id").is_some());
    }
    begun.elapsed()
}
