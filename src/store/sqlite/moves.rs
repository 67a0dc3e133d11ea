//! Moving: the whole store out and in, the seal, and whose place it is.

use std::collections::BTreeSet;

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::Failure;
use super::layout::Kind;
use super::read::{self, bytes, counter, identity, signed, unsigned};
use super::write::{add_event, forget_old_events};
use crate::model::FeatureName;
use crate::store::dump::merge;
use crate::store::{
    DUMP_SCHEMA, Dump, DumpRow, Hold, Imported, RowBody, RowKind, Scope, Sealed, StoreError, StoreIdentity,
};

/// Refuses a write to a store that is read-only as it stands.
pub(super) fn refuse_held(connection: &Connection, here: &str) -> Result<(), Failure> {
    match identity(connection)?.hold(here) {
        Some(hold) => Err(StoreError::Held(hold).into()),
        None => Ok(()),
    }
}

fn kind_of(row: RowKind) -> Kind {
    match row {
        RowKind::Spec => Kind::Spec,
        RowKind::Record => Kind::Record,
        RowKind::Status => Kind::Status,
        RowKind::Document => Kind::Document,
    }
}

/// Everything, as of one moment.
pub(super) fn export(connection: &mut Connection, from: &str) -> Result<Dump, Failure> {
    let tx = connection.transaction()?;
    all(&tx, from)
}

fn all(tx: &Transaction<'_>, from: &str) -> Result<Dump, Failure> {
    let mut rows = Vec::new();
    for kind in [RowKind::Spec, RowKind::Document, RowKind::Record, RowKind::Status] {
        rows.append(&mut rows_of(tx, kind)?);
    }
    let mut events = read::events(tx, None, usize::MAX)?;
    events.reverse();
    let lease = super::lease::read(tx)?.map_or(0, |row| row.epoch);
    let epoch = counter(tx, "epoch")?.max(lease);
    Ok(Dump { schema: DUMP_SCHEMA, from: from.to_owned(), identity: identity(tx)?, epoch, rows, events })
}

fn rows_of(tx: &Transaction<'_>, kind: RowKind) -> Result<Vec<DumpRow>, Failure> {
    let (table, key) = (kind_of(kind).table(), kind_of(kind).key());
    let origin = if kind == RowKind::Spec { "spec.origin" } else { "NULL" };
    let mut statement = tx.prepare(&format!(
        "SELECT {table}.{key}, {table}.body, coalesce(version.n, 0), {origin} FROM {table}
         LEFT JOIN version ON version.kind = '{table}' AND version.name = {table}.{key}
         ORDER BY {table}.{key}"
    ))?;
    let mut found = statement.query([])?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        let name = String::from_utf8(bytes(row.get_ref(0)?)).map_err(|error| {
            let name = error.into_bytes();
            let name = String::from_utf8_lossy(&name);
            Failure::other(format!(
                "{} has a name that is not UTF-8; rename or remove it by hand first",
                kind.row(&name)
            ))
        })?;
        let origin = bytes(row.get_ref(3)?);
        rows.push(DumpRow {
            kind,
            name,
            body: RowBody::of(bytes(row.get_ref(1)?)),
            origin: (!origin.is_empty()).then(|| String::from_utf8_lossy(&origin).into_owned()),
            version: unsigned(row.get(2)?),
        });
    }
    Ok(rows)
}

/// Takes an export in, in one transaction.
pub(super) fn import(
    connection: &mut Connection,
    dump: &Dump,
    scope: Scope,
    from: &str,
    here: &str,
) -> Result<Imported, Failure> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let before = all(&tx, from)?;
    match before.identity.hold(here) {
        None => {}
        // What was imported before the crash waits for the rest.
        Some(Hold::Unclaimed) if scope == Scope::Everything => {}
        Some(hold) => return Err(StoreError::Held(hold).into()),
    }
    let merge = merge(dump, &before, scope)?;
    if merge.take_over {
        let StoreIdentity { store, account, region, installation, acted, .. } = &dump.identity;
        tx.execute(
            "UPDATE identity SET store = ?1, account = ?2, region = ?3, installation = ?4, acted = ?5,
               place = NULL, sealed_to = NULL, sealed_at = NULL, sealed_by = NULL",
            params![store.as_str(), account, region, installation, acted],
        )?;
    }
    if scope == Scope::Everything && (merge.take_over || dump.epoch > before.epoch) {
        raise_epoch(&tx, dump.epoch.max(before.epoch) + 1)?;
    }
    for row in &merge.rows {
        put(&tx, row)?;
    }
    let mut told: BTreeSet<&FeatureName> = BTreeSet::new();
    for event in &merge.events {
        add_event(&tx, event)?;
        told.insert(&event.feature);
    }
    forget_old_events(&tx, &told)?;
    tx.commit()?;
    Ok(merge.told())
}

fn put(tx: &Transaction<'_>, row: &DumpRow) -> Result<(), Failure> {
    let (table, key) = (kind_of(row.kind).table(), kind_of(row.kind).key());
    let body = row.body.bytes();
    let body = match String::from_utf8(body) {
        Ok(text) => rusqlite::types::Value::Text(text),
        Err(error) => rusqlite::types::Value::Blob(error.into_bytes()),
    };
    tx.prepare_cached(&format!(
        "INSERT INTO {table} ({key}, body) VALUES (?1, ?2)
         ON CONFLICT ({key}) DO UPDATE SET body = excluded.body"
    ))?
    .execute(params![row.name, body])?;
    if row.kind == RowKind::Spec && row.origin.is_some() {
        tx.prepare_cached("UPDATE spec SET origin = ?2 WHERE feature = ?1")?
            .execute(params![row.name, row.origin])?;
    }
    Ok(())
}

/// Sets the highest epoch ever granted, and takes the lease from whoever held
/// it under an older one.
fn raise_epoch(tx: &Transaction<'_>, epoch: u64) -> Result<(), Failure> {
    tx.execute("UPDATE counter SET n = ?1 WHERE name = 'epoch'", params![signed(epoch)])?;
    tx.execute("UPDATE lease SET holder = NULL", [])?;
    Ok(())
}

/// Seals the store for the place that it went to.
pub(super) fn seal(connection: &mut Connection, seal: &Sealed) -> Result<(), Failure> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    match identity(&tx)?.sealed {
        Some(before) if before.to == seal.to => return Ok(()),
        Some(before) => return Err(StoreError::Held(Hold::Sealed(before)).into()),
        None => {}
    }
    tx.execute(
        "UPDATE identity SET sealed_to = ?1, sealed_at = ?2, sealed_by = ?3",
        params![seal.to, seal.at.to_string(), seal.by],
    )?;
    tx.commit()?;
    Ok(())
}

/// Binds the store to where it lies.
pub(super) fn claim(connection: &mut Connection, here: &str) -> Result<StoreIdentity, Failure> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let before = identity(&tx)?;
    if before.hold(here).is_none() {
        return Ok(before);
    }
    tx.execute(
        "UPDATE identity SET place = ?1, sealed_to = NULL, sealed_at = NULL, sealed_by = NULL",
        params![here],
    )?;
    let lease = super::lease::read(&tx)?.map_or(0, |row| row.epoch);
    raise_epoch(&tx, counter(&tx, "epoch")?.max(lease) + 1)?;
    let claimed = identity(&tx)?;
    tx.commit()?;
    Ok(claimed)
}
