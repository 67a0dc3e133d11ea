//! Random fleets: the planner is a function, its own plan leaves nothing to plan, and neighbours do not matter.

use beansprout::model::{FeatureName, Snapshot};
use beansprout::plan::{Policy, Situation, plan};
use jiff::SignedDuration;
use proptest::prelude::*;
use proptest::sample::select;

use super::cases::{Seedling, ago, blank, policy};
use super::domains::{Case, LIVES, Place, ROWS, Rest, lasts, places};
use super::predicates::{blind, breaches, leftovers};

const NAMES: [&str; 4] = ["feature/a", "feature/b", "feature/c", "feature/d"];

fn cases() -> impl Strategy<Value = Case> {
    let places: Vec<Place> = places().into_iter().filter(|place| *place != Place::Gap).collect();
    let rest = (0..Rest::ALL).prop_map(Rest::nth);
    (select(places), select(lasts()), select(LIVES.to_vec()), select(ROWS.to_vec()), rest)
        .prop_map(|(place, last, life, row, rest)| Case { place, last, life, row, rest })
}

/// A fleet, its guards half used up, maybe paused, maybe with a clock that is off.
fn fleets() -> impl Strategy<Value = Snapshot> {
    let marks = || prop::collection::vec(0i64..4000, 0..32);
    let rest = (marks(), marks(), marks(), prop::bool::weighted(0.1), prop::bool::weighted(0.1));
    (prop::collection::vec(cases(), 1..=NAMES.len()), rest).prop_map(|(cases, rest)| {
        let (asked, inferred, creates, paused, off) = rest;
        let mut snapshot = blank();
        for (case, name) in cases.iter().zip(NAMES) {
            Seedling::new(name).enter(case, &mut snapshot);
        }
        let times = |seconds: Vec<i64>| {
            let mut times: Vec<_> = seconds.into_iter().map(ago).collect();
            times.sort();
            times
        };
        snapshot.guards.asked = times(asked);
        snapshot.guards.inferred = times(inferred);
        snapshot.guards.creates = times(creates);
        snapshot.paused = paused.then(|| "exam".to_owned());
        snapshot.skew = if off { SignedDuration::from_mins(5) } else { SignedDuration::ZERO };
        snapshot
    })
}

/// One feature of a fleet by itself.
fn alone(snapshot: &Snapshot, name: &FeatureName) -> Snapshot {
    let mut alone = snapshot.clone();
    alone.features.retain(|other, _| other == name);
    alone
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_is_a_function_of_its_snapshot_and_safe(snapshot in fleets()) {
        let first = plan(&snapshot, &policy());
        prop_assert_eq!(&first, &plan(&snapshot.clone(), &policy()));
        let found = breaches(&snapshot, &first);
        prop_assert!(found.is_empty(), "{:?} {:?}", found, first.steps);
    }

    #[test]
    fn a_plan_that_was_written_leaves_nothing_to_plan(snapshot in fleets()) {
        let policy = policy();
        let first = plan(&snapshot, &policy);
        let more = leftovers(&snapshot, &policy, &first);
        prop_assert!(more.is_none(), "{}", more.unwrap_or_default());
    }

    #[test]
    fn without_an_answer_nothing_is_done(snapshot in fleets()) {
        let mut snapshot = snapshot;
        blind(&mut snapshot);
        let plan = plan(&snapshot, &policy());
        prop_assert!(plan.steps.values().all(|step| step.action.is_none()));
    }

    #[test]
    fn a_feature_moves_as_if_it_were_alone(snapshot in fleets()) {
        // Guards are the one thing that features share.
        let mut policy = policy();
        policy.guards.asked = 1000;
        policy.guards.creates = 1000;
        policy.guards.inferred_floor = 1000;
        let with_many = Policy { guards: policy.guards.clone(), ..policy };
        let together = plan(&snapshot, &with_many);
        for name in snapshot.features.keys() {
            let by_itself = plan(&alone(&snapshot, name), &with_many);
            // Under a pause nothing counts as held, and is.
            let held = |plan: &beansprout::plan::Plan| {
                let mass = Situation::Held(beansprout::model::Guard::MassVanish);
                plan.report.features.values().any(|situation| *situation == mass)
            };
            if !held(&together) && !held(&by_itself) {
                prop_assert_eq!(together.steps.get(name), by_itself.steps.get(name));
                prop_assert_eq!(together.report.features.get(name), by_itself.report.features.get(name));
            }
        }
    }
}
