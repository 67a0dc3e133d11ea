use std::net::TcpListener;

use super::*;

/// A folder with a settings file.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(toml: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        if !toml.is_empty() {
            std::fs::write(dir.path().join(FILE), toml).unwrap();
        }
        Self(dir)
    }

    fn load(&self, flags: &Flags, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let variable = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        Config::load_from(self.0.path(), flags, &variable)
    }

    /// What is wrong, with the folder taken out of it.
    fn refusal(&self) -> String {
        let error = self.load(&Flags::default(), &[]).unwrap_err().to_string();
        error.replace(&format!("{}/", self.0.path().display()), "")
    }
}

#[test]
fn without_anything_the_defaults_hold() {
    let config = Folder::new("").load(&Flags::default(), &[]).unwrap();
    assert_eq!(config, Config::default());
    assert_eq!(config.store, "sqlite:.sprout/sprout.db");
    assert_eq!(config.policy().unwrap(), Policy::default());
}

#[test]
fn flags_beat_the_environment_and_that_beats_the_file() {
    let folder = Folder::new("store = \"sqlite:file.db\"\napplication = \"file\"\nbucket = \"file\"");
    let variables = [("SPROUT_STORE", "sqlite:variable.db"), ("SPROUT_APPLICATION", "variable")];
    let flags = Flags { store: Some("sqlite:flag.db".to_owned()), ..Flags::default() };
    let config = folder.load(&flags, &variables).unwrap();
    assert_eq!(config.store, "sqlite:flag.db");
    assert_eq!(config.application, Some(ApplicationName::from("variable")));
    assert_eq!(config.bucket.as_deref(), Some("file"));
    // Set to nothing is not set.
    let config = folder.load(&Flags::default(), &[("SPROUT_APPLICATION", "")]).unwrap();
    assert_eq!(config.application, Some(ApplicationName::from("file")));
}

#[test]
fn every_key_is_read() {
    let folder = Folder::new(
        r#"
        installation = "team"
        platform = "Docker running on 64bit Amazon Linux 2023"
        instanceProfile = "p"
        serviceRole = "r"
        prefix = "pr-"
        ttl = "never"
        allowNever = true
        lease = "30s"
        tries = 5
        [templates]
        big = "big.json"
        [guards]
        asked = 1
        creates = 2
        window = "1h"
        grace = "30s"
        inferredFloor = 3
        inferredPercent = 4
        flap = 6
        cap = 7
        [clock]
        maxSkew = "unlimited"
        [cadence]
        busy = "500ms"
        calm = "2s"
        idle = "1m"
        images = "10s"
        [rate]
        perSecond = 0.5
        burst = 3
        "#,
    );
    let config = folder.load(&Flags::default(), &[]).unwrap();
    assert_eq!((config.ttl, config.max_skew, config.tries), (Ttl::Never, None, 5));
    let guards = Guards {
        asked: 1,
        creates: 2,
        window: SignedDuration::from_hours(1),
        grace: SignedDuration::from_secs(30),
        inferred_floor: 3,
        inferred_percent: 4,
        flap: 6,
        cap: Some(7),
    };
    assert_eq!(config.guards, guards);
    assert_eq!(config.cadence.busy, Duration::from_millis(500));
    assert_eq!(config.cadence.images, Duration::from_secs(10));
    assert_eq!(config.rates.beanstalk, Rate { per_second: 0.5, burst: 3 });
    assert_eq!(config.templates["big"], folder.0.path().join("big.json"));
    assert_eq!(config.lease, SignedDuration::from_secs(30));
    assert!(config.policy().unwrap_err().to_string().contains("template `big`"));
    std::fs::write(folder.0.path().join("big.json"), "{}").unwrap();
    assert_eq!(config.policy().unwrap().templates["big"], "{}");
}

