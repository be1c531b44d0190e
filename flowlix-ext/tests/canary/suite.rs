//! Every test of this crate that waits for anything is watched, and the watch does its work.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use syn::visit::{self, Visit};

use crate::common::secrets::{self, AMEX, AMEX_CVC, CVC, VISA, WEBHOOK_SECRET};
use crate::common::watch;
use crate::source::files_below;

/// A function of the tests.
#[derive(Default)]
struct Function {
    is_test: bool,
    waits: bool,
    /// What it calls: `name` or `Type::name`.
    calls: BTreeSet<String>,
    /// The type that it belongs to.
    owner: Option<String>,
}

impl Visit<'_> for Function {
    fn visit_expr_call(&mut self, call: &syn::ExprCall) {
        if let syn::Expr::Path(path) = &*call.func {
            let names: Vec<String> = path
                .path
                .segments
                .iter()
                .map(|part| part.ident.to_string())
                .collect();
            let name = names.last().cloned().unwrap_or_default();
            let of = names
                .len()
                .checked_sub(2)
                .and_then(|place| names.get(place));
            let of = match of.map(String::as_str) {
                Some("Self") => self.owner.clone(),
                Some(of) if of.starts_with(char::is_uppercase) => Some(of.to_owned()),
                _ => None,
            };
            self.calls
                .insert(of.map_or(name.clone(), |of| format!("{of}::{name}")));
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_expr_await(&mut self, waiting: &syn::ExprAwait) {
        self.waits = true;
        visit::visit_expr_await(self, waiting);
    }

    fn visit_expr_method_call(&mut self, call: &syn::ExprMethodCall) {
        self.waits |= call.method == "run" || call.method == "block_on";
        visit::visit_expr_method_call(self, call);
    }
}

/// The functions of a test binary by name; modules may have one of the same name each.
#[derive(Default)]
struct Functions {
    by_name: BTreeMap<String, Vec<Function>>,
    owner: Option<String>,
    /// Names of the file that was read before: what it says comes before what it shares with others.
    settled: BTreeSet<String>,
}

impl Functions {
    fn add(&mut self, name: &syn::Ident, attributes: &[syn::Attribute], block: &syn::Block) {
        let is_test = attributes.iter().any(|attribute| {
            let last = attribute.path().segments.last();
            last.is_some_and(|last| last.ident == "test")
        });
        let mut found = Function {
            is_test,
            owner: self.owner.clone(),
            ..Function::default()
        };
        found.visit_block(block);
        let name = match &self.owner {
            Some(owner) => format!("{owner}::{name}"),
            None => name.to_string(),
        };
        if !self.settled.contains(&name) {
            self.by_name.entry(name).or_default().push(found);
        }
    }

    fn read(&mut self, text: &str) {
        self.visit_file(&syn::parse_file(text).unwrap());
    }

    /// Those that wait for something.
    fn tests(&self) -> impl Iterator<Item = (&String, &Function)> {
        let all = self.by_name.iter();
        let all = all.flat_map(|(name, functions)| functions.iter().map(move |one| (name, one)));
        all.filter(|(_, function)| function.is_test && function.waits)
    }

    /// The tests that wait for something and do not begin to listen, by themselves or through what they call.
    fn unwatched(&self) -> Vec<String> {
        let mut watching = BTreeSet::from(["everything".to_owned()]);
        loop {
            let more = self.by_name.iter().filter(|(name, functions)| {
                let mut all = functions.iter();
                !watching.contains(*name) && all.all(|one| !one.calls.is_disjoint(&watching))
            });
            let more: Vec<String> = more.map(|(name, _)| name.clone()).collect();
            if more.is_empty() {
                break;
            }
            watching.extend(more);
        }
        let deaf = self
            .tests()
            .filter(|(_, function)| function.calls.is_disjoint(&watching));
        deaf.map(|(name, _)| name.clone()).collect()
    }
}

impl Visit<'_> for Functions {
    fn visit_item_fn(&mut self, item: &syn::ItemFn) {
        self.add(&item.sig.ident, &item.attrs, &item.block);
    }

    fn visit_item_impl(&mut self, item: &syn::ItemImpl) {
        if let syn::Type::Path(path) = &*item.self_ty {
            self.owner = path.path.segments.last().map(|last| last.ident.to_string());
        }
        visit::visit_item_impl(self, item);
        self.owner = None;
    }

    fn visit_impl_item_fn(&mut self, item: &syn::ImplItemFn) {
        self.add(&item.sig.ident, &item.attrs, &item.block);
    }
}

