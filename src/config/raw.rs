//! Settings as written, layer by layer.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use figment::error::Kind;
use figment::providers::{Format, Toml};
use figment::value::{Dict, Map};
use figment::{Figment, Metadata, Profile, Provider};
use serde::Deserialize;

use super::error::Place;
use super::{Config, ConfigError, Flags, pause, rate, time};
use crate::model::{ApplicationName, Ttl};
use crate::store::check_place;

/// The environment variables of settings, with the keys that they set.
const VARIABLES: [(&str, &str); 7] = [
    ("SPROUT_STORE", "store"),
    ("SPROUT_INSTALLATION", "installation"),
    ("SPROUT_APPLICATION", "application"),
    ("SPROUT_BUCKET", "bucket"),
    ("SPROUT_PLATFORM", "platform"),
    ("SPROUT_INSTANCE_PROFILE", "instanceProfile"),
    ("SPROUT_SERVICE_ROLE", "serviceRole"),
];

/// Every setting by its key. Absent means the default.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Raw {
    store: Option<String>,
    installation: Option<String>,
    application: Option<String>,
    bucket: Option<String>,
    platform: Option<String>,
    instance_profile: Option<String>,
    service_role: Option<String>,
    prefix: Option<String>,
    ttl: Option<String>,
    allow_never: Option<bool>,
    templates: BTreeMap<String, PathBuf>,
    guards: RawGuards,
    clock: RawClock,
    cadence: RawCadence,
    rate: RawRate,
    lease: Option<String>,
    tries: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct RawGuards {
    asked: Option<usize>,
    creates: Option<usize>,
    window: Option<String>,
    grace: Option<String>,
    inferred_floor: Option<usize>,
    inferred_percent: Option<usize>,
    flap: Option<usize>,
    cap: Option<usize>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct RawClock {
    max_skew: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct RawCadence {
    busy: Option<String>,
    calm: Option<String>,
    watch: Option<String>,
    idle: Option<String>,
    images: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct RawRate {
    per_second: Option<f64>,
    burst: Option<u32>,
}

/// A settings file as read.
pub(super) struct File {
    path: PathBuf,
    text: String,
}

impl File {
    /// Reads a file that must be there.
    pub(super) fn read(path: PathBuf) -> Result<Self, ConfigError> {
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Self { path, text }),
            Err(source) => Err(ConfigError::File { path: path.display().to_string(), source }),
        }
    }

    /// Reads a file that need not be there.
    pub(super) fn read_if_there(path: PathBuf) -> Result<Option<Self>, ConfigError> {
        match Self::read(path) {
            Ok(file) => Ok(Some(file)),
            Err(ConfigError::File { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn place(&self, key: &str) -> Place {
        Place::File(self.path.display().to_string(), line_of(&self.text, key))
    }
}

/// Text settings of one origin, for figment.
struct Layer {
    name: &'static str,
    values: BTreeMap<&'static str, String>,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let dict = self.values.iter().map(|(key, value)| ((*key).to_owned(), value.clone().into())).collect();
        Ok(Map::from([(Profile::Default, dict)]))
    }
}

const ENVIRONMENT: &str = "environment";
const FLAGS: &str = "flags";

/// All layers over the defaults.
pub(super) struct Layers {
    figment: Figment,
    file: Option<File>,
}

impl Layers {
    pub(super) fn new(file: Option<File>, flags: &Flags, variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let mut figment = Figment::new();
        if let Some(file) = &file {
            figment = figment.merge(Toml::string(&file.text));
        }
        let variables = VARIABLES.iter().filter_map(|(name, key)| Some((*key, variable(name)?))).collect();
        let flags = [("store", &flags.store), ("application", &flags.application)];
        let flags = flags.into_iter().filter_map(|(key, value)| Some((key, value.clone()?))).collect();
        figment = figment
            .merge(Layer { name: ENVIRONMENT, values: variables })
            .merge(Layer { name: FLAGS, values: flags });
        Self { figment, file }
    }

    /// The settings, each checked.
    pub(super) fn resolve(&self) -> Result<Config, ConfigError> {
        let raw: Raw = self.figment.extract().map_err(|error| self.told(&error))?;
        let mut config = Config::default();
        self.names(&raw, &mut config)?;
        self.lives(&raw, &mut config)?;
        self.limits(&raw, &mut config)?;
        Ok(config)
    }

    fn names(&self, raw: &Raw, config: &mut Config) -> Result<(), ConfigError> {
        config.installation.clone_from(&raw.installation);
        config.application = raw.application.as_deref().map(ApplicationName::new);
        config.bucket.clone_from(&raw.bucket);
        if let Some(store) = &raw.store {
            config.store = self.checked("store", check_place(store).map(|()| store.clone()))?;
        }
        set(&mut config.platform, &raw.platform);
        set(&mut config.instance_profile, &raw.instance_profile);
        set(&mut config.service_role, &raw.service_role);
        if let Some(prefix) = &raw.prefix {
            config.prefix = self.checked("prefix", legal_prefix(prefix))?;
        }
        let folder = self.file.as_ref().and_then(|file| file.path.parent()).unwrap_or(Path::new(""));
        config.templates =
            raw.templates.iter().map(|(name, path)| (name.clone(), folder.join(path))).collect();
        Ok(())
    }

    fn lives(&self, raw: &Raw, config: &mut Config) -> Result<(), ConfigError> {
        config.allow_never = raw.allow_never.unwrap_or(config.allow_never);
        if let Some(text) = &raw.ttl {
            config.ttl = self.checked("ttl", text.parse().map_err(|error| format!("{text:?}: {error}")))?;
        }
        if config.ttl == Ttl::Never && !config.allow_never {
            let why = "never is only for installations that say allowNever = true".to_owned();
            return self.checked("ttl", Err(why));
        }
        if let Some(text) = &raw.clock.max_skew {
            let skew = if text == "unlimited" { Ok(None) } else { time(text).map(Some) };
            config.max_skew =
                self.checked("clock.maxSkew", skew.map_err(|why| format!("{why}, or `unlimited`")))?;
        }
        if let Some(text) = &raw.lease {
            let long_enough = |lease: jiff::SignedDuration| match lease.as_secs() {
                3.. => Ok(lease),
                _ => Err("the shortest lease is 3s: half of it is what a call may take".to_owned()),
            };
            config.lease = self.checked("lease", time(text).and_then(long_enough))?;
        }
        Ok(())
    }

    fn limits(&self, raw: &Raw, config: &mut Config) -> Result<(), ConfigError> {
        let guards = &mut config.guards;
        guards.asked = raw.guards.asked.unwrap_or(guards.asked);
        guards.creates = raw.guards.creates.unwrap_or(guards.creates);
        guards.inferred_floor = raw.guards.inferred_floor.unwrap_or(guards.inferred_floor);
        guards.inferred_percent = raw.guards.inferred_percent.unwrap_or(guards.inferred_percent);
        guards.flap = raw.guards.flap.unwrap_or(guards.flap);
        guards.cap = raw.guards.cap.or(guards.cap);
        let spans = [
            ("guards.window", &raw.guards.window, &mut guards.window),
            ("guards.grace", &raw.guards.grace, &mut guards.grace),
        ];
        for (key, text, span) in spans {
            if let Some(text) = text {
                *span = self.checked(key, time(text))?;
            }
        }
        let cadence = &mut config.cadence;
        let pauses = [
            ("cadence.busy", &raw.cadence.busy, &mut cadence.busy),
            ("cadence.calm", &raw.cadence.calm, &mut cadence.calm),
            ("cadence.idle", &raw.cadence.idle, &mut cadence.idle),
            ("cadence.images", &raw.cadence.images, &mut cadence.images),
            ("cadence.watch", &raw.cadence.watch, &mut cadence.watch),
        ];
        for (key, text, span) in pauses {
            if let Some(text) = text {
                *span = self.checked(key, pause(text))?;
            }
        }
        let measure = config.rates.beanstalk;
        let per_second = raw.rate.per_second.unwrap_or(measure.per_second);
        config.rates.beanstalk =
            self.checked("rate", rate(per_second, raw.rate.burst.unwrap_or(measure.burst)))?;
        if raw.tries == Some(0) {
            return self.checked("tries", Err("at least one try is needed".to_owned()));
        }
        config.tries = raw.tries.unwrap_or(config.tries);
        Ok(())
    }

    fn checked<T>(&self, key: &str, value: Result<T, String>) -> Result<T, ConfigError> {
        value.map_err(|why| ConfigError::Value { place: self.place(key), key: key.to_owned(), why })
    }

    /// Where the value of a key in force was set.
    fn place(&self, key: &str) -> Place {
        let origin = self.figment.find_metadata(key).map(|metadata| metadata.name.as_ref());
        self.place_in(origin, key)
    }

    fn place_in(&self, origin: Option<&str>, key: &str) -> Place {
        let variable = || VARIABLES.iter().find(|(_, known)| *known == key).map(|(name, _)| *name);
        match (origin, &self.file) {
            (Some(ENVIRONMENT), _) => Place::Variable(variable().unwrap_or("the environment")),
            (Some(FLAGS), _) => Place::Flag(if key == "store" { "--store" } else { "--application" }),
            (_, Some(file)) => file.place(key),
            (_, None) => Place::File("settings".to_owned(), None),
        }
    }

    /// An error of figment in our words.
    fn told(&self, error: &figment::Error) -> ConfigError {
        let origin = error.metadata.as_ref().map(|metadata| metadata.name.as_ref());
        let mut path = error.path.clone();
        if let Kind::UnknownField(key, known) = &error.kind {
            // Some readers name the key in the path as well.
            if path.last() != Some(key) {
                path.push(key.clone());
            }
            let tables = &path[..path.len() - 1];
            let full =
                |key: &str| tables.iter().map(String::as_str).chain([key]).collect::<Vec<_>>().join(".");
            return ConfigError::Unknown {
                place: self.place_in(origin, &path.join(".")),
                key: path.join("."),
                nearest: nearest(key, known).map(full),
                known: known.iter().map(|key| full(key)).collect(),
            };
        }
        let key = path.join(".");
        let (place, why) = match &error.kind {
            Kind::Message(message) => (self.syntax(message), message.trim_end().to_owned()),
            Kind::InvalidType(found, wanted) => {
                (self.place_in(origin, &key), format!("found {found}, and {wanted} belongs here"))
            }
            kind => (self.place_in(origin, &key), kind.to_string()),
        };
        ConfigError::Value { place, key, why }
    }

    /// A file that is no TOML: the parser's message says the line.
    fn syntax(&self, message: &str) -> Place {
        let line = message
            .split_once("at line ")
            .and_then(|(_, rest)| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok());
        let path = self.file.as_ref().map(|file| file.path.display().to_string());
        Place::File(path.unwrap_or_else(|| "settings".to_owned()), line)
    }
}

fn set(place: &mut String, value: &Option<String>) {
    if let Some(value) = value {
        place.clone_from(value);
    }
}

/// What may stand in front of an environment's name (AWS API
/// `CreateEnvironment`: letters, digits and hyphens, no hyphen first), short
/// enough to leave room for slug and hash.
fn legal_prefix(prefix: &str) -> Result<String, String> {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !prefix.is_empty()
        && prefix.len() <= 12
        && prefix.chars().all(legal)
        && !prefix.starts_with('-')
        && prefix.ends_with('-')
    {
        Ok(prefix.to_owned())
    } else {
        Err(format!("{prefix:?} is no prefix; write 2 to 12 of a-z, 0-9 and `-`, ending in `-`, like f-"))
    }
}

/// The known key that is meant, if one is near enough.
fn nearest<'a>(key: &str, known: &[&'a str]) -> Option<&'a str> {
    let flat = |text: &str| text.replace(['-', '_'], "").to_lowercase();
    let near = |known: &&&str| strsim::damerau_levenshtein(&flat(known), &flat(key));
    known.iter().min_by_key(near).filter(|known| near(known) <= 2.max(key.len() / 4)).copied()
}

/// The line, from 1, on which a key with its tables stands; a plain search,
/// good enough to point at it.
fn line_of(text: &str, key: &str) -> Option<usize> {
    let (mut table, mut found_table) = (String::new(), None);
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[') {
            table = header.split(']').next().unwrap_or_default().replace([' ', '"'], "");
            if table == key {
                return Some(at + 1);
            }
        } else if let Some((left, _)) = line.split_once('=') {
            let left = left.replace([' ', '"'], "");
            let full = if table.is_empty() { left } else { format!("{table}.{left}") };
            if full == key {
                return Some(at + 1);
            }
            if key.starts_with(&format!("{full}.")) {
                found_table = Some(at + 1);
            }
        }
    }
    found_table
}
