//! CreateEnvironment: everything that is refused at once, and the mistakes that end a launch within seconds.

use super::account::{check_prefix, is_free};
use super::{Outcome, check_length, describe, platforms, tags};
use crate::emulator::environment::{Environment, Health, Shown, Status, Tier, Work};
use crate::emulator::holdings::VersionStatus;
use crate::emulator::options::{ENVIRONMENT, LAUNCH, Options};
use crate::emulator::requests::Request;
use crate::emulator::settings::Namesake;
use crate::emulator::wire::{Form, Refusal};
use crate::emulator::world::World;

pub(super) fn create(world: &mut World, request: &mut Request) -> Outcome {
    let form = &request.form;
    let application = form.required("ApplicationName")?.to_owned();
    let name = read_name(form)?;
    if let Some(description) = form.get("Description") {
        check_length("description", description, 0, 200)?;
    }
    world.application(&application)?;
    check_free(world, &name)?;
    let base = Base::read(world, form, &application)?;
    let label = read_label(world, form, &application)?;
    let tier = read_tier(form)?.unwrap_or_default();
    let tags = if form.members("Tags").is_empty() { base.tags } else { tags::read(form, "Tags")? };
    let prefix = read_prefix(world, form, &name)?;
    let quota = world.quotas.environments;
    if world.names.len() >= quota {
        return Err(Refusal::new(
            "TooManyEnvironmentsException",
            format!("You cannot have more than {quota} environments."),
        ));
    }
    let id = format!("e-{}", world.ids.word(10));
    let endpoint = mint_endpoint(world, &id, &base.settings);
    let now = world.now();
    let environment = Environment {
        id: id.clone(),
        name: name.clone(),
        application,
        prefix: prefix.clone(),
        endpoint,
        description: form.text("Description"),
        tier,
        stack: base.stack,
        template: form.text("TemplateName"),
        created: now,
        terminated: None,
        deployed: None,
        draft: None,
        tags,
        old_tags: None,
        shown: Shown {
            status: Status::Launching,
            health: Health::Pending,
            label,
            updated: now,
            abortable: false,
        },
        past: Vec::new(),
        operation: None,
        events: Vec::new(),
        settings: base.settings,
    };
    let preflight = preflight(&environment.settings);
    world.environments.insert(id.clone(), environment);
    world.names.insert(name, id.clone());
    world.prefixes.insert(prefix, id.clone());
    world.begin(&id, Work::Launch { preflight }, &request.id);
    request.touched = Some(id.clone());
    describe::reply(world, &id)
}

fn read_name(form: &Form) -> Result<String, Refusal> {
    let Some(name) = form.get("EnvironmentName") else {
        return Err(Refusal::missing(
            "You must specify EnvironmentName, or GroupName with a name in env.yaml.",
        ));
    };
    check_length("environmentName", name, 4, 40)?;
    let legal = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    if name.chars().all(legal) && !name.starts_with('-') && !name.ends_with('-') {
        return Ok(name.to_owned());
    }
    Err(Refusal::value(format!(
        "Value {name} at 'EnvironmentName' failed to satisfy constraint: Member must contain only letters, digits, and the dash character and may not start or end with a dash"
    )))
}

/// Names are unique per region over all applications; a Terminated namesake is no hindrance.
fn check_free(world: &World, name: &str) -> Result<(), Refusal> {
    let Some(holder) = world.named(name) else {
        return Ok(());
    };
    let leaving = holder.shown.status == Status::Terminating;
    if leaving && world.settings.readings.namesake == Namesake::Free {
        return Ok(());
    }
    Err(Refusal::value(format!("Environment {name} already exists.")))
}

/// Platform, settings and tags before the call's own: from a saved configuration or a platform.
struct Base {
    stack: String,
    settings: Options,
    tags: std::collections::BTreeMap<String, String>,
}

