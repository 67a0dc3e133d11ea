//! Clauses on events.

use beansprout::model::{FeatureName, Severity};
use beansprout::store::{EVENTS_KEPT, EventRow, Expect, Write};
use jiff::{SignedDuration, Timestamp};

use super::{Place, commit, put_spec};

/// The `n`-th event of a feature.
pub(super) fn event(feature: &str, n: i64) -> EventRow {
    let start: Timestamp = "2026-01-05T08:00:00.123456789Z".parse().unwrap();
    EventRow {
        feature: FeatureName::from(feature),
        at: start + SignedDuration::from_secs(n),
        severity: if n % 2 == 0 { Severity::Info } else { Severity::Error },
        reason: "Launched".to_owned(),
        message: format!("Event {n} of {feature}."),
    }
}

pub(super) async fn events_come_newest_first(place: &dyn Place) {
    let store = place.open().await;
    assert!(store.events(None, 10).await.unwrap().is_empty());
    for n in 0..4 {
        let writes = ["a", "b"].map(|name| Write::AddEvent(event(name, n)));
        commit(&*store, writes.to_vec()).await.unwrap();
    }
    let store = place.open().await;
    assert_eq!(
        store.events(Some(&"a".into()), 3).await.unwrap(),
        [event("a", 3), event("a", 2), event("a", 1)]
    );
    assert_eq!(store.events(None, 3).await.unwrap(), [event("b", 3), event("a", 3), event("b", 2)]);
    assert!(store.events(Some(&"c".into()), 3).await.unwrap().is_empty());
    assert!(store.events(None, 0).await.unwrap().is_empty());
}

pub(super) async fn events_are_bounded_for_each_feature(place: &dyn Place) {
    let store = place.open().await;
    commit(&*store, vec![Write::AddEvent(event("quiet", 0))]).await.unwrap();
    let kept = i64::try_from(EVENTS_KEPT).unwrap();
    let all: Vec<Write> = (0..kept + 25).map(|n| Write::AddEvent(event("loud", n))).collect();
    for some in all.chunks(60) {
        commit(&*store, some.to_vec()).await.unwrap();
    }
    let loud = store.events(Some(&"loud".into()), usize::MAX).await.unwrap();
    assert_eq!(loud.len(), EVENTS_KEPT);
    assert_eq!((loud.first(), loud.last()), (Some(&event("loud", kept + 24)), Some(&event("loud", 25))));
    assert_eq!(store.events(Some(&"quiet".into()), 9).await.unwrap(), [event("quiet", 0)]);
}

pub(super) async fn history_outlives_its_feature(place: &dyn Place) {
    let store = place.open().await;
    commit(&*store, vec![put_spec("a", "shop-web:1", Expect::Absent), Write::AddEvent(event("a", 1))])
        .await
        .unwrap();
    let gone = Write::DeleteSpec { feature: "a".into(), expect: Expect::Any };
    commit(&*store, vec![gone, Write::AddEvent(event("a", 2))]).await.unwrap();
    assert_eq!(store.events(Some(&"a".into()), 9).await.unwrap(), [event("a", 2), event("a", 1)]);
}
