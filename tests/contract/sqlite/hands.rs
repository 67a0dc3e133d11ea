//! Rows that people edit with the `sqlite3` shell, as docs/store.md tells.

use beansprout::model::{FeatureName, RECORD_SCHEMA};
use beansprout::store::{Expect, RecordBody, SpecBody, Store, Write};
use rusqlite::params;

use super::{Folder, Place};
use crate::contract::history::event;
use crate::contract::{commit, conflict, put_record, put_spec, record_of, spec_of};

/// Why a specification's row cannot be read.
async fn why(store: &dyn Store, name: &str) -> String {
    match store.load().await.unwrap().specs[&FeatureName::from(name)].body.clone() {
        SpecBody::Unreadable { why } => why,
        SpecBody::Readable { feature, .. } => panic!("{name} can be read: {feature:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_with_feature_and_body_alone_is_complete() {
    let folder = Folder::new();
    let store = folder.open().await;
    let before = store.revision().await.unwrap();
    let hand = folder.by_hand();
    hand.execute(
        r#"INSERT INTO spec (feature, body) VALUES ('feature/login', '{"image": "shop-web:login-41"}')"#,
        [],
    )
    .unwrap();
    assert!(store.revision().await.unwrap() > before);
    assert_eq!(spec_of(&*store, "feature/login").await, Some((1, "shop-web:login-41".to_owned())));
    assert_eq!(store.load().await.unwrap().specs[&FeatureName::from("feature/login")].origin, None);
}

#[tokio::test(start_paused = true)]
async fn every_way_of_writing_by_hand_counts_as_a_write() {
    let folder = Folder::new();
    let store = folder.open().await;
    commit(&*store, vec![put_spec("a", "shop-web:1", Expect::Absent)]).await.unwrap();
    let hand = folder.by_hand();
    let mut last = store.revision().await.unwrap();
    for (version, statement) in [
        (2, r#"UPDATE spec SET body = '{"image": "shop-web:2"}' WHERE feature = 'a'"#),
        (3, r#"REPLACE INTO spec (feature, body) VALUES ('a', '{"image": "shop-web:3"}')"#),
        (
            4,
            r#"INSERT INTO spec (feature, body) VALUES ('a', '{"image": "shop-web:4"}')
               ON CONFLICT (feature) DO UPDATE SET body = excluded.body"#,
        ),
        (5, r#"UPDATE OR REPLACE spec SET body = '{"image": "shop-web:5"}'"#),
    ] {
        hand.execute(statement, []).unwrap();
        assert_eq!(
            spec_of(&*store, "a").await,
            Some((version, format!("shop-web:{version}"))),
            "{statement}"
        );
        let rows = store.load().await.unwrap();
        assert_eq!(rows.specs[&FeatureName::from("a")].version, version);
        assert!(rows.revision > last, "{statement}");
        last = rows.revision;
    }
    conflict(commit(&*store, vec![put_spec("a", "shop-web:6", Expect::Version(1))]).await);

    hand.execute("DELETE FROM spec", []).unwrap();
    assert!(store.load().await.unwrap().specs.is_empty());
    assert!(store.revision().await.unwrap() > last);
    commit(&*store, vec![put_spec("a", "shop-web:7", Expect::Absent)]).await.unwrap();
    assert_eq!(spec_of(&*store, "a").await, Some((6, "shop-web:7".to_owned())));
}

#[tokio::test(start_paused = true)]
async fn a_renamed_row_is_gone_under_its_old_name() {
    let folder = Folder::new();
    let store = folder.open().await;
    let hand = folder.by_hand();
    hand.execute(r#"INSERT INTO spec (feature, body) VALUES ('old', '{"image": "shop-web:1"}')"#, [])
        .unwrap();
    assert_eq!(store.load().await.unwrap().specs.len(), 1);
    hand.execute("UPDATE spec SET feature = 'new'", []).unwrap();
    let rows = store.load().await.unwrap();
    assert_eq!(rows.specs.keys().map(FeatureName::as_str).collect::<Vec<_>>(), ["new"]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_says_why_and_harms_no_other_row() {
    let folder = Folder::new();
    let store = folder.open().await;
    commit(&*store, vec![put_spec("good", "shop-web:1", Expect::Absent)]).await.unwrap();
    let hand = folder.by_hand();
    for (name, body) in [
        ("empty", Some("")),
        ("null", None),
        ("cut", Some(r#"{"image": "shop-web:"#)),
        ("list", Some("[]")),
        ("number", Some("7")),
        ("imageless", Some("{}")),
        ("other", Some(r#"{"feature": "good", "image": "shop-web:1"}"#)),
    ] {
        hand.execute("INSERT INTO spec (feature, body) VALUES (?1, ?2)", params![name, body]).unwrap();
    }
    hand.execute("INSERT INTO spec (feature, body) VALUES ('bytes', x'ff00fe')", []).unwrap();
    hand.execute("INSERT INTO spec (feature, body) VALUES (cast(x'61ff' AS TEXT), '{}')", []).unwrap();

    assert_eq!(why(&*store, "empty").await, "the body is empty");
    assert_eq!(why(&*store, "null").await, "the body is empty");
    assert!(why(&*store, "cut").await.contains("line 1 column"));
    assert_eq!(why(&*store, "other").await, "the row is named other, and its body says good");
    assert_eq!(why(&*store, "a\u{fffd}").await, "the row's name is not UTF-8");
    for name in ["list", "number", "imageless", "bytes"] {
        assert!(!why(&*store, name).await.is_empty(), "{name}");
    }
    assert_eq!(spec_of(&*store, "good").await, Some((1, "shop-web:1".to_owned())));
    assert_eq!(store.load().await.unwrap().specs.len(), 10);

    // Mended, it is read again.
    hand.execute(r#"UPDATE spec SET body = '{"image": "shop-web:2"}' WHERE feature = 'cut'"#, []).unwrap();
    assert_eq!(spec_of(&*store, "cut").await, Some((2, "shop-web:2".to_owned())));
}

#[tokio::test(start_paused = true)]
async fn a_body_of_either_form_may_leave_the_name_to_the_row() {
    let folder = Folder::new();
    let store = folder.open().await;
    let hand = folder.by_hand();
    let head = r#""apiVersion": "beansprout.dev/v1", "kind": "Feature""#;
    for (name, body) in [
        ("flat", r#"{"image": "shop-web:1"}"#.to_owned()),
        ("flat/named", r#"{"feature": "flat/named", "image": "shop-web:1"}"#.to_owned()),
        ("whole", format!(r#"{{{head}, "spec": {{"image": "shop-web:1"}}}}"#)),
        (
            "whole/owned",
            format!(r#"{{{head}, "metadata": {{"owner": "me"}}, "spec": {{"image": "shop-web:1"}}}}"#),
        ),
        (
            "whole/named",
            format!(
                r#"{{{head}, "metadata": {{"name": "whole/named"}}, "spec": {{"image": "shop-web:1"}}}}"#
            ),
        ),
    ] {
        hand.execute("INSERT INTO spec (feature, body) VALUES (?1, ?2)", params![name, body]).unwrap();
        assert_eq!(spec_of(&*store, name).await, Some((1, "shop-web:1".to_owned())), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_read_into_a_row_is_a_body_like_any_other() {
    let folder = Folder::new();
    let store = folder.open().await;
    folder
        .by_hand()
        .execute("INSERT INTO spec (feature, body) VALUES ('a', ?1)", params![br#"{"image": "shop-web:1"}"#])
        .unwrap();
    assert_eq!(spec_of(&*store, "a").await, Some((1, "shop-web:1".to_owned())));
}

#[tokio::test(start_paused = true)]
async fn a_record_of_a_newer_program_or_of_none_is_not_understood() {
    let folder = Folder::new();
    let store = folder.open().await;
    for name in ["good", "newer", "strange", "cut", "other"] {
        commit(&*store, vec![put_record(name, 1, Expect::Absent)]).await.unwrap();
    }
    let hand = folder.by_hand();
    let newer = RECORD_SCHEMA + 1;
    let by_hand = |name: &str, change: &str| {
        let done = hand
            .execute(&format!("UPDATE record SET body = {change} WHERE feature = ?1"), params![name])
            .unwrap();
        assert_eq!(done, 1);
    };
    by_hand("newer", &format!("json_set(body, '$.schema', {newer})"));
    by_hand("strange", &format!(r#"'{{"schema": {newer}, "life": "as never before"}}'"#));
    by_hand("cut", "substr(body, 1, 20)");
    by_hand("other", "json_set(body, '$.feature', 'good')");

    let rows = store.load().await.unwrap();
    let why = |name: &str| match &rows.records[&FeatureName::from(name)].body {
        RecordBody::Unreadable { why } => why.clone(),
        RecordBody::Readable(record) => panic!("{name} can be read: {record:?}"),
    };
    let told =
        format!("a newer sprout wrote it (layout {newer}; this one knows layouts up to {RECORD_SCHEMA})");
    assert_eq!(why("newer"), told);
    assert_eq!(why("strange"), told);
    assert!(why("cut").starts_with("the body cannot be read: "));
    assert_eq!(why("other"), "the row is named other, and its body says good");
    assert_eq!(record_of(&*store, "good").await, Some((1, 1)));
}

#[tokio::test(start_paused = true)]
async fn a_lease_removed_by_hand_brings_no_old_epoch_back() {
    let folder = Folder::new();
    let store = folder.open().await;
    let length = jiff::SignedDuration::from_secs(15);
    let old = store.acquire("one", length, jiff::Timestamp::UNIX_EPOCH, None).await.unwrap().unwrap();
    folder.by_hand().execute("DELETE FROM lease", []).unwrap();
    assert_eq!(store.renew(&old).await.unwrap(), None);
    let new = store.acquire("one", length, jiff::Timestamp::UNIX_EPOCH, None).await.unwrap().unwrap();
    assert!(new.epoch > old.epoch);
}

#[tokio::test(start_paused = true)]
async fn a_store_put_back_to_an_earlier_state_is_read_afresh() {
    let folder = Folder::new();
    let store = folder.open().await;
    commit(&*store, vec![put_spec("a", "shop-web:1", Expect::Absent)]).await.unwrap();
    let hand = folder.by_hand();
    let copy = folder.0.path().join("copy.db");
    hand.execute("VACUUM INTO ?1", params![copy.to_str().unwrap()]).unwrap();
    commit(&*store, vec![put_spec("a", "shop-web:2", Expect::Version(1))]).await.unwrap();
    commit(&*store, vec![put_spec("b", "shop-web:1", Expect::Absent)]).await.unwrap();
    assert_eq!(store.load().await.unwrap().specs.len(), 2);

    // What the shell's `.restore` ends in: earlier contents in the same file.
    hand.execute("ATTACH ?1 AS copy", params![copy.to_str().unwrap()]).unwrap();
    hand.execute_batch(
        "BEGIN IMMEDIATE;
         DELETE FROM spec; INSERT INTO spec SELECT * FROM copy.spec;
         DELETE FROM version; INSERT INTO version SELECT * FROM copy.version;
         DELETE FROM counter; INSERT INTO counter SELECT * FROM copy.counter;
         COMMIT;",
    )
    .unwrap();
    let rows = store.load().await.unwrap();
    assert_eq!(rows.specs.len(), 1);
    assert_eq!(rows.specs[&FeatureName::from("a")].version, 1);
}

#[tokio::test(start_paused = true)]
async fn history_is_bounded_over_all_features_too() {
    let folder = Folder::new();
    let store = folder.open().await;
    let hand = folder.by_hand();
    hand.execute(
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 20100)
         INSERT INTO event (feature, at, severity, reason, message)
         SELECT 'f' || n, '2026-01-05T08:00:00Z', 'Info', 'Launched', 'It is up.' FROM n",
        [],
    )
    .unwrap();
    hand.execute(
        "INSERT INTO event (feature, at, severity, reason, message) VALUES ('f', 'noon', 'x', '', '')",
        [],
    )
    .unwrap();
    commit(&*store, vec![Write::AddEvent(event("last", 1))]).await.unwrap();
    let kept: i64 = hand.query_row("SELECT count(*) FROM event", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 20_000);
    let all = store.events(None, usize::MAX).await.unwrap();
    // One that cannot be read is passed over.
    assert_eq!(all.len(), 19_999);
    assert_eq!(all[0], event("last", 1));
    assert_eq!(all.last().unwrap().feature, FeatureName::from("f103"));
}
