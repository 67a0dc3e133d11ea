//! Large texts, which lie beside their row.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use beansprout::model::{Feature, FeatureName};
use beansprout::store::{Access, Expect, Pace, SpecBody, Store, StoreError, Write};

use super::{Served, dynalite, moto};
use crate::contract::{commit, feature, image_of, put_document, put_spec, spec_of};

fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

/// A feature with a long Dockerrun file.
fn long_feature(name: &str, length: usize) -> Feature {
    let mut feature = feature(name, "shop-web:1");
    feature.spec.dockerrun.text = Some("{\"é\": 1}\n".repeat(length / 10));
    feature
}

fn put_long(name: &str, length: usize, expect: Expect) -> Write {
    Write::PutSpec { feature: Box::new(long_feature(name, length)), origin: None, expect }
}

type Row = BTreeMap<String, AttributeValue>;

async fn rows_of(tables: &Served, kind: &str) -> Vec<Row> {
    let answer = tables
        .by_hand()
        .query()
        .table_name(tables.state())
        .key_condition_expression("#k = :k")
        .expression_attribute_names("#k", "kind")
        .expression_attribute_values(":k", s(kind))
        .into_paginator()
        .items()
        .send()
        .collect::<Result<Vec<_>, _>>()
        .await
        .unwrap();
    answer.into_iter().map(|item| item.into_iter().collect()).collect()
}

