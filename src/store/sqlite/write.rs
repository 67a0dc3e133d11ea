//! Writing: a batch is one transaction.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::Failure;
use super::layout::Kind;
use super::read::{bytes, counter, identity, severity_text, signed};
use crate::model::FeatureName;
use crate::store::{
    BATCH_MOST, Batch, EVENTS_KEPT, EventRow, Expect, StoreError, StoreIdentity, Write, codec,
};

/// How many events are kept of all features together. History outlives its
/// feature, so something else must bound it.
const EVENTS_KEPT_IN_ALL: u64 = 20_000;

/// Carries out a batch, or nothing of it.
pub(super) fn commit(connection: &mut Connection, batch: &Batch, here: &str) -> Result<(), Failure> {
    if batch.writes.len() > BATCH_MOST {
        return Err(StoreError::TooMany { writes: batch.writes.len() }.into());
    }
    // Taken for writing from the start: what is checked cannot change before
    // it is written.
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    super::moves::refuse_held(&tx, here)?;
    if let Some(fence) = &batch.fence {
        super::lease::check(&tx, fence)?;
    }
    let mut told = BTreeSet::new();
    for write in &batch.writes {
        if let Write::AddEvent(event) = write {
            told.insert(&event.feature);
        }
        carry_out(&tx, write)?;
    }
    forget_old_events(&tx, &told)?;
    tx.commit()?;
    Ok(())
}

fn carry_out(tx: &Transaction<'_>, write: &Write) -> Result<(), Failure> {
    match write {
        Write::PutSpec { feature, origin, expect } => {
            let name = feature.metadata.name.as_str();
            check(tx, Kind::Spec, name, *expect)?;
            tx.prepare_cached(
                "INSERT INTO spec (feature, body, origin) VALUES (?1, ?2, ?3)
                 ON CONFLICT (feature) DO UPDATE SET body = excluded.body, origin = excluded.origin",
            )?
            .execute(params![name, codec::spec_text(feature), origin])?;
        }
        Write::CheckSpec { feature, expect } => check(tx, Kind::Spec, feature.as_str(), *expect)?,
        Write::DeleteSpec { feature, expect } => delete(tx, Kind::Spec, feature.as_str(), *expect)?,
        Write::PutRecord { record, expect } => {
            let body = serde_json::to_string(record).map_err(Failure::other)?;
            refuse_newer(tx, &record.feature)?;
            put(tx, Kind::Record, record.feature.as_str(), &body, *expect)?;
        }
        Write::DeleteRecord { feature, expect } => {
            refuse_newer(tx, feature)?;
            delete(tx, Kind::Record, feature.as_str(), *expect)?;
        }
        Write::PutStatus(view) => {
            let body = serde_json::to_string(view).map_err(Failure::other)?;
            put(tx, Kind::Status, view.feature.as_str(), &body, Expect::Any)?;
        }
        Write::DeleteStatus(feature) => delete(tx, Kind::Status, feature.as_str(), Expect::Any)?,
        Write::PutDocument { name, body, expect } => put(tx, Kind::Document, name, body, *expect)?,
        Write::AddEvent(event) => add_event(tx, event)?,
        Write::MarkActed => {
            tx.execute("UPDATE identity SET acted = 1", [])?;
        }
    }
    Ok(())
}

/// A record that a newer program wrote says more than this one knows.
fn refuse_newer(tx: &Transaction<'_>, feature: &FeatureName) -> Result<(), Failure> {
    let body = tx
        .prepare_cached("SELECT body FROM record WHERE feature = ?1")?
        .query_row(params![feature.as_str()], |row| Ok(bytes(row.get_ref(0)?)))
        .optional()?;
    match body {
        Some(body) if codec::is_newer_record(&body) => {
            Err(StoreError::NewerRow { what: Kind::Record.row(feature.as_str()) }.into())
        }
        _ => Ok(()),
    }
}

fn put(tx: &Transaction<'_>, kind: Kind, name: &str, body: &str, expect: Expect) -> Result<(), Failure> {
    check(tx, kind, name, expect)?;
    let (table, key) = (kind.table(), kind.key());
    tx.prepare_cached(&format!(
        "INSERT INTO {table} ({key}, body) VALUES (?1, ?2)
         ON CONFLICT ({key}) DO UPDATE SET body = excluded.body"
    ))?
    .execute(params![name, body])?;
    Ok(())
}

