//! UpdateItem: SET, REMOVE, ADD, DELETE.

use aws_sdk_dynamodb::types::ReturnValue;

use super::*;

/// Applies an update to the item `a`/`1`; values as in the API, and the names that hold reserved words.
async fn update(rig: &Rig, expression: &str, values: Value) -> Result<Value, String> {
    let update = rig.db.update_item().table_name("shop").set_key(Some(key("a", "1")));
    let update = update.update_expression(expression).return_values(ReturnValue::AllNew);
    let values = (!values.is_null()).then(|| attrs(&values));
    match update.set_expression_attribute_values(values).send().await {
        Ok(done) => Ok(shown(&done.attributes.unwrap_or_default())),
        Err(error) => Err(invalid(Err::<(), _>(error))),
    }
}

fn base() -> Value {
    json!({
        "pk": {"S": "a"}, "sk": {"S": "1"}, "n": {"N": "5"},
        "l": {"L": [{"S": "zero"}, {"S": "one"}, {"S": "two"}]},
        "m": {"M": {"x": {"N": "1"}}},
        "ss": {"SS": ["a", "b"]}, "ns": {"NS": ["1", "2"]}, "bs": {"BS": ["AA=="]},
    })
}

#[tokio::test(start_paused = true)]
async fn each_action_does_what_it_says() {
    let rig = Rig::new().await;
    for (expression, values, attribute, expected) in [
        ("SET n = :v", json!({":v": {"S": "text"}}), "n", json!({"S": "text"})),
        ("SET n = n + :v", json!({":v": {"N": "0.5"}}), "n", json!({"N": "5.5"})),
        ("set n = :v - n", json!({":v": {"N": "1"}}), "n", json!({"N": "-4"})),
        ("SET n = if_not_exists(n, :v)", json!({":v": {"N": "1"}}), "n", json!({"N": "5"})),
        ("SET k = if_not_exists(k, :v) + :v", json!({":v": {"N": "1"}}), "k", json!({"N": "2"})),
        (
            "SET l = list_append(l, :v)",
            json!({":v": {"L": [{"S": "x"}]}}),
            "l",
            json!({"L": [{"S": "zero"}, {"S": "one"}, {"S": "two"}, {"S": "x"}]}),
        ),
        (
            "SET l = list_append(:v, l)",
            json!({":v": {"L": []}}),
            "l",
            json!({"L": [{"S": "zero"}, {"S": "one"}, {"S": "two"}]}),
        ),
        (
            "SET l[1] = :v, l[9] = l[0]",
            json!({":v": {"S": "1"}}),
            "l",
            json!({"L": [{"S": "zero"}, {"S": "1"}, {"S": "two"}, {"S": "zero"}]}),
        ),
        ("SET m.y = m.x", Value::Null, "m", json!({"M": {"x": {"N": "1"}, "y": {"N": "1"}}})),
        ("REMOVE m.x", Value::Null, "m", json!({"M": {}})),
        ("REMOVE l[0], l[1]", Value::Null, "l", json!({"L": [{"S": "two"}]})),
        ("REMOVE l[7]", Value::Null, "l", json!({"L": [{"S": "zero"}, {"S": "one"}, {"S": "two"}]})),
        ("REMOVE n", Value::Null, "n", Value::Null),
        ("ADD n :v", json!({":v": {"N": "-7"}}), "n", json!({"N": "-2"})),
        ("ADD fresh :v", json!({":v": {"N": "3"}}), "fresh", json!({"N": "3"})),
        ("ADD m.z :v", json!({":v": {"N": "3"}}), "m", json!({"M": {"x": {"N": "1"}, "z": {"N": "3"}}})),
        ("ADD ss :v", json!({":v": {"SS": ["c", "a"]}}), "ss", json!({"SS": ["a", "b", "c"]})),
        ("DELETE ss :v", json!({":v": {"SS": ["a", "z"]}}), "ss", json!({"SS": ["b"]})),
        ("DELETE ns :v", json!({":v": {"NS": ["1.0", "2"]}}), "ns", Value::Null),
        ("DELETE gone :v", json!({":v": {"BS": ["AA=="]}}), "gone", Value::Null),
    ] {
        rig.put(base()).await;
        let after =
            update(&rig, expression, values).await.unwrap_or_else(|told| panic!("{expression}: {told}"));
        assert_eq!(after[attribute], expected, "{expression}");
        assert_eq!(rig.get("a", "1").await, after, "{expression}");
    }
}

#[tokio::test(start_paused = true)]
async fn sources_are_read_before_anything_is_written() {
    let rig = Rig::new().await;
    rig.put(base()).await;
    let after = update(&rig, "SET n = m.x, k = n REMOVE l, m.x ADD ss :v", json!({":v": {"SS": ["c"]}}));
    let after = after.await.expect("an update");
    assert_eq!((&after["n"], &after["k"]), (&json!({"N": "1"}), &json!({"N": "5"})));
    assert_eq!((&after["l"], &after["m"]), (&Value::Null, &json!({"M": {}})));
    assert_eq!(after["ss"], json!({"SS": ["a", "b", "c"]}));
}

