//! A store that moves under running controllers: who waits, who goes on, and that nobody calls AWS meanwhile.

use super::front::{address, get, readiness};
use super::{Place, looks, spec};
use crate::support::{eventually, never_within, secs};

#[test]
fn a_controller_waits_for_its_store_to_be_claimed_and_goes_on_by_itself() {
    let mut place = Place::new(&["--seed-image", "shop-web:login-1"]);
    place.desk.write("main.toml", "lease = \"3s\"\n[clock]\nmaxSkew = \"unlimited\"\n");
    place.desk.sprout(&["init"]).ok();
    let first = place.desk.clone();
    first.apply("login.yaml", &spec("feature/login", "shop-web:login-1")).ok();
    let mut old = first.controller_with("old", &["--listen", "127.0.0.1:0"]);
    let at = address(&old);
    assert_eq!(readiness(&at, 200)["role"], "leader");
    first.sprout(&["wait", "feature/login", "--timeout", "60s"]).ok();

    // The store moves under the leader.
    let moved = format!("sqlite:{}", place.path("moved.db"));
    first.sprout(&["store", "copy", "--to", &moved]).ok();
    let waits = eventually(secs(30), "the old controller waits", || {
        let told = readiness(&at, 503);
        if told["role"] == "waiting" { Ok(told) } else { Err(told.to_string()) }
    });
    assert!(waits["why"].to_string().contains("is sealed"), "{waits}");
    assert_eq!(get(&at, "/healthz").unwrap().0, 200);
    let refused = first.sprout(&["delete", "feature/login"]).ended(1);
    assert!(refused.stderr.contains("is sealed") && refused.stderr.contains(&moved), "{refused}");

    // The new one waits as well, until somebody claims it.
    place.desk.set("SPROUT_STORE", moved.as_str());
    let new = place.desk.controller_with("new", &["--listen", "127.0.0.1:0"]);
    let beside = address(&new);
    let waits = readiness(&beside, 503);
    assert_eq!(waits["role"], "waiting", "{waits}");
    assert!(waits["why"].to_string().contains("sprout store claim"), "{waits}");
    assert!(new.log().contains("Waiting, and changing nothing"), "{}", new.log());
    let (_, since) = place.operations(0);
    never_within(secs(5), "AWS is called", || {
        let (calls, _) = place.operations(since);
        let calls: Vec<_> = calls.into_iter().filter(|call| call != "GetCallerIdentity").collect();
        (!calls.is_empty()).then(|| format!("{calls:?}"))
    });
    place.desk.sprout(&["store", "claim"]).ended(2);
    place.desk.sprout(&["store", "claim", "--yes"]).ok();
    assert_eq!(readiness(&beside, 200)["role"], "leader");
    let shown = place.desk.sprout(&["get", "feature/login"]).ok();
    assert!(shown.stdout.contains("Ready"), "{shown}");
    let (calls, _) = place.operations(since);
    assert!(
        calls.iter().all(|call| looks(call) || call == "GetCallerIdentity"),
        "nothing is made twice: {calls:?}"
    );
    assert!(old.term().success(), "{}", old.log());
}
