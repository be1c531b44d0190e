use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::client::{GOOD, direct, plain, send};

/// Ends the program with the test, however the test ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_flowlix-sandbox"))
}

#[tokio::test]
async fn it_prints_where_it_is_and_serves() {
    let mut running = Running(program().stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(running.0.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let mut word_after = |label: &str| {
        let line = lines.find(|line| line.contains(label)).unwrap();
        line.rsplit(' ').next().unwrap().to_owned()
    };
    let base = word_after("Flowlix sandbox at");
    let snake = word_after("snake_case key");
    let upper = word_after("uppercase key");
    assert!(lines.any(|line| line.contains(GOOD)));
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

#[test]
fn it_explains_itself_and_refuses_nonsense() {
    let help = program().arg("--help").output().unwrap();
    assert!(help.status.success());
    assert!(String::from_utf8(help.stdout).unwrap().contains("--port"));
    for arguments in [&["--port"][..], &["--port", "many"], &["--mystery"]] {
        let output = program().args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8(output.stderr).unwrap().contains("Usage"));
    }
}
