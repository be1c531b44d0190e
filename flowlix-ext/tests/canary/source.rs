//! Every public type that the source declares, so that none is forgotten.
//!
//! The lint `unreachable_pub` keeps `pub` off what users cannot name, so every `pub` type counts, wherever its
//! module.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use quote::ToTokens;
use syn::{Attribute, Item, Meta, Token, UseTree, Visibility, punctuated::Punctuated};

/// What a crate declares.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Declared {
    /// Types by their whole path, as `std::any::type_name` writes it.
    pub(crate) types: BTreeSet<String>,
    /// Aliases, and what of other crates is made public: by path.
    pub(crate) others: BTreeSet<String>,
    /// Variants that hold something, of enums that derive `Debug`: the enum's path and the name.
    pub(crate) variants: BTreeSet<(String, String)>,
    /// Files that were read.
    pub(crate) files: BTreeSet<PathBuf>,
    /// What this reader cannot read.
    pub(crate) unclear: Vec<String>,
}

/// Whether a feature is on.
pub(crate) type Features = fn(&str) -> bool;

/// Reads a crate's modules, from its root file on.
pub(crate) fn declared(name: &str, root: &Path, features: Features) -> Declared {
    let mut found = Declared::default();
    let mut macros = BTreeMap::new();
    for file in files_below(root.parent().unwrap()) {
        let parsed = syn::parse_file(&std::fs::read_to_string(file).unwrap()).unwrap();
        macros.extend(parsed.items.iter().filter_map(definition));
    }
    let reader = Reader { features, macros };
    reader.file(name, root, root.parent().unwrap(), &mut found);
    found
}

/// All Rust files below a folder.
pub(crate) fn files_below(folder: &Path) -> BTreeSet<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| match path.is_dir() {
            true => files_below(&path),
            false => BTreeSet::from([path]),
        })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

/// A macro's name, and whether it may declare a type.
fn definition(item: &Item) -> Option<(String, bool)> {
    let Item::Macro(item) = item else {
        return None;
    };
    let text = item.mac.tokens.to_string();
    let words: Vec<&str> = text.split_whitespace().collect();
    let declares = words.windows(2).any(|two| match two[1] {
        "struct" | "enum" | "union" => true,
        // `type` alone stands in implementations of traits too.
        "type" => matches!(two[0], "pub" | "vis" | ")"),
        _ => false,
    });
    Some((item.ident.as_ref()?.to_string(), declares))
}

struct Reader {
    features: Features,
    /// The crate's macros, and whether they may declare types.
    macros: BTreeMap<String, bool>,
}

impl Reader {
    fn file(&self, module: &str, file: &Path, folder: &Path, found: &mut Declared) {
        found.files.insert(file.to_path_buf());
        let parsed = syn::parse_file(&std::fs::read_to_string(file).unwrap()).unwrap();
        if self.is_built(&parsed.attrs, module, found) {
            self.items(module, &parsed.items, folder, found);
        }
    }

    fn items(&self, module: &str, items: &[Item], folder: &Path, found: &mut Declared) {
        let modules: Vec<String> = items
            .iter()
            .filter_map(|item| match item {
                Item::Mod(item) => Some(item.ident.to_string()),
                _ => None,
            })
            .collect();
        for item in items {
            self.item(module, item, folder, &modules, found);
        }
    }

