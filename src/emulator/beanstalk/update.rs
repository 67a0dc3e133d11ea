//! What moves an existing environment: update, terminate, abort, restart, rebuild.

use super::create::{read_label, read_tier};
use super::{Outcome, check_length, describe, platforms};
use crate::emulator::environment::{Environment, Status, Update, Work};
use crate::emulator::holdings::Severity;
use crate::emulator::options::Options;
use crate::emulator::requests::Request;
use crate::emulator::settings::{Again, NoChange};
use crate::emulator::wire::{Form, Refusal};
use crate::emulator::world::{Breakage, Stage, World};

/// The live environment that id, name or both name; both must then agree.
pub(super) fn find<'a>(world: &'a World, form: &Form) -> Result<&'a Environment, Refusal> {
    let (id, name) = (form.get("EnvironmentId"), form.get("EnvironmentName"));
    let found = match (id, name) {
        (None, None) => {
            return Err(Refusal::missing(
                "You must specify either an environment ID or an environment name.",
            ));
        }
        (Some(id), _) => world.environments.get(id).filter(|found| found.is_live()),
        (None, Some(name)) => world.named(name),
    };
    let found = found.filter(|found| name.is_none_or(|name| name == found.name));
    found.ok_or_else(|| {
        let (field, value) = match (id, name) {
            (Some(id), _) => ("EnvironmentId", id),
            (None, name) => ("EnvironmentName", name.unwrap_or_default()),
        };
        Refusal::value(format!("No Environment found for {field} = '{value}'."))
    })
}

fn must_be_ready(world: &World, environment: &Environment) -> Result<(), Refusal> {
    if environment.shown.status == Status::Ready && !is_wedged(world, environment) {
        return Ok(());
    }
    Err(Refusal::value(format!(
        "Environment named {} is in an invalid state for this operation. Must be Ready.",
        environment.name
    )))
}

/// A stack in a state that only a person can mend hides behind Ready (`docs/beanstalk.md`, "How failures look").
fn is_wedged(world: &World, environment: &Environment) -> bool {
    let of = |breakage: &Breakage| {
        environment.name.contains(&breakage.matching) || environment.id == breakage.matching
    };
    world.breakages.iter().any(|breakage| breakage.stage == Stage::Wedge && of(breakage))
}

pub(super) fn update(world: &mut World, request: &mut Request) -> Outcome {
    let form = &request.form;
    let environment = find(world, form)?;
    let (id, application) = (environment.id.clone(), environment.application.clone());
    request.touched = Some(id.clone());
    if form.get("ApplicationName").is_some_and(|name| name != application) {
        return Err(Refusal::value(format!(
            "Environment {} does not belong to application {}.",
            environment.name,
            form.get("ApplicationName").unwrap_or_default()
        )));
    }
    if let Some(description) = form.get("Description") {
        check_length("description", description, 0, 200)?;
    }
    if read_tier(form)?.is_some_and(|tier| tier != environment.tier) {
        return Err(Refusal::value("Cannot change environment tier"));
    }
    let label = read_label(world, form, &application)?;
    let settings = wanted_settings(world, form, environment)?;
    let stack = platforms::named(world, form)?;
    if label.is_some() && settings.is_some() && !world.settings.readings.version_with_settings {
        return Err(Refusal::combination(
            "You cannot specify both a version label and configuration settings in one call.",
        ));
    }
    must_be_ready(world, environment)?;
    let wish = Update { label, settings, stack, idle: false };
    let wish = settle(world, environment, wish)?;
    if let Some(description) = form.text("Description")
        && let Some(environment) = world.environments.get_mut(&id)
    {
        environment.description = Some(description);
    }
    world.begin(&id, Work::Update(wish), &request.id);
    describe::reply(world, &id)
}

/// All settings as they would be afterwards; none, when the call changes no setting.
fn wanted_settings(
    world: &World,
    form: &Form,
    environment: &Environment,
) -> Result<Option<Options>, Refusal> {
    let given = Options::read(form)?;
    let removals = Options::read_removals(form, &given)?;
    let template = match form.get("TemplateName") {
        None => None,
        Some(name) => {
            let owner = world.applications.get(&environment.application);
            Some(owner.and_then(|owner| owner.templates.get(name)).ok_or_else(|| {
                Refusal::value(format!(
                    "No Configuration Template named '{}/{name}' found.",
                    environment.application
                ))
            })?)
        }
    };
    if given.is_empty() && removals.is_empty() && template.is_none() {
        return Ok(None);
    }
    let mut wanted = environment.settings.clone();
    if let Some(template) = template {
        wanted.merge(&template.settings);
    }
    wanted.remove(&removals);
    wanted.merge(&given);
    wanted.check_size()?;
    Ok(Some(wanted))
}