#[test]
fn every_test_that_waits_is_watched() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let text = |path: &Path| std::fs::read_to_string(path).unwrap();
    let mut binaries = 0;
    let mut deaf = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let mut functions = Functions::default();
        functions.read(&text(&path));
        let beside = path.with_extension("");
        if beside.is_dir() {
            files_below(&beside)
                .iter()
                .for_each(|file| functions.read(&text(file)));
        }
        functions.settled = functions.by_name.keys().cloned().collect();
        files_below(&folder.join("common"))
            .iter()
            .for_each(|file| functions.read(&text(file)));
        binaries += usize::from(functions.tests().next().is_some());
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        deaf.extend(
            functions
                .unwatched()
                .into_iter()
                .map(|test| format!("{name}: {test}")),
        );
    }
    assert!(binaries > 12, "{binaries}");
    assert!(
        deaf.is_empty(),
        "call common::watch::everything() first in: {deaf:#?}"
    );
}

#[test]
fn a_test_that_is_not_watched_is_noticed() {
    let mut functions = Functions::default();
    functions.read(
        "
        impl Stage { fn new() -> Self { Self::on() } fn on() -> Self { watch::everything(); } fn idle() {} }
        fn stage() -> Stage { Stage::new() }
        #[tokio::test] async fn good() { let stage = stage(); stage.create().await; }
        #[test] fn waits_for_nothing() { assert!(true); }
        mod inner {
            #[tokio::test] async fn deaf() { let everything = Stage::idle(); everything.await; }
            #[test] fn deaf_too() { runtime.block_on(async {}); }
            #[tokio::test] async fn twice() { Stage::new().await; }
        }
        mod other {
            #[tokio::test] async fn twice() { Stage::idle().await; }
        }
        ",
    );
    assert_eq!(functions.unwatched(), ["deaf", "deaf_too", "twice"]);
}

