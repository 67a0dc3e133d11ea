//! Saved configurations, and the settings of environments.

use super::{Outcome, check_name, platforms, tags};
use crate::emulator::environment::{Environment, Work};
use crate::emulator::fault::Kind;
use crate::emulator::holdings::Template;
use crate::emulator::options::{self, Options};
use crate::emulator::requests::Request;
use crate::emulator::wire::{Form, Refusal, Xml};
use crate::emulator::world::World;
use jiff::Timestamp;

fn missing(application: &str, name: &str) -> Refusal {
    Refusal::value(format!("No Configuration Template named '{application}/{name}' found."))
}

pub(super) fn create(world: &mut World, request: &mut Request) -> Outcome {
    let form = &request.form;
    let application = form.required("ApplicationName")?.to_owned();
    let name = form.required("TemplateName")?.to_owned();
    check_name("templateName", &name)?;
    let given = Options::read(form)?;
    let quota = world.quotas.templates;
    let all: usize = world.applications.values().map(|owner| owner.templates.len()).sum();
    if world.application(&application)?.templates.contains_key(&name) {
        return Err(Refusal::value(format!("Configuration Template {name} already exists.")));
    }
    if all >= quota {
        return Err(Refusal::new(
            "TooManyConfigurationTemplatesException",
            format!("You cannot have more than {quota} Configuration Templates."),
        ));
    }
    let (stack, mut settings, inherited) = source(world, form)?;
    settings.merge(&given);
    let tags = if form.members("Tags").is_empty() { inherited } else { tags::read(form, "Tags")? };
    let template = Template {
        name: name.clone(),
        description: form.text("Description"),
        stack,
        created: world.now(),
        settings,
        tags,
    };
    let mut xml = Xml::new();
    write_template(world, &mut xml, &application, &template);
    world.application(&application)?.templates.insert(name, template);
    Ok(Some(xml))
}

type Source = (String, Options, std::collections::BTreeMap<String, String>);

/// What a saved configuration is made from: a platform, another one, or an environment. Tags come along from the last.
fn source(world: &World, form: &Form) -> Result<Source, Refusal> {
    if let Some(stack) = platforms::named(world, form)? {
        return Ok((stack, Options::default(), Default::default()));
    }
    if let Some(id) = form.get("EnvironmentId") {
        let environment = world
            .environments
            .get(id)
            .ok_or_else(|| Refusal::value(format!("No Environment found for EnvironmentId = '{id}'.")))?;
        return Ok((environment.stack.clone(), environment.settings.clone(), environment.tags.clone()));
    }
    if let Some(name) = form.get("SourceConfiguration.TemplateName") {
        let application = form.required("SourceConfiguration.ApplicationName")?;
        let owner = world.applications.get(application);
        let found =
            owner.and_then(|owner| owner.templates.get(name)).ok_or_else(|| missing(application, name))?;
        return Ok((found.stack.clone(), found.settings.clone(), Default::default()));
    }
    Err(Refusal::combination("Unable to determine base for template pack (no solution stack)"))
}

pub(super) fn delete(world: &mut World, request: &mut Request) -> Outcome {
    let application = request.form.required("ApplicationName")?.to_owned();
    let name = request.form.required("TemplateName")?.to_owned();
    world.application(&application)?.templates.remove(&name);
    Ok(None)
}

/// One set of settings in DescribeConfigurationSettings.
struct Set<'a> {
    application: &'a str,
    template: Option<&'a str>,
    environment: Option<&'a str>,
    description: Option<&'a str>,
    stack: &'a str,
    state: Option<&'a str>,
    dates: (Timestamp, Timestamp),
    settings: Options,
}

impl Set<'_> {
    fn write(&self, world: &World, xml: &mut Xml) {
        xml.put("SolutionStackName", self.stack);
        xml.put_some("PlatformArn", platforms::arn_of(world, self.stack).as_deref());
        xml.put("ApplicationName", self.application);
        xml.put_some("TemplateName", self.template);
        xml.put_some("Description", self.description);
        xml.put_some("EnvironmentName", self.environment);
        xml.put_some("DeploymentStatus", self.state);
        xml.put_time("DateCreated", self.dates.0);
        xml.put_time("DateUpdated", self.dates.1);
        self.settings.write(xml);
    }
}

