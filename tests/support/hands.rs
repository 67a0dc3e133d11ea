//! Commands that run to their end: `sprout` and the AWS CLI.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::process::{Process, appended, note};

/// What a command left behind.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    /// The command line, for messages.
    pub(crate) line: String,
    /// Exit status; none if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Output {
    /// Fails the test unless the command ended with 0.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        self.ended(0)
    }

    /// Fails the test unless the command ended with this status.
    #[track_caller]
    pub(crate) fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// Standard output as JSON; null if there is none.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        if self.stdout.trim().is_empty() {
            return Value::Null;
        }
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("no JSON ({error}): {self}"))
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { line, code, stdout, stderr } = self;
        write!(f, "$ {line}\nexit status: {code:?}\nstdout:\n{stdout}\nstderr:\n{stderr}")
    }
}

/// Runs `command` to its end, at most for `limit`. Its output is kept in `dir`,
/// and a transcript of all commands in `dir`/hands.log.
#[track_caller]
pub(crate) fn run(command: &mut Command, dir: &Path, limit: Duration) -> Output {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let name = format!("hand-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let [out, err] = ["out", "err"].map(|end| dir.join(format!("{name}.{end}")));
    let words: Vec<_> = std::iter::once(command.get_program()).chain(command.get_args()).collect();
    let line = words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");

    let mut process = Process::start_apart(command, &out, &err);
    let code = process.wait(limit).code();
    let read = |path: &Path| String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned();
    let output = Output { line, code, stdout: read(&out), stderr: read(&err) };
    note(&dir.join("hands.log"), &output.to_string());
    for path in [out, err] {
        let _ = fs::remove_file(path);
    }
    output
}

/// The AWS CLI that the project set up for itself. Where there is none, the test
/// is written down as not run, and with `CI=true` it fails.
pub(crate) fn aws_cli() -> Option<PathBuf> {
    let named = std::env::var_os("SPROUT_TEST_AWS").map(PathBuf::from);
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin/aws");
    let found = named.or_else(|| own.exists().then_some(own));
    if found.is_none() {
        not_run("the AWS CLI is missing; `make deps` says why");
    }
    found
}

/// Writes down that the running test was not run, where `make test` picks it up.
pub(crate) fn not_run(why: &str) {
    let test = std::env::var("NEXTEST_TEST_NAME")
        .ok()
        .or_else(|| std::thread::current().name().map(str::to_owned))
        .unwrap_or_else(|| "a test".to_owned());
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{test} cannot run: {why}");
    eprintln!("{test} was not run: {why}");
    if let Some(list) = std::env::var_os("SPROUT_TEST_NOT_RUN") {
        use std::io::Write;
        let line = format!("{test}: {why}\n");
        appended(Path::new(&list)).write_all(line.as_bytes()).expect("the list can be written");
    }
}
