//! The members of a request, read one by one and refused where the service would.

use serde_json::{Map, Value, json};

use super::refusal::Refusal;

/// Parameters from before there were expressions. The service still knows them; nothing new should.
const LEGACY: [&str; 7] = [
    "AttributesToGet",
    "AttributeUpdates",
    "ConditionalOperator",
    "Expected",
    "KeyConditions",
    "QueryFilter",
    "ScanFilter",
];

/// The object of a request or a part of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Body<'a> {
    members: Option<&'a Map<String, Value>>,
}

impl<'a> Body<'a> {
    /// Takes an object whose members are all known. Nothing at all counts as an object without members.
    pub(super) fn read(value: &'a Value, known: &[&str]) -> Result<Self, Refusal> {
        let members = match value {
            Value::Null => None,
            Value::Object(members) => Some(members),
            _ => return Err(Refusal::serialization("Unexpected value type in payload")),
        };
        let given = members.into_iter().flatten().filter(|(_, value)| !value.is_null());
        for (name, _) in given {
            if LEGACY.contains(&name.as_str()) {
                return Err(Refusal::validation(format!(
                    "The legacy parameter {name} is not part of this emulator; expressions say the same"
                )));
            }
            if !known.contains(&name.as_str()) {
                return Err(Refusal::validation(format!("This emulator knows no member {name} here")));
            }
        }
        Ok(Self { members })
    }

    /// A member that is there and not null.
    pub(super) fn get(&self, name: &str) -> Option<&'a Value> {
        self.members?.get(name).filter(|value| !value.is_null())
    }

    fn typed<T>(
        &self,
        name: &str,
        wanted: &str,
        take: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, Refusal> {
        self.get(name)
            .map(|value| {
                take(value).ok_or_else(|| Refusal::serialization(format!("{name} must be {wanted}")))
            })
            .transpose()
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>, Refusal> {
        self.typed(name, "a text", Value::as_str)
    }

    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Refusal> {
        self.typed(name, "a Boolean", Value::as_bool)
    }

    pub(super) fn object(&self, name: &str) -> Result<Option<&'a Map<String, Value>>, Refusal> {
        self.typed(name, "a map", Value::as_object)
    }

    pub(super) fn list(&self, name: &str) -> Result<Option<&'a [Value]>, Refusal> {
        self.typed(name, "a list", |value| value.as_array().map(Vec::as_slice))
    }

    /// A whole number that is at least this and at most that.
    pub(super) fn number(&self, name: &str, least: i64, most: i64) -> Result<Option<usize>, Refusal> {
        let Some(number) = self.typed(name, "a whole number", Value::as_i64)? else {
            return Ok(None);
        };
        let told =
            |constraint: String| Refusal::constraint(&format!("'{number}'"), &lower_first(name), &constraint);
        if number < least {
            return Err(told(format!("Member must have value greater than or equal to {least}")));
        }
        if number > most {
            return Err(told(format!("Member must have value less than or equal to {most}")));
        }
        Ok(usize::try_from(number).ok())
    }

    /// One of a few words.
    pub(super) fn choice(&self, name: &str, words: &[&'static str]) -> Result<Option<&'static str>, Refusal> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let found = words.iter().find(|word| **word == text).copied();
        found.map(Some).ok_or_else(|| {
            let set = format!("Member must satisfy enum value set: [{}]", words.join(", "));
            Refusal::constraint(&format!("'{text}'"), &lower_first(name), &set)
        })
    }

    /// A part that is an object of its own.
    pub(super) fn inner(&self, name: &str, known: &[&str]) -> Result<Option<Body<'a>>, Refusal> {
        self.get(name).map(|value| Body::read(value, known)).transpose()
    }

    /// Turns "not there" into the service's refusal.
    pub(super) fn need<T>(&self, name: &str, found: Option<T>) -> Result<T, Refusal> {
        found.ok_or_else(|| Refusal::constraint("null", &lower_first(name), "Member must not be null"))
    }

    /// A text that must be there.
    pub(super) fn required(&self, name: &str) -> Result<&'a str, Refusal> {
        self.need(name, self.text(name)?)
    }

    /// The name of a table; its ARN means the same (API reference, any operation's `TableName`).
    pub(super) fn table(&self) -> Result<&'a str, Refusal> {
        self.table_in("TableName")
    }

    /// The name of a table in a member of another name.
    pub(super) fn table_in(&self, member: &str) -> Result<&'a str, Refusal> {
        table_name(self.required(member)?)
    }
}

/// The name of a table from its name or ARN.
pub(super) fn table_name(text: &str) -> Result<&str, Refusal> {
    let name = match text.strip_prefix("arn:") {
        Some(rest) => rest.split_once(":table/").map_or(text, |(_, name)| name),
        None => text,
    };
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if !name.chars().all(legal) {
        return Err(Refusal::constraint(
            &format!("'{name}'"),
            "tableName",
            "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+",
        ));
    }
    if !(3..=255).contains(&name.len()) {
        return Err(Refusal::validation(
            "TableName must be at least 3 characters long and at most 255 characters long",
        ));
    }
    Ok(name)
}

/// A moment: seconds since 1970 with a fraction.
pub(super) fn moment(at: jiff::Timestamp) -> Value {
    json!(at.as_millisecond() as f64 / 1000.0)
}

pub(super) fn lower_first(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}
