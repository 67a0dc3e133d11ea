//! get, describe, events, guards and orphans.

use super::*;
use crate::model::{Condition, ConditionKind, Guard, Severity, Source, Truth, Variable};
use crate::plan::Held;
use crate::store::EventRow;

/// A fleet with one feature of many kinds.
async fn fleet() -> Stage {
    let stage = Stage::led().await;
    let login = feature("feature/login", "shop-web:login-42");
    stage.put(&login).await;
    let mut updating = StatusView {
        phase: Phase::Updating,
        happened: "A new version is being deployed.".to_owned(),
        next: "usually ready".to_owned(),
        next_at: Some(at("2026-01-05T08:03:20Z")),
        ..running(&login)
    };
    updating.deployed.as_mut().unwrap().image = "shop-web:login-41".to_owned();
    stage.show(updating).await;

    let checkout = feature("checkout", "shop-web:checkout-7");
    stage.put(&checkout).await;
    stage.show(StatusView { protected: true, expires_at: None, ..running(&checkout) }).await;

    stage.put(&feature("new", "shop-web:new-1")).await;

    let old = feature("old", "shop-web:old-3");
    stage.put(&old).await;
    stage
        .show(StatusView {
            observed_spec_hash: Some(spec_hash(&old)),
            happened: "Its time was over; its environment is gone.".to_owned(),
            next: "comes back with a new commit or image".to_owned(),
            wanted_image: old.spec.image.clone(),
            ..view("old", Phase::Expired)
        })
        .await;
    stage
}

