//! What the documentation promises about itself, where no compiler looks.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::dependencies::cargo;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn the_front_page_names_every_feature() {
    let metadata: Value =
        serde_json::from_str(&cargo(&["metadata", "--format-version", "1", "--no-deps"])).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages
        .iter()
        .find(|package| package["name"] == "flowlix-ext")
        .unwrap();
    let features: BTreeSet<&str> = package["features"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .filter(|feature| *feature != "default")
        .collect();
    let page = fs::read_to_string(root().join("flowlix-ext/src/lib.rs")).unwrap();
    let named: BTreeSet<&str> = page
        .lines()
        .skip_while(|line| *line != "//! # Features")
        .skip(1)
        .take_while(|line| !line.starts_with("//! # "))
        .filter_map(|line| line.strip_prefix("//! | `")?.split('`').next())
        .collect();
    assert_eq!(named, features);
}

/// rustdoc takes `$crate` in the documentation of what a macro makes for text, and the link leads nowhere.
#[test]
fn no_documentation_links_through_a_macros_crate() {
    let mut files = Vec::new();
    for folder in ["flowlix-api/src", "flowlix-ext/src", "tests/sandbox/src"] {
        sources(&root().join(folder), &mut files);
    }
    assert!(files.len() > 50, "{files:?}");
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim_start();
            let is_documentation = line.starts_with("///") || line.starts_with("//!");
            assert!(
                !(is_documentation && line.contains("$crate")),
                "{}:{}: {line}",
                file.display(),
                number + 1
            );
        }
    }
}

/// On the page where most people read it, a line that rustdoc hides is shown.
#[test]
fn the_readme_hides_no_line_of_its_code() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let mut in_rust = false;
    let mut blocks = 0;
    for line in readme.lines() {
        if line.starts_with("```") {
            in_rust = line.starts_with("```rust");
            blocks += usize::from(in_rust);
        }
        assert!(!(in_rust && line.starts_with("# ")), "{line}");
    }
    assert!(blocks > 5, "{blocks}");
}
