//! Query and Scan: order, ranges, pages, filters, the local index.

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{ReturnConsumedCapacity, Select};

use super::*;

/// Partition `a` with sort keys `s00` to `s09` and falling weights, and a few of other partitions.
async fn filled() -> Rig {
    let rig = Rig::new().await;
    for at in 0..10 {
        rig.put(json!({
            "pk": {"S": "a"}, "sk": {"S": format!("s{at:02}")}, "weight": {"N": (100 - at).to_string()},
            "even": {"BOOL": at % 2 == 0},
        }))
        .await;
    }
    for pk in ["b", "c", "d"] {
        rig.put(json!({"pk": {"S": pk}, "sk": {"S": "s00"}})).await;
    }
    rig
}

/// A Query with values as in the API.
fn query(rig: &Rig, condition: &str, values: Value) -> QueryFluentBuilder {
    let query = rig.db.query().table_name("shop").key_condition_expression(condition);
    query.set_expression_attribute_values(Some(attrs(&values)))
}

/// The sort keys that a Query finds.
async fn found(query: QueryFluentBuilder) -> Vec<String> {
    sorts(query.send().await.expect("an answer").items())
}

#[tokio::test(start_paused = true)]
async fn a_query_reads_a_range_of_one_partition_in_order() {
    let rig = filled().await;
    for (range, values, expected) in [
        ("", json!({}), &["s00", "s01", "s02", "s03", "s04", "s05", "s06", "s07", "s08", "s09"][..]),
        (" AND sk = :x", json!({":x": {"S": "s03"}}), &["s03"]),
        (" AND sk < :x", json!({":x": {"S": "s02"}}), &["s00", "s01"]),
        (" AND sk <= :x", json!({":x": {"S": "s01"}}), &["s00", "s01"]),
        (" AND sk > :x", json!({":x": {"S": "s08"}}), &["s09"]),
        (" AND :x <= sk", json!({":x": {"S": "s08"}}), &["s08", "s09"]),
        (" AND sk BETWEEN :x AND :y", json!({":x": {"S": "s02"}, ":y": {"S": "s035"}}), &["s02", "s03"]),
        (
            " AND begins_with(sk, :x)",
            json!({":x": {"S": "s0"}}),
            &["s00", "s01", "s02", "s03", "s04", "s05", "s06", "s07", "s08", "s09"],
        ),
        (" AND begins_with(sk, :x)", json!({":x": {"S": "s05"}}), &["s05"]),
        (" AND begins_with(sk, :x)", json!({":x": {"S": "t"}}), &[]),
        (" AND sk > :x", json!({":x": {"S": "s09"}}), &[]),
    ] {
        let mut values = values;
        values[":pk"] = json!({"S": "a"});
        let condition = format!("pk = :pk{range}");
        let query = query(&rig, &condition, values).consistent_read(true);
        assert_eq!(found(query.clone()).await, expected, "{condition}");
        let mut backwards = expected.to_vec();
        backwards.reverse();
        assert_eq!(found(query.scan_index_forward(false)).await, backwards, "{condition}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_query_of_the_local_index_has_its_order() {
    let rig = filled().await;
    let by_weight = |range: &str, value: i64| {
        let query = query(
            &rig,
            &format!("pk = :pk AND weight {range} :w"),
            json!({":pk": {"S": "a"}, ":w": {"N": value.to_string()}}),
        );
        query.index_name("by-weight").consistent_read(true)
    };
    assert_eq!(found(by_weight("<", 94)).await, ["s09", "s08", "s07"]);
    assert_eq!(found(by_weight(">=", 99).scan_index_forward(false)).await, ["s00", "s01"]);
    // Pages of an index go on by its key and the table's.
    let page = by_weight("<", 94).limit(2).send().await.expect("a page");
    let last = page.last_evaluated_key.expect("a last key");
    assert_eq!(shown(&last), json!({"pk": {"S": "a"}, "sk": {"S": "s08"}, "weight": {"N": "92"}}));
    assert_eq!(found(by_weight("<", 94).set_exclusive_start_key(Some(last))).await, ["s07"]);
    // An item without the attribute is not in the index, and leaves it again.
    rig.put(json!({"pk": {"S": "a"}, "sk": {"S": "s09"}})).await;
    rig.db.delete_item().table_name("shop").set_key(Some(key("a", "s08"))).send().await.expect("a delete");
    assert_eq!(found(by_weight("<", 94)).await, ["s07"]);
    let other = query(&rig, "pk = :pk", json!({":pk": {"S": "a"}})).index_name("none");
    assert_eq!(invalid(other.send().await), "The table does not have the specified index: none");
}

#[tokio::test(start_paused = true)]
async fn pages_end_at_the_limit_and_may_be_empty() {
    let rig = filled().await;
    let odd = || {
        let query = query(&rig, "pk = :pk", json!({":pk": {"S": "a"}, ":even": {"BOOL": true}}));
        query.filter_expression("even <> :even").limit(1)
    };
    let mut pages = Vec::new();
    let mut start = None;
    loop {
        let page = odd().set_exclusive_start_key(start.take()).send().await.expect("a page");
        pages.push((page.count, page.scanned_count));
        start = page.last_evaluated_key;
        if start.is_none() {
            break;
        }
    }
    // The limit counts what was read, not what passed the filter; the last page finds out that nothing follows.
    assert_eq!(pages[..4], [(0, 1), (1, 1), (0, 1), (1, 1)]);
    assert_eq!((pages.len(), pages[10]), (11, (0, 0)));
    let paged: Vec<_> = query(&rig, "pk = :pk", json!({":pk": {"S": "a"}}))
        .limit(3)
        .into_paginator()
        .items()
        .send()
        .collect::<Result<Vec<_>, _>>()
        .await
        .expect("all pages");
    assert_eq!(paged.len(), 10);
    let backwards = query(&rig, "pk = :pk", json!({":pk": {"S": "a"}})).scan_index_forward(false);
    let backwards = backwards.set_exclusive_start_key(Some(key("a", "s02")));
    assert_eq!(found(backwards).await, ["s01", "s00"]);
}

#[tokio::test(start_paused = true)]
async fn a_page_has_a_megabyte_before_the_filter() {
    let rig = Rig::new().await;
    for at in 0..5 {
        let item = json!({"pk": {"S": "a"}, "sk": {"S": at.to_string()}, "x": {"S": "x".repeat(300 * 1024)}});
        rig.put(item).await;
    }
    let query = query(&rig, "pk = :pk", json!({":pk": {"S": "a"}, ":x": {"S": "y"}}));
    let query = query.filter_expression("begins_with(x, :x)");
    let page = query.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await.expect("a page");
    assert_eq!((page.count, page.scanned_count), (0, 4));
    assert_eq!(shown(&page.last_evaluated_key.expect("a last key"))["sk"], json!({"S": "3"}));
    assert_eq!(page.consumed_capacity.expect("a bill").capacity_units, Some(150.5));
    let scan = rig.db.scan().table_name("shop").send().await.expect("a page");
    assert_eq!((scan.count, scan.last_evaluated_key.is_some()), (4, true));
}

#[tokio::test(start_paused = true)]
async fn select_and_projection_say_what_is_shown() {
    let rig = filled().await;
    let all = || query(&rig, "pk = :pk", json!({":pk": {"S": "a"}}));
    let counted = all().select(Select::Count).send().await.expect("a count");
    assert_eq!((counted.count, counted.items), (10, None));
    let shown_of = all().projection_expression("weight").limit(1).send().await.expect("a page");
    assert_eq!(shown(&shown_of.items()[0]), json!({"weight": {"N": "100"}}));
    let both = all().select(Select::Count).projection_expression("weight").send().await;
    assert_eq!(invalid(both), "Cannot specify the ProjectionExpression when choosing to get COUNT");
}

#[tokio::test(start_paused = true)]
async fn key_conditions_that_cannot_be_read() {
    let rig = filled().await;
    let a = json!({":pk": {"S": "a"}, ":x": {"S": "x"}});
    let one = json!({":pk": {"S": "a"}});
    for (condition, values, told) in [
        ("sk = :pk", one.clone(), "Query condition missed key schema element: pk"),
        ("pk > :pk", one.clone(), "Query key condition not supported"),
        ("pk = :pk AND weight = :x", a.clone(), "Query condition missed key schema element: sk"),
        ("pk = :pk AND pk = :x", a.clone(), "must only contain one condition per key"),
        ("pk = :pk OR sk = :x", a.clone(), "Invalid operator used in KeyConditionExpression: OR"),
        ("pk = :pk AND sk <> :x", a.clone(), "Invalid operator used in KeyConditionExpression: <>"),
        (
            "pk = :pk AND contains(sk, :x)",
            a.clone(),
            "Invalid operator used in KeyConditionExpression: contains",
        ),
        ("pk = :pk AND size(sk) = :x", a.clone(), "cannot contain nested operations"),
        ("pk = :pk AND sk.x = :x", a.clone(), "cannot have conditions on nested attributes"),
        (
            "pk = :pk AND sk = :x",
            json!({":pk": {"S": "a"}, ":x": {"N": "1"}}),
            "type does not match schema type",
        ),
    ] {
        let told_of = invalid(query(&rig, condition, values).send().await);
        assert!(told_of.contains(told), "{condition}: {told_of}");
    }
    let filter = query(&rig, "pk = :pk", a).filter_expression("sk = :x").send().await;
    assert_eq!(
        invalid(filter),
        "Filter Expression can only contain non-primary key attributes: Primary key attribute: sk"
    );
    let bare = rig.db.query().table_name("shop").send().await;
    assert!(invalid(bare).starts_with("Either the KeyConditions or KeyConditionExpression"));
    let elsewhere = query(&rig, "pk = :pk", one.clone()).set_exclusive_start_key(Some(key("b", "s00")));
    assert!(invalid(elsewhere.send().await).contains("outside query boundaries"));
    let broken = query(&rig, "pk = :pk", one).exclusive_start_key("pk", s("a")).send().await;
    assert!(invalid(broken).starts_with("The provided starting key is invalid"));
}

#[tokio::test(start_paused = true)]
async fn a_scan_reads_all_in_no_order_of_the_partition_keys() {
    let rig = Rig::new().await;
    let names: Vec<String> = (0..40).map(|at| format!("p{at:02}")).collect();
    for pk in &names {
        for sk in ["1", "2"] {
            rig.put(json!({"pk": {"S": pk}, "sk": {"S": sk}, "weight": {"N": sk}})).await;
        }
    }
    let scan = || rig.db.scan().table_name("shop");
    let paged = scan().limit(7).into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
    let paged: Vec<(String, String)> = paged
        .expect("all pages")
        .iter()
        .map(|item| (item["pk"].as_s().unwrap().clone(), item["sk"].as_s().unwrap().clone()))
        .collect();
    assert_eq!(paged.len(), 80);
    assert!(paged.chunks(2).all(|pair| pair[0].0 == pair[1].0 && pair[0].1 < pair[1].1), "sorted inside");
    assert!(!paged.is_sorted(), "partitions are scattered");
    let mut sorted = paged.clone();
    sorted.sort();
    assert!(sorted.iter().map(|(pk, _)| pk).step_by(2).eq(&names));
    let mut of_segments = Vec::new();
    for segment in 0..3 {
        let part = scan().segment(segment).total_segments(3).send().await.expect("a segment");
        assert!((1..80).contains(&part.count), "{}", part.count);
        of_segments.extend(part.items.unwrap_or_default());
    }
    assert_eq!(of_segments.len(), 80);
    let heavy = scan().index_name("by-weight").filter_expression("sk = :two AND weight = :w");
    let heavy = heavy.expression_attribute_values(":two", s("2")).expression_attribute_values(":w", n(2));
    assert_eq!(heavy.send().await.expect("an answer").count, 40);
    let lone = scan().segment(1).send().await;
    assert!(invalid(lone).starts_with("The TotalSegments parameter is required"));
    let beyond = scan().segment(3).total_segments(3).send().await;
    assert!(invalid(beyond).contains("must be less than parameter TotalSegments"));
}
