//! Exit statuses and outputs.

use std::process::Stdio;

use super::{Folder, spec};

#[test]
fn what_is_not_understood_ends_with_2() {
    let folder = Folder::new();
    for line in [&[][..], &["grow"], &["get", "--nonsense"], &["wait"], &["approve", "nothing"], &["delete"]]
    {
        let ended = folder.sprout(line).ended(2);
        assert!(ended.stdout.is_empty(), "usage errors are talk: {ended}");
        assert!(!ended.stderr.is_empty(), "{ended}");
    }
    assert!(folder.sprout(&["grwo"]).ended(2).stderr.contains("unrecognized subcommand"));
    assert!(folder.sprout(&["--help"]).ok().stdout.contains("apply"));
    assert!(folder.sprout(&["--version"]).ok().stdout.starts_with("sprout "));
}

#[test]
fn a_store_that_is_not_there_is_told_of_and_not_made() {
    let folder = Folder::new();
    for line in [&["get"][..], &["describe", "x"], &["wait", "x"], &["pause"], &["guards"]] {
        let ended = folder.sprout(line).ended(4);
        assert_eq!(
            ended.stderr,
            "sprout: there is no store at sqlite:.sprout/sprout.db. Start one with: sprout dev, or: sprout apply -f FILE\n"
        );
    }
    assert!(!folder.path().join(".sprout").exists());
    let file = folder.write("a.yaml", &spec("a", "shop-web:1"));
    let told = folder.sprout(&["apply", "--dry-run", "-f", &file.to_string_lossy()]).ok();
    assert_eq!(told.stdout, "a created\n");
    assert!(!folder.path().join(".sprout").exists(), "a dry run makes nothing: {told}");
}

#[test]
fn data_and_talk_go_apart() {
    let folder = Folder::new();
    let file = folder.write("a.yaml", &spec("feature/login", "shop-web:1"));
    let told = folder.sprout(&["apply", "-f", &file.to_string_lossy()]).ok();
    assert_eq!(told.stdout, "feature/login created\n");
    assert!(told.stderr.contains("No controller runs on this store."), "{told}");
    let told = folder.sprout(&["get", "feature", "feature/login", "-o", "json"]).ok();
    assert_eq!(told.json()[0]["metadata"]["name"], "feature/login");
    assert_eq!(told.json()[0]["status"]["phase"], "Pending");
    assert!(told.stderr.is_empty(), "machines are told nothing beside: {told}");
    assert_eq!(folder.sprout(&["get", "-o", "name"]).ok().stdout, "feature/login\n");
    let told = folder.sprout(&["wait", "feature/login", "--timeout", "1s"]).ended(3);
    assert!(told.stdout.is_empty(), "{told}");
    assert!(told.stderr.contains("feature/login is not ready after 1 s."), "{told}");
    folder.sprout(&["get", "other"]).ended(1);
    let told = folder.sprout(&["delete", "feature/login", "--why", "merged"]).ok();
    assert!(told.stdout.starts_with("feature/login: deletion asked for."), "{told}");
}

#[test]
fn who_has_seen_enough_closes_the_pipe() {
    let folder = Folder::new();
    let many: Vec<String> = (0..400).map(|at| spec(&format!("feature-{at}"), "shop-web:1")).collect();
    let file = folder.write("many.yaml", &many.join("---\n"));
    folder.sprout(&["apply", "-f", &file.to_string_lossy()]).ok();
    let mut child = folder
        .command(&["get", "-o", "yaml"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("sprout starts");
    drop(child.stdout.take());
    let ended = child.wait_with_output().expect("sprout ends");
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
}
