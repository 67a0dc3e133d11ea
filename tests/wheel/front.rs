//! What watches a controller: the web front and the service manager.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;

use serde_json::Value;

use super::{Place, spec};
use crate::support::{Controller, eventually, secs};

/// The address that a controller says it listens on.
#[track_caller]
pub(super) fn address(controller: &Controller) -> String {
    eventually(secs(60), "the controller listens", || {
        let log = controller.log();
        let told = log.lines().rev().find_map(|line| line.split_once("Listening on http://"));
        told.map(|(_, rest)| rest.trim_end_matches('.').to_owned()).ok_or(log)
    })
}

/// Status and body of an answer.
pub(super) fn get(address: &str, path: &str) -> Result<(u16, String), String> {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(secs(20)))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let answer = ask().map_err(|error| error.to_string())?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| answer.clone())?;
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).ok_or_else(|| head.to_owned())?;
    Ok((status, body.to_owned()))
}

/// Waits until the controller there is ready, or until it is not.
#[track_caller]
pub(super) fn readiness(address: &str, status: u16) -> Value {
    eventually(secs(60), "readiness", || match get(address, "/readyz") {
        Ok((found, body)) if found == status => {
            serde_json::from_str(&body).map_err(|error| format!("{error}: {body}"))
        }
        other => Err(format!("{other:?}")),
    })
}

/// Every value of the metrics, by name and labels as written.
#[track_caller]
fn metrics(address: &str) -> BTreeMap<String, f64> {
    let (status, text) = get(address, "/metrics").expect("an answer");
    assert_eq!(status, 200, "{text}");
    assert!(text.ends_with("# EOF\n"), "{text}");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line:?}"));
            (name.to_owned(), value.parse().unwrap_or_else(|_| panic!("{line:?}")))
        })
        .collect()
}

#[test]
fn a_leader_and_its_standby_tell_how_they_stand() {
    let place = Place::new(&["--seed-image", "shop-web:login-1"]);
    place.desk.sprout(&["init"]).ok();
    let mut leader = place.desk.controller_with("leader", &["--listen", "127.0.0.1:0"]);
    let at = address(&leader);
    let ready = readiness(&at, 200);
    assert_eq!((&ready["role"], &ready["epoch"]), (&"leader".into(), &1.into()), "{ready}");
    assert_eq!(get(&at, "/healthz").unwrap(), (200, "ok\n".to_owned()));
    assert_eq!(get(&at, "/elsewhere").unwrap().0, 404);

    place.desk.apply("login.yaml", &spec("feature/login", "shop-web:login-1")).ok();
    place.desk.sprout(&["wait", "feature/login", "--timeout", "60s"]).ok();
    let told = eventually(secs(30), "the metrics tell of the feature", || {
        let told = metrics(&at);
        let ready = told.get("sprout_features{phase=\"Ready\"}").copied();
        if ready == Some(1.0) { Ok(told) } else { Err(format!("{told:?}")) }
    });
    for (name, value) in [
        ("sprout_leader", 1.0),
        ("sprout_lease_epoch", 1.0),
        ("sprout_environments", 1.0),
        ("sprout_orphans", 0.0),
        ("sprout_blind", 0.0),
        ("sprout_turns_total{result=\"failed\"}", 0.0),
        ("sprout_steps_total{verb=\"launch\",outcome=\"accepted\"}", 1.0),
        ("sprout_aws_calls_total{service=\"elasticbeanstalk\",operation=\"CreateEnvironment\"}", 1.0),
    ] {
        assert_eq!(told.get(name), Some(&value), "{name}: {told:#?}");
    }
    let turns = told["sprout_turns_total{result=\"ok\"}"];
    assert!(turns >= 2.0 && told["sprout_lease_left_seconds"] > 0.0, "{told:#?}");
    assert!(told["sprout_turn_duration_seconds_count"] >= 2.0, "{told:#?}");

    let mut standby = place.desk.controller_with("standby", &["--listen", "127.0.0.1:0"]);
    let beside = address(&standby);
    let ready_too = readiness(&beside, 200);
    assert_eq!(ready_too["role"], "standby", "{ready_too}");
    assert_eq!(ready_too["leader"], ready["leader"], "{ready_too}");
    let told = metrics(&beside);
    assert_eq!((told["sprout_leader"], told["sprout_turns_total{result=\"ok\"}"]), (0.0, 0.0), "{told:#?}");

    assert!(leader.term().success(), "{}", leader.log());
    eventually(secs(60), "the standby leads", || {
        let told = metrics(&beside);
        if told["sprout_leader"] > 0.0 { Ok(()) } else { Err(standby.log()) }
    });
    assert!(standby.term().success(), "{}", standby.log());
}

