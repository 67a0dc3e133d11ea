//! Rust sources as the rules read them.

use std::fs;
use std::path::{Path, PathBuf};

/// One Rust file of the repository.
#[derive(Debug)]
pub(super) struct Source {
    /// Relative to the repository, with forward slashes.
    pub(super) path: String,
    /// As written.
    pub(super) text: String,
    /// Of the same length and lines, with comments and the inside of strings
    /// and characters blanked, so that braces and names are really code.
    pub(super) code: String,
}

impl Source {
    pub(super) fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned(), code: blank(text) }
    }

    /// [`Source::code`] with every item under `#[cfg(test)]` blanked as well.
    pub(super) fn production(&self) -> String {
        let mut code = self.code.clone();
        while let Some(start) = code.find("#[cfg(test)]") {
            let end = item_end(&code, start + "#[cfg(test)]".len());
            code = blanked(&code, start, end);
        }
        code
    }

    /// Line number of a byte offset, from 1.
    pub(super) fn line(&self, offset: usize) -> usize {
        self.code[..offset].matches('\n').count() + 1
    }

    /// Names of the modules from the crate's root to this file: `["plan",
    /// "steps"]` for `src/plan/steps.rs`, none for `lib.rs` and `main.rs`.
    pub(super) fn modules(&self) -> Vec<&str> {
        let inner = self.path.split_once('/').map_or(self.path.as_str(), |(_, rest)| rest);
        let stem = inner.strip_suffix(".rs").unwrap_or(inner);
        let mut names: Vec<&str> = stem.split('/').collect();
        if names.last().is_some_and(|name| ["mod", "lib", "main"].contains(name)) {
            names.pop();
        }
        names
    }

    /// Where a whole word begins in `code`.
    pub(super) fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
        code.match_indices(word).map(|(at, _)| at).filter(move |&at| {
            let before = code[..at].chars().next_back();
            let after = code[at + word.len()..].chars().next();
            let inside = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
            let open_ended = !word.ends_with(|c: char| c.is_alphanumeric());
            !inside(before) && (open_ended || !inside(after))
        })
    }

    /// Every function with a body: name, first line, number of lines.
    pub(super) fn functions(&self) -> Vec<(String, usize, usize)> {
        Self::words(&self.code, "fn ").filter_map(|at| self.function(at)).collect()
    }

    fn function(&self, at: usize) -> Option<(String, usize, usize)> {
        let rest = &self.code[at + 3..];
        let name: String =
            rest.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let open = body(&self.code, at)?;
        let lines = self.line(closing(&self.code, open)) - self.line(at) + 1;
        (!name.is_empty()).then(|| (name, self.line(at), lines))
    }
}

/// Every Rust file of the repository, sorted by path.
pub(super) fn sources() -> Vec<Source> {
    ["src", "tests", "benches"]
        .iter()
        .flat_map(|folder| files(folder, "rs"))
        .map(|path| read(&path))
        .collect()
}

fn read(path: &str) -> Source {
    let text = fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    Source::new(path, &text)
}

/// The repository.
pub(super) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Files below a folder with this extension, as sorted relative paths.
pub(super) fn files(folder: &str, extension: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(folder) = open.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.expect("a folder that can be read").path()) {
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(relative(&path));
            }
        }
    }
    found.sort();
    found
}

fn relative(path: &Path) -> String {
    let inner: PathBuf = path.strip_prefix(root()).expect("a path in the repository").into();
    inner.to_string_lossy().replace('\\', "/")
}

/// Where the body of the function at `at` opens; none for a declaration.
fn body(code: &str, at: usize) -> Option<usize> {
    let mut depth = 0_i32;
    for (offset, c) in code[at..].char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            ';' if depth == 0 => return None,
            '{' if depth == 0 => return Some(at + offset),
            _ => {}
        }
        if depth < 0 {
            return None;
        }
    }
    None
}

/// The end of the item that follows an attribute: its closing brace, or its
/// semicolon if that comes first.
fn item_end(code: &str, from: usize) -> usize {
    match body(code, from) {
        Some(open) => closing(code, open) + 1,
        None => code[from..].find(';').map_or(code.len(), |at| from + at + 1),
    }
}

