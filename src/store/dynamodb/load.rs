//! All rows, and noticing that they changed.
//!
//! Whoever writes through this program says so in the revision row, with the
//! rows that it wrote; these alone are read again. Whoever writes a
//! specification past us (the AWS CLI, a CI job) says nothing, so that the
//! specifications are read as a whole now and then, and everything more
//! rarely: that also finds what a writer did not live to say.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::attribute::text_of;
use super::layout::{KIND, RowName, kind_of, name_of, word};
use super::pulse::Pulse;
use super::read::{document_of, record_of, spec_name, spec_of, status_of};
use super::texts::{Texts, named_by};
use super::{DynamoStore, Pace};
use crate::aws::Item;
use crate::model::FeatureName;
use crate::store::{RowKind, Rows, StoreError};

/// How often at most what was written meanwhile is read once more, so that
/// the rows are of one moment.
const ROUNDS: usize = 3;

/// Rows as last read.
#[derive(Debug)]
pub(super) struct Cache {
    rows: Arc<Rows>,
    texts: Texts,
    /// The change that the rows hold.
    change: u64,
    /// The revision that the row of that name had then.
    announced: u64,
    /// How many changes were found that nobody had announced.
    found: u64,
    specs_due: Instant,
    all_due: Instant,
    /// When texts that no row names are looked for next.
    tidy_due: Instant,
}

impl Cache {
    /// Gives the rows their revision.
    fn number(&mut self) {
        let revision = self.announced + self.found;
        if self.rows.revision != revision {
            Arc::make_mut(&mut self.rows).revision = revision;
        }
    }
}

/// How long until the next reading that costs so many units, when it may cost
/// `budget` of them a second.
fn pause(units: f64, budget: u32, least: Duration, most: Duration) -> Duration {
    Duration::from_secs_f64(units / f64::from(budget.max(1))).clamp(least, most)
}

impl Pace {
    /// The pause after a reading of all specifications that cost so many
    /// units.
    pub fn specs_after(&self, units: f64) -> Duration {
        pause(units, self.units, self.specs, self.specs_at_most)
    }

    /// The pause after a reading of everything.
    pub fn all_after(&self, units: f64) -> Duration {
        pause(units, self.units, self.all, self.all_at_most)
    }
}

impl DynamoStore {
    /// All rows, read where they changed.
    pub(super) async fn load_rows(&self) -> Result<Arc<Rows>, StoreError> {
        let mut cache = self.cache.lock().await;
        let pulse = self.pulse().await?;
        self.refresh(&mut cache, pulse).await?;
        Ok(cache.as_ref().map(|cache| Arc::clone(&cache.rows)).unwrap_or_default())
    }

    /// The revision. Looks for changes that nobody announced when that is
    /// due, so that these move it too.
    pub(super) async fn revision_now(&self) -> Result<u64, StoreError> {
        let mut cache = self.cache.lock().await;
        let pulse = self.pulse().await?;
        let now = Instant::now();
        let due = cache.as_ref().is_none_or(|cache| {
            now >= cache.specs_due || now >= cache.all_due || pulse.change < cache.change
        });
        if due {
            self.refresh(&mut cache, pulse.clone()).await?;
        }
        Ok(cache.as_ref().map_or(pulse.revision, |cache| {
            if due { cache.rows.revision } else { pulse.revision + cache.found }
        }))
    }

    async fn refresh(&self, cache: &mut Option<Cache>, pulse: Pulse) -> Result<(), StoreError> {
        let now = Instant::now();
        let known = cache.as_ref().filter(|cache| now < cache.all_due);
        let changed = known.and_then(|cache| pulse.after_change(cache.change));
        match (cache.as_mut(), changed) {
            (Some(cache), Some(changed)) => {
                self.catch_up(cache, pulse, changed).await?;
                if now >= cache.specs_due {
                    self.read_specs(cache).await?;
                }
            }
            (before, _) => {
                let (next, named) = self.read_all(before.map(|cache| &*cache), pulse).await?;
                self.tidy(cache.insert(next), &named).await;
            }
        }
        Ok(())
    }

    /// Reads the rows that changed, and those that changed meanwhile.
    async fn catch_up(
        &self,
        cache: &mut Cache,
        mut pulse: Pulse,
        mut changed: BTreeSet<RowName>,
    ) -> Result<(), StoreError> {
        for round in 0.. {
            if !changed.is_empty() {
                self.read_again(cache, &changed).await?;
            }
            cache.change = pulse.change;
            cache.announced = pulse.revision;
            cache.number();
            if changed.is_empty() || round == ROUNDS {
                break;
            }
            let next = self.pulse().await?;
            match next.after_change(cache.change) {
                Some(rows) if !rows.is_empty() => changed = rows,
                // Nothing came in between; or so much that the next call reads
                // everything.
                _ => break,
            }
            pulse = next;
        }
        Ok(())
    }

    async fn read_again(&self, cache: &mut Cache, changed: &BTreeSet<RowName>) -> Result<(), StoreError> {
        let keys = changed.iter().map(|row| (row.table(), row.key())).collect();
        let items = self.get_all(keys).await?;
        let new = self.texts_of(items.iter().map(|(_, item)| item), cache.texts.clone()).await?;
        cache.texts.extend(new);
        let mut found: BTreeMap<RowName, Item> =
            items.into_iter().filter_map(|(table, item)| Some((RowName::of(table, &item)?, item))).collect();
        let rows = Arc::make_mut(&mut cache.rows);
        for row in changed {
            place(rows, row, found.remove(row).as_ref(), &cache.texts);
        }
        Ok(())
    }

