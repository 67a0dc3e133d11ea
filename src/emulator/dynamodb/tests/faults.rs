//! Faults, in the words of this service.

use std::io::Read as _;

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{TransactWriteItem, Update};

use super::*;
use crate::emulator::{Fault, Kind, Outcome};

/// Adds one to `n` of the item `a`/`1`.
fn add(rig: &Rig) -> UpdateItemFluentBuilder {
    let add = rig.db.update_item().table_name("shop").set_key(Some(key("a", "1")));
    add.update_expression("ADD n :one").expression_attribute_values(":one", n(1))
}

async fn count(rig: &Rig) -> i64 {
    let got = rig.get("a", "1").await;
    got["n"]["N"].as_str().map_or(0, |text| text.parse().expect("a number"))
}

#[tokio::test(start_paused = true)]
async fn faults_have_the_codes_of_the_service_and_apply_nothing() {
    let rig = Rig::new().await;
    for (kind, codes) in [
        (Kind::Throttle, &["ThrottlingException", "ProvisionedThroughputExceededException"][..]),
        (Kind::Unavailable, &["ServiceUnavailable"]),
        (Kind::Denied, &["AccessDeniedException"]),
        (Kind::Expired, &["ExpiredTokenException"]),
        (Kind::Signature, &["InvalidSignatureException"]),
        (Kind::Conflict, &["TransactionConflictException"]),
        (Kind::Refused, &[""]),
    ] {
        rig.emulator.faults(vec![Fault::on("UpdateItem", kind)]);
        for _ in 0..4 {
            let (code, _) = refusal(add(&rig).send().await);
            assert!(codes.contains(&code.as_str()), "{kind:?}: {code}");
        }
    }
    rig.emulator.faults(vec![]);
    assert_eq!(count(&rig).await, 0);
    let calls = rig.emulator.calls();
    let struck = calls.iter().filter(|call| call.outcome == Outcome::Fault(Kind::Conflict)).count();
    assert_eq!(struck, 4);
}

