//! Many calls at random: what is kept beside the items (sizes, indexes, the past) stays true to them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::emulator::dynamodb::{Moment, Tables};
use crate::emulator::fault::Strike;
use crate::emulator::world::Dice;

/// What a table should hold: items by sort key, all of partition `a`.
type Model = BTreeMap<String, Value>;

struct Given {
    tables: Tables,
    dice: Dice,
    now: Timestamp,
}

impl Given {
    fn call(&mut self, operation: &str, body: &Value, lens: Option<Strike>) -> Result<Value, String> {
        self.tables.advance(self.now);
        let mut moment = Moment { now: self.now, ids: &mut self.dice, lens };
        self.tables.call(operation, body, &mut moment).map_err(|refusal| refusal.to_string())
    }

    /// One random write, on the table and on the model.
    fn step(&mut self, draw: &mut fastrand::Rng, model: &mut Model) {
        let sk = draw.u8(..12).to_string();
        let key = json!({"pk": {"S": "a"}, "sk": {"S": sk}});
        match draw.u8(..4) {
            0 => {
                let request = json!({"TableName": "shop", "Key": key});
                self.call("DeleteItem", &request, None).expect("a delete");
                model.remove(&sk);
            }
            1 => {
                let weight = json!({"N": draw.i8(-5..5).to_string()});
                let request = json!({
                    "TableName": "shop", "Key": key, "UpdateExpression": "SET weight = :w",
                    "ExpressionAttributeValues": {":w": weight},
                });
                self.call("UpdateItem", &request, None).expect("an update");
                model.entry(sk).or_insert(key)["weight"] = weight;
            }
            _ => {
                let mut item = key;
                item["x"] = json!({"S": "x".repeat(draw.usize(..50))});
                if draw.bool() {
                    item["weight"] = json!({"N": draw.u8(..9).to_string()});
                }
                // Now and then as a transaction of which half fails: nothing of it may stay.
                let put = json!({"Put": {"TableName": "shop", "Item": item}});
                let other = json!({"pk": {"S": "a"}, "sk": {"S": "other"}});
                let fails = draw.u8(..3) == 0;
                let condition = if fails { "attribute_exists(pk)" } else { "attribute_not_exists(pk)" };
                let check = json!({"ConditionCheck":
                    {"TableName": "shop", "Key": other, "ConditionExpression": condition}});
                let done = self.call("TransactWriteItems", &json!({"TransactItems": [put, check]}), None);
                assert_eq!(done.is_err(), fails, "{done:?}");
                if !fails {
                    model.insert(sk, item);
                }
            }
        }
    }

    /// The items of a Query, of the table or of its index, now or some seconds ago.
    fn read(&mut self, index: bool, ago: u64) -> Vec<Value> {
        let mut request = json!({
            "TableName": "shop", "KeyConditionExpression": "pk = :a",
            "ExpressionAttributeValues": {":a": {"S": "a"}},
        });
        if index {
            request["IndexName"] = json!("by-weight");
        }
        let by = Duration::from_secs(ago);
        let lens = (ago > 0).then_some(Strike { kind: crate::emulator::Kind::Stale, by, seed: 0 });
        let answer = self.call("Query", &request, lens).expect("an answer");
        answer["Items"].as_array().cloned().expect("items")
    }
}

fn weight(item: &Value) -> Option<i64> {
    item["weight"]["N"].as_str().map(|text| text.parse().expect("a number"))
}

#[test]
fn sizes_indexes_and_the_past_stay_true_to_the_items() {
    for seed in 0..20 {
        let mut draw = fastrand::Rng::with_seed(seed);
        let now = Timestamp::constant(1_767_603_600, 0);
        let mut tables = Tables::default();
        tables.settle_in("123456789012", &Settings { table: Duration::ZERO, ..Settings::default() });
        let mut given = Given { tables, dice: Dice::default(), now };
        let table = json!({
            "TableName": "shop", "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [
                {"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "S"},
                {"AttributeName": "weight", "AttributeType": "N"},
            ],
            "KeySchema": [
                {"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
            "LocalSecondaryIndexes": [{
                "IndexName": "by-weight", "Projection": {"ProjectionType": "ALL"},
                "KeySchema": [
                    {"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "weight", "KeyType": "RANGE"},
                ],
            }],
        });
        given.call("CreateTable", &table, None).expect("a table");
        let mut model = Model::new();
        let mut past: Vec<Model> = Vec::new();
        for _ in 0..60 {
            given.now += SignedDuration::from_secs(1);
            for _ in 0..draw.u8(..4) {
                given.step(&mut draw, &mut model);
            }
            past.push(model.clone());
            assert_eq!(given.read(false, 0), model.values().cloned().collect::<Vec<_>>(), "seed {seed}");
            let ago = draw.usize(..past.len().min(30));
            let then = &past[past.len() - 1 - ago];
            let seen = given.read(false, ago as u64);
            assert_eq!(seen, then.values().cloned().collect::<Vec<_>>(), "seed {seed}, {ago} s ago");
            let mut heavy: Vec<&Value> = then.values().filter(|item| weight(item).is_some()).collect();
            heavy.sort_by_key(|item| (weight(item), item["sk"]["S"].as_str().map(str::to_owned)));
            let seen = given.read(true, ago as u64);
            assert_eq!(seen.iter().collect::<Vec<_>>(), heavy, "seed {seed}, {ago} s ago, by weight");
        }
        let described = given.call("DescribeTable", &json!({"TableName": "shop"}), None).expect("an answer");
        let kept = serde_json::to_string(&given.tables).expect("JSON");
        given.tables = serde_json::from_str(&kept).expect("the tables again");
        let again = given.call("DescribeTable", &json!({"TableName": "shop"}), None).expect("an answer");
        assert_eq!(described, again, "counted anew from the items");
        assert_eq!(described["Table"]["ItemCount"], json!(model.len()));
    }
}
