//! The sandbox as a program: `cargo run -p flowlix-sandbox [-- --port <port>]`.

use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flowlix_sandbox::{Dialect, Progress, Sandbox};

const USAGE: &str = "\
A local Flowlix server. It runs on the machine's clock until Ctrl-C; each step of a payment takes
one second.

Usage: flowlix-sandbox [--port <port>]

  --port <port>  the loopback port to listen on (default: a free one)
  --help         this text";

#[tokio::main]
async fn main() -> ExitCode {
    let port = match parse(std::env::args().skip(1)) {
        Ok(Some(port)) => port,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(message) => {
            eprintln!("flowlix-sandbox: {message}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(port).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("flowlix-sandbox: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The port, or `None` when help is asked for.
fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Option<u16>, String> {
    let mut port = 0;
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--help" | "-h" => return Ok(None),
            "--port" => {
                let text = arguments.next().ok_or("--port needs a number")?;
                port = text
                    .parse()
                    .map_err(|_| format!("--port {text} is no port number"))?;
            }
            other => return Err(format!("unknown argument {other}")),
        }
    }
    Ok(Some(port))
}

async fn run(port: u16) -> Result<(), Box<dyn Error>> {
    // Another seed for each run: a shop's database that outlives the sandbox meets no id twice.
    let seed = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let sandbox = Sandbox::builder()
        .port(port)
        .seed(seed)
        .real_clock()
        .progress(Progress::ByClock {
            step: Duration::from_secs(1),
        })
        .start()
        .await?;
    println!("Flowlix sandbox at {}", sandbox.base_url());
    println!("  snake_case key  {}", sandbox.key(Dialect::SnakeCase));
    println!("  uppercase key   {}", sandbox.key(Dialect::Uppercase));
    println!("  test cards (any future expiry, any CVC of the right length)");
    for (number, outcome) in Sandbox::test_cards() {
        println!("    {number}  {outcome}");
    }
    println!("Ctrl-C ends it.");
    tokio::signal::ctrl_c().await?;
    Ok(())
}
