//! Replies that are lost, refusals that pass, and hands that come in between.

use aws_sdk_dynamodb::types::AttributeValue;
use beansprout::model::{FeatureName, Phase};
use beansprout::store::{Batch, Expect, Fence, Hold, Scope, Sealed, Store, StoreError, Write};
use jiff::SignedDuration;

use super::wire::Trouble::{After, LeaveAll, LoseReply, Refuse};
use super::{Served, moto};
use crate::contract::history::event;
use crate::contract::{
    commit, conflict, generation_of, image_of, moment, put_document, put_record, put_spec, record_of,
    spec_of, status,
};

const LENGTH: SignedDuration = SignedDuration::from_secs(15);

#[tokio::test]
async fn an_own_write_whose_reply_was_lost_is_recognised() {
    let Some(tables) = moto() else { return };
    let (store, wire) = tables.open_on_a_wire().await;
    wire.trouble("PutItem", LoseReply);
    commit(&store, vec![put_record("a", 1, Expect::Absent)]).await.unwrap();
    assert_eq!(generation_of(&store, "a").await, Some(1));
    let (version, _) = record_of(&store, "a").await.unwrap();
    wire.trouble("PutItem", LoseReply);
    commit(&store, vec![put_record("a", 2, Expect::Version(version))]).await.unwrap();

    wire.trouble("PutItem", LoseReply);
    commit(&store, vec![put_spec("a", "shop-web:1", Expect::Absent)]).await.unwrap();
    let (version, _) = spec_of(&store, "a").await.unwrap();
    wire.trouble("DeleteItem", LoseReply);
    let gone = Write::DeleteSpec { feature: "a".into(), expect: Expect::Version(version) };
    commit(&store, vec![gone]).await.unwrap();
    assert_eq!(image_of(&store, "a").await, None);
    assert!(wire.is_calm());
}

#[tokio::test]
async fn a_single_write_that_a_seal_overtook_is_told_so() {
    let Some(tables) = moto() else { return };
    let (store, wire) = tables.open_on_a_wire().await;
    let other = tables.open_quickly().await;
    let seal = Sealed { to: "sqlite:/elsewhere".to_owned(), at: moment(), by: "alex".to_owned() };
    wire.trouble("PutItem", After(Box::pin(async move { other.seal(seal).await.unwrap() })));
    let outcome = commit(&store, vec![put_spec("a", "shop-web:1", Expect::Absent)]).await;
    assert!(matches!(outcome, Err(StoreError::Held(Hold::Sealed(_)))), "{outcome:?}");
    assert!(wire.is_calm());
}

#[tokio::test]
async fn an_own_batch_whose_reply_was_lost_is_recognised_and_told_once() {
    let Some(tables) = moto() else { return };
    let (store, wire) = tables.open_on_a_wire().await;
    wire.trouble("TransactWriteItems", LoseReply);
    let writes = vec![
        put_spec("a", "shop-web:1", Expect::Absent),
        put_record("a", 1, Expect::Absent),
        Write::AddEvent(event("a", 1)),
    ];
    commit(&store, writes).await.unwrap();
    assert_eq!(generation_of(&store, "a").await, Some(1));
    assert_eq!(store.events(None, 9).await.unwrap(), [event("a", 1)]);
    // Specifications alone bear no mark of ours; that they are as wanted is
    // what counts.
    wire.trouble("TransactWriteItems", LoseReply);
    let writes =
        vec![put_spec("b", "shop-web:1", Expect::Absent), put_spec("c", "shop-web:1", Expect::Absent)];
    commit(&store, writes).await.unwrap();
    assert!(wire.is_calm());
}