/// What an update comes to that may have nothing to do.
fn settle(world: &World, environment: &Environment, mut wish: Update) -> Result<Update, Refusal> {
    let readings = &world.settings.readings;
    let reading = match (&wish.label, &wish.settings, &wish.stack) {
        (None, None, None) => readings.empty_update,
        (label @ Some(_), None, None) if *label == environment.shown.label => readings.same_label,
        _ => return Ok(wish),
    };
    match reading {
        NoChange::Runs => Ok(wish),
        NoChange::Short => {
            wish.idle = true;
            Ok(wish)
        }
        NoChange::Refused => Err(Refusal::combination("The update request changes nothing.")),
    }
}

pub(super) fn terminate(world: &mut World, request: &mut Request) -> Outcome {
    request.form.flag("TerminateResources")?;
    request.form.flag("ForceTerminate")?;
    let environment = find(world, &request.form)?;
    let id = environment.id.clone();
    request.touched = Some(id.clone());
    let pending = match environment.shown.status {
        Status::Ready if is_wedged(world, environment) => Some("deployment"),
        Status::Ready => None,
        Status::Terminating if world.settings.readings.terminate_again == Again::Accepted => {
            return describe::reply(world, &id);
        }
        Status::Launching => Some("creation"),
        Status::Terminating | Status::Terminated => Some("termination"),
        Status::Updating | Status::Aborting => Some("deployment"),
    };
    if let Some(pending) = pending {
        return Err(Refusal::value(format!(
            "Cannot terminate environment named {}. It is currently pending {pending}.",
            environment.name
        )));
    }
    world.begin(&id, Work::Terminate, &request.id);
    describe::reply(world, &id)
}

pub(super) fn abort(world: &mut World, request: &mut Request) -> Outcome {
    let environment = find(world, &request.form)?;
    let id = environment.id.clone();
    request.touched = Some(id.clone());
    if !environment.shown.abortable {
        return Err(Refusal::value(format!(
            "Environment named {} is in an invalid state for this operation. Must be pending deployment.",
            environment.name
        )));
    }
    world.begin(&id, Work::Abort, &request.id);
    Ok(None)
}

pub(super) fn restart(world: &mut World, request: &mut Request) -> Outcome {
    let environment = find(world, &request.form)?;
    let id = environment.id.clone();
    request.touched = Some(id.clone());
    must_be_ready(world, environment)?;
    world.begin(&id, Work::Restart, &request.id);
    Ok(None)
}

/// Makes everything anew under the same id: a running environment, or one that ended within six weeks and whose name,
/// CNAME and version are still to be had.
pub(super) fn rebuild(world: &mut World, request: &mut Request) -> Outcome {
    let dead = request
        .form
        .get("EnvironmentId")
        .and_then(|id| world.environments.get(id))
        .filter(|environment| !environment.is_live());
    let id = match dead {
        None => {
            let environment = find(world, &request.form)?;
            must_be_ready(world, environment)?;
            environment.id.clone()
        }
        Some(environment) => {
            let Environment { id, name, prefix, .. } = environment;
            if world.names.contains_key(name) {
                return Err(Refusal::value(format!("Environment {name} already exists.")));
            }
            if !super::account::is_free(world, prefix) {
                let region = &world.settings.region;
                return Err(Refusal::value(format!(
                    "DNS name ({prefix}.{region}.elasticbeanstalk.com) is not available."
                )));
            }
            let label = environment.shown.label.as_deref();
            if let Some(label) =
                label.filter(|label| world.version(&environment.application, label).is_none())
            {
                return Err(Refusal::value(format!("No Application Version named '{label}' found.")));
            }
            let (id, name, prefix) = (id.clone(), name.clone(), prefix.clone());
            world.names.insert(name, id.clone());
            world.prefixes.insert(prefix, id.clone());
            id
        }
    };
    if let Some(environment) = world.environments.get_mut(&id) {
        environment.terminated = None;
    }
    request.touched = Some(id.clone());
    world.begin(&id, Work::Launch { preflight: None }, &request.id);
    Ok(None)
}

/// Two environments change their CNAMEs, at once.
pub(super) fn swap(world: &mut World, request: &mut Request) -> Outcome {
    let one = |side: &str| -> Result<(String, String), Refusal> {
        let mut form = std::collections::BTreeMap::new();
        for field in ["EnvironmentId", "EnvironmentName"] {
            if let Some(value) = request.form.text(&format!("{side}{field}")) {
                form.insert(field.to_owned(), value);
            }
        }
        let environment = find(world, &Form::from_fields(form))?;
        must_be_ready(world, environment)?;
        Ok((environment.id.clone(), environment.prefix.clone()))
    };
    let (source, destination) = (one("Source")?, one("Destination")?);
    request.touched = Some(source.0.clone());
    let now = world.now();
    for (id, prefix) in [(&source.0, &destination.1), (&destination.0, &source.1)] {
        world.prefixes.insert(prefix.clone(), id.clone());
        if let Some(environment) = world.environments.get_mut(id) {
            environment.prefix.clone_from(prefix);
            environment.show(now, |_| {});
        }
        world.tell_of(id, Severity::Info, "Completed swapping CNAMEs for environments.");
    }
    Ok(None)
}