#[tokio::test(start_paused = true)]
async fn updates_that_the_service_refuses() {
    let rig = Rig::new().await;
    rig.put(base()).await;
    let one = json!({":v": {"N": "1"}});
    for (expression, values, told) in [
        (
            "SET pk = :v",
            json!({":v": {"S": "b"}}),
            "Cannot update attribute pk. This attribute is part of the key",
        ),
        ("SET sk.x = :v", one.clone(), "Cannot update attribute sk. This attribute is part of the key"),
        ("SET nothing.x = :v", one.clone(), "The document path provided in the update expression is invalid"),
        ("SET n = gone + :v", one.clone(), "refers to an attribute that does not exist in the item"),
        ("SET n = l + :v", one.clone(), "An operand in the update expression has an incorrect data type"),
        (
            "SET n = n + :v",
            json!({":v": {"S": "1"}}),
            "Incorrect operand type for operator or function; operator: +",
        ),
        ("ADD ss :v", one.clone(), "An operand in the update expression has an incorrect data type"),
        ("ADD n :v", json!({":v": {"S": "x"}}), "operator: ADD, operand type: STRING"),
        ("DELETE n :v", one.clone(), "operator: DELETE, operand type: NUMBER"),
        ("SET n = :v, n = :v", one.clone(), "Two document paths overlap with each other"),
        ("SET m.x = :v REMOVE m", one.clone(), "path one: [m, x], path two: [m]"),
        ("SET m.x = :v, m[0] = :v", one.clone(), "Two document paths conflict with each other"),
        (
            "SET n = :v SET k = :v",
            one.clone(),
            "The \"SET\" section can only be used once in an update expression;",
        ),
        (
            "SET n = size(l)",
            Value::Null,
            "The function is not allowed in an update expression; function: size",
        ),
        ("SET n = nonsense(l)", Value::Null, "Invalid function name; function: nonsense"),
        ("SET n := :v", one.clone(), "Syntax error; token: \":\", near: \":= :v\""),
        ("SET n = :v,", one.clone(), "Syntax error; token: \"<EOF>\", near: \",\""),
        ("SET n = :w", one.clone(), "attribute value: :w"),
        ("SET name = :v", one.clone(), "Attribute name is a reserved keyword; reserved keyword: name"),
        ("", Value::Null, "Invalid UpdateExpression: The expression can not be empty;"),
        (
            "REMOVE n",
            one.clone(),
            "Value provided in ExpressionAttributeValues unused in expressions: keys: {:v}",
        ),
        ("SET weight = :v", json!({":v": {"S": "x"}}), "Type mismatch for Index Key weight"),
    ] {
        let refused = update(&rig, expression, values).await.expect_err(expression);
        assert!(refused.contains(told), "{expression}: {refused}");
    }
    assert_eq!(rig.get("a", "1").await, base());
}

#[tokio::test(start_paused = true)]
async fn an_update_makes_an_item_unless_it_only_takes_away() {
    let rig = Rig::new().await;
    update(&rig, "REMOVE n DELETE ss :v", json!({":v": {"SS": ["a"]}})).await.expect("nothing to do");
    assert_eq!(rig.get("a", "1").await, Value::Null);
    update(&rig, "ADD n :v", json!({":v": {"N": "2"}})).await.expect("an update");
    assert_eq!(rig.get("a", "1").await, json!({"pk": {"S": "a"}, "sk": {"S": "1"}, "n": {"N": "2"}}));
    let bare = rig.db.update_item().table_name("shop").set_key(Some(key("b", "1"))).send().await;
    bare.expect("an update without an expression");
    assert_eq!(rig.get("b", "1").await, json!({"pk": {"S": "b"}, "sk": {"S": "1"}}));
}

#[tokio::test(start_paused = true)]
async fn an_update_returns_what_is_asked_for() {
    let rig = Rig::new().await;
    for (wanted, expected) in [
        (ReturnValue::None, Value::Null),
        (ReturnValue::AllOld, base()),
        (ReturnValue::UpdatedOld, json!({"n": {"N": "5"}, "m": {"M": {"x": {"N": "1"}}}})),
        (
            ReturnValue::UpdatedNew,
            json!({"n": {"N": "6"}, "m": {"M": {"x": {"N": "2"}}}, "fresh": {"S": "f"}}),
        ),
    ] {
        rig.put(base()).await;
        let update = rig.db.update_item().table_name("shop").set_key(Some(key("a", "1")));
        let update = update
            .update_expression("SET n = n + :one, #m.x = #m.x + :one, fresh = :f")
            .expression_attribute_names("#m", "m")
            .expression_attribute_values(":one", n(1))
            .expression_attribute_values(":f", s("f"))
            .return_values(wanted.clone());
        let done = update.send().await.expect("an update");
        assert_eq!(done.attributes.map_or(Value::Null, |item| shown(&item)), expected, "{wanted:?}");
    }
}