#[tokio::test]
async fn somebody_elses_write_is_not_taken_for_ones_own() {
    let Some(tables) = moto() else { return };
    let (store, wire) = tables.open_on_a_wire().await;
    let other = tables.open_quickly().await;
    wire.trouble("PutItem", Refuse("InternalServerError"));
    // The first try came to nothing; somebody is faster than the second.
    wire.trouble(
        "PutItem",
        After(Box::pin(async move {
            commit(&other, vec![put_record("a", 7, Expect::Absent)]).await.unwrap();
        })),
    );
    let outcome = commit(&store, vec![put_record("a", 1, Expect::Absent)]).await;
    assert_eq!(conflict(outcome), "the record of a");
    assert_eq!(generation_of(&store, "a").await, Some(7));
    assert!(wire.is_calm());
}

#[tokio::test]
async fn a_lease_whose_grant_or_renewal_was_lost_is_ours() {
    let Some(tables) = moto() else { return };
    let (store, wire) = tables.open_on_a_wire().await;
    wire.trouble("UpdateItem", LoseReply);
    let lease = store.acquire("one", LENGTH, moment(), None).await.unwrap().unwrap();
    assert_eq!(store.lease().await.unwrap().unwrap().epoch, lease.epoch);
    wire.trouble("UpdateItem", LoseReply);
    let renewed = store.renew(&lease).await.unwrap().unwrap();
    assert_eq!((renewed.epoch, renewed.beat), (lease.epoch, lease.beat + 2));
    wire.trouble("UpdateItem", LoseReply);
    store.release(&renewed).await.unwrap();
    assert_eq!(store.lease().await.unwrap().unwrap().holder, None);
    assert_eq!(store.acquire("one", LENGTH, moment(), None).await.unwrap().unwrap().epoch, lease.epoch + 1);
    assert!(wire.is_calm());
}

#[tokio::test]
async fn what_passes_is_waited_for() {
    let Some(tables) = moto() else { return };
    let (store, wire) = tables.open_on_a_wire().await;
    for code in
        ["ThrottlingException", "ProvisionedThroughputExceededException", "TransactionConflictException"]
    {
        wire.trouble("PutItem", Refuse(code));
        wire.trouble("UpdateItem", Refuse(code));
    }
    wire.trouble("TransactWriteItems", Refuse("TransactionInProgressException"));
    commit(&store, vec![put_record("a", 1, Expect::Absent)]).await.unwrap();
    let lease = store.acquire("one", LENGTH, moment(), None).await.unwrap().unwrap();
    let fence = Some(Fence { holder: "one".to_owned(), epoch: lease.epoch });
    store.commit(Batch { fence, writes: vec![put_record("a", 2, Expect::Any)] }).await.unwrap();
    assert_eq!(generation_of(&store, "a").await, Some(2));
    assert!(wire.is_calm());
}

#[tokio::test]
async fn what_a_batch_leaves_out_is_asked_for_again() {
    let Some(tables) = moto() else { return };
    let (store, wire) = tables.open_on_a_wire().await;
    let other = tables.open_quickly().await;
    store.load().await.unwrap();
    commit(&other, vec![put_spec("a", "shop-web:1", Expect::Absent), put_record("a", 1, Expect::Absent)])
        .await
        .unwrap();
    wire.trouble("BatchGetItem", LeaveAll);
    wire.trouble("BatchGetItem", LeaveAll);
    let rows = store.load().await.unwrap();
    assert_eq!((rows.specs.len(), rows.records.len()), (1, 1));

    commit(&other, vec![Write::AddEvent(event("a", 1)), Write::AddEvent(event("a", 2))]).await.unwrap();
    let dump = other.export().await.unwrap();
    let Some(target) = moto() else { return };
    let (store, wire) = target.open_on_a_wire().await;
    wire.trouble("BatchWriteItem", LeaveAll);
    store.import(&dump, Scope::Everything).await.unwrap();
    assert_eq!(store.events(None, 9).await.unwrap(), [event("a", 2), event("a", 1)]);
    assert!(wire.is_calm());
}

