use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::client::{GOOD, direct, hosted, plain, send};
use crate::endpoint::{Arrived, accept, answer};
use crate::webhooks::signature;

/// Ends the program with the test, however the test ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn program() -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_flowlix-sandbox"));
    program.env_remove("FLOWLIX_WEBHOOK_URL");
    program
}

#[tokio::test]
async fn it_prints_where_it_is_and_serves() {
    let mut command = program();
    // Empty is as good as unset.
    command
        .env("FLOWLIX_WEBHOOK_URL", "")
        .stdout(Stdio::piped());
    let mut running = Running(command.spawn().unwrap());
    let labels = [
        "Flowlix sandbox at",
        "snake_case key",
        "uppercase key",
        "webhooks go to",
        GOOD,
    ];
    let [base, snake, upper, hooks, outcome] = words_after(&mut running, labels);
    assert_eq!(
        (hooks.as_str(), outcome.as_str()),
        ("(--webhook-url)", "succeeds")
    );
    for key in [&snake, &upper] {
        let dialect = match key.starts_with("fl_test_sk_") {
            true => flowlix_sandbox::Dialect::SnakeCase,
            false => flowlix_sandbox::Dialect::Uppercase,
        };
        let request = plain()
            .build()
            .unwrap()
            .post(format!("{base}/v1/payments"))
            .header("Authorization", format!("Bearer {key}"))
            .header("Idempotency-Key", "key")
            .body(direct(dialect, GOOD).to_string());
        let reply = send(request).await.unwrap();
        assert_eq!(reply.status, 201);
        assert_eq!(reply.json()["livemode"], json!(false));
    }
}

/// The words at the ends of the lines that have these labels, in the order in which they stand.
fn words_after<const N: usize>(running: &mut Running, labels: [&str; N]) -> [String; N] {
    let mut lines = BufReader::new(running.0.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let words = labels.map(|label| {
        let line = lines.find(|line| line.contains(label)).unwrap();
        line.rsplit(' ').next().unwrap().to_owned()
    });
    assert!(lines.any(|line| line.starts_with("Ctrl-C")));
    words
}

#[tokio::test]
async fn it_posts_events_to_the_endpoint_that_it_is_given() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hooks", listener.local_addr().unwrap());
    let nowhere = "http://127.0.0.1:1/";
    let option = ["--webhook-url", url.as_str()];
    for (arguments, variable, answers) in [
        (&option[..], nowhere, &[200][..]),
        (&[], url.as_str(), &[500, 200]),
    ] {
        let mut command = program();
        command.args(arguments).env("FLOWLIX_WEBHOOK_URL", variable);
        let mut running = Running(command.stdout(Stdio::piped()).spawn().unwrap());
        let labels = [
            "Flowlix sandbox at",
            "uppercase key",
            "webhook secret",
            "webhooks go to",
        ];
        let [base, key, secret, told] = words_after(&mut running, labels);
        assert!(secret.starts_with("whsec_"));
        assert_eq!(told, url);

        // What its page does takes no time, unlike the steps of a payment.
        let http = plain()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let request = http
            .post(format!("{base}/v1/payments/hpp"))
            .header("Authorization", format!("Bearer {key}"))
            .header("Idempotency-Key", "key")
            .body(hosted(flowlix_sandbox::Dialect::Uppercase).to_string());
        let id = send(request).await.unwrap().id();
        let abandon = http.get(format!("{base}/sandbox/hpp/{id}/abandon"));
        assert_eq!(send(abandon).await.unwrap().status, 303);

        let mut signed_at = Vec::new();
        for status in answers {
            let mut stream = accept(&listener).await;
            let arrived = Arrived::read(&mut stream).await;
            answer(&mut stream, *status).await;
            assert_eq!(arrived.kind(), "payment.canceled");
            assert_eq!(arrived.json()["data"]["payment"]["id"], json!(id));
            let header = arrived.header("flowlix-signature").unwrap();
            let (time, _) = header.split_once(',').unwrap();
            let seconds: i64 = time.strip_prefix("t=").unwrap().parse().unwrap();
            assert_eq!(header, signature(&secret, seconds, &arrived.body));
            signed_at.push(seconds);
        }
        // It leaves a service that is in trouble some time.
        assert!(signed_at.windows(2).all(|pair| pair[1] >= pair[0] + 2));
    }
}

#[test]
fn it_explains_itself_and_refuses_nonsense() {
    let help = program().arg("--help").output().unwrap();
    assert!(help.status.success());
    let help = String::from_utf8(help.stdout).unwrap();
    for option in ["--port", "--webhook-url", "FLOWLIX_WEBHOOK_URL"] {
        assert!(help.contains(option));
    }
    for arguments in [
        &["--port"][..],
        &["--port", "many"],
        &["--webhook-url"],
        &["--mystery"],
    ] {
        let output = program().args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8(output.stderr).unwrap().contains("Usage"));
    }
}

#[test]
fn an_endpoint_that_is_none_is_refused_at_once() {
    let output = program()
        .args(["--webhook-url", "https://shop.example.com/hooks"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("https://shop.example.com/hooks"), "{said}");
}
