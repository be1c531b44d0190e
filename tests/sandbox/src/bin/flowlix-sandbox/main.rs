//! The sandbox as a program: `cargo run -p flowlix-sandbox -- --help`.

mod courier;

use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flowlix_sandbox::{Dialect, Progress, Sandbox};

const WEBHOOK_URL: &str = "FLOWLIX_WEBHOOK_URL";

const USAGE: &str = "\
A local Flowlix server. It runs on the machine's clock until Ctrl-C; each step of a payment takes
one second.

Usage: flowlix-sandbox [--port <port>] [--webhook-url <url>]

  --port <port>        the loopback port to listen on (default: a free one)
  --webhook-url <url>  where your service takes webhooks, http://host:port/path; events of uppercase
                       payments are posted there as they happen (default: FLOWLIX_WEBHOOK_URL; without
                       both none are posted)
  --help               this text

An endpoint has 10 s to answer. An event that is not answered with 2xx is posted again 2 s later,
until it is: the sandbox's own choice, Flowlix's schedule is not documented.";

#[derive(Default)]
struct Options {
    port: u16,
    webhook_url: Option<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = match parse(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(message) => {
            eprintln!("flowlix-sandbox: {message}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("flowlix-sandbox: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What is asked for, or `None` when that is help.
fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Option<Options>, String> {
    let mut options = Options {
        // Set and empty is how environments say "not set".
        webhook_url: std::env::var(WEBHOOK_URL)
            .ok()
            .filter(|url| !url.is_empty()),
        ..Options::default()
    };
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--help" | "-h" => return Ok(None),
            "--port" => {
                let text = arguments.next().ok_or("--port needs a number")?;
                options.port = text
                    .parse()
                    .map_err(|_| format!("--port {text} is no port number"))?;
            }
            "--webhook-url" => {
                options.webhook_url = Some(arguments.next().ok_or("--webhook-url needs a URL")?);
            }
            other => return Err(format!("unknown argument {other}")),
        }
    }
    Ok(Some(options))
}

async fn run(options: Options) -> Result<(), Box<dyn Error>> {
    // Another seed for each run: a shop's database that outlives the sandbox meets no id twice.
    let seed = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let sandbox = Sandbox::builder()
        .port(options.port)
        .seed(seed)
        .real_clock()
        .progress(Progress::ByClock {
            step: Duration::from_secs(1),
        })
        .start()
        .await?;
    let webhooks = sandbox.webhooks();
    if let Some(url) = &options.webhook_url {
        // Posts nothing; it tells now whether the URL is one.
        webhooks.deliver([], url).await?;
    }
    println!("Flowlix sandbox at {}", sandbox.base_url());
    println!("  snake_case key  {}", sandbox.key(Dialect::SnakeCase));
    println!("  uppercase key   {}", sandbox.key(Dialect::Uppercase));
    println!("  webhook secret  {}", sandbox.webhook_secret());
    println!(
        "  webhooks go to  {}",
        options
            .webhook_url
            .as_deref()
            .unwrap_or("nobody (--webhook-url)")
    );
    println!("  test cards (any future expiry, any CVC of the right length)");
    for (number, outcome) in Sandbox::test_cards() {
        println!("    {number}  {outcome}");
    }
    println!("Ctrl-C ends it.");
    match options.webhook_url {
        None => tokio::signal::ctrl_c().await?,
        Some(url) => tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted?,
            failed = courier::run(webhooks, &url) => failed?,
        },
    }
    Ok(())
}
