//! The commands around the wheel, as real processes: `emulator`, `init`,
//! `run`, `diff` and `dev`.

mod commands;
mod dev;
mod emulator;
mod front;
mod moving;
mod unit;

use std::path::Path;

use serde_json::Value;

use crate::support::{Cloud, Desk};

/// A cloud and a desk; without the AWS CLI.
struct Place {
    cloud: Cloud,
    desk: Desk,
    dir: tempfile::TempDir,
}

impl Place {
    #[track_caller]
    fn new(arguments: &[&str]) -> Self {
        let dir = tempfile::Builder::new().prefix("sprout-").tempdir().expect("a temporary folder");
        let cloud = Cloud::start(dir.path(), arguments);
        let desk = Desk::new(dir.path(), "main", &cloud.endpoint());
        Self { cloud, desk, dir }
    }

    fn path(&self, file: &str) -> String {
        self.dir.path().join(file).display().to_string()
    }

    /// Operations that the cloud was asked for, after a number, and the
    /// number of the last.
    #[track_caller]
    fn operations(&self, since: u64) -> (Vec<String>, u64) {
        let reply = self.cloud.control(&format!("calls {since}"));
        let calls = reply["calls"].as_array().cloned().unwrap_or_default();
        let name = |call: &Value| call["operation"].as_str().unwrap_or_default().to_owned();
        (calls.iter().map(name).collect(), reply["last"].as_u64().unwrap_or_default())
    }
}

/// Whether an operation only looks.
fn looks(operation: &str) -> bool {
    ["Describe", "List", "Check", "Validate", "BatchGet", "Get", "Head"]
        .iter()
        .any(|verb| operation.starts_with(verb))
}

/// A specification of one feature.
fn spec(name: &str, image: &str) -> String {
    format!(
        "apiVersion: beansprout.dev/v1\nkind: Feature\nmetadata:\n  name: {name}\nspec:\n  \
         application: shop\n  image: {image}\n  ttl: 3d\n"
    )
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
