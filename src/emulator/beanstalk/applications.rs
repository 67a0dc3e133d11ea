//! Applications.

use std::collections::BTreeMap;

use super::{Outcome, check_length, check_name, tags};
use crate::emulator::environment::{Status, Work};
use crate::emulator::fault::Kind;
use crate::emulator::holdings::{Application, Event, Severity};
use crate::emulator::requests::Request;
use crate::emulator::wire::{Refusal, Xml};
use crate::emulator::world::World;

pub(super) fn create(world: &mut World, request: &mut Request) -> Outcome {
    let form = &request.form;
    let name = form.required("ApplicationName")?.to_owned();
    check_name("applicationName", &name)?;
    if let Some(description) = form.get("Description") {
        check_length("description", description, 0, 200)?;
    }
    let tags = tags::read(form, "Tags")?;
    if world.applications.contains_key(&name) {
        return Err(Refusal::value(format!("Application {name} already exists.")));
    }
    add(world, &name, form.text("Description"), tags, &request.id)?;
    let mut xml = Xml::new();
    xml.element("Application", |xml| write(world, xml, &world.applications[&name]));
    Ok(Some(xml))
}

/// Makes an application, for CreateApplication and for AutoCreateApplication.
pub(super) fn add(
    world: &mut World,
    name: &str,
    description: Option<String>,
    tags: BTreeMap<String, String>,
    request: &str,
) -> Result<(), Refusal> {
    let quota = world.quotas.applications;
    if world.applications.len() >= quota {
        return Err(Refusal::new(
            "TooManyApplicationsException",
            format!("You cannot have more than {quota} Applications."),
        ));
    }
    let application = Application {
        name: name.to_owned(),
        description,
        created: world.now(),
        versions: BTreeMap::new(),
        templates: BTreeMap::new(),
        tags,
    };
    world.applications.insert(name.to_owned(), application);
    world.tell(Event {
        at: world.now(),
        severity: Severity::Info,
        message: format!("Created new Application: {name}"),
        application: Some(name.to_owned()),
        environment: None,
        label: None,
        request: Some(request.to_owned()),
    });
    Ok(())
}

fn write(world: &World, xml: &mut Xml, application: &Application) {
    xml.put("ApplicationArn", &world.arn("application", &application.name));
    xml.put("ApplicationName", &application.name);
    xml.put_some("Description", application.description.as_deref());
    xml.put_time("DateCreated", application.created);
    xml.put_time("DateUpdated", application.created);
    let mut versions: Vec<_> = application.versions.values().collect();
    versions.sort_by_key(|version| std::cmp::Reverse(version.serial));
    xml.list("Versions", versions, |xml, version| xml.escape(&version.label));
    xml.list("ConfigurationTemplates", application.templates.keys(), |xml, name| xml.escape(name));
}

pub(super) fn describe(world: &mut World, request: &mut Request) -> Outcome {
    let names = request.form.list("ApplicationNames");
    let empty = request.lens(Kind::Empty).is_some();
    let mut xml = Xml::new();
    let found = world.applications.values().filter(|application| {
        (names.is_empty() || names.contains(&application.name))
            && world.sees(&request.key, &application.name)
            && !empty
    });
    xml.list("Applications", found, |xml, application| write(world, xml, application));
    Ok(Some(xml))
}

pub(super) fn delete(world: &mut World, request: &mut Request) -> Outcome {
    let name = request.form.required("ApplicationName")?.to_owned();
    let force = request.form.flag("TerminateEnvByForce")?.unwrap_or(false);
    if !world.applications.contains_key(&name) {
        return Ok(None);
    }
    let live: Vec<(String, Status)> = world
        .live()
        .filter(|environment| environment.application == name)
        .map(|environment| (environment.id.clone(), environment.shown.status))
        .collect();
    if !live.is_empty() && !force {
        return Err(Refusal::value(format!(
            "Unable to delete application {name} because it has a version that is deployed to a running environment."
        )));
    }
    let settled = |status: &Status| matches!(status, Status::Ready | Status::Terminating);
    if !live.iter().all(|(_, status)| settled(status)) {
        return Err(Refusal::new(
            "OperationInProgressFailure",
            format!(
                "Unable to delete application {name}. An operation is already in progress, please retry again shortly."
            ),
        ));
    }
    for (id, status) in live {
        if status == Status::Ready {
            world.begin(&id, Work::Terminate, &request.id);
        }
    }
    world.applications.remove(&name);
    Ok(None)
}
