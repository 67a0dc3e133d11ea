//! Which store and which settings a command uses.

use std::net::TcpListener;

use super::{Folder, spec};

#[test]
fn a_setting_that_nobody_knows_is_refused_with_its_line() {
    let folder = Folder::new();
    folder.write("sprout.toml", "application = \"shop\"\n\n[guards]\ncreate = 3\n");
    let told = folder.sprout(&["get"]).ended(2);
    assert_eq!(
        told.stderr,
        "sprout: sprout.toml:4: there is no setting `guards.create`; write `guards.creates`?\n"
    );
    let told = folder.sprout(&["get", "--config", "other.toml"]).ended(2);
    assert!(told.stderr.starts_with("sprout: the settings file other.toml cannot be read: "), "{told}");
}

#[test]
fn flags_beat_the_environment_and_that_beats_the_file() {
    let folder = Folder::new();
    folder.write("sprout.toml", "store = \"sqlite:file.db\"\n");
    let file = folder.write("a.yaml", &spec("a", "shop-web:1")).to_string_lossy().into_owned();
    let made = |name: &str| folder.path().join(name).exists();
    folder.sprout(&["apply", "-f", &file]).ok();
    assert!(made("file.db"));
    let ended = folder.command(&["apply", "-f", &file]).env("SPROUT_STORE", "sqlite:variable.db").output();
    assert!(ended.expect("sprout ends").status.success());
    assert!(made("variable.db"));
    let mut command = folder.command(&["apply", "-f", &file, "--store", "sqlite:flag.db"]);
    assert!(
        command.env("SPROUT_STORE", "sqlite:variable.db").output().expect("sprout ends").status.success()
    );
    assert!(made("flag.db"));
}

#[test]
fn a_store_that_is_no_place_says_what_to_write() {
    let folder = Folder::new();
    let told = folder.sprout(&["get", "--store", "features"]).ended(2);
    assert!(told.stderr.contains("sqlite:PATH or dynamodb:TABLE"), "{told}");
    let told = folder.sprout(&["get", "--store", "dynamodb:our/features"]).ended(2);
    assert!(told.stderr.contains("may not be in a table's name"), "{told}");
}

#[test]
fn tables_are_looked_for_where_the_aws_environment_says() {
    let folder = Folder::new();
    let get = |variables: &[(&str, &str)]| {
        let mut command = folder.command(&["get", "--store", "dynamodb:features"]);
        command.env("AWS_EC2_METADATA_DISABLED", "true").envs(variables.iter().copied());
        let ended = command.output().expect("sprout ends");
        assert_eq!(ended.status.code(), Some(4));
        String::from_utf8_lossy(&ended.stderr).into_owned()
    };
    let told = get(&[]);
    assert!(told.contains("no AWS region is set: set AWS_REGION"), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
    let keys = [("AWS_REGION", "eu-west-1"), ("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b")];
    let nowhere = [&keys[..], &[("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:9")]].concat();
    let told = get(&nowhere);
    assert!(told.contains("the store at dynamodb:features cannot be used: not sent: "), "{told}");
    assert!(told.contains("refused"), "{told}");
}

#[test]
fn the_store_of_a_running_dev_is_found_unless_another_is_named() {
    let folder = Folder::new();
    let file = folder.write("a.yaml", &spec("a", "shop-web:1")).to_string_lossy().into_owned();
    folder.sprout(&["apply", "-f", &file, "--store", "sqlite:dev.db"]).ok();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    let world = serde_json::json!({
        "store": "sqlite:dev.db", "endpoint": endpoint, "region": "us-east-1", "pid": 1,
    });
    folder.write(".sprout/dev.json", &world.to_string());
    let told = folder.sprout(&["get", "-o", "name"]).ok();
    assert_eq!(told.stdout, "a\n");
    assert_eq!(told.stderr, "Using the store of `sprout dev`, which runs here.\n");
    folder.sprout(&["get", "--store", "sqlite:other.db"]).ended(4);
    drop(listener);
    folder.sprout(&["get"]).ended(4);
}
