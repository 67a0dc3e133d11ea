//! One feature in every combination: where its environment is × what became of the last call × its life × its row,
//! with everything else in rotation.

use super::cases::{Seedling, blank, policy};
use super::domains::{Case, LIVES, Place, ROWS, Rest, lasts, places};
use super::predicates::{breaches, leftovers};
use beansprout::model::Snapshot;
use beansprout::plan::{Action, Plan, Policy, plan};

/// What destroys waits after a take-over, and no guard counts it.
fn waits_after_a_take_over(mut snapshot: Snapshot, policy: &Policy, otherwise: &Plan) -> bool {
    let destroys = |plan: &Plan| {
        let mut actions = plan.steps.values().filter_map(|step| step.action.as_ref());
        actions.any(|action| matches!(action, Action::Destroy(_) | Action::Tidy(_)))
    };
    if !destroys(otherwise) {
        return true;
    }
    snapshot.quiet = Some(snapshot.now);
    let quiet = plan(&snapshot, policy);
    !destroys(&quiet) && quiet.guards.asked == snapshot.guards.asked && breaches(&snapshot, &quiet).is_empty()
}

/// Walks a part of all combinations; answers with how many there were.
fn walk(part: usize, of: usize) -> usize {
    let seedling = Seedling::new("feature/login");
    let policy = policy();
    let mut walked = 0;
    let mut rotation = part;
    for (n, place) in places().into_iter().enumerate() {
        if n % of != part {
            continue;
        }
        for last in lasts() {
            for life in LIVES {
                for row in ROWS {
                    rotation += 11;
                    let case = Case { place, last, life, row, rest: Rest::nth(rotation % Rest::ALL) };
                    let mut snapshot = blank();
                    seedling.enter(&case, &mut snapshot);
                    let plan = plan(&snapshot, &policy);
                    let found = breaches(&snapshot, &plan);
                    assert!(found.is_empty(), "{case:?}: {found:?}\n{plan:#?}");
                    assert!(waits_after_a_take_over(snapshot.clone(), &policy, &plan), "{case:?}");
                    if place == Place::Gap {
                        assert!(plan.steps.values().all(|step| step.action.is_none()), "{case:?}");
                    }
                    if let Some(more) = leftovers(&snapshot, &policy, &plan) {
                        panic!("{case:?}: planned again: {more}");
                    }
                    walked += 1;
                }
            }
        }
    }
    walked
}

#[test]
fn every_combination_of_one_feature_is_safe_and_settles() {
    let walked: usize = std::thread::scope(|threads| {
        let parts: Vec<_> = (0..2).map(|part| threads.spawn(move || walk(part, 2))).collect();
        parts.into_iter().map(|part| part.join().unwrap()).sum()
    });
    println!("{walked} combinations");
    assert_eq!(walked, places().len() * lasts().len() * LIVES.len() * ROWS.len());
    assert!(walked > 200_000, "{walked}");
}
