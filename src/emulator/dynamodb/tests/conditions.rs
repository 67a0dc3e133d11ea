//! Conditions: what holds, what does not, and what cannot be read.

use super::*;

fn item() -> Value {
    json!({
        "pk": {"S": "a"}, "sk": {"S": "1"}, "n": {"N": "10"}, "s": {"S": "hello"}, "b": {"B": "AAEC"},
        "yes": {"BOOL": true}, "nothing": {"NULL": true}, "l": {"L": [{"N": "1"}, {"S": "x"}]},
        "m": {"M": {"deep": {"L": [{"M": {"er": {"N": "3"}}}]}}}, "ss": {"SS": ["a", "b"]}, "ns": {"NS": ["1"]},
    })
}

fn values() -> Value {
    json!({
        ":ten": {"N": "1e1"}, ":nine": {"N": "9"}, ":text": {"S": "hello"}, ":he": {"S": "he"}, ":x": {"S": "x"},
        ":a": {"S": "a"}, ":three": {"N": "3"}, ":one": {"N": "1"}, ":bytes": {"B": "AAEC"}, ":start": {"B": "AA=="},
        ":S": {"S": "S"}, ":NULL": {"S": "NULL"}, ":true": {"BOOL": true}, ":map": {"M": {}}, ":five": {"N": "5"},
        ":aa": {"SS": ["b", "a"]},
    })
}

/// Whether a condition on the item `a`/`1` holds. Values that it does not name are left out.
async fn judge(rig: &Rig, condition: &str) -> Result<bool, String> {
    let words: Vec<&str> =
        condition.split(|c: char| !c.is_ascii_alphanumeric() && c != ':' && c != '#').collect();
    let mut values: std::collections::BTreeMap<String, Av> = attrs(&values());
    values.retain(|name, _| words.contains(&name.as_str()));
    let values = (!values.is_empty()).then(|| values.into_iter().collect());
    let delete = rig.db.delete_item().table_name("shop").set_key(Some(key("a", "1")));
    let delete = delete.condition_expression(condition).set_expression_attribute_values(values);
    let names = condition.contains("#s").then(|| ("#s".to_owned(), "s".to_owned()));
    let delete = delete.set_expression_attribute_names(names.map(|name| [name].into_iter().collect()));
    match refusal_or(delete.send().await) {
        None => Ok(true),
        Some((code, _)) if code == "ConditionalCheckFailedException" => Ok(false),
        Some((_, told)) => Err(told),
    }
}

fn refusal_or<T: std::fmt::Debug, E: ProvideErrorMetadata, R>(
    result: Result<T, SdkError<E, R>>,
) -> Option<(String, String)> {
    result.is_err().then(|| refusal(result))
}

#[tokio::test(start_paused = true)]
async fn conditions_hold_or_do_not() {
    let rig = Rig::new().await;
    for (condition, holds) in [
        ("n = :ten", true),
        ("n <> :ten", false),
        ("n > :nine AND n >= :ten AND n <= :ten", true),
        ("n < :nine", false),
        (":nine < n", true),
        ("s = :ten", false),
        ("s <> :ten", true),
        ("s > :ten", false),
        ("gone = :ten", false),
        ("gone <> :ten", true),
        ("gone < :ten", false),
        ("NOT gone = :ten", true),
        ("n BETWEEN :nine AND :ten", true),
        ("n BETWEEN :one AND :nine", false),
        ("n IN (:one, :nine, :ten)", true),
        ("gone IN (:one)", false),
        ("attribute_exists(m.deep[0].er)", true),
        ("attribute_exists(m.deep[1])", false),
        ("attribute_not_exists(m.elsewhere)", true),
        ("m.deep[0].er = :three", true),
        ("attribute_type(s, :S)", true),
        ("attribute_type(nothing, :NULL)", true),
        ("attribute_type(n, :S)", false),
        ("begins_with(#s, :he)", true),
        ("begins_with(b, :start)", true),
        ("begins_with(n, :he)", false),
        ("contains(s, :he)", true),
        ("contains(l, :x)", true),
        ("contains(l, :one)", true),
        ("contains(ss, :a)", true),
        ("contains(ss, :x)", false),
        ("contains(ns, :one)", true),
        ("contains(b, :bytes)", true),
        ("size(s) = :five", true),
        ("size(b) = :three", true),
        ("size(l) < :three", true),
        ("size(n) = :one", false),
        ("size(gone) = :one", false),
        ("yes = :true", true),
        ("ss = :aa", true),
        ("m = :map", false),
        // AND binds more than OR, NOT more than AND.
        ("n = :ten OR n = :nine AND n = :one", true),
        ("(n = :ten OR n = :nine) AND n = :one", false),
        ("not n = :nine and n = :ten", true),
        ("NOT (n = :nine AND n = :ten)", true),
        ("NOT NOT n = :ten", true),
    ] {
        rig.put(item()).await;
        assert_eq!(judge(&rig, condition).await, Ok(holds), "{condition}");
    }
}

