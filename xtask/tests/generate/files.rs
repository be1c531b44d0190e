//! The generated files: reproducible, committed as generated, and free of what must not be in them.

use serde_json::Value;
use xtask::dialect::Dialect;
use xtask::{load, output, pattern, pipeline};

use crate::{OUTPUTS, SOURCES, rust};

#[test]
fn generating_twice_gives_the_same_bytes() {
    let again = load::sources(&load::workspace()).unwrap();
    assert_eq!(pipeline::run(&again).unwrap(), *OUTPUTS);
}

#[test]
fn what_is_committed_is_what_is_generated() {
    let differences = output::check(&load::workspace(), &OUTPUTS);
    assert!(
        differences.is_empty(),
        "run `cargo xtask generate` and commit what it writes:\n{}",
        differences.join("\n\n")
    );
}

#[test]
fn every_file_says_that_it_is_generated() {
    for output in rust() {
        let head = output.text.lines().next().unwrap();
        assert!(head.contains("enerated"), "{}: {head}", output.path);
    }
    assert_eq!(rust().count(), 4);
}

#[test]
fn nothing_that_breaks_a_promise_is_generated() {
    for output in rust() {
        for (word, why) in [
            ("untagged", "which variant is read would be a guess"),
            (
                "deny_unknown_fields",
                "a new field would fail a whole response",
            ),
            ("f64", "money is whole minor units"),
            ("f32", "money is whole minor units"),
            ("HashMap", "a body has to be the same bytes each time"),
            ("regress", "users would pay for a regex engine"),
            ("chrono", "times are seconds"),
            (".unwrap()", "a library does not panic"),
            (".expect(", "a library does not panic"),
            ("panic!", "a library does not panic"),
            ("timeout(", "the caller decides how long a call may take"),
            ("fn new(baseurl", "the caller brings the client"),
            ("unsafe", "it is forbidden"),
        ] {
            let mut code = output
                .text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"));
            let found = code.find(|line| line.contains(word));
            assert!(found.is_none(), "{}: {word}: {why}: {found:?}", output.path);
        }
    }
}

#[test]
fn every_pattern_can_be_said_in_the_generated_crate() {
    let mut judged = 0;
    for dialect in Dialect::BOTH {
        each_pattern(&SOURCES.documents.get(dialect).root, &mut |pattern| {
            if let Err(problem) = pattern::runs(pattern) {
                panic!("{dialect}: {pattern}: {problem}");
            }
            judged += 1;
        });
    }
    assert!(judged > 5, "{judged}");
}

fn each_pattern(value: &Value, judge: &mut impl FnMut(&str)) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(pattern) if name == "pattern" => judge(pattern),
                    member => each_pattern(member, judge),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| each_pattern(item, judge)),
        _ => {}
    }
}

/// Words that rustdoc takes for a link or for HTML: outside of code spans, and not escaped.
fn risky(documentation: &str) -> Option<String> {
    let mut before = ' ';
    let mut in_code = false;
    for (index, character) in documentation.char_indices() {
        if character == '`' {
            in_code = !in_code;
        }
        if !in_code && before != '\\' && matches!(character, '[' | '<') {
            return Some(documentation[index..].chars().take(40).collect());
        }
        before = character;
    }
    in_code.then(|| "a code span without end".to_owned())
}

#[test]
fn no_description_turns_into_a_link() {
    let mut judged = 0;
    for output in rust() {
        let mut paragraph = String::new();
        for line in output.text.lines().map(str::trim).chain([""]) {
            if let Some(words) = line.strip_prefix("///").or(line.strip_prefix("//!")) {
                paragraph.push_str(words);
                paragraph.push('\n');
            } else if !paragraph.is_empty() {
                assert_eq!(risky(&paragraph), None, "{}: {paragraph}", output.path);
                paragraph.clear();
                judged += 1;
            }
        }
    }
    assert!(judged > 200, "{judged}");
}

#[test]
fn risky_words_are_seen() {
    for words in ["[x]", "a <b> c", "`a` [b]", "`a"] {
        assert!(risky(words).is_some(), "{words}");
    }
    for words in ["`created[gte]`", "\\[x\\]", "plain", "`<b>` and \\<i\\>"] {
        assert_eq!(risky(words), None, "{words}");
    }
}
