//! TransactWriteItems and TransactGetItems.

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    CancellationReason, ConditionCheck, Delete, Get, Put, ReturnConsumedCapacity,
    ReturnValuesOnConditionCheckFailure, TransactGetItem, TransactWriteItem, Update,
};

use super::*;

fn put(sk: &str, more: Value) -> TransactWriteItem {
    let mut item = json!({"pk": {"S": "a"}, "sk": {"S": sk}});
    item.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
    let put = Put::builder().table_name("shop").set_item(Some(attrs(&item))).build().expect("a put");
    TransactWriteItem::builder().put(put).build()
}

fn check(sk: &str, condition: &str) -> TransactWriteItem {
    let check = ConditionCheck::builder().table_name("shop").set_key(Some(key("a", sk)));
    let check = check.condition_expression(condition);
    let check =
        check.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld).build();
    TransactWriteItem::builder().condition_check(check.expect("a check")).build()
}

fn update(sk: &str, expression: &str) -> TransactWriteItem {
    let update = Update::builder().table_name("shop").set_key(Some(key("a", sk)));
    let update = update.update_expression(expression).expression_attribute_values(":one", n(1)).build();
    TransactWriteItem::builder().update(update.expect("an update")).build()
}

fn delete(sk: &str) -> TransactWriteItem {
    let delete = Delete::builder().table_name("shop").set_key(Some(key("a", sk))).build().expect("a delete");
    TransactWriteItem::builder().delete(delete).build()
}

fn reasons(error: TransactWriteItemsError) -> (String, Vec<CancellationReason>) {
    match error {
        TransactWriteItemsError::TransactionCanceledException(error) => {
            (error.message.unwrap_or_default(), error.cancellation_reasons.unwrap_or_default())
        }
        other => panic!("{other:?}"),
    }
}

impl Rig {
    async fn transact(
        &self,
        items: Vec<TransactWriteItem>,
    ) -> Result<(), SdkError<TransactWriteItemsError, aws_smithy_runtime_api::http::Response>> {
        self.db.transact_write_items().set_transact_items(Some(items)).send().await.map(|_| ())
    }
}

#[tokio::test(start_paused = true)]
async fn all_actions_take_effect_at_once() {
    let rig = Rig::new().await;
    rig.put(json!({"pk": {"S": "a"}, "sk": {"S": "1"}, "n": {"N": "1"}})).await;
    rig.put(json!({"pk": {"S": "a"}, "sk": {"S": "2"}})).await;
    let actions = vec![
        update("1", "ADD n :one"),
        delete("2"),
        put("3", json!({})),
        check("4", "attribute_not_exists(pk)"),
    ];
    let done = rig.db.transact_write_items().set_transact_items(Some(actions));
    let done = done.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await.expect("done");
    assert_eq!(done.consumed_capacity.expect("a bill")[0].capacity_units, Some(8.0));
    assert_eq!(rig.get("a", "1").await["n"], json!({"N": "2"}));
    assert_eq!((rig.get("a", "2").await, rig.get("a", "4").await), (Value::Null, Value::Null));
    assert_eq!(rig.get("a", "3").await, json!({"pk": {"S": "a"}, "sk": {"S": "3"}}));
}

#[tokio::test(start_paused = true)]
async fn one_condition_that_fails_keeps_back_all_and_says_which() {
    let rig = Rig::new().await;
    rig.put(json!({"pk": {"S": "a"}, "sk": {"S": "1"}, "n": {"N": "1"}})).await;
    let before = rig.get("a", "1").await;
    let actions = vec![put("3", json!({})), check("1", "attribute_not_exists(pk)"), delete("2")];
    let refused = rig.transact(actions).await.expect_err("a refusal").into_service_error();
    let (message, told) = reasons(refused);
    assert_eq!(
        message,
        "Transaction cancelled, please refer cancellation reasons for specific reasons [None, \
         ConditionalCheckFailed, None]"
    );
    let codes: Vec<_> = told.iter().map(|reason| reason.code.as_deref().unwrap_or_default()).collect();
    assert_eq!(codes, ["None", "ConditionalCheckFailed", "None"]);
    assert_eq!(told[1].message.as_deref(), Some("The conditional request failed"));
    assert_eq!(told[1].item.as_ref().map(shown), Some(before));
    assert_eq!((&told[0].message, &told[0].item), (&None, &None));
    assert_eq!(rig.get("a", "3").await, Value::Null);
}

