//! Tags: 47 of one's own on an environment, three that the service sets.

use std::collections::BTreeMap;

use super::Outcome;
use crate::emulator::environment::{Status, Work};
use crate::emulator::fault::Kind;
use crate::emulator::requests::Request;
use crate::emulator::wire::{Form, Refusal, Xml};
use crate::emulator::world::World;

/// 50 for each resource, three of which are reserved (developer guide, "Tagging Elastic Beanstalk environments").
const MOST: usize = 47;

/// Reads and checks a list of tags.
pub(super) fn read(form: &Form, list: &str) -> Result<BTreeMap<String, String>, Refusal> {
    let mut tags = BTreeMap::new();
    for prefix in form.members(list) {
        let key = form.required(&format!("{prefix}.Key"))?.to_owned();
        let value = form.required(&format!("{prefix}.Value"))?.to_owned();
        check(&key, &value)?;
        if tags.insert(key.clone(), value).is_some() {
            return Err(Refusal::value(format!("Duplicate tag key '{key}'.")));
        }
    }
    check_count(&tags)?;
    Ok(tags)
}

fn check_count(tags: &BTreeMap<String, String>) -> Result<(), Refusal> {
    if tags.len() <= MOST {
        return Ok(());
    }
    Err(Refusal::new(
        "TooManyTagsException",
        format!(
            "The number of tags in the resource would exceed the number of tags that each resource can have: {MOST}."
        ),
    ))
}

fn check(key: &str, value: &str) -> Result<(), Refusal> {
    let legal = |text: &str| {
        text.chars()
            .all(|letter| letter.is_alphanumeric() || letter.is_whitespace() || "_.:/=+-@".contains(letter))
    };
    let sized = key.chars().count() <= 128 && value.chars().count() <= 256;
    if !sized || !legal(key) || !legal(value) {
        return Err(Refusal::value(format!(
            "Invalid tag '{key}': a key has up to 128 and a value up to 256 letters, digits, spaces or _ . : / = + - @"
        )));
    }
    let lower = key.to_lowercase();
    if lower.starts_with("aws:") || lower.starts_with("elasticbeanstalk:") || key == "Name" {
        return Err(Refusal::value(format!("Invalid tag key '{key}': it is reserved.")));
    }
    Ok(())
}

/// What an ARN of ours names.
enum Resource {
    Application(String),
    Environment(String),
    Version(String, String),
    Template(String, String),
}

fn resource(world: &World, arn: &str) -> Result<Resource, Refusal> {
    let missing =
        || Refusal::new("ResourceNotFoundException", format!("Resource not found for the ARN '{arn}'."));
    let root = world.arn("", "");
    let rest = arn.strip_prefix(root.trim_end_matches('/')).ok_or_else(missing)?;
    let mut parts = rest.split('/');
    let (kind, application) = (parts.next().unwrap_or_default(), parts.next().ok_or_else(missing)?);
    let owner = world.applications.get(application);
    let found = match (kind, parts.next()) {
        ("application", None) => owner.map(|owner| Resource::Application(owner.name.clone())),
        ("environment", Some(name)) => world
            .named(name)
            .filter(|environment| environment.application == application)
            .map(|environment| Resource::Environment(environment.id.clone())),
        ("applicationversion", Some(label)) => owner
            .filter(|owner| owner.versions.contains_key(label))
            .map(|owner| Resource::Version(owner.name.clone(), label.to_owned())),
        ("configurationtemplate", Some(name)) => owner
            .filter(|owner| owner.templates.contains_key(name))
            .map(|owner| Resource::Template(owner.name.clone(), name.to_owned())),
        _ => None,
    };
    found.ok_or_else(missing)
}

fn tags_mut<'a>(world: &'a mut World, resource: &Resource) -> Option<&'a mut BTreeMap<String, String>> {
    Some(match resource {
        Resource::Application(name) => &mut world.applications.get_mut(name)?.tags,
        Resource::Environment(id) => &mut world.environments.get_mut(id)?.tags,
        Resource::Version(name, label) => {
            &mut world.applications.get_mut(name)?.versions.get_mut(label)?.tags
        }
        Resource::Template(name, template) => {
            &mut world.applications.get_mut(name)?.templates.get_mut(template)?.tags
        }
    })
}

pub(super) fn list(world: &mut World, request: &mut Request) -> Outcome {
    let arn = request.form.required("ResourceArn")?.to_owned();
    let resource = resource(world, &arn)?;
    let mut tags = BTreeMap::new();
    let mut seen = true;
    match &resource {
        Resource::Environment(id) => {
            request.touched = Some(id.clone());
            if let Some(environment) = world.environments.get(id) {
                seen = world.sees(&request.key, &environment.application);
                let lagging = environment.old_tags.as_ref().filter(|(until, _)| world.now() < *until);
                tags.clone_from(lagging.map_or(&environment.tags, |(_, old)| old));
                tags.insert("Name".to_owned(), environment.name.clone());
                tags.insert("elasticbeanstalk:environment-id".to_owned(), environment.id.clone());
                tags.insert("elasticbeanstalk:environment-name".to_owned(), environment.name.clone());
            }
        }
        other => {
            if let Some(own) = tags_mut(world, other) {
                tags.clone_from(own);
            }
        }
    }
    if !seen || request.lens(Kind::Empty).is_some() {
        tags.clear();
    }
    let mut xml = Xml::new();
    xml.put("ResourceArn", &arn);
    xml.list("ResourceTags", &tags, |xml, (key, value)| {
        xml.put("Key", key);
        xml.put("Value", value);
    });
    Ok(Some(xml))
}

/// On an environment a change of tags is an update of its stack: it goes through Updating, and one that changes
/// nothing ends with error events.
pub(super) fn update(world: &mut World, request: &mut Request) -> Outcome {
    let form = &request.form;
    let arn = form.required("ResourceArn")?.to_owned();
    let added = read(form, "TagsToAdd")?;
    let removed = form.list("TagsToRemove");
    if added.is_empty() && removed.is_empty() {
        return Err(Refusal::missing("You must specify TagsToAdd or TagsToRemove."));
    }
    for key in &removed {
        check(key, "x")?;
    }
    let resource = resource(world, &arn)?;
    if let Resource::Environment(id) = &resource {
        request.touched = Some(id.clone());
        check_ready(world, id)?;
    }
    let mut wanted = tags_mut(world, &resource).map(|tags| tags.clone()).unwrap_or_default();
    let before = wanted.clone();
    wanted.extend(added);
    wanted.retain(|key, _| !removed.contains(key));
    check_count(&wanted)?;
    match &resource {
        Resource::Environment(id) if wanted == before => world.begin(id, Work::SameTags, &request.id),
        Resource::Environment(id) => world.begin(id, Work::Tags(wanted), &request.id),
        other => {
            if let Some(tags) = tags_mut(world, other) {
                *tags = wanted;
            }
        }
    }
    Ok(None)
}

fn check_ready(world: &World, id: &str) -> Result<(), Refusal> {
    let Some(environment) = world.environments.get(id).filter(|found| found.shown.status != Status::Ready)
    else {
        return Ok(());
    };
    let message = format!(
        "Environment named {} is in an invalid state for this operation. Must be Ready.",
        environment.name
    );
    Err(if world.settings.readings.tags_in_progress {
        Refusal::new("OperationInProgressFailure", message)
    } else {
        Refusal::value(message)
    })
}