/// Every form in which a secret can be shown, and texts that only look like one.
#[test]
fn a_secret_is_found_in_any_form() {
    let hex = |text: &str| {
        text.bytes()
            .map(|byte| format!("{byte:02X}"))
            .collect::<String>()
    };
    let escaped = |text: &str| {
        text.chars()
            .map(|letter| format!("\\u{:04x}", u32::from(letter)))
            .collect::<String>()
    };
    let percent = |text: &str| {
        text.bytes()
            .map(|byte| format!("%{byte:02x}"))
            .collect::<String>()
    };
    for (form, text) in [
        ("plain", format!("card={VISA}")),
        ("groups", "4111 1111 1111 1111".to_owned()),
        ("dashes", "3782-822463-10005".to_owned()),
        ("lines", "3782\n8224\n6310005".to_owned()),
        ("a part", "378282246".to_owned()),
        ("another part", "…63544000…".to_owned()),
        ("backwards", AMEX.chars().rev().collect()),
        ("bytes", format!("{:?}", VISA.as_bytes())),
        ("bytes on lines", format!("{:#?}", AMEX.as_bytes())),
        ("bytes in quotes", format!("{:?}", bytes::Bytes::from(VISA))),
        ("hexadecimal", hex(VISA)),
        ("escaped", escaped(AMEX)),
        (
            "escaped in Rust",
            AMEX.chars()
                .map(|letter| letter.escape_unicode().to_string())
                .collect(),
        ),
        ("percent-encoded", percent(VISA)),
        (
            "a key, percent-encoded",
            "fl%5Ftest%5Fsk%5FcanaryKey4711".to_owned(),
        ),
        (
            "base64",
            "eyJudW1iZXIiOiI0MTExMTExMTExMTExMTExIn0=".to_owned(),
        ),
        (
            "base64, one further",
            "IHsibnVtYmVyIjoiNDExMTExMTExMTExMTExMSJ9".to_owned(),
        ),
        (
            "base64, two further",
            "ICB7Im51bWJlciI6IjQxMTExMTExMTExMTExMTEifQ==".to_owned(),
        ),
        (
            "an unkeyed hash",
            "9bbef19476623ca56c17da75fd57734dbf82530686043a6e491c6d71befe8f6e".to_owned(),
        ),
        ("a key", "Bearer fl_test_sk_sandbox0123456789".to_owned()),
        ("a key in capitals", "CANARYKEY4711".to_owned()),
        ("any key", "api_live_sk_Zx81kq2".to_owned()),
        ("any webhook secret", "whsec_Zx81kq2".to_owned()),
        ("any card", "number: 5105105105105100".to_owned()),
        (
            "any card in groups",
            "number: 5105 1051-0510 5100.".to_owned(),
        ),
        ("webhook secret", WEBHOOK_SECRET.to_owned()),
        ("CVC", format!("cvc={CVC}")),
        ("CVC of four", format!("{{\"cvc\":\"{AMEX_CVC}\"}}")),
        ("CVC as bytes", format!("{:?}", CVC.as_bytes())),
        ("CVC in base64", "eyJjdmMiOiI3MzkifQ==".to_owned()),
    ] {
        assert!(secrets::leak(&text).is_some(), "{form}: {text}");
    }
    let hash = <sha2::Sha256 as sha2::Digest>::digest(VISA.as_bytes());
    assert!(
        secrets::leak_in_bytes(&hash).is_some(),
        "the bytes of a hash"
    );
    for (form, text) in [
        ("last four digits", "last4: 1111, 0005"),
        (
            "prefix",
            "ApiKey(fl_test_sk_[redacted]) whsec_[redacted] api_live_sk_",
        ),
        (
            "counts",
            "flushed 739 bytes, content-length: 739, remaining=739",
        ),
        ("ids", "pay_7394711739abcdef00000000000000 req_739x"),
        ("moments", "1719792000123456789 1719792000123"),
        ("lists", "[1, 11, 111, 1111]"),
        ("amounts", "4999 EUR 49.99 4111"),
    ] {
        assert_eq!(secrets::leak(text), None, "{form}: {text}");
    }
}

const PLANT: &str = "FLOWLIX_TEST_PLANTED_LEAK";

/// The same program once more, with a leak planted on a thread that nobody waits for.
#[test]
fn a_leak_on_any_thread_ends_the_tests() {
    watch::everything();
    if let Ok(way) = std::env::var(PLANT) {
        let telling = std::thread::spawn(move || match way.as_str() {
            "event" => tracing::trace!(target: "rustls::planted", "sent {VISA}"),
            "field" => tracing::trace!(target: "hyper::planted", bytes = ?AMEX.as_bytes()),
            "span" => drop(tracing::trace_span!("planted", key = "fl_live_sk_abcdef1")),
            "late" => {
                let span = tracing::info_span!("planted", cvc = tracing::field::Empty);
                span.record("cvc", CVC);
            }
            "log" => log::trace!(target: "reqwest::planted", "{WEBHOOK_SECRET}"),
            _ => tracing::info!("nothing of interest"),
        });
        telling.join().unwrap();
        return;
    }
    for way in ["event", "field", "span", "late", "log", "nothing"] {
        let again = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "suite::a_leak_on_any_thread_ends_the_tests"])
            .env(PLANT, way)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&again.stderr);
        let leaked = way != "nothing";
        assert_eq!(again.status.success(), !leaked, "{way}: {said}");
        assert_eq!(said.contains("LEAK by"), leaked, "{way}: {said}");
    }
}