    fn item(
        &self,
        module: &str,
        item: &Item,
        folder: &Path,
        modules: &[String],
        found: &mut Declared,
    ) {
        let (attributes, visibility, name) = match item {
            Item::Struct(item) => (&item.attrs, &item.vis, item.ident.to_string()),
            Item::Enum(item) => (&item.attrs, &item.vis, item.ident.to_string()),
            Item::Union(item) => (&item.attrs, &item.vis, item.ident.to_string()),
            Item::Type(item) => (&item.attrs, &item.vis, item.ident.to_string()),
            Item::Use(item) => (&item.attrs, &item.vis, String::new()),
            Item::Mod(item) => return self.module(module, item, folder, found),
            Item::Macro(item) => return self.call(module, item, found),
            Item::Verbatim(_) => return found.unclear.push(format!("an item in {module}")),
            _ => return,
        };
        if !matches!(visibility, Visibility::Public(_)) || !self.is_built(attributes, module, found)
        {
            return;
        }
        let path = format!("{module}::{name}");
        match item {
            Item::Type(_) => {
                found.others.insert(path);
            }
            Item::Use(item) => foreign(&item.tree, "", modules, &mut found.others),
            Item::Enum(item) => {
                let holding = item
                    .variants
                    .iter()
                    .filter(|variant| !variant.fields.is_empty());
                if derives_debug(&item.attrs) {
                    let named = holding.map(|variant| (path.clone(), variant.ident.to_string()));
                    found.variants.extend(named);
                }
                found.types.insert(path);
            }
            _ => {
                found.types.insert(path);
            }
        }
    }

    fn module(&self, module: &str, item: &syn::ItemMod, folder: &Path, found: &mut Declared) {
        if !self.is_built(&item.attrs, module, found) {
            return;
        }
        let path = format!("{module}::{}", item.ident);
        let below = folder.join(item.ident.to_string());
        if item
            .attrs
            .iter()
            .any(|attribute| attribute.path().is_ident("path"))
        {
            found.unclear.push(format!("the file of {path}"));
        }
        match &item.content {
            Some((_, items)) => self.items(&path, items, &below, found),
            None => {
                let beside = below.with_extension("rs");
                let file = if beside.exists() {
                    beside
                } else {
                    below.join("mod.rs")
                };
                self.file(&path, &file, &below, found);
            }
        }
    }

    /// A macro's call where items stand: of ours it may declare the types that it names, of another crate anything.
    fn call(&self, module: &str, item: &syn::ItemMacro, found: &mut Declared) {
        if item.ident.is_some() {
            return;
        }
        let name = item.mac.path.segments.last().unwrap().ident.to_string();
        match self.macros.get(&name) {
            Some(true) => {
                // Text of the documentation is one token in quotes.
                let words = item
                    .mac
                    .tokens
                    .clone()
                    .into_iter()
                    .map(|token| token.to_string());
                let named = words.filter(|word| word.starts_with(char::is_uppercase));
                found
                    .types
                    .extend(named.map(|word| format!("{module}::{word}")));
            }
            Some(false) => {}
            None => found
                .unclear
                .push(format!("what {name}! makes in {module}")),
        }
    }

    /// Whether the features that are on, and no test, build what stands under these attributes.
    fn is_built(&self, attributes: &[Attribute], module: &str, found: &mut Declared) -> bool {
        attributes
            .iter()
            .filter(|attribute| attribute.path().is_ident("cfg"))
            .all(|attribute| {
                let condition = attribute.parse_args::<Meta>().unwrap();
                self.holds(&condition).unwrap_or_else(|| {
                    let text = condition.to_token_stream();
                    found.unclear.push(format!("cfg({text}) in {module}"));
                    true
                })
            })
    }

