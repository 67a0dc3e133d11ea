//! The emulator as a process, and what one can see of the world from outside.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use beansprout::emulator::Call;
use jiff::Timestamp;
use serde_json::Value;

use super::process::Process;
use super::wait::{secs, until};

/// How the emulator says where it listens: the first line of its standard output.
const LISTENING: &str = "listening on http://";

/// `sprout emulator`, with its state file and control socket in the test's folder.
#[derive(Debug)]
pub(crate) struct Cloud {
    process: Process,
    dir: PathBuf,
    /// Kept over a restart, as a real service keeps its address.
    address: SocketAddr,
    arguments: Vec<String>,
}

/// An HTTP answer of an environment.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Cloud {
    /// Starts one with short times. `arguments` come after the usual ones.
    #[track_caller]
    pub(crate) fn start(dir: &Path, arguments: &[&str]) -> Self {
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let (process, address) = spawn(dir, "127.0.0.1:0", &arguments);
        Self { process, dir: dir.to_owned(), address, arguments }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Ends the emulator; its world stays in the state file.
    #[track_caller]
    pub(crate) fn stop(&mut self) {
        self.process.term(secs(30));
    }

    /// Starts it again with the same world at the same address.
    #[track_caller]
    pub(crate) fn start_again(&mut self) {
        let (process, address) = spawn(&self.dir, &self.address.to_string(), &self.arguments);
        assert_eq!(address, self.address);
        self.process = process;
    }

    /// One command to the control socket, words or a JSON object on one line, and
    /// its reply. docs/emulator.md lists them.
    #[track_caller]
    pub(crate) fn control(&self, command: &str) -> Value {
        let reply = ask(&self.dir.join("control.sock"), command);
        let reply = reply.unwrap_or_else(|error| panic!("control `{command}`: {error}"));
        assert!(reply.get("error").is_none(), "control `{command}`: {reply}");
        reply
    }

    /// The calls that reached the world, oldest first: all after the one numbered
    /// `since`, 0 for all.
    #[track_caller]
    pub(crate) fn calls(&self, since: u64) -> Vec<Call> {
        let reply = self.control(&format!("calls since {since}"));
        serde_json::from_value(reply["calls"].clone()).unwrap_or_else(|error| panic!("{error}: {reply}"))
    }

    /// Everything there is, as the emulator keeps it in its state file: an
    /// all-knowing view that costs no call and no waiting for the AWS CLI.
    #[track_caller]
    pub(crate) fn world(&self) -> Value {
        self.control("world")
    }

    /// World time.
    #[track_caller]
    pub(crate) fn now(&self) -> Timestamp {
        let reply = self.control("now");
        serde_json::from_value(reply["now"].clone()).unwrap_or_else(|error| panic!("{error}: {reply}"))
    }

    /// Lets the world's time run this many times as fast.
    #[track_caller]
    pub(crate) fn speed(&self, factor: f64) {
        self.control(&format!("speed {factor}"));
    }

    /// What an environment answers at its URL. The connection goes to the emulator
    /// whatever the name resolves to.
    pub(crate) fn visit(&self, url: &str, accept: &str) -> Result<Page, String> {
        let (_, rest) = url.split_once("://").ok_or_else(|| format!("`{url}` is no URL"))?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let request = format!("GET /{path} HTTP/1.0\r\nHost: {host}\r\nAccept: {accept}\r\n\r\n");
        exchange(self.address, &request).map_err(|error| format!("{url}: {error}"))
    }
}

#[track_caller]
fn spawn(dir: &Path, listen: &str, arguments: &[String]) -> (Process, SocketAddr) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sprout"));
    command.args(["emulator", "--listen", listen]);
    command.arg("--state").arg(dir.join("world.json"));
    command.arg("--control").arg(dir.join("control.sock"));
    command.args(["--region", "eu-central-1", "--launch", "8s", "--update", "4s", "--terminate", "4s"]);
    command.args(arguments).current_dir(dir);
    let (process, line) = Process::start_and_read_line(&mut command, &dir.join("emulator.log"), secs(30));
    let address = line.strip_prefix(LISTENING).and_then(|address| address.trim_end_matches('/').parse().ok());
    (process, address.unwrap_or_else(|| panic!("the emulator says `{line}`, not `{LISTENING}ADDRESS`")))
}

/// The socket appears after the port: a refusal is tried again for a while.
fn ask(socket: &Path, command: &str) -> Result<Value, String> {
    let stream = until(secs(10), || UnixStream::connect(socket).map_err(|error| error.to_string()))?;
    let talk = || -> std::io::Result<String> {
        stream.set_read_timeout(Some(secs(30)))?;
        writeln!(&stream, "{command}")?;
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line)?;
        Ok(line)
    };
    let line = talk().map_err(|error| error.to_string())?;
    serde_json::from_str(&line).map_err(|error| format!("`{line}` is no JSON: {error}"))
}

fn exchange(address: SocketAddr, request: &str) -> Result<Page, String> {
    let talk = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&address, secs(10))?;
        stream.set_read_timeout(Some(secs(30)))?;
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    let answer = talk().map_err(|error| error.to_string())?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| format!("no HTTP: `{answer}`"))?;
    let status = head.split_whitespace().nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| format!("no HTTP: `{head}`"))?;
    Ok(Page { status, body: body.to_owned() })
}
