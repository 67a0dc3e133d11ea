//! Reading: single items, some by their keys, all of a kind. Every read is
//! consistent, every list is followed to its end.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_dynamodb::types::{AttributeValue, ConsumedCapacity, KeysAndAttributes, ReturnConsumedCapacity};
use futures::{StreamExt as _, TryStreamExt as _};

use super::DynamoStore;
use super::attribute::{bytes_of, number_of, size, text_of};
use super::expression::Expression;
use super::head::{self, Head, Refused};
use super::layout::{BLOB, KIND, LAYOUT, PIECE, RowName, Table, state_key, version_of, word};
use super::texts::{Texts, body_of, named_by};
use crate::aws::{Item, table_call};
use crate::model::{FeatureName, StatusView};
use crate::store::{Document, FeatureRows, RecordBody, RowKind, StoreError, StoredRecord, StoredSpec, codec};

/// How many keys one request may name (AWS API `BatchGetItem`).
const KEYS: usize = 100;

/// Bytes that one read unit covers, read consistently.
const UNIT: usize = 4096;

/// Items with what reading them cost.
#[derive(Debug, Default)]
pub(super) struct Costed {
    pub(super) items: Vec<Item>,
    /// Read units: as the service told them, or reckoned from the sizes.
    pub(super) units: f64,
}

impl Costed {
    fn add(&mut self, page: Vec<Item>, told: Option<ConsumedCapacity>) {
        let bytes: usize = page.iter().map(size).sum();
        #[expect(clippy::cast_precision_loss, reason = "pages have a megabyte")]
        let reckoned = bytes.div_ceil(UNIT).max(1) as f64;
        self.units +=
            told.and_then(|told| told.capacity_units).filter(|units| *units > 0.0).unwrap_or(reckoned);
        self.items.extend(page);
    }
}

impl DynamoStore {
    /// One item.
    pub(super) async fn get(&self, table: Table, key: Item) -> Result<Option<Item>, StoreError> {
        let answer = self
            .patiently(|| {
                let request = self
                    .tables
                    .client
                    .get_item()
                    .table_name(self.tables.name(table))
                    .set_key(Some(key.clone().into_iter().collect()))
                    .consistent_read(true);
                table_call(request.send())
            })
            .await?;
        Ok(answer.item.map(|item| item.into_iter().collect()))
    }

    /// The head row.
    pub(super) async fn head(&self) -> Result<Head, StoreError> {
        let item = self.get(Table::State, head::key()).await?;
        self.head_of(item)
    }

    /// An item as the head row.
    pub(super) fn head_of(&self, item: Option<Item>) -> Result<Head, StoreError> {
        let Some(item) = item else {
            return Err(self.unusable(format!(
                "the table {} has no store in it (any more); make one with: sprout init",
                self.tables.state
            )));
        };
        head::read(&item).map_err(|refused| match refused {
            Refused::Newer(found) => StoreError::NewerSchema { found, known: LAYOUT },
            Refused::Foreign => {
                self.unusable(format!("the table {} belongs to another program", self.tables.state))
            }
        })
    }

    /// Items by their keys, in no order; those that are not there are left
    /// out.
    pub(super) async fn get_all(&self, keys: Vec<(Table, Item)>) -> Result<Vec<(Table, Item)>, StoreError> {
        let mut found = Vec::new();
        for some in keys.chunks(KEYS) {
            let mut asked: BTreeMap<Table, Vec<Item>> = BTreeMap::new();
            for (table, key) in some {
                asked.entry(*table).or_default().push(key.clone());
            }
            let mut pauses = self.pauses();
            while !asked.is_empty() {
                let (items, rest) = self.get_some(&asked).await?;
                found.extend(items);
                asked = rest;
                if !asked.is_empty() {
                    // What the service left out it is asked for again.
                    tokio::time::sleep(pauses.next().ok_or(StoreError::Busy)?).await;
                }
            }
        }
        Ok(found)
    }

