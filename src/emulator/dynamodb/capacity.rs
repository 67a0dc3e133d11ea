//! What calls cost.
//!
//! Rules: `docs/dynamodb.md`, "Capacity".

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::refusal::Refusal;
use super::wire::Body;

/// Bytes that one read unit pays for.
const READ: usize = 4096;

/// Read units of so many bytes that were read together; half of it where the read may be stale.
pub(super) fn read_units(bytes: usize, consistent: bool) -> f64 {
    let units = bytes.div_ceil(READ).max(1) as f64;
    if consistent { units } else { units / 2.0 }
}

/// What the caller wants to know about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bill {
    wanted: bool,
}

impl Bill {
    pub(super) fn read(body: &Body<'_>) -> Result<Self, Refusal> {
        let wanted = body.choice("ReturnConsumedCapacity", &["INDEXES", "TOTAL", "NONE"])?;
        Ok(Self { wanted: wanted.is_some_and(|wanted| wanted != "NONE") })
    }

    /// Adds what one table cost.
    pub(super) fn one(self, answer: &mut Value, table: &str, units: f64) {
        if self.wanted {
            answer["ConsumedCapacity"] = entry(table, units);
        }
    }

    /// Adds what several tables cost.
    pub(super) fn many(self, answer: &mut Value, tables: &BTreeMap<&str, f64>) {
        if self.wanted {
            answer["ConsumedCapacity"] = tables.iter().map(|(table, units)| entry(table, *units)).collect();
        }
    }
}

fn entry(table: &str, units: f64) -> Value {
    json!({"TableName": table, "CapacityUnits": units})
}
