//! Words that must not stand in the code.

use super::assert_kept;
use super::source::{Source, sources};

/// Banned anywhere, tests included.
const BANNED: [(&str, &str); 5] = [
    ("#[ignore", "a test that does not run shows nothing"),
    ("todo!", "what is missing is refused with a reason, or is not there"),
    ("unimplemented!", "what is missing is refused with a reason, or is not there"),
    ("dbg!", "left over from a search"),
    ("unsafe", "nothing here needs it"),
];

fn violations(source: &Source) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut report = |at, what: &str| found.push(format!("{}:{}: {what}", source.path, source.line(at)));
    for (word, why) in BANNED {
        let hits: Vec<usize> = if word.starts_with('#') {
            source.code.match_indices(word).map(|(at, _)| at).collect()
        } else {
            Source::words(&source.code, word).collect()
        };
        for at in hits {
            report(at, &format!("`{word}`: {why}"));
        }
    }
    for attribute in ["[allow(", "[expect("] {
        for (at, _) in source.code.match_indices(attribute) {
            let end = source.code[at..].find(")]").map_or(source.code.len(), |length| at + length);
            if !source.code[at..end].contains("reason") {
                report(at, "a lint is silenced without a reason");
            }
        }
    }
    // Real processes are awaited, and turns are measured, in real time.
    let real = ["tests/support/", "benches/"].iter().any(|place| source.path.starts_with(place));
    let may_ask = source.path == "src/clock.rs" || real;
    for at in Source::words(&source.code, "clippy::disallowed_").filter(|_| !may_ask) {
        report(at, "only src/clock.rs asks the machine for time and chance");
    }
    for (at, _) in source.code.match_indices("select!") {
        let arms = source.code[at + "select!".len()..].trim_start();
        let inside = arms.strip_prefix(['{', '(']).unwrap_or(arms).trim_start();
        if !inside.starts_with("biased;") {
            report(at, "`select!` without `biased;` picks by chance: runs with one seed would differ");
        }
    }
    found
}

#[test]
fn no_banned_words() {
    let found: Vec<String> = sources().iter().flat_map(violations).collect();
    assert_kept("no banned words", &found);
}

#[test]
fn a_banned_word_is_caught() {
    let caught = |text: &str| violations(&Source::new("src/a.rs", text)).len();
    assert_eq!(caught("#[ignore = \"slow\"]\nfn a() { todo!() }"), 2);
    assert_eq!(caught("#[allow(dead_code)]"), 1);
    assert_eq!(caught("#![allow(dead_code, reason = \"x\")] // todo!"), 0);
    assert_eq!(caught("#![allow(clippy::disallowed_methods, reason = \"x\")]"), 1);
    assert_eq!(caught("tokio::select! { a = b => {} }"), 1);
    assert_eq!(caught("tokio::select! {\n    biased;\n    a = b => {} }"), 0);
    assert_eq!(caught("unsafe_code, \"unsafe\""), 0);
}
