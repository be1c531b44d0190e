//! Webhooks in the background: each event soon after it happened.

use std::collections::HashMap;
use std::io::Write;
use std::time::Duration;

use flowlix_sandbox::{Event, SandboxError, Webhooks};
use tokio::time::{Instant, interval, timeout};

/// How often to look for new events.
const LOOK: Duration = Duration::from_millis(200);

/// How long an endpoint may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long an event that was not accepted rests before it is posted again.
const REST: Duration = Duration::from_secs(2);

/// Posts every event to `url` until it is accepted. Ends with an error alone, when `url` is no
/// endpoint.
pub(crate) async fn run(webhooks: Webhooks, url: &str) -> Result<(), SandboxError> {
    let mut look = interval(LOOK);
    let mut resting: HashMap<String, Instant> = HashMap::new();
    loop {
        let now = look.tick().await;
        resting.retain(|_, until| *until > now);
        for event in webhooks.pending() {
            if !resting.contains_key(event.id()) {
                let report = attempt(&webhooks, &event, url).await?;
                // Nobody reading along is no reason to stop.
                let _ = writeln!(std::io::stdout(), "{report}");
                resting.insert(event.id().to_owned(), Instant::now() + REST);
            }
        }
    }
}

async fn attempt(webhooks: &Webhooks, event: &Event, url: &str) -> Result<String, SandboxError> {
    Ok(
        match timeout(PATIENCE, webhooks.deliver([event], url)).await {
            Ok(deliveries) => {
                let lines: Vec<String> = deliveries?.iter().map(ToString::to_string).collect();
                lines.join("\n")
            }
            Err(_) => format!(
                "{} {}: posted, no answer within {} s",
                event.kind(),
                event.id(),
                PATIENCE.as_secs()
            ),
        },
    )
}
