//! Makes sure that every public type was looked at.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use flowlix_api::{Session, snake_case, uppercase};
use flowlix_ext::call::headers::ExtraHeaders;
use flowlix_ext::{CardBrand, ErrorKind, IdempotencyKey, Money, model};

use super::shown::Shown;
use super::{AMEX, AMEX_CVC, HEADER, card};

/// What a request is made of, in the model and in both dialects, and what else may come near a secret.
pub(crate) fn requests(shown: &mut Shown) {
    let details = card(AMEX);
    shown.debug(&details);
    shown.debug(&CardBrand::of(AMEX).unwrap());
    for violation in details.check(std::time::SystemTime::UNIX_EPOCH) {
        shown.both(&violation);
    }
    let input = model::CardInput::new(
        flowlix_api::CardNumber::new(AMEX.to_owned()),
        12,
        2027,
        flowlix_api::CardCvc::new(AMEX_CVC.to_owned()),
        "Jenny Rosen".to_owned(),
    );
    shown.debug(&input);
    let method = model::PaymentMethodData::new(input);
    let mut request = model::CreateDirectPayment::new(4999, model::Currency::Eur, method);
    shown.debug(&request);
    let snake_case = snake_case::types::CreateDirectPayment::try_from(request.clone()).unwrap();
    shown.debug(&snake_case);
    let uppercase = uppercase::types::CreateDirectPayment::try_from(request.clone()).unwrap();
    shown.debug(&uppercase);
    request.payment_method_data.card.exp_month = 13;
    request.merchant_reference = Some("r".repeat(999));
    let refused = snake_case::types::CreateDirectPayment::try_from(request).unwrap_err();
    shown.both(&refused);

    shown.debug(&Session::new("fl_test_sk_canaryKey4711").unwrap());
    shown.both(&Session::new("canaryKey4711\n").unwrap_err());
    shown.both(&IdempotencyKey::random().unwrap());
    let key = IdempotencyKey::derive("payment", [AMEX, HEADER]).unwrap();
    shown.both(&key);
    shown.both(&IdempotencyKey::custom(format!("{HEADER}\n")).unwrap_err());
    shown.both(&Money::eur(4999));
    for text in [AMEX, HEADER, "EUR 1.999", ""] {
        if let Err(error) = text.parse::<Money>() {
            shown.both(&error);
        }
    }
    let mut headers = ExtraHeaders::default();
    headers.insert("X-A", HEADER).unwrap();
    shown.debug(&headers);
    let handle = flowlix_ext::payments::WaitHandle::from_json(HEADER);
    shown.both(&handle.unwrap_err());
    let returned = flowlix_ext::payments::HostedReturn::parse(HEADER);
    shown.both(&returned.unwrap_err());
    let time = flowlix_ext::testing::ManualTime::automatic();
    shown.debug(&time);
}

/// Types that no value of a secret can reach: made of the client, whose own `Debug` is driven, or of other
/// types that are driven or plain.
const MADE_OF_DRIVEN: [&str; 14] = [
    "Broken",
    "Doubt",
    "Counts",
    "Claim",
    "ImpossibleJump",
    "Payments",
    "Refunds",
    "Labels",
    "Facts",
    "Rule",
    "Circumstances",
    "Decision",
    "RateLimit",
    "InMemoryEvents",
];

/// Fails for a public type that neither showed itself nor is plainly empty of text, and for a kind of error
/// that never came up.
pub(crate) fn assert_all_driven(driven: &BTreeSet<String>, kinds: &[ErrorKind]) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&source, &mut files);
    let mut missing = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        // What a feature adds is only there when the feature is on.
        if text.starts_with("#![cfg(") || is_behind_a_feature(&file, &source) {
            continue;
        }
        for (name, body) in public_types(&text) {
            if name == "ErrorKind" {
                missing.extend(kinds_not_among(kinds, body));
            }
            let known = driven.contains(name) || MADE_OF_DRIVEN.contains(&name);
            if !known && !is_plain(body) {
                missing.push(format!("{name} in {}", file.display()));
            }
        }
    }
    assert!(
        missing.is_empty(),
        "show these in tests/canary.rs, so that it is certain that they show no secret: {missing:#?}"
    );
}

fn kinds_not_among(kinds: &[ErrorKind], body: &str) -> Vec<String> {
    let driven: BTreeSet<String> = kinds.iter().map(|kind| format!("{kind:?},")).collect();
    let variants = body.lines().map(str::trim);
    let variants = variants.filter(|line| line.starts_with(char::is_uppercase));
    // Its text is fixed, and only the feature `blocking` can make it.
    let variants = variants.filter(|line| *line != "BlockingInAsync,");
    variants
        .filter(|variant| !driven.contains(*variant))
        .map(|variant| format!("ErrorKind::{variant}"))
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}

/// The modules that only a feature compiles, and those that are not compiled at all yet.
fn is_behind_a_feature(file: &Path, source: &Path) -> bool {
    let relative = file.strip_prefix(source).unwrap();
    let parts: Vec<&str> = relative.iter().map(|part| part.to_str().unwrap()).collect();
    let mut folder = source.to_path_buf();
    for part in parts {
        let module = part.trim_end_matches(".rs");
        if !matches!(module, "mod" | "lib") {
            let owner = match folder.join("mod.rs") {
                owner if owner.exists() => owner,
                _ => folder.join("lib.rs"),
            };
            let text = std::fs::read_to_string(owner).unwrap();
            let lines: Vec<&str> = text.lines().collect();
            let declared = lines.iter().position(|line| {
                line.trim_start_matches("pub ")
                    .trim_start_matches("pub(crate) ")
                    == format!("mod {module};")
            });
            let always = declared.is_some_and(|at| at == 0 || !lines[at - 1].starts_with("#[cfg("));
            if !always {
                return true;
            }
        }
        folder = folder.join(module);
    }
    false
}

/// Names and bodies of the structs and enums that a file makes public.
fn public_types(text: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    for keyword in ["pub struct ", "pub enum "] {
        for (at, _) in text.match_indices(keyword) {
            let is_code = text[..at].ends_with('\n') || at == 0;
            let rest = &text[at + keyword.len()..];
            let name_end = rest.find(|c: char| !c.is_alphanumeric()).unwrap();
            let end = rest.find(['{', ';', '(']).unwrap();
            let body = if rest[end..].starts_with('{') {
                &rest[end..rest.find("\n}").unwrap_or(rest.len())]
            } else {
                &rest[end..=rest.find(';').unwrap()]
            };
            if is_code {
                found.push((&rest[..name_end], body));
            }
        }
    }
    found
}

/// Whether a type has no content but numbers, moments and yes or no.
fn is_plain(body: &str) -> bool {
    const PLAIN: [&str; 9] = [
        "u32",
        "u64",
        "i64",
        "f64",
        "bool",
        "Duration",
        "SystemTime",
        "Instant",
        "AtomicU32",
    ];
    if body == ";" {
        return true;
    }
    let code = body.lines().map(str::trim);
    let mut code = code.filter(|line| !line.starts_with("//") && !line.starts_with('#'));
    code.all(|line| match line.split_once(": ") {
        Some((_, content)) => PLAIN.contains(&content.trim_end_matches(',')),
        None => !line.contains('(') || line.contains("(u64)"),
    })
}
