//! What time does to tables: items expire, backups become possible, tables are restored, the state file keeps all.

use aws_sdk_dynamodb::primitives::DateTime;
use aws_sdk_dynamodb::types::{PointInTimeRecoverySpecification, TimeToLiveSpecification, TimeToLiveStatus};

use super::*;

/// World seconds that an expired item is still there in these tests.
const LAG: u64 = 600;

async fn ttl(rig: &Rig, enabled: bool, name: &str) -> Result<(), (String, String)> {
    let wanted = TimeToLiveSpecification::builder().enabled(enabled).attribute_name(name).build();
    let update = rig.db.update_time_to_live().table_name("shop");
    let sent = update.time_to_live_specification(wanted.expect("a specification")).send().await;
    if sent.is_ok() { Ok(()) } else { Err(refusal(sent)) }
}

async fn ttl_status(rig: &Rig) -> (Option<TimeToLiveStatus>, Option<String>) {
    let described = rig.db.describe_time_to_live().table_name("shop").send().await.expect("an answer");
    let told = described.time_to_live_description.expect("a description");
    (told.time_to_live_status, told.attribute_name)
}

async fn recovery(rig: &Rig, enabled: bool) -> Result<(), (String, String)> {
    let wanted = PointInTimeRecoverySpecification::builder().point_in_time_recovery_enabled(enabled).build();
    let update = rig.db.update_continuous_backups().table_name("shop");
    let sent = update.point_in_time_recovery_specification(wanted.expect("a specification")).send().await;
    if sent.is_ok() { Ok(()) } else { Err(refusal(sent)) }
}

async fn with_lag() -> Rig {
    let rig = Rig::empty(Settings { ttl_lag: Duration::from_secs(LAG), ..Settings::default() });
    rig.make("shop").await;
    rig
}

#[tokio::test(start_paused = true)]
async fn expired_items_are_seen_for_a_while_and_then_deleted() {
    let rig = with_lag().await;
    ttl(&rig, true, "ends").await.expect("enabled");
    assert_eq!(ttl_status(&rig).await, (Some(TimeToLiveStatus::Enabling), Some("ends".to_owned())));
    let now = rig.emulator.now().as_second();
    let put = async |sk: &str, ends: Value| {
        rig.put(json!({"pk": {"S": "a"}, "sk": {"S": sk}, "ends": ends})).await;
    };
    put("soon", json!({"N": (now + 100).to_string()})).await;
    put("later", json!({"N": (now + 5000).to_string()})).await;
    put("millis", json!({"N": (now * 1000).to_string()})).await;
    put("text", json!({"S": (now + 100).to_string()})).await;
    put("revived", json!({"N": (now + 100).to_string()})).await;
    put("ancient", json!({"N": (now - 6 * 366 * 24 * 3600).to_string()})).await;
    rig.later(DELAY).await;
    assert_eq!(ttl_status(&rig).await.0, Some(TimeToLiveStatus::Enabled));
    rig.later(100).await;
    assert!(rig.get("a", "soon").await.is_object(), "it comes back in reads until it is deleted");
    put("revived", json!({"N": (now + 9000).to_string()})).await;
    rig.later(LAG).await;
    assert_eq!(rig.get("a", "soon").await, Value::Null);
    for sk in ["later", "millis", "text", "revived", "ancient"] {
        assert!(rig.get("a", sk).await.is_object(), "{sk}");
    }
    rig.later(5000).await;
    assert_eq!(rig.get("a", "later").await, Value::Null);
    assert!(rig.get("a", "revived").await.is_object());
}

