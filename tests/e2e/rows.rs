//! Bad input: nothing lost, nothing half-applied, and only its own feature
//! suffers.

use super::{LONG, is, lab, spec, status};
use crate::support::eventually;

const FIVE_MISTAKES: &str = "\
apiVersion: beansprout.dev/v1
kind: Feature
metadata:
  name: good
spec:
  image: shop-web:v1
  ttl: 2d
---
apiVersion: beansprout.dev/v1
kind: Feature
metadata:
  name: bad
  ovner: someone@example.com
spec:
  image: shop-web
  ttl: three days
  variables: {1BAD: x}
  heal: recreate
";

#[test]
fn five_mistakes_are_five_and_nothing_is_applied() {
    let Some(lab) = lab(1.0) else { return };
    let refused = lab.apply("five.yaml", FIVE_MISTAKES);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    for place in ["five.yaml:13:3", "five.yaml:15:", "five.yaml:16:", "five.yaml:17:", "five.yaml:18:"] {
        assert!(refused.stderr.contains(place), "{place} is not named:\n{}", refused.stderr);
    }
    assert!(refused.stderr.contains("owner"), "the nearest field is suggested:\n{}", refused.stderr);
    let names = lab.sprout(&["get", "-o", "name"]);
    assert!(names.stdout.trim().is_empty(), "nothing is applied: {}", names.stdout);
}

#[test]
fn an_unreadable_row_freezes_its_feature_alone() {
    let Some(lab) = lab(4.0) else { return };
    for tag in ["v1", "v2"] {
        lab.push_image("shop-web", tag);
    }
    let _controller = lab.controller();
    lab.apply("a.yaml", &spec("sick", "v1", "1h")).ok();
    lab.apply("b.yaml", &spec("well", "v1", "2d")).ok();
    lab.wait_for("sick", "ready", LONG).ok();
    lab.wait_for("well", "ready", LONG).ok();
    let raw = rusqlite::Connection::open(lab.store()).expect("the store");
    raw.busy_timeout(std::time::Duration::from_secs(5)).expect("a timeout");
    raw.execute("UPDATE spec SET body = '{\"feature\": \"sick\", \"image\": 7' WHERE feature = 'sick'", [])
        .expect("a spoilt row");
    drop(raw);
    eventually(LONG, "it is frozen and says why", || is(&lab, "sick", "Frozen"));
    let told = lab.sprout(&["describe", "sick"]).ok();
    assert!(told.stdout.contains("cannot be read"), "{}", told.stdout);
    lab.apply("b.yaml", &spec("well", "v2", "2d")).ok();
    lab.wait_for("well", "ready", LONG).ok();
    assert_eq!(status(&lab, "well")["deployed"]["image"], "shop-web:v2", "the others go on");
    lab.cloud.control("clock +3h");
    lab.apply("a.yaml", &spec("sick", "v2", "2d")).ok();
    lab.wait_for("sick", "ready", LONG).ok();
    assert_eq!(lab.environments().len(), 2);
}