#[test]
fn without_its_store_a_controller_is_not_ready() {
    let place = Place::new(&[]);
    place.desk.sprout(&["init"]).ok();
    let controller = place.desk.controller_with("alone", &["--listen", "127.0.0.1:0"]);
    let at = address(&controller);
    readiness(&at, 200);
    std::fs::rename(place.desk.store(), place.path("moved.db")).unwrap();
    let not = readiness(&at, 503);
    let why = not["why"].to_string();
    assert!(why.contains("the store: ") && why.contains("removed or replaced"), "{not}");
    // The process itself is well, and a restart would not help.
    assert_eq!(get(&at, "/healthz").unwrap().0, 200);
}

#[test]
fn an_address_that_is_taken_stops_the_start() {
    let place = Place::new(&[]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let refused = place.desk.sprout(&["run", "--yes", "--listen", &address]).ended(4);
    assert!(refused.stderr.contains(&format!("cannot listen on {address}")), "{refused}");
    place.desk.sprout(&["run", "--listen", "nowhere"]).ended(2);
}

#[test]
fn the_service_manager_is_told_of_start_life_and_end() {
    let mut place = Place::new(&[]);
    place.desk.sprout(&["init"]).ok();
    let socket = place.path("notify");
    let heard = UnixDatagram::bind(&socket).unwrap();
    heard.set_read_timeout(Some(secs(60))).unwrap();
    place.desk.set("NOTIFY_SOCKET", &socket);
    place.desk.set("WATCHDOG_USEC", "1500000");
    let mut controller = place.desk.controller();
    let mut words = Vec::new();
    let mut hear = |awaited: &str| {
        while !words.iter().any(|word: &String| word.contains(awaited)) {
            let mut buffer = [0; 4096];
            let read =
                heard.recv(&mut buffer).unwrap_or_else(|error| panic!("{awaited}: {error}: {words:?}"));
            words.push(String::from_utf8_lossy(&buffer[..read]).into_owned());
        }
        words.clear();
    };
    hear("READY=1");
    hear("STATUS=Leads under epoch");
    for _ in 0..3 {
        hear("WATCHDOG=1");
    }
    assert!(controller.term().success(), "{}", controller.log());
    hear("STOPPING=1");
}

/// The page about the metrics lists those that there are, and no others.
#[test]
fn every_metric_is_explained_and_every_alert_names_one() {
    let page = include_str!("../../docs/operating.md");
    let named = |text: &str| -> std::collections::BTreeSet<String> {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        words.filter(|word| word.starts_with("sprout_")).map(str::to_owned).collect()
    };
    let explained: std::collections::BTreeSet<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `sprout_"))
        .filter_map(|rest| Some(format!("sprout_{}", rest.split_once('`')?.0)))
        .collect();

    let place = Place::new(&[]);
    place.desk.sprout(&["init"]).ok();
    let controller = place.desk.controller_with("leader", &["--listen", "127.0.0.1:0"]);
    let at = address(&controller);
    readiness(&at, 200);
    let (_, text) = get(&at, "/metrics").unwrap();
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let shown: std::collections::BTreeSet<String> = types
        .map(|line| match line.split_once(' ') {
            Some((name, "counter")) => format!("{name}_total"),
            Some((name, "info")) => format!("{name}_info"),
            Some((name, _)) => name.to_owned(),
            None => panic!("{line:?}"),
        })
        .collect();
    assert_eq!(shown, explained);
    let alerts = named(include_str!("../../deploy/alerts.yaml"));
    assert!(!alerts.is_empty() && alerts.is_subset(&explained), "{alerts:?}");
}
