//! What lies in `deploy/` is what this program and systemd understand.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{not_run, run, secs};

fn deployed(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(file)
}

fn unit() -> String {
    std::fs::read_to_string(deployed("sprout.service")).unwrap()
}

/// The command line of the unit, without the program.
fn arguments() -> Vec<String> {
    let unit = unit();
    let line = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).expect("an ExecStart");
    line.split(' ').skip(1).map(str::to_owned).collect()
}

#[test]
fn the_units_command_line_is_understood() {
    let dir = tempfile::tempdir().unwrap();
    let sprout = || Command::new(env!("CARGO_BIN_EXE_sprout"));
    let asked = run(sprout().args(arguments()).arg("--help"), dir.path(), secs(60)).ok();
    assert!(asked.stdout.contains("Run the controller"), "{asked}");
    // The same question with a flag that nobody knows is refused.
    let unknown = run(sprout().args(arguments()).args(["--no-such-flag", "--help"]), dir.path(), secs(60));
    assert_eq!(unknown.code, Some(2), "{unknown}");
}

/// systemd understands every line, and its own measure of exposure, from 0
/// (none) to 10, stays low.
#[test]
fn the_unit_is_hardened_by_systemds_own_measure() {
    let there =
        Command::new("systemd-analyze").arg("--version").output().is_ok_and(|out| out.status.success());
    if !there {
        not_run("systemd-analyze is missing (package systemd)");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("sprout.service");
    let program = "/usr/local/bin/sprout";
    let text = unit();
    assert!(text.contains(program));
    std::fs::write(&copy, text.replace(program, env!("CARGO_BIN_EXE_sprout"))).unwrap();
    let verified = run(Command::new("systemd-analyze").arg("verify").arg(&copy), dir.path(), secs(60)).ok();
    let complaints = verified.stderr.lines().filter(|line| line.contains("sprout.service")).count();
    assert_eq!(complaints, 0, "{verified}");
    let security = ["security", "--offline=true", "--threshold=20"];
    let measured = run(Command::new("systemd-analyze").args(security).arg(&copy), dir.path(), secs(60)).ok();
    assert!(measured.stdout.contains("Overall exposure level"), "{measured}");
}
