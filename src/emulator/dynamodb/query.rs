//! Query and Scan: pages of items in the order of a table or an index.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::about::{Index, Shown};
use super::capacity::{Bill, read_units};
use super::expr::{Condition, KeyCondition, Projection, Range, Symbols};
use super::key::{Key, Sort};
use super::refusal::Refusal;
use super::table::{Row, Rows, Table};
use super::value::{Item, item_json, read_item};
use super::wire::Body;
use super::{Moment, Tables};

/// Members that both have.
const COMMON: [&str; 11] = [
    "TableName",
    "IndexName",
    "ConsistentRead",
    "ExclusiveStartKey",
    "ExpressionAttributeNames",
    "ExpressionAttributeValues",
    "FilterExpression",
    "Limit",
    "ProjectionExpression",
    "ReturnConsumedCapacity",
    "Select",
];

type Bounds = (Bound<Key>, Bound<Key>);

/// What a page is made of.
struct Reading<'t> {
    table: &'t Table,
    index: Option<(&'t str, &'t Index)>,
    filter: Option<Condition>,
    projection: Option<Projection>,
    /// Everything of the item, although the index shows less.
    whole: bool,
    counts: bool,
    consistent: bool,
    limit: Option<usize>,
    /// Bytes after which a page ends, before the filter.
    full: usize,
    start: Option<Key>,
}

#[derive(Default)]
struct Page {
    items: Vec<Value>,
    count: usize,
    scanned: usize,
    bytes: usize,
    last: Option<Key>,
}

impl Tables {
    pub(super) fn query(&self, value: &Value, moment: &Moment<'_>) -> Result<Value, Refusal> {
        let body =
            Body::read(value, &[&COMMON[..], &["KeyConditionExpression", "ScanIndexForward"]].concat())?;
        let mut symbols = Symbols::read(&body)?;
        let condition = symbols.condition(&body, "KeyConditionExpression")?.ok_or_else(|| {
            Refusal::validation(
                "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.",
            )
        })?;
        let reading = Reading::read(self, &body, &mut symbols)?;
        symbols.finish()?;
        let sort = reading.sort();
        let hash = &reading.table.about.schema.hash;
        if let Some(filter) = &reading.filter {
            let keys = [Some(hash), sort];
            let hit = |name: &str| keys.iter().flatten().any(|attr| attr.name == name);
            if let Some(path) = filter.paths().into_iter().find(|path| hit(&path.head)) {
                return Err(Refusal::validation(format!(
                    "Filter Expression can only contain non-primary key attributes: Primary key attribute: {}",
                    path.head
                )));
            }
        }
        let keys = KeyCondition::of(&condition, hash, sort)?;
        if reading.start.as_ref().is_some_and(|start| start.hash != keys.hash) {
            return Err(Refusal::validation(
                "The provided starting key is outside query boundaries based on provided conditions",
            ));
        }
        let forward = body.flag("ScanIndexForward")?.unwrap_or(true);
        let rows = reading.table.rows(moment.past(reading.consistent), Some(&keys.hash));
        let (low, high) = bounds(&keys);
        let prefix = match &keys.range {
            Range::StartsWith(prefix) => Some(prefix),
            _ => None,
        };
        let fits =
            |key: &Key| prefix.is_none_or(|prefix| key.sort.part().is_some_and(|p| p.starts_with(prefix)));
        let page = match clip(low, high, reading.start.as_ref(), forward) {
            None => Page::default(),
            Some(bounds) => {
                let found = reading.walk(&rows, bounds, forward);
                // What begins with a prefix lies together.
                let found = found.skip_while(|(key, _)| !forward && !fits(key));
                reading.page(found.take_while(|(key, _)| fits(key)))
            }
        };
        reading.answer(page, &body)
    }

    pub(super) fn scan(&self, value: &Value, moment: &Moment<'_>) -> Result<Value, Refusal> {
        let body = Body::read(value, &[&COMMON[..], &["Segment", "TotalSegments"]].concat())?;
        let mut symbols = Symbols::read(&body)?;
        let reading = Reading::read(self, &body, &mut symbols)?;
        symbols.finish()?;
        let segment = match (body.number("Segment", 0, 999_999)?, body.number("TotalSegments", 1, 1_000_000)?)
        {
            (None, None) => None,
            (Some(segment), Some(total)) if segment < total => Some((segment, total)),
            (Some(segment), Some(total)) => {
                return Err(Refusal::validation(format!(
                    "The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: \
                     {segment} is not less than TotalSegments: {total}"
                )));
            }
            (Some(_), None) => {
                return Err(Refusal::validation(
                    "The TotalSegments parameter is required but was not present in the request when Segment \
                     parameter is present",
                ));
            }
            (None, Some(_)) => {
                return Err(Refusal::validation(
                    "The Segment parameter is required but was not present in the request when parameter \
                     TotalSegments is present",
                ));
            }
        };
        let rows = reading.table.rows(moment.past(reading.consistent), None);
        let low = reading.start.clone().map_or(Bound::Unbounded, Bound::Excluded);
        let found = reading.walk(&rows, (low, Bound::Unbounded), true);
        let mine = |key: &Key| segment.is_none_or(|(segment, total)| key.segment(total) == segment);
        let page = reading.page(found.filter(|(key, _)| mine(key)));
        reading.answer(page, &body)
    }
}

