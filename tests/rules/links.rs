//! What the papers and the comments point at is there.

use std::fs;
use std::path::{Component, Path, PathBuf};

use super::assert_kept;
use super::source::{files, root, sources};

/// Folders of the repository that a path in backticks may begin with.
const FOLDERS: [&str; 8] = ["src/", "tests/", "docs/", "specs/", "benches/", "scripts/", ".ci/", ".config/"];

/// A paper, by its path in the repository.
struct Paper {
    path: String,
    text: String,
}

/// How a rule asks for a file: its text, or none if it is not there. A folder
/// is there with no text.
type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Text outside fenced blocks, with line numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(at, line)| {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            return None;
        }
        (!fenced).then_some((at + 1, line))
    })
}

/// Targets of `[text](target)` in a line.
fn targets(line: &str) -> Vec<&str> {
    line.match_indices("](")
        .filter_map(|(at, _)| line[at + 2..].split_once(')'))
        .map(|(target, _)| target.split_whitespace().next().unwrap_or_default())
        .collect()
}

/// Paths in backticks: `src/x.rs`, `src/x.rs:12`, `docs/`.
fn quoted_paths(line: &str) -> Vec<&str> {
    let inside = line.split('`').skip(1).step_by(2);
    let plain = |text: &&str| !text.contains([' ', '*', '<', '{', '…', '$']) && !text.contains("...");
    inside.filter(plain).filter(|text| FOLDERS.iter().any(|folder| text.starts_with(folder))).collect()
}

/// A heading's anchor as GitHub makes it.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn has_anchor(text: &str, wanted: &str) -> bool {
    if let Some(line) = wanted.strip_prefix('L') {
        let last = line.rsplit_once("-L").map_or(line, |(_, last)| last);
        return last.parse::<usize>().is_ok_and(|line| line >= 1 && line <= text.lines().count());
    }
    prose(text).any(|(_, line)| line.starts_with('#') && anchor(line) == wanted)
}

/// `../src/x.rs` seen from `docs/a.md` is `src/x.rs`; none outside the repository.
fn resolve(paper: &str, target: &str) -> Option<String> {
    let mut inner = PathBuf::from(paper);
    inner.pop();
    for part in Path::new(target).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                if !inner.pop() {
                    return None;
                }
            }
            part => inner.push(part),
        }
    }
    Some(inner.to_string_lossy().replace('\\', "/"))
}

/// Why a target does not resolve; none if it does.
fn broken(paper: &Paper, target: &str, lookup: Lookup) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, wanted) = target.split_once('#').unwrap_or((target, ""));
    let path = if file.is_empty() { Some(paper.path.clone()) } else { resolve(&paper.path, file) };
    let Some(text) = path.and_then(|path| lookup(&path)) else {
        return Some(format!("{target} is not there"));
    };
    (!wanted.is_empty() && !has_anchor(&text, wanted)).then(|| format!("{target} has no such anchor"))
}

/// Why a path in backticks is wrong; none if it is right.
fn wrong(path: &str, lookup: Lookup) -> Option<String> {
    let (file, line) = match path.rsplit_once(':') {
        Some((file, line)) if line.parse::<usize>().is_ok() => (file, Some(line)),
        _ => (path.split("::").next().unwrap_or(path), None),
    };
    let Some(text) = lookup(file.trim_end_matches('/')) else {
        return Some(format!("`{path}` is not there"));
    };
    let line = line?;
    (!has_anchor(&text, &format!("L{line}"))).then(|| format!("`{path}`: the file is shorter"))
}

fn violations(papers: &[Paper], lookup: Lookup) -> Vec<String> {
    let mut found = Vec::new();
    for paper in papers {
        for (at, line) in prose(&paper.text) {
            let links = targets(line).into_iter().filter_map(|target| broken(paper, target, lookup));
            let paths = quoted_paths(line).into_iter().filter_map(|path| wrong(path, lookup));
            found.extend(links.chain(paths).map(|why| format!("{}:{at}: {why}", paper.path)));
        }
    }
    found
}

/// Names of papers in a comment or a message: `docs/beanstalk.md`.
fn cited(text: &str) -> Vec<&str> {
    let ends = text.match_indices(".md").map(|(at, found)| at + found.len());
    ends.filter_map(|end| {
        let inside = |c: char| c.is_ascii_alphanumeric() || "/-_.".contains(c);
        let start = text[..end].rfind(|c| !inside(c)).map_or(0, |at| at + 1);
        text[start..end].starts_with("docs/").then_some(&text[start..end])
    })
    .collect()
}

fn on_disk(path: &str) -> Option<String> {
    let path = root().join(path);
    if path.is_dir() { Some(String::new()) } else { fs::read_to_string(path).ok() }
}

fn papers() -> Vec<Paper> {
    let top = fs::read_dir(root()).expect("the repository can be read");
    let names = top.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut paths: Vec<String> = names.filter(|name| name.ends_with(".md")).collect();
    paths.extend(["docs", "specs"].iter().flat_map(|folder| files(folder, "md")));
    paths.sort();
    let read = |path: String| Paper { text: on_disk(&path).expect("a paper is text"), path };
    paths.into_iter().map(read).collect()
}

#[test]
fn links_resolve() {
    assert_kept("links resolve", &violations(&papers(), &on_disk));
}

#[test]
fn papers_cited_in_code_are_there() {
    let mut found = Vec::new();
    for source in sources().iter().filter(|source| !source.path.starts_with("tests/rules/")) {
        let missing = cited(&source.text).into_iter().filter(|paper| on_disk(paper).is_none());
        found.extend(missing.map(|paper| format!("{}: cites {paper}, which is not there", source.path)));
    }
    assert_kept("papers cited in code are there", &found);
}

#[test]
fn a_broken_link_is_caught() {
    let lookup = |path: &str| match path {
        "src/x.rs" => Some("one\ntwo\n".to_owned()),
        "docs/b.md" => Some("# One `two`, three\n".to_owned()),
        "docs" => Some(String::new()),
        _ => None,
    };
    let caught = |text: &str| {
        let paper = Paper { path: "docs/a.md".into(), text: text.into() };
        violations(&[paper], &lookup).len()
    };
    assert_eq!(
        caught("[a](b.md#one-two-three) [b](../src/x.rs#L2) [c](https://x.y/z) `src/x.rs:2` `docs/`"),
        0
    );
    assert_eq!(
        caught("[a](c.md)\n[a](b.md#four)\n[b](../src/x.rs#L3)\n[c](../../x)\n`src/y.rs`\n`src/x.rs:3`"),
        6
    );
    assert_eq!(caught("```\n[a](c.md)\n```\n`src/<room>/x.rs`"), 0);
    assert_eq!(cited("// docs/b.md, \"One\"; (docs/c.md)"), ["docs/b.md", "docs/c.md"]);
}
