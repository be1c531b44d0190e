//! Shows values in every way that they can be shown, and keeps what was shown and by which types.

use std::any::type_name;
use std::collections::BTreeSet;
use std::error::Error as StdError;
use std::fmt::{Debug, Display};

use flowlix_ext::Error;

use crate::common::secrets;

/// Everything that was shown, and the types that showed it.
#[derive(Default)]
pub(crate) struct Shown {
    count: usize,
    leaks: Vec<String>,
    /// By whole path.
    types: BTreeSet<String>,
    /// The type's path, and the first name of its Debug.
    variants: BTreeSet<(String, String)>,
    /// Crate and name of what `type_name` knows by another name: aliases, and what comes from other crates.
    others: BTreeSet<String>,
}

impl Shown {
    /// Keeps what shows a secret. It does not fail here: a hook's panic would be caught.
    pub(crate) fn text(&mut self, text: &str) {
        self.count += 1;
        if let Some(secret) = secrets::leak(text) {
            self.leaks.push(format!("{secret} is shown in: {text}"));
        }
    }

    pub(crate) fn value(&mut self, type_name: &str, texts: Texts) {
        let path = path_of(type_name);
        if let Some([debug, _]) = &texts.debug {
            let ends = |letter: char| !letter.is_alphanumeric() && letter != '_';
            let name = debug.split(ends).next().unwrap_or_default();
            self.variants.insert((path.clone(), name.to_owned()));
        }
        self.types.insert(path);
        let debug = texts.debug.into_iter().flatten();
        let all = debug.chain(texts.display).chain(texts.sources);
        for text in all.collect::<Vec<_>>() {
            self.text(&text);
        }
    }

    pub(crate) fn error(&mut self, error: &Error) {
        show!(self, error);
        show!(self, &error.kind());
        self.text(&error.explain());
        for attempt in error.history() {
            show!(self, attempt, &attempt.next, &attempt.situation);
            if let flowlix_ext::call::history::Next::Stop(reason) = &attempt.next {
                show!(self, reason);
            }
        }
        for violation in error.violations() {
            show!(self, violation);
        }
        if let Some(key) = error.idempotency_key() {
            show!(self, key);
        }
        if let Some(progress) = error.wait_progress() {
            show!(self, progress);
        }
        if let Some(decline) = error.decline() {
            show!(self, &decline);
            self.text(decline.customer_message());
        }
    }

    /// Notes that what this name stands for was shown.
    pub(crate) fn other(&mut self, path: &str) {
        self.others.insert(path.to_owned());
    }

    /// Notes an alias or type that can show nothing.
    pub(crate) fn silent(&mut self, path: &str, says_nothing: bool) {
        assert!(
            says_nothing,
            "{path} has a Debug or Display by now: show one"
        );
        self.others.insert(path.to_owned());
    }

    /// A type that this machine cannot make.
    #[cfg(feature = "journal-postgres")]
    pub(crate) fn excuse(&mut self, path: &str, why: &str) {
        eprintln!("NOT SHOWN: {path}: {why}");
        self.types.insert(path.to_owned());
    }

    pub(crate) fn take(&mut self, other: &mut Self) {
        self.count += std::mem::take(&mut other.count);
        self.leaks.append(&mut other.leaks);
        self.types.append(&mut other.types);
        self.variants.append(&mut other.variants);
        self.others.append(&mut other.others);
    }

    pub(crate) fn leaks(&self) -> &[String] {
        &self.leaks
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    pub(crate) fn types(&self) -> &BTreeSet<String> {
        &self.types
    }

    pub(crate) fn others(&self) -> &BTreeSet<String> {
        &self.others
    }

    pub(crate) fn variants(&self) -> &BTreeSet<(String, String)> {
        &self.variants
    }
}

/// The path of the type itself, without references around it and parameters behind it.
fn path_of(type_name: &str) -> String {
    let inner = type_name.trim_start_matches(['&', ' ']);
    let end = inner.find('<').unwrap_or(inner.len());
    inner[..end].to_owned()
}

/// What a value says of itself.
pub(crate) struct Texts {
    pub(crate) debug: Option<[String; 2]>,
    pub(crate) display: Option<String>,
    pub(crate) sources: Vec<String>,
}

/// Asks a value for `Debug`, `Display` and its sources where it has them: the methods here are found before those
/// of [`Silent`], but exist for the types with the trait alone.
pub(crate) struct Probe<'a, T>(pub(crate) &'a T);

impl<T> Probe<'_, T> {
    pub(crate) fn name(&self) -> &'static str {
        type_name::<T>()
    }
}

impl<T: Debug> Probe<'_, T> {
    pub(crate) fn debug(&self) -> Option<[String; 2]> {
        Some([format!("{:?}", self.0), format!("{:#?}", self.0)])
    }
}

impl<T: Display> Probe<'_, T> {
    pub(crate) fn display(&self) -> Option<String> {
        Some(format!("{} {0:#}", self.0))
    }
}

impl<T: StdError + 'static> Probe<'_, T> {
    pub(crate) fn sources(&self) -> Vec<String> {
        let mut texts = Vec::new();
        let mut source = self.0.source();
        while let Some(error) = source {
            texts.push(format!("{error} {error:?} {error:#?}"));
            source = error.source();
        }
        texts
    }
}

/// What a value says that has no such trait.
pub(crate) trait Silent {
    fn debug(&self) -> Option<[String; 2]> {
        None
    }

    fn display(&self) -> Option<String> {
        None
    }

    fn sources(&self) -> Vec<String> {
        Vec::new()
    }
}

impl<T> Silent for Probe<'_, T> {}

/// Shows references to values in every way that their types know.
macro_rules! show {
    ($shown:expr, $($value:expr),+ $(,)?) => {{
        #[allow(unused_imports)]
        use $crate::shown::Silent as _;
        // `match` keeps temporary values for the whole arm.
        $(match $crate::shown::Probe($value) {
            probe => {
                let texts = $crate::shown::Texts {
                    debug: probe.debug(),
                    display: probe.display(),
                    sources: probe.sources(),
                };
                $shown.value(probe.name(), texts);
            }
        })+
    }};
}

pub(crate) use show;

#[test]
fn everything_that_a_type_can_say_is_heard() {
    struct Nothing;
    #[derive(Debug)]
    struct Both;
    impl Display for Both {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("as text")
        }
    }
    #[derive(Debug)]
    struct Outer(Both);
    impl Display for Outer {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("outer")
        }
    }
    impl StdError for Both {}
    impl StdError for Outer {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            Some(&self.0)
        }
    }
    let probe = Probe(&Nothing);
    assert!(probe.debug().is_none() && probe.display().is_none() && probe.sources().is_empty());
    let probe = Probe(&Outer(Both));
    assert_eq!(probe.debug().unwrap()[0], "Outer(Both)");
    assert_eq!(probe.display().unwrap(), "outer outer");
    assert_eq!(probe.sources(), ["as text Both Both"]);
    let mut shown = Shown::default();
    show!(shown, &Some(Outer(Both)), &&Nothing);
    assert_eq!(shown.count(), 2);
    assert!(shown.types().contains("core::option::Option"));
    assert!(
        !shown.types().iter().any(|path| path.ends_with("::Outer")),
        "it was not asked itself"
    );
}
