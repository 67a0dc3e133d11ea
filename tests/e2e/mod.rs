//! The main job over real sockets: the real binary, the emulator as a process
//! of its own, and the AWS CLI as the hand from outside. Guards have their
//! defaults throughout; only the emulator's clock runs faster.

mod basics;
mod chaos;
mod ends;
mod failures;
mod leaders;
mod outside;
mod places;
mod rows;
mod stores;

use std::time::Duration;

use serde_json::Value;

use crate::support::{Lab, secs};
use places::Keep;

/// The longest that anything here should take.
const LONG: Duration = secs(120);

/// Quick looks, so that a test waits for the world and not for the cadence.
const QUICK: &str = r#"
lease = "3s"
[clock]
maxSkew = "unlimited"
[cadence]
busy = "200ms"
calm = "400ms"
idle = "1s"
images = "500ms"
[rate]
perSecond = 40
burst = 80
"#;

/// A lab whose world runs this many times as fast as the machine's clock, with
/// the store in a file.
fn lab(speed: f64) -> Option<Lab> {
    lab_with(Keep::File, speed)
}

/// The same with the store elsewhere; none where what keeps it is missing.
fn lab_with(keep: Keep, speed: f64) -> Option<Lab> {
    let kept = keep.variables()?;
    let mut lab = Lab::start()?;
    for (name, value) in kept {
        lab.desk_mut().set(name, value);
    }
    lab.write("main.toml", QUICK);
    lab.speed(speed);
    lab.sprout(&["init"]).ok();
    Some(lab)
}

/// A feature's file.
fn spec(name: &str, tag: &str, ttl: &str) -> String {
    format!(
        "apiVersion: beansprout.dev/v1\nkind: Feature\nmetadata:\n  name: {name}\nspec:\n  image: shop-web:{tag}\n  ttl: {ttl}\n"
    )
}

/// What `sprout get` says of a feature's status.
fn status(lab: &Lab, name: &str) -> Value {
    let feature = lab.feature(name);
    let one = feature.as_array().and_then(|all| all.first()).cloned().unwrap_or(feature);
    one["status"].clone()
}

/// The phase, or what there is instead.
fn phase(lab: &Lab, name: &str) -> String {
    let status = status(lab, name);
    status["phase"].as_str().map_or_else(|| status.to_string(), str::to_owned)
}

/// Content to wait for: a feature's phase.
fn is(lab: &Lab, name: &str, wanted: &str) -> Result<(), String> {
    let found = phase(lab, name);
    if found == wanted { Ok(()) } else { Err(format!("{name} is {found}: {}", status(lab, name))) }
}

/// Our bundles and versions, as the emulator knows them.
fn leftovers(lab: &Lab) -> (Vec<String>, Vec<String>) {
    let versions =
        lab.aws(&["elasticbeanstalk", "describe-application-versions", "--application-name", "shop"]);
    let labels = versions["ApplicationVersions"].as_array().cloned().unwrap_or_default();
    let labels =
        labels.iter().map(|version| version["VersionLabel"].as_str().unwrap_or("?").to_owned()).collect();
    let account = lab.aws(&["sts", "get-caller-identity"])["Account"].as_str().unwrap_or("?").to_owned();
    let bucket = format!("elasticbeanstalk-eu-central-1-{account}");
    let listing = lab.aws(&["s3api", "list-objects-v2", "--bucket", &bucket, "--prefix", "sprout/"]);
    let keys = listing["Contents"].as_array().cloned().unwrap_or_default();
    let keys = keys.iter().map(|object| object["Key"].as_str().unwrap_or("?").to_owned()).collect();
    (labels, keys)
}

/// Waits until nothing that we made is left.
fn until_nothing_is_left(lab: &Lab) {
    crate::support::eventually(LONG, "no version and no bundle is left", || {
        let (versions, bundles) = leftovers(lab);
        if versions.is_empty() && bundles.is_empty() {
            Ok(())
        } else {
            Err(format!("{versions:?} {bundles:?}"))
        }
    });
}

/// Mutating Beanstalk calls of the main desk's controller, by operation and
/// environment.
fn mutations(lab: &Lab, operation: &str) -> Vec<beansprout::emulator::Call> {
    let mut calls = lab.cloud.calls(0);
    calls.retain(|call| call.operation == operation && call.access_key == "AKIAMAIN");
    calls
}