    /// One request of [`Self::get_all`]: items, and keys that were left out.
    async fn get_some(
        &self,
        asked: &BTreeMap<Table, Vec<Item>>,
    ) -> Result<(Vec<(Table, Item)>, BTreeMap<Table, Vec<Item>>), StoreError> {
        let answer = self
            .patiently(|| {
                let mut request = self.tables.client.batch_get_item();
                for (table, keys) in asked {
                    let mut wanted = KeysAndAttributes::builder().consistent_read(true);
                    for key in keys {
                        wanted = wanted.keys(key.clone().into_iter().collect());
                    }
                    if let Ok(wanted) = wanted.build() {
                        request = request.request_items(self.tables.name(*table), wanted);
                    }
                }
                table_call(request.send())
            })
            .await?;
        let (mut items, mut rest) = (Vec::new(), BTreeMap::new());
        let mut responses = answer.responses.unwrap_or_default();
        let mut unprocessed = answer.unprocessed_keys.unwrap_or_default();
        for table in [Table::Spec, Table::State] {
            let name = self.tables.name(table);
            let found = responses.remove(name).unwrap_or_default();
            items.extend(found.into_iter().map(|item| (table, item.into_iter().collect())));
            let left = unprocessed.remove(name).map(|left| left.keys).unwrap_or_default();
            if !left.is_empty() {
                rest.insert(table, left.into_iter().map(|key| key.into_iter().collect()).collect());
            }
        }
        Ok((items, rest))
    }

    /// All rows of the specifications' table.
    pub(super) async fn scan_specs(&self) -> Result<Costed, StoreError> {
        let mut all = Costed::default();
        let mut from = None;
        loop {
            let answer = self
                .patiently(|| {
                    let request = self
                        .tables
                        .client
                        .scan()
                        .table_name(&self.tables.spec)
                        .consistent_read(true)
                        .return_consumed_capacity(ReturnConsumedCapacity::Total)
                        .set_exclusive_start_key(from.clone());
                    table_call(request.send())
                })
                .await?;
            let page = answer.items.unwrap_or_default();
            all.add(
                page.into_iter().map(|item| item.into_iter().collect()).collect(),
                answer.consumed_capacity,
            );
            from = answer.last_evaluated_key;
            if from.is_none() {
                return Ok(all);
            }
        }
    }

    /// Rows of one kind by name, or the newest first; `enough` says after
    /// each page whether the rest is still wanted.
    pub(super) async fn query(
        &self,
        kind: &str,
        forward: bool,
        page: Option<i32>,
        mut enough: impl FnMut(&[Item]) -> bool + Send,
    ) -> Result<Costed, StoreError> {
        let mut condition = Expression::default();
        condition.equal(KIND, AttributeValue::S(kind.to_owned()));
        let mut all = Costed::default();
        let mut from = None;
        loop {
            let answer = self
                .patiently(|| {
                    let request = self
                        .tables
                        .client
                        .query()
                        .table_name(&self.tables.state)
                        .consistent_read(true)
                        .return_consumed_capacity(ReturnConsumedCapacity::Total)
                        .set_key_condition_expression(condition.condition())
                        .set_expression_attribute_names(condition.names())
                        .set_expression_attribute_values(condition.values())
                        .scan_index_forward(forward)
                        .set_limit(page)
                        .set_exclusive_start_key(from.clone());
                    table_call(request.send())
                })
                .await?;
            let items = answer.items.unwrap_or_default();
            all.add(
                items.into_iter().map(|item| item.into_iter().collect()).collect(),
                answer.consumed_capacity,
            );
            from = answer.last_evaluated_key;
            if from.is_none() || enough(&all.items) {
                return Ok(all);
            }
        }
    }

    /// All rows of one kind.
    pub(super) async fn all_of(&self, kind: &str) -> Result<Costed, StoreError> {
        self.query(kind, true, None, |_| false).await
    }

