//! Three controllers on one DynamoDB table: one is killed, one is paused past
//! its lease, one is asked to stop, while features come, change and go. The
//! history of calls, which the emulator keeps, says whether anybody did harm.

use std::collections::{BTreeMap, BTreeSet};

use beansprout::emulator::{Call, Outcome};

use super::chaos::{last_call, settle};
use super::{Keep, lab_with, leftovers, spec};
use crate::support::{Controller, Desk, Lab, eventually, secs};

const FEATURES: usize = 50;
const TAGS: [&str; 3] = ["v1", "v2", "v3"];
const CREWS: [&str; 3] = ["one", "two", "three"];
/// The length of the lease in [`QUICK`], with a second and some for a loaded machine.
const TAKEN_OVER: std::time::Duration = secs(20);

/// What is wanted, and how often each feature was asked for anew.
#[derive(Default)]
struct Wishes {
    wanted: BTreeMap<String, String>,
    lives: BTreeMap<String, usize>,
}

impl Wishes {
    /// Features come or change, in one file.
    fn apply(&mut self, lab: &Lab, dice: &mut fastrand::Rng, features: impl Iterator<Item = usize>) {
        let mut text = String::new();
        for index in features {
            let name = name(index);
            let tag = TAGS[dice.usize(0..TAGS.len())];
            text.push_str(&format!("---\n{}", spec(&name, tag, "20d")));
            if self.wanted.insert(name.clone(), tag.to_owned()).is_none() {
                *self.lives.entry(name).or_default() += 1;
            }
        }
        lab.apply("features.yaml", &text).ok();
    }

    /// Features go.
    fn delete(&mut self, lab: &Lab, features: impl Iterator<Item = usize>) {
        let names: Vec<String> = features.map(name).collect();
        for name in &names {
            self.wanted.remove(name);
        }
        let mut line = vec!["delete"];
        line.extend(names.iter().map(String::as_str));
        lab.sprout(&line).ok();
    }
}

/// The controllers that run, by the name that their key bears.
struct Crew(BTreeMap<&'static str, Controller>);

impl Crew {
    fn start(lab: &Lab) -> Self {
        let start = |name| {
            let mut desk = Desk::clone(lab);
            desk.set("AWS_ACCESS_KEY_ID", key(name));
            (name, desk.controller_with(name, &[]))
        };
        Self(CREWS.into_iter().map(start).collect())
    }

    /// Who leads, as `sprout status` says.
    fn leader(&self, lab: &Lab) -> Result<&'static str, String> {
        let told = lab.sprout(&["status", "-o", "name"]).stdout;
        let pid = told.split('/').nth(1).and_then(|pid| pid.parse().ok());
        let found = self.0.iter().find(|(_, controller)| Some(controller.pid()) == pid);
        found.map(|(name, _)| *name).ok_or_else(|| format!("`{told}` is none of them"))
    }

    fn led_by_another(&self, lab: &Lab, before: &str) -> Result<&'static str, String> {
        match self.leader(lab)? {
            same if same == before => Err(format!("{same} still leads")),
            next => Ok(next),
        }
    }
}

fn key(name: &str) -> String {
    format!("AKIACREW{}", name.to_uppercase())
}