fn delete(tx: &Transaction<'_>, kind: Kind, name: &str, expect: Expect) -> Result<(), Failure> {
    check(tx, kind, name, expect)?;
    tx.prepare_cached(&format!("DELETE FROM {} WHERE {} = ?1", kind.table(), kind.key()))?
        .execute(params![name])?;
    Ok(())
}

/// Refuses the write unless the row is as it expects.
fn check(tx: &Transaction<'_>, kind: Kind, name: &str, expect: Expect) -> Result<(), Failure> {
    let wanted = match expect {
        Expect::Any => return Ok(()),
        Expect::Absent => None,
        Expect::Version(version) => Some(signed(version)),
    };
    let (table, key) = (kind.table(), kind.key());
    let found: Option<i64> = tx
        .prepare_cached(&format!(
            "SELECT coalesce(version.n, 0) FROM {table}
             LEFT JOIN version ON version.kind = '{table}' AND version.name = {table}.{key}
             WHERE {table}.{key} = ?1"
        ))?
        .query_row(params![name], |row| row.get(0))
        .optional()?;
    if found == wanted { Ok(()) } else { Err(StoreError::Conflict { what: kind.row(name) }.into()) }
}

pub(super) fn add_event(tx: &Transaction<'_>, event: &EventRow) -> Result<(), Failure> {
    tx.prepare_cached(
        "INSERT INTO event (feature, at, severity, reason, message) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        event.feature.as_str(),
        event.at.to_string(),
        severity_text(event.severity),
        event.reason,
        event.message
    ])?;
    Ok(())
}

pub(super) fn forget_old_events(
    tx: &Transaction<'_>,
    features: &BTreeSet<&FeatureName>,
) -> Result<(), Failure> {
    if features.is_empty() {
        return Ok(());
    }
    for feature in features {
        tx.prepare_cached(
            "DELETE FROM event WHERE feature = ?1 AND seq <=
               (SELECT seq FROM event WHERE feature = ?1 ORDER BY seq DESC LIMIT 1 OFFSET ?2)",
        )?
        .execute(params![feature.as_str(), i64::try_from(EVENTS_KEPT).unwrap_or(i64::MAX)])?;
    }
    let surplus = counter(tx, "events")?.saturating_sub(EVENTS_KEPT_IN_ALL);
    if surplus > 0 {
        tx.execute(
            "DELETE FROM event WHERE seq IN (SELECT seq FROM event ORDER BY seq LIMIT ?1)",
            params![signed(surplus)],
        )?;
    }
    Ok(())
}

/// Binds what the identity left open; refuses what contradicts it.
pub(super) fn bind(
    connection: &mut Connection,
    account: &str,
    region: &str,
    installation: &str,
    here: &str,
) -> Result<StoreIdentity, Failure> {
    let agrees = |bound: &Option<String>, asked: &str| bound.as_deref().is_none_or(|bound| bound == asked);
    let found = identity(connection)?;
    if !(agrees(&found.account, account)
        && agrees(&found.region, region)
        && agrees(&found.installation, installation))
    {
        let bound = told(
            found.account.as_deref().unwrap_or(account),
            found.region.as_deref().unwrap_or(region),
            found.installation.as_deref().unwrap_or(installation),
        );
        return Err(StoreError::ForeignIdentity { bound, asked: told(account, region, installation) }.into());
    }
    if found.account.is_some() && found.region.is_some() && found.installation.is_some() {
        // Nothing to write: a read-only connection may ask, too.
        return Ok(found);
    }
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    super::moves::refuse_held(&tx, here)?;
    if identity(&tx)? != found {
        // Somebody bound it between our look and our lock; look again.
        return Err(StoreError::Busy.into());
    }
    tx.execute(
        "UPDATE identity SET account = ?1, region = ?2, installation = ?3",
        params![account, region, installation],
    )?;
    let bound = identity(&tx)?;
    tx.commit()?;
    Ok(bound)
}

fn told(account: &str, region: &str, installation: &str) -> String {
    format!("account {account}, region {region}, installation {installation}")
}
