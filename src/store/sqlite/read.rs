//! Reading: rows as of one moment, and only what changed since the last time.

use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::layout::Kind;
use super::{Failure, State};
use crate::model::{FeatureName, Severity, StatusView, StoreId};
use crate::store::{
    Document, EventRow, FeatureRows, Rows, Sealed, SpecBody, StoreIdentity, StoredRecord, StoredSpec, codec,
};

/// SQLite counts in signed numbers.
pub(super) fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// A count; what somebody turned negative by hand counts as nothing.
pub(super) fn unsigned(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

/// One of the counters.
pub(super) fn counter(connection: &Connection, name: &str) -> Result<u64, Failure> {
    let n = connection
        .prepare_cached("SELECT n FROM counter WHERE name = ?1")?
        .query_row(params![name], |row| row.get(0))?;
    Ok(unsigned(n))
}

pub(super) fn identity(connection: &Connection) -> Result<StoreIdentity, Failure> {
    let identity = connection
        .prepare_cached(
            "SELECT store, account, region, installation, acted, place, sealed_to, sealed_at, sealed_by
             FROM identity",
        )?
        .query_row([], |row| {
            let sealed: Option<String> = row.get(6)?;
            let at: Option<String> = row.get(7)?;
            let by: Option<String> = row.get(8)?;
            Ok(StoreIdentity {
                store: StoreId::new(row.get::<_, String>(0)?),
                account: row.get(1)?,
                region: row.get(2)?,
                installation: row.get(3)?,
                acted: row.get(4)?,
                place: row.get(5)?,
                sealed: sealed.map(|to| Sealed {
                    to,
                    at: at.and_then(|at| at.parse().ok()).unwrap_or(Timestamp::UNIX_EPOCH),
                    by: by.unwrap_or_default(),
                }),
                // An import is one transaction here.
                unfinished: false,
            })
        })?;
    Ok(identity)
}

/// Rows as last read, and the number of the last change that they hold.
#[derive(Debug)]
pub(super) struct Cache {
    change: u64,
    rows: Arc<Rows>,
}

/// All rows. Those that did not change since the last call are not read and
/// parsed again: with ten thousand features that is the cost of a turn.
pub(super) fn load(state: &mut State) -> Result<Arc<Rows>, Failure> {
    let tx = state.connection.transaction()?;
    let change = counter(&tx, "change")?;
    // Taken out, so that after an error the next call begins afresh.
    let mut cache = match state.cache.take() {
        // A number that went back means that the file was restored under us.
        Some(cache) if cache.change <= change => cache,
        _ => Cache { change: 0, rows: Arc::default() },
    };
    if cache.change < change {
        let rows = Arc::make_mut(&mut cache.rows);
        for kind in Kind::ALL {
            refresh(&tx, kind, cache.change, rows)?;
        }
        rows.revision = counter(&tx, "revision")?;
        cache.change = change;
    }
    let rows = Arc::clone(&cache.rows);
    state.cache = Some(cache);
    Ok(rows)
}

/// Brings the rows of one kind up to date, from the first change after
/// `seen`.
fn refresh(tx: &Transaction<'_>, kind: Kind, seen: u64, rows: &mut Rows) -> Result<(), Failure> {
    let (table, key) = (kind.table(), kind.key());
    let origin = if kind == Kind::Spec { "spec.origin" } else { "NULL" };
    // The plus keeps SQLite from searching by kind, which would walk through
    // every row to find the few that changed.
    let mut statement = tx.prepare_cached(&format!(
        "SELECT version.name, {table}.{key} IS NOT NULL, version.n, {table}.body, {origin}
         FROM version LEFT JOIN {table} ON {table}.{key} = version.name
         WHERE version.change > ?1 AND +version.kind = '{table}'"
    ))?;
    let mut found = statement.query(params![signed(seen)])?;
    while let Some(row) = found.next()? {
        let (name, there) = (name_of(row)?, row.get::<_, bool>(1)?);
        let feature = FeatureName::new(name.as_str());
        match kind {
            Kind::Spec if there => drop(rows.specs.insert(feature.clone(), spec_row(&feature, row)?)),
            Kind::Spec => drop(rows.specs.remove(&feature)),
            Kind::Record if there => drop(rows.records.insert(feature.clone(), record_row(&feature, row)?)),
            Kind::Record => drop(rows.records.remove(&feature)),
            Kind::Document if there => drop(rows.documents.insert(name, document_row(row)?)),
            Kind::Document => drop(rows.documents.remove(&name)),
            Kind::Status => match codec::read_status(&feature, bytes(row.get_ref(3)?).as_ref()) {
                Some(view) if there => drop(rows.statuses.insert(feature, view)),
                _ => drop(rows.statuses.remove(&feature)),
            },
        }
    }
    Ok(())
}

/// The columns of one row by its name, in the order that [`refresh`] has.
fn row_by_name(kind: Kind) -> String {
    let (table, key) = (kind.table(), kind.key());
    let origin = if kind == Kind::Spec { "spec.origin" } else { "NULL" };
    format!(
        "SELECT {table}.{key}, 1, coalesce(version.n, 0), {table}.body, {origin}
         FROM {table} LEFT JOIN version ON version.kind = '{table}' AND version.name = {table}.{key}
         WHERE {table}.{key} = ?1"
    )
}

/// The three rows of one feature. They are read afresh, without filling the
/// cache: whoever asks for one feature may never ask for all.
pub(super) fn feature(connection: &mut Connection, name: &FeatureName) -> Result<FeatureRows, Failure> {
    let tx = connection.transaction()?;
    let spec = tx
        .prepare_cached(&row_by_name(Kind::Spec))?
        .query_row(params![name.as_str()], |row| spec_row(name, row))
        .optional()?;
    let record = tx
        .prepare_cached(&row_by_name(Kind::Record))?
        .query_row(params![name.as_str()], |row| record_row(name, row))
        .optional()?;
    let status = tx
        .prepare_cached(&row_by_name(Kind::Status))?
        .query_row(params![name.as_str()], |row| {
            Ok(codec::read_status(name, bytes(row.get_ref(3)?).as_ref()))
        })
        .optional()?
        .flatten();
    Ok(FeatureRows { spec, record, status })
}

pub(super) fn statuses(connection: &Connection) -> Result<Vec<StatusView>, Failure> {
    let mut statement = connection.prepare_cached("SELECT feature, body FROM status ORDER BY feature")?;
    let mut found = statement.query([])?;
    let mut views = Vec::new();
    while let Some(row) = found.next()? {
        let name = FeatureName::new(name_of(row)?);
        views.extend(codec::read_status(&name, bytes(row.get_ref(1)?).as_ref()));
    }
    Ok(views)
}

pub(super) fn document(connection: &Connection, name: &str) -> Result<Option<Document>, Failure> {
    let document = connection
        .prepare_cached(&row_by_name(Kind::Document))?
        .query_row(params![name], document_row)
        .optional()?;
    Ok(document)
}

/// Events, newest first. One that a hand made unreadable is passed over.
pub(super) fn events(
    connection: &Connection,
    feature: Option<&FeatureName>,
    limit: usize,
) -> Result<Vec<EventRow>, Failure> {
    let columns = "SELECT feature, at, severity, reason, message FROM event";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = match feature {
        Some(name) => connection
            .prepare_cached(&format!("{columns} WHERE feature = ?1 ORDER BY seq DESC LIMIT ?2"))?
            .query_map(params![name.as_str(), limit], event_row)?
            .collect::<Result<Vec<_>, _>>()?,
        None => connection
            .prepare_cached(&format!("{columns} ORDER BY seq DESC LIMIT ?1"))?
            .query_map(params![limit], event_row)?
            .collect::<Result<Vec<_>, _>>()?,
    };
    Ok(rows.into_iter().flatten().collect())
}

fn event_row(row: &Row<'_>) -> rusqlite::Result<Option<EventRow>> {
    let text = |column| Ok::<_, rusqlite::Error>(lossy(bytes(row.get_ref(column)?).as_ref()));
    let (Ok(at), Ok(severity)) =
        (text(1)?.parse(), serde_json::from_value::<Severity>(serde_json::Value::String(text(2)?)))
    else {
        return Ok(None);
    };
    let feature = FeatureName::new(text(0)?);
    Ok(Some(EventRow { feature, at, severity, reason: text(3)?, message: text(4)? }))
}

/// A severity as events keep it.
pub(super) fn severity_text(severity: Severity) -> &'static str {
    match severity {
        Severity::Trace => "Trace",
        Severity::Debug => "Debug",
        Severity::Info => "Info",
        Severity::Warn => "Warn",
        Severity::Error => "Error",
        Severity::Fatal => "Fatal",
    }
}