    /// The texts that these rows name and that are not `known` yet.
    pub(super) async fn texts_of<'i>(
        &self,
        items: impl IntoIterator<Item = &'i Item>,
        mut known: Texts,
    ) -> Result<Texts, StoreError> {
        let named: std::collections::BTreeSet<String> = items.into_iter().flat_map(named_by).collect();
        known.retain(|hash, _| named.contains(hash));
        let unknown: Vec<String> = named.into_iter().filter(|hash| !known.contains_key(hash)).collect();
        let read: Vec<(String, Option<Arc<[u8]>>)> = futures::stream::iter(unknown)
            .map(|hash| async move {
                let text = self.text(&hash).await?;
                Ok::<_, StoreError>((hash, text))
            })
            .buffered(8)
            .try_collect()
            .await?;
        known.extend(read.into_iter().filter_map(|(hash, text)| Some((hash, text?))));
        Ok(known)
    }

    /// A text by its hash; `None` where a part of it is missing.
    async fn text(&self, hash: &str) -> Result<Option<Arc<[u8]>>, StoreError> {
        let Some(about) = self.get(Table::State, state_key(BLOB, hash)).await? else { return Ok(None) };
        let pieces = number_of::<usize>(&about, super::blobs::PIECES).unwrap_or(0);
        let mut whole = Vec::new();
        for piece in 0..pieces {
            let key = state_key(PIECE, &super::blobs::piece_name(hash, piece));
            let item = self.get(Table::State, key).await?;
            match item.as_ref().and_then(|item| bytes_of(item.get(super::blobs::DATA)?)) {
                Some(bytes) => whole.extend_from_slice(bytes),
                None => return Ok(None),
            }
        }
        Ok(Some(whole.into()))
    }

    /// The three rows of one feature.
    pub(super) async fn feature_rows(&self, name: &FeatureName) -> Result<FeatureRows, StoreError> {
        let kinds = [RowKind::Spec, RowKind::Record, RowKind::Status];
        let asked = kinds.map(|kind| RowName::new(kind, name.as_str()));
        let found = self.get_all(asked.iter().map(|row| (row.table(), row.key())).collect()).await?;
        let texts = self.texts_of(found.iter().map(|(_, item)| item), Texts::new()).await?;
        let mut rows = FeatureRows::default();
        for (table, item) in &found {
            match table {
                Table::Spec => rows.spec = Some(super::specs::read(name, item, &texts)),
                Table::State if text_of(item, KIND) == Some(word(RowKind::Record)) => {
                    rows.record = Some(record_of(name, item, &texts));
                }
                Table::State => rows.status = status_of(name, item, &texts),
            }
        }
        Ok(rows)
    }

    /// A named document.
    pub(super) async fn document_row(&self, name: &str) -> Result<Option<Document>, StoreError> {
        let row = RowName::new(RowKind::Document, name);
        let Some(item) = self.get(row.table(), row.key()).await? else { return Ok(None) };
        let texts = self.texts_of([&item], Texts::new()).await?;
        Ok(Some(document_of(&item, &texts)))
    }

    /// All status rows, by feature.
    pub(super) async fn status_rows(&self) -> Result<Vec<StatusView>, StoreError> {
        let found = self.all_of(word(RowKind::Status)).await?.items;
        let texts = self.texts_of(&found, Texts::new()).await?;
        let view = |item: &Item| {
            let name = FeatureName::new(super::layout::name_of(item)?);
            status_of(&name, item, &texts)
        };
        let mut views: Vec<StatusView> = found.iter().filter_map(view).collect();
        views.sort_by(|a, b| a.feature.cmp(&b.feature));
        Ok(views)
    }
}

pub(super) fn record_of(name: &FeatureName, item: &Item, texts: &Texts) -> StoredRecord {
    let body = match body_of(item, texts) {
        Ok(bytes) => codec::read_record(name, &bytes),
        Err(why) => RecordBody::Unreadable { why },
    };
    StoredRecord { version: version_of(item), body }
}

pub(super) fn status_of(name: &FeatureName, item: &Item, texts: &Texts) -> Option<StatusView> {
    codec::read_status(name, &body_of(item, texts).ok()?)
}

/// A document whose text is missing says so in its place: nobody takes that
/// for what was written.
pub(super) fn document_of(item: &Item, texts: &Texts) -> Document {
    let body = match body_of(item, texts) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(why) => why,
    };
    Document { version: version_of(item), body }
}

/// The name by which a specification's row is known; the table lets no row
/// without one in.
pub(super) fn spec_name(item: &Item) -> FeatureName {
    FeatureName::new(text_of(item, super::layout::FEATURE).unwrap_or_default())
}

/// A specification.
pub(super) fn spec_of(item: &Item, texts: &Texts) -> (FeatureName, StoredSpec) {
    let name = spec_name(item);
    let spec = super::specs::read(&name, item, texts);
    (name, spec)
}