#[tokio::test(start_paused = true)]
async fn conditions_that_cannot_be_read_say_where() {
    let rig = Rig::new().await;
    rig.put(item()).await;
    for (condition, told) in [
        ("n = ", "Invalid ConditionExpression: Syntax error; token: \"<EOF>\", near: \"= \""),
        ("n == :ten", "Syntax error; token: \"=\", near: \"== :ten\""),
        ("n = :ten AND", "token: \"<EOF>\""),
        ("n", "token: \"<EOF>\""),
        ("n = 10", "Syntax error; token: \"10\", near: \"= 10\""),
        ("n ~ :ten", "Syntax error; token: \"~\""),
        ("((n = :ten))", "The expression has redundant parentheses;"),
        ("(n = :ten", "token: \"<EOF>\""),
        ("n = :what", "attribute value: :what"),
        ("#what = :ten", "attribute name: #what"),
        ("status = :ten", "Attribute name is a reserved keyword; reserved keyword: status"),
        ("Begins_with(s, :he)", "Invalid function name; function: Begins_with"),
        ("attribute_exists(:ten)", "Operator or function requires a document path"),
        ("attribute_exists(s, n)", "Incorrect number of operands for operator or function"),
        ("begins_with(s, :ten)", "operator or function: begins_with, operand type: N"),
        ("attribute_type(s, :he)", "Invalid attribute type name found; type: he"),
        ("n > :true", "operator or function: >, operand type: BOOL"),
        ("n = n", "The first operand must be distinct from the remaining operands"),
        ("n BETWEEN :ten AND :nine", "requires upper bound to be greater than or equal to lower bound"),
        ("n BETWEEN :ten AND :he", "requires same data type for lower and upper bounds"),
        ("n = contains(s, :he)", "The function is not allowed to be used this way in an expression"),
        ("sk[0] = :ten", "Key attributes must be scalars; "),
        ("size(s)", "token: \"<EOF>\""),
        ("if_not_exists(s, :he)", "The function is not allowed in a condition expression"),
    ] {
        let refused = judge(&rig, condition).await.expect_err(condition);
        assert!(refused.contains(told), "{condition}: {refused}");
    }
    assert_eq!(rig.get("a", "1").await, item());
}

#[tokio::test(start_paused = true)]
async fn placeholders_are_used_and_defined() {
    let rig = Rig::new().await;
    let put = || rig.db.put_item().table_name("shop").set_item(Some(attrs(&item())));
    let unused = put().condition_expression("attribute_not_exists(pk)").expression_attribute_names("#x", "x");
    assert_eq!(
        invalid(unused.send().await),
        "Value provided in ExpressionAttributeNames unused in expressions: keys: {#x}"
    );
    let idle = put().expression_attribute_names("#x", "x").send().await;
    assert_eq!(invalid(idle), "ExpressionAttributeNames can only be specified when using expressions");
    let key = put().condition_expression("a = :x-y").expression_attribute_values(":x-y", s("x")).send().await;
    assert_eq!(invalid(key), "ExpressionAttributeValues contains invalid key: Syntax error; key: \":x-y\"");
    let value = put().condition_expression("a = :x").expression_attribute_values(":x", Av::Ss(vec![]));
    assert!(invalid(value.send().await).starts_with("ExpressionAttributeValues contains invalid value: "));
}

#[tokio::test(start_paused = true)]
async fn parameters_from_before_expressions_are_refused() {
    let rig = Rig::new().await;
    let get = rig.db.get_item().table_name("shop").set_key(Some(key("a", "1")));
    assert!(invalid(get.attributes_to_get("n").send().await).contains("legacy parameter AttributesToGet"));
    let expected = aws_sdk_dynamodb::types::ExpectedAttributeValue::builder().exists(false).build();
    let put = rig.db.put_item().table_name("shop").set_item(Some(attrs(&item()))).expected("pk", expected);
    assert!(invalid(put.send().await).contains("legacy parameter Expected"));
    assert_eq!(rig.get("a", "1").await, Value::Null);
}
