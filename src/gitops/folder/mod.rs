//! A folder of specifications as a source: what is written there is applied,
//! what is removed there is deleted, and what is wrong there changes nothing.

mod read;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::Clock;
use crate::model::FeatureName;
use crate::store::{Store, StoreError};

pub use read::{Reading, read_template, specs_below};

/// How long a feature's file must be gone before that counts: editors and
/// version control remove files for a moment when they replace them.
const GRACE: Duration = Duration::from_secs(3);

/// A folder that is looked at again and again.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// What rows that it brought say of their origin: `folder:specs`.
    origin: String,
    clock: Clock,
    /// Content of the last reading that was carried out to the end.
    done: Option<[u8; 32]>,
    /// Whether a write came to nothing in the look that is under way.
    left: bool,
    /// Mistakes and refusals that were told already.
    told: BTreeSet<String>,
    /// Files by the features that they brought, as far as this process saw.
    files: BTreeMap<FeatureName, String>,
    /// Features that no file has any more, and since when.
    leaving: BTreeMap<FeatureName, Instant>,
}

/// Something that a look at the folder brought about, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// A new feature was applied.
    Applied {
        /// Which.
        feature: FeatureName,
        /// From which file.
        file: String,
    },
    /// A changed one was applied.
    Changed {
        /// Which.
        feature: FeatureName,
        /// From which file.
        file: String,
        /// The image before and now, where that changed.
        image: Option<(String, String)>,
    },
    /// No file has it any more; unless it returns, it is deleted.
    Leaving {
        /// Which.
        feature: FeatureName,
        /// The file that had it, where this process saw it.
        file: Option<String>,
    },
    /// A file has it again.
    Returned {
        /// Which.
        feature: FeatureName,
    },
    /// Its deletion was asked for.
    Removed {
        /// Which.
        feature: FeatureName,
    },
    /// It is not deleted, or not applied, and why.
    Refused {
        /// Which.
        feature: FeatureName,
        /// Why, as a sentence.
        why: String,
    },
    /// Mistakes, with the lines shown; nothing of these files was applied.
    Mistakes(String),
}

impl fmt::Display for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            News::Applied { feature, file } => write!(f, "{feature} is wanted by {file}."),
            News::Changed { feature, file, image: Some((from, to)) } => {
                write!(f, "{feature} was changed in {file}: image {from} → {to}.")
            }
            News::Changed { feature, file, image: None } => write!(f, "{feature} was changed in {file}."),
            News::Leaving { feature, file } => {
                match file {
                    Some(file) => write!(f, "{feature} is no longer in {file}.")?,
                    None => write!(f, "{feature} is no longer in any file.")?,
                }
                write!(f, " It is deleted in {} s unless it returns.", GRACE.as_secs())
            }
            News::Returned { feature } => write!(f, "{feature} is in a file again; it stays."),
            News::Removed { feature } => {
                write!(f, "{feature} is deleted now, because its file is gone.")
            }
            News::Refused { feature, why } => write!(f, "{feature}: {why}"),
            News::Mistakes(text) => {
                write!(
                    f,
                    "{}\nNothing of it is used, and no feature is removed, until that is mended.",
                    text.trim_end()
                )
            }
        }
    }
}

impl Folder {
    /// A folder that has not been looked at.
    pub fn new(path: &Path, clock: Clock) -> Self {
        let origin = format!("folder:{}", path.display());
        Self {
            path: path.to_owned(),
            origin,
            clock,
            done: None,
            left: false,
            told: BTreeSet::new(),
            files: BTreeMap::new(),
            leaving: BTreeMap::new(),
        }
    }

    /// Reads the folder as it is now; nothing is written.
    pub fn read(&self) -> Reading {
        Reading::of(&self.path)
    }

    /// Whether carrying this reading out may do anything.
    pub fn is_news(&self, reading: &Reading) -> bool {
        self.done != Some(reading.content) || !self.leaving.is_empty()
    }

    /// Makes the store want what was read. Called again with the same
    /// reading it does what was left: deletions whose grace is over, and
    /// writes that somebody else's write came before.
    ///
    /// # Errors
    /// The store did not answer. Then nothing is lost: the next call does it.
    pub async fn carry_out(&mut self, reading: &Reading, store: &dyn Store) -> Result<Vec<News>, StoreError> {
        self.left = false;
        let rows = store.load().await?;
        let mut news = self.mistakes(reading);
        news.extend(self.bring(reading, &rows, store).await?);
        news.extend(self.take_away(reading, &rows, store).await?);
        self.done = Some(reading.content).filter(|_| !self.left);
        Ok(news)
    }

    /// Mistakes that were not told yet; what is mended is forgotten, so that
    /// it is told again should it return.
    fn mistakes(&mut self, reading: &Reading) -> Vec<News> {
        let new: Vec<News> = reading
            .mistakes
            .iter()
            .filter(|text| !self.told.contains(*text))
            .map(|text| News::Mistakes(text.clone()))
            .collect();
        if self.done != Some(reading.content) {
            self.told = reading.mistakes.iter().cloned().collect();
        }
        new
    }
}

#[cfg(test)]
mod tests;
