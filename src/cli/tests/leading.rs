//! `sprout status`: who leads, and what the last turn saw.

use jiff::SignedDuration;
use serde_json::Value;

use super::*;
use crate::status::{TURN_DOCUMENT, TurnView};

async fn turned(stage: &Stage, epoch: u64, when: &str) {
    let at = at(when);
    let turn = TurnView {
        at,
        epoch: Some(epoch),
        took: SignedDuration::from_millis(840),
        next: at + SignedDuration::from_secs(60),
    };
    let body = serde_json::to_string(&turn).unwrap();
    stage.write(vec![Write::PutDocument { name: TURN_DOCUMENT.to_owned(), body, expect: Expect::Any }]).await;
}

#[tokio::test(start_paused = true)]
async fn status_says_who_leads_and_what_the_last_turn_saw() {
    let stage = Stage::led().await;
    turned(&stage, 1, "2026-01-05T07:59:48Z").await;
    stage.show(view("feature/a", Phase::Ready)).await;
    stage.show(view("feature/b", Phase::Ready)).await;
    stage.show(view("feature/c", Phase::Frozen)).await;
    let told = stage.run(&["status"]).await.ok();
    for words in [
        "controller, under epoch 1",
        "2026-01-05 07:59 UTC (12 s ago), took 840 ms",
        "3: 2 Ready, 1 Frozen",
        "id ",
    ] {
        assert!(told.data.contains(words), "{words}: {}", told.data);
    }
    assert_eq!(told.talk, "");
    let told = stage.run(&["status", "-o", "json"]).await.ok();
    let value: Value = serde_json::from_str(&told.data).unwrap();
    assert_eq!((&value["leader"]["holder"], &value["leader"]["epoch"]), (&"controller".into(), &1.into()));
    assert_eq!(value["features"], serde_json::json!({"Ready": 2, "Frozen": 1}));
    assert_eq!((&value["lastTurn"]["milliseconds"], &value["paused"]), (&840.into(), &Value::Null));
    assert_eq!(stage.run(&["status", "-o", "name"]).await.ok().data, "controller\n");
}

#[tokio::test(start_paused = true)]
async fn status_ends_with_1_when_nobody_leads() {
    let stage = Stage::new().await;
    let told = stage.run(&["status"]).await.ended(ExitStatus::Differs);
    assert!(told.data.contains("LEADER") && told.data.contains("nobody"), "{}", told.data);
    assert!(told.talk.contains("Nobody leads."), "{}", told.talk);

    // Given back.
    let stage = Stage::led().await;
    turned(&stage, 1, "2026-01-05T07:59:48Z").await;
    let row = stage.store().lease().await.unwrap().unwrap();
    let lease = crate::store::Lease {
        holder: row.holder.unwrap(),
        epoch: row.epoch,
        beat: row.beat,
        length: row.length,
        since: row.since,
    };
    stage.store().release(&lease).await.unwrap();
    stage.run(&["status"]).await.ended(ExitStatus::Differs);
}

#[tokio::test(start_paused = true)]
async fn a_holder_without_turns_is_believed_only_if_it_renews() {
    let stage = Stage::led().await;
    turned(&stage, 1, "2026-01-05T07:50:00Z").await;
    let told = stage.run(&["status"]).await.ended(ExitStatus::Differs);
    assert!(
        told.data.contains("nobody; controller held the lease under epoch 1 and is silent"),
        "{}",
        told.data
    );
    assert!(told.talk.contains("Waiting for a sign of life"), "{}", told.talk);

    let row = stage.store().lease().await.unwrap().unwrap();
    let lease = crate::store::Lease {
        holder: row.holder.unwrap(),
        epoch: row.epoch,
        beat: row.beat,
        length: row.length,
        since: row.since,
    };
    let renewing = async {
        tokio::time::sleep(std::time::Duration::from_secs(4)).await;
        stage.store().renew(&lease).await.unwrap().unwrap();
    };
    let (told, ()) = tokio::join!(stage.run(&["status"]), renewing);
    assert!(told.ok().data.contains("controller, under epoch 1"));
}