#[tokio::test(start_paused = true)]
async fn what_a_table_cannot_take_is_a_reason_as_well() {
    let rig = Rig::new().await;
    let unfit = put("3", json!({"weight": {"S": "x"}}));
    let refused = rig.transact(vec![put("1", json!({})), unfit]).await.expect_err("a refusal");
    let (message, told) = reasons(refused.into_service_error());
    assert!(message.ends_with("[None, ValidationError]"), "{message}");
    assert!(
        told[1].message.as_deref().is_some_and(|text| text.contains("Type mismatch for Index Key weight"))
    );
    assert_eq!(rig.get("a", "1").await, Value::Null);
}

#[tokio::test(start_paused = true)]
async fn transactions_have_limits() {
    let rig = Rig::new().await;
    let twice = rig.transact(vec![put("1", json!({})), check("1", "attribute_exists(pk)")]).await;
    assert_eq!(invalid(twice), "Transaction request cannot include multiple operations on one item");
    let many = |count: usize| (0..count).map(|at| put(&at.to_string(), json!({}))).collect::<Vec<_>>();
    rig.transact(many(100)).await.expect("a hundred");
    assert!(invalid(rig.transact(many(101)).await).contains("length less than or equal to 100"));
    let large: Vec<_> =
        (0..11).map(|at| put(&at.to_string(), json!({"x": {"S": "x".repeat(399 * 1024)}}))).collect();
    assert!(invalid(rig.transact(large).await).contains("4194304"));
    assert!(
        invalid(rig.transact(vec![TransactWriteItem::builder().build()]).await).contains("one of Check, Put")
    );
    let syntax = rig.transact(vec![update("1", "ADD n :two")]).await;
    assert!(invalid(syntax).contains("attribute value: :two"));
}

#[tokio::test(start_paused = true)]
async fn a_client_token_makes_a_transaction_happen_once_in_ten_minutes() {
    let rig = Rig::new().await;
    let send = |expression: &str| {
        let transact = rig.db.transact_write_items().transact_items(update("1", expression));
        transact.client_request_token("token").send()
    };
    send("ADD n :one").await.expect("the first");
    send("ADD n :one").await.expect("a repetition");
    assert_eq!(rig.get("a", "1").await["n"], json!({"N": "1"}));
    assert_eq!(refusal(send("ADD m :one").await).0, "IdempotentParameterMismatchException");
    rig.later(9 * 60).await;
    send("ADD n :one").await.expect("a repetition");
    assert_eq!(rig.get("a", "1").await["n"], json!({"N": "1"}));
    rig.later(61).await;
    send("ADD n :one").await.expect("forgotten by now");
    assert_eq!(rig.get("a", "1").await["n"], json!({"N": "2"}));
}

#[tokio::test(start_paused = true)]
async fn reads_of_a_transaction_keep_their_order() {
    let rig = Rig::new().await;
    rig.put(json!({"pk": {"S": "a"}, "sk": {"S": "1"}, "n": {"N": "1"}, "x": {"S": "x"}})).await;
    let get = |sk: &str| {
        let get =
            Get::builder().table_name("shop").set_key(Some(key("a", sk))).projection_expression("n").build();
        TransactGetItem::builder().get(get.expect("a get")).build()
    };
    let read = rig.db.transact_get_items().transact_items(get("2")).transact_items(get("1"));
    let read = read.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await.expect("an answer");
    let responses = read.responses.expect("responses");
    assert_eq!(responses[0].item, None);
    assert_eq!(responses[1].item.as_ref().map(shown), Some(json!({"n": {"N": "1"}})));
    assert_eq!(read.consumed_capacity.expect("a bill")[0].capacity_units, Some(4.0));
    let twice = rig.db.transact_get_items().transact_items(get("1")).transact_items(get("1")).send().await;
    assert_eq!(invalid(twice), "Transaction request cannot include multiple operations on one item");
}
