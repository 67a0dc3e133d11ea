//! No file lies around that nothing compiles.

use std::collections::BTreeSet;

use super::assert_kept;
use super::source::{Source, sources};

const ROOTS: [&str; 4] = ["src/lib.rs", "src/main.rs", "tests/main.rs", "benches/turns.rs"];

/// Files that `mod name;` in this file may mean.
fn children(source: &Source) -> Vec<[String; 2]> {
    let folder = source.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let stem = source.path.strip_suffix(".rs").unwrap_or(&source.path);
    let own = ROOTS.contains(&source.path.as_str()) || source.path.ends_with("/mod.rs");
    let home = if own { folder } else { stem };
    Source::words(&source.code, "mod ")
        .filter_map(|at| source.code[at + 4..].split_once(';'))
        .map(|(name, _)| name.trim())
        .filter(|name| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_'))
        .map(|name| [format!("{home}/{name}.rs"), format!("{home}/{name}/mod.rs")])
        .collect()
}

fn violations(sources: &[Source]) -> Vec<String> {
    let mut reached: BTreeSet<String> = BTreeSet::new();
    let mut open: Vec<String> = ROOTS.iter().map(ToString::to_string).collect();
    while let Some(path) = open.pop() {
        let Some(source) = sources.iter().find(|source| source.path == path) else { continue };
        if reached.insert(path) {
            open.extend(children(source).into_iter().flatten());
        }
    }
    let dead = sources.iter().filter(|source| !reached.contains(&source.path));
    dead.map(|source| format!("{}: no `mod` leads here", source.path)).collect()
}

#[test]
fn every_file_is_compiled() {
    assert_kept("every file is compiled", &violations(&sources()));
}

#[test]
fn a_dead_file_is_caught() {
    let lib = Source::new("src/lib.rs", "pub mod a;\n// mod dead;");
    let a = Source::new("src/a/mod.rs", "mod b;");
    let b = Source::new("src/a/b.rs", "mod c { }");
    let dead = Source::new("src/dead.rs", "");
    let stray = Source::new("src/a/c.rs", "");
    let found = violations(&[lib, a, b, dead, stray]);
    assert_eq!(found, ["src/dead.rs: no `mod` leads here", "src/a/c.rs: no `mod` leads here"]);
}
