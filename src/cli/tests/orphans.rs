//! `sprout orphans` and `orphans delete`: what a person sees, and what is
//! written only when they said so.

use std::collections::BTreeMap;

use serde_json::Value;

use super::*;
use crate::model::{Attempt, Failure, OrphanRequest};
use crate::status::ORPHANS_DOCUMENT;

async fn requests(stage: &Stage) -> BTreeMap<EnvironmentId, OrphanRequest> {
    let document = stage.store().document(ORPHANS_DOCUMENT).await.unwrap();
    document.map(|document| serde_json::from_str(&document.body).unwrap()).unwrap_or_default()
}

/// A store whose controller saw these orphans.
async fn with(orphans: Vec<Orphan>) -> Stage {
    let stage = Stage::led().await;
    stage.fleet(&FleetView { orphans, ..fleet_of(0) }).await;
    stage
}

fn two() -> Vec<Orphan> {
    let other = Orphan { fits: false, ..orphan("e-bbbbbbbbbb", "search") };
    vec![orphan("e-aaaaaaaaaa", "login"), other]
}

#[tokio::test(start_paused = true)]
async fn an_orphan_is_asked_for_by_id_and_after_an_agreement() {
    let stage = with(two()).await;
    let told = stage.run(&["orphans", "delete", "e-bbbbbbbbbb"]).await.ended(ExitStatus::Usage);
    for words in ["f-search-abcdefghijk", "Another store made", "--yes"] {
        assert!(told.talk.contains(words), "{words}: {}", told.talk);
    }
    assert_eq!(told.data, "");
    assert!(requests(&stage).await.is_empty());
    let dry = stage.run(&["orphans", "delete", "e-bbbbbbbbbb", "--dry-run"]).await.ok();
    assert!(dry.talk.contains("nothing was written"), "{}", dry.talk);
    assert!(requests(&stage).await.is_empty());

    let line = ["orphans", "delete", "e-bbbbbbbbbb", "--yes", "--why", "the team is gone"];
    let told = stage.run(&line).await.ok();
    assert_eq!(told.data, "e-bbbbbbbbbb (f-search-abcdefghijk): its end is asked for.\n");
    let wanted = requests(&stage).await;
    assert_eq!(wanted.len(), 1);
    let ask = &wanted[&EnvironmentId::from("e-bbbbbbbbbb")].ask;
    assert_eq!((ask.by.as_str(), ask.why.as_deref()), ("anna", Some("the team is gone")));
    assert_eq!(ask.what, two()[1]);
    let told = stage.run(&line).await.ok();
    assert!(told.data.contains("anna asked for its end already"), "{}", told.data);
}