/// A hand that changes a specification between our look and our write.
async fn change_by_hand(
    tables: &Served,
    attribute: &'static str,
    value: &str,
) -> futures::future::BoxFuture<'static, ()> {
    let (hand, table, value) = (tables.by_hand(), tables.table.clone(), value.to_owned());
    Box::pin(async move {
        hand.update_item()
            .table_name(table)
            .key("feature", AttributeValue::S("a".to_owned()))
            .update_expression("SET #a = :v")
            .expression_attribute_names("#a", attribute)
            .expression_attribute_values(":v", AttributeValue::S(value))
            .send()
            .await
            .unwrap();
    })
}

#[tokio::test]
async fn a_change_by_hand_between_our_look_and_our_write_is_not_lost() {
    let Some(tables) = moto() else { return };
    let (store, wire) = tables.open_on_a_wire().await;
    for (attribute, value) in
        [("image", "shop-web:9"), ("owner", "other@example.com"), ("instanceType", "t3.micro")]
    {
        commit(&store, vec![put_spec("a", "shop-web:1", Expect::Any)]).await.unwrap();
        let (version, _) = spec_of(&store, "a").await.unwrap();
        wire.trouble("PutItem", After(change_by_hand(&tables, attribute, value).await));
        let outcome = commit(&store, vec![put_spec("a", "shop-web:2", Expect::Version(version))]).await;
        assert_eq!(conflict(outcome), "the specification of a", "{attribute}");

        let (version, _) = spec_of(&store, "a").await.unwrap();
        wire.trouble(
            "TransactWriteItems",
            After(change_by_hand(&tables, attribute, &format!("{value}1")).await),
        );
        let check = Write::CheckSpec { feature: "a".into(), expect: Expect::Version(version) };
        let outcome = commit(&store, vec![check, put_record("a", 1, Expect::Any)]).await;
        assert_eq!(conflict(outcome), "the specification of a", "{attribute}");
        let found = store.feature(&FeatureName::from("a")).await.unwrap();
        assert_eq!(found.record, None);
    }
    assert!(wire.is_calm());
}

#[tokio::test]
async fn a_commit_that_nobody_could_announce_is_found_all_the_same() {
    let Some(tables) = moto() else { return };
    let (store, wire) = tables.open_on_a_wire().await;
    let reader = tables.open_quickly().await;
    let before = reader.load().await.unwrap();
    wire.trouble("TransactWriteItems", After(Box::pin(async {})));
    for _ in 0..2 {
        wire.trouble("PutItem", Refuse("ValidationException"));
    }
    let writes = vec![put_record("a", 1, Expect::Absent), put_document("pause", "{}", Expect::Absent)];
    commit(&store, writes).await.unwrap();
    let found = super::eventually(async || {
        let revision = reader.revision().await.unwrap();
        (revision != before.revision).then_some(revision)
    });
    let found = found.await;
    let rows = reader.load().await.unwrap();
    assert_eq!((rows.revision, rows.records.len(), rows.documents.len()), (found, 1, 1));
}

#[tokio::test]
async fn a_crowd_of_changes_is_read_as_a_whole_and_a_few_by_their_names() {
    let Some(tables) = moto() else { return };
    let (store, wire) = tables.open_on_a_wire().await;
    let other = tables.open_quickly().await;
    store.load().await.unwrap();
    let scans = wire.calls("Scan");
    for n in 0..5 {
        commit(&other, vec![Write::PutStatus(Box::new(status(&format!("s{n}"), Phase::Ready)))])
            .await
            .unwrap();
    }
    assert_eq!(store.load().await.unwrap().statuses.len(), 5);
    assert_eq!((wire.calls("Scan"), wire.calls("BatchGetItem")), (scans, 1));
    let many = (0..80).map(|n| put_record(&format!("feature/{n}"), 1, Expect::Absent)).collect();
    commit(&other, many).await.unwrap();
    assert_eq!(store.load().await.unwrap().records.len(), 80);
    assert_eq!(wire.calls("Scan"), scans + 1);
    // Nothing changed: one small read.
    let reads = wire.calls("GetItem");
    store.load().await.unwrap();
    assert_eq!((wire.calls("GetItem"), wire.calls("Scan")), (reads + 1, scans + 1));
}
