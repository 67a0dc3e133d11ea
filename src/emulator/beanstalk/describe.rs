//! DescribeEnvironments, and how an environment is written wherever it is shown.

use jiff::Timestamp;

use super::{Outcome, page, platforms};
use crate::emulator::environment::{Environment, Health, Shown, Status};
use crate::emulator::fault::Kind;
use crate::emulator::requests::Request;
use crate::emulator::settings::Order;
use crate::emulator::wire::{Form, Refusal, Xml};
use crate::emulator::world::{Dice, MEMORY, World, signed};

/// What a listing asks for.
struct Filter {
    application: Option<String>,
    label: Option<String>,
    ids: Vec<String>,
    names: Vec<String>,
    /// Terminated environments are shown when they ended at this moment or later.
    dead_since: Timestamp,
    /// The moment whose truth is shown: now, unless the listing is stale.
    at: Timestamp,
}

impl Filter {
    fn read(world: &World, form: &Form, at: Timestamp) -> Result<Self, Refusal> {
        let (readings, linger) = (&world.settings.readings, at - signed(world.settings.linger));
        // Later than any end: none of the dead is shown.
        let never = at + signed(MEMORY);
        let dead_since = match form.flag("IncludeDeleted")? {
            Some(true) => form.moment("IncludedDeletedBackTo")?.unwrap_or(at - signed(MEMORY)),
            Some(false) if readings.hides_fresh => never,
            None if !readings.lingers => never,
            Some(false) | None => linger,
        };
        Ok(Self {
            application: form.text("ApplicationName"),
            label: form.text("VersionLabel"),
            ids: form.list("EnvironmentIds"),
            names: form.list("EnvironmentNames"),
            dead_since,
            at,
        })
    }

    fn admits(&self, environment: &Environment, shown: &Shown) -> bool {
        let one_of = |wanted: &[String], fact: &String| wanted.is_empty() || wanted.contains(fact);
        let alive = shown.status != Status::Terminated;
        self.application.as_ref().is_none_or(|name| *name == environment.application)
            && self.label.as_ref().is_none_or(|label| shown.label.as_ref() == Some(label))
            && one_of(&self.ids, &environment.id)
            && one_of(&self.names, &environment.name)
            && (alive || environment.terminated.is_some_and(|ended| ended >= self.dead_since))
    }
}

/// Unknown names and ids are silently absent, and so is what the key may not see: an empty listing is a success.
pub(super) fn describe(world: &mut World, request: &mut Request) -> Outcome {
    let stale = request.lens(Kind::Stale);
    let at = world.now() - signed(stale.map(|strike| strike.by).unwrap_or_default());
    let filter = Filter::read(world, &request.form, at)?;
    let mut found = select(world, request, &filter);
    if let Order::Newest = world.settings.readings.order {
        found.sort_by_key(|(environment, _)| std::cmp::Reverse(environment.created));
    }
    if request.lens(Kind::Empty).is_some() {
        found.clear();
    }
    if let Some(strike) = request.lens(Kind::Partial) {
        let mut dice = Dice::new(u64::from(strike.seed));
        found.retain(|_| dice.below(2) == 0);
    }
    let strange = request.lens(Kind::UnknownStatus).map(|strike| strike.seed as usize % found.len().max(1));
    let numbered: Vec<_> = found.into_iter().enumerate().collect();
    page::write(request, numbered, |xml, found| {
        xml.list("Environments", found, |xml, (place, (environment, shown))| {
            write(world, xml, environment, shown, strange == Some(place));
        });
    })
}

fn select<'a>(world: &'a World, request: &Request, filter: &Filter) -> Vec<(&'a Environment, &'a Shown)> {
    let visible_from = filter.at - signed(world.settings.invisible);
    let show = |environment: &'a Environment| -> Option<(&'a Environment, &'a Shown)> {
        let shown = match filter.at == world.now() {
            true => &environment.shown,
            false => environment.shown_at(filter.at)?,
        };
        let visible =
            environment.created <= visible_from && world.sees(&request.key, &environment.application);
        (visible && filter.admits(environment, shown)).then_some((environment, shown))
    };
    if filter.ids.is_empty() {
        return world.environments.values().filter_map(show).collect();
    }
    let mut ids: Vec<&String> = filter.ids.iter().collect();
    ids.sort();
    ids.dedup();
    ids.into_iter().filter_map(|id| world.environments.get(id)).filter_map(show).collect()
}

/// The members of an EnvironmentDescription. Tags are not among them.
pub(super) fn write(world: &World, xml: &mut Xml, environment: &Environment, shown: &Shown, strange: bool) {
    let readings = &world.settings.readings;
    let arn = world.arn("environment", &format!("{}/{}", environment.application, environment.name));
    xml.put("EnvironmentName", &environment.name);
    xml.put("EnvironmentId", &environment.id);
    xml.put("ApplicationName", &environment.application);
    xml.put_some("VersionLabel", shown.label.as_deref());
    xml.put("SolutionStackName", &environment.stack);
    xml.put_some("PlatformArn", platforms::arn_of(world, &environment.stack).as_deref());
    xml.put_some("TemplateName", environment.template.as_deref());
    xml.put_some("Description", environment.description.as_deref());
    let up = !matches!(shown.status, Status::Launching | Status::Terminated);
    if up {
        xml.put("EndpointURL", &endpoint(world, environment));
    }
    if up || (shown.status == Status::Launching && readings.early_cname) {
        xml.put("CNAME", &world.cname(&environment.prefix));
    }
    xml.put_time("DateCreated", environment.created);
    xml.put_time("DateUpdated", shown.updated);
    xml.put("Status", if strange { "Reticulating" } else { shown.status.as_str() });
    xml.put("AbortableOperationInProgress", if shown.abortable { "true" } else { "false" });
    write_health(world, xml, environment, shown.health, strange);
    let (name, kind) = environment.tier.words();
    xml.element("Tier", |xml| {
        xml.put("Name", name);
        xml.put("Type", kind);
        xml.put("Version", "1.0");
    });
    xml.list("EnvironmentLinks", std::iter::empty::<()>(), |_, ()| {});
    xml.put("EnvironmentArn", &arn);
}

/// Without enhanced reporting there is no HealthStatus.
fn write_health(world: &World, xml: &mut Xml, environment: &Environment, health: Health, strange: bool) {
    let basic = world.settings.readings.basic_health
        && environment.setting("aws:elasticbeanstalk:healthreporting:system", "SystemType") == Some("basic");
    xml.put("Health", if strange { "Plaid" } else { health.colour() });
    if !basic {
        xml.put("HealthStatus", if strange { "Bewildered" } else { health.word() });
    }
}

/// Where it answers: an address that leads back to this process, or one that looks like those of AWS.
fn endpoint(world: &World, environment: &Environment) -> String {
    let port = world
        .ports
        .as_ref()
        .filter(|_| environment.is_live())
        .and_then(|ports| ports.url_for(&environment.id));
    match (port, world.settings.host) {
        (Some(url), _) => url.trim_start_matches("http://").trim_end_matches('/').to_owned(),
        (None, Some(_)) => world.cname(&environment.prefix),
        (None, None) => environment.endpoint.clone(),
    }
}

/// The reply of Create, Update and Terminate: the environment as it is now, its health Grey.
pub(super) fn reply(world: &World, id: &str) -> Outcome {
    let mut xml = Xml::new();
    if let Some(environment) = world.environments.get(id) {
        let mut shown = environment.shown.clone();
        shown.health = Health::Unknown;
        write(world, &mut xml, environment, &shown, false);
    }
    Ok(Some(xml))
}
