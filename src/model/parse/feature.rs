//! The feature's own fields. The lists here are all that there is; the JSON
//! Schema is held against them.

use std::collections::BTreeMap;

use super::error::line_and_column;
use super::json::{API_VERSION, KIND};
use super::node::{Kind, Node};
use super::reader::{Fields, Report};
use crate::model::validate as check;
use crate::model::{
    ApplicationName, Dockerrun, Feature, FeatureName, FeatureSpec, Heal, ImageReference, Metadata, Notify,
    Scalar, Setting, Source, Ttl, TtlFrom, Variable,
};

/// The resource. `status` is what `get` adds; it is read over, so that what
/// `get -o yaml` prints can be applied again.
const TOP: &[&str] = &["apiVersion", "kind", "metadata", "spec", "status"];
/// `metadata`.
const METADATA: &[&str] = &["name", "owner", "labels", "source"];
/// `metadata.source`.
const SOURCE: &[&str] = &["repository", "branch", "commit", "pullRequest"];
/// `spec`.
const SPEC: &[&str] = &[
    "application",
    "image",
    "bundle",
    "ttl",
    "ttlFrom",
    "template",
    "copyFrom",
    "instanceType",
    "variables",
    "settings",
    "dockerrun",
    "notify",
    "protect",
    "heal",
];
/// An item of `spec.settings`.
const SETTING: &[&str] = &["namespace", "option", "value"];
/// `spec.dockerrun`.
const DOCKERRUN: &[&str] = &["template", "text", "vars"];
/// `spec.notify`.
const NOTIFY: &[&str] = &["slack"];
/// A variable that is kept elsewhere.
const REFERENCE: &[&str] = &["ssm", "secret"];

/// All lists by the name of their kind.
#[cfg(test)]
pub(in crate::model) fn known_fields() -> [(&'static str, &'static [&'static str]); 7] {
    [
        ("Feature", TOP),
        ("Metadata", METADATA),
        ("Source", SOURCE),
        ("Spec", SPEC),
        ("Setting", SETTING),
        ("Dockerrun", DOCKERRUN),
        ("Notify", NOTIFY),
    ]
}

/// Where a field belongs, if there is one such place.
pub(super) fn home_of(field: &str) -> Option<&'static str> {
    let places = [("metadata", METADATA), ("metadata.source", SOURCE), ("spec", SPEC)];
    places.iter().find(|(_, fields)| fields.contains(&field)).map(|(home, _)| *home)
}

/// Reads the resource form. `None` if anything was wrong with it.
pub(super) fn resource(report: &mut Report, node: &Node) -> Option<Feature> {
    let before = report.problems.len();
    let feature = draft(report, node);
    feature.filter(|_| report.problems.len() == before)
}

/// The same, with as much as could be read despite mistakes: only for telling
/// still more mistakes. A feature without a name is named `?`.
pub(super) fn draft(report: &mut Report, node: &Node) -> Option<Feature> {
    let top = report.fields(node, TOP)?;
    constant(report, &top, "apiVersion", API_VERSION);
    constant(report, &top, "kind", KIND);
    let metadata = top
        .require("metadata", "write `metadata:` and `name:` below it", report)
        .and_then(|node| report.fields(node, METADATA))
        .and_then(|fields| read_metadata(report, &fields, "name"));
    let spec = top
        .require("spec", "write `spec:` and at least `image:` below it", report)
        .and_then(|node| report.fields(node, SPEC))
        .map(|fields| read_spec(report, &fields));
    let blank = || Feature::new(FeatureName::from("?")).metadata;
    Some(Feature { metadata: metadata.unwrap_or_else(blank), spec: spec? })
}

/// All fields of the flat form.
pub fn flat_fields() -> Vec<&'static str> {
    ["feature", "owner", "labels", "source"].into_iter().chain(SPEC.iter().copied()).collect()
}

/// Reads the flat form of a row that was written by hand: the fields of
/// `spec` beside `feature`, `owner`, `labels` and `source`.
pub(super) fn flat(report: &mut Report, node: &Node) -> Option<Feature> {
    let before = report.problems.len();
    let fields = report.fields(node, &flat_fields())?;
    let metadata = read_metadata(report, &fields, "feature");
    let spec = read_spec(report, &fields);
    (report.problems.len() == before).then_some(Feature { metadata: metadata?, spec })
}

fn constant(report: &mut Report, top: &Fields<'_>, name: &'static str, value: &'static str) {
    if let Some(node) = top.require(name, &format!("write `{name}: {value}`"), report) {
        report.choice(node, &[(value, ())]);
    }
}

