//! Makes sure that every public type was looked at.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use flowlix_ext::ErrorKind;

use crate::shown::Shown;
use crate::source::{Declared, declared, files_below};

/// What no test can make, and why it holds no secret.
const CANNOT_BE_MADE: [(&str, &str); 2] = [
    (
        "flowlix_api::TlsError",
        "only a platform without a certificate store makes one, before any key is known",
    ),
    (
        "flowlix_ext::InvalidBaseUrl",
        "no function returns one; it holds nothing, and its text is shown by a configuration error",
    ),
];

fn is_on(feature: &str) -> bool {
    match feature {
        "blocking" => cfg!(feature = "blocking"),
        "axum" => cfg!(feature = "axum"),
        "sqlite" => cfg!(feature = "sqlite"),
        "test-util" => cfg!(feature = "test-util"),
        "journal-sqlite" => cfg!(feature = "journal-sqlite"),
        "journal-postgres" => cfg!(feature = "journal-postgres"),
        // A feature that is not known here is taken for on: what it adds is to be driven.
        _ => true,
    }
}

fn root(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    folder.join(name).join("src/lib.rs")
}

/// Fails for a public type that did not show itself, for a variant with content that did not, and for a kind of
/// error that never came up.
pub(crate) fn assert_all_driven(shown: &Shown, kinds: &[ErrorKind]) {
    let mut missing = Vec::new();
    for (name, folder) in [
        ("flowlix_ext", "flowlix-ext"),
        ("flowlix_api", "flowlix-api"),
        ("flowlix_sandbox", "tests/sandbox"),
    ] {
        let root = root(folder);
        let found = declared(name, &root, is_on);
        missing.extend(
            found
                .unclear
                .iter()
                .map(|what| format!("the test cannot read {what}")),
        );
        missing.extend(files_that_nobody_builds(name, &root));
        assert!(found.types.len() > 10, "{:?}", found.types);
        missing.extend(not_shown(&found, shown));
    }
    let driven: BTreeSet<String> = kinds.iter().map(|kind| format!("{kind:?}")).collect();
    let kinds = error_kinds();
    assert!(kinds.len() > 15, "{kinds:?}");
    let never = kinds.difference(&driven);
    missing.extend(never.map(|kind| format!("an error of the kind {kind}")));
    assert!(
        missing.is_empty(),
        "show these in tests/canary, so that it is certain that they show no secret: {missing:#?}"
    );
}

fn not_shown(found: &Declared, shown: &Shown) -> Vec<String> {
    let exempt = |path: &String| {
        CANNOT_BE_MADE
            .iter()
            .any(|(known, _)| *known == short(path))
    };
    let types = found.types.iter();
    let types = types.filter(|path| !shown.types().contains(*path) && !exempt(path));
    let others = found.others.iter();
    let others = others.filter(|path| !shown.others().contains(&short(path)));
    let variants = found.variants.difference(shown.variants());
    types
        .chain(others)
        .cloned()
        .chain(variants.map(|(path, name)| format!("{path}::{name}")))
        .collect()
}

/// The crate and the name, without the modules between, which are the crate's own business.
fn short(path: &str) -> String {
    match (path.split_once("::"), path.rsplit_once("::")) {
        (Some((root, _)), Some((_, name))) => format!("{root}::{name}"),
        _ => path.to_owned(),
    }
}

/// Modules that no feature reaches would be read by nobody.
fn files_that_nobody_builds(name: &str, root: &Path) -> Vec<String> {
    let read = declared(name, root, |_| true).files;
    let all = files_below(root.parent().unwrap());
    let lost = all.difference(&read);
    // Programs of their own, and tests of what is private: with nothing that others can use.
    let own = [
        "bin",
        "intents/protocol/model",
        "intents/protocol/table.rs",
        "intents/protocol/tests.rs",
    ]
    .map(|path| root.with_file_name(path));
    let is_own = |file: &Path| own.iter().any(|path| file.starts_with(path));
    let lost = lost.filter(|file| !file.ends_with("src/main.rs") && !is_own(file));
    lost.map(|file| format!("the types of {}", file.display()))
        .collect()
}

/// Every kind of error that this build can make.
fn error_kinds() -> BTreeSet<String> {
    let folder = root("flowlix-ext").parent().unwrap().to_path_buf();
    let texts = files_below(&folder)
        .into_iter()
        .map(|file| std::fs::read_to_string(file).unwrap());
    let items = texts.flat_map(|text| syn::parse_file(&text).unwrap().items);
    let kinds = items.filter_map(|item| match item {
        syn::Item::Enum(item) if item.ident == "ErrorKind" => Some(item.variants),
        _ => None,
    });
    let names = kinds.flatten().map(|variant| variant.ident.to_string());
    names
        .filter(|name| cfg!(feature = "blocking") || name != "BlockingInAsync")
        .collect()
}