#[tokio::test(start_paused = true)]
async fn times_to_live_change_once_an_hour() {
    let rig = with_lag().await;
    let now = rig.emulator.now().as_second();
    let item = |sk: &str| json!({"pk": {"S": "a"}, "sk": {"S": sk}, "ends": {"N": (now + 7200).to_string()}});
    rig.put(item("1")).await;
    assert_eq!(ttl_status(&rig).await, (Some(TimeToLiveStatus::Disabled), None));
    assert_eq!(ttl(&rig, false, "ends").await.expect_err("a refusal").1, "TimeToLive is already disabled");
    ttl(&rig, true, "ends").await.expect("enabled");
    let soon = ttl(&rig, false, "ends").await.expect_err("a refusal");
    assert_eq!(soon.1, "Time to live has been modified multiple times within a fixed interval");
    rig.later(3600).await;
    assert_eq!(ttl(&rig, true, "ends").await.expect_err("a refusal").1, "TimeToLive is already enabled");
    assert!(
        ttl(&rig, false, "other").await.expect_err("a refusal").1.contains("current AttributeName is ends")
    );
    ttl(&rig, false, "ends").await.expect("disabled");
    rig.later(7200 + LAG).await;
    assert_eq!(ttl_status(&rig).await, (Some(TimeToLiveStatus::Disabled), None));
    assert!(rig.get("a", "1").await.is_object(), "nothing expires any more");
    // What was put before times to live are enabled expires as well.
    ttl(&rig, true, "ends").await.expect("enabled");
    rig.later(DELAY + LAG).await;
    assert_eq!(rig.get("a", "1").await, Value::Null);
}

#[tokio::test(start_paused = true)]
async fn backups_can_be_changed_a_while_after_the_table_is_there() {
    let rig = Rig::new().await;
    let early = recovery(&rig, true).await.expect_err("a refusal");
    assert_eq!(early.0, "ContinuousBackupsUnavailableException");
    rig.later(DELAY).await;
    recovery(&rig, true).await.expect("enabled");
    let told = rig.db.describe_continuous_backups().table_name("shop").send().await.expect("an answer");
    let told = told.continuous_backups_description.expect("a description");
    assert_eq!(told.continuous_backups_status.as_str(), "ENABLED");
    let told = told.point_in_time_recovery_description.expect("a description");
    assert_eq!(told.point_in_time_recovery_status.expect("a status").as_str(), "ENABLED");
    assert_eq!(told.recovery_period_in_days, Some(35));
    let nowhere = rig.db.describe_continuous_backups().table_name("elsewhere").send().await;
    assert_eq!(refusal(nowhere).0, "TableNotFoundException");
}

#[tokio::test(start_paused = true)]
async fn a_restored_table_is_another_table_with_the_same_items() {
    let rig = Rig::new().await;
    rig.put(json!({"pk": {"S": "a"}, "sk": {"S": "1"}, "n": {"N": "1"}, "weight": {"N": "1"}})).await;
    let restore = |to: &str| {
        let restore = rig.db.restore_table_to_point_in_time().source_table_name("shop");
        restore.target_table_name(to).use_latest_restorable_time(true).send()
    };
    assert_eq!(refusal(restore("again").await).0, "PointInTimeRecoveryUnavailableException");
    rig.later(DELAY).await;
    recovery(&rig, true).await.expect("enabled");
    let protect = rig.db.update_table().table_name("shop").deletion_protection_enabled(true).send().await;
    protect.expect("protected");
    rig.later(DELAY).await;
    let before = rig.emulator.now();
    rig.later(60).await;
    rig.put(json!({"pk": {"S": "a"}, "sk": {"S": "1"}, "n": {"N": "2"}})).await;
    rig.put(json!({"pk": {"S": "a"}, "sk": {"S": "2"}})).await;
    assert_eq!(refusal(restore("shop").await).0, "TableAlreadyExistsException");
    restore("again").await.expect("a restore");
    let at = DateTime::from_secs(before.as_second());
    let earlier = rig.db.restore_table_to_point_in_time().source_table_name("shop");
    earlier.target_table_name("earlier").restore_date_time(at).send().await.expect("a restore");
    let long_ago = rig.db.restore_table_to_point_in_time().source_table_name("shop").target_table_name("old");
    let long_ago = long_ago.restore_date_time(DateTime::from_secs(before.as_second() - 3600)).send().await;
    assert_eq!(refusal(long_ago).0, "InvalidRestoreTimeException");
    let describe = async |name: &str| {
        let described = rig.db.describe_table().table_name(name).send().await.expect("an answer");
        described.table.expect("a table")
    };
    let (shop, again) = (describe("shop").await, describe("again").await);
    assert_eq!(again.table_status.expect("a status").as_str(), "CREATING");
    assert_eq!(again.restore_summary.expect("a summary").source_table_arn, shop.table_arn);
    assert!(again.table_id != shop.table_id && again.table_arn != shop.table_arn);
    assert_eq!(
        (shop.deletion_protection_enabled, again.deletion_protection_enabled),
        (Some(true), Some(false))
    );
    rig.later(DELAY).await;
    let items = |name: &str| rig.emulator.with(|world| world.tables.items(name));
    assert_eq!(items("again"), items("shop"));
    assert_eq!(
        items("earlier"),
        [json!({"pk": {"S": "a"}, "sk": {"S": "1"}, "n": {"N": "1"}, "weight": {"N": "1"}})]
    );
    let query =
        rig.db.query().table_name("earlier").index_name("by-weight").key_condition_expression("pk = :a");
    let found = query.expression_attribute_values(":a", s("a")).send().await.expect("an answer");
    assert_eq!(found.count, 1, "its index came along");
}

