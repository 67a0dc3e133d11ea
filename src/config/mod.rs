//! Settings: defaults, then one file, then the environment, then flags. A key
//! that nobody knows is refused, because a mistyped limit is no limit.

mod error;
mod raw;
mod world;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::SignedDuration;

use crate::aws::{Rate, Rates};
use crate::controller::Cadence;
use crate::model::{ApplicationName, Ttl};
use crate::plan::{Guards, Policy};

pub use error::ConfigError;
pub use world::{DEV_FILE, DevWorld};

/// The settings of this process, resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The store's place, such as `sqlite:.sprout/sprout.db`.
    pub store: String,
    /// The `sprout dev` that runs in this folder, where its store is the one
    /// in use.
    pub dev: Option<DevWorld>,
    /// The installation's name; minted with the store where it is not set.
    pub installation: Option<String>,
    /// The application of specifications that name none.
    pub application: Option<ApplicationName>,
    /// The bucket of our bundles; that of CreateStorageLocation where it is
    /// not set.
    pub bucket: Option<String>,
    /// Platform of new environments: a stack's name, an ARN or a branch.
    pub platform: String,
    /// Instance profile of new environments.
    pub instance_profile: String,
    /// Service role of new environments.
    pub service_role: String,
    /// In front of every environment's name.
    pub prefix: String,
    /// Time to live of specifications that name none.
    pub ttl: Ttl,
    /// Whether `ttl: never` is allowed.
    pub allow_never: bool,
    /// Files of Dockerrun templates, by the name that specifications use.
    pub templates: BTreeMap<String, PathBuf>,
    /// Limits on what one stretch of time may create and destroy.
    pub guards: Guards,
    /// How far the local clock may be from AWS time; `None` is unlimited.
    pub max_skew: Option<SignedDuration>,
    /// How often to look.
    pub cadence: Cadence,
    /// How often AWS may be called.
    pub rates: Rates,
    /// How long the leader's lease lasts without renewal; half of it is what
    /// one call that changes something may take.
    pub lease: SignedDuration,
    /// How often a launch or deployment is tried in all.
    pub tries: u32,
}

/// What flags say; they beat everything else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--config`: the file; it must exist.
    pub config: Option<PathBuf>,
    /// `--store`.
    pub store: Option<String>,
    /// The application, where a command has a flag for it.
    pub application: Option<String>,
}

/// The file that is read where nothing names another one.
const FILE: &str = "sprout.toml";

/// The store where nothing names another one.
const STORE: &str = "sqlite:.sprout/sprout.db";

impl Config {
    /// Loads the settings as they are for a process in this folder.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], with the place and how to mend it.
    pub fn load(flags: &Flags) -> Result<Self, ConfigError> {
        Self::load_from(Path::new(""), flags, &|name| std::env::var(name).ok())
    }

    /// The same for another folder and another environment.
    fn load_from(
        folder: &Path,
        flags: &Flags,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let named = flags.config.clone().or_else(|| variable("SPROUT_CONFIG").map(PathBuf::from));
        let file = match named {
            Some(path) => Some(raw::File::read(path)?),
            None => raw::File::read_if_there(folder.join(FILE))?,
        };
        let layers = raw::Layers::new(file, flags, &variable);
        let mut config = layers.resolve()?;
        // A store that was named on purpose wins over a world that happens
        // to run here.
        if flags.store.is_none()
            && variable("SPROUT_STORE").is_none()
            && let Some(dev) = DevWorld::running_in(folder)
        {
            config.store.clone_from(&dev.store);
            config.dev = Some(dev);
        }
        Ok(config)
    }

    /// What the planner may do by these settings.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Template`] for a template's file that cannot be read.
    pub fn policy(&self) -> Result<Policy, ConfigError> {
        let read = |(name, path): (&String, &PathBuf)| match std::fs::read_to_string(path) {
            Ok(text) => Ok((name.clone(), text)),
            Err(source) => {
                Err(ConfigError::Template { name: name.clone(), path: path.display().to_string(), source })
            }
        };
        Ok(Policy {
            prefix: self.prefix.clone(),
            application: self.application.clone(),
            ttl: self.ttl,
            allow_never: self.allow_never,
            instance_profile: self.instance_profile.clone(),
            service_role: self.service_role.clone(),
            templates: self.templates.iter().map(read).collect::<Result<_, _>>()?,
            guards: self.guards.clone(),
            tries: self.tries,
            max_skew: self.max_skew,
        })
    }
}

impl Default for Config {
    fn default() -> Self {
        let policy = Policy::default();
        Self {
            store: STORE.to_owned(),
            dev: None,
            installation: None,
            application: None,
            bucket: None,
            platform: "Docker on AL2023".to_owned(),
            instance_profile: policy.instance_profile,
            service_role: policy.service_role,
            prefix: policy.prefix,
            ttl: policy.ttl,
            allow_never: policy.allow_never,
            templates: BTreeMap::new(),
            guards: policy.guards,
            max_skew: policy.max_skew,
            cadence: Cadence::default(),
            rates: Rates::default(),
            lease: SignedDuration::from_secs(30),
            tries: policy.tries,
        }
    }
}

/// A time as people write it: `15s`, `3d`, and below seconds `500ms`.
fn time(text: &str) -> Result<SignedDuration, String> {
    let ttl = text.parse::<Ttl>();
    match (ttl, text.parse::<SignedDuration>()) {
        (Ok(Ttl::For(time)), _) => Ok(time),
        (_, Ok(time)) if time > SignedDuration::ZERO => Ok(time),
        _ => Err(format!("{text:?} is no length of time; write it like 500ms, 15s, 10m or 3d")),
    }
}

/// A rate of calls that makes sense.
fn rate(per_second: f64, burst: u32) -> Result<Rate, String> {
    if per_second.is_finite() && per_second > 0.0 && burst > 0 {
        Ok(Rate { per_second, burst })
    } else {
        Err("calls per second and burst must be more than nothing".to_owned())
    }
}

/// A pause between two looks.
fn pause(text: &str) -> Result<Duration, String> {
    time(text).map(SignedDuration::unsigned_abs)
}

#[cfg(test)]
mod tests;
