//! The lease: conditional updates of the head row.

use jiff::{SignedDuration, Timestamp};

use super::DynamoStore;
use super::attribute::{number, text};
use super::expression::Expression;
use super::head::{self, Head, may_be_written};
use super::layout::Table;
use crate::aws::{CallError, Item, TableError};
use crate::store::{Lease, LeaseRow, StoreError};

/// How a change of the head row ended.
pub(super) enum Changed {
    /// It was carried out: the row afterwards.
    Done(Item),
    /// Its condition did not hold: the row as it was found. `doubtful` if an
    /// earlier try of this change may have been carried out.
    Unmet { head: Box<Head>, doubtful: bool },
}

impl DynamoStore {
    /// Changes the head row under a condition. Only for changes that may be
    /// carried out twice.
    pub(super) async fn change_head(&self, expression: &Expression) -> Result<Changed, StoreError> {
        let (mut pauses, mut doubtful) = (self.pauses(), false);
        let table = self.tables.name(Table::State);
        loop {
            let error = match self.send_update(table, &head::key(), expression).await {
                Ok(item) => return Ok(Changed::Done(item)),
                Err(TableError::Unmet(unmet)) => {
                    let head = match unmet.into_values().flatten().next() {
                        Some(item) => self.head_of(Some(item))?,
                        None => self.head().await?,
                    };
                    return Ok(Changed::Unmet { head: Box::new(head), doubtful });
                }
                Err(error @ TableError::Busy(_)) => error,
                Err(error @ TableError::Call(CallError::Unknown { .. })) => {
                    doubtful = true;
                    error
                }
                Err(error) => return Err(self.told(error)),
            };
            match pauses.next() {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(self.told(error)),
            }
        }
    }

    /// Grants the lease if it is free, or stands as it was `seen`.
    pub(super) async fn grant(
        &self,
        holder: &str,
        length: SignedDuration,
        at: Timestamp,
        seen: Option<&LeaseRow>,
    ) -> Result<Option<Lease>, StoreError> {
        self.may_write()?;
        let grant = self.entropy.word(16);
        let millis = i64::try_from(length.as_millis()).unwrap_or(i64::MAX).max(0);
        let mut change = Expression::default();
        may_be_written(&mut change, &self.here);
        let free = format!("attribute_not_exists({})", change.name(head::HOLDER));
        let term = match seen.and_then(|seen| Some((seen, seen.holder.as_ref()?))) {
            None => free,
            Some((seen, before)) => {
                let as_seen: Vec<String> = [
                    (head::HOLDER, text(before)),
                    (head::EPOCH, number(seen.epoch)),
                    (head::BEAT, number(seen.beat)),
                ]
                .into_iter()
                .map(|(name, value)| format!("{} = {}", change.name(name), change.value(value)))
                .collect();
                format!("({free} OR ({}))", as_seen.join(" AND "))
            }
        };
        change.term(term);
        change.set(head::HOLDER, text(holder));
        change.increase(head::EPOCH);
        change.set(head::BEAT, number(1));
        change.set(head::LENGTH, number(millis));
        change.set(head::SINCE, text(at.to_string()));
        change.set(head::GRANT, text(&grant));
        let granted = match self.change_head(&change).await? {
            Changed::Done(item) => self.head_of(Some(item))?,
            // The word is of this call alone: an earlier try was carried out.
            Changed::Unmet { head, .. } if head.grant.as_ref() == Some(&grant) => *head,
            Changed::Unmet { head, .. } => {
                head.check(&self.here, None)?;
                return Ok(None);
            }
        };
        let length = SignedDuration::from_millis(millis);
        Ok(Some(Lease { holder: holder.to_owned(), epoch: granted.epoch, beat: 1, length, since: at }))
    }

    /// Renews. The beat that the caller knows does not count, so a renewal
    /// whose answer was lost is just repeated.
    pub(super) async fn renewed(&self, lease: &Lease) -> Result<Option<Lease>, StoreError> {
        self.may_write()?;
        let mut change = Expression::default();
        may_be_written(&mut change, &self.here);
        head::is_held(&mut change, &lease.holder, lease.epoch);
        change.increase(head::BEAT);
        match self.change_head(&change).await? {
            Changed::Done(item) => {
                let row = self.head_of(Some(item))?.lease;
                Ok(row.map(|row| Lease {
                    holder: lease.holder.clone(),
                    epoch: row.epoch,
                    beat: row.beat,
                    length: row.length,
                    since: row.since,
                }))
            }
            Changed::Unmet { head, .. } => {
                head.check(&self.here, None)?;
                Ok(None)
            }
        }
    }

    /// Gives back what is still ours.
    pub(super) async fn give_back(&self, lease: &Lease) -> Result<(), StoreError> {
        self.may_write()?;
        let mut change = Expression::default();
        head::is_ours(&mut change);
        head::is_held(&mut change, &lease.holder, lease.epoch);
        change.remove(head::HOLDER);
        self.change_head(&change).await.map(drop)
    }
}
