//! Single items: what they may hold, what comes back, what it costs.

use aws_sdk_dynamodb::types::{ReturnConsumedCapacity, ReturnValue, ReturnValuesOnConditionCheckFailure};

use super::*;

#[tokio::test(start_paused = true)]
async fn every_type_comes_back_as_it_was_put() {
    let rig = Rig::new().await;
    let item = json!({
        "pk": {"S": "a"}, "sk": {"S": "1"},
        "text": {"S": ""}, "bytes": {"B": "AAEC"}, "yes": {"BOOL": true}, "nothing": {"NULL": true},
        "list": {"L": [{"N": "1"}, {"S": "x"}, {"L": []}]},
        "map": {"M": {"deep": {"M": {"er": {"BOOL": false}}}}},
        "texts": {"SS": ["a", "b"]}, "numbers": {"NS": ["-2", "10"]}, "blobs": {"BS": ["AA==", "AQ=="]},
    });
    rig.put(item.clone()).await;
    assert_eq!(rig.get("a", "1").await, item);
    assert_eq!(rig.get("a", "2").await, Value::Null);
    assert_eq!(rig.emulator.with(|world| world.tables.items("shop")), [item]);
}

#[tokio::test(start_paused = true)]
async fn numbers_come_back_in_their_one_form() {
    let rig = Rig::new().await;
    rig.put(json!({"pk": {"S": "a"}, "sk": {"S": "1"}, "n": {"N": "1.10"}, "e": {"N": "1E3"}})).await;
    let got = rig.get("a", "1").await;
    assert_eq!((&got["n"], &got["e"]), (&json!({"N": "1.1"}), &json!({"N": "1000"})));
}

#[tokio::test(start_paused = true)]
async fn values_that_the_service_refuses() {
    let rig = Rig::new().await;
    let put = |value: Value| {
        let item = json!({"pk": {"S": "a"}, "sk": {"S": "1"}, "x": value});
        rig.db.put_item().table_name("shop").set_item(Some(attrs(&item))).send()
    };
    for (value, told) in [
        (json!({"SS": []}), "An string set  may not be empty"),
        (json!({"NS": []}), "An number set  may not be empty"),
        (json!({"SS": ["a", "a"]}), "Input collection [a, a] contains duplicates."),
        (json!({"NULL": false}), "Null attribute value types must have the value of true"),
        (json!({"N": "abc"}), "The parameter cannot be converted to a numeric value: abc"),
        (json!({"N": "1e200"}), "Number overflow"),
    ] {
        assert!(invalid(put(value.clone()).await).contains(told), "{value}");
    }
    let mut deep = json!({"S": "x"});
    for _ in 0..40 {
        deep = json!({"L": [deep]});
    }
    assert_eq!(invalid(put(deep).await), "Nesting Levels have exceeded supported limits");
    assert_eq!(rig.get("a", "1").await, Value::Null);
}

#[tokio::test(start_paused = true)]
async fn keys_must_fit_the_schema() {
    let rig = Rig::new().await;
    let put = |item: Value| rig.db.put_item().table_name("shop").set_item(Some(attrs(&item))).send();
    let get = |key: Value| rig.db.get_item().table_name("shop").set_key(Some(attrs(&key))).send();
    let missing = invalid(put(json!({"pk": {"S": "a"}})).await);
    assert_eq!(missing, "One or more parameter values were invalid: Missing the key sk in the item");
    let kind = invalid(put(json!({"pk": {"S": "a"}, "sk": {"N": "1"}})).await);
    assert_eq!(
        kind,
        "One or more parameter values were invalid: Type mismatch for key sk expected: S actual: N"
    );
    let empty = invalid(put(json!({"pk": {"S": ""}, "sk": {"S": "1"}})).await);
    assert!(empty.ends_with("cannot contain an empty string value. Key: pk"), "{empty}");
    let long = "x".repeat(2049);
    let long = invalid(put(json!({"pk": {"S": long}, "sk": {"S": "1"}})).await);
    assert!(long.contains("Size of hashkey has exceeded"), "{long}");
    let weight = invalid(put(json!({"pk": {"S": "a"}, "sk": {"S": "1"}, "weight": {"S": "x"}})).await);
    assert!(weight.contains("Type mismatch for Index Key weight Expected: N Actual: S IndexName: by-weight"));
    for wrong in [json!({"pk": {"S": "a"}}), json!({"pk": {"S": "a"}, "sk": {"N": "1"}})] {
        assert_eq!(invalid(get(wrong).await), "The provided key element does not match the schema");
    }
    let nowhere = rig.db.get_item().table_name("elsewhere").set_key(Some(key("a", "1"))).send().await;
    assert_eq!(
        refusal(nowhere),
        ("ResourceNotFoundException".to_owned(), "Requested resource not found".to_owned())
    );
}

