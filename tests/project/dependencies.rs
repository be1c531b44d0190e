//! The minimum Rust version holds for every dependency, and what users compile stays lean.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

pub(crate) fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "cargo {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// The crates that a service compiles for `flowlix-ext` with these arguments, itself included.
fn compiled(arguments: &[&str]) -> BTreeSet<String> {
    let tree = [
        "tree",
        "--package",
        "flowlix-ext",
        "--edges",
        "normal,build",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ];
    cargo(&[&tree[..], arguments].concat())
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

fn version(text: &str) -> Vec<u32> {
    text.split('.').map(|part| part.parse().unwrap()).collect()
}

#[test]
fn no_dependency_needs_a_newer_rust_than_promised() {
    let metadata: Value =
        serde_json::from_str(&cargo(&["metadata", "--format-version", "1", "--locked"])).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    // What only the features for databases bring counts too; cargo chooses it with the promise in mind.
    let used = compiled(&["--features", "sqlite,journal-postgres"]);
    let promised = packages
        .iter()
        .find(|package| package["name"] == "flowlix-ext")
        .and_then(|package| package["rust_version"].as_str())
        .map(version)
        .unwrap();
    let newer: Vec<String> = packages
        .iter()
        .filter(|package| used.contains(package["name"].as_str().unwrap()))
        .filter_map(|package| {
            let needs = package["rust_version"].as_str()?;
            (version(needs) > promised).then(|| format!("{} needs {needs}", package["name"]))
        })
        .collect();
    assert_eq!(
        newer,
        Vec::<String>::new(),
        "raise rust-version, or pin the dependency"
    );
}

#[test]
fn users_compile_no_generator_and_no_second_of_anything_heavy() {
    let used = compiled(&[]);
    for unwanted in [
        // The generator's own, and what its clients usually bring.
        "progenitor",
        "progenitor-impl",
        "typify",
        "openapiv3",
        "schemars",
        "regress",
        "chrono",
        "futures",
        // Other ways to TLS than the default feature's.
        "aws-lc-rs",
        "aws-lc-sys",
        "native-tls",
        "openssl",
        // The test server, and what only features bring.
        "flowlix-sandbox",
        "axum",
        "rusqlite",
        "tokio-postgres",
    ] {
        assert!(
            !used.contains(unwanted),
            "flowlix-ext brings {unwanted} to everybody"
        );
    }
    // A new dependency should be a decision: then raise this, and say in the manifest what it is for.
    assert!(used.len() <= 115, "{} crates: {used:?}", used.len());
}