fn read_metadata(report: &mut Report, fields: &Fields<'_>, name: &'static str) -> Option<Metadata> {
    let named = fields.require(name, "give the feature a name, such as feature/login", report);
    let named = report.checked(named, check::feature_name);
    let owner = report.checked(fields.get("owner"), check::short_text);
    let labels = fields.get("labels").map(|node| labels(report, node)).unwrap_or_default();
    let source = fields.get("source").and_then(|node| source(report, node));
    Some(Metadata { name: FeatureName::new(named?), owner, labels, source })
}

fn labels(report: &mut Report, node: &Node) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    let Some(entries) = report.entries(node) else { return labels };
    report.judge_at(node.anchor.clone(), &node.path, check::label_count(entries.len()));
    for entry in entries {
        report.judge_at(entry.key_span.clone(), &entry.value.path, check::label_key(&entry.key));
        if let Some(value) = report.checked(Some(&entry.value), check::label_value) {
            labels.insert(entry.key.clone(), value);
        }
    }
    labels
}

fn source(report: &mut Report, node: &Node) -> Option<Source> {
    let fields = report.fields(node, SOURCE)?;
    let source = Source {
        repository: report.checked(fields.get("repository"), check::short_text),
        branch: report.checked(fields.get("branch"), check::short_text),
        commit: report.checked(fields.get("commit"), check::short_text),
        pull_request: fields.get("pullRequest").and_then(|node| report.number(node)),
    };
    (source != Source::default()).then_some(source)
}

fn read_spec(report: &mut Report, fields: &Fields<'_>) -> FeatureSpec {
    one_of_two(report, fields, "image", "bundle");
    one_of_two(report, fields, "template", "copyFrom");
    if fields.get("image").is_none() && fields.get("bundle").is_none() {
        let help = "write `image: REPOSITORY:TAG`";
        fields.missing(&["image", "bundle"], "it says neither `image` nor `bundle`", help, report);
    }
    let heals = [("gone", Heal::Gone), ("recreate", Heal::Recreate), ("never", Heal::Never)];
    let starts = [("create", TtlFrom::Create), ("deploy", TtlFrom::Deploy)];
    let ttl = report.checked(fields.get("ttl"), check::ttl);
    FeatureSpec {
        application: report
            .checked(fields.get("application"), check::beanstalk_name)
            .map(ApplicationName::new),
        image: image(report, fields.get("image")),
        bundle: report.checked(fields.get("bundle"), check::bundle),
        ttl: ttl.and_then(|text| text.parse::<Ttl>().ok()),
        ttl_from: fields.get("ttlFrom").and_then(|node| report.choice(node, &starts)).unwrap_or_default(),
        template: report.checked(fields.get("template"), check::beanstalk_name),
        copy_from: report.checked(fields.get("copyFrom"), check::environment),
        instance_type: report.checked(fields.get("instanceType"), check::instance_type),
        variables: fields.get("variables").map(|node| variables(report, node)).unwrap_or_default(),
        settings: fields.get("settings").map(|node| settings(report, node)).unwrap_or_default(),
        dockerrun: fields.get("dockerrun").and_then(|node| dockerrun(report, node)).unwrap_or_default(),
        notify: fields.get("notify").and_then(|node| notify(report, node)).unwrap_or_default(),
        protect: fields.get("protect").and_then(|node| report.truth(node)).unwrap_or_default(),
        heal: fields.get("heal").and_then(|node| report.choice(node, &heals)).unwrap_or_default(),
    }
}

fn one_of_two(report: &mut Report, fields: &Fields<'_>, one: &str, other: &str) {
    if let (Some(_), Some(second)) = (fields.get(one), fields.get(other)) {
        report.add(
            second.anchor.clone(),
            &second.path,
            &format!("`{one}` and `{other}` exclude each other"),
            Some("remove one of them"),
        );
    }
}

fn image(report: &mut Report, node: Option<&Node>) -> Option<String> {
    let text = report.checked(node, check::image)?;
    if let (Some(node), Ok(reference)) = (node, ImageReference::parse(&text)) {
        report.notes.extend(reference.notes().into_iter().map(|note| (node.span.clone(), note)));
    }
    Some(text)
}

fn variables(report: &mut Report, node: &Node) -> BTreeMap<String, Variable> {
    let mut variables = BTreeMap::new();
    let mut bytes = 0;
    let Some(entries) = report.entries(node) else { return variables };
    for entry in entries {
        report.judge_at(entry.key_span.clone(), &entry.value.path, check::variable_name(&entry.key));
        let value = match &entry.value.kind {
            Kind::Map(_) => reference(report, &entry.value),
            _ => report.checked(Some(&entry.value), check::value).map(Variable::Text),
        };
        bytes += entry.key.len();
        if let Some(value) = value {
            bytes += if let Variable::Text(text) = &value { text.len() } else { 0 };
            variables.insert(entry.key.clone(), value);
        }
    }
    report.judge_at(node.anchor.clone(), &node.path, check::variables_size(bytes));
    variables
}