impl<'t> Reading<'t> {
    fn read<'a>(tables: &'t Tables, body: &Body<'a>, symbols: &mut Symbols<'a>) -> Result<Self, Refusal> {
        let filter = symbols.condition(body, "FilterExpression")?;
        let projection = symbols.parse(body, "ProjectionExpression", Projection::parse)?;
        let table = tables.open(body.table()?)?;
        let index = match body.text("IndexName")? {
            None => None,
            Some(name) => Some(table.about.indexes.get_key_value(name).ok_or_else(|| {
                Refusal::validation(format!("The table does not have the specified index: {name}"))
            })?),
        };
        let index = index.map(|(name, index)| (name.as_str(), index));
        const SELECT: [&str; 4] =
            ["SPECIFIC_ATTRIBUTES", "COUNT", "ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES"];
        let select = body.choice("Select", &SELECT)?;
        match (select, &projection) {
            (Some("SPECIFIC_ATTRIBUTES"), None) => {
                return Err(Refusal::validation(
                    "Must specify the AttributesToGet or ProjectionExpression when choosing to get \
                     SPECIFIC_ATTRIBUTES",
                ));
            }
            (Some(select), Some(_)) if select != "SPECIFIC_ATTRIBUTES" => {
                return Err(Refusal::validation(format!(
                    "Cannot specify the ProjectionExpression when choosing to get {select}"
                )));
            }
            (Some("ALL_PROJECTED_ATTRIBUTES"), _) if index.is_none() => {
                return Err(Refusal::parameter(
                    "ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName",
                ));
            }
            _ => {}
        }
        table.about.schema.check_scalars(filter.iter().flat_map(Condition::nested))?;
        table.about.schema.check_scalars(projection.iter().flat_map(Projection::nested))?;
        let start = body.object("ExclusiveStartKey")?;
        let start = start.map(|start| start_key(table, index, start)).transpose()?;
        Ok(Self {
            table,
            index,
            filter,
            projection,
            whole: matches!(select, Some("ALL_ATTRIBUTES" | "SPECIFIC_ATTRIBUTES")),
            counts: select == Some("COUNT"),
            consistent: body.flag("ConsistentRead")?.unwrap_or(false),
            limit: body.number("Limit", 1, i64::from(i32::MAX))?,
            full: tables.place.page,
            start,
        })
    }

    /// The sort key of what is read.
    fn sort(&self) -> Option<&'t super::key::KeyAttr> {
        match self.index {
            Some((_, index)) => Some(&index.sort),
            None => self.table.about.schema.sort.as_ref(),
        }
    }

    /// The rows within bounds, in order.
    fn walk<'r>(
        &self,
        rows: &'r Rows,
        bounds: Bounds,
        forward: bool,
    ) -> Box<dyn Iterator<Item = (&'r Key, &'r Arc<Row>)> + 'r> {
        match self.index {
            None => {
                let range = rows.items.range(bounds);
                if forward { Box::new(range) } else { Box::new(range.rev()) }
            }
            Some((name, _)) => {
                let entries = rows.indexes.get(name).into_iter();
                let range = entries.flat_map(move |entries| entries.range(bounds.clone()));
                let row = |entry: &'r Key| Some((entry, rows.items.get(&entry.primary())?));
                if forward { Box::new(range.filter_map(row)) } else { Box::new(range.rev().filter_map(row)) }
            }
        }
    }

    /// Reads on until the page is full. A page that its limit ended has a last key although nothing may follow.
    fn page<'r>(&self, found: impl Iterator<Item = (&'r Key, &'r Arc<Row>)>) -> Page {
        let mut page = Page::default();
        for (key, row) in found {
            page.scanned += 1;
            page.bytes += row.size;
            let narrowed = self.narrowed(&row.item);
            let item = narrowed.as_ref().unwrap_or(&row.item);
            if self.filter.as_ref().is_none_or(|filter| filter.holds(item)) {
                page.count += 1;
                if !self.counts {
                    page.items.push(match &self.projection {
                        Some(projection) => item_json(&projection.show(item)),
                        None => item_json(item),
                    });
                }
            }
            if self.limit == Some(page.scanned) || page.bytes >= self.full {
                page.last = Some(key.clone());
                break;
            }
        }
        page
    }

    /// The item as the index shows it, where that is less than the whole.
    fn narrowed(&self, item: &Item) -> Option<Item> {
        let (_, index) = self.index.filter(|_| !self.whole)?;
        let more: &[String] = match &index.projection {
            Shown::All => return None,
            Shown::KeysOnly => &[],
            Shown::Include(names) => names,
        };
        let keys = self.table.about.schema.attrs().chain([&index.sort]).map(|attr| &attr.name);
        let names: BTreeSet<&String> = keys.chain(more).collect();
        let shown = item.iter().filter(|(name, _)| names.contains(name));
        Some(shown.map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    fn answer(&self, page: Page, body: &Body<'_>) -> Result<Value, Refusal> {
        let mut answer = json!({"Count": page.count, "ScannedCount": page.scanned});
        if !self.counts {
            answer["Items"] = page.items.into();
        }
        if let Some(last) = page.last {
            let schema = &self.table.about.schema;
            let mut shown = match self.index {
                None => schema.attributes(&last),
                Some(_) => schema.attributes(&last.primary()),
            };
            if let (Some((_, index)), Some(part)) = (self.index, last.sort.part()) {
                shown.insert(index.sort.name.clone(), part.to_attr());
            }
            answer["LastEvaluatedKey"] = item_json(&shown);
        }
        let units = read_units(page.bytes, self.consistent);
        Bill::read(body)?.one(&mut answer, &self.table.about.name, units);
        Ok(answer)
    }
}

/// The place after which to go on.
fn start_key(
    table: &Table,
    index: Option<(&str, &Index)>,
    start: &Map<String, Value>,
) -> Result<Key, Refusal> {
    let invalid = |told: &str| Refusal::validation(format!("The provided starting key is invalid{told}"));
    let mut start = read_item(start)?;
    let schema = &table.about.schema;
    let Some((name, index)) = index else {
        return schema.key_named(&start).map_err(|refusal| invalid(&format!(": {}", refusal.message)));
    };
    let sort = index.sort.in_index(name, &start).ok().flatten().ok_or_else(|| invalid(""))?;
    if !schema.has(&index.sort.name) {
        start.remove(&index.sort.name);
    }
    let key = schema.key_named(&start).map_err(|refusal| invalid(&format!(": {}", refusal.message)))?;
    Ok(Key::bound(&key.hash, Sort::At(sort), key.sort))
}

/// The ends of what a key condition means.
fn bounds(keys: &KeyCondition) -> Bounds {
    let at = |sort: Sort, tail: Sort| Key::bound(&keys.hash, sort, tail);
    let before = |part: &super::key::Part| at(Sort::At(part.clone()), Sort::Least);
    let after = |part: &super::key::Part| at(Sort::At(part.clone()), Sort::Most);
    let first = Bound::Included(at(Sort::Least, Sort::Least));
    let last = Bound::Included(at(Sort::Most, Sort::Most));
    match &keys.range {
        Range::All => (first, last),
        Range::Is(part) => (Bound::Included(before(part)), Bound::Included(after(part))),
        Range::Below(part) => (first, Bound::Excluded(before(part))),
        Range::UpTo(part) => (first, Bound::Included(after(part))),
        Range::Above(part) => (Bound::Excluded(after(part)), last),
        Range::From(part) | Range::StartsWith(part) => (Bound::Included(before(part)), last),
        Range::Between(low, high) => (Bound::Included(before(low)), Bound::Included(after(high))),
    }
}

/// Bounds that begin after where the last page ended; none where nothing can lie between them.
fn clip(low: Bound<Key>, high: Bound<Key>, start: Option<&Key>, forward: bool) -> Option<Bounds> {
    let value = |bound: &Bound<Key>| match bound {
        Bound::Included(key) | Bound::Excluded(key) => Some(key.clone()),
        Bound::Unbounded => None,
    };
    let (mut low, mut high) = (low, high);
    if let Some(start) = start {
        if forward && value(&low).is_none_or(|low| *start >= low) {
            low = Bound::Excluded(start.clone());
        }
        if !forward && value(&high).is_none_or(|high| *start <= high) {
            high = Bound::Excluded(start.clone());
        }
    }
    let (from, to) = (value(&low)?, value(&high)?);
    let closed = matches!((&low, &high), (Bound::Included(_), Bound::Included(_)));
    (from < to || from == to && closed).then_some((low, high))
}