#[tokio::test(start_paused = true)]
async fn the_state_file_keeps_tables_and_an_older_one_has_none() {
    let rig = with_lag().await;
    ttl(&rig, true, "ends").await.expect("enabled");
    let ends = (rig.emulator.now().as_second() + 100).to_string();
    rig.put(json!({"pk": {"S": "a"}, "sk": {"S": "1"}, "weight": {"N": "1.5"}, "b": {"B": "AAEC"}})).await;
    rig.put(json!({"pk": {"S": "a"}, "sk": {"S": "2"}, "ends": {"N": ends}})).await;
    rig.later(DELAY).await;
    let mut kept = rig.emulator.with(|world| serde_json::to_value(&*world)).expect("JSON");
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("world.json");
    std::fs::write(&file, kept.to_string()).expect("a file");
    let settings = Settings { ttl_lag: Duration::from_secs(LAG), ..Settings::default() };
    let emulator = Emulator::open(settings.clone(), &file).expect("a world");
    let again = Rig { db: client(&emulator), emulator };
    let items = |rig: &Rig| rig.emulator.with(|world| world.tables.items("shop"));
    assert_eq!(items(&again), items(&rig));
    assert_eq!(
        again.emulator.with(|world| serde_json::to_value(&world.tables)).expect("JSON"),
        kept["tables"]
    );
    let query =
        again.db.query().table_name("shop").index_name("by-weight").key_condition_expression("pk = :a");
    let found = query.expression_attribute_values(":a", s("a")).send().await.expect("an answer");
    assert_eq!(found.count, 1);
    again.later(100 + LAG).await;
    assert_eq!(items(&again).len(), 1, "expiry goes on");
    let made = create(&again.db, "more").send().await.expect("a table").table_description.expect("it");
    let account = kept["account"].as_str().expect("an account").to_owned();
    assert_eq!(made.table_arn, Some(format!("arn:aws:dynamodb:eu-central-1:{account}:table/more")));
    kept.as_object_mut().expect("an object").remove("tables");
    std::fs::write(&file, kept.to_string()).expect("a file");
    let older = Emulator::open(settings, &file).expect("a world without tables");
    assert_eq!(older.with(|world| world.tables.names().count()), 0);
    let older = client(&older);
    create(&older, "shop").send().await.expect("a table");
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_tables() {
    let life = async || {
        let rig = Rig::new().await;
        for at in 0..30 {
            rig.put(json!({"pk": {"S": format!("p{at}")}, "sk": {"S": "1"}})).await;
        }
        rig.emulator.with(|world| serde_json::to_string(&world.tables)).expect("JSON")
    };
    assert_eq!(life().await, life().await);
}
