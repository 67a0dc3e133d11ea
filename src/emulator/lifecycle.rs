//! What environments do by themselves: operations end, health settles, the dead are forgotten.
//!
//! Rules: `docs/beanstalk.md`, "States", "How failures look".

use std::time::Duration;

use super::environment::{Health, Operation, Status, Tier, Update, Work};
use super::holdings::Severity;
use super::settings::{AfterFailure, FailedLaunch};
use super::world::{Due, MEMORY, Stage, World, signed};

/// A hung operation ends after this time, or after its ordinary one if that is longer.
const HANG: Duration = Duration::from_secs(1800);
/// A launch that fails its pre-flight ends after this part of the time that a launch takes.
const PREFLIGHT: u32 = 24;
const WITH_ERRORS: &str =
    "operation is complete, but with errors. For more information, see troubleshooting documentation.";

impl World {
    /// Begins an operation: the status moves at once, the end is in the queue.
    pub(crate) fn begin(&mut self, id: &str, work: Work, request: &str) {
        let time = self.time_of(id, &work);
        let environment = id.to_owned();
        let serial = self.schedule(time, |serial| Due::Finish { environment, serial });
        let (status, abortable) = match &work {
            Work::Launch { .. } => (Status::Launching, false),
            Work::Update(_) => (Status::Updating, true),
            Work::Tags(_) | Work::SameTags | Work::Restart => (Status::Updating, false),
            Work::Abort => (Status::Aborting, false),
            Work::Terminate => (Status::Terminating, false),
        };
        let (now, grey) = (self.now(), self.settings.readings.grey_updates);
        let Some(environment) = self.environments.get_mut(id) else {
            return;
        };
        let health = match status {
            Status::Updating | Status::Aborting if !grey => environment.shown.health,
            Status::Launching => Health::Pending,
            _ => Health::Unknown,
        };
        environment.show(now, |shown| {
            shown.status = status;
            shown.abortable = abortable;
            shown.health = health;
        });
        let opening = opening(&work);
        environment.operation = Some(Operation { work, request: request.to_owned(), serial });
        self.tell_of(id, Severity::Info, opening);
    }

    fn time_of(&mut self, id: &str, work: &Work) -> Duration {
        let settings = &self.settings;
        let time = match work {
            Work::Launch { preflight: Some(_) } => return settings.launch / PREFLIGHT,
            Work::Launch { .. } => settings.launch,
            Work::Update(update) if update.idle => settings.update / 10,
            Work::Update(_) | Work::Tags(_) => settings.update,
            Work::SameTags | Work::Restart | Work::Abort => settings.update / 4,
            Work::Terminate => settings.terminate,
        };
        let name = self.environments.get(id).map(|found| found.name.clone()).unwrap_or_default();
        if self.breaks(Stage::Hang, &[id, &name]) { time.max(HANG) } else { time }
    }

    /// The end of an operation, if it is still the one that runs.
    pub(crate) fn finish(&mut self, id: &str, serial: u64) {
        let Some(work) = self
            .environments
            .get(id)
            .and_then(|environment| environment.operation.as_ref())
            .filter(|operation| operation.serial == serial)
            .map(|operation| operation.work.clone())
        else {
            return;
        };
        match work {
            Work::Launch { preflight: Some(mistake) } => self.fail_preflight(id, &mistake),
            Work::Launch { preflight: None } => self.finish_launch(id),
            Work::Update(update) => self.finish_update(id, update),
            Work::Tags(tags) => {
                self.set_tags(id, tags);
                self.tell_of(id, Severity::Info, "Environment tag update completed successfully.");
                self.rest(id, None);
            }
            Work::SameTags => {
                self.tell_of(id, Severity::Error, "No updates are to be performed.");
                self.tell_of(id, Severity::Error, "Environment tag update failed.");
                self.rest(id, None);
            }
            Work::Restart => {
                self.tell_of(id, Severity::Info, "restartAppServer completed successfully.");
                self.rest(id, None);
            }
            Work::Abort => {
                self.tell_of(id, Severity::Info, "Environment update was aborted.");
                self.rest(id, None);
            }
            Work::Terminate => self.finish_termination(id),
        }
    }

    fn fail_preflight(&mut self, id: &str, mistake: &str) {
        let bucket = self.storage_bucket();
        self.tell_of(
            id,
            Severity::Info,
            format!("Using {bucket} as Amazon S3 storage bucket for environment data."),
        );
        self.tell_of(id, Severity::Error, mistake);
        self.tell_of(id, Severity::Error, "Failed to launch environment.");
        self.bury(id);
    }

    fn finish_launch(&mut self, id: &str) {
        let Some(environment) = self.environments.get(id) else {
            return;
        };
        let (name, label) = (environment.name.clone(), environment.shown.label.clone());
        if let Err(reason) = self.deploys(id, label.as_deref()) {
            self.fail_launch(id, &name, &reason);
            return;
        }
        let now = self.now();
        if let Some(environment) = self.environments.get_mut(id) {
            environment.deployed = Some(now);
        }
        let address = self.environments.get(id).map(|e| self.cname(&e.prefix)).unwrap_or_default();
        self.tell_of(id, Severity::Info, "Instance deployment completed successfully.");
        self.tell_of(id, Severity::Info, format!("Application available at {address}."));
        self.tell_of(id, Severity::Info, format!("Successfully launched environment: {name}"));
        self.rest(id, Some(Health::Pending));
    }

