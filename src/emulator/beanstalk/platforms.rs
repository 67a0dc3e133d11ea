//! The platforms of this world. Their numbers age by design, as real ones do about monthly.

use super::{Outcome, page};
use crate::emulator::requests::Request;
use crate::emulator::wire::{Form, Refusal, Xml};
use crate::emulator::world::World;

/// Branch, operating system part of its names, version; the newest of a branch first.
const PLATFORMS: &[(&str, &str)] = &[
    ("Docker", "4.7.0"),
    ("Docker", "4.6.0"),
    ("ECS", "4.3.0"),
    ("ECS", "4.2.0"),
    ("Corretto 17", "4.6.0"),
    ("Corretto 21", "4.6.0"),
    ("Tomcat 10 Corretto 17", "5.7.0"),
    ("Python 3.12", "4.6.0"),
    ("Node.js 22", "6.6.0"),
];
const SYSTEM: &str = "64bit Amazon Linux 2023";

fn stack_name((branch, version): &(&str, &str)) -> String {
    format!("{SYSTEM} v{version} running {branch}")
}

fn arn_name(world: &World, (branch, version): &(&str, &str)) -> String {
    format!(
        "arn:aws:elasticbeanstalk:{}::platform/{branch} running on {SYSTEM}/{version}",
        world.settings.region
    )
}

/// The ARN of a solution stack.
pub(super) fn arn_of(world: &World, stack: &str) -> Option<String> {
    // By its parts: this is asked for each environment of each listing.
    let (version, branch) = stack.strip_prefix(SYSTEM)?.strip_prefix(" v")?.split_once(" running ")?;
    let platform = PLATFORMS.iter().find(|platform| **platform == (branch, version))?;
    Some(arn_name(world, platform))
}

/// The stack that SolutionStackName or PlatformArn names, where the request has one of them.
pub(super) fn named(world: &World, form: &Form) -> Result<Option<String>, Refusal> {
    match (form.get("SolutionStackName"), form.get("PlatformArn")) {
        (Some(_), Some(_)) => Err(mixed(world)),
        (Some(stack), None) => match arn_of(world, stack) {
            Some(_) => Ok(Some(stack.to_owned())),
            None => Err(Refusal::value(format!("No Solution Stack named '{stack}' found."))),
        },
        (None, Some(arn)) => PLATFORMS
            .iter()
            .find(|platform| is_named(world, platform, arn))
            .map(|platform| Some(stack_name(platform)))
            .ok_or_else(|| Refusal::value(format!("No Platform named '{arn}' found."))),
        (None, None) => Ok(None),
    }
}

fn is_named(world: &World, platform: &(&str, &str), arn: &str) -> bool {
    let full = arn_name(world, platform);
    let open = world.settings.readings.open_platform_arn;
    full == arn || (open && full.rsplit_once('/').is_some_and(|(start, _)| start == arn))
}

/// The refusal of two platform sources in one call.
pub(super) fn mixed(world: &World) -> Refusal {
    let message = "You can specify only one of TemplateName, SolutionStackName and PlatformArn.";
    if world.settings.readings.platforms_combination {
        Refusal::combination(message)
    } else {
        Refusal::value(message)
    }
}

pub(super) fn stacks(_: &mut World, _: &mut Request) -> Outcome {
    let mut xml = Xml::new();
    xml.list("SolutionStacks", PLATFORMS, |xml, platform| xml.escape(&stack_name(platform)));
    xml.list("SolutionStackDetails", PLATFORMS, |xml, platform| {
        xml.put("SolutionStackName", &stack_name(platform));
        xml.list("PermittedFileTypes", ["zip"], |xml, kind| xml.escape(kind));
    });
    Ok(Some(xml))
}

struct Filter {
    field: String,
    operator: String,
    values: Vec<String>,
}

impl Filter {
    fn read_all(form: &Form) -> Result<Vec<Self>, Refusal> {
        form.members("Filters")
            .into_iter()
            .map(|prefix| {
                Ok(Self {
                    field: form.required(&format!("{prefix}.Type"))?.to_owned(),
                    operator: form.required(&format!("{prefix}.Operator"))?.to_owned(),
                    values: form.list(&format!("{prefix}.Values")),
                })
            })
            .collect()
    }

    fn admits(&self, facts: &[(&str, String)]) -> Result<bool, Refusal> {
        let Some((_, fact)) = facts.iter().find(|(name, _)| *name == self.field) else {
            return Err(Refusal::value(format!("Invalid filter type '{}'.", self.field)));
        };
        let any = |test: &dyn Fn(&str) -> bool| self.values.iter().any(|value| test(value));
        Ok(match self.operator.as_str() {
            "=" | "in" => any(&|value| fact == value),
            "!=" | "not_in" => !any(&|value| fact == value),
            "begins_with" => any(&|value| fact.starts_with(value)),
            "ends_with" => any(&|value| fact.ends_with(value)),
            "contains" => any(&|value| fact.contains(value)),
            other => return Err(Refusal::value(format!("Invalid filter operator '{other}'."))),
        })
    }
}

pub(super) fn versions(world: &mut World, request: &mut Request) -> Outcome {
    let filters = Filter::read_all(&request.form)?;
    let mut found = Vec::new();
    for (place, platform) in PLATFORMS.iter().enumerate() {
        let newest = !PLATFORMS[..place].iter().any(|(branch, _)| *branch == platform.0);
        let lifecycle = if newest { "Recommended" } else { "" };
        let facts = [
            ("PlatformName", format!("{} running on {SYSTEM}", platform.0)),
            ("PlatformVersion", platform.1.to_owned()),
            ("PlatformStatus", "Ready".to_owned()),
            ("PlatformBranchName", format!("{} running on {SYSTEM}", platform.0)),
            ("PlatformLifecycleState", lifecycle.to_owned()),
            ("PlatformOwner", "AWSElasticBeanstalk".to_owned()),
            ("SupportedTier", "WebServer/Standard".to_owned()),
            ("OperatingSystemName", "Amazon Linux".to_owned()),
            ("PlatformBranchLifecycleState", "Supported".to_owned()),
        ];
        let mut admitted = true;
        for filter in &filters {
            admitted &= filter.admits(&facts)?;
        }
        if admitted {
            found.push((platform, lifecycle));
        }
    }
    page::write(request, found, |xml, found| {
        xml.list("PlatformSummaryList", found, |xml, (platform, lifecycle)| {
            xml.put("PlatformArn", &arn_name(world, platform));
            xml.put("PlatformOwner", "AWSElasticBeanstalk");
            xml.put("PlatformStatus", "Ready");
            xml.put("PlatformCategory", platform.0.split(' ').next().unwrap_or(platform.0));
            xml.put("OperatingSystemName", "Amazon Linux");
            xml.put("OperatingSystemVersion", "2023");
            xml.list("SupportedTierList", ["WebServer/Standard", "Worker/SQS/HTTP"], |xml, tier| {
                xml.escape(tier)
            });
            if !lifecycle.is_empty() {
                xml.put("PlatformLifecycleState", lifecycle);
            }
            xml.put("PlatformVersion", platform.1);
            xml.put("PlatformBranchName", &format!("{} running on {SYSTEM}", platform.0));
            xml.put("PlatformBranchLifecycleState", "Supported");
        });
    })
}