fn reference(report: &mut Report, node: &Node) -> Option<Variable> {
    let before = report.problems.len();
    let fields = report.fields(node, REFERENCE)?;
    let ssm = report.checked(fields.get("ssm"), check::ssm).map(Variable::Ssm);
    let secret = report.checked(fields.get("secret"), check::secret).map(Variable::Secret);
    match (ssm, secret) {
        (Some(one), None) | (None, Some(one)) => Some(one),
        _ => {
            if report.problems.len() == before {
                report.wrong(
                    node,
                    "it names no one place where the value is kept",
                    "write {ssm: /name} or {secret: arn:…}",
                );
            }
            None
        }
    }
}

/// Settings are a set: they come sorted, so that their order never counts.
fn settings(report: &mut Report, node: &Node) -> Vec<Setting> {
    let mut seen: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut settings = Vec::new();
    let Some(items) = report.items(node) else { return settings };
    for (at, item) in items.iter().enumerate() {
        let Some(setting) = read_setting(report, item) else { continue };
        report.judge(item, check::setting(&setting));
        if let Some(first) = seen.insert((setting.namespace.clone(), setting.option.clone()), at) {
            let message =
                format!("{} of {} is already set by settings[{first}]", setting.option, setting.namespace);
            report.wrong(item, &message, "remove one of them");
        }
        settings.push(setting);
    }
    settings.sort();
    settings
}

fn read_setting(report: &mut Report, item: &Node) -> Option<Setting> {
    let fields = report.fields(item, SETTING)?;
    let help = "a setting is {namespace: …, option: …, value: …}";
    let namespace = fields.require("namespace", help, report);
    let option = fields.require("option", help, report);
    let value = fields.require("value", help, report);
    let namespace = report.checked(namespace, check::value);
    let option = report.checked(option, check::value);
    let value = report.checked(value, check::value);
    Some(Setting { namespace: namespace?, option: option?, value: value? })
}

fn dockerrun(report: &mut Report, node: &Node) -> Option<Dockerrun> {
    let fields = report.fields(node, DOCKERRUN)?;
    let mut vars = BTreeMap::new();
    for entry in fields.get("vars").and_then(|node| report.entries(node)).unwrap_or_default() {
        report.judge_at(entry.key_span.clone(), &entry.value.path, check::template_variable(&entry.key));
        if let Some(scalar) = scalar(report, &entry.value) {
            vars.insert(entry.key.clone(), scalar);
        }
    }
    Some(Dockerrun {
        template: report.checked(fields.get("template"), check::template_file),
        text: report.checked(fields.get("text"), check::template_text),
        vars,
    })
}

/// `true`, `false` and whole numbers as JSON writes them are what they are;
/// `0123`, `1.50` and `1e3` stay the text that they were.
fn scalar(report: &mut Report, node: &Node) -> Option<Scalar> {
    let text = report.checked(Some(node), check::value)?;
    Some(match (&node.kind, text.as_str(), text.parse::<i64>()) {
        (Kind::Plain(_), "true", _) => Scalar::Bool(true),
        (Kind::Plain(_), "false", _) => Scalar::Bool(false),
        (Kind::Plain(_), _, Ok(number)) if number.to_string() == text => Scalar::Int(number),
        _ => Scalar::Text(text),
    })
}

fn notify(report: &mut Report, node: &Node) -> Option<Notify> {
    let fields = report.fields(node, NOTIFY)?;
    Some(Notify { slack: report.checked(fields.get("slack"), check::short_text) })
}

/// What a feature may say and what is not carried out yet: the field and the
/// reason. Whoever accepts a feature refuses these, because a field that is
/// read and ignored would be worse.
pub fn not_yet(feature: &Feature) -> Vec<(String, String)> {
    let spec = &feature.spec;
    let mut refused: Vec<(String, String)> = Vec::new();
    let mut refuse = |field: &str, reason: &str| refused.push((field.to_owned(), reason.to_owned()));
    if spec.bundle.is_some() {
        refuse("spec.bundle", "source bundles are not carried out yet; deploy an image");
    }
    if spec.copy_from.is_some() {
        refuse("spec.copyFrom", "copying a live environment is not carried out yet; use `template`");
    }
    if spec.heal == Heal::Recreate {
        refuse("spec.heal", "recreating what stays Red is not carried out yet; use `gone` or `never`");
    }
    for (name, variable) in &spec.variables {
        let kind = match variable {
            Variable::Text(_) => continue,
            Variable::Ssm(_) => "SSM parameters",
            Variable::Secret(_) => "secrets",
        };
        let reason = format!("variables from {kind} are not carried out yet; write the value");
        refuse(&format!("spec.variables.{name}"), &reason);
    }
    refused
}

/// A remark with its place.
pub(super) fn note(file: &str, text: &str, at: usize, note: &str) -> String {
    let (line, column) = line_and_column(text, at);
    format!("{file}:{line}:{column}: {note}")
}