    fn fail_launch(&mut self, id: &str, name: &str, reason: &str) {
        self.tell_of(id, Severity::Error, reason);
        self.tell_of(id, Severity::Error, "Failed to deploy application.");
        match self.settings.readings.failed_launch {
            FailedLaunch::Terminated => {
                self.tell_of(id, Severity::Error, "Failed to launch environment.");
                self.bury(id);
            }
            reading => {
                self.tell_of(id, Severity::Error, format!("Create environment {WITH_ERRORS}"));
                self.tell_of(
                    id,
                    Severity::Warn,
                    format!("Launched environment: {name}. However, there were issues during launch. See event log for details."),
                );
                let health = if reading == FailedLaunch::Red { Health::Severe } else { Health::NoData };
                self.rest(id, Some(health));
            }
        }
    }

    fn finish_update(&mut self, id: &str, update: Update) {
        if update.idle {
            self.tell_of(id, Severity::Info, "Environment update completed successfully.");
            self.rest(id, None);
            return;
        }
        let name = self.environments.get(id).map(|found| found.name.clone()).unwrap_or_default();
        let configured = match &update.settings {
            Some(_) if self.breaks(Stage::Configure, &[id, &name]) => {
                Err("Failed to deploy configuration.".to_owned())
            }
            _ => Ok(()),
        };
        let deployed = configured.clone().and_then(|()| match &update.label {
            Some(label) => self.deploys(id, Some(label)),
            None => Ok(()),
        });
        match (configured, deployed) {
            (Err(reason), _) => self.fail_update(
                id,
                update,
                &[&reason, "The environment was reverted to the previous configuration setting."],
            ),
            (_, Err(reason)) => self.fail_update(id, update, &[&reason, "Failed to deploy application."]),
            _ => self.complete_update(id, update),
        }
    }

    fn fail_update(&mut self, id: &str, update: Update, reasons: &[&str]) {
        for reason in reasons {
            self.tell_of(id, Severity::Error, *reason);
        }
        self.tell_of(id, Severity::Error, format!("Update environment {WITH_ERRORS}"));
        if let Some(environment) = self.environments.get_mut(id)
            && update.settings.is_some()
        {
            environment.draft = update.settings;
        }
        let health = after_failure(self.settings.readings.failed_update);
        self.rest(id, Some(health));
    }

    fn complete_update(&mut self, id: &str, update: Update) {
        let now = self.now();
        let Some(environment) = self.environments.get_mut(id) else {
            return;
        };
        let (configured, deployed) = (update.settings.is_some(), update.label.is_some());
        if let Some(settings) = update.settings {
            environment.settings = settings;
            environment.draft = None;
        }
        if let Some(stack) = update.stack {
            environment.stack = stack;
        }
        if let Some(label) = update.label {
            environment.shown.label = Some(label);
            environment.deployed = Some(now);
        }
        if configured {
            self.tell_of(id, Severity::Info, "Successfully deployed new configuration to environment.");
        }
        if deployed {
            self.tell_of(
                id,
                Severity::Info,
                "New application version was deployed to running EC2 instances.",
            );
        }
        self.tell_of(id, Severity::Info, "Environment update completed successfully.");
        self.rest(id, Some(Health::Ok));
    }

    fn finish_termination(&mut self, id: &str) {
        let name = self.environments.get(id).map(|found| found.name.clone()).unwrap_or_default();
        if self.breaks(Stage::Terminate, &[id, &name]) {
            let stack = format!("awseb-{id}-stack");
            self.tell_of(
                id,
                Severity::Error,
                format!("Stack named '{stack}' aborted operation. Current state: 'DELETE_FAILED'  Reason: The following resource(s) failed to delete: [AWSEBSecurityGroup]."),
            );
            self.tell_of(id, Severity::Error, "Failed to terminate environment.");
            let health = after_failure(self.settings.readings.failed_terminate);
            self.rest(id, Some(health));
            return;
        }
        self.tell_of(id, Severity::Info, "terminateEnvironment completed successfully.");
        self.bury(id);
    }

    /// Back to Ready, at once or as late after the last event as Settings say; with a health where the operation
    /// changed it.
    fn rest(&mut self, id: &str, health: Option<Health>) {
        let operation = self.environments.get(id).and_then(|environment| environment.operation.as_ref());
        match operation.map(|operation| operation.serial) {
            Some(serial) if !self.settings.flip.is_zero() => {
                let environment = id.to_owned();
                self.schedule(self.settings.flip, |_| Due::Rest { environment, serial, health });
            }
            _ => self.come_to_rest(id, health),
        }
    }

    /// The end of a delayed `rest`, if no other operation has begun meanwhile.
    pub(crate) fn rest_late(&mut self, id: &str, serial: u64, health: Option<Health>) {
        let operation = self.environments.get(id).and_then(|environment| environment.operation.as_ref());
        if operation.is_some_and(|operation| operation.serial == serial) {
            self.come_to_rest(id, health);
        }
    }