    fn holds(&self, condition: &Meta) -> Option<bool> {
        match condition {
            Meta::Path(path) if path.is_ident("test") => Some(false),
            Meta::Path(path) if path.is_ident("unix") => Some(cfg!(unix)),
            Meta::NameValue(pair) if pair.path.is_ident("feature") => {
                let text = pair.value.to_token_stream().to_string();
                Some((self.features)(text.trim_matches('"')))
            }
            Meta::List(list) => {
                let parts = list
                    .parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)
                    .unwrap();
                let mut parts = parts.iter().map(|part| self.holds(part));
                match list.path.get_ident()?.to_string().as_str() {
                    "not" => parts.next()?.map(|holds| !holds),
                    "all" => parts.try_fold(true, |all, part| Some(all & part?)),
                    "any" => parts.try_fold(false, |any, part| Some(any | part?)),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

fn derives_debug(attributes: &[Attribute]) -> bool {
    let derives = attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("derive"));
    derives
        .map(|attribute| attribute.to_token_stream().to_string())
        .any(|text| text.contains("Debug"))
}

/// What a `pub use` takes from another crate; what it takes from a module of this one is read there.
fn foreign(tree: &UseTree, path: &str, modules: &[String], found: &mut BTreeSet<String>) {
    let join = |name: &str| format!("{path}{name}");
    match tree {
        UseTree::Path(part) => {
            let name = part.ident.to_string();
            let words = ["crate", "self", "super", "flowlix_api"];
            let is_ours = words.contains(&name.as_str()) || modules.contains(&name);
            if !(path.is_empty() && is_ours) {
                foreign(&part.tree, &format!("{}::", join(&name)), modules, found);
            }
        }
        UseTree::Group(group) => {
            group
                .items
                .iter()
                .for_each(|tree| foreign(tree, path, modules, found));
        }
        UseTree::Name(name) => {
            found.insert(join(&name.ident.to_string()));
        }
        UseTree::Rename(name) => {
            found.insert(join(&name.ident.to_string()));
        }
        UseTree::Glob(_) => {
            found.insert(join("*"));
        }
    }
}

#[test]
fn the_reader_misses_no_kind_of_item() {
    let folder = std::env::temp_dir().join(crate::common::own_name("source"));
    std::fs::create_dir_all(folder.join("inner")).unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    write(
        "lib.rs",
        r#"
        mod inner;
        #[cfg(feature = "off")] mod absent;
        #[cfg(all(feature = "on", not(feature = "off")))] pub mod present { pub struct Deep; }
        #[cfg(test)] mod tests { pub struct Test; }
        #[cfg(windows_or_so)] pub struct Strange;
        pub struct Unit; pub struct Tuple(pub u8);
        #[derive(Debug)] pub
            struct Broken<'a, T: Into<String>> where T: Copy { pub field: &'a T }
        pub union Both { a: u8, b: i8 }
        #[derive(Clone, Debug)] pub enum Kind { Empty, Held(u8), Named { field: u8 } }
        pub enum Silent { Held(u8) }
        pub type Alias = u8;
        pub(crate) struct Hidden; struct Private;
        pub use elsewhere::{Thing, deep::Other as Renamed}; pub use inner::Inner; pub use krate;
        macro_rules! makes { ($(#[$doc:meta])* $name:ident) => { $(#[$doc])* pub struct $name; } }
        macro_rules! implements { ($name:ident) => { impl Copy for $name {} } }
        macro_rules! joins { ($name:ident) => { impl Joins for $name { type Output = u8; } } }
        makes! { /** Words In The documentation */ Made }
        implements!(Unit); joins!(Unit);
        foreign_macro! { Guess }
        "#,
    );
    write("inner/mod.rs", "mod further; pub struct Inner;");
    write(
        "inner/further.rs",
        "#![cfg(feature = \"on\")]\npub enum Further { Only }",
    );
    write("absent.rs", "pub struct Absent;");
    let found = declared("sample", &folder.join("lib.rs"), |feature| feature == "on");
    let lost: Vec<_> = files_below(&folder)
        .difference(&found.files)
        .cloned()
        .collect();
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(lost, [folder.join("absent.rs")]);
    let words = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>();
    assert_eq!(
        words(&found.types),
        [
            "sample::Both",
            "sample::Broken",
            "sample::Kind",
            "sample::Made",
            "sample::Silent",
            "sample::Strange",
            "sample::Tuple",
            "sample::Unit",
            "sample::inner::Inner",
            "sample::inner::further::Further",
            "sample::present::Deep",
        ]
    );
    assert_eq!(
        words(&found.others),
        [
            "elsewhere::Thing",
            "elsewhere::deep::Other",
            "krate",
            "sample::Alias"
        ]
    );
    let variants: Vec<_> = found
        .variants
        .iter()
        .map(|(_, name)| name.as_str())
        .collect();
    assert_eq!(variants, ["Held", "Named"]);
    assert_eq!(
        found.unclear,
        [
            "cfg(windows_or_so) in sample",
            "what foreign_macro! makes in sample"
        ]
    );
}
