//! Attribute values: their JSON, their size, and what the service accepts of them.
//!
//! Rules: `docs/dynamodb.md`, "Values".

use std::collections::{BTreeMap, BTreeSet};

use data_encoding::BASE64;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::number::Number;
use super::refusal::Refusal;

/// Lists and maps may lie in each other this deep.
const DEPTH: usize = 32;

/// An item: attributes by name.
pub(super) type Item = BTreeMap<String, Attr>;

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Attr {
    /// Text.
    S(String),
    /// A number.
    N(Number),
    /// Bytes.
    B(Vec<u8>),
    /// True or false.
    Bool(bool),
    /// Nothing, on purpose.
    Null,
    /// A list.
    L(Vec<Attr>),
    /// A map.
    M(Item),
    /// A set of texts, never empty.
    Ss(BTreeSet<String>),
    /// A set of numbers, never empty.
    Ns(BTreeSet<Number>),
    /// A set of bytes, never empty.
    Bs(BTreeSet<Vec<u8>>),
}

impl Attr {
    /// Reads the JSON of a request: an object with one member that names the type.
    pub(super) fn read(json: &Value) -> Result<Self, Refusal> {
        Self::read_at(json, 0)
    }

    fn read_at(json: &Value, depth: usize) -> Result<Self, Refusal> {
        let Some(members) = json.as_object() else {
            return Err(Refusal::serialization("Unexpected value type in payload"));
        };
        let mut given = members.iter().filter(|(_, value)| !value.is_null());
        let (Some((kind, value)), more) = (given.next(), given.next()) else {
            return Err(Refusal::validation(
                "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes",
            ));
        };
        if more.is_some() {
            return Err(Refusal::validation(
                "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported \
                 datatypes",
            ));
        }
        if depth > DEPTH {
            return Err(Refusal::validation("Nesting Levels have exceeded supported limits"));
        }
        Ok(match kind.as_str() {
            "S" => Self::S(text(value)?.to_owned()),
            "N" => Self::N(Number::read(text(value)?)?),
            "B" => Self::B(bytes(value)?),
            "BOOL" => Self::Bool(flag(value)?),
            "NULL" if flag(value)? => Self::Null,
            "NULL" => {
                return Err(Refusal::parameter("Null attribute value types must have the value of true"));
            }
            "L" => {
                let values = list(value)?.iter().map(|value| Self::read_at(value, depth + 1));
                Self::L(values.collect::<Result<_, _>>()?)
            }
            "M" => Self::M(read_map(object(value)?, depth + 1)?),
            "SS" => {
                Self::Ss(set(value, "An string set  may not be empty", |value| Ok(text(value)?.to_owned()))?)
            }
            "NS" => {
                Self::Ns(set(value, "An number set  may not be empty", |value| Number::read(text(value)?))?)
            }
            "BS" => Self::Bs(set(value, "Binary sets should not be empty", bytes)?),
            _ => {
                return Err(Refusal::validation(
                    "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes",
                ));
            }
        })
    }

    /// The JSON of an answer.
    pub(super) fn to_json(&self) -> Value {
        match self {
            Self::S(text) => json!({"S": text}),
            Self::N(number) => json!({"N": number.to_string()}),
            Self::B(bytes) => json!({"B": BASE64.encode(bytes)}),
            Self::Bool(flag) => json!({"BOOL": flag}),
            Self::Null => json!({"NULL": true}),
            Self::L(values) => json!({"L": values.iter().map(Self::to_json).collect::<Vec<_>>()}),
            Self::M(map) => json!({"M": item_json(map)}),
            Self::Ss(texts) => json!({"SS": texts}),
            Self::Ns(numbers) => json!({"NS": numbers.iter().map(Number::to_string).collect::<Vec<_>>()}),
            Self::Bs(all) => json!({"BS": all.iter().map(|bytes| BASE64.encode(bytes)).collect::<Vec<_>>()}),
        }
    }

    /// The name of its type, as expressions and messages write it.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::S(_) => "S",
            Self::N(_) => "N",
            Self::B(_) => "B",
            Self::Bool(_) => "BOOL",
            Self::Null => "NULL",
            Self::L(_) => "L",
            Self::M(_) => "M",
            Self::Ss(_) => "SS",
            Self::Ns(_) => "NS",
            Self::Bs(_) => "BS",
        }
    }

    /// Bytes that it counts for, without its name.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::S(text) => text.len(),
            Self::N(number) => number.size(),
            Self::B(bytes) => bytes.len(),
            Self::Bool(_) | Self::Null => 1,
            Self::L(values) => 3 + values.iter().map(|value| value.size() + 1).sum::<usize>(),
            Self::M(map) => 3 + map.len() + item_size(map),
            Self::Ss(texts) => texts.iter().map(String::len).sum(),
            Self::Ns(numbers) => numbers.iter().map(|number| number.size()).sum(),
            Self::Bs(all) => all.iter().map(Vec::len).sum(),
        }
    }
}

/// Reads attributes by name.
pub(super) fn read_item(members: &Map<String, Value>) -> Result<Item, Refusal> {
    read_map(members, 0)
}

fn read_map(members: &Map<String, Value>, depth: usize) -> Result<Item, Refusal> {
    members.iter().map(|(name, value)| Ok((name.clone(), Attr::read_at(value, depth)?))).collect()
}

/// The JSON of attributes by name.
pub(super) fn item_json(item: &Item) -> Value {
    Value::Object(item.iter().map(|(name, value)| (name.clone(), value.to_json())).collect())
}

/// Bytes that attributes count for, their names included.
pub(super) fn item_size(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value.size()).sum()
}

fn text(value: &Value) -> Result<&str, Refusal> {
    value.as_str().ok_or_else(|| Refusal::serialization("a text was expected in an AttributeValue"))
}

fn flag(value: &Value) -> Result<bool, Refusal> {
    value.as_bool().ok_or_else(|| Refusal::serialization("a Boolean was expected in an AttributeValue"))
}

fn list(value: &Value) -> Result<&[Value], Refusal> {
    let list = value.as_array().map(Vec::as_slice);
    list.ok_or_else(|| Refusal::serialization("a list was expected in an AttributeValue"))
}

fn object(value: &Value) -> Result<&Map<String, Value>, Refusal> {
    value.as_object().ok_or_else(|| Refusal::serialization("a map was expected in an AttributeValue"))
}

fn bytes(value: &Value) -> Result<Vec<u8>, Refusal> {
    BASE64
        .decode(text(value)?.as_bytes())
        .map_err(|_| Refusal::serialization("bytes must be written in Base64"))
}

fn set<T: Ord>(
    value: &Value,
    empty: &str,
    read: impl Fn(&Value) -> Result<T, Refusal>,
) -> Result<BTreeSet<T>, Refusal> {
    let values = list(value)?;
    if values.is_empty() {
        return Err(Refusal::parameter(empty));
    }
    let set = values.iter().map(read).collect::<Result<BTreeSet<T>, Refusal>>()?;
    if set.len() < values.len() {
        let shown: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
        return Err(Refusal::parameter(format!(
            "Input collection [{}] contains duplicates.",
            shown.join(", ")
        )));
    }
    Ok(set)
}

impl Serialize for Attr {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(to)
    }
}

impl<'de> Deserialize<'de> for Attr {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::read(&Value::deserialize(from)?).map_err(serde::de::Error::custom)
    }
}
