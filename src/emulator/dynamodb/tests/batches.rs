//! BatchGetItem and BatchWriteItem.

use aws_sdk_dynamodb::types::{
    DeleteRequest, KeysAndAttributes, PutRequest, ReturnConsumedCapacity, WriteRequest,
};

use super::*;
use crate::emulator::{Fault, Kind};

fn put(pk: &str, sk: &str, more: Value) -> WriteRequest {
    let mut item = json!({"pk": {"S": pk}, "sk": {"S": sk}});
    item.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
    let put = PutRequest::builder().set_item(Some(attrs(&item))).build().expect("a put");
    WriteRequest::builder().put_request(put).build()
}

fn delete(pk: &str, sk: &str) -> WriteRequest {
    let delete = DeleteRequest::builder().set_key(Some(key(pk, sk))).build().expect("a delete");
    WriteRequest::builder().delete_request(delete).build()
}

/// Keys of partition `a`.
fn keys(sorts: impl IntoIterator<Item = impl ToString>) -> KeysAndAttributes {
    let keys = sorts.into_iter().map(|sk| key("a", &sk.to_string()));
    KeysAndAttributes::builder().set_keys(Some(keys.collect())).build().expect("keys")
}

#[tokio::test(start_paused = true)]
async fn batches_write_and_read_many_items_of_several_tables() {
    let rig = Rig::new().await;
    rig.make("other").await;
    rig.put(json!({"pk": {"S": "a"}, "sk": {"S": "old"}})).await;
    let written = rig
        .db
        .batch_write_item()
        .request_items("shop", vec![put("a", "1", json!({})), put("a", "2", json!({})), delete("a", "old")])
        .request_items("other", vec![put("x", "1", json!({"n": {"N": "7"}}))])
        .return_consumed_capacity(ReturnConsumedCapacity::Total)
        .send()
        .await
        .expect("a batch");
    assert!(written.unprocessed_items.unwrap_or_default().is_empty());
    let bill: Vec<_> = written.consumed_capacity.expect("a bill").iter().map(|c| c.capacity_units).collect();
    assert_eq!(bill, [Some(1.0), Some(3.0)]);
    assert_eq!(rig.get("a", "old").await, Value::Null);
    let read = rig
        .db
        .batch_get_item()
        .request_items("shop", keys(["2", "1", "old"]))
        .request_items("other", {
            let other = KeysAndAttributes::builder().keys(key("x", "1")).consistent_read(true);
            other.projection_expression("n").build().expect("keys")
        })
        .send()
        .await
        .expect("a batch");
    let responses = read.responses.expect("responses");
    assert_eq!(responses["shop"].len(), 2);
    assert_eq!(shown(&responses["other"][0]), json!({"n": {"N": "7"}}));
    assert!(read.unprocessed_keys.unwrap_or_default().is_empty());
}

#[tokio::test(start_paused = true)]
async fn batches_have_limits() {
    let rig = Rig::new().await;
    let write =
        |requests: Vec<WriteRequest>| rig.db.batch_write_item().request_items("shop", requests).send();
    let read = |all: KeysAndAttributes| rig.db.batch_get_item().request_items("shop", all).send();
    let many = |count: usize| (0..count).map(|at| put("a", &format!("{at}"), json!({}))).collect::<Vec<_>>();
    write(many(25)).await.expect("a batch");
    assert_eq!(invalid(write(many(26)).await), "Too many items requested for the BatchWriteItem call");
    let twice = write(vec![put("a", "x", json!({})), delete("a", "x")]).await;
    assert_eq!(invalid(twice), "Provided list of item keys contains duplicates");
    // One that cannot be written keeps back all.
    let unfit = write(vec![put("a", "y", json!({})), put("a", "", json!({}))]).await;
    assert!(invalid(unfit).contains("cannot contain an empty string value"));
    let keyless = PutRequest::builder().item("pk", s("a")).build().expect("a put");
    let keyless = write(vec![WriteRequest::builder().put_request(keyless).build()]).await;
    assert_eq!(invalid(keyless), "The provided key element does not match the schema");
    assert_eq!(rig.get("a", "y").await, Value::Null);
    let ask = |count: usize| keys(0..count);
    read(ask(100)).await.expect("a batch");
    assert_eq!(invalid(read(ask(101)).await), "Too many items requested for the BatchGetItem call");
    let twice = read(keys([1, 1])).await;
    assert_eq!(invalid(twice), "Provided list of item keys contains duplicates");
    let nowhere = rig.db.batch_get_item().request_items("elsewhere", ask(1)).send().await;
    assert_eq!(refusal(nowhere).0, "ResourceNotFoundException");
}

#[tokio::test(start_paused = true)]
async fn what_an_answer_cannot_hold_stays_unprocessed() {
    let rig = Rig::new().await;
    for at in 0..45 {
        let item = json!({"pk": {"S": "a"}, "sk": {"S": at.to_string()}, "x": {"S": "x".repeat(390 * 1024)}});
        rig.put(item).await;
    }
    let ask = keys(0..45);
    let first = rig.db.batch_get_item().request_items("shop", ask).send().await.expect("a batch");
    let left = first.unprocessed_keys.expect("some are left");
    assert_eq!((first.responses.expect("responses")["shop"].len(), left["shop"].keys().len()), (42, 3));
    let rest = rig.db.batch_get_item().set_request_items(Some(left)).send().await.expect("a batch");
    assert_eq!(rest.responses.expect("responses")["shop"].len(), 3);
    assert!(rest.unprocessed_keys.unwrap_or_default().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_fault_leaves_some_unprocessed_and_repeating_them_ends_it() {
    let rig = Rig::new().await;
    rig.emulator.faults(vec![Fault::on("*", Kind::Unprocessed)]);
    let mut left = vec![];
    left.extend((0..20).map(|at| put("a", &at.to_string(), json!({}))));
    let mut rounds = 0;
    while !left.is_empty() {
        if rounds == 6 {
            rig.emulator.faults(vec![]);
        }
        let sent =
            rig.db.batch_write_item().request_items("shop", left.clone()).send().await.expect("a batch");
        let unprocessed = sent.unprocessed_items.unwrap_or_default().remove("shop").unwrap_or_default();
        assert!(rounds >= 6 || !unprocessed.is_empty(), "the fault struck");
        assert!(unprocessed.len() <= left.len());
        (left, rounds) = (unprocessed, rounds + 1);
    }
    assert_eq!((rounds, rig.emulator.with(|world| world.tables.items("shop").len())), (7, 20));
    rig.emulator.faults(vec![Fault::on("BatchGetItem", Kind::Unprocessed).once()]);
    let mut ask = Some(keys(0..20));
    let (mut read, mut rounds) = (0, 0);
    while let Some(keys) = ask {
        let sent = rig.db.batch_get_item().request_items("shop", keys).send().await.expect("a batch");
        read += sent.responses.unwrap_or_default().remove("shop").unwrap_or_default().len();
        ask = sent.unprocessed_keys.unwrap_or_default().remove("shop");
        rounds += 1;
    }
    assert_eq!((read, rounds), (20, 2));
}
