//! Imports go downwards only, and the decisions stay pure.

use super::assert_kept;
use super::source::{Source, sources};

/// The rooms by layer, from the ground up. ARCHITECTURE.md says what lives in
/// each.
const LAYERS: [&[&str]; 6] = [
    &["model"],
    &["plan", "status", "bundle"],
    &["store", "provider", "aws", "emulator", "clock"],
    &["observe", "act", "image"],
    &["controller", "gitops", "outbox"],
    &["main", "cli", "web", "config", "telemetry"],
];

/// The layer of the seams: independent of each other, but for [`SEAM_PAIRS`]
/// and the clock, which every seam may read.
const SEAMS: usize = 2;
const SEAM_PAIRS: [(&str, &str); 2] = [("provider", "aws"), ("store", "aws")];

/// Layers up to this one decide and do nothing else.
const PURE: usize = 1;

/// What a pure room must not name, and why.
const IMPURE: [(&str, &str); 16] = [
    ("async", "waits for something"),
    (".await", "waits for something"),
    ("tokio", "is a runtime"),
    ("tracing", "writes to a log"),
    ("fastrand", "is random"),
    ("std::fs", "reads files"),
    ("std::env", "reads the environment"),
    ("TcpStream", "talks to the network"),
    ("TcpListener", "talks to the network"),
    ("UdpSocket", "talks to the network"),
    ("ToSocketAddrs", "asks the network for names"),
    ("std::process", "starts processes"),
    ("std::thread", "depends on threads"),
    ("std::time::Instant", "reads a clock"),
    ("std::time::SystemTime", "reads a clock"),
    ("println!", "writes to the terminal"),
];

fn layer(room: &str) -> Option<usize> {
    LAYERS.iter().position(|rooms| rooms.contains(&room))
}

/// The room of a file: its first module, `main` for the binary, none for the
/// library's root.
fn room(source: &Source) -> Option<&str> {
    match source.path.as_str() {
        "src/main.rs" => Some("main"),
        _ => source.modules().first().copied(),
    }
}

/// Rooms that this code names by a path from the crate's root, with the offset.
fn imports(source: &Source, code: &str) -> Vec<(String, usize)> {
    let up = "super::".repeat(source.modules().len());
    let mut prefixes = vec!["crate::", "beansprout::"];
    if !up.is_empty() {
        prefixes.push(&up);
    }
    let mut found = Vec::new();
    for prefix in prefixes {
        for at in Source::words(code, prefix) {
            // `super::super::x` also ends in `super::x`; only the whole chain counts.
            if prefix.starts_with("super") && code[..at].trim_end().ends_with("::") {
                continue;
            }
            let rest = &code[at + prefix.len()..];
            found.extend(heads(rest).into_iter().map(|head| (head, at)));
        }
    }
    found.retain(|(head, _)| head != "super");
    found
}

/// First names of a path or of a group of paths: `a` of `a::b`, `a` and `c` of
/// `{a::b, c}`.
fn heads(rest: &str) -> Vec<String> {
    let name = |text: &str| -> String {
        text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
    };
    let Some(group) = rest.strip_prefix('{') else { return vec![name(rest)] };
    let mut heads = vec![name(group)];
    let mut depth = 0_i32;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => heads.push(name(&group[at + 1..])),
            _ => {}
        }
    }
    heads.retain(|head| !head.is_empty());
    heads
}

/// Why `from` may not import `to`; none if it may.
fn forbidden(from: &str, to: &str) -> Option<String> {
    let (Some(above), Some(below)) = (layer(from), layer(to)) else { return None };
    if from == to {
        return None;
    }
    if to == "emulator" && from != "cli" {
        return Some("production code does not know the emulator; only cli serves it".into());
    }
    if below > above {
        return Some(format!("layer {above} may not look up to layer {below}"));
    }
    let pair = SEAM_PAIRS.contains(&(from, to)) || (to == "clock" && from != "clock");
    if above == SEAMS && below == SEAMS && !pair {
        return Some("seams are independent of each other".into());
    }
    None
}

fn violations(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| source.path.starts_with("src/")) {
        let Some(from) = room(source) else { continue };
        let Some(level) = layer(from) else {
            found.push(format!("{}: room `{from}` is in no layer of tests/rules/layers.rs", source.path));
            continue;
        };
        let code = source.production();
        for (to, at) in imports(source, &code) {
            if let Some(why) = forbidden(from, &to) {
                found.push(format!("{}:{}: {from} imports {to}: {why}", source.path, source.line(at)));
            }
        }
        if level <= PURE {
            found.extend(impurities(source, &code));
        }
    }
    found
}

fn impurities(source: &Source, code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (word, why) in IMPURE {
        for at in Source::words(code, word) {
            found.push(format!("{}:{}: `{word}` {why}", source.path, source.line(at)));
        }
    }
    if room(source) == Some("model") {
        for at in ["f32", "f64"].iter().flat_map(|word| Source::words(code, word)) {
            found.push(format!("{}:{}: a noun holds no floats", source.path, source.line(at)));
        }
    }
    found
}

#[test]
fn imports_go_downwards() {
    assert_kept("imports go downwards, decisions are pure", &violations(&sources()));
}

fn caught(path: &str, text: &str) -> Vec<String> {
    violations(&[Source::new(path, text)])
}

#[test]
fn a_look_upwards_is_caught() {
    assert_eq!(caught("src/plan/mod.rs", "use crate::store::Store;").len(), 1);
    assert_eq!(caught("src/plan/mod.rs", "use crate::{model::X, store::{A, B}, act};").len(), 2);
    assert_eq!(caught("src/plan/deep/x.rs", "fn f() { super::super::super::store::x() }").len(), 1);
    assert_eq!(caught("src/plan/deep/x.rs", "use super::super::store::x;").len(), 0);
    assert_eq!(caught("src/model/mod.rs", "use super::status::x;").len(), 1);
    assert_eq!(caught("src/novel/mod.rs", "").len(), 1);
}

#[test]
fn a_seam_that_leans_on_another_is_caught() {
    assert_eq!(caught("src/store/x.rs", "use crate::provider::X;").len(), 1);
    assert_eq!(caught("src/emulator/x.rs", "use crate::aws::X;").len(), 1);
    assert_eq!(caught("src/provider/x.rs", "use crate::{aws::X, clock::Y, model};").len(), 0);
    assert_eq!(caught("src/controller/x.rs", "use crate::emulator::X;").len(), 1);
    assert_eq!(caught("src/cli/x.rs", "use crate::emulator::X;").len(), 0);
}

#[test]
fn an_impure_decision_is_caught() {
    let text = "use std::time::Duration;\nasync fn f() { x().await }\nfn g() { std::fs::read(\"tokio\") }";
    assert_eq!(caught("src/plan/x.rs", text).len(), 3);
    assert_eq!(caught("src/model/x.rs", "struct X(f64);").len(), 1);
    assert_eq!(caught("src/model/x.rs", "// async\n#[cfg(test)]\nmod tests { use crate::store; }").len(), 0);
}
