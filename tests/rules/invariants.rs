//! Every promise in docs/invariants.md names a test, and the test is there.
//!
//! The page is one or more tables whose last column names tests in backticks, as
//! `module::test` or `test`; the first column is the promise's own name.

use std::collections::BTreeSet;

use super::assert_kept;
use super::source::{Source, root, sources};

/// Names of functions that the test harness runs: an attribute with `test`
/// stands above them, or a property macro holds them.
fn tests(source: &Source) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, _) in source.code.match_indices("#[").filter(|(at, _)| is_test(&source.code[*at..])) {
        if let Some(name) = source.code[at..].split_once("fn ").map(|(_, rest)| rest) {
            names.insert(name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    names.extend(clauses(&source.code));
    names
}

/// The clauses of the store's contract and the scenarios for every store: their
/// macros make a test of each line `module::clause,` that they list.
fn clauses(code: &str) -> BTreeSet<String> {
    let list = ["macro_rules! contract", "macro_rules! scenarios"]
        .iter()
        .find_map(|head| Some(code.split_once(head)?.1))
        .unwrap_or_default();
    list.lines()
        .filter_map(|line| line.trim().strip_suffix(',')?.split_once("::"))
        .map(|(_, clause)| clause.to_owned())
        .filter(|clause| clause.chars().all(|c| c.is_alphanumeric() || c == '_'))
        .collect()
}

fn is_test(attribute: &str) -> bool {
    let inner = attribute[2..].split([']', '(']).next().unwrap_or_default();
    inner.rsplit("::").next() == Some("test")
}

/// Rows of the tables: line, first cell, last cell. The heading and the rule
/// under it are left out.
fn rows(text: &str) -> Vec<(usize, String, String)> {
    let mut found = Vec::new();
    let mut above = 0;
    for (at, line) in text.lines().enumerate() {
        let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        above = if line.trim_start().starts_with('|') { above + 1 } else { 0 };
        if above > 2 && cells.len() > 1 {
            found.push((at + 1, cells[0].to_owned(), cells[cells.len() - 1].to_owned()));
        }
    }
    found
}

fn violations(text: &str, tests: &BTreeSet<String>) -> Vec<String> {
    let mut found = Vec::new();
    for (line, promise, shown) in rows(text) {
        let named: Vec<&str> = shown.split('`').skip(1).step_by(2).collect();
        if named.is_empty() {
            found.push(format!("docs/invariants.md:{line}: {promise} names no test"));
        }
        for name in named {
            if !tests.contains(name.rsplit("::").next().unwrap_or(name)) {
                found.push(format!("docs/invariants.md:{line}: {promise} names `{name}`, which is no test"));
            }
        }
    }
    found
}

#[test]
fn invariants_name_their_tests() {
    let page = std::fs::read_to_string(root().join("docs/invariants.md")).unwrap_or_default();
    let tests = sources().iter().flat_map(tests).collect();
    assert_kept("invariants name their tests", &violations(&page, &tests));
}

#[test]
fn an_invariant_without_a_test_is_caught() {
    let code =
        "#[test]\nfn a() {}\n#[tokio::test(start_paused = true)]\n#[allow(x)]\nasync fn b() {}\nfn c() {}";
    let tests = tests(&Source::new("src/x.rs", code));
    let page = "text\n\n| name | holds | shown by |\n|---|---|---|\n| One | x | `m::a`, `b` |\n| Two | y | `c` |\n| Three | z | later |\n";
    let found = violations(page, &tests);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].contains("Two") && found[1].contains("Three"), "{found:?}");
}

#[test]
fn the_clauses_of_a_contract_are_tests() {
    let code = "macro_rules! contract {\n    rows::a_row_is_made_once,\n    super::$module::$clause(&x);\n}";
    assert_eq!(clauses(code), BTreeSet::from(["a_row_is_made_once".to_owned()]));
    assert!(clauses("rows::a_row_is_made_once,").is_empty());
}
