//! The command line as a shell sees it: the real binary, its exit statuses,
//! its two outputs and its files.

mod input;
mod places;
mod shell;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::Output;

/// A folder to call `sprout` in, with nothing of the test runner's settings.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    #[track_caller]
    fn write(&self, file: &str, text: &str) -> PathBuf {
        let path = self.path().join(file);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("the folder is made");
        std::fs::write(&path, text).expect("the file is written");
        path
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sprout"));
        command.env_clear().env("USER", "anna").env("TZ", "UTC").current_dir(self.path()).args(arguments);
        command
    }

    /// Runs `sprout` here.
    #[track_caller]
    fn sprout(&self, arguments: &[&str]) -> Output {
        self.fed(arguments, "")
    }

    /// The same with something on standard input.
    #[track_caller]
    fn fed(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("sprout starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        // A command that reads nothing may have ended already.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        let ended = child.wait_with_output().expect("sprout ends");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Output {
            line: format!("sprout {}", arguments.join(" ")),
            code: ended.status.code(),
            stdout: text(ended.stdout),
            stderr: text(ended.stderr),
        }
    }
}

/// A specification file of one feature.
fn spec(name: &str, image: &str) -> String {
    format!(
        "apiVersion: beansprout.dev/v1\nkind: Feature\nmetadata:\n  name: {name}\nspec:\n  image: {image}\n"
    )
}
