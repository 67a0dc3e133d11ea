//! `sprout adopt`: what is written only when everything fits, and why not.

use super::*;
use crate::model::{ApplicationName, Attempt, OrphanRequest};
use crate::status::ORPHANS_DOCUMENT;

const FILE: &str = "  application: shop\n  image: shop-web:1\n  ttl: 3d\n";

/// A store whose controller saw one environment that this store made, and one
/// that another one made.
async fn stage() -> Stage {
    let stage = Stage::led().await;
    let other = Orphan { fits: false, ..orphan("e-bbbbbbbbbb", "search") };
    stage.fleet(&FleetView { orphans: vec![orphan("e-aaaaaaaaaa", "login"), other], ..fleet_of(0) }).await;
    stage
}

async fn refused(stage: &Stage, line: &[&str], status: ExitStatus, words: &str) {
    let before = stage.store().load().await.unwrap();
    let told = stage.run(&[&["adopt"], line].concat()).await.ended(status);
    assert!(told.talk.contains(words), "{words}: {}", told.talk);
    let after = stage.store().load().await.unwrap();
    assert_eq!((&before.specs, &before.records), (&after.specs, &after.records), "nothing was written");
}

#[tokio::test(start_paused = true)]
async fn a_file_and_the_wish_are_written_in_one_step() {
    let stage = stage().await;
    let file = stage.file("login.yaml", &yaml("feature/login", FILE));
    let line = ["adopt", "f-login-abcdefghijk", "--feature", "feature/login", "-f", &file];
    let told = stage.run(&[&line[..], &["--dry-run"]].concat()).await.ok();
    assert!(told.talk.contains("becomes that of feature/login"), "{}", told.talk);
    assert!(stage.spec("feature/login").await.is_none());

    let told = stage.run(&[&line[..], &["--why", "it was lost"]].concat()).await.ok();
    assert!(told.data.contains("it is to have f-login-abcdefghijk (e-aaaaaaaaaa)"), "{}", told.data);
    let asked = stage.record("feature/login").await.unwrap().asks.adoption.unwrap();
    assert_eq!((asked.by.as_str(), asked.why.as_deref()), ("anna", Some("it was lost")));
    assert_eq!(asked.what, orphan("e-aaaaaaaaaa", "login"));
    assert_eq!(stage.spec("feature/login").await.unwrap().spec.image.as_deref(), Some("shop-web:1"));
    let told = stage.run(&["describe", "feature/login"]).await.ok();
    assert!(told.data.contains("f-login-abcdefghijk (e-aaaaaaaaaa), by anna"), "{}", told.data);

    // Nobody else is to have it, nor does it end.
    stage.put(&feature("other", "shop-web:1")).await;
    refused(
        &stage,
        &["e-aaaaaaaaaa", "--feature", "other"],
        ExitStatus::Differs,
        "that of feature/login already",
    )
    .await;
    let told = stage.run(&["orphans", "delete", "e-aaaaaaaaaa", "--yes"]).await.ended(ExitStatus::Differs);
    assert!(told.talk.contains("is to be that of feature/login"), "{}", told.talk);
    stage.run(&["orphans", "delete", "--all", "--yes"]).await.ended(ExitStatus::Differs);
    let told = stage.run(&["forget", "feature/login"]).await.ok();
    assert!(told.data.contains("not to have e-aaaaaaaaaa any more"), "{}", told.data);
    assert_eq!(stage.record("feature/login").await.unwrap().asks.adoption, None);
}

#[tokio::test(start_paused = true)]
async fn what_another_store_made_is_taken_only_by_who_agrees() {
    let stage = stage().await;
    stage.put(&feature("feature/search", "shop-web:1")).await;
    let line = ["e-bbbbbbbbbb", "--feature", "feature/search"];
    refused(&stage, &line, ExitStatus::Usage, "repeat the command with --yes").await;
    let told = stage.run(&[&["adopt"], &line[..], &["--yes"]].concat()).await.ok();
    for words in ["made for search", "beansprout:binding (abc) is not this store's", "are overwritten"] {
        assert!(told.talk.contains(words), "{words}: {}", told.talk);
    }
    assert!(stage.record("feature/search").await.unwrap().asks.adoption.is_some());
}

#[tokio::test(start_paused = true)]
async fn without_a_specification_it_says_how_to_give_one() {
    let stage = stage().await;
    let told = "sprout adopt e-aaaaaaaaaa --feature feature/login -f FILE";
    refused(&stage, &["e-aaaaaaaaaa", "--feature", "feature/login"], ExitStatus::Differs, told).await;
    let file = stage.file("other.yaml", &yaml("feature/other", FILE));
    let line = ["e-aaaaaaaaaa", "--feature", "feature/login", "-f", &file];
    refused(&stage, &line, ExitStatus::Usage, "does not say what feature/login is").await;
    stage.put(&feature("feature/other", "shop-web:9")).await;
    let line = ["e-aaaaaaaaaa", "--feature", "feature/other", "-f", &file];
    refused(&stage, &line, ExitStatus::Differs, "another specification").await;
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_is_refused_with_the_reason() {
    let stage = stage().await;
    let here = feature("feature/here", "shop-web:1");
    stage.put(&here).await;
    stage.remember(living(&here)).await;
    let mut elsewhere = feature("feature/elsewhere", "shop-web:1");
    elsewhere.spec.application = Some(ApplicationName::from("office"));
    stage.put(&elsewhere).await;
    stage.put(&feature("feature/ended", "shop-web:1")).await;
    let mut ended = Record::new(FeatureName::from("feature/ended"));
    ended.life = Life::Expired { hash: None, at: at(NOW), renewals: 0 };
    stage.remember(ended).await;
    stage.put(&feature("feature/busy", "shop-web:1")).await;
    let mut busy = Record::new(FeatureName::from("feature/busy"));
    busy.attempt = Attempt::Open(terminating());
    stage.remember(busy).await;
    for (environment, name, words) in [
        ("e-zzzzzzzzzz", "feature/ended", "is no orphan that the controller sees"),
        ("e-abcdefghij", "feature/ended", "it belongs to feature/here"),
        ("e-aaaaaaaaaa", "feature/here", "has the environment f-login-abcdefghijk already"),
        (
            "e-aaaaaaaaaa",
            "feature/elsewhere",
            "is of application shop, and feature/elsewhere is to be of office",
        ),
        ("e-aaaaaaaaaa", "feature/ended", "sprout renew feature/ended"),
        ("e-aaaaaaaaaa", "feature/busy", "is under way"),
    ] {
        refused(&stage, &[environment, "--feature", name], ExitStatus::Differs, words).await;
    }
    // What somebody wants ended is given to nobody.
    let request = OrphanRequest::new(stage.session.ask(orphan("e-aaaaaaaaaa", "login"), None));
    let wanted = std::collections::BTreeMap::from([(request.ask.what.id.clone(), request)]);
    let body = serde_json::to_string(&wanted).unwrap();
    let write = Write::PutDocument { name: ORPHANS_DOCUMENT.to_owned(), body, expect: Expect::Any };
    stage.write(vec![write]).await;
    stage.put(&feature("feature/new", "shop-web:1")).await;
    refused(&stage, &["e-aaaaaaaaaa", "--feature", "feature/new"], ExitStatus::Differs, "is to be ended")
        .await;
}
