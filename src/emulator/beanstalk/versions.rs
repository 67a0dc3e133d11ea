//! Application versions: a label and a pointer to an object.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Outcome, applications, check_length, check_name, page, tags};
use crate::emulator::fault::Kind;
use crate::emulator::holdings::{Event, Severity, Version, VersionStatus};
use crate::emulator::requests::Request;
use crate::emulator::wire::{Form, Refusal, Xml};
use crate::emulator::world::{Due, World};

/// How long the validation that `Process` asks for takes.
const PROCESSING: Duration = Duration::from_secs(5);

pub(super) fn create(world: &mut World, request: &mut Request) -> Outcome {
    let form = &request.form;
    let application = form.required("ApplicationName")?.to_owned();
    let label = form.required("VersionLabel")?.to_owned();
    check_name("versionLabel", &label)?;
    if let Some(description) = form.get("Description") {
        check_length("description", description, 0, 200)?;
    }
    let tags = tags::read(form, "Tags")?;
    let bundle = bundle_of(world, form)?;
    if !world.applications.contains_key(&application) && form.flag("AutoCreateApplication")?.unwrap_or(false)
    {
        check_name("applicationName", &application)?;
        applications::add(world, &application, None, BTreeMap::new(), &request.id)?;
    }
    if world.application(&application)?.versions.contains_key(&label) {
        return Err(Refusal::value(format!("Application Version {label} already exists.")));
    }
    let quota = world.quotas.versions;
    if world.applications.values().map(|found| found.versions.len()).sum::<usize>() >= quota {
        return Err(Refusal::new(
            "TooManyApplicationVersionsException",
            format!(
                "You cannot have more than {quota} Application Versions. Either remove some Application Versions or request a limit increase."
            ),
        ));
    }
    let process = form.flag("Process")?.unwrap_or(false);
    let version = Version {
        label: label.clone(),
        description: form.text("Description"),
        bundle,
        created: world.now(),
        serial: world.next_serial(),
        status: if process { VersionStatus::Processing } else { VersionStatus::Unprocessed },
        tags,
    };
    let mut xml = Xml::new();
    xml.element("ApplicationVersion", |xml| write(world, xml, &application, &version));
    world.application(&application)?.versions.insert(label.clone(), version);
    if process {
        let (application, label) = (application.clone(), label.clone());
        world.schedule(PROCESSING, |_| Due::Processed { application, label });
    }
    world.tell(Event {
        at: world.now(),
        severity: Severity::Info,
        message: format!("Created new Application Version: {label}"),
        application: Some(application),
        environment: None,
        label: Some(label),
        request: Some(request.id.clone()),
    });
    Ok(Some(xml))
}

/// Bucket and key, if the object is there: it is read with the caller's rights when the version is made.
fn bundle_of(world: &World, form: &Form) -> Result<Option<(String, String)>, Refusal> {
    let (bucket, key) = match (form.get("SourceBundle.S3Bucket"), form.get("SourceBundle.S3Key")) {
        (None, None) => return Ok(None),
        (Some(bucket), Some(key)) => (bucket.to_owned(), key.to_owned()),
        _ => return Err(Refusal::missing("SourceBundle needs both S3Bucket and S3Key.")),
    };
    let (here, elsewhere) = world.with_objects(|objects| {
        let region = objects.region_of(&bucket);
        (objects.exists(&bucket, &key), region.is_some_and(|region| region != world.settings.region))
    });
    if elsewhere {
        return Err(Refusal::new(
            "S3LocationNotInServiceRegionException",
            format!("The bucket {bucket} is not in the region {}.", world.settings.region),
        ));
    }
    if !here {
        // Two spaces before "Key": so it is on the wire.
        return Err(Refusal::combination(format!(
            "Unable to download from S3 location (Bucket: {bucket}  Key: {key}). Reason: Not Found"
        )));
    }
    Ok(Some((bucket, key)))
}

fn write(world: &World, xml: &mut Xml, application: &str, version: &Version) {
    let arn = world.arn("applicationversion", &format!("{application}/{}", version.label));
    xml.put("ApplicationVersionArn", &arn);
    xml.put("ApplicationName", application);
    xml.put_some("Description", version.description.as_deref());
    xml.put("VersionLabel", &version.label);
    if let Some((bucket, key)) = &version.bundle {
        xml.element("SourceBundle", |xml| {
            xml.put("S3Bucket", bucket);
            xml.put("S3Key", key);
        });
    }
    xml.put_time("DateCreated", version.created);
    xml.put_time("DateUpdated", version.created);
    xml.put("Status", version.status.as_str());
}

pub(super) fn describe(world: &mut World, request: &mut Request) -> Outcome {
    let form = &request.form;
    let application = form.get("ApplicationName");
    let labels = form.list("VersionLabels");
    let empty = request.lens(Kind::Empty).is_some();
    let mut found: Vec<(&str, &Version)> = world
        .applications
        .values()
        .filter(|owner| {
            application.is_none_or(|name| name == owner.name)
                && world.sees(&request.key, &owner.name)
                && !empty
        })
        .flat_map(|owner| owner.versions.values().map(|version| (owner.name.as_str(), version)))
        .filter(|(_, version)| labels.is_empty() || labels.contains(&version.label))
        .collect();
    found.sort_by_key(|(_, version)| std::cmp::Reverse(version.serial));
    page::write(request, found, |xml, found| {
        xml.list("ApplicationVersions", found, |xml, (application, version)| {
            write(world, xml, application, version);
        });
    })
}

/// Labels in use are deleted without a word, as in the field (boto/boto3#891), whatever the page says.
pub(super) fn delete(world: &mut World, request: &mut Request) -> Outcome {
    let form = &request.form;
    let (application, label) = (form.required("ApplicationName")?, form.required("VersionLabel")?);
    let with_bundle = form.flag("DeleteSourceBundle")?.unwrap_or(false);
    let lenient = world.settings.readings.delete_missing_version;
    let missing = || Refusal::value(format!("No Application Version named '{label}' found."));
    let Some(owner) = world.applications.get_mut(application) else {
        return if lenient { Ok(None) } else { Err(missing()) };
    };
    if owner.versions.get(label).is_some_and(|version| version.status == VersionStatus::Processing) {
        return Err(Refusal::new(
            "OperationInProgressFailure",
            format!(
                "Unable to delete application version: {label}. An operation is already in progress, please retry again shortly."
            ),
        ));
    }
    let Some(version) = owner.versions.remove(label) else {
        return if lenient { Ok(None) } else { Err(missing()) };
    };
    if let Some((bucket, key)) = version.bundle.filter(|_| with_bundle)
        && !world.with_objects(|objects| objects.remove(&bucket, &key))
    {
        return Err(Refusal::new(
            "SourceBundleDeletionFailure",
            format!("The application version was deleted, its source bundle {bucket}/{key} was not."),
        ));
    }
    Ok(None)
}
