//! What every command over the store works with.

use std::io::IsTerminal as _;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::cloud::{connection, open_store};
use super::exit::Stop;
use super::out::Out;
use crate::aws::OpenGate;
use crate::clock::{Clock, Entropy};
use crate::config::Config;
use crate::model::{Ask, FeatureName};
use crate::status::{FLEET_DOCUMENT, FleetView};
use crate::store::{Access, Batch, Store, StoreError, open};

/// How often a write is decided anew because somebody else wrote meanwhile.
/// A controller writes a row a few times a minute, so more means trouble.
const TRIES: u32 = 8;

/// The store, the settings and the clock of one command.
pub(crate) struct Session {
    pub(crate) config: Config,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Clock,
    /// Who asks, for the record.
    pub(crate) by: String,
    /// Whether somebody can be asked.
    pub(crate) at_terminal: bool,
}

impl Session {
    /// Opens the store of the settings. A file that is not there is made by
    /// commands that write, and told of by those that read; tables are made by
    /// `sprout init` alone.
    pub(crate) async fn open(config: Config, makes: bool, out: &mut Out<'_>) -> anyhow::Result<Self> {
        if config.dev.is_some() {
            out.say("Using the store of `sprout dev`, which runs here.")?;
        }
        if !makes && !is_there(&config.store) {
            return Err(Stop::outside(format!(
                "there is no store at {}. Start one with: sprout dev, or: sprout apply -f FILE",
                config.store
            )));
        }
        let access = if makes { Access::Ensure } else { Access::Existing };
        let store = open_store(&config, access).await?;
        let at_terminal = std::io::stdin().is_terminal();
        Ok(Self { config, store, clock: Clock::system(), by: who(), at_terminal })
    }

    /// Another store than the session's own, made if need be.
    pub(crate) async fn other(&self, place: &str) -> Result<Arc<dyn Store>, StoreError> {
        let aws = connection(&self.config, Arc::new(OpenGate));
        open(place, Access::Create, &Entropy::system(), &aws).await
    }

    /// An ask of this session's person.
    pub(crate) fn ask<T>(&self, what: T, why: Option<&str>) -> Ask<T> {
        Ask { what, by: self.by.clone(), at: self.clock.now(), why: why.map(str::to_owned) }
    }

    /// AWS time: the local clock, moved by what the leader last saw.
    pub(crate) fn now(&self, fleet: Option<&FleetView>) -> Timestamp {
        let offset = fleet.map_or(SignedDuration::ZERO, |fleet| fleet.offset);
        self.clock.now().checked_add(offset).unwrap_or(Timestamp::MAX)
    }

    /// The leader's account of the fleet, where there is one that can be
    /// read; it is derived, so another one comes.
    pub(crate) async fn fleet(&self) -> Result<Option<FleetView>, StoreError> {
        let document = self.store.document(FLEET_DOCUMENT).await?;
        Ok(document.and_then(|document| serde_json::from_str(&document.body).ok()))
    }

    /// Whether a controller holds the lease.
    pub(crate) async fn is_led(&self) -> Result<bool, StoreError> {
        Ok(self.store.lease().await?.is_some_and(|row| row.holder.is_some()))
    }

    /// Decides and writes, and does so again on fresh rows when somebody else
    /// wrote meanwhile.
    pub(crate) async fn write<T>(
        &self,
        mut decide: impl AsyncFnMut() -> anyhow::Result<(Batch, T)>,
    ) -> anyhow::Result<T> {
        for tried in 1.. {
            let (batch, outcome) = decide().await?;
            if batch.writes.is_empty() {
                return Ok(outcome);
            }
            match self.store.commit(batch).await {
                Ok(()) => return Ok(outcome),
                Err(StoreError::Conflict { .. }) if tried < TRIES => {}
                Err(error) => return Err(error.into()),
            }
        }
        unreachable!("the loop ends by returning")
    }

    /// The refusal of a name that nothing bears, with the nearest that
    /// something does.
    pub(crate) async fn unknown(&self, name: &FeatureName) -> anyhow::Error {
        let known: Vec<FeatureName> = match self.store.load().await {
            Ok(rows) => rows.specs.keys().chain(rows.records.keys()).cloned().collect(),
            Err(error) => return error.into(),
        };
        match nearest(name, &known) {
            Some(near) => Stop::refused(format!(
                "there is no feature {name}. Did you mean {near}? All of them: sprout get"
            )),
            None => Stop::refused(format!("there is no feature {name}. All of them: sprout get")),
        }
    }

    /// Where this session writes, for people: the store and whose account it
    /// is bound to.
    pub(crate) async fn place(&self) -> Result<String, StoreError> {
        let identity = self.store.identity().await?;
        let place = self.store.place();
        Ok(match (&identity.account, &identity.region) {
            (Some(account), Some(region)) => format!("{place} (account {account}, {region})"),
            _ => format!("{place} (no account yet: the first `sprout run` binds it)"),
        })
    }
}

/// Whether there is a store at this place; what is no file's place is left to
/// whoever opens it.
pub(super) fn is_there(place: &str) -> bool {
    place.strip_prefix("sqlite:").is_none_or(|path| std::path::Path::new(path).exists())
}

/// The names of a command. The word `feature` may stand before them, and no
/// feature is named so.
pub(crate) fn names(words: &[String]) -> Vec<FeatureName> {
    let words = match words {
        [first, rest @ ..] if first == "feature" => rest,
        all => all,
    };
    let mut names: Vec<FeatureName> = Vec::new();
    for word in words {
        let name = FeatureName::new(word.as_str());
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The same where at least one name is needed.
pub(crate) fn some_names(words: &[String]) -> anyhow::Result<Vec<FeatureName>> {
    let names = names(words);
    if names.is_empty() { Err(Stop::usage("which feature? Names: sprout get")) } else { Ok(names) }
}

fn nearest<'a>(name: &FeatureName, known: &'a [FeatureName]) -> Option<&'a FeatureName> {
    let last = |name: &FeatureName| name.as_str().rsplit('/').next().map(str::to_lowercase);
    let same_end = known.iter().find(|known| last(known) == last(name));
    let distance = |known: &FeatureName| strsim::damerau_levenshtein(known.as_str(), name.as_str());
    same_end.or_else(|| known.iter().min_by_key(|known| distance(known)).filter(|near| distance(near) <= 3))
}

/// Who sits at this machine.
fn who() -> String {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    set("SPROUT_USER")
        .or_else(|| set("USER"))
        .or_else(|| set("LOGNAME"))
        .unwrap_or_else(|| "somebody".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_word_feature_may_stand_before_names_once() {
        let listed = |list: &[&str]| names(&words(list)).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(listed(&["feature", "feature/login", "b"]), ["feature/login", "b"]);
        assert_eq!(listed(&["b", "b"]), ["b"]);
        assert_eq!(listed(&["feature"]), Vec::<String>::new());
        assert!(some_names(&words(&["feature"])).is_err());
    }

    #[test]
    fn the_nearest_name_is_the_one_that_was_meant() {
        let known = ["feature/login", "checkout"].map(FeatureName::from);
        for (typed, meant) in
            [("login", Some("feature/login")), ("chekcout", Some("checkout")), ("payments", None)]
        {
            assert_eq!(nearest(&FeatureName::from(typed), &known).map(AsRef::as_ref), meant);
        }
    }
}