fn spec_row(name: &FeatureName, row: &Row<'_>) -> rusqlite::Result<StoredSpec> {
    let origin = bytes(row.get_ref(4)?);
    let body = match std::str::from_utf8(name_bytes(row)?) {
        Ok(_) => codec::read_spec(name, bytes(row.get_ref(3)?).as_ref()),
        Err(_) => SpecBody::Unreadable { why: "the row's name is not UTF-8".to_owned() },
    };
    let origin = if origin.is_empty() { None } else { Some(lossy(&origin)) };
    Ok(StoredSpec { version: unsigned(row.get(2)?), body, origin })
}

fn record_row(name: &FeatureName, row: &Row<'_>) -> rusqlite::Result<StoredRecord> {
    let body = codec::read_record(name, bytes(row.get_ref(3)?).as_ref());
    Ok(StoredRecord { version: unsigned(row.get(2)?), body })
}

fn document_row(row: &Row<'_>) -> rusqlite::Result<Document> {
    Ok(Document { version: unsigned(row.get(2)?), body: lossy(bytes(row.get_ref(3)?).as_ref()) })
}

/// The first column, which names the row; the layout lets only text in.
fn name_bytes<'r>(row: &'r Row<'_>) -> rusqlite::Result<&'r [u8]> {
    Ok(row.get_ref(0)?.as_bytes().unwrap_or_default())
}

fn name_of(row: &Row<'_>) -> rusqlite::Result<String> {
    Ok(lossy(name_bytes(row)?))
}

/// What a hand put into a column for text, as bytes: `readfile()` of the
/// `sqlite3` shell gives a blob, a forgotten quote a number.
pub(super) fn bytes(value: ValueRef<'_>) -> Vec<u8> {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.to_vec(),
        ValueRef::Integer(n) => n.to_string().into_bytes(),
        ValueRef::Real(n) => n.to_string().into_bytes(),
        ValueRef::Null => Vec::new(),
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