impl Base {
    fn read(world: &mut World, form: &Form, application: &str) -> Result<Self, Refusal> {
        let named = platforms::named(world, form)?;
        let given = Options::read(form)?;
        let removals = Options::read_removals(form, &given)?;
        let mut base = match (form.get("TemplateName"), named) {
            (Some(_), Some(_)) => return Err(platforms::mixed(world)),
            (None, None) => {
                return Err(Refusal::combination(
                    "Unable to determine base for template pack (no solution stack)",
                ));
            }
            (None, Some(stack)) => Self { stack, settings: Options::default(), tags: Default::default() },
            (Some(template), None) => {
                let owner = world.application(application)?;
                let found = owner.templates.get(template).ok_or_else(|| {
                    Refusal::value(format!(
                        "No Configuration Template named '{application}/{template}' found."
                    ))
                })?;
                Self {
                    stack: found.stack.clone(),
                    settings: found.settings.clone(),
                    tags: found.tags.clone(),
                }
            }
        };
        base.settings.remove(&removals);
        base.settings.merge(&given);
        base.settings.check_size()?;
        Ok(base)
    }
}

/// The label to deploy; none means the sample application, which is no mistake to the service.
pub(super) fn read_label(world: &World, form: &Form, application: &str) -> Result<Option<String>, Refusal> {
    let Some(label) = form.get("VersionLabel") else {
        return Ok(None);
    };
    match world.version(application, label).map(|version| version.status) {
        None => Err(Refusal::value(format!("No Application Version named '{label}' found."))),
        Some(VersionStatus::Failed) => Err(Refusal::value(format!(
            "Incorrect application version found in the application {application}: {label} failed its validation."
        ))),
        Some(_) => Ok(Some(label.to_owned())),
    }
}

/// The tier that a call names.
pub(super) fn read_tier(form: &Form) -> Result<Option<Tier>, Refusal> {
    match (form.get("Tier.Name"), form.get("Tier.Type")) {
        (None, None) => Ok(None),
        (Some("WebServer"), None | Some("Standard")) => Ok(Some(Tier::Web)),
        (Some("Worker"), None | Some("SQS/HTTP")) => Ok(Some(Tier::Worker)),
        (name, kind) => Err(Refusal::value(format!(
            "No tier with name '{}' and type '{}' found.",
            name.unwrap_or_default(),
            kind.unwrap_or_default()
        ))),
    }
}

fn read_prefix(world: &mut World, form: &Form, name: &str) -> Result<String, Refusal> {
    let Some(prefix) = form.get("CNAMEPrefix").map(str::to_lowercase) else {
        let random = world.ids.word(8);
        return Ok(format!("{}.eba-{random}", name.to_lowercase()));
    };
    check_prefix(&prefix)?;
    if is_free(world, &prefix) {
        return Ok(prefix);
    }
    let region = &world.settings.region;
    Err(Refusal::value(format!("DNS name ({prefix}.{region}.elasticbeanstalk.com) is not available.")))
}

/// An address of a single instance, or the name of a load balancer. The range is reserved for documentation.
fn mint_endpoint(world: &mut World, id: &str, settings: &Options) -> String {
    if settings.get(ENVIRONMENT, "EnvironmentType") == Some("SingleInstance") {
        return format!("198.51.100.{}", world.ids.below(254) + 1);
    }
    let (word, region) = (world.ids.word(9), world.settings.region.clone());
    format!("awseb-{id}-AWSEBLoa-{word}.{region}.elb.amazonaws.com")
}

/// The API sets no roles by itself; without a profile the launch is accepted and ends within seconds.
fn preflight(settings: &Options) -> Option<String> {
    match settings.get(LAUNCH, "IamInstanceProfile").filter(|profile| !profile.is_empty()) {
        None => Some("Environment must have instance profile associated with it.".to_owned()),
        Some(profile) if profile.starts_with("missing-") => {
            Some(format!("The instance profile {profile} associated with the environment does not exist."))
        }
        Some(_) => None,
    }
}
