//! wait: what meets it, what ends it early, and what does not.

use super::*;
use crate::model::EndReason;

/// Runs `wait` while the story goes on beside it.
async fn waits(stage: &Stage, line: &[&str], story: impl Future<Output = ()>) -> (Told, std::time::Duration) {
    let begun = stage.session.clock.monotonic();
    let (told, ()) = tokio::join!(stage.run(line), story);
    (told, stage.session.clock.monotonic() - begun)
}

async fn seconds(seconds: u64) {
    tokio::time::sleep(std::time::Duration::from_secs(seconds)).await;
}

async fn nothing() {}

#[tokio::test(start_paused = true)]
async fn it_returns_as_soon_as_it_is_so() {
    let stage = Stage::led().await;
    let login = feature("login", "shop-web:1");
    stage.put(&login).await;
    let story = async {
        seconds(2).await;
        let launching = StatusView {
            phase: Phase::Launching,
            happened: "Its environment is being made.".to_owned(),
            next: "usually ready".to_owned(),
            next_at: Some(at("2026-01-05T08:04:00Z")),
            ..running(&login)
        };
        stage.show(launching).await;
        seconds(60).await;
        stage.show(running(&login)).await;
    };
    let (told, took) = waits(&stage, &["wait", "login"], story).await;
    let told = told.ok();
    insta::assert_snapshot!(told.all(), @r"
    login: Ready. It runs shop-web:1. http://login.example.com
    --
    login: Launching. Its environment is being made. Usually ready in 3 min.
    No controller runs on this store. Nothing happens until one does: sprout run
    ");
    assert!((62..64).contains(&took.as_secs()), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn ready_means_the_specification_of_the_call() {
    let stage = Stage::led().await;
    let mut login = feature("login", "shop-web:1");
    stage.put(&login).await;
    stage.show(running(&login)).await;
    login.spec.image = Some("shop-web:2".to_owned());
    stage.put(&login).await;
    // The old one runs, which is not what was waited for.
    let (told, _) = waits(&stage, &["wait", "login", "--timeout", "10s"], nothing()).await;
    let told = told.ended(ExitStatus::TimedOut);
    insta::assert_snapshot!(told.all(), @r"
    --
    login: Ready. It runs what is wanted. Its change is not seen by a controller yet.
    login is not ready after 10 s.
    login: Ready. It runs what is wanted. Its change is not seen by a controller yet.
    ");
    let other = async {
        seconds(2).await;
        login.spec.image = Some("shop-web:3".to_owned());
        stage.put(&login).await;
    };
    let (told, _) = waits(&stage, &["wait", "login"], other).await;
    let told = told.ended(ExitStatus::Differs);
    assert!(told.talk.contains("another specification was applied meanwhile"), "{}", told.talk);
}

#[tokio::test(start_paused = true)]
async fn it_ends_early_when_only_a_person_can_help() {
    let stage = Stage::led().await;
    let login = feature("login", "shop-web:1");
    stage.put(&login).await;
    let failed = StatusView {
        phase: Phase::Failed,
        happened: "Beanstalk rolled back to login-41: \"Failed to deploy application.\"".to_owned(),
        next: "nothing happens until a new image is pushed".to_owned(),
        advice: Some("sprout describe login".to_owned()),
        stuck: true,
        ..running(&login)
    };
    stage.show(failed.clone()).await;
    let (told, took) = waits(&stage, &["wait", "login"], nothing()).await;
    let told = told.ended(ExitStatus::Differs);
    insta::assert_snapshot!(told.all(), @r#"
    --
    login: Failed. Beanstalk rolled back to login-41: "Failed to deploy application." Nothing happens until a new image is pushed.
    login: Failed. Beanstalk rolled back to login-41: "Failed to deploy application."
    Nothing happens until a new image is pushed. Try: sprout describe login
    "#);
    assert!(took.as_secs() < 5, "{took:?}");
    // A status from before a write does not end it: a moment later it is another.
    let story = async {
        seconds(2).await;
        stage.show(running(&login)).await;
    };
    waits(&stage, &["wait", "login"], story).await.0.ok();
    // What passes by itself does not end it either.
    stage.show(StatusView { stuck: false, phase: Phase::Degraded, ..failed }).await;
    let (told, _) = waits(&stage, &["wait", "login", "--timeout", "1m"], nothing()).await;
    told.ended(ExitStatus::TimedOut);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_nobody_has_counted_yet_is_waited_for() {
    let stage = Stage::led().await;
    let login = feature("login", "shop-web:1");
    stage.put(&login).await;
    let mut record = living(&login);
    record.life = Life::Expired { hash: None, at: at(NOW), renewals: 0 };
    stage.remember(record).await;
    stage.show(StatusView { phase: Phase::Expired, ..running(&login) }).await;
    waits(&stage, &["wait", "login"], nothing()).await.0.ended(ExitStatus::Differs);
    stage.run(&["renew", "login"]).await.ok();
    let story = async {
        seconds(30).await;
        stage.remember(living(&login)).await;
        stage.show(running(&login)).await;
    };
    waits(&stage, &["wait", "login"], story).await.0.ok();
}

#[tokio::test(start_paused = true)]
async fn the_image_must_be_the_one_that_was_named() {
    let stage = Stage::led().await;
    let login = feature("login", "shop-web:1");
    stage.put(&login).await;
    stage.show(running(&login)).await;
    let (a, b) = (format!("sha256:{}", "a".repeat(64)), format!("sha256:{}", "b".repeat(64)));
    for (image, status) in [
        ("shop-web:1", ExitStatus::Done),
        (a.as_str(), ExitStatus::Done),
        (&format!("shop-web@{a}"), ExitStatus::Done),
        ("shop-web:2", ExitStatus::TimedOut),
        (&b, ExitStatus::TimedOut),
        ("shop-web", ExitStatus::Usage),
    ] {
        let line = ["wait", "login", "--image", image, "--timeout", "5s"];
        waits(&stage, &line, nothing()).await.0.ended(status);
    }
}

#[tokio::test(start_paused = true)]
async fn gone_is_met_by_the_end_not_by_the_ask() {
    let stage = Stage::led().await;
    let login = feature("login", "shop-web:1");
    stage.put(&login).await;
    stage.remember(living(&login)).await;
    stage.show(running(&login)).await;
    let story = async {
        seconds(2).await;
        let mut record = stage.record("login").await.unwrap();
        record.life = Life::Ending { reason: EndReason::Deleted, hash: None, renewals: 0, since: None };
        stage.remember(record.clone()).await;
        seconds(20).await;
        let writes = vec![
            Write::DeleteRecord { feature: login.metadata.name.clone(), expect: Expect::Any },
            Write::DeleteStatus(login.metadata.name.clone()),
        ];
        stage.write(writes).await;
    };
    let (told, took) = waits(&stage, &["delete", "login", "--wait"], story).await;
    let told = told.ok();
    insta::assert_snapshot!(told.all(), @r"
    login: deletion asked for. Its environment f-login-abcdefghijk is taken down; then nothing of it is left.
    login: gone.
    --
    Wrote to sqlite:store.db (no account yet: the first `sprout run` binds it).
    login: Ready. It runs what is wanted. Its deletion is not seen by a controller yet.
    login: Ready. It runs what is wanted. Nothing to do.
    No controller runs on this store. Nothing happens until one does: sprout run
    ");
    assert!((22..24).contains(&took.as_secs()), "{took:?}");
    // What is not there is gone.
    waits(&stage, &["wait", "login", "--for", "gone"], nothing()).await.0.ok();
    let (told, _) = waits(&stage, &["wait", "login", "--for", "expired"], nothing()).await;
    told.ended(ExitStatus::Differs);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_feature_does_not_expire_and_a_protected_one_does_not_go() {
    let stage = Stage::led().await;
    let login = feature("login", "shop-web:1");
    stage.put(&login).await;
    let mut record = living(&login);
    record.life = Life::Deleted { hash: None, at: at(NOW), renewals: 0 };
    stage.remember(record).await;
    waits(&stage, &["wait", "login", "--for", "gone"], nothing()).await.0.ok();
    let (told, _) = waits(&stage, &["wait", "login", "--for", "expired"], nothing()).await;
    assert_eq!(told.ended(ExitStatus::Differs).talk, "login was deleted; it does not expire.\n");
    stage.remember(living(&login)).await;
    stage.show(StatusView { protected: true, ..running(&login) }).await;
    let (told, _) = waits(&stage, &["wait", "login", "--for", "gone"], nothing()).await;
    assert!(told.ended(ExitStatus::Differs).talk.contains("login is protected"), "");
}

#[tokio::test(start_paused = true)]
async fn a_controller_that_is_not_there_is_missed() {
    let stage = Stage::led().await;
    stage.put(&feature("login", "shop-web:1")).await;
    let (told, _) = waits(&stage, &["wait", "login", "--timeout", "40s"], nothing()).await;
    let told = told.ended(ExitStatus::TimedOut);
    insta::assert_snapshot!(told.all(), @r"
    --
    No controller runs on this store. Nothing happens until one does: sprout run
    login is not ready after 40 s.
    login: Pending. It is not seen by a controller yet.
    ");
}