fn write_template(world: &World, xml: &mut Xml, application: &str, template: &Template) {
    Set {
        application,
        template: Some(&template.name),
        environment: None,
        description: template.description.as_deref(),
        stack: &template.stack,
        state: None,
        dates: (template.created, template.created),
        settings: template.settings.over_defaults(),
    }
    .write(world, xml);
}

/// What is deployed, and beside it a draft: `pending` while an update runs, `failed` after it did.
fn sets(environment: &Environment) -> Vec<Set<'_>> {
    let set = |state, settings: &Options| Set {
        application: &environment.application,
        template: None,
        environment: Some(&environment.name),
        description: environment.description.as_deref(),
        stack: &environment.stack,
        state: Some(state),
        dates: (environment.created, environment.shown.updated),
        settings: settings.over_defaults(),
    };
    let mut sets = vec![set("deployed", &environment.settings)];
    let pending = match environment.operation.as_ref().map(|operation| &operation.work) {
        Some(Work::Update(update)) => update.settings.as_ref(),
        _ => None,
    };
    match (pending, &environment.draft) {
        (Some(settings), _) => sets.push(set("pending", settings)),
        (None, Some(settings)) => sets.push(set("failed", settings)),
        (None, None) => {}
    }
    sets
}

pub(super) fn describe(world: &mut World, request: &mut Request) -> Outcome {
    let form = &request.form;
    let application = form.required("ApplicationName")?;
    let hidden = !world.sees(&request.key, application) || request.lens(Kind::Empty).is_some();
    let mut xml = Xml::new();
    match (form.get("TemplateName"), form.get("EnvironmentName")) {
        (Some(name), None) => {
            let owner = world.applications.get(application);
            let template = owner
                .and_then(|owner| owner.templates.get(name))
                .ok_or_else(|| missing(application, name))?;
            let shown = Some(template).filter(|_| !hidden);
            xml.list("ConfigurationSettings", shown, |xml, template| {
                write_template(world, xml, application, template);
            });
        }
        (None, Some(name)) => {
            let environment = environment_of(world, application, name)?;
            let shown = if hidden { Vec::new() } else { sets(environment) };
            xml.list("ConfigurationSettings", shown, |xml, set| set.write(world, xml));
        }
        _ => {
            return Err(Refusal::combination(
                "You must specify either TemplateName or EnvironmentName, not both.",
            ));
        }
    }
    Ok(Some(xml))
}

fn environment_of<'a>(world: &'a World, application: &str, name: &str) -> Result<&'a Environment, Refusal> {
    world
        .named(name)
        .filter(|environment| environment.application == application)
        .ok_or_else(|| Refusal::value(format!("No Environment found for EnvironmentName = '{name}'.")))
}

/// Options of the platform; the filter by option is honoured no further than to answer.
pub(super) fn options(_: &mut World, _: &mut Request) -> Outcome {
    let mut xml = Xml::new();
    options::write_known(&mut xml);
    Ok(Some(xml))
}

pub(super) fn validate(world: &mut World, request: &mut Request) -> Outcome {
    let form = &request.form;
    let application = form.required("ApplicationName")?.to_owned();
    if let Some(name) = form.get("TemplateName")
        && !world.application(&application)?.templates.contains_key(name)
    {
        return Err(missing(&application, name));
    }
    if let Some(name) = form.get("EnvironmentName") {
        environment_of(world, &application, name)?;
    }
    world.application(&application)?;
    let found = options::complaints(form)?;
    let mut xml = Xml::new();
    xml.list("Messages", found, |xml, (key, message)| {
        xml.put("Message", &message);
        xml.put("Severity", "error");
        xml.put("Namespace", &key.namespace);
        xml.put("OptionName", &key.name);
    });
    Ok(Some(xml))
}

pub(super) fn delete_draft(world: &mut World, request: &mut Request) -> Outcome {
    let application = request.form.required("ApplicationName")?.to_owned();
    let name = request.form.required("EnvironmentName")?.to_owned();
    let id = environment_of(world, &application, &name)?.id.clone();
    if let Some(environment) = world.environments.get_mut(&id) {
        environment.draft = None;
    }
    Ok(None)
}
