//! The program itself on tables: what `sprout init` makes and says, and that
//! nothing else makes a table.

use super::{dynalite, moto};
use crate::support::{Lab, secs};

const SPEC: &str = "apiVersion: beansprout.dev/v1\nkind: Feature\nmetadata: {name: feature/login}\n\
    spec: {image: \"shop-web:1\", ttl: 3d}\n";

#[test]
fn init_makes_the_tables_and_says_so() {
    for tables in [moto(), dynalite()].into_iter().flatten() {
        let Some(mut lab) = Lab::start() else { return };
        let store = format!("dynamodb:{}", tables.table);
        lab.desk_mut().set("SPROUT_STORE", &store);
        lab.desk_mut().set("AWS_ENDPOINT_URL_DYNAMODB", &tables.endpoint);

        for arguments in [&["get"][..], &["run", "--yes"], &["run", "--read-only"]] {
            let output = lab.sprout(arguments).ended(4);
            assert!(output.stderr.contains("Make what is missing with: sprout init"), "{output}");
        }
        let output = lab.apply("login.yaml", SPEC).ended(4);
        assert!(output.stderr.contains("there is no table"), "{output}");

        let says = |arguments: &[&str], made: &str| {
            let output = lab.sprout(arguments).ok();
            for line in [
                format!("table        {}: {made}", tables.table),
                format!("table        {}-state: {made}", tables.table),
                format!("store        {store}: {made}"),
            ] {
                assert!(output.stdout.contains(&line), "no line {line:?}: {output}");
            }
        };
        says(&["init", "--dry-run"], "would be made");
        says(&["init"], "made");
        says(&["init"], "there already");
        says(&["init", "--dry-run"], "there already");

        lab.apply("login.yaml", SPEC).ok();
        let found = lab.feature("feature/login");
        assert_eq!(found[0]["spec"]["image"], "shop-web:1", "{found}");
        // Reading a store needs the tables and nothing else of the account.
        lab.desk_mut().set("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
        lab.sprout(&["get"]).ok();
        lab.sprout(&["describe", "feature/login"]).ok();
        lab.sprout(&["events"]).ok();
    }
}

#[test]
fn a_row_of_the_aws_cli_becomes_an_environment_and_goes_with_it() {
    let Some(tables) = moto() else { return };
    let Some(mut lab) = Lab::start() else { return };
    lab.desk_mut().set("SPROUT_STORE", format!("dynamodb:{}", tables.table));
    lab.desk_mut().set("AWS_ENDPOINT_URL_DYNAMODB", &tables.endpoint);
    lab.speed(20.0);
    lab.sprout(&["init"]).ok();
    lab.push_image("shop-web", "1");
    let mut controller = lab.controller();
    let aws = |arguments: &[&str]| {
        let endpoint = ["--endpoint-url", tables.endpoint.as_str(), "--region", super::REGION];
        lab.aws(&[&["dynamodb"][..], arguments, &["--table-name", &tables.table], &endpoint].concat())
    };
    let item = r#"{"feature": {"S": "feature/login"}, "image": {"S": "shop-web:1"}, "ttl": {"S": "3d"}}"#;
    aws(&["put-item", "--item", item]);
    crate::support::eventually(secs(60), "the row is noticed", || {
        let found = lab.feature("feature/login");
        if found.is_null() { Err("nothing yet".to_owned()) } else { Ok(()) }
    });
    lab.wait_for("feature/login", "ready", secs(120)).ok();
    assert_eq!(lab.environments().len(), 1);
    lab.sprout(&["delete", "feature/login"]).ok();
    lab.wait_for("feature/login", "gone", secs(120)).ok();
    assert!(controller.term().success());
    assert!(lab.environments().is_empty());
}
