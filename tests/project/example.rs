//! The example that the README promises.

use std::process::{Command, Output};

fn checkout(key: Option<&str>) -> Output {
    let mut command = Command::new(env!("CARGO"));
    command
        .args(["run", "--quiet", "--example", "checkout"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .env_remove("FLOWLIX_API_KEY")
        .env_remove("FLOWLIX_BASE_URL");
    if let Some(key) = key {
        command.env("FLOWLIX_API_KEY", key);
    }
    command.output().unwrap()
}

#[test]
fn checkout_runs_in_both_dialects() {
    let output = checkout(None);
    let told = String::from_utf8(output.stdout).unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}\n{complaint}");
    for line in [
        "== The snake_case dialect",
        "== The uppercase dialect",
        "    for them     Your card has insufficient funds. Please try a different card.",
        "    8 payments, 6 charges, 4 refunds",
        "Everything went as expected.",
    ] {
        assert!(
            told.lines().any(|told| told == line),
            "no line {line:?} in\n{told}"
        );
    }
    assert!(
        !told.contains("4111111111111111"),
        "a card number in\n{told}"
    );
}

#[test]
fn checkout_refuses_a_live_key_before_it_asks_for_anything() {
    for key in [
        "fl_live_sk_canary0123456789",
        "api_live_sk_canary0123456789",
    ] {
        let output = checkout(Some(key));
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success());
        assert!(complaint.contains("live key"), "{complaint}");
        assert!(!complaint.contains("canary"), "{complaint}");
        assert!(!String::from_utf8_lossy(&output.stdout).contains("canary"));
    }
}