#[tokio::test(start_paused = true)]
async fn an_item_has_four_hundred_kilobytes_at_most() {
    let rig = Rig::new().await;
    let item = |bytes: usize| json!({"pk": {"S": "a"}, "sk": {"S": "1"}, "x": {"S": "x".repeat(bytes)}});
    // Names count: pk, sk, x, and the keys' values.
    let room = 400 * 1024 - 7;
    rig.put(item(room)).await;
    let more = rig.db.put_item().table_name("shop").set_item(Some(attrs(&item(room + 1)))).send().await;
    assert_eq!(invalid(more), "Item size has exceeded the maximum allowed size");
    let update = rig.db.update_item().table_name("shop").set_key(Some(key("a", "1")));
    let update = update.update_expression("SET y = :y").expression_attribute_values(":y", s("y"));
    assert_eq!(invalid(update.send().await), "Item size to update has exceeded the maximum allowed size");
}

#[tokio::test(start_paused = true)]
async fn what_was_there_comes_back_when_it_is_asked_for() {
    let rig = Rig::new().await;
    let put = |n: u32, wanted: ReturnValue| {
        let item = json!({"pk": {"S": "a"}, "sk": {"S": "1"}, "n": {"N": n.to_string()}});
        rig.db.put_item().table_name("shop").set_item(Some(attrs(&item))).return_values(wanted).send()
    };
    assert_eq!(put(1, ReturnValue::AllOld).await.expect("put").attributes, None);
    let old = put(2, ReturnValue::AllOld).await.expect("put").attributes.expect("the old item");
    assert_eq!(old["n"], n(1));
    assert_eq!(invalid(put(3, ReturnValue::AllNew).await), "ReturnValues can only be ALL_OLD or NONE");
    let delete = || rig.db.delete_item().table_name("shop").set_key(Some(key("a", "1")));
    let gone = delete().return_values(ReturnValue::AllOld).send().await.expect("a delete");
    assert_eq!(gone.attributes.expect("the old item")["n"], n(2));
    let again = delete().return_values(ReturnValue::AllOld).send().await.expect("a delete of nothing");
    assert_eq!(again.attributes, None);
}

#[tokio::test(start_paused = true)]
async fn a_condition_that_fails_changes_nothing_and_shows_the_item() {
    let rig = Rig::new().await;
    rig.put(json!({"pk": {"S": "a"}, "sk": {"S": "1"}, "n": {"N": "1"}})).await;
    let put = || {
        let item = json!({"pk": {"S": "a"}, "sk": {"S": "1"}, "n": {"N": "2"}});
        let put = rig.db.put_item().table_name("shop").set_item(Some(attrs(&item)));
        put.condition_expression("attribute_not_exists(pk)")
    };
    let refused = put().send().await.expect_err("a refusal").into_service_error();
    assert!(refused.is_conditional_check_failed_exception());
    assert_eq!(refused.message(), Some("The conditional request failed"));
    let refused =
        put().return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld).send();
    let refused = refused.await.expect_err("a refusal").into_service_error();
    let aws_sdk_dynamodb::operation::put_item::PutItemError::ConditionalCheckFailedException(refused) =
        refused
    else {
        panic!("{refused:?}");
    };
    assert_eq!(refused.item.expect("the item")["n"], n(1));
    let delete = rig.db.delete_item().table_name("shop").set_key(Some(key("a", "1")));
    let delete = delete.condition_expression("n = :n").expression_attribute_values(":n", n(7));
    assert_eq!(refusal(delete.send().await).0, "ConditionalCheckFailedException");
    assert_eq!(rig.get("a", "1").await["n"], json!({"N": "1"}));
}