#[test]
fn three_controllers_of_which_one_is_killed_one_paused_and_one_stopped_do_everything_once() {
    let Some(lab) = lab_on_tables() else { return };
    let seed =
        std::env::var("SPROUT_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_261_126);
    println!("seed {seed}: SPROUT_TEST_SEED={seed} make test ARGS=three_controllers");
    let mut dice = fastrand::Rng::with_seed(seed);
    let mut wishes = Wishes::default();
    let mut crew = Crew::start(&lab);
    let first = eventually(TAKEN_OVER, "somebody leads", || crew.leader(&lab));

    wishes.apply(&lab, &mut dice, 0..30);
    after_some_calls(&lab, &mut dice);
    crew.0.remove(first).expect("it ran").kill9();
    wishes.apply(&lab, &mut dice, 30..FEATURES);
    wishes.delete(&lab, 0..6);
    let second = eventually(TAKEN_OVER, "another leads", || crew.leader(&lab));

    after_some_calls(&lab, &mut dice);
    crew.0.get_mut(second).expect("it runs").stop();
    wishes.apply(&lab, &mut dice, 10..25);
    let third = eventually(TAKEN_OVER, "the last one leads", || crew.led_by_another(&lab, second));
    wishes.delete(&lab, 20..26);
    after_some_calls(&lab, &mut dice);
    // It wakes in the middle of whatever it was about to do.
    crew.0.get_mut(second).expect("it runs").cont();
    wishes.apply(&lab, &mut dice, 0..4);
    after_some_calls(&lab, &mut dice);

    assert!(crew.0.remove(third).expect("it runs").term().success());
    assert_eq!(eventually(TAKEN_OVER, "who was paused leads", || crew.leader(&lab)), second);
    wishes.apply(&lab, &mut dice, 26..32);
    settle(&lab, &wishes.wanted);

    let calls = lab.cloud.calls(0);
    nothing_was_there_twice(&calls, &wishes);
    only_leaders_changed_anything(&calls);
    let running: BTreeSet<String> = crew.0.keys().map(|name| key(name)).collect();
    assert_eq!(running, BTreeSet::from([key(second)]));

    let left: Vec<usize> = (0..FEATURES).filter(|index| wishes.wanted.contains_key(&name(*index))).collect();
    wishes.delete(&lab, left.into_iter());
    settle(&lab, &BTreeMap::new());
    super::until_nothing_is_left(&lab);
    assert_eq!(leftovers(&lab), (Vec::new(), Vec::new()));
    assert!(crew.0.remove(second).expect("it runs").term().success());
}

fn name(index: usize) -> String {
    format!("feature/{index:02}")
}

/// A lab with its store in two tables of the emulator.
fn lab_on_tables() -> Option<Lab> {
    let lab = lab_with(Keep::Tables, 20.0)?;
    for tag in TAGS {
        lab.push_image("shop-web", tag);
    }
    Some(lab)
}

/// Lets a drawn number of calls on Beanstalk pass: a moment between any two of them.
fn after_some_calls(lab: &Lab, dice: &mut fastrand::Rng) {
    let from = last_call(lab, 0);
    let calls = dice.u64(40..160);
    let _ = crate::support::until(secs(6), || {
        let now = last_call(lab, from);
        if now >= from + calls { Ok(()) } else { Err(now.to_string()) }
    });
}

/// No feature ever had two environments, nor more of them than lives.
fn nothing_was_there_twice(calls: &[Call], wishes: &Wishes) {
    let mut live: BTreeMap<String, String> = BTreeMap::new();
    let mut made: BTreeMap<String, usize> = BTreeMap::new();
    for call in calls.iter().filter(|call| call.outcome == Outcome::Applied) {
        let Some(id) = &call.environment else { continue };
        match call.operation.as_str() {
            "CreateEnvironment" => {
                let feature = feature_of(call);
                let before = live.insert(feature.clone(), id.clone());
                assert_eq!(before, None, "{feature} got a second environment: {call:?}");
                *made.entry(feature).or_default() += 1;
            }
            "TerminateEnvironment" => live.retain(|_, known| known != id),
            _ => {}
        }
    }
    let wanted: BTreeSet<&String> = wishes.wanted.keys().collect();
    assert_eq!(live.keys().collect::<BTreeSet<_>>(), wanted);
    for (feature, made) in made {
        assert!(made <= wishes.lives[&feature], "{feature} was made {made} times");
    }
}

/// Every change in the cloud was made by who led at that moment, in the order
/// in which the emulator carried all calls out. There were as many terms as
/// the test saw, and each process that was to lead did.
fn only_leaders_changed_anything(calls: &[Call]) {
    let mut terms: Vec<String> = Vec::new();
    let mut leader: Option<&str> = None;
    let mut changes = 0;
    for call in calls.iter().filter(|call| call.outcome == Outcome::Applied) {
        match call.service.as_str() {
            "dynamodb" if is_lease(call, "grant") => {
                leader = Some(&call.access_key);
                terms.push(call.access_key.clone());
            }
            "dynamodb" if is_lease(call, "holder") && is_removal(call) => leader = None,
            "elasticbeanstalk" | "s3" if call.access_key.starts_with(&key("")) && changes_things(call) => {
                assert_eq!(leader, Some(call.access_key.as_str()), "it did not lead: {call:?}");
                changes += 1;
            }
            _ => {}
        }
    }
    println!("{changes} changes in {} terms: {terms:?}", terms.len());
    assert_eq!(terms.iter().collect::<BTreeSet<_>>().len(), CREWS.len(), "each led once: {terms:?}");
    assert!(changes > 2 * FEATURES, "{changes} changes");
}

fn is_lease(call: &Call, attribute: &str) -> bool {
    let names = call.params.get("ExpressionAttributeNames").map(String::as_str).unwrap_or_default();
    call.operation == "UpdateItem" && names.contains(&format!("\"{attribute}\""))
}

fn is_removal(call: &Call) -> bool {
    call.params.get("UpdateExpression").is_some_and(|expression| expression.starts_with("REMOVE"))
}

fn changes_things(call: &Call) -> bool {
    ["Create", "Update", "Terminate", "Delete", "Put", "Rebuild", "Restart", "Abort"]
        .iter()
        .any(|verb| call.operation.starts_with(verb))
}

/// The feature that a create call's tags name.
fn feature_of(call: &Call) -> String {
    let key = call.params.iter().find(|(name, value)| {
        name.starts_with("Tags.member.") && name.ends_with(".Key") && *value == "beansprout:feature"
    });
    let (name, _) = key.unwrap_or_else(|| panic!("no feature in {call:?}"));
    call.params[&name.replace(".Key", ".Value")].clone()
}
