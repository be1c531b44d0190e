//! No file of the repository holds a secret that works.

use std::path::{Path, PathBuf};

use crate::common::secrets::is_card;

/// Flowlix's documented test cards, and the card networks' published test numbers.
const TEST_CARDS: [&str; 12] = [
    "4111111111111111",
    "4000000000000002",
    "4000000000009995",
    "4000000000000069",
    "4635440000002223",
    "378282246310005",
    "5555555555554444",
    "5105105105105100",
    "6011111111111117",
    "2221000000000009",
    "2223003122003222",
    "4242424242424242",
];

/// The longest key or secret in an example; one that works is longer.
const EXAMPLE: usize = 20;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_path_buf()
}

/// Every file but what is built or belongs to git.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let kept = paths.filter(|path| !path.ends_with("target") && !path.ends_with(".git"));
    kept.flat_map(|path| match path.is_dir() {
        true => files_below(&path),
        false => vec![path],
    })
    .collect()
}

/// What looks like a key, a webhook secret or a card number that somebody could use.
fn usable(text: &str) -> Vec<String> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let mut found = Vec::new();
    for word in words {
        for prefix in ["_test_sk_", "_live_sk_", "whsec_"] {
            let secret = word.split_once(prefix).map_or("", |(_, secret)| secret);
            if secret.len() > EXAMPLE {
                found.push(word.to_owned());
            }
        }
        if is_card(word) && !TEST_CARDS.contains(&word) {
            found.push(word.to_owned());
        }
    }
    found
}

#[test]
fn no_file_holds_a_secret_that_works() {
    let files = files_below(&root());
    let snapshots = files
        .iter()
        .filter(|path| path.extension().is_some_and(|end| end == "snap"));
    assert!(
        snapshots.count() > 10 && files.len() > 300,
        "{}",
        files.len()
    );
    let mut found = Vec::new();
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        let usable = usable(&String::from_utf8_lossy(&bytes));
        found.extend(
            usable
                .into_iter()
                .map(|secret| format!("{secret} in {}", file.display())),
        );
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn a_secret_that_works_is_recognised() {
    let card = ["4539", "1488", "0343", "6467"].concat();
    let random = "Zx81kq2".repeat(4);
    for text in [
        format!("\"number\": \"{card}\""),
        format!("FLOWLIX_API_KEY=fl_live_sk_{random}"),
        format!("key: api_test_sk_{random}\n"),
        format!("'whsec_{random}'"),
    ] {
        assert_eq!(usable(&text).len(), 1, "{text}");
    }
    for text in [
        "fl_test_sk_abc123def456",
        "4111111111111111",
        "00004539148803436467",
    ] {
        assert!(usable(text).is_empty(), "{text}");
    }
}
