//! Tables themselves: made, described, changed, deleted.

use aws_sdk_dynamodb::types::{
    ProvisionedThroughput, SseSpecification, SseType, StreamSpecification, TableStatus, Tag,
};

use super::*;

async fn status(rig: &Rig, table: &str) -> Option<TableStatus> {
    let described = rig.db.describe_table().table_name(table).send().await;
    described.ok().and_then(|described| described.table).and_then(|table| table.table_status)
}

#[tokio::test(start_paused = true)]
async fn a_table_is_made_in_a_while_and_says_what_it_is() {
    let rig = Rig::empty(Settings::default());
    let made = create(&rig.db, "shop").deletion_protection_enabled(true).send().await.expect("a table");
    let made = made.table_description.expect("a description");
    assert_eq!(made.table_status, Some(TableStatus::Creating));
    let early = rig.db.put_item().table_name("shop").set_item(Some(key("a", "1"))).send().await;
    assert_eq!(refusal(early).0, "ResourceNotFoundException");
    let again = create(&rig.db, "shop").send().await;
    assert_eq!(
        refusal(again),
        ("ResourceInUseException".to_owned(), "Table already exists: shop".to_owned())
    );
    rig.later(DELAY).await;
    rig.put(json!({"pk": {"S": "a"}, "sk": {"S": "1"}, "weight": {"N": "7"}})).await;
    let table =
        rig.db.describe_table().table_name("shop").send().await.expect("an answer").table.expect("it");
    assert_eq!(table.table_status, Some(TableStatus::Active));
    let account = rig.emulator.with(|world| world.account.clone());
    let arn = format!("arn:aws:dynamodb:eu-central-1:{account}:table/shop");
    assert_eq!(table.table_arn.as_deref(), Some(arn.as_str()));
    assert_eq!((table.table_id.as_deref().map(str::len), &table.table_id), (Some(36), &made.table_id));
    assert_eq!(table.creation_date_time.map(|at| at.secs()), Some(1_767_603_600));
    assert_eq!((table.item_count, table.table_size_bytes), (Some(1), Some(14)));
    assert_eq!(table.deletion_protection_enabled, Some(true));
    assert_eq!(table.sse_description, None);
    let mode = table.billing_mode_summary.expect("a mode").billing_mode;
    assert_eq!(mode, Some(BillingMode::PayPerRequest));
    let keys: Vec<_> =
        table.key_schema.unwrap_or_default().iter().map(|k| k.attribute_name.clone()).collect();
    assert_eq!(keys, ["pk", "sk"]);
    let index = &table.local_secondary_indexes.expect("an index")[0];
    assert_eq!(index.index_arn.as_deref(), Some(format!("{arn}/index/by-weight").as_str()));
    assert_eq!(index.item_count, Some(1));
    // The ARN names the table as well.
    let by_arn = rig.db.get_item().table_name(&arn).set_key(Some(key("a", "1"))).send().await;
    assert!(by_arn.expect("an answer").item.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_protected_table_stays_until_the_protection_is_lifted() {
    let rig = Rig::empty(Settings::default());
    let made = create(&rig.db, "shop").deletion_protection_enabled(true).send().await;
    made.expect("a table");
    let delete = || rig.db.delete_table().table_name("shop").send();
    assert_eq!(
        refusal(delete().await),
        (
            "ResourceInUseException".to_owned(),
            "Attempt to change a resource which is still in use: Table is being created: shop".to_owned()
        )
    );
    rig.later(DELAY).await;
    assert!(invalid(delete().await).contains("currently protected against deletion"));
    let lift = rig.db.update_table().table_name("shop").deletion_protection_enabled(false).send().await;
    assert_eq!(
        lift.expect("an update").table_description.and_then(|table| table.table_status),
        Some(TableStatus::Updating)
    );
    assert_eq!(refusal(delete().await).0, "ResourceInUseException");
    rig.later(DELAY).await;
    rig.put(json!({"pk": {"S": "a"}, "sk": {"S": "1"}})).await;
    delete().await.expect("a delete");
    assert_eq!(status(&rig, "shop").await, Some(TableStatus::Deleting));
    // Until it is gone it may go on answering.
    assert!(rig.get("a", "1").await.is_object());
    rig.later(DELAY).await;
    let gone = rig.db.describe_table().table_name("shop").send().await;
    assert_eq!(
        refusal(gone),
        (
            "ResourceNotFoundException".to_owned(),
            "Requested resource not found: Table: shop not found".to_owned()
        )
    );
    assert_eq!(refusal(delete().await).0, "ResourceNotFoundException");
    rig.make("shop").await;
    assert_eq!(rig.get("a", "1").await, Value::Null, "another table of that name");
}

#[tokio::test(start_paused = true)]
async fn tables_are_listed_in_pages() {
    let rig = Rig::empty(Settings::default());
    for name in ["one", "two", "three"] {
        create(&rig.db, name).send().await.expect("a table");
    }
    let page = rig.db.list_tables().limit(2).send().await.expect("a page");
    assert_eq!(page.table_names(), ["one", "three"]);
    assert_eq!(page.last_evaluated_table_name(), Some("three"));
    let rest = rig.db.list_tables().exclusive_start_table_name("three").send().await.expect("a page");
    assert_eq!((rest.table_names(), rest.last_evaluated_table_name()), (&["two".to_owned()][..], None));
}

#[tokio::test(start_paused = true)]
async fn what_a_table_cannot_be_is_refused() {
    let rig = Rig::empty(Settings::default());
    let create = || create(&rig.db, "shop");
    for (made, told) in [
        (create().table_name("ab"), "at least 3 characters long"),
        (create().table_name("sh op"), "Member must satisfy regular expression pattern"),
        (create().attribute_definitions(define("more", ScalarAttributeType::S)), "does not exactly match"),
        (create().key_schema(element("x", KeyType::Hash)), "length less than or equal to 2"),
        (create().set_key_schema(Some(vec![element("sk", KeyType::Range)])), "not a HASH key type"),
        (
            create().set_key_schema(Some(vec![element("zz", KeyType::Hash)])),
            "not defined in AttributeDefinitions",
        ),
        (create().set_key_schema(Some(vec![element("pk", KeyType::Hash)])), "does not have a range key"),
        (
            create().billing_mode(BillingMode::Provisioned),
            "must both be specified when BillingMode is PROVISIONED",
        ),
        (
            create().stream_specification(
                StreamSpecification::builder().stream_enabled(true).build().expect("a stream"),
            ),
            "Streams are not part of this emulator",
        ),
        (
            create().global_secondary_indexes(
                aws_sdk_dynamodb::types::GlobalSecondaryIndex::builder()
                    .index_name("g")
                    .key_schema(element("weight", KeyType::Hash))
                    .projection(Projection::builder().projection_type(ProjectionType::All).build())
                    .build()
                    .expect("an index"),
            ),
            "Global secondary indexes are not part of this emulator",
        ),
    ] {
        let refused = invalid(made.send().await);
        assert!(refused.contains(told), "{refused}");
    }
    assert_eq!(rig.emulator.with(|world| world.tables.names().count()), 0);
    let streams = rig.db.describe_limits().send().await;
    assert_eq!(refusal(streams).0, "InvalidAction");
}

#[tokio::test(start_paused = true)]
async fn bought_units_and_encryption_are_shown() {
    let rig = Rig::empty(Settings::default());
    let units = || {
        let units = ProvisionedThroughput::builder().read_capacity_units(5).write_capacity_units(6);
        units.build().expect("units")
    };
    let made = create(&rig.db, "shop")
        .billing_mode(BillingMode::Provisioned)
        .provisioned_throughput(units())
        .sse_specification(SseSpecification::builder().enabled(true).sse_type(SseType::Kms).build())
        .send()
        .await
        .expect("a table");
    let made = made.table_description.expect("a description");
    let shown = made.provisioned_throughput.expect("units");
    assert_eq!((shown.read_capacity_units, shown.write_capacity_units), (Some(5), Some(6)));
    assert_eq!(made.billing_mode_summary, None);
    assert_eq!(made.sse_description.expect("encryption").sse_type, Some(SseType::Kms));
    rig.later(DELAY).await;
    let update = || rig.db.update_table().table_name("shop");
    let nothing = update().send().await;
    assert!(invalid(nothing).starts_with("At least one of"));
    let both = update().billing_mode(BillingMode::PayPerRequest).provisioned_throughput(units()).send().await;
    assert!(invalid(both).contains("Neither ReadCapacityUnits nor WriteCapacityUnits"));
    update().billing_mode(BillingMode::PayPerRequest).send().await.expect("an update");
    let table =
        rig.db.describe_table().table_name("shop").send().await.expect("an answer").table.expect("it");
    assert_eq!(
        table.billing_mode_summary.and_then(|summary| summary.billing_mode),
        Some(BillingMode::PayPerRequest)
    );
}

#[tokio::test(start_paused = true)]
async fn tags_come_and_go() {
    let rig = Rig::empty(Settings::default());
    let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build().expect("a tag");
    let made = create(&rig.db, "shop").tags(tag("team", "growth")).send().await.expect("a table");
    let arn = made.table_description.and_then(|table| table.table_arn).expect("an ARN");
    rig.db.tag_resource().resource_arn(&arn).tags(tag("stage", "test")).send().await.expect("a tag");
    rig.db.untag_resource().resource_arn(&arn).tag_keys("team").send().await.expect("one less");
    let listed = rig.db.list_tags_of_resource().resource_arn(&arn).send().await.expect("tags");
    assert_eq!(listed.tags(), [tag("stage", "test")]);
    let nowhere = rig.db.list_tags_of_resource().resource_arn(format!("{arn}x")).send().await;
    assert_eq!(refusal(nowhere).0, "ResourceNotFoundException");
}