    fn come_to_rest(&mut self, id: &str, health: Option<Health>) {
        let now = self.now();
        let Some(environment) = self.environments.get_mut(id) else {
            return;
        };
        let health = health.unwrap_or(match environment.shown.health {
            Health::Unknown => Health::Ok,
            other => other,
        });
        environment.operation = None;
        environment.show(now, |shown| {
            shown.status = Status::Ready;
            shown.abortable = false;
            shown.health = health;
        });
        if health == Health::Pending {
            let environment = id.to_owned();
            let settle = self.settings.settle;
            self.schedule(settle, |_| Due::Settle { environment });
        }
    }

    /// A launched environment turns Green, unless it is busy or was changed by hand meanwhile.
    pub(crate) fn turn_healthy(&mut self, id: &str) {
        let now = self.now();
        let Some(environment) =
            self.environments.get_mut(id).filter(|environment| environment.shown.health == Health::Pending)
        else {
            return;
        };
        environment.show_health(now, Health::Ok);
        self.tell_of(id, Severity::Info, "Environment health has transitioned from Pending to Ok.");
    }

    /// Terminated: name and CNAME are free, the entry lingers.
    fn bury(&mut self, id: &str) {
        let now = self.now();
        let Some(environment) = self.environments.get_mut(id) else {
            return;
        };
        environment.operation = None;
        environment.terminated = Some(now);
        environment.show(now, |shown| {
            shown.status = Status::Terminated;
            shown.health = Health::Unknown;
            shown.abortable = false;
        });
        let (name, prefix) = (environment.name.clone(), environment.prefix.clone());
        if self.names.get(&name).is_some_and(|holder| holder == id) {
            self.names.remove(&name);
        }
        if self.prefixes.get(&prefix).is_some_and(|holder| holder == id) {
            self.prefixes.remove(&prefix);
        }
        let environment = id.to_owned();
        self.schedule(MEMORY, |_| Due::Forget { environment });
    }

    /// Six weeks after its end nothing remembers an environment.
    pub(crate) fn forget(&mut self, id: &str) {
        let oldest = self.now() - signed(MEMORY);
        let over = |ended: jiff::Timestamp| ended <= oldest;
        // One that was rebuilt meanwhile has a later end, or none yet.
        if self.environments.get(id).is_some_and(|environment| environment.terminated.is_some_and(over)) {
            self.environments.remove(id);
        }
    }

    /// Sets the health by hand, as a broken application or a dead agent would.
    pub fn set_health(&mut self, id: &str, health: Health) {
        let now = self.now();
        let Some(environment) = self.environments.get_mut(id) else {
            return;
        };
        let before = environment.shown.health.word();
        environment.show_health(now, health);
        let severity = if health.colour() == "Red" { Severity::Warn } else { Severity::Info };
        self.tell_of(
            id,
            severity,
            format!("Environment health has transitioned from {before} to {}.", health.word()),
        );
    }

    /// Replaces tags; for the lag that Settings ask for, listings show the old ones.
    fn set_tags(&mut self, id: &str, tags: std::collections::BTreeMap<String, String>) {
        let until = self.now() + signed(self.settings.tag_lag);
        if let Some(environment) = self.environments.get_mut(id) {
            let old = std::mem::replace(&mut environment.tags, tags);
            environment.old_tags = Some((until, old));
        }
    }

    /// Whether a version comes up on an environment, or why not.
    fn deploys(&mut self, id: &str, label: Option<&str>) -> Result<(), String> {
        let Some(environment) = self.environments.get(id) else {
            return Ok(());
        };
        let (name, application, tier) =
            (environment.name.clone(), environment.application.clone(), environment.tier);
        let Some(label) = label else {
            return Ok(());
        };
        let images = self.pull(&application, label)?;
        let mut texts = vec![id, name.as_str(), label];
        texts.extend(images.iter().map(String::as_str));
        if images.iter().any(|image| image.contains("broken")) || self.breaks(Stage::Deploy, &texts) {
            let role = if tier == Tier::Worker { "worker" } else { "web" };
            return Err(format!(
                "Unsuccessful command execution on instance id(s) 'i-{:0>17}'. The {role} container of version {label} did not start.",
                id.trim_start_matches("e-")
            ));
        }
        Ok(())
    }
}

fn after_failure(reading: AfterFailure) -> Health {
    match reading {
        AfterFailure::Green => Health::Ok,
        AfterFailure::Red => Health::Degraded,
        AfterFailure::Grey => Health::NoData,
    }
}

fn opening(work: &Work) -> &'static str {
    match work {
        Work::Launch { .. } => "createEnvironment is starting.",
        Work::Update(_) => "Environment update is starting.",
        Work::Tags(_) | Work::SameTags => "Environment tag update is starting.",
        Work::Restart => "restartAppServer is starting.",
        Work::Abort => "abortEnvironmentUpdate is starting.",
        Work::Terminate => "terminateEnvironment is starting.",
    }
}
