//! Events: what one commit tells is one item of the history of all, and one
//! of each feature's, so that both are read newest first without an index.
//! They go by themselves after a time; how many of a feature are shown is
//! bounded when they are read.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;

use super::DynamoStore;
use super::attribute::{from_json, number, number_of, to_json};
use super::layout::{EVENT, EXPIRES, Table, key_name, state_key};
use super::texts::PIECE_BYTES;
use crate::aws::{Item, table_call};
use crate::model::FeatureName;
use crate::store::{EVENTS_KEPT, EventRow, StoreError};

const EVENTS: &str = "events";

/// How long an event is kept.
const KEPT_SECONDS: i64 = 90 * 24 * 3600;

/// How many items one request may write (AWS API `BatchWriteItem`).
const ITEMS: usize = 25;

/// The kind of one feature's history.
fn kind_of(feature: &FeatureName) -> String {
    format!("{EVENT}/{}", key_name(feature.as_str()))
}

impl DynamoStore {
    /// The items that tell these events, at most one for each feature and a
    /// few for all.
    pub(super) fn event_items(&self, events: &[EventRow]) -> Vec<Item> {
        // What came later sorts later, also where several commits tell of the
        // same moment.
        let (now, word) = (self.clock.now(), self.entropy.word(6));
        let name = |at: Timestamp, part: usize| {
            let micros = now.as_microsecond().max(0);
            format!("{at:.9} {micros:017} {part:04} {word}")
        };
        let Some(first) = events.first() else { return Vec::new() };
        let mut features: BTreeMap<&FeatureName, Vec<&EventRow>> = BTreeMap::new();
        for event in events {
            features.entry(&event.feature).or_default().push(event);
        }
        let mut items = Vec::new();
        for (feature, events) in features {
            for (part, some) in parts(&events).into_iter().enumerate() {
                items.push(self.event_item(&kind_of(feature), &name(some[0].at, part), &some, now));
            }
        }
        let all: Vec<&EventRow> = events.iter().collect();
        for (part, some) in parts(&all).into_iter().enumerate() {
            items.push(self.event_item(EVENT, &name(first.at, part), &some, now));
        }
        items
    }

    fn event_item(&self, kind: &str, name: &str, events: &[&EventRow], now: Timestamp) -> Item {
        let mut item = state_key(kind, name);
        // Names, times and texts are always JSON.
        let event = |event: &&EventRow| from_json(&serde_json::to_value(event).unwrap_or_default());
        item.insert(EVENTS.to_owned(), AttributeValue::L(events.iter().map(event).collect()));
        item.insert(EXPIRES.to_owned(), number(now.as_second().saturating_add(KEPT_SECONDS)));
        item
    }

    /// Writes events of an export, oldest first, which may be repeated: the
    /// same event goes to the same place.
    pub(super) async fn put_events(&self, events: &[(usize, &EventRow)]) -> Result<(), StoreError> {
        let now = self.clock.now();
        let mut latest = Timestamp::MIN;
        let mut items = Vec::new();
        for (position, event) in events {
            latest = latest.max(event.at);
            let name = format!("{latest:.9} {:017} {position:09} import", 0);
            items.push(self.event_item(&kind_of(&event.feature), &name, &[*event], now));
            items.push(self.event_item(EVENT, &name, &[*event], now));
        }
        for some in items.chunks(ITEMS) {
            self.put_all(some).await?;
        }
        Ok(())
    }

    /// Writes items of the state table, whatever stands there.
    async fn put_all(&self, items: &[Item]) -> Result<(), StoreError> {
        use aws_sdk_dynamodb::types::{PutRequest, WriteRequest};
        let put = |item: &Item| {
            let put =
                PutRequest::builder().set_item(Some(item.clone().into_iter().collect())).build().ok()?;
            Some(WriteRequest::builder().put_request(put).build())
        };
        let mut left: Vec<WriteRequest> = items.iter().filter_map(put).collect();
        let mut pauses = self.pauses();
        loop {
            let answer = self
                .patiently(|| {
                    let request = self.tables.client.batch_write_item();
                    let request = request.request_items(self.tables.name(Table::State), left.clone());
                    table_call(request.send())
                })
                .await?;
            left =
                answer.unprocessed_items.unwrap_or_default().remove(&self.tables.state).unwrap_or_default();
            if left.is_empty() {
                return Ok(());
            }
            tokio::time::sleep(pauses.next().ok_or(StoreError::Busy)?).await;
        }
    }

    /// Events, newest first. Of each feature no more than are kept.
    pub(super) async fn read_events(
        &self,
        feature: Option<&FeatureName>,
        limit: usize,
    ) -> Result<Vec<EventRow>, StoreError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let (kind, limit) = match feature {
            Some(feature) => (kind_of(feature), limit.min(EVENTS_KEPT)),
            None => (EVENT.to_owned(), limit),
        };
        let page = i32::try_from(limit).ok().filter(|page| *page <= 1000);
        let now = self.clock.now().as_second();
        let shown = |items: &[Item]| shown(items, feature, now);
        let read = self.query(&kind, false, page, |items| shown(items).len() >= limit).await?;
        let mut events = shown(&read.items);
        events.truncate(limit);
        Ok(events)
    }
}

/// What is shown of these items, which come newest first.
fn shown(items: &[Item], feature: Option<&FeatureName>, now: i64) -> Vec<EventRow> {
    let mut told: BTreeMap<FeatureName, usize> = BTreeMap::new();
    let mut events = Vec::new();
    // DynamoDB takes days to remove what is over.
    let over = |item: &Item| number_of::<i64>(item, EXPIRES).is_some_and(|expires| expires <= now);
    for event in items.iter().filter(|item| !over(item)).flat_map(|item| events_of(item).into_iter().rev()) {
        if feature.is_some_and(|feature| *feature != event.feature) {
            continue;
        }
        let count = told.entry(event.feature.clone()).or_default();
        *count += 1;
        if *count <= EVENTS_KEPT {
            events.push(event);
        }
    }
    events
}

/// Events in parts that fit into an item each.
fn parts<'e>(events: &[&'e EventRow]) -> Vec<Vec<&'e EventRow>> {
    let mut parts: Vec<Vec<&EventRow>> = Vec::new();
    let mut bytes = usize::MAX;
    for event in events {
        let length = event.message.len() + event.reason.len() + event.feature.as_str().len() + 200;
        bytes = bytes.saturating_add(length);
        if bytes > PIECE_BYTES {
            parts.push(Vec::new());
            bytes = length;
        }
        if let Some(part) = parts.last_mut() {
            part.push(event);
        }
    }
    parts
}

/// The events of an item; one that a hand made unreadable is passed over.
fn events_of(item: &Item) -> Vec<EventRow> {
    let events =
        item.get(EVENTS).and_then(|events| events.as_l().ok()).map(Vec::as_slice).unwrap_or_default();
    events.iter().filter_map(|event| serde_json::from_value(to_json(event).ok()?).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Severity;

    #[test]
    fn events_come_in_parts_that_fit_an_item() {
        let event = |length: usize| EventRow {
            feature: "a".into(),
            at: Timestamp::UNIX_EPOCH,
            severity: Severity::Info,
            reason: "Launched".to_owned(),
            message: "x".repeat(length),
        };
        let events: Vec<EventRow> = (0..90).map(|n| event(n * 200)).collect();
        let all: Vec<&EventRow> = events.iter().collect();
        let parts = parts(&all);
        assert!((2..6).contains(&parts.len()), "{}", parts.len());
        assert_eq!(parts.concat(), all);
        assert!(super::parts(&[]).is_empty());
    }
}
