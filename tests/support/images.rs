//! What images are made, pushed and pulled with, as the scripts set it up: a Docker Engine, skopeo, busybox.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::hands::not_run;
use super::wait::secs;

/// A Docker Engine, spoken to over its socket.
#[derive(Debug)]
pub(crate) struct Engine {
    socket: PathBuf,
}

impl Engine {
    /// The engine that `scripts/test` found or started. Without one the test is written down as not run.
    pub(crate) fn found() -> Option<Self> {
        let named = std::env::var("SPROUT_TEST_DOCKER").or_else(|_| std::env::var("DOCKER_HOST"));
        let named = named.unwrap_or_else(|_| "unix:///var/run/docker.sock".to_owned());
        let engine = Self { socket: PathBuf::from(named.strip_prefix("unix://").unwrap_or(&named)) };
        if UnixStream::connect(&engine.socket).is_err() {
            not_run("no Docker Engine answers; `make test` starts one as root");
            return None;
        }
        Some(engine)
    }

    /// One call: status and body. Paths are those of the Engine API without a version.
    #[track_caller]
    pub(crate) fn call(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> (u16, String) {
        let talk = || -> std::io::Result<String> {
            let mut stream = UnixStream::connect(&self.socket)?;
            stream.set_read_timeout(Some(secs(120)))?;
            let length = body.len();
            // In the old version an answer ends with its connection: nothing has to be put together.
            write!(
                stream,
                "{method} {path} HTTP/1.0\r\nHost: docker\r\n{headers}Content-Length: {length}\r\n\r\n"
            )?;
            stream.write_all(body)?;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer)?;
            Ok(String::from_utf8_lossy(&answer).into_owned())
        };
        let answer = talk().unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no HTTP: {answer}"));
        let status = head.split_whitespace().nth(1).and_then(|status| status.parse().ok());
        (status.unwrap_or_else(|| panic!("no HTTP: {head}")), body.to_owned())
    }

    /// A call whose answer is a stream of JSON values: all of them.
    #[track_caller]
    pub(crate) fn stream(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Vec<Value> {
        let (status, told) = self.call(method, path, headers, body);
        assert_eq!(status, 200, "{method} {path}: {told}");
        values(&told)
    }
}

/// JSON values that follow each other.
#[track_caller]
pub(crate) fn values(text: &str) -> Vec<Value> {
    let values = serde_json::Deserializer::from_str(text).into_iter();
    values.collect::<Result<_, _>>().unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// skopeo, if it is there; else the test is written down as not run.
pub(crate) fn skopeo() -> Option<PathBuf> {
    tool("skopeo")
}

/// A busybox that needs no libraries, if it is there; else the test is written down as not run.
pub(crate) fn busybox() -> Option<PathBuf> {
    let found = tool("busybox")?;
    // ldd fails for a program that needs no libraries.
    let linked = Command::new("ldd").arg(&found).output().is_ok_and(|run| run.status.success());
    if linked {
        not_run("busybox is there, but not the one without libraries (Debian: busybox-static)");
        return None;
    }
    Some(found)
}

fn tool(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| path.is_file());
    if found.is_none() {
        not_run(&format!("{name} is missing; `make deps` says why"));
    }
    found
}

/// A tar archive of these files: name, mode, content.
pub(crate) fn archive(files: &[(&str, u32, &[u8])]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, mode, content) in files {
        let mut head = [0_u8; 512];
        let mut put = |at: usize, text: &str| head[at..at + text.len()].copy_from_slice(text.as_bytes());
        put(0, name);
        put(100, &format!("{mode:07o}"));
        put(108, "0000000");
        put(116, "0000000");
        put(124, &format!("{:011o}", content.len()));
        put(136, "00000000000");
        // The sum is taken with spaces in its own place.
        put(148, "        ");
        put(156, "0");
        put(257, "ustar\u{0}00");
        let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
        head[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        archive.extend_from_slice(&head);
        archive.extend_from_slice(content);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    archive.resize(archive.len() + 1024, 0);
    archive
}

/// Reads a file whole.
#[track_caller]
pub(crate) fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