#[tokio::test(start_paused = true)]
async fn projections_show_parts_of_an_item() {
    let rig = Rig::new().await;
    rig.put(json!({
        "pk": {"S": "a"}, "sk": {"S": "1"}, "name": {"S": "x"},
        "m": {"M": {"a": {"N": "1"}, "b": {"N": "2"}}},
        "l": {"L": [{"N": "0"}, {"M": {"c": {"S": "c"}, "d": {"S": "d"}}}, {"N": "2"}]},
    }))
    .await;
    let get = |projection: &str| {
        let get = rig.db.get_item().table_name("shop").set_key(Some(key("a", "1")));
        get.projection_expression(projection).expression_attribute_names("#n", "name").send()
    };
    let got = get("#n, m.b, l[2], l[1].d, nothing, m.zzz").await.expect("an answer").item.expect("an item");
    assert_eq!(
        shown(&got),
        json!({
            "name": {"S": "x"}, "m": {"M": {"b": {"N": "2"}}},
            "l": {"L": [{"M": {"d": {"S": "d"}}}, {"N": "2"}]},
        })
    );
    assert!(get("#n.zzz").await.expect("an answer").item.is_some_and(|item| item.is_empty()));
    assert_eq!(
        invalid(get("#n, m, m.a").await),
        "Invalid ProjectionExpression: Two document paths overlap with each other; must remove or rewrite one of \
         these paths; path one: [m], path two: [m, a]"
    );
    assert!(invalid(get("#n, pk.x").await).starts_with("Key attributes must be scalars; "));
    assert_eq!(
        invalid(get("#n, name").await),
        "Invalid ProjectionExpression: Attribute name is a reserved keyword; reserved keyword: name"
    );
}

#[tokio::test(start_paused = true)]
async fn calls_say_what_they_cost() {
    let rig = Rig::new().await;
    let total = ReturnConsumedCapacity::Total;
    let put = |bytes: usize, more: Value| {
        let mut item = json!({"pk": {"S": "a"}, "sk": {"S": "1"}, "x": {"S": "x".repeat(bytes)}});
        item.as_object_mut().expect("an object").extend(more.as_object().cloned().expect("an object"));
        let put = rig.db.put_item().table_name("shop").set_item(Some(attrs(&item)));
        put.return_consumed_capacity(total.clone()).send()
    };
    let cost = |capacity: Option<aws_sdk_dynamodb::types::ConsumedCapacity>| {
        let capacity = capacity.expect("a bill");
        assert_eq!(capacity.table_name.as_deref(), Some("shop"));
        capacity.capacity_units.expect("units")
    };
    assert_eq!(cost(put(5000, json!({})).await.expect("put").consumed_capacity), 5.0);
    // The larger of the old and the new counts.
    assert_eq!(cost(put(10, json!({})).await.expect("put").consumed_capacity), 5.0);
    // An entry of the index costs as well, and moving it costs twice.
    assert_eq!(cost(put(10, json!({"weight": {"N": "1"}})).await.expect("put").consumed_capacity), 2.0);
    assert_eq!(cost(put(10, json!({"weight": {"N": "2"}})).await.expect("put").consumed_capacity), 3.0);
    let get = |sk: &str, consistent: bool| {
        let get = rig.db.get_item().table_name("shop").set_key(Some(key("a", sk)));
        get.consistent_read(consistent).return_consumed_capacity(total.clone()).send()
    };
    put(4097, json!({})).await.expect("put");
    assert_eq!(cost(get("1", true).await.expect("an answer").consumed_capacity), 2.0);
    assert_eq!(cost(get("1", false).await.expect("an answer").consumed_capacity), 1.0);
    assert_eq!(cost(get("none", false).await.expect("an answer").consumed_capacity), 0.5);
}
