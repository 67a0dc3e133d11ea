//! Tables as the real client sees them.

mod batches;
mod conditions;
mod faults;
mod items;
mod lives;
mod model;
mod queries;
mod tables;
mod transactions;
mod updates;

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue as Av;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, LocalSecondaryIndex, Projection,
    ProjectionType, ScalarAttributeType,
};
use serde_json::{Value, json};

use crate::emulator::{Emulator, Settings};

/// World seconds that a table takes to be made.
const DELAY: u64 = 10;

/// A world with the table `shop` (partition key `pk`, sort key `sk`, local index `by-weight` on the number `weight`).
struct Rig {
    emulator: Emulator,
    db: Client,
}

impl Rig {
    async fn new() -> Self {
        let rig = Self::empty(Settings::default());
        rig.make("shop").await;
        rig
    }

    fn empty(settings: Settings) -> Self {
        let emulator = Emulator::new(settings);
        let db = client(&emulator);
        Self { emulator, db }
    }

    /// Makes a table like `shop` and waits until it is there.
    async fn make(&self, name: &str) {
        create(&self.db, name).send().await.expect("a table");
        self.later(DELAY).await;
    }

    async fn later(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }

    /// Puts an item whose attributes are written as in the API.
    async fn put(&self, item: Value) {
        self.db.put_item().table_name("shop").set_item(Some(attrs(&item))).send().await.expect("put");
    }

    /// The item there is, as in the API; null where there is none.
    async fn get(&self, pk: &str, sk: &str) -> Value {
        let got = self.db.get_item().table_name("shop").set_key(Some(key(pk, sk))).consistent_read(true);
        got.send().await.expect("an answer").item.map_or(Value::Null, |item| shown(&item))
    }
}

fn client(emulator: &Emulator) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("AKIDTEST", "secret", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .http_client(emulator.http_client())
        .build();
    Client::from_conf(config)
}

fn create(
    db: &Client,
    name: &str,
) -> aws_sdk_dynamodb::operation::create_table::builders::CreateTableFluentBuilder {
    let index = LocalSecondaryIndex::builder()
        .index_name("by-weight")
        .key_schema(element("pk", KeyType::Hash))
        .key_schema(element("weight", KeyType::Range))
        .projection(Projection::builder().projection_type(ProjectionType::All).build());
    db.create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(define("pk", ScalarAttributeType::S))
        .attribute_definitions(define("sk", ScalarAttributeType::S))
        .attribute_definitions(define("weight", ScalarAttributeType::N))
        .key_schema(element("pk", KeyType::Hash))
        .key_schema(element("sk", KeyType::Range))
        .local_secondary_indexes(index.build().expect("an index"))
}

fn define(name: &str, kind: ScalarAttributeType) -> AttributeDefinition {
    AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build().expect("a definition")
}

fn element(name: &str, kind: KeyType) -> KeySchemaElement {
    KeySchemaElement::builder().attribute_name(name).key_type(kind).build().expect("an element")
}

/// A key, in whatever map the client wants.
fn key<T: FromIterator<(String, Av)>>(pk: &str, sk: &str) -> T {
    [("pk".to_owned(), s(pk)), ("sk".to_owned(), s(sk))].into_iter().collect()
}

fn s(text: &str) -> Av {
    Av::S(text.to_owned())
}

fn n(number: impl ToString) -> Av {
    Av::N(number.to_string())
}

/// Attributes from the JSON of the API, in whatever map the client wants.
fn attrs<T: FromIterator<(String, Av)>>(json: &Value) -> T {
    let members = json.as_object().expect("an object");
    members.iter().map(|(name, value)| (name.clone(), av(value))).collect()
}

fn av(json: &Value) -> Av {
    let (kind, value) = json.as_object().and_then(|members| members.iter().next()).expect("a value");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let blob =
        |value: &Value| Blob::new(data_encoding::BASE64.decode(text(value).as_bytes()).expect("Base64"));
    let list = || value.as_array().expect("a list").iter();
    match kind.as_str() {
        "S" => Av::S(text(value)),
        "N" => Av::N(text(value)),
        "B" => Av::B(blob(value)),
        "BOOL" => Av::Bool(value == true),
        "NULL" => Av::Null(value == true),
        "L" => Av::L(list().map(av).collect()),
        "M" => Av::M(attrs(value)),
        "SS" => Av::Ss(list().map(text).collect()),
        "NS" => Av::Ns(list().map(text).collect()),
        "BS" => Av::Bs(list().map(blob).collect()),
        other => panic!("{other} is no type"),
    }
}

/// The JSON of the API from attributes.
fn shown<'a>(item: impl IntoIterator<Item = (&'a String, &'a Av)>) -> Value {
    item.into_iter().map(|(name, value)| (name.clone(), show(value))).collect()
}

fn show(value: &Av) -> Value {
    let base = |blob: &Blob| data_encoding::BASE64.encode(blob.as_ref());
    match value {
        Av::S(text) => json!({"S": text}),
        Av::N(text) => json!({"N": text}),
        Av::B(blob) => json!({"B": base(blob)}),
        Av::Bool(flag) => json!({"BOOL": flag}),
        Av::Null(flag) => json!({"NULL": flag}),
        Av::L(list) => json!({"L": list.iter().map(show).collect::<Vec<_>>()}),
        Av::M(map) => json!({"M": shown(map)}),
        Av::Ss(set) => json!({"SS": set}),
        Av::Ns(set) => json!({"NS": set}),
        Av::Bs(set) => json!({"BS": set.iter().map(base).collect::<Vec<_>>()}),
        other => panic!("{other:?}"),
    }
}

/// The sort keys of items.
fn sorts<T>(items: &[T]) -> Vec<String>
where
    for<'k> T: std::ops::Index<&'k str, Output = Av>,
{
    items.iter().map(|item| item["sk"].as_s().expect("a text").clone()).collect()
}

/// Code and message of a refusal.
fn refusal<T: std::fmt::Debug, E: ProvideErrorMetadata, R>(
    result: Result<T, SdkError<E, R>>,
) -> (String, String) {
    let error = result.expect_err("a refusal");
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    (text(error.code()), text(error.message()))
}

/// The text of a ValidationException.
#[track_caller]
fn invalid<T: std::fmt::Debug, E: ProvideErrorMetadata, R>(result: Result<T, SdkError<E, R>>) -> String {
    let (code, message) = refusal(result);
    assert_eq!(code, "ValidationException", "{message}");
    message
}