    /// Reads all specifications; those that changed without a word move the
    /// revision.
    async fn read_specs(&self, cache: &mut Cache) -> Result<(), StoreError> {
        let scanned = self.scan_specs().await?;
        let new = self.texts_of(&scanned.items, cache.texts.clone()).await?;
        cache.texts.extend(new);
        let there: BTreeSet<FeatureName> = scanned.items.iter().map(spec_name).collect();
        let gone: Vec<FeatureName> =
            cache.rows.specs.keys().filter(|name| !there.contains(*name)).cloned().collect();
        let other = |item: &&Item| {
            let known = cache.rows.specs.get(&spec_name(item));
            known.is_none_or(|known| known.version != super::attribute::fingerprint(item))
        };
        let changed: Vec<_> =
            scanned.items.iter().filter(other).map(|item| spec_of(item, &cache.texts)).collect();
        if !gone.is_empty() || !changed.is_empty() {
            cache.found += 1;
            let rows = Arc::make_mut(&mut cache.rows);
            rows.specs.retain(|name, _| !gone.contains(name));
            rows.specs.extend(changed);
            cache.number();
        }
        cache.specs_due = Instant::now() + self.pace.specs_after(scanned.units);
        Ok(())
    }

    /// Reads everything; answers which texts the rows name.
    async fn read_all(
        &self,
        before: Option<&Cache>,
        mut pulse: Pulse,
    ) -> Result<(Cache, BTreeSet<String>), StoreError> {
        let specs = self.scan_specs().await?;
        let (mut rows, mut units) = (Rows::default(), 0.0);
        let mut items = Vec::new();
        for kind in [RowKind::Record, RowKind::Status, RowKind::Document] {
            let read = self.all_of(word(kind)).await?;
            units += read.units;
            items.extend(read.items);
        }
        let known = before.map(|before| before.texts.clone()).unwrap_or_default();
        let texts = self.texts_of(specs.items.iter().chain(&items), known).await?;
        let named = specs.items.iter().chain(&items).flat_map(named_by).collect();
        rows.specs = specs.items.iter().map(|item| spec_of(item, &texts)).collect();
        for item in &items {
            let kind = text_of(item, KIND).and_then(kind_of);
            if let (Some(kind), Some(name)) = (kind, name_of(item)) {
                place(&mut rows, &RowName::new(kind, name), Some(item), &texts);
            }
        }
        // An unannounced change moves the revision; an announced one already
        // has.
        let unannounced = before.is_some_and(|before| {
            before.announced == pulse.revision && !same_but_statuses(&before.rows, &rows)
        });
        let found = before.map_or(0, |before| before.found) + u64::from(unannounced);
        let now = Instant::now();
        rows.revision = pulse.revision + found;
        let mut cache = Cache {
            rows: Arc::new(rows),
            texts,
            change: pulse.change,
            announced: pulse.revision,
            found,
            specs_due: now + self.pace.specs_after(specs.units),
            all_due: now + self.pace.all_after(units + specs.units),
            tidy_due: before.map_or(now + self.pace.tidy, |before| before.tidy_due),
        };
        let seen = pulse.change;
        pulse = self.pulse().await?;
        if let Some(changed) = pulse.after_change(seen).filter(|changed| !changed.is_empty()) {
            self.catch_up(&mut cache, pulse, changed).await?;
        }
        Ok((cache, named))
    }

    /// Lets go of texts that no row names, now and then. Nothing rests on it.
    async fn tidy(&self, cache: &mut Cache, named: &BTreeSet<String>) {
        let now = Instant::now();
        if now < cache.tidy_due || self.may_write().is_err() {
            return;
        }
        cache.tidy_due = now + self.pace.tidy;
        let tidied = async {
            match self.head().await?.identity.hold(&self.here) {
                None => self.let_go(named).await,
                Some(_) => Ok(()),
            }
        };
        if let Err(error) = tidied.await {
            tracing::debug!(error = %super::in_one_line(&error), "texts that no row names are kept for now");
        }
    }
}

/// Puts one row where it belongs, or takes it away.
fn place(rows: &mut Rows, row: &RowName, item: Option<&Item>, texts: &Texts) {
    let name = FeatureName::new(row.name.as_str());
    match (row.kind, item) {
        (RowKind::Spec, Some(item)) => drop(rows.specs.insert(name, spec_of(item, texts).1)),
        (RowKind::Spec, None) => drop(rows.specs.remove(&name)),
        (RowKind::Record, Some(item)) => {
            let record = record_of(&name, item, texts);
            rows.records.insert(name, record);
        }
        (RowKind::Record, None) => drop(rows.records.remove(&name)),
        (RowKind::Document, Some(item)) => {
            drop(rows.documents.insert(row.name.clone(), document_of(item, texts)));
        }
        (RowKind::Document, None) => drop(rows.documents.remove(&row.name)),
        (RowKind::Status, item) => match item.and_then(|item| status_of(&name, item, texts)) {
            Some(view) => drop(rows.statuses.insert(name, view)),
            None => drop(rows.statuses.remove(&name)),
        },
    }
}

fn same_but_statuses(before: &Rows, after: &Rows) -> bool {
    before.specs == after.specs && before.records == after.records && before.documents == after.documents
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_grows_with_what_a_reading_costs_within_its_bounds() {
        let (least, most) = (Duration::from_secs(12), Duration::from_secs(60));
        assert_eq!(pause(1.0, 10, least, most), least);
        assert_eq!(pause(300.0, 10, least, most), Duration::from_secs(30));
        assert_eq!(pause(1e9, 10, least, most), most);
    }
}
