//! Which rules were used, and what was found on the way.

use crate::finding::Finding;
use crate::rules::{Rule, Rules, summary};

pub(super) struct Ledger<'a> {
    rules: &'a Rules,
    used: Vec<bool>,
    findings: Vec<Finding>,
}

impl<'a> Ledger<'a> {
    pub(super) fn new(rules: &'a Rules) -> Self {
        Self {
            rules,
            used: vec![false; rules.rules.len()],
            findings: Vec::new(),
        }
    }

    /// The first rule of this kind, which thereby counts as used.
    pub(super) fn take(&mut self, mut matches: impl FnMut(&Rule) -> bool) -> Option<Rule> {
        for (entry, used) in self.rules.rules.iter().zip(&mut self.used) {
            if matches(&entry.rule) {
                *used = true;
                return Some(entry.rule.clone());
            }
        }
        None
    }

    /// Uses this very rule, or shows it as the one to add.
    pub(super) fn demand(
        &mut self,
        rule: &Rule,
        spec: &str,
        pointer: &str,
        kind: &str,
        message: impl Into<String>,
    ) {
        if self.take(|given| given == rule).is_none() {
            self.note(
                spec,
                pointer,
                kind,
                message,
                format!("add to {}:\n{}", self.rules.label, rule.to_yaml()),
            );
        }
    }

    /// Notes what is wrong with a rule itself.
    pub(super) fn note_rule(&mut self, rule: &Rule, kind: &str, message: &str, cure: &str) {
        let entries = self.rules.rules.iter();
        let index = entries.take_while(|entry| entry.rule != *rule).count();
        let place = format!("/rules/{index}");
        self.note(&self.rules.label.clone(), &place, kind, message, cure);
    }

    /// Two things of one name: the model has room for one.
    pub(super) fn note_clash(&mut self, spec: &str, pointer: &str, name: &str) {
        self.note(
            spec,
            pointer,
            "name-taken",
            format!("the model gives the name {name} to something else already"),
            "pair it by a rule with what it is in the other dialect, or rename one of the two in the rules",
        );
    }

    pub(super) fn note(
        &mut self,
        spec: &str,
        pointer: &str,
        rule: &str,
        message: impl Into<String>,
        cure: impl Into<String>,
    ) {
        self.findings
            .push(Finding::new(spec, pointer, rule, message, cure));
    }

    /// All that was found, with the rules that matched nothing.
    pub(super) fn close(mut self) -> Vec<Finding> {
        for (index, (entry, used)) in self.rules.rules.iter().zip(&self.used).enumerate() {
            if !used {
                self.findings.push(Finding::new(
                    &self.rules.label,
                    &format!("/rules/{index}"),
                    "rule-matches-nothing",
                    format!("nothing in the documents fits: {}", summary(&entry.rule)),
                    "if the documents changed, change the rule with them; if the difference is gone, delete it",
                ));
            }
        }
        self.findings
    }
}
