//! The lease row: who may act, under which epoch.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::Failure;
use super::read::{signed, unsigned};
use crate::store::{Fence, Lease, LeaseRow, StoreError};

/// The row as it stands.
pub(super) fn read(connection: &Connection) -> Result<Option<LeaseRow>, Failure> {
    let row = connection
        .prepare_cached("SELECT holder, epoch, beat, length_ms, since FROM lease")?
        .query_row([], |row| {
            Ok(LeaseRow {
                holder: row.get(0)?,
                epoch: unsigned(row.get(1)?),
                beat: unsigned(row.get(2)?),
                length: SignedDuration::from_millis(row.get(3)?),
                since: since(row.get(4)?),
            })
        })
        .optional()?;
    Ok(row)
}

/// A grant that an older program wrote down says no time.
fn since(text: Option<String>) -> Timestamp {
    text.and_then(|text| text.parse().ok()).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Grants the lease if it is free, or stands as it was `seen`.
pub(super) fn acquire(
    connection: &mut Connection,
    holder: &str,
    length: SignedDuration,
    at: Timestamp,
    seen: Option<&LeaseRow>,
    here: &str,
) -> Result<Option<Lease>, Failure> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    super::moves::refuse_held(&tx, here)?;
    let row = read(&tx)?;
    if let Some(row) = &row
        && row.holder.is_some()
        && seen != Some(row)
    {
        return Ok(None);
    }
    // The counter remembers the highest epoch ever granted, so that a lease
    // row that somebody removed or turned back does not bring an old one back
    // to life.
    let last = super::read::counter(&tx, "epoch")?.max(row.as_ref().map_or(0, |row| row.epoch));
    let epoch = last + 1;
    let millis = i64::try_from(length.as_millis()).unwrap_or(i64::MAX).max(0);
    tx.execute("UPDATE counter SET n = ?1 WHERE name = 'epoch'", params![signed(epoch)])?;
    tx.execute(
        "INSERT INTO lease (one, holder, epoch, beat, length_ms, since) VALUES (1, ?1, ?2, 1, ?3, ?4)
         ON CONFLICT (one) DO UPDATE SET
           holder = excluded.holder, epoch = excluded.epoch, beat = excluded.beat,
           length_ms = excluded.length_ms, since = excluded.since",
        params![holder, signed(epoch), millis, at.to_string()],
    )?;
    tx.commit()?;
    let length = SignedDuration::from_millis(millis);
    Ok(Some(Lease { holder: holder.to_owned(), epoch, beat: 1, length, since: at }))
}

/// Renews. The beat that the caller knows does not count: a renewal whose
/// answer was lost must not cost the lease.
pub(super) fn renew(
    connection: &mut Connection,
    lease: &Lease,
    here: &str,
) -> Result<Option<Lease>, Failure> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    super::moves::refuse_held(&tx, here)?;
    let Some(row) = read(&tx)?.filter(|row| held_by(row, &lease.holder, lease.epoch)) else {
        return Ok(None);
    };
    let beat = row.beat + 1;
    tx.execute("UPDATE lease SET beat = ?1", params![signed(beat)])?;
    tx.commit()?;
    Ok(Some(Lease { beat, length: row.length, since: row.since, ..lease.clone() }))
}

/// Gives back what is still ours.
pub(super) fn release(connection: &mut Connection, lease: &Lease) -> Result<(), Failure> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if read(&tx)?.is_some_and(|row| held_by(&row, &lease.holder, lease.epoch)) {
        tx.execute("UPDATE lease SET holder = NULL", [])?;
        tx.commit()?;
    }
    Ok(())
}

/// Refuses unless the row names the fence's holder and epoch.
pub(super) fn check(connection: &Connection, fence: &Fence) -> Result<(), Failure> {
    match read(connection)? {
        Some(row) if held_by(&row, &fence.holder, fence.epoch) => Ok(()),
        _ => Err(StoreError::Fenced.into()),
    }
}

fn held_by(row: &LeaseRow, holder: &str, epoch: u64) -> bool {
    row.holder.as_deref() == Some(holder) && row.epoch == epoch
}