/// Changes a number on all rows of a kind by hand.
async fn set_by_hand(tables: &Served, kind: &str, attribute: &str, number: i64) {
    for row in rows_of(tables, kind).await {
        tables
            .by_hand()
            .update_item()
            .table_name(tables.state())
            .key("kind", row["kind"].clone())
            .key("name", row["name"].clone())
            .update_expression("SET #a = :v")
            .expression_attribute_names("#a", attribute)
            .expression_attribute_values(":v", AttributeValue::N(number.to_string()))
            .send()
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_long_dockerrun_lies_beside_a_row_that_stays_short() {
    for tables in [moto(), dynalite()].into_iter().flatten() {
        let store = tables.open_quickly().await;
        commit(&store, vec![put_long("a", 90_000, Expect::Absent)]).await.unwrap();
        let read = |spec: &SpecBody| match spec {
            SpecBody::Readable { feature, .. } => (**feature).clone(),
            SpecBody::Unreadable { why } => panic!("{why}"),
        };
        let alone = store.feature(&"a".into()).await.unwrap().spec.unwrap();
        assert_eq!(read(&alone.body), long_feature("a", 90_000));
        let rows = store.load().await.unwrap();
        assert_eq!(rows.specs[&FeatureName::from("a")], alone);

        let key = s("a");
        let row =
            tables.by_hand().get_item().table_name(&tables.table).key("feature", key).send().await.unwrap();
        let row: Row = row.item.unwrap().into_iter().collect();
        assert_eq!(row["image"], s("shop-web:1"));
        assert!(row["blobs"].as_m().unwrap().contains_key("dockerrun") && !row.contains_key("dockerrun"));
        // A person who writes the field into the row is right.
        tables
            .by_hand()
            .update_item()
            .table_name(&tables.table)
            .key("feature", s("a"))
            .update_expression("SET dockerrun = :d")
            .expression_attribute_values(":d", AttributeValue::M([("text".to_owned(), s("short"))].into()))
            .send()
            .await
            .unwrap();
        let alone = store.feature(&"a".into()).await.unwrap().spec.unwrap();
        assert_eq!(read(&alone.body).spec.dockerrun.text.as_deref(), Some("short"));
    }
}

#[tokio::test]
async fn a_text_longer_than_an_item_goes_in_pieces() {
    for tables in [moto(), dynalite()].into_iter().flatten() {
        let store = tables.open_quickly().await;
        let body = "0123456789é\n".repeat(80_000);
        commit(&store, vec![put_document("fleet", &body, Expect::Absent)]).await.unwrap();
        assert_eq!(rows_of(&tables, "piece").await.len(), 4);
        assert_eq!(store.document("fleet").await.unwrap().unwrap().body, body);
        assert_eq!(store.load().await.unwrap().documents["fleet"].body, body);
        // The same text is there once, whoever names it.
        commit(&store, vec![put_document("copy", &body, Expect::Absent)]).await.unwrap();
        assert_eq!(rows_of(&tables, "blob").await.len(), 1);
        assert_eq!(store.export().await.unwrap().rows.len(), 2);
    }
}

#[tokio::test]
async fn a_text_that_is_missing_freezes_its_row_alone() {
    let Some(tables) = moto() else { return };
    let store = tables.open_quickly().await;
    commit(&store, vec![put_spec("good", "shop-web:1", Expect::Absent)]).await.unwrap();
    commit(&store, vec![put_long("a", 700_000, Expect::Absent)]).await.unwrap();
    let pieces = rows_of(&tables, "piece").await;
    assert!(pieces.len() > 1);
    let lost = tables.by_hand().delete_item().table_name(tables.state());
    lost.key("kind", pieces[1]["kind"].clone()).key("name", pieces[1]["name"].clone()).send().await.unwrap();

    let rows = tables.open_quickly().await.load().await.unwrap();
    match &rows.specs[&FeatureName::from("a")].body {
        SpecBody::Unreadable { why } => assert!(why.contains("the text of `dockerrun` is missing"), "{why}"),
        SpecBody::Readable { .. } => panic!("half a text was read"),
    }
    assert_eq!(image_of(&store, "good").await.as_deref(), Some("shop-web:1"));
    // An export without it would look whole.
    match store.export().await {
        Err(error @ StoreError::Unusable { .. }) => {
            let why = std::error::Error::source(&error).unwrap().to_string();
            assert!(why.contains("the specification of a names the text"), "{why}");
        }
        other => panic!("{other:?}"),
    }
    let version = rows.specs[&FeatureName::from("a")].version;
    commit(&store, vec![put_spec("a", "shop-web:2", Expect::Version(version))]).await.unwrap();
    assert_eq!(spec_of(&store, "a").await.unwrap().1, "shop-web:2");
}

#[tokio::test]
async fn a_text_goes_some_days_after_its_last_row_and_stays_when_used_again() {
    let Some(tables) = moto() else { return };
    let tidy = Pace { tidy: Duration::ZERO, ..super::quick() };
    let read_all = async || {
        tables.open_as(Access::Existing, tidy).await.unwrap().load().await.unwrap();
    };
    let store = tables.open_quickly().await;
    let body = "x".repeat(400_000);
    commit(&store, vec![put_document("fleet", &body, Expect::Absent)]).await.unwrap();
    let marked = async || {
        let rows = [rows_of(&tables, "blob").await, rows_of(&tables, "piece").await].concat();
        assert_eq!(rows.len(), 3);
        rows.iter().filter(|row| row.contains_key("expires")).count()
    };
    // One that a row names is never marked, and one that was used just now
    // may be named in a moment.
    set_by_hand(&tables, "blob", "used", 0).await;
    read_all().await;
    assert_eq!(marked().await, 0);
    commit(&store, vec![put_document("fleet", "short", Expect::Any)]).await.unwrap();
    let now = jiff::Timestamp::UNIX_EPOCH.as_second();
    set_by_hand(&tables, "blob", "used", 4_000_000_000).await;
    read_all().await;
    assert_eq!(marked().await, 0);

    for kind in ["blob", "piece"] {
        set_by_hand(&tables, kind, "used", now).await;
    }
    read_all().await;
    assert_eq!(marked().await, 3);
    commit(&store, vec![put_document("fleet", &body, Expect::Any)]).await.unwrap();
    assert_eq!(marked().await, 0);
    // A row that was put back by hand, too.
    for kind in ["blob", "piece"] {
        set_by_hand(&tables, kind, "expires", 4_000_000_000).await;
    }
    read_all().await;
    assert_eq!(marked().await, 0);
    // Rows themselves never expire.
    for kind in ["document", "store", "revision"] {
        assert!(rows_of(&tables, kind).await.iter().all(|row| !row.contains_key("expires")));
    }
}