#[tokio::test(start_paused = true)]
async fn the_table_has_one_voice() {
    let stage = fleet().await;
    let told = stage.run(&["get"]).await.ok();
    insta::assert_snapshot!(told.all(), @r"
    NAME           PHASE     AGE  LEFT       DEPLOYED             URL                       NEXT
    checkout       Ready     2d   protected  checkout-7           http://login.example.com  nothing to do
    feature/login  Updating  2d   21h        login-41 → login-42  http://login.example.com  usually ready in 3 min
    new            Pending   -    -          → new-1              -                         not seen by a controller yet
    old            Expired   -    -          -                    -                         comes back with a new commit or image
    --
    ");
    let told = stage.run(&["get", "feature", "feature/login"]).await.ok();
    insta::assert_snapshot!(told.all(), @r"
    NAME           PHASE     AGE  LEFT  DEPLOYED             URL                       NEXT
    feature/login  Updating  2d   21h   login-41 → login-42  http://login.example.com  usually ready in 3 min
    --
    ");
    let told = stage.run(&["get", "-o", "name"]).await.ok();
    insta::assert_snapshot!(told.all(), @r"
    checkout
    feature/login
    new
    old
    --
    ");
}

#[tokio::test(start_paused = true)]
async fn what_holds_the_fleet_stands_above_the_table() {
    let stage = Stage::new().await;
    stage.put(&feature("new", "shop-web:new-1")).await;
    stage.run(&["pause", "--why", "the account moves"]).await.ok();
    let orphan = |id: &str, fits| Orphan {
        name: EnvironmentName::from("f-lost-abcdefghijk"),
        fits,
        ..orphan(id, "lost")
    };
    let view = FleetView {
        held: vec![Held {
            guard: Guard::Creates,
            features: vec![FeatureName::from("new"), FeatureName::from("other")],
            frees: Some(at("2026-01-05T08:08:00Z")),
        }],
        orphans: vec![orphan("e-aaaaaaaaaa", true), orphan("e-bbbbbbbbbb", false)],
        blind: Some("DescribeEnvironments: AccessDenied".to_owned()),
        clock_off: true,
        ..fleet_of(1)
    };
    stage.fleet(&view).await;
    let told = stage.run(&["get"]).await.ok();
    insta::assert_snapshot!(told.all(), @r"
    NAME  PHASE    AGE  LEFT  DEPLOYED  URL  NEXT
    new   Pending  -    -     → new-1   -    not seen by a controller yet
    --
    Paused by anna: the account moves. Nothing is changed on AWS until: sprout resume
    No controller runs on this store. Nothing happens until one does: sprout run
    AWS gives no answer: DescribeEnvironments: AccessDenied. What is shown may be old. Nothing is deleted until it answers.
    The controller's clock is too far from AWS time. Nothing is ended because of the time until it is set.
    Guard creates holds 2 features back. There is room again in 8 min. See: sprout guards
    2 environments bear our tag and are not known to this store. See: sprout orphans
    ");
    let told = stage.run(&["orphans"]).await.ok();
    insta::assert_snapshot!(told.all(), @r"
    ID            ENVIRONMENT         APPLICATION  AGE  MADE FOR  WHOSE                                           ASKED
    e-aaaaaaaaaa  f-lost-abcdefghijk  shop         2d   lost      this store made it                              -
    e-bbbbbbbbbb  f-lost-abcdefghijk  shop         2d   lost      another store made it, or its tags were copied  -
    --
    They are only reported. Nothing touches them unasked.
    To give one to a feature: sprout adopt ID --feature NAME -f FILE
    To end one: sprout orphans delete ID
    Paused by anna: the account moves. Nothing is changed on AWS until: sprout resume
    No controller runs on this store. Nothing happens until one does: sprout run
    ");
    let told = stage.run(&["guards"]).await.ok();
    insta::assert_snapshot!(told.all(), @r"
    GUARD        HOLDS  USED     LIMITS
    asked        0      0 of 30  deletions that were asked for, in 10 min
    inferred     0      0 of 2   deletions of features whose rows vanished, in an hour
    mass-vanish  0      -        deletions while over half of all rows vanished at once
    creates      2      0 of 20  environments made, in 10 min
    cap          0      no cap   environments at a time
    flap         0      -        one feature made more than 5 times in an hour

    creates holds 2 features back: new, other.
    There is room again in 8 min. To let exactly these pass, once: sprout approve creates
    --
    Paused by anna: the account moves. Nothing is changed on AWS until: sprout resume
    No controller runs on this store. Nothing happens until one does: sprout run
    ");
}

#[tokio::test(start_paused = true)]
async fn a_changed_specification_is_not_called_ready() {
    let stage = Stage::led().await;
    let mut login = feature("feature/login", "shop-web:login-41");
    stage.put(&login).await;
    stage.show(running(&login)).await;
    login.spec.image = Some("shop-web:login-42".to_owned());
    stage.put(&login).await;
    let told = stage.run(&["get"]).await.ok();
    insta::assert_snapshot!(told.data, @r"
    NAME           PHASE  AGE  LEFT  DEPLOYED             URL                       NEXT
    feature/login  Ready  2d   21h   login-41 → login-42  http://login.example.com  its change is not seen by a controller yet
    ");
}

#[tokio::test(start_paused = true)]
async fn time_is_that_of_aws() {
    let stage = Stage::led().await;
    let login = feature("feature/login", "shop-web:login-41");
    stage.put(&login).await;
    stage.show(running(&login)).await;
    stage.fleet(&FleetView { offset: SignedDuration::from_hours(-24), ..fleet_of(1) }).await;
    let told = stage.run(&["get"]).await.ok();
    assert!(told.data.contains("  24h  45h  "), "{}", told.data);
}

#[tokio::test(start_paused = true)]
async fn machines_get_whole_resources() {
    let stage = fleet().await;
    let told = stage.run(&["get", "feature/login", "-o", "json"]).await.ok();
    let all: serde_json::Value = serde_json::from_str(&told.data).unwrap();
    let one = &all[0];
    assert_eq!(one["apiVersion"], "beansprout.dev/v1");
    assert_eq!(one["kind"], "Feature");
    assert_eq!(one["metadata"]["name"], "feature/login");
    assert_eq!(one["spec"]["ttl"], "3d");
    assert_eq!(one["status"]["phase"], "Updating");
    assert_eq!(one["status"]["deployed"]["image"], "shop-web:login-41");
    assert_eq!(one["status"]["expiresAt"], "2026-01-06T05:30:00Z");
    assert_eq!(one["status"]["feature"], serde_json::Value::Null);
    let told = stage.run(&["get", "-o", "yaml"]).await.ok();
    let all: Vec<serde_json::Value> = serde_yaml::from_str(&told.data).unwrap();
    assert_eq!(all.len(), 4);
    let new = all.iter().find(|one| one["metadata"]["name"] == "new").unwrap();
    assert_eq!(new["status"]["phase"], "Pending");
    assert!(told.talk.is_empty(), "{}", told.talk);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_nothing_bears_is_told_the_nearest() {
    let stage = fleet().await;
    for line in [
        &["get", "login"][..],
        &["describe", "login"],
        &["wait", "login"],
        &["delete", "login"],
        &["events", "login"],
    ] {
        let told = stage.run(line).await.ended(ExitStatus::Differs);
        assert_eq!(
            told.talk,
            "sprout: there is no feature login. Did you mean feature/login? All of them: sprout get\n",
            "{line:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_described_in_two_sentences_first() {
    let stage = Stage::led().await;
    let mut login = feature("feature/login", "shop-web:login-42");
    login.metadata.owner = Some("someone@example.com".to_owned());
    login.metadata.source = Some(Source { commit: Some("9f2c1ab".to_owned()), ..Source::default() });
    login.spec.variables.insert("PASSWORD".to_owned(), Variable::Text("hunter2".to_owned()));
    stage.put_from(&login, Some("folder:specs")).await;
    let mut failed = StatusView {
        phase: Phase::Failed,
        happened: "Beanstalk rolled back to login-41: \"Failed to deploy application.\"".to_owned(),
        next: "nothing happens until a new image is pushed".to_owned(),
        advice: Some("sprout events feature/login".to_owned()),
        stuck: true,
        conditions: vec![Condition {
            kind: ConditionKind::Ready,
            status: Truth::False,
            reason: "OutOfTries".to_owned(),
            message: String::new(),
            last_transition_time: at("2026-01-05T07:50:00Z"),
            observed_spec_hash: None,
        }],
        ..running(&login)
    };
    failed.deployed.as_mut().unwrap().image = "shop-web:login-41".to_owned();
    stage.show(failed).await;
    let mut record = living(&login);
    record.asks.extension = Some(stage.session.ask(SignedDuration::from_hours(48), Some("demo on Friday")));
    stage.remember(record).await;
    let event = |at: &str, severity, message: &str| {
        Write::AddEvent(EventRow {
            feature: FeatureName::from("feature/login"),
            at: super::at(at),
            severity,
            reason: "Deployed".to_owned(),
            message: message.to_owned(),
        })
    };
    let events = vec![
        event("2026-01-05T07:40:00Z", Severity::Info, "Deploys login-42."),
        event("2026-01-05T07:50:00Z", Severity::Error, "The deployment failed."),
    ];
    stage.write(events).await;
    let told = stage.run(&["describe", "feature/login"]).await.ok();
    insta::assert_snapshot!(told.all(), @r#"
    feature/login: Failed. Beanstalk rolled back to login-41: "Failed to deploy application."
    Nothing happens until a new image is pushed. Try: sprout events feature/login

    Specification
      image       shop-web:login-42
      ttl         3d, from when it was made
      variables   PASSWORD
      owner       someone@example.com
      source      9f2c1ab
      brought by  folder:specs

    Environment
      url       http://login.example.com
      name      f-login-abcdefghijk (e-abcdefghij)
      deployed  shop-web:login-41 (aaaaaaaaaaaa), commit 9f2c1ab, 2 hours ago
      wanted    shop-web:login-42
      made      2026-01-03 08:00 UTC (2 days ago)
      ends      2026-01-06 05:30 UTC (in 21 hours)

    Asked for
      extension  2 days, by anna, 0 s ago: demo on Friday

    Conditions
      TYPE   STATUS  SINCE  REASON
      Ready  False   10m    OutOfTries

    Events, the last ones
      WHEN     NAME           WHAT HAPPENED
      20m ago  feature/login  Deploys login-42.
      10m ago  feature/login  error: The deployment failed.
    --
    "#);
    assert!(!told.data.contains("hunter2"));
    let told = stage.run(&["events"]).await.ok();
    insta::assert_snapshot!(told.all(), @r"
    WHEN     NAME           WHAT HAPPENED
    20m ago  feature/login  Deploys login-42.
    10m ago  feature/login  error: The deployment failed.
    --
    ");
}

#[tokio::test(start_paused = true)]
async fn a_feature_that_nobody_has_seen_says_so() {
    let stage = Stage::new().await;
    stage.put(&feature("new", "shop-web:new-1")).await;
    let told = stage.run(&["describe", "new"]).await.ok();
    insta::assert_snapshot!(told.all(), @r"
    new: Pending. It is not seen by a controller yet.

    Specification
      image  shop-web:new-1
      ttl    3d, from when it was made
    --
    No controller runs on this store. Nothing happens until one does: sprout run
    ");
    let told = stage.run(&["events", "new"]).await.ok();
    assert_eq!(told.talk, "Nothing happened yet.\n");
}

#[tokio::test(start_paused = true)]
async fn an_empty_store_says_what_to_do() {
    let stage = Stage::led().await;
    let told = stage.run(&["get"]).await.ok();
    assert_eq!(
        (told.data.as_str(), told.talk.as_str()),
        ("", "There is no feature yet. Try: sprout apply -f FILE\n")
    );
    assert_eq!(stage.run(&["get", "-o", "json"]).await.ok().data, "[]\n");
    let told = stage.run(&["orphans"]).await.ok();
    assert_eq!(told.data, "No environment bears our tag that this store does not know.\n");
}
