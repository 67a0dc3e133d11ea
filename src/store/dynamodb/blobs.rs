//! Keeping the texts that lie beside their rows, and letting go of them.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;

use super::DynamoStore;
use super::attribute::{number, number_of, text_of};
use super::expression::Expression;
use super::layout::{BLOB, EXPIRES, KIND, NAME, PIECE, Table, state_key};
use super::send::{Action, Does, Ended};
use super::texts::{PIECE_BYTES, Texts};
use crate::aws::Item;
use crate::store::StoreError;

/// How many pieces a text has.
pub(super) const PIECES: &str = "pieces";
/// A piece's bytes.
pub(super) const DATA: &str = "data";
/// When a row that names the text was last written, in seconds since 1970.
const USED: &str = "used";

/// A text that was used within this time is not let go of: its row may not be
/// written yet.
const FRESH: Duration = Duration::from_secs(24 * 3600);
/// How long a text outlives its last row.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

pub(super) fn piece_name(hash: &str, piece: usize) -> String {
    format!("{hash}.{piece:03}")
}

fn seconds(span: Duration) -> i64 {
    i64::try_from(span.as_secs()).unwrap_or(i64::MAX)
}

impl DynamoStore {
    /// Makes sure of these texts, before the rows that name them are written.
    pub(super) async fn keep(&self, texts: &Texts) -> Result<(), StoreError> {
        for (hash, bytes) in texts {
            self.keep_one(hash, bytes).await?;
        }
        Ok(())
    }

    async fn keep_one(&self, hash: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let now = self.clock.now().as_second();
        let key = state_key(BLOB, hash);
        if let Some(about) = self.get(Table::State, key.clone()).await?
            && !about.contains_key(EXPIRES)
            && let Some(used) = number_of::<i64>(&about, USED)
        {
            if now - used < seconds(FRESH) / 2 {
                return Ok(());
            }
            let mut expression = Expression::default();
            expression.present(KIND);
            expression.absent(EXPIRES);
            expression.set(USED, number(now));
            let refresh =
                Action { table: Table::State, does: Does::Update(key.clone()), expression, row: None };
            if let Ended::Done = self.carry_out(&[refresh]).await? {
                return Ok(());
            }
        }
        // Written whole, also where some of it may be there: whoever lets go
        // of it meanwhile finds it used since.
        let pieces: Vec<&[u8]> = bytes.chunks(PIECE_BYTES).collect();
        for (at, piece) in pieces.iter().enumerate() {
            let mut item = state_key(PIECE, &piece_name(hash, at));
            item.insert(DATA.to_owned(), AttributeValue::B(Blob::new(*piece)));
            item.insert(USED.to_owned(), number(now));
            self.put(item).await?;
        }
        let mut item = key;
        item.insert(PIECES.to_owned(), number(pieces.len()));
        item.insert(USED.to_owned(), number(now));
        self.put(item).await
    }

    /// Writes a row of the state table, whatever stands there.
    pub(super) async fn put(&self, item: Item) -> Result<(), StoreError> {
        let put = Action {
            table: Table::State,
            does: Does::Put(item),
            expression: Expression::default(),
            row: None,
        };
        self.carry_out(&[put]).await.map(drop)
    }

    /// Marks texts that no row names, and takes the mark off those that one
    /// does. `named` is what all rows name, read after `begun`.
    pub(super) async fn let_go(&self, named: &BTreeSet<String>) -> Result<(), StoreError> {
        let now = self.clock.now().as_second();
        for about in self.all_of(BLOB).await?.items {
            let (Some(hash), Some(used)) = (text_of(&about, NAME), number_of::<i64>(&about, USED)) else {
                continue;
            };
            match (named.contains(hash), about.contains_key(EXPIRES)) {
                (true, true) => self.mark(&about, hash, used, None).await?,
                (false, false) if now - used > seconds(FRESH) => {
                    self.mark(&about, hash, used, Some(now + seconds(KEPT))).await?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Sets or removes the time at which DynamoDB may remove a text, unless it
    /// was written again meanwhile.
    async fn mark(
        &self,
        about: &Item,
        hash: &str,
        used: i64,
        expires: Option<i64>,
    ) -> Result<(), StoreError> {
        let pieces = number_of::<usize>(about, PIECES).unwrap_or(0);
        let about = state_key(BLOB, hash);
        let pieces = (0..pieces).map(|piece| state_key(PIECE, &piece_name(hash, piece)));
        for key in std::iter::once(about).chain(pieces) {
            let mut expression = Expression::default();
            expression.present(KIND);
            match expires {
                Some(expires) => {
                    expression.at_most(USED, used);
                    expression.set(EXPIRES, number(expires));
                }
                None => expression.remove(EXPIRES),
            }
            let mark = Action { table: Table::State, does: Does::Update(key), expression, row: None };
            if let (Ended::Unmet(_), Some(_)) = (self.carry_out(&[mark]).await?, expires) {
                return Ok(());
            }
        }
        Ok(())
    }
}
