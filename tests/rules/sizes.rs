//! What one can read in one sitting.

use super::assert_kept;
use super::source::{Source, sources};

/// Lines of a file, its tests included.
const FILE: usize = 450;
/// Lines of a function, signature included.
const FUNCTION: usize = 100;
/// Lines of `src/main.rs`: everything else is library, so that tests reach it.
const MAIN: usize = 30;

fn violations(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        let limit = if source.path == "src/main.rs" { MAIN } else { FILE };
        let lines = source.text.lines().count();
        if lines > limit {
            found.push(format!("{}: {lines} lines, at most {limit}", source.path));
        }
        for (name, line, lines) in source.functions() {
            if lines > FUNCTION {
                found
                    .push(format!("{}:{line}: fn {name} has {lines} lines, at most {FUNCTION}", source.path));
            }
        }
    }
    found
}

#[test]
fn files_and_functions_are_short() {
    assert_kept("files and functions are short", &violations(&sources()));
}

#[test]
fn what_is_too_long_is_caught() {
    let long = |lines: usize| "\n".repeat(lines);
    assert_eq!(violations(&[Source::new("src/a.rs", &long(FILE))]), Vec::<String>::new());
    assert_eq!(violations(&[Source::new("src/a.rs", &long(FILE + 1))]).len(), 1);
    assert_eq!(violations(&[Source::new("src/main.rs", &long(MAIN + 1))]).len(), 1);
    let body = format!("fn a() {{{}}}", long(FUNCTION));
    assert_eq!(
        violations(&[Source::new("src/a.rs", &body)]),
        ["src/a.rs:1: fn a has 101 lines, at most 100"]
    );
}
