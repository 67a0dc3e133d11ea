//! `sprout dev`, from a folder of files to environments that answer.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use super::{spec, write};
use crate::support::{Output, Process, eventually, run, secs};

/// A folder with `sprout dev` in it.
struct Dev {
    dir: tempfile::TempDir,
    process: Process,
}

fn sprout(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sprout"));
    // Nothing of these may be read: everything is to stay on this machine.
    command.env_clear().env("AWS_PROFILE", "production").env("AWS_REGION", "eu-west-3").current_dir(dir);
    command
}

fn start(dir: &Path) -> Process {
    let mut command = sprout(dir);
    command.args(["dev", "--launch", "2s", "--update", "1s", "--terminate", "1s"]);
    Process::start(&mut command, &dir.join("dev.log"))
}

impl Dev {
    fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("sprout-").tempdir().unwrap();
        std::fs::create_dir(dir.path().join("specs")).unwrap();
        write(&dir.path().join("specs/login.yaml"), &spec("feature/login", "shop-web:login-1"));
        let process = start(dir.path());
        Self { dir, process }
    }

    fn sprout(&self, arguments: &[&str]) -> Output {
        run(sprout(self.dir.path()).args(arguments), self.dir.path(), secs(60))
    }

    /// Waits until its log has this after what was there before, and gives
    /// the line.
    #[track_caller]
    fn says(&self, since: usize, words: &str) -> String {
        eventually(secs(60), words, || {
            let log = self.process.log();
            let line = log.get(since..).and_then(|log| log.lines().find(|line| line.contains(words)));
            line.map(str::to_owned).ok_or_else(|| log.clone())
        })
    }
}

/// What a page of an environment says, as JSON.
fn visit(url: &str) -> String {
    let address = url.strip_prefix("http://").unwrap().trim_end_matches('/');
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /.json HTTP/1.0\r\nHost: {address}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_file_becomes_an_environment_and_goes_with_it() {
    let mut dev = Dev::new();
    let ready = dev.says(0, "Ready with shop-web:login-1 at http://");
    let url = ready.rsplit(' ').next().unwrap();
    let page = visit(url);
    for words in ["HTTP/1.1 200", "feature/login", "login-1"] {
        assert!(page.contains(words) || page.replace("1.0", "1.1").contains(words), "{words}: {page}");
    }
    let log = dev.process.log();
    for words in ["Worth trying in a second terminal", "Its environment is being made", "built-in cloud"] {
        assert!(log.contains(words), "{words}: {log}");
    }

    let get = dev.sprout(&["get"]).ok();
    assert!(get.stderr.contains("Using the store of `sprout dev`, which runs here."), "{get}");
    assert!(get.stdout.contains("feature/login  Ready"), "{get}");
    let same = dev.sprout(&["diff", "-f", "specs"]).ok();
    assert!(same.stdout.contains("stays as it is"), "{same}");
    let second = dev.sprout(&["dev"]).ended(1);
    assert!(second.stderr.contains("another `sprout dev` runs in this folder"), "{second}");

    let since = dev.process.log().len();
    let file = dev.dir.path().join("specs/login.yaml");
    write(&file, &spec("feature/login", "shop-web:login-2"));
    dev.says(since, "The registry now has shop-web:login-2");
    dev.says(since, "Ready with shop-web:login-2");
    let since = dev.process.log().len();
    std::fs::remove_file(&file).unwrap();
    dev.says(
        since,
        "feature/login is no longer in specs/login.yaml. It is deleted in 3 s unless it returns.",
    );
    dev.says(since, "The environment is gone.");
    dev.sprout(&["wait", "feature/login", "--for", "gone", "--timeout", "30s"]).ok();

    assert!(dev.process.term(secs(30)).success(), "{}", dev.process.log());
    assert!(dev.process.log().trim_end().ends_with("goes on from here."), "{}", dev.process.log());
    assert!(!dev.dir.path().join(".sprout/dev.json").exists());
}

#[test]
fn a_mistake_is_shown_once_and_the_world_goes_on_after_a_stop() {
    let mut dev = Dev::new();
    let ready = dev.says(0, "Ready with shop-web:login-1 at http://");
    write(
        &dev.dir.path().join("specs/wrong.yaml"),
        &spec("feature/x", "shop-web:1").replace("image", "imgae"),
    );
    dev.says(0, "Nothing of it is used, and no feature is removed, until that is mended.");
    assert!(dev.process.log().contains("specs/wrong.yaml:7:3"), "{}", dev.process.log());
    assert!(dev.process.term(secs(30)).success());
    let log = dev.process.log();
    assert_eq!(log.matches("until that is mended").count(), 1, "{log}");

    std::fs::remove_file(dev.dir.path().join("specs/wrong.yaml")).unwrap();
    dev.process = start(dev.dir.path());
    let again = dev.says(log.len(), "Ready with shop-web:login-1 at http://");
    // The same address by name, and no second environment.
    assert_eq!(again.split(" or ").next(), ready.split(" or ").next());
    assert_eq!(dev.process.log().matches("Its environment is being made").count(), 1);
    dev.process.kill9();
    // What a killed one leaves behind is found stale, and takes nobody in.
    let get = dev.sprout(&["get"]).ended(4);
    assert!(get.stderr.contains("there is no store"), "{get}");
    dev.process = start(dev.dir.path());
    eventually(secs(60), "a third start leads after a kill", || {
        let get = dev.sprout(&["get"]);
        if get.stdout.contains("feature/login  Ready") { Ok(()) } else { Err(get.to_string()) }
    });
}
