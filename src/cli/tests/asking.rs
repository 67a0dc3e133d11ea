//! renew, extend, protect, forget, pause, resume and approve.

use super::*;
use crate::model::{Attempt, Guard, GuardLedger};
use crate::plan::Held;
use crate::status::GUARDS_DOCUMENT;

/// A feature that lives, with its rows.
async fn alive() -> (Stage, Feature) {
    let stage = Stage::led().await;
    let login = feature("login", "shop-web:1");
    stage.put(&login).await;
    stage.remember(living(&login)).await;
    stage.show(running(&login)).await;
    (stage, login)
}

#[tokio::test(start_paused = true)]
async fn renewal_is_counted_and_says_what_it_does() {
    let (stage, login) = alive().await;
    let told = stage.run(&["renew", "login"]).await.ok();
    insta::assert_snapshot!(told.all(), @r"
    login: renewed. Its time starts again, for 3 days.
    --
    ");
    assert_eq!(stage.record("login").await.unwrap().asks.renewals, 1);
    let mut record = living(&login);
    record.life = Life::Expired { hash: None, at: at(NOW), renewals: 0 };
    stage.remember(record).await;
    let told = stage.run(&["renew", "login", "--dry-run"]).await.ok();
    insta::assert_snapshot!(told.all(), @r"
    login: renewed. It comes back: its environment is made anew, for 3 days.
    --
    Dry run: nothing was written.
    ");
    assert_eq!(stage.record("login").await.unwrap().asks.renewals, 0);
}

#[tokio::test(start_paused = true)]
async fn a_running_teardown_is_told_as_it_is() {
    let (stage, login) = alive().await;
    let mut record = living(&login);
    record.attempt = Attempt::Open(terminating());
    stage.remember(record.clone()).await;
    let told = stage.run(&["renew", "login"]).await.ended(ExitStatus::Differs);
    insta::assert_snapshot!(told.talk, @r"
    sprout: login cannot be renewed: its environment is being taken down, and Beanstalk does not take that back. When it is gone, it can come back: sprout wait login --for gone, then: sprout renew login
    ");
    stage.run(&["extend", "login", "2d"]).await.ended(ExitStatus::Differs);
    stage.run(&["protect", "login"]).await.ended(ExitStatus::Differs);
    assert_eq!(stage.record("login").await.unwrap(), record, "nothing was written");
}

#[tokio::test(start_paused = true)]
async fn what_was_deleted_with_its_row_cannot_be_renewed() {
    let (stage, _) = alive().await;
    stage.run(&["delete", "login"]).await.ok();
    let told = stage.run(&["renew", "login"]).await.ended(ExitStatus::Differs);
    insta::assert_snapshot!(told.talk, @r"
    sprout: login was deleted, and its specification with it. Nothing is left to renew. To have it again, apply its file: sprout apply -f FILE
    ");
}

#[tokio::test(start_paused = true)]
async fn extensions_add_up() {
    let (stage, login) = alive().await;
    let told = stage.run(&["extend", "feature", "login", "2d", "--why", "demo"]).await.ok();
    insta::assert_snapshot!(told.data, @r"
    login: its end is moved by 2 days, to 2026-01-08 05:30 UTC (in 2 days).
    ");
    stage.run(&["extend", "login", "12h"]).await.ok();
    let ask = stage.record("login").await.unwrap().asks.extension.unwrap();
    assert_eq!(ask.what, SignedDuration::from_hours(60));
    let mut never = login.clone();
    never.spec.ttl = Some(Ttl::Never);
    stage.put(&never).await;
    let told = stage.run(&["extend", "login", "2d"]).await.ended(ExitStatus::Differs);
    assert_eq!(told.talk, "sprout: login has no end that could be moved (ttl: never)\n");
    let told = stage.run(&["extend", "login", "soon"]).await.ended(ExitStatus::Usage);
    assert!(told.talk.contains("sprout extend NAME... TIME"), "{}", told.talk);
    let mut ended = living(&login);
    ended.life = Life::Deleted { hash: None, at: at(NOW), renewals: 0 };
    stage.remember(ended).await;
    let told = stage.run(&["extend", "login", "2d"]).await.ended(ExitStatus::Differs);
    assert_eq!(
        told.talk,
        "sprout: login is Deleted and cannot be extended. To have it back: sprout renew login\n"
    );
}

#[tokio::test(start_paused = true)]
async fn protection_can_be_asked_for_before_anybody_has_seen_the_feature() {
    let stage = Stage::led().await;
    let mut fixed = feature("fixed", "shop-web:1");
    fixed.spec.protect = true;
    stage.put(&fixed).await;
    let told = stage.run(&["protect", "fixed"]).await.ok();
    insta::assert_snapshot!(told.data, @r"
    fixed: protected. It does not expire, and deletion is refused, until: sprout protect fixed --off
    ");
    assert!(stage.record("fixed").await.unwrap().is_protected());
    let told = stage.run(&["protect", "fixed", "--off"]).await.ok();
    insta::assert_snapshot!(told.data, @r"
    fixed: no person protects it any more, but its specification does. To end that, write protect: false in its file and apply it.
    ");
    assert!(!stage.record("fixed").await.unwrap().is_protected());
}

#[tokio::test(start_paused = true)]
async fn forgetting_says_what_may_stay() {
    let (stage, login) = alive().await;
    let told = stage.run(&["forget", "login"]).await.ok();
    insta::assert_snapshot!(told.data, @r"
    login: the environment f-login-abcdefghijk (e-abcdefghij) is forgotten, if Beanstalk still does not show it. Nothing is deleted: should it exist after all, it stays, and costs, until you terminate it.
    ");
    assert!(stage.record("login").await.unwrap().asks.forget.is_some());
    let mut record = living(&login);
    record.identity.ledger = None;
    stage.remember(record).await;
    stage.run(&["forget", "login"]).await.ended(ExitStatus::Differs);
}

#[tokio::test(start_paused = true)]
async fn a_pause_is_lifted_by_resume() {
    let stage = Stage::led().await;
    let told = stage.run(&["pause", "--why", "the account moves"]).await.ok();
    insta::assert_snapshot!(told.all(), @r"
    Paused.
    Calls that are under way end by themselves; no new one is made. Go on with: sprout resume
    --
    ");
    let told = stage.run(&["get"]).await.ok();
    assert!(told.talk.starts_with("Paused by anna: the account moves. "), "{}", told.talk);
    let told = stage.run(&["resume"]).await.ok();
    insta::assert_snapshot!(told.all(), @r"
    Resumed. It was paused by anna: the account moves.
    --
    ");
    assert_eq!(stage.run(&["resume"]).await.ok().data, "Nothing was paused.\n");
    let told = stage.run(&["get"]).await.ok();
    assert!(!told.talk.contains("Paused"), "{}", told.talk);
}

#[tokio::test(start_paused = true)]
async fn approval_lets_exactly_what_is_held_now_pass() {
    let stage = Stage::led().await;
    let told = stage.run(&["approve", "mass-vanish"]).await.ended(ExitStatus::Differs);
    insta::assert_snapshot!(told.talk, @r"
    sprout: guard mass-vanish holds nothing back. Nothing was approved. What is held: sprout guards
    ");
    let names = vec![FeatureName::from("a"), FeatureName::from("b")];
    let held = Held { guard: Guard::MassVanish, features: names.clone(), frees: None };
    stage.fleet(&FleetView { held: vec![held], ..fleet_of(3) }).await;
    let told = stage.run(&["guards"]).await.ok();
    insta::assert_snapshot!(told.data, @r"
    GUARD        HOLDS  USED     LIMITS
    asked        0      0 of 30  deletions that were asked for, in 10 min
    inferred     0      0 of 2   deletions of features whose rows vanished, in an hour
    mass-vanish  2      -        deletions while over half of all rows vanished at once
    creates      0      0 of 20  environments made, in 10 min
    cap          0      no cap   environments at a time
    flap         0      -        one feature made more than 5 times in an hour

    mass-vanish holds 2 features back: a, b.
    Time alone does not free them. To let exactly these pass, once: sprout approve mass-vanish
    ");
    let told = stage.run(&["approve", "mass-vanish"]).await.ok();
    insta::assert_snapshot!(told.all(), @r"
    a
    b
    --
    Approved for guard mass-vanish, once: exactly 2 features.
    ");
    let document = stage.store().document(GUARDS_DOCUMENT).await.unwrap().unwrap();
    let ledger: GuardLedger = serde_json::from_str(&document.body).unwrap();
    assert_eq!(ledger.approved[&Guard::MassVanish], names);
    // Again adds nothing.
    stage.run(&["approve", "mass-vanish"]).await.ok();
    let again = stage.store().document(GUARDS_DOCUMENT).await.unwrap().unwrap();
    assert_eq!(again.body, document.body);
}