#[tokio::test(start_paused = true)]
async fn all_leaves_out_what_another_store_may_use() {
    let stage = with(two()).await;
    let told = stage.run(&["orphans", "delete", "--all", "--yes"]).await.ok();
    assert!(told.talk.contains("Left out: 1 orphan"), "{}", told.talk);
    assert!(told.talk.contains("sprout orphans delete e-bbbbbbbbbb"), "{}", told.talk);
    let wanted = requests(&stage).await;
    assert_eq!(wanted.keys().collect::<Vec<_>>(), [&EnvironmentId::from("e-aaaaaaaaaa")]);
    let stage = with(vec![two().remove(1)]).await;
    stage.run(&["orphans", "delete", "--all", "--yes"]).await.ended(ExitStatus::Differs);
    stage.run(&["orphans", "delete", "--dry-run", "--all"]).await.ended(ExitStatus::Differs);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_orphan_is_refused_with_what_it_is() {
    let stage = with(two()).await;
    let mine = Feature::new(FeatureName::from("feature/login"));
    let mut record = living(&mine);
    record.identity.ledger.as_mut().unwrap().id = Some(EnvironmentId::from("e-cccccccccc"));
    stage.remember(record).await;
    for (word, status, words) in [
        ("e-zzzzzzzzzz", ExitStatus::Differs, "is no orphan that the controller sees"),
        ("e-cccccccccc", ExitStatus::Differs, "it belongs to feature/login"),
        ("f-login-abcdefghijk", ExitStatus::Usage, "only an id will do. f-login-abcdefghijk is e-aaaaaaaaaa"),
    ] {
        let told = stage.run(&["orphans", "delete", "--yes", "e-bbbbbbbbbb", word]).await.ended(status);
        assert!(told.talk.contains(words), "{words}: {}", told.talk);
        assert!(requests(&stage).await.is_empty());
    }
    let stage = Stage::new().await;
    let told = stage.run(&["orphans", "delete", "--yes", "e-aaaaaaaaaa"]).await.ended(ExitStatus::Differs);
    assert!(told.talk.contains("no controller has looked"), "{}", told.talk);
}

#[tokio::test(start_paused = true)]
async fn beside_a_record_that_cannot_be_read_no_orphan_can_be_asked_for() {
    let stage = with(two()).await;
    let row = serde_json::json!({"schema": 99, "feature": "feature/new"}).to_string();
    let mut dump = stage.store().export().await.unwrap();
    dump.rows.retain(|row| row.kind == crate::store::RowKind::Document);
    dump.rows.push(crate::store::DumpRow {
        kind: crate::store::RowKind::Record,
        name: "feature/new".to_owned(),
        body: crate::store::RowBody::Text(row),
        origin: None,
        version: 1,
    });
    stage.store().import(&dump, crate::store::Scope::Everything).await.unwrap();
    let told = stage.run(&["orphans", "delete", "--all", "--yes"]).await.ended(ExitStatus::Differs);
    assert!(told.talk.contains("feature/new cannot be read"), "{}", told.talk);
    let told = stage.run(&["orphans"]).await.ok();
    assert!(told.talk.contains("one of them may be its environment"), "{}", told.talk);
    assert!(requests(&stage).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_list_shows_how_requests_stand() {
    let stage = with(two()).await;
    stage.run(&["orphans", "delete", "--yes", "e-aaaaaaaaaa", "e-bbbbbbbbbb"]).await.ok();
    let told = stage.run(&["orphans"]).await.ok();
    assert!(told.data.contains("its end, by anna: waits"), "{}", told.data);
    let mut wanted = requests(&stage).await;
    let failure = |retry_at| Failure {
        kind: IntentKind::Terminate,
        generation: 0,
        digest: None,
        tries: 1,
        at: at(NOW),
        retry_at,
        blocked: false,
        message: "it said no".to_owned(),
    };
    let attempts = [Attempt::Open(terminating()), Attempt::Failed(failure(Some(at("2026-01-05T08:03:00Z"))))];
    for (request, attempt) in wanted.values_mut().zip(attempts) {
        request.attempt = attempt;
    }
    let body = serde_json::to_string(&wanted).unwrap();
    let write = |body| Write::PutDocument { name: ORPHANS_DOCUMENT.to_owned(), body, expect: Expect::Any };
    stage.write(vec![write(body)]).await;
    let told = stage.run(&["orphans"]).await.ok();
    assert!(told.data.contains("its end: under way"), "{}", told.data);
    assert!(told.data.contains("its end failed: It said no. Again in 3 min."), "{}", told.data);
    let value: Value = serde_json::from_str(&stage.run(&["orphans", "-o", "json"]).await.ok().data).unwrap();
    assert_eq!(value[0]["request"]["state"], "under-way");
    assert_eq!(
        (&value[1]["request"]["message"], &value[1]["madeFor"]),
        (&"it said no".into(), &"search".into())
    );
    // What failed for good may be asked for again; the other goes on.
    for request in wanted.values_mut() {
        request.attempt = Attempt::Failed(failure(None));
    }
    stage.write(vec![write(serde_json::to_string(&wanted).unwrap())]).await;
    let told = stage.run(&["orphans", "delete", "--yes", "e-aaaaaaaaaa"]).await.ok();
    assert!(told.data.contains("its end is asked for"), "{}", told.data);
    assert_eq!(requests(&stage).await[&EnvironmentId::from("e-aaaaaaaaaa")].attempt, Attempt::Idle);
}
