//! The head row: who the store is, whether it may be written to, and the
//! lease. All of it is one item, so that one condition covers all of it.

use jiff::{SignedDuration, Timestamp};

use super::attribute::{number, number_of, text, text_of};
use super::expression::Expression;
use super::layout::{HEAD, LAYOUT, PROGRAM, SCHEMA, state_key};
use crate::aws::Item;
use crate::model::StoreId;
use crate::store::{Fence, LeaseRow, Sealed, StoreError, StoreIdentity};

pub(super) const STORE: &str = "store";
pub(super) const PROGRAM_NAME: &str = "program";
pub(super) const ACCOUNT: &str = "account";
pub(super) const REGION: &str = "region";
pub(super) const INSTALLATION: &str = "installation";
pub(super) const ACTED: &str = "acted";
pub(super) const PLACE: &str = "place";
pub(super) const SEALED_TO: &str = "sealedTo";
pub(super) const SEALED_AT: &str = "sealedAt";
pub(super) const SEALED_BY: &str = "sealedBy";
pub(super) const UNFINISHED: &str = "unfinished";
pub(super) const HOLDER: &str = "holder";
pub(super) const EPOCH: &str = "epoch";
pub(super) const BEAT: &str = "beat";
pub(super) const LENGTH: &str = "lengthMs";
pub(super) const SINCE: &str = "since";
/// A random word of each grant, by which an own grant is recognised whose
/// answer was lost.
pub(super) const GRANT: &str = "grant";

/// The head row, read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Head {
    pub(super) identity: StoreIdentity,
    /// None before the first grant.
    pub(super) lease: Option<LeaseRow>,
    /// The highest epoch that was ever granted.
    pub(super) epoch: u64,
    pub(super) grant: Option<String>,
}

pub(super) fn key() -> Item {
    state_key(HEAD.0, HEAD.1)
}

/// The head row of a new store.
pub(super) fn first(store: &str, here: &str) -> Item {
    let mut item = key();
    for (name, value) in [
        (PROGRAM_NAME, text(PROGRAM)),
        (SCHEMA, number(LAYOUT)),
        (STORE, text(store)),
        (PLACE, text(here)),
        (EPOCH, number(0)),
    ] {
        item.insert(name.to_owned(), value);
    }
    item
}

/// Reads the head row, unless it is another program's or of a newer layout.
pub(super) fn read(item: &Item) -> Result<Head, Refused> {
    let store = text_of(item, STORE).filter(|_| text_of(item, PROGRAM_NAME) == Some(PROGRAM));
    let (Some(store), Some(schema)) = (store, number_of::<u32>(item, SCHEMA)) else {
        return Err(Refused::Foreign);
    };
    if schema > LAYOUT {
        return Err(Refused::Newer(schema));
    }
    let said = |name: &str| text_of(item, name).map(str::to_owned);
    let time = |name: &str| said(name).and_then(|at| at.parse().ok()).unwrap_or(Timestamp::UNIX_EPOCH);
    let truth = |name: &str| item.get(name).and_then(|value| value.as_bool().ok()).copied().unwrap_or(false);
    let epoch = number_of(item, EPOCH).unwrap_or(0);
    let lease = number_of(item, BEAT).map(|beat| LeaseRow {
        holder: said(HOLDER),
        epoch,
        beat,
        length: SignedDuration::from_millis(number_of(item, LENGTH).unwrap_or(0)),
        since: time(SINCE),
    });
    let sealed =
        said(SEALED_TO).map(|to| Sealed { to, at: time(SEALED_AT), by: said(SEALED_BY).unwrap_or_default() });
    let identity = StoreIdentity {
        store: StoreId::new(store),
        account: said(ACCOUNT),
        region: said(REGION),
        installation: said(INSTALLATION),
        acted: truth(ACTED),
        place: said(PLACE),
        sealed,
        unfinished: truth(UNFINISHED),
    };
    Ok(Head { identity, lease, epoch, grant: said(GRANT) })
}

/// Why a head row is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    Foreign,
    Newer(u32),
}

/// Adds that the store is ours and of no newer layout.
pub(super) fn is_ours(expression: &mut Expression) {
    expression.equal(PROGRAM_NAME, text(PROGRAM));
    expression.at_most(SCHEMA, LAYOUT);
}

/// Adds that the store may be written to, as [`StoreIdentity::hold`] says.
pub(super) fn may_be_written(expression: &mut Expression, here: &str) {
    is_ours(expression);
    expression.equal(PLACE, text(here));
    expression.absent(SEALED_TO);
    expression.absent(UNFINISHED);
}

/// Adds that the lease is still that of the fence.
pub(super) fn is_held(expression: &mut Expression, holder: &str, epoch: u64) {
    expression.equal(HOLDER, text(holder));
    expression.equal(EPOCH, number(epoch));
}

impl Head {
    /// Refuses a write that [`may_be_written`] and [`is_held`] refuse.
    pub(super) fn check(&self, here: &str, fence: Option<&Fence>) -> Result<(), StoreError> {
        if let Some(hold) = self.identity.hold(here) {
            return Err(StoreError::Held(hold));
        }
        match fence {
            Some(fence) if !self.names(&fence.holder, fence.epoch) => Err(StoreError::Fenced),
            _ => Ok(()),
        }
    }

    /// Whether the lease is held under this name and epoch.
    pub(super) fn names(&self, holder: &str, epoch: u64) -> bool {
        let row = self.lease.as_ref();
        row.is_some_and(|row| row.holder.as_deref() == Some(holder) && row.epoch == epoch)
    }
}
