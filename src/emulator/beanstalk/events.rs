//! DescribeEvents: newest first, six weeks back, by RequestId, severity and time.

use super::{Outcome, page};
use crate::emulator::fault::Kind;
use crate::emulator::holdings::{Event, Severity};
use crate::emulator::requests::Request;
use crate::emulator::wire::{Form, Refusal, Xml};
use crate::emulator::world::World;
use jiff::Timestamp;

struct Filter<'a> {
    form: &'a Form,
    severity: Severity,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

impl<'a> Filter<'a> {
    fn read(form: &'a Form) -> Result<Self, Refusal> {
        let severity = match form.get("Severity") {
            None => Severity::Trace,
            Some(word) => Severity::parse(word).ok_or_else(|| {
                Refusal::validation(format!("Value '{word}' at 'severity' is not a severity."))
            })?,
        };
        Ok(Self { form, severity, from: form.moment("StartTime")?, to: form.moment("EndTime")? })
    }

    /// StartTime is inclusive, EndTime is not.
    fn admits(&self, event: &Event) -> bool {
        let same =
            |field: &str, fact: Option<&str>| self.form.get(field).is_none_or(|wanted| fact == Some(wanted));
        let environment = event.environment.as_ref();
        event.severity >= self.severity
            && self.from.is_none_or(|from| event.at >= from)
            && self.to.is_none_or(|to| event.at < to)
            && same("ApplicationName", event.application.as_deref())
            && same("VersionLabel", event.label.as_deref())
            && same("RequestId", event.request.as_deref())
            && same("EnvironmentId", environment.map(|(id, _)| id.as_str()))
            && same("EnvironmentName", environment.map(|(_, name)| name.as_str()))
            && same("TemplateName", None)
            && same("PlatformArn", None)
    }
}

pub(super) fn describe(world: &mut World, request: &mut Request) -> Outcome {
    let filter = Filter::read(&request.form)?;
    let visible = |event: &&Event| {
        filter.admits(event)
            && event.application.as_deref().is_none_or(|application| world.sees(&request.key, application))
    };
    // An environment knows its events, so that asking for one does not walk through all.
    let own = request.form.get("EnvironmentId").map(|id| world.environments.get(id));
    let mut found: Vec<&Event> = match own {
        Some(None) => Vec::new(),
        Some(Some(environment)) => {
            let numbers = environment.events.iter().rev();
            numbers.filter_map(|number| world.events.get(number)).filter(visible).collect()
        }
        None => world.events.values().rev().filter(visible).collect(),
    };
    if request.lens(Kind::Empty).or(request.lens(Kind::NoEvents)).is_some() {
        found.clear();
    }
    if request.lens(Kind::DoubleEvents).is_some() {
        let again = found.clone();
        found.extend(again);
    }
    page::write(request, found, |xml, found| {
        xml.list("Events", found, write);
    })
}

fn write(xml: &mut Xml, event: &Event) {
    xml.put_time("EventDate", event.at);
    xml.put("Message", &event.message);
    xml.put_some("ApplicationName", event.application.as_deref());
    xml.put_some("VersionLabel", event.label.as_deref());
    xml.put_some("EnvironmentName", event.environment.as_ref().map(|(_, name)| name.as_str()));
    xml.put_some("RequestId", event.request.as_deref());
    xml.put("Severity", event.severity.as_str());
}
