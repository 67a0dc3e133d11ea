//! From what was read to what the store wants.

use std::collections::BTreeSet;

use tokio::time::Instant;

use super::{Folder, GRACE, News, Reading};
use crate::model::{Ask, Feature, FeatureName, Located, Record, spec_hash};
use crate::store::{Batch, Expect, RecordBody, Rows, SpecBody, Store, StoreError, StoredSpec, Write};

/// What is done about one feature of a file.
enum Verdict {
    /// The store has it as it is.
    Same,
    Apply(Write, News),
    Refuse(String),
}

impl Folder {
    /// Applies what is new or changed: each feature by itself, so that one
    /// that somebody else writes at the same moment stops no other.
    pub(super) async fn bring(
        &mut self,
        reading: &Reading,
        rows: &Rows,
        store: &dyn Store,
    ) -> Result<Vec<News>, StoreError> {
        let mut news = Vec::new();
        for feature in &reading.features {
            let name = &feature.value.metadata.name;
            self.files.insert(name.clone(), feature.file.clone());
            match self.judge(feature, rows) {
                Verdict::Same => {}
                Verdict::Apply(write, applied) => {
                    if self.write(vec![write], store).await? {
                        news.push(applied);
                    }
                }
                Verdict::Refuse(why) => news.extend(self.refuse(name, why)),
            }
        }
        Ok(news)
    }

    fn judge(&self, feature: &Located<Feature>, rows: &Rows) -> Verdict {
        let name = &feature.value.metadata.name;
        let stored = rows.specs.get(name);
        if let Some(other) =
            stored.and_then(|stored| stored.origin.as_ref()).filter(|other| **other != self.origin)
        {
            return Verdict::Refuse(format!("{other} brings it too, so {} does not touch it.", feature.file));
        }
        if let Some(why) = record(rows, name).and_then(|record| moved(&feature.value, record)) {
            return Verdict::Refuse(why);
        }
        let before = stored.and_then(readable);
        let ours = stored.is_some_and(|stored| stored.origin.as_ref() == Some(&self.origin));
        if ours && before.is_some_and(|before| spec_hash(before) == spec_hash(&feature.value)) {
            return Verdict::Same;
        }
        let write = Write::PutSpec {
            feature: Box::new(feature.value.clone()),
            origin: Some(self.origin.clone()),
            expect: stored.map_or(Expect::Absent, |stored| Expect::Version(stored.version)),
        };
        let (feature, file) = (name.clone(), feature.file.clone());
        let news = match stored {
            None => News::Applied { feature, file },
            Some(_) => {
                let image = match &write {
                    Write::PutSpec { feature: after, .. } => changed_image(before, after),
                    _ => None,
                };
                News::Changed { feature, file, image }
            }
        };
        Verdict::Apply(write, news)
    }

    /// Deletes what this folder brought and no file has any more, once that
    /// was said and the grace is over.
    pub(super) async fn take_away(
        &mut self,
        reading: &Reading,
        rows: &Rows,
        store: &dyn Store,
    ) -> Result<Vec<News>, StoreError> {
        let wanted: BTreeSet<&FeatureName> =
            reading.features.iter().map(|feature| &feature.value.metadata.name).collect();
        let mut news = Vec::new();
        self.leaving.retain(|name, _| {
            let returned = wanted.contains(name);
            if returned {
                news.push(News::Returned { feature: name.clone() });
            }
            !returned && rows.specs.contains_key(name)
        });
        if !reading.mistakes.is_empty() {
            // The feature may stand in the file that cannot be read.
            self.leaving.clear();
            return Ok(news);
        }
        let now = Instant::now();
        let ours = |stored: &StoredSpec| stored.origin.as_ref() == Some(&self.origin);
        let gone: Vec<_> =
            rows.specs.iter().filter(|(name, stored)| ours(stored) && !wanted.contains(*name)).collect();
        for (name, stored) in gone {
            let record = record(rows, name);
            if record.is_some_and(Record::is_protected) || readable(stored).is_some_and(|it| it.spec.protect)
            {
                let why = format!(
                    "its file is gone, and it stays, because it is protected. Try: sprout protect {name} --off"
                );
                news.extend(self.refuse(name, why));
                continue;
            }
            match self.leaving.get(name) {
                None => {
                    self.leaving.insert(name.clone(), now);
                    news.push(News::Leaving { feature: name.clone(), file: self.files.get(name).cloned() });
                }
                Some(since) if now.duration_since(*since) >= GRACE => {
                    let writes = self.farewell(name, stored, rows);
                    if self.write(writes, store).await? {
                        self.leaving.remove(name);
                        self.files.remove(name);
                        news.push(News::Removed { feature: name.clone() });
                    }
                }
                Some(_) => {}
            }
        }
        Ok(news)
    }

    /// An asked deletion: the wish goes, and the record says that it is one.
    fn farewell(&self, name: &FeatureName, stored: &StoredSpec, rows: &Rows) -> Vec<Write> {
        let expect = Expect::Version(stored.version);
        let mut writes = vec![Write::DeleteSpec { feature: name.clone(), expect }];
        if let (Some(found), Some(record)) = (rows.records.get(name), record(rows, name)) {
            let mut record = record.clone();
            record.asks.deletion = Some(Ask {
                what: (),
                by: self.origin.clone(),
                at: self.clock.now(),
                why: Some("its file is gone".to_owned()),
            });
            writes
                .push(Write::PutRecord { record: Box::new(record), expect: Expect::Version(found.version) });
        }
        writes
    }

    /// Writes, unless somebody else wrote the same row meanwhile: then it is
    /// decided anew at the next look.
    async fn write(&mut self, writes: Vec<Write>, store: &dyn Store) -> Result<bool, StoreError> {
        match store.commit(Batch { fence: None, writes }).await {
            Ok(()) => Ok(true),
            Err(StoreError::Conflict { .. }) => {
                self.left = true;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Says a refusal once.
    fn refuse(&mut self, name: &FeatureName, why: String) -> Option<News> {
        self.told.insert(format!("{name}: {why}")).then(|| News::Refused { feature: name.clone(), why })
    }
}

fn readable(stored: &StoredSpec) -> Option<&Feature> {
    match &stored.body {
        SpecBody::Readable { feature, .. } => Some(feature),
        SpecBody::Unreadable { .. } => None,
    }
}

fn record<'a>(rows: &'a Rows, name: &FeatureName) -> Option<&'a Record> {
    match &rows.records.get(name)?.body {
        RecordBody::Readable(record) => Some(record),
        RecordBody::Unreadable { .. } => None,
    }
}

/// Why this specification cannot be: an environment does not move to another
/// application.
fn moved(feature: &Feature, record: &Record) -> Option<String> {
    let (now, wanted) = (record.identity.application.as_ref()?, feature.spec.application.as_ref()?);
    (now != wanted && record.identity.ledger.is_some()).then(|| {
        format!(
            "it lives in application {now}, and an environment cannot move to {wanted}. \
             Give it another name in its file, or delete it first."
        )
    })
}

fn changed_image(before: Option<&Feature>, after: &Feature) -> Option<(String, String)> {
    let (from, to) = (before?.spec.image.clone()?, after.spec.image.clone()?);
    (from != to).then_some((from, to))
}