#[test]
fn a_key_that_nobody_knows_is_refused_with_its_line_and_the_nearest() {
    for (toml, refusal) in [
        ("\naplication = 'x'", "sprout.toml:2: there is no setting `aplication`; write `application`?"),
        (
            "instance-profile = 'x'",
            "sprout.toml:1: there is no setting `instance-profile`; write `instanceProfile`?",
        ),
        (
            "[guards]\n\nchreates = 1",
            "sprout.toml:3: there is no setting `guards.chreates`; write `guards.creates`?",
        ),
        (
            "[rate]\ncolour = 1",
            "sprout.toml:2: there is no setting `rate.colour`; there are rate.perSecond, rate.burst",
        ),
    ] {
        assert_eq!(Folder::new(toml).refusal(), refusal);
    }
}

#[test]
fn a_value_that_cannot_be_is_refused_with_its_place() {
    for (toml, refusal) in [
        ("tries = 'x'", "sprout.toml:1: `tries`: found string \"x\", and u32 belongs here"),
        ("\n\ntries = 0", "sprout.toml:3: `tries`: at least one try is needed"),
        (
            "[cadence]\nbusy = '5'",
            "sprout.toml:2: `cadence.busy`: \"5\" is no length of time; write it like 500ms, 15s, 10m or 3d",
        ),
        ("ttl = 'never'", "sprout.toml:1: `ttl`: never is only for installations that say allowNever = true"),
        (
            "prefix = '-x'",
            "sprout.toml:1: `prefix`: \"-x\" is no prefix; write 2 to 12 of a-z, 0-9 and `-`, ending in `-`, like f-",
        ),
        (
            "store = 'store.db'",
            "sprout.toml:1: `store`: a place is written sqlite:PATH or dynamodb:TABLE, such as sqlite:.sprout/sprout.db",
        ),
        (
            "store = 'dynamodb:our features'",
            "sprout.toml:1: `store`: ' ' may not be in a table's name, which has letters, digits, `_`, `-` and `.` alone",
        ),
    ] {
        assert_eq!(Folder::new(toml).refusal(), refusal);
    }
    let flags = Flags { store: Some("dynamodb:ab".to_owned()), ..Flags::default() };
    let error = Folder::new("").load(&flags, &[]).unwrap_err().to_string();
    assert_eq!(error, "--store: `store`: \"ab\" is too short: a table's name has at least 3 characters");
    let refusal = Folder::new("a = 1\nb = = 2").refusal();
    assert!(refusal.starts_with("sprout.toml:2: "), "{refusal}");
}

#[test]
fn a_file_that_was_named_must_be_there() {
    let folder = Folder::new("");
    let missing = folder.0.path().join("other.toml");
    let flags = Flags { config: Some(missing), ..Flags::default() };
    assert!(matches!(folder.load(&flags, &[]), Err(ConfigError::File { .. })));
}

#[test]
fn a_running_dev_is_found_and_a_stale_one_is_not() {
    let folder = Folder::new("store = \"sqlite:file.db\"");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let world = DevWorld {
        store: "sqlite:/x/dev.db".to_owned(),
        endpoint: format!("http://{}", listener.local_addr().unwrap()),
        region: "us-east-1".to_owned(),
        pid: 1,
    };
    std::fs::create_dir(folder.0.path().join(".sprout")).unwrap();
    std::fs::write(folder.0.path().join(DEV_FILE), serde_json::to_string(&world).unwrap()).unwrap();
    let config = folder.load(&Flags::default(), &[]).unwrap();
    assert_eq!((config.store.as_str(), config.dev.as_ref()), ("sqlite:/x/dev.db", Some(&world)));
    let config = folder.load(&Flags::default(), &[("SPROUT_STORE", "sqlite:mine.db")]).unwrap();
    assert_eq!((config.store.as_str(), config.dev), ("sqlite:mine.db", None));
    drop(listener);
    let config = folder.load(&Flags::default(), &[]).unwrap();
    assert_eq!((config.store.as_str(), config.dev), ("sqlite:file.db", None));
}
