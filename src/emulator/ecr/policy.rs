//! Lifecycle rules: what a policy text may say, and which images it ends.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::{Image, POLICY_PERIOD, Repository};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Policy {
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Rule {
    rule_priority: i64,
    description: Option<String>,
    selection: Selection,
    action: Action,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Selection {
    tag_status: Status,
    tag_prefix_list: Option<Vec<String>>,
    tag_pattern_list: Option<Vec<String>>,
    count_type: CountType,
    count_unit: Option<String>,
    count_number: i64,
}

#[derive(Clone, Copy, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Status {
    Tagged,
    Untagged,
    Any,
}

#[derive(Clone, Copy, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "camelCase")]
enum CountType {
    SinceImagePushed,
    ImageCountMoreThan,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Action {
    r#type: String,
}

/// Reads and checks a policy text; the rules come in order of priority.
///
/// The error is the reason alone, without the service's frame around it.
pub(super) fn parse(text: &str) -> Result<Vec<Rule>, String> {
    if !(100..=30720).contains(&text.chars().count()) {
        return Err("the text must have between 100 and 30720 characters".into());
    }
    let mut rules = serde_json::from_str::<Policy>(text).map_err(|error| error.to_string())?.rules;
    if !(1..=50).contains(&rules.len()) {
        return Err("between 1 and 50 rules are needed".into());
    }
    rules.sort_by_key(|rule| rule.rule_priority);
    for rule in &rules {
        check_rule(rule).map_err(|reason| format!("rule {}: {reason}", rule.rule_priority))?;
    }
    if rules.windows(2).any(|pair| pair[0].rule_priority == pair[1].rule_priority) {
        return Err("rulePriority must be unique".into());
    }
    if rules.iter().filter(|rule| rule.selection.tag_status == Status::Untagged).count() > 1 {
        return Err("only one rule may select untagged images".into());
    }
    let before_last = &rules[..rules.len() - 1];
    if before_last.iter().any(|rule| rule.selection.tag_status == Status::Any) {
        return Err("a rule for any image must have the highest rulePriority".into());
    }
    Ok(rules)
}

fn check_rule(rule: &Rule) -> Result<(), String> {
    let selection = &rule.selection;
    if rule.rule_priority < 1 {
        return Err("rulePriority must be at least 1".into());
    }
    if rule.description.as_ref().is_some_and(|text| text.chars().count() > 256) {
        return Err("description is too long".into());
    }
    if rule.action.r#type != "expire" {
        return Err(format!("action '{}' is not built here; 'expire' is", rule.action.r#type));
    }
    let lists = [&selection.tag_prefix_list, &selection.tag_pattern_list];
    let given = lists.iter().filter(|list| list.is_some()).count();
    if given != usize::from(selection.tag_status == Status::Tagged) {
        return Err(
            "tagStatus 'tagged' needs exactly one of tagPrefixList and tagPatternList, others none".into()
        );
    }
    if lists.into_iter().flatten().any(|list| list.is_empty() || list.iter().any(String::is_empty)) {
        return Err("a list of prefixes or patterns must not be empty".into());
    }
    let patterns = selection.tag_pattern_list.iter().flatten();
    if let Some(pattern) = patterns.into_iter().find(|pattern| pattern.matches('*').count() > 4) {
        return Err(format!("pattern '{pattern}' has more than four wildcards"));
    }
    if selection.count_number < 1 {
        return Err("countNumber must be at least 1".into());
    }
    match (selection.count_type, selection.count_unit.as_deref()) {
        (CountType::SinceImagePushed, Some("days")) | (CountType::ImageCountMoreThan, None) => Ok(()),
        (CountType::SinceImagePushed, _) => Err("sinceImagePushed needs countUnit 'days'".into()),
        (CountType::ImageCountMoreThan, _) => Err("imageCountMoreThan takes no countUnit".into()),
    }
}

impl Rule {
    fn selects(&self, image: &Image) -> bool {
        match self.selection.tag_status {
            Status::Any => true,
            Status::Untagged => image.tags.is_empty(),
            Status::Tagged => self.carried_by(&image.tags),
        }
    }

    /// Several entries of one list must all be met, each by some tag.
    fn carried_by(&self, tags: &BTreeSet<String>) -> bool {
        let all = |list: &[String], fits: fn(&str, &str) -> bool| {
            list.iter().all(|entry| tags.iter().any(|tag| fits(entry, tag)))
        };
        match (&self.selection.tag_prefix_list, &self.selection.tag_pattern_list) {
            (Some(prefixes), _) => all(prefixes, |prefix, tag| tag.starts_with(prefix)),
            (None, Some(patterns)) => all(patterns, wildcard),
            (None, None) => false,
        }
    }

    /// Those of the selected images that this rule calls too old or too many.
    fn condemns<'a>(&self, repository: &'a Repository, now: Timestamp) -> Vec<&'a str> {
        let mut selected: Vec<(&str, &Image)> = repository
            .images
            .iter()
            .filter(|(_, image)| self.selects(image))
            .map(|(digest, image)| (digest.as_str(), image))
            .collect();
        let number = self.selection.count_number;
        match self.selection.count_type {
            CountType::SinceImagePushed => {
                let age = SignedDuration::from_hours(number.saturating_mul(24).min(24 * 365 * 100));
                selected.retain(|(_, image)| now.duration_since(image.pushed) > age);
            }
            CountType::ImageCountMoreThan => {
                selected.sort_by(|left, right| right.1.pushed.cmp(&left.1.pushed).then(left.0.cmp(right.0)));
                let kept = selected.len().min(usize::try_from(number).unwrap_or(usize::MAX));
                selected.drain(..kept);
            }
        }
        selected.into_iter().map(|(digest, _)| digest).collect()
    }
}

impl Repository {
    /// Carries the policy out if its hour has come.
    pub(super) fn apply_policy(&mut self, now: Timestamp) {
        let Some(stored) = &mut self.policy else { return };
        if now < stored.due {
            return;
        }
        stored.evaluated = Some(now);
        stored.due = now + POLICY_PERIOD;
        // The text was checked when it was put.
        let Ok(rules) = parse(&stored.text) else { return };
        for digest in self.expired(&rules, now) {
            self.remove(&digest, now);
        }
    }

    /// All rules look at the same images. One whose tags meet a rule is judged
    /// by no later rule, yet later rules still count it. What a manifest list
    /// names stays as long as the list does.
    fn expired(&self, rules: &[Rule], now: Timestamp) -> BTreeSet<String> {
        let referenced: BTreeSet<&String> = self.images.values().flat_map(|image| &image.children).collect();
        let mut judged = BTreeSet::new();
        let mut expired = BTreeSet::new();
        for rule in rules {
            for digest in rule.condemns(self, now) {
                if !judged.contains(digest) && !referenced.contains(&digest.to_owned()) {
                    expired.insert(digest.to_owned());
                }
            }
            let selected = self.images.iter().filter(|(_, image)| rule.selects(image));
            judged.extend(selected.map(|(digest, _)| digest.as_str()));
        }
        expired
    }
}

/// Whether `text` fits a pattern in which `*` stands for any run of
/// characters, also none; everything else stands for itself.
pub(super) fn wildcard(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}