/// The brace that closes the one at `open`.
pub(super) fn closing(code: &str, open: usize) -> usize {
    let mut depth = 0_usize;
    for (offset, c) in code[open..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return open + offset;
        }
    }
    code.len() - 1
}

fn blanked(code: &str, start: usize, end: usize) -> String {
    let inside: String = code[start..end].chars().map(space).collect();
    format!("{}{inside}{}", &code[..start], &code[end..])
}

/// What stands for a blanked character; bytes are ASCII after [`blank`].
fn space(c: char) -> char {
    if c == '\n' { '\n' } else { ' ' }
}

/// Blanks comments and the inside of literals. Bytes outside ASCII, which Rust
/// allows in names too, become spaces: no rule looks for them.
fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let skip = literal(bytes, at);
        for &byte in &bytes[at..at + skip.max(1)] {
            let kept = skip == 0 && byte.is_ascii();
            out.push(if kept { char::from(byte) } else { space(char::from(byte)) });
        }
        at += skip.max(1);
    }
    out
}

/// Length of the comment or literal that begins here; 0 for code.
fn literal(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    let in_name = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
    if rest.starts_with(b"//") {
        return rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len());
    }
    if rest.starts_with(b"/*") {
        return block_comment(rest);
    }
    match rest[0] {
        b'"' => quoted(rest, 0),
        b'b' if !in_name && rest.starts_with(b"b\"") => quoted(rest, 1),
        b'r' | b'b' if !in_name => raw(rest),
        b'\'' => character(rest),
        _ => 0,
    }
}

fn block_comment(rest: &[u8]) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

fn quoted(rest: &[u8], prefix: usize) -> usize {
    let mut at = prefix + 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// `r"…"`, `r#"…"#`, `br"…"`; 0 if the letter begins a name.
fn raw(rest: &[u8]) -> usize {
    let prefix = if rest.starts_with(b"br") { 2 } else { usize::from(rest[0] == b'r') };
    let hashes = rest[prefix..].iter().take_while(|&&b| b == b'#').count();
    if prefix == 0 || rest.get(prefix + hashes) != Some(&b'"') {
        return 0;
    }
    let end: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
    let start = prefix + hashes + 1;
    let inner = rest[start..].windows(end.len()).position(|window| window == end);
    inner.map_or(rest.len(), |length| start + length + end.len())
}

/// A character literal; 0 for a lifetime.
fn character(rest: &[u8]) -> usize {
    if rest.get(1) == Some(&b'\\') {
        let end = rest.iter().skip(3).position(|&b| b == b'\'');
        return end.map_or(rest.len(), |length| length + 4);
    }
    let text = std::str::from_utf8(&rest[1..rest.len().min(8)])
        .or_else(|error| std::str::from_utf8(&rest[1..1 + error.valid_up_to()]));
    let width = text.ok().and_then(|text| text.chars().next()).map_or(1, char::len_utf8);
    if rest.get(1 + width) == Some(&b'\'') { width + 2 } else { 0 }
}

#[test]
fn comments_and_literals_are_not_code() {
    let text = "a /* { /* { */ */ \"}\\\"{\" b'{' '\\'' r#\"\"{\"# 'a: fn // {\nb 'é' '{' br\"{\" c";
    let source = Source::new("src/x.rs", text);
    assert_eq!(source.code.split_whitespace().collect::<String>(), "ab'a:fnbc");
    assert_eq!(source.code.len(), text.len());
}

#[test]
fn tests_are_not_production() {
    let text = "use a;\n#[cfg(test)]\nmod tests { use b; fn f() { {} } }\n#[cfg(test)]\nuse c;\nuse d;";
    let kept = Source::new("src/x.rs", text).production();
    assert_eq!(kept.split_whitespace().collect::<Vec<_>>(), ["use", "a;", "use", "d;"]);
}

#[test]
fn functions_are_measured_by_their_braces() {
    let text = "trait T { fn declared(x: [u8; 2]); }\nfn one() -> fn(u8) { \"{\" }\nfn three(\n) {\n}\n";
    let found = Source::new("src/x.rs", text).functions();
    assert_eq!(found, [("one".to_owned(), 2, 1), ("three".to_owned(), 3, 3)]);
}
