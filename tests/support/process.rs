//! A child process that does not outlive its test.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use super::wait::{secs, until};

/// A child whose output goes to a log file; killed when this value is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command` with standard output and error appended to `log`.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Self {
        Self::start_apart(command, log, log)
    }

    /// Starts `command` with standard output and error in files of their own.
    pub(crate) fn start_apart(command: &mut Command, out: &Path, log: &Path) -> Self {
        let child = command
            .stdin(Stdio::null())
            .stdout(appended(out))
            .stderr(appended(log))
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        Self { child, log: log.to_owned() }
    }

    /// Starts `command` and waits for the first line of its standard output; what
    /// follows goes to the log.
    #[track_caller]
    pub(crate) fn start_and_read_line(command: &mut Command, log: &Path, limit: Duration) -> (Self, String) {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(appended(log))
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        let mut output = BufReader::new(child.stdout.take().expect("standard output is piped"));
        let process = Self { child, log: log.to_owned() };
        let (sender, receiver) = mpsc::channel();
        let mut rest = appended(log);
        std::thread::spawn(move || {
            let mut line = String::new();
            let read = output.read_line(&mut line);
            let _ = sender.send(read.map(|_| line));
            let _ = std::io::copy(&mut output, &mut rest);
        });
        match receiver.recv_timeout(limit) {
            Ok(Ok(line)) if !line.is_empty() => (process, line.trim_end().to_owned()),
            Ok(_) => panic!("{command:?} ended without a line:\n{}", process.log()),
            Err(_) => panic!("{command:?} printed no line within {limit:?}:\n{}", process.log()),
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// What it has written so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Ends it without a chance to tidy up, as a power cut would.
    pub(crate) fn kill9(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to end and waits until it has.
    #[track_caller]
    pub(crate) fn term(&mut self, limit: Duration) -> ExitStatus {
        self.signal("TERM");
        self.wait(limit)
    }

    /// Waits until it ends by itself.
    #[track_caller]
    pub(crate) fn wait(&mut self, limit: Duration) -> ExitStatus {
        let pid = self.pid();
        let ended = until(limit, || match self.child.try_wait() {
            Ok(Some(status)) => Ok(status),
            Ok(None) => Err(format!("process {pid} still runs")),
            Err(error) => Err(error.to_string()),
        });
        ended.unwrap_or_else(|seen| panic!("{seen} after {limit:?}:\n{}", self.log()))
    }

    /// Freezes it where it stands.
    pub(crate) fn stop(&mut self) {
        self.signal("STOP");
    }

    /// Lets a frozen one go on.
    pub(crate) fn cont(&mut self) {
        self.signal("CONT");
    }

    /// The shell's own `kill` is everywhere; the program is not.
    fn signal(&mut self, name: &str) {
        if !self.is_running() {
            return;
        }
        let line = format!("kill -{name} {}", self.pid());
        let sent = Command::new("sh").args(["-c", &line]).status().expect("a shell");
        assert!(sent.success() || !self.is_running(), "{line} failed");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill9();
    }
}

/// A file opened for appending; writes of several holders do not overwrite each
/// other.
pub(crate) fn appended(path: &Path) -> File {
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Adds a line to a log.
pub(crate) fn note(log: &Path, line: &str) {
    writeln!(appended(log), "{line}").expect("a log that can be written");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn the_first_line_is_read_and_the_rest_is_logged() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let script = "echo ready; echo more; echo worse >&2";
        let (mut process, line) = Process::start_and_read_line(&mut shell(script), &log, secs(20));
        assert_eq!(line, "ready");
        assert!(process.wait(secs(20)).success());
        let logged = until(secs(20), || {
            let log = process.log();
            if log.contains("more") && log.contains("worse") { Ok(log) } else { Err(log) }
        });
        assert!(!logged.unwrap().contains("ready"));
    }

    #[test]
    fn signals_reach_the_child_and_drop_ends_it() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let script = "trap 'exit 7' TERM; echo up; while :; do sleep 0.05; done";
        let (mut process, _) = Process::start_and_read_line(&mut shell(script), &log, secs(20));
        process.stop();
        process.cont();
        assert_eq!(process.term(secs(20)).code(), Some(7));

        let (other, _) = Process::start_and_read_line(&mut shell(script), &log, secs(20));
        let pid = other.pid();
        drop(other);
        let alive = shell(&format!("kill -0 {pid} 2>/dev/null")).status().unwrap();
        assert!(!alive.success());
    }
}
