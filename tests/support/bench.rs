//! A test's whole set-up.

use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::cloud::{Cloud, Page};
use super::desk::{APPLICATION, Desk, surroundings};
use super::hands::{Output, aws_cli, run};
use super::wait::secs;

/// How much of each log a failure shows.
const TAIL: usize = 60;

/// What an environment needs to launch at all, as the AWS CLI takes it.
const PROFILE: &str = "Namespace=aws:autoscaling:launchconfiguration,OptionName=IamInstanceProfile,\
    Value=aws-elasticbeanstalk-ec2-role";
const SINGLE: &str =
    "Namespace=aws:elasticbeanstalk:environment,OptionName=EnvironmentType,Value=SingleInstance";

/// An emulated cloud, a desk to work at and the AWS CLI. It is used as its desk:
/// `lab.sprout(…)`, `lab.controller()`. When the test fails, its folder is kept and
/// the ends of its logs are printed.
#[derive(Debug)]
pub(crate) struct Lab {
    pub(crate) cloud: Cloud,
    desk: Desk,
    aws: PathBuf,
    /// Removed when the test passed.
    dir: Option<tempfile::TempDir>,
}

impl Lab {
    /// Sets everything up; none where the AWS CLI is missing, which is then
    /// written down.
    #[track_caller]
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// The same with more arguments for the emulator.
    #[track_caller]
    pub(crate) fn start_with(arguments: &[&str]) -> Option<Self> {
        let aws = aws_cli()?;
        let dir = tempfile::Builder::new().prefix("sprout-").tempdir().expect("a temporary folder");
        let cloud = Cloud::start(dir.path(), arguments);
        let desk = Desk::new(dir.path(), "main", &cloud.endpoint());
        Some(Self { cloud, desk, aws, dir: Some(dir) })
    }

    /// The test's folder.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.as_ref().expect("the folder lives as long as the lab").path()
    }

    /// A second desk with a store of its own, at the same cloud.
    pub(crate) fn desk(&self, name: &str) -> Desk {
        Desk::new(self.dir(), name, &self.cloud.endpoint())
    }

    /// The desk itself, to set variables.
    pub(crate) fn desk_mut(&mut self) -> &mut Desk {
        &mut self.desk
    }

    /// Lets the world's time run this many times as fast.
    #[track_caller]
    pub(crate) fn speed(&self, factor: f64) {
        self.cloud.speed(factor);
    }

    /// Runs the AWS CLI and fails the test unless it succeeds.
    #[track_caller]
    pub(crate) fn aws(&self, arguments: &[&str]) -> Value {
        self.try_aws(arguments).ok().json()
    }

    /// Runs the AWS CLI.
    #[track_caller]
    pub(crate) fn try_aws(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(&self.aws);
        command.env_clear().envs(surroundings(self.dir(), &self.cloud.endpoint())).current_dir(self.dir());
        command.args(arguments).args(["--output", "json"]);
        run(&mut command, self.dir(), secs(120))
    }

    /// Environments that the service lists and that are not Terminated, as the AWS
    /// CLI shows them.
    #[track_caller]
    pub(crate) fn environments(&self) -> Vec<Value> {
        let answer = self.aws(&["elasticbeanstalk", "describe-environments", "--no-include-deleted"]);
        answer["Environments"].as_array().cloned().unwrap_or_default()
    }

    /// Makes an environment by hand, as a person with the AWS CLI would: with the
    /// sample application, on the newest Docker platform. Gives its description.
    #[track_caller]
    pub(crate) fn create_by_hand(&self, name: &str, tags: &[(&str, &str)]) -> Value {
        let stacks = self.aws(&["elasticbeanstalk", "list-available-solution-stacks"]);
        let stacks = stacks["SolutionStacks"].as_array().cloned().unwrap_or_default();
        let mut stacks = stacks.iter().filter_map(Value::as_str);
        let stack = stacks.find(|stack| stack.ends_with("running Docker")).expect("a Docker platform");
        let tags: Vec<String> = tags.iter().map(|(key, value)| format!("Key={key},Value={value}")).collect();
        let mut arguments = vec!["elasticbeanstalk", "create-environment"];
        arguments.extend(["--application-name", APPLICATION, "--environment-name", name]);
        arguments.extend(["--solution-stack-name", stack, "--option-settings", PROFILE, SINGLE]);
        if !tags.is_empty() {
            arguments.push("--tags");
            arguments.extend(tags.iter().map(String::as_str));
        }
        self.aws(&arguments)
    }

    /// Tags of an environment, by its ARN.
    #[track_caller]
    pub(crate) fn tags(&self, arn: &str) -> std::collections::BTreeMap<String, String> {
        let answer = self.aws(&["elasticbeanstalk", "list-tags-for-resource", "--resource-arn", arn]);
        let tags = answer["ResourceTags"].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        tags.iter().map(|tag| (text(&tag["Key"]), text(&tag["Value"]))).collect()
    }

    /// Puts an image with this tag into a repository, which is made if need be, and
    /// gives its digest. The same tag later is another image, as after a rebuild.
    #[track_caller]
    pub(crate) fn push_image(&self, repository: &str, tag: &str) -> String {
        let pushed = self.cloud.control(&format!("push {repository} {tag}"));
        let digest = pushed["digest"].as_str();
        digest.unwrap_or_else(|| panic!("push answers {pushed}")).to_owned()
    }

    /// What an environment's URL answers, as a page for people.
    pub(crate) fn visit(&self, url: &str) -> Result<Page, String> {
        self.cloud.visit(url, "text/html")
    }

    /// What an environment's URL answers to a program.
    pub(crate) fn visit_json(&self, url: &str) -> Result<Value, String> {
        let page = self.cloud.visit(url, "application/json")?;
        let value = serde_json::from_str(&page.body);
        value.map_err(|error| format!("{url} answers {}: {error}: {}", page.status, page.body))
    }

    /// Runs `sprout wait NAME --for STATE` within this many seconds.
    #[track_caller]
    pub(crate) fn wait_for(&self, name: &str, state: &str, limit: Duration) -> Output {
        let seconds = format!("{}s", limit.as_secs());
        let arguments = ["wait", name, "--for", state, "--timeout", &seconds];
        self.sprout_within(limit + secs(30), &arguments)
    }
}

impl Deref for Lab {
    type Target = Desk;

    fn deref(&self) -> &Desk {
        &self.desk
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let Some(dir) = self.dir.take() else { return };
        let kept = dir.keep();
        eprintln!("\nEverything of this test is kept in {}", kept.display());
        for log in logs(&kept) {
            let text = String::from_utf8_lossy(&fs::read(&log).unwrap_or_default()).into_owned();
            let skipped = text.lines().count().saturating_sub(TAIL);
            let tail: Vec<&str> = text.lines().skip(skipped).collect();
            eprintln!("---- end of {}\n{}", log.display(), tail.join("\n"));
        }
    }
}

fn logs(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok);
    let mut logs: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    logs.retain(|path| path.extension().is_some_and(|end| end == "log"));
    logs.sort();
    logs
}