#[tokio::test(start_paused = true)]
async fn both_words_for_too_much_are_heard() {
    let rig = Rig::new().await;
    rig.emulator.faults(vec![Fault::on("UpdateItem", Kind::Throttle)]);
    let mut heard = std::collections::BTreeSet::new();
    for _ in 0..20 {
        heard.insert(refusal(add(&rig).send().await).0);
    }
    assert_eq!(
        heard.into_iter().collect::<Vec<_>>(),
        ["ProvisionedThroughputExceededException", "ThrottlingException"]
    );
    rig.emulator.faults(vec![Fault::on("DescribeTable", Kind::Throttle)]);
    for _ in 0..6 {
        let described = rig.db.describe_table().table_name("shop").send().await;
        assert_eq!(refusal(described).0, "ThrottlingException");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_applied_without_a_word_is_applied() {
    let rig = Rig::new().await;
    rig.emulator.faults(vec![Fault::on("UpdateItem", Kind::Lost).once()]);
    assert!(matches!(add(&rig).send().await, Err(SdkError::DispatchFailure(_))));
    assert_eq!(count(&rig).await, 1);
    rig.emulator.faults(vec![Fault::on("UpdateItem", Kind::Broken).once()]);
    assert_eq!(refusal(add(&rig).send().await).0, "InternalServerError");
    assert_eq!(count(&rig).await, 2);
    rig.emulator.faults(vec![Fault::on("UpdateItem", Kind::Twice).once()]);
    add(&rig).send().await.expect("an update");
    assert_eq!(count(&rig).await, 4);
    rig.emulator.faults(vec![Fault::on("GetItem", Kind::Garbled).once()]);
    let garbled = rig.db.get_item().table_name("shop").set_key(Some(key("a", "1"))).send().await;
    let (code, message) = refusal(garbled);
    assert_eq!((code.as_str(), message.as_str()), ("", ""), "half an answer is none");
    rig.emulator.faults(vec![Fault::on("UpdateItem", Kind::Late).by(60.0).once()]);
    let waited = tokio::time::timeout(Duration::from_secs(5), add(&rig).send()).await;
    assert!(waited.is_err());
    assert_eq!(count(&rig).await, 4);
    rig.later(60).await;
    assert_eq!(count(&rig).await, 5);
}

#[tokio::test(start_paused = true)]
async fn a_transaction_in_conflict_names_one_item() {
    let rig = Rig::new().await;
    let update = |sk: &str| {
        let update = Update::builder().table_name("shop").set_key(Some(key("a", sk)));
        let update = update.update_expression("ADD n :one").expression_attribute_values(":one", n(1));
        TransactWriteItem::builder().update(update.build().expect("an update")).build()
    };
    rig.emulator.faults(vec![Fault::on("*", Kind::Conflict)]);
    let transact = rig.db.transact_write_items().transact_items(update("1")).transact_items(update("2"));
    let refused = transact.send().await.expect_err("a refusal").into_service_error();
    let aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError::TransactionCanceledException(
        refused,
    ) = refused
    else {
        panic!("{refused:?}");
    };
    let codes: Vec<_> = refused.cancellation_reasons().iter().filter_map(|reason| reason.code()).collect();
    assert!(
        codes == ["None", "TransactionConflict"] || codes == ["TransactionConflict", "None"],
        "{codes:?}"
    );
    assert_eq!(count(&rig).await, 0);
}

#[tokio::test(start_paused = true)]
async fn eventually_consistent_reads_may_be_old_and_no_others() {
    let rig = Rig::new().await;
    let put = async |sk: &str, n: u32| {
        rig.put(json!({"pk": {"S": "a"}, "sk": {"S": sk}, "weight": {"N": n.to_string()}})).await;
    };
    put("1", 1).await;
    put("2", 2).await;
    rig.later(60).await;
    put("1", 10).await;
    put("3", 3).await;
    rig.db.delete_item().table_name("shop").set_key(Some(key("a", "2"))).send().await.expect("a delete");
    rig.later(5).await;
    rig.emulator.faults(vec![Fault::on("reading", Kind::Stale).by(30.0)]);
    let get = |sk: &str, consistent: bool| {
        rig.db.get_item().table_name("shop").set_key(Some(key("a", sk))).consistent_read(consistent).send()
    };
    let weight = async |sk: &str, consistent: bool| {
        let item = get(sk, consistent).await.expect("an answer").item;
        item.and_then(|item| item["weight"].as_n().ok().cloned())
    };
    assert_eq!(
        (weight("1", false).await.as_deref(), weight("1", true).await.as_deref()),
        (Some("1"), Some("10"))
    );
    assert_eq!((weight("2", false).await.as_deref(), weight("2", true).await), (Some("2"), None));
    assert_eq!((weight("3", false).await, weight("3", true).await.as_deref()), (None, Some("3")));
    let query = |index: Option<&str>, consistent: bool| {
        let query = rig.db.query().table_name("shop").key_condition_expression("pk = :a");
        let query = query.expression_attribute_values(":a", s("a")).consistent_read(consistent);
        query.set_index_name(index.map(str::to_owned)).send()
    };
    assert_eq!(sorts(query(None, false).await.expect("an answer").items()), ["1", "2"]);
    assert_eq!(sorts(query(None, true).await.expect("an answer").items()), ["1", "3"]);
    assert_eq!(sorts(query(Some("by-weight"), false).await.expect("an answer").items()), ["1", "2"]);
    assert_eq!(sorts(query(Some("by-weight"), true).await.expect("an answer").items()), ["3", "1"]);
    assert_eq!(sorts(rig.db.scan().table_name("shop").send().await.expect("an answer").items()), ["1", "2"]);
    let batch = |consistent: bool| {
        let keys = aws_sdk_dynamodb::types::KeysAndAttributes::builder().keys(key("a", "2"));
        let keys = keys.consistent_read(consistent).build().expect("keys");
        rig.db.batch_get_item().request_items("shop", keys).send()
    };
    let read = |answer: aws_sdk_dynamodb::operation::batch_get_item::BatchGetItemOutput| {
        answer.responses.unwrap_or_default().remove("shop").unwrap_or_default().len()
    };
    assert_eq!(read(batch(false).await.expect("an answer")), 1);
    assert_eq!(read(batch(true).await.expect("an answer")), 0);
    // Strongly consistent reads do not use a fault up either.
    rig.emulator.faults(vec![Fault::on("GetItem", Kind::Stale).by(30.0).once()]);
    assert_eq!(weight("1", true).await.as_deref(), Some("10"));
    assert_eq!(weight("1", false).await.as_deref(), Some("1"));
    assert_eq!(weight("1", false).await.as_deref(), Some("10"));
}

#[tokio::test(start_paused = true)]
async fn a_new_table_may_not_be_seen_yet() {
    let rig = Rig::empty(Settings::default());
    rig.emulator.faults(vec![Fault::on("DescribeTable", Kind::Stale).by(3.0)]);
    create(&rig.db, "shop").send().await.expect("a table");
    let described = rig.db.describe_table().table_name("shop").send().await;
    assert_eq!(refusal(described).0, "ResourceNotFoundException");
    rig.later(4).await;
    rig.db.describe_table().table_name("shop").send().await.expect("seen by now");
}

#[tokio::test(start_paused = true)]
async fn later_pages_may_fail_and_reads_never_lie() {
    let rig = Rig::new().await;
    for at in 0..6 {
        rig.put(json!({"pk": {"S": "a"}, "sk": {"S": at.to_string()}})).await;
    }
    let all = [Kind::Page, Kind::Empty, Kind::Partial];
    rig.emulator.faults(all.map(|kind| Fault::on("*", kind)).to_vec());
    let query = || {
        let query = rig.db.query().table_name("shop").key_condition_expression("pk = :a");
        query.expression_attribute_values(":a", s("a"))
    };
    let first = query().limit(4).send().await.expect("the first page");
    assert_eq!(first.count, 4);
    let second = query().set_exclusive_start_key(first.last_evaluated_key).send().await;
    assert_eq!(refusal(second).0, "InternalServerError");
    assert_eq!(query().send().await.expect("all").count, 6);
    let scan = rig.db.scan().table_name("shop").exclusive_start_key("pk", s("a"));
    assert_eq!(refusal(scan.exclusive_start_key("sk", s("0")).send().await).0, "InternalServerError");
}

#[tokio::test(start_paused = true)]
async fn the_record_of_calls_tells_table_key_and_request() {
    let rig = Rig::new().await;
    let put = rig.db.put_item().table_name("shop").set_item(Some(key("a", "1")));
    put.condition_expression("attribute_not_exists(pk)").send().await.expect("put");
    add(&rig).send().await.expect("an update");
    let refused = add(&rig).condition_expression("n > :one").send().await;
    assert_eq!(refusal(refused).0, "ConditionalCheckFailedException");
    let calls = rig.emulator.calls();
    let [.., put, update, refused] = calls.as_slice() else { panic!("{calls:?}") };
    assert_eq!((put.service.as_str(), put.operation.as_str()), ("dynamodb", "PutItem"));
    assert_eq!((put.access_key.as_str(), &put.outcome), ("AKIDTEST", &Outcome::Applied));
    assert_eq!(put.params["TableName"], "shop");
    assert_eq!(put.params["Item"], r#"{"pk":{"S":"a"},"sk":{"S":"1"}}"#);
    assert_eq!(update.params["Key"], r#"{"pk":{"S":"a"},"sk":{"S":"1"}}"#);
    assert_eq!(update.params["UpdateExpression"], "ADD n :one");
    assert_eq!(refused.outcome, Outcome::Refused("ConditionalCheckFailedException".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn errors_are_in_the_form_of_the_service() {
    let rig = Rig::new().await;
    let ask = |target: &str, body: &'static str| {
        let request = http::Request::post("/")
            .header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-central-1/dynamodb/aws4_request",
            )
            .header("x-amz-target", format!("DynamoDB_20120810.{target}"))
            .body(bytes::Bytes::from_static(body.as_bytes()))
            .expect("a request");
        rig.emulator.handle(request)
    };
    let told = async |target: &str, body: &'static str| -> Value {
        let answer = ask(target, body).await.expect("an answer");
        assert_eq!(answer.status(), 400);
        assert_eq!(answer.headers()["content-type"], "application/x-amz-json-1.0");
        let mut text = String::new();
        answer.body().as_ref().read_to_string(&mut text).expect("text");
        serde_json::from_str(&text).expect("JSON")
    };
    let nowhere = told("GetItem", r#"{"TableName":"elsewhere","Key":{"pk":{"S":"a"}}}"#).await;
    assert_eq!(nowhere["__type"], "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException");
    let invalid = told("GetItem", r#"{"Key":{}}"#).await;
    assert_eq!(invalid["__type"], "com.amazon.coral.validate#ValidationException");
    assert_eq!(
        invalid["message"],
        "1 validation error detected: Value null at 'tableName' failed to satisfy constraint: Member must not be \
         null"
    );
    let kind = told("GetItem", r#"{"TableName":7,"Key":{}}"#).await;
    assert_eq!(kind["__type"], "com.amazon.coral.service#SerializationException");
    let misspelt = told("GetItem", r#"{"TableName":"shop","Kee":{}}"#).await;
    assert_eq!(misspelt["__type"], "com.amazon.coral.validate#ValidationException");
    let missing = told("ExecuteStatement", "{}").await;
    assert_eq!(missing["__type"], "com.amazon.coral.service#InvalidAction");
}
