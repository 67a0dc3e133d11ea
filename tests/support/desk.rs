//! Where a person or a controller works: one store, one configuration file, one
//! pair of credentials.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use serde_json::Value;

use super::hands::{Output, run};
use super::process::Process;
use super::wait::secs;

/// The application that the tests work in.
pub(crate) const APPLICATION: &str = "shop";

/// A world that runs faster than the machine's clock is by and by far away from
/// it; by default that stops everything that depends on time.
const SPED_UP: &str = "[clock]\nmaxSkew = \"unlimited\"\n";

/// How long a command may take that is not told otherwise.
const COMMAND: Duration = secs(120);

/// A store with all that is needed to use it.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    name: String,
    dir: PathBuf,
    environment: Vec<(OsString, OsString)>,
}

impl Desk {
    /// A new, empty store `name` in the test's folder, for the cloud at `endpoint`.
    pub(crate) fn new(dir: &Path, name: &str, endpoint: &str) -> Self {
        let mut desk =
            Self { name: name.to_owned(), dir: dir.to_owned(), environment: surroundings(dir, endpoint) };
        let config = desk.write(&format!("{name}.toml"), SPED_UP);
        desk.set("SPROUT_CONFIG", &config);
        desk.set("SPROUT_STORE", format!("sqlite:{}", desk.store().display()));
        desk.set("SPROUT_APPLICATION", APPLICATION);
        desk.set("AWS_ACCESS_KEY_ID", access_key(name));
        desk
    }

    /// Sets a variable for all that starts from here on.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.unset(name);
        self.environment.push((name.into(), value.into()));
    }

    pub(crate) fn unset(&mut self, name: &str) {
        self.environment.retain(|(known, _)| known != name);
    }

    /// The store's file.
    pub(crate) fn store(&self) -> PathBuf {
        self.dir.join(format!("{}.db", self.name))
    }

    /// Adds TOML to the configuration file.
    pub(crate) fn configure(&self, toml: &str) {
        let path = self.dir.join(format!("{}.toml", self.name));
        let before = fs::read_to_string(&path).unwrap_or_default();
        self.write(&format!("{}.toml", self.name), &format!("{before}\n{toml}\n"));
    }

    /// Writes a file in the test's folder.
    #[track_caller]
    pub(crate) fn write(&self, file: &str, text: &str) -> PathBuf {
        let path = self.dir.join(file);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        }
        fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path
    }

    /// Runs `sprout` to its end.
    #[track_caller]
    pub(crate) fn sprout(&self, arguments: &[&str]) -> Output {
        self.sprout_within(COMMAND, arguments)
    }

    /// The same with a time limit of its own.
    #[track_caller]
    pub(crate) fn sprout_within(&self, limit: Duration, arguments: &[&str]) -> Output {
        run(self.command().args(arguments), &self.dir, limit)
    }

    /// Applies this text as a spec file.
    #[track_caller]
    pub(crate) fn apply(&self, file: &str, text: &str) -> Output {
        let path = self.write(file, text);
        self.sprout(&["apply", "-f", &path.to_string_lossy()])
    }

    /// `sprout get NAME -o json`; null while there is no such feature.
    #[track_caller]
    pub(crate) fn feature(&self, name: &str) -> Value {
        let output = self.sprout(&["get", name, "-o", "json"]);
        if output.code == Some(0) { output.json() } else { Value::Null }
    }

    /// Starts `sprout run --yes`.
    pub(crate) fn controller(&self) -> Controller {
        self.controller_with("controller", &[])
    }

    /// The same under a name of its own, which its log file bears, and with more
    /// arguments.
    pub(crate) fn controller_with(&self, name: &str, arguments: &[&str]) -> Controller {
        let log = self.dir.join(format!("{}-{name}.log", self.name));
        let mut command = self.command();
        command.args(["run", "--yes"]).args(arguments);
        Controller { process: Process::start(&mut command, &log), command, log }
    }

    /// `sprout` with nothing of the test runner's own surroundings.
    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sprout"));
        command.env_clear().envs(self.environment.iter().cloned()).current_dir(&self.dir);
        command
    }
}

/// A running `sprout run`.
#[derive(Debug)]
pub(crate) struct Controller {
    process: Process,
    command: Command,
    log: PathBuf,
}

impl Controller {
    /// Ends it as a power cut would.
    pub(crate) fn kill9(&mut self) {
        self.process.kill9();
    }

    /// Ends it as a service manager does.
    #[track_caller]
    pub(crate) fn term(&mut self) -> ExitStatus {
        self.process.term(secs(60))
    }

    /// Starts it again, as it was started.
    pub(crate) fn start_again(&mut self) {
        self.process.kill9();
        self.process = Process::start(&mut self.command, &self.log);
    }

    /// Freezes it where it stands.
    pub(crate) fn stop(&mut self) {
        self.process.stop();
    }

    /// Lets it go on.
    pub(crate) fn cont(&mut self) {
        self.process.cont();
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.process.is_running()
    }

    /// What it has said, over all its starts.
    pub(crate) fn log(&self) -> String {
        self.process.log()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }
}

/// The key that a desk signs with: the emulator's record of calls tells by it who
/// called.
pub(crate) fn access_key(desk: &str) -> String {
    format!("AKIA{}", desk.to_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), ""))
}

/// What every child gets: the cloud's address, credentials, and no way to the
/// machine's own AWS settings.
pub(crate) fn surroundings(dir: &Path, endpoint: &str) -> Vec<(OsString, OsString)> {
    let nowhere = dir.join("no-such-file");
    let mut variables: Vec<(OsString, OsString)> = vec![
        ("AWS_ENDPOINT_URL".into(), endpoint.into()),
        ("AWS_REGION".into(), "eu-central-1".into()),
        ("AWS_DEFAULT_REGION".into(), "eu-central-1".into()),
        ("AWS_ACCESS_KEY_ID".into(), "AKIAHAND".into()),
        ("AWS_SECRET_ACCESS_KEY".into(), "test".into()),
        ("AWS_CONFIG_FILE".into(), nowhere.clone().into()),
        ("AWS_SHARED_CREDENTIALS_FILE".into(), nowhere.into()),
        ("AWS_EC2_METADATA_DISABLED".into(), "true".into()),
        ("AWS_PAGER".into(), "".into()),
        ("HOME".into(), dir.into()),
        ("LC_ALL".into(), "C.UTF-8".into()),
        ("TZ".into(), "UTC".into()),
    ];
    variables.extend(std::env::var_os("PATH").map(|path| ("PATH".into(), path)));
    variables.extend(std::env::var_os("RUST_BACKTRACE").map(|value| ("RUST_BACKTRACE".into(), value)));
    variables
}
