//! Rows that people and CI jobs write with the AWS CLI, as docs/store.md
//! tells.

use std::process::Command;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use beansprout::model::{FeatureName, Variable};
use beansprout::store::{Expect, RecordBody, SpecBody, Store};

use super::{Served, eventually, moto};
use crate::contract::{commit, conflict, image_of, put_record, put_spec, spec_of};
use crate::support::{aws_cli, run, secs, surroundings};

fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

async fn put(tables: &Served, name: &str, attributes: &[(&str, AttributeValue)]) {
    let mut request = tables.by_hand().put_item().table_name(&tables.table).item("feature", s(name));
    for (attribute, value) in attributes {
        request = request.item(*attribute, value.clone());
    }
    request.send().await.unwrap();
}

async fn why(store: &dyn Store, name: &str) -> String {
    match store.feature(&FeatureName::from(name)).await.unwrap().spec.unwrap().body {
        SpecBody::Unreadable { why } => why,
        SpecBody::Readable { feature, .. } => panic!("{name} can be read: {feature:?}"),
    }
}

#[tokio::test]
async fn a_row_of_the_aws_cli_with_three_attributes_is_a_feature() {
    let Some(tables) = moto() else { return };
    let Some(aws) = aws_cli() else { return };
    let store = tables.open_quickly().await;
    let before = store.load().await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let cli = |arguments: &[&str]| {
        let mut command = Command::new(&aws);
        command.env_clear().envs(surroundings(dir.path(), &tables.endpoint));
        command.envs([("AWS_ACCESS_KEY_ID", super::ACCESS_KEY), ("AWS_DEFAULT_REGION", super::REGION)]);
        command.arg("dynamodb").args(arguments).args(["--table-name", &tables.table]);
        run(&mut command, dir.path(), secs(60)).ok()
    };
    let item =
        r#"{"feature": {"S": "feature/login"}, "image": {"S": "shop-web:login-41"}, "ttl": {"S": "3d"}}"#;
    cli(&["put-item", "--item", item]);
    let moved = eventually(async || {
        let revision = store.revision().await.unwrap();
        (revision != before.revision).then_some(revision)
    });
    let moved = moved.await;
    let rows = store.load().await.unwrap();
    assert_eq!(rows.revision, moved);
    assert_eq!(image_of(&store, "feature/login").await.as_deref(), Some("shop-web:login-41"));
    assert_eq!(rows.specs[&FeatureName::from("feature/login")].origin, None);

    // Nothing of ours is ever put into that row.
    commit(&store, vec![put_record("feature/login", 1, Expect::Absent)]).await.unwrap();
    let found = cli(&["get-item", "--key", r#"{"feature": {"S": "feature/login"}}"#]).json();
    assert_eq!(found["Item"], serde_json::from_str::<serde_json::Value>(item).unwrap());

    cli(&["delete-item", "--key", r#"{"feature": {"S": "feature/login"}}"#]);
    eventually(async || (store.revision().await.unwrap() != moved).then_some(())).await;
    assert!(store.load().await.unwrap().specs.is_empty());
}

#[tokio::test]
async fn a_whole_row_written_over_by_hand_is_noticed_and_is_another_version() {
    let Some(tables) = moto() else { return };
    let store = tables.open_quickly().await;
    commit(&store, vec![put_spec("a", "shop-web:1", Expect::Absent)]).await.unwrap();
    let before = store.load().await.unwrap();
    let (version, _) = spec_of(&store, "a").await.unwrap();
    put(&tables, "a", &[("image", s("shop-web:2")), ("ttl", s("36h"))]).await;
    // Whoever decided on the row as it was does not write over it.
    conflict(commit(&store, vec![put_spec("a", "shop-web:3", Expect::Version(version))]).await);
    eventually(async || (store.revision().await.unwrap() > before.revision).then_some(())).await;
    let rows = store.load().await.unwrap();
    assert_ne!(rows.specs[&FeatureName::from("a")].version, version);
    assert_eq!(image_of(&store, "a").await.as_deref(), Some("shop-web:2"));
    // What stood there and was not written again is gone.
    let SpecBody::Readable { feature, .. } = &rows.specs[&FeatureName::from("a")].body else { panic!() };
    assert!(feature.metadata.owner.is_none() && feature.metadata.labels.is_empty());

    let (version, _) = spec_of(&store, "a").await.unwrap();
    commit(&store, vec![put_spec("a", "shop-web:3", Expect::Version(version))]).await.unwrap();
}

#[tokio::test]
async fn fields_are_native_types_and_a_number_is_what_dynamodb_makes_of_it() {
    let Some(tables) = moto() else { return };
    let store = tables.open_quickly().await;
    let variables = AttributeValue::M(
        [("VERSION".to_owned(), s("1.10")), ("REPLICAS".to_owned(), AttributeValue::N("3".to_owned()))]
            .into_iter()
            .collect(),
    );
    let setting = AttributeValue::M(
        [
            ("namespace", "aws:elasticbeanstalk:application"),
            ("option", "Application Healthcheck URL"),
            ("value", "/"),
        ]
        .map(|(name, value)| (name.to_owned(), s(value)))
        .into_iter()
        .collect(),
    );
    put(
        &tables,
        "a",
        &[
            ("image", s("shop-web:1")),
            ("protect", AttributeValue::Bool(true)),
            ("variables", variables),
            ("settings", AttributeValue::L(vec![setting])),
            ("origin", s("jenkins")),
        ],
    )
    .await;
    let spec = store.feature(&"a".into()).await.unwrap().spec.unwrap();
    assert_eq!(spec.origin.as_deref(), Some("jenkins"));
    let SpecBody::Readable { feature, .. } = spec.body else { panic!("{spec:?}") };
    assert!(feature.spec.protect);
    assert_eq!(feature.spec.variables["VERSION"], Variable::Text("1.10".to_owned()));
    assert_eq!(feature.spec.variables["REPLICAS"], Variable::Text("3".to_owned()));
    assert_eq!(feature.spec.settings[0].value, "/");
}

#[tokio::test]
async fn what_cannot_be_read_says_why_and_harms_no_other_row() {
    let Some(tables) = moto() else { return };
    let store = tables.open_quickly().await;
    commit(&store, vec![put_spec("good", "shop-web:1", Expect::Absent)]).await.unwrap();
    let image = || ("image", s("shop-web:1"));
    put(&tables, "imageless", &[]).await;
    put(&tables, "unknown", &[image(), ("imag", s("x"))]).await;
    put(&tables, "set", &[image(), ("labels", AttributeValue::Ss(vec!["a".to_owned()]))]).await;
    put(&tables, "bytes", &[image(), ("owner", AttributeValue::B(Blob::new([0xff])))]).await;
    put(&tables, "text", &[("body", s(r#"{"image": "shop-w"#))]).await;
    put(&tables, "other", &[("body", s(r#"{"feature": "good", "image": "shop-web:1"}"#))]).await;
    put(&tables, &"long/".repeat(300), &[image()]).await;

    assert!(why(&store, "imageless").await.contains("image"));
    assert!(why(&store, "unknown").await.contains("imag"));
    assert_eq!(why(&store, "set").await, "`labels` is a set, which no field is");
    assert_eq!(why(&store, "bytes").await, "`owner` is bytes, which no field is");
    assert!(why(&store, "text").await.contains("cannot be read"));
    assert_eq!(why(&store, "other").await, "the row is named other, and its body says good");
    let rows = store.load().await.unwrap();
    assert_eq!(rows.specs.len(), 8);
    let readable = rows.specs.values().filter(|spec| matches!(spec.body, SpecBody::Readable { .. }));
    assert_eq!(readable.count(), 1);
    // A name that fits no key of ours has a record and a status like others.
    let long = "long/".repeat(300);
    commit(&store, vec![put_record(&long, 3, Expect::Absent), put_record("good", 1, Expect::Absent)])
        .await
        .unwrap();
    let again = tables.open_quickly().await.load().await.unwrap();
    assert!(again.records.contains_key(&FeatureName::from(long.as_str())));

    // Mended, it is read again.
    put(&tables, "unknown", &[image()]).await;
    assert_eq!(image_of(&store, "unknown").await.as_deref(), Some("shop-web:1"));
}

#[tokio::test]
async fn a_record_that_was_spoilt_by_hand_is_not_understood_and_not_gone() {
    let Some(tables) = moto() else { return };
    let store = tables.open_quickly().await;
    for name in ["good", "cut", "bare"] {
        commit(&store, vec![put_record(name, 1, Expect::Absent)]).await.unwrap();
    }
    let hand = tables.by_hand();
    let row = |name: &str| {
        hand.put_item().table_name(tables.state()).item("kind", s("record")).item("name", s(name))
    };
    row("cut").item("v", s("0000000000000007")).item("body", s("{\"schema\":")).send().await.unwrap();
    row("bare").send().await.unwrap();
    let rows = tables.open_quickly().await.load().await.unwrap();
    let why = |name: &str| match &rows.records[&FeatureName::from(name)].body {
        RecordBody::Unreadable { why } => why.clone(),
        RecordBody::Readable(record) => panic!("{name} can be read: {record:?}"),
    };
    assert!(why("cut").starts_with("the body cannot be read"));
    assert_eq!(why("bare"), "the body is empty");
    // Somebody who says so may write over it.
    let version = rows.records[&FeatureName::from("bare")].version;
    commit(&store, vec![put_record("bare", 2, Expect::Version(version))]).await.unwrap();
}
