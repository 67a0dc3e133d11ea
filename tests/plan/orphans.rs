//! One orphan that a person named, in every combination: where it is × what became of the last call × what else is
//! known. What ends is what was shown, and nothing else.

use std::collections::BTreeMap;

use beansprout::model::names::{BINDING_TAG, environment_name};
use beansprout::model::{
    Answer, Ask, Attempt, Entry, Environment, EnvironmentId, EnvironmentName, EnvironmentStatus, Failure,
    FeatureName, Health, Intent, IntentKind, Orphan, OrphanRequest, RecordRow, Refusal, RefusalClass, Reply,
    Snapshot, SpecRow,
};
use beansprout::plan::{Action, Plan, plan};

use super::cases::{Seedling, ago, blank, now, policy, shop};
use super::domains::{Alive, Case, Last, Place, REFUSALS, Rest, Row};
use super::predicates::{breaches, leftovers};

fn id() -> EnvironmentId {
    EnvironmentId::new("e-orphan")
}

fn environment(status: EnvironmentStatus, moved: bool) -> Environment {
    Environment {
        id: id(),
        arn: Some("arn:orphan".to_owned()),
        name: EnvironmentName::new("f-orphan"),
        application: shop(),
        status,
        health: Health::Green,
        label: None,
        cname: None,
        created: Some(ago(9000)),
        updated: Some(if moved { ago(1) } else { ago(8000) }),
    }
}

fn request(attempt: Attempt) -> OrphanRequest {
    let shown = Orphan {
        id: id(),
        arn: Some("arn:orphan".to_owned()),
        name: EnvironmentName::new("f-orphan"),
        application: shop(),
        created: Some(ago(9000)),
        tags: BTreeMap::from([(BINDING_TAG.to_owned(), "abc".to_owned())]),
        fits: false,
    };
    OrphanRequest {
        attempt,
        ..OrphanRequest::new(Ask { what: shown, by: "anna".to_owned(), at: now(), why: None })
    }
}

fn open(reply: Reply, age: i64) -> Attempt {
    Attempt::Open(Intent {
        kind: IntentKind::Terminate,
        generation: 0,
        epoch: 7,
        at: ago(age),
        due: now(),
        tries: 0,
        updated_before: Some(ago(8000)),
        reply,
    })
}

fn failed(retry: Option<i64>) -> Attempt {
    Attempt::Failed(Failure {
        kind: IntentKind::Terminate,
        generation: 0,
        digest: None,
        tries: 1,
        at: ago(60),
        retry_at: retry.map(|seconds| ago(-seconds)),
        blocked: false,
        message: "no".to_owned(),
    })
}

fn attempts() -> Vec<Attempt> {
    let mut attempts = vec![Attempt::Idle, failed(None), failed(Some(60)), failed(Some(-1))];
    for age in [5, 90, 7200] {
        attempts.push(open(Reply::Unknown, age));
        attempts.push(open(Reply::Accepted { request: None }, age));
    }
    for class in REFUSALS {
        attempts.push(open(Reply::Refused(Refusal { class, message: "no".to_owned() }), 5));
    }
    attempts
}

/// A change to a snapshot, by name.
type Way = (&'static str, fn(&mut Snapshot));

fn list(snapshot: &mut Snapshot, environment: Environment) {
    if let Answer::Known(fleet) = &mut snapshot.fleet {
        fleet.insert(environment.id.clone(), environment);
    }
}

/// Where it is.
const PLACES: [Way; 10] = [
    ("ready", |s| list(s, environment(EnvironmentStatus::Ready, false))),
    ("moved", |s| list(s, environment(EnvironmentStatus::Ready, true))),
    ("updating", |s| list(s, environment(EnvironmentStatus::Updating, true))),
    ("terminating", |s| list(s, environment(EnvironmentStatus::Terminating, true))),
    ("terminated", |s| list(s, environment(EnvironmentStatus::Terminated, true))),
    ("renamed", |s| {
        list(s, Environment { name: "f-other".into(), ..environment(EnvironmentStatus::Ready, false) })
    }),
    ("unasked", |_| {}),
    ("not seen", |s| drop(s.missing.insert(id(), Answer::Known(None)))),
    ("read by id", |s| {
        let read = Answer::Known(Some(environment(EnvironmentStatus::Terminated, true)));
        s.missing.insert(id(), read);
    }),
    ("blind", |s| s.fleet = Answer::Gap("no answer".to_owned())),
];

/// What else is known.
const CIRCUMSTANCES: [Way; 7] = [
    ("plain", |_| {}),
    ("paused", |s| s.paused = Some("exam".to_owned())),
    ("quiet", |s| s.quiet = Some(now())),
    ("guard", |s| s.guards.asked = vec![ago(5); 30]),
    ("unreadable", |s| {
        let record = RecordRow::Unreadable { why: "newer".to_owned() };
        s.features.insert("feature/x".into(), Entry { spec: SpecRow::Absent, record });
    }),
    ("ledger", |s| with_ledger(s, Some(id()), "f-another")),
    ("name", |s| with_ledger(s, None, "f-orphan")),
];

/// A feature whose ledger says this.
fn with_ledger(snapshot: &mut Snapshot, id: Option<EnvironmentId>, name: &str) {
    let seedling = Seedling::new("feature/login");
    let case = Case {
        place: Place::Absent,
        last: Last::Idle,
        life: Alive::Young,
        row: Row::Same,
        rest: Rest::plain(),
    };
    seedling.enter(&case, snapshot);
    let entry = snapshot.features.get_mut(&seedling.name).unwrap();
    let RecordRow::Present { record, .. } = &mut entry.record else { panic!("a record") };
    let ledger = record.identity.ledger.as_mut().unwrap();
    ledger.id = id;
    ledger.name = EnvironmentName::new(name);
}

fn with(place: Way, circumstance: Way, attempt: Attempt, missing: Option<i64>) -> Snapshot {
    let mut snapshot = blank();
    let request = OrphanRequest { missing_since: missing.map(ago), ..request(attempt) };
    snapshot.orphans.insert(id(), request);
    circumstance.1(&mut snapshot);
    place.1(&mut snapshot);
    snapshot
}

fn ends(plan: &Plan) -> bool {
    plan.orphans.values().any(|step| step.action.is_some())
}

#[test]
fn every_combination_of_one_orphan_is_safe_and_settles() {
    let (mut walked, mut ended) = (0, 0);
    for place in PLACES {
        for circumstance in CIRCUMSTANCES {
            for attempt in attempts() {
                for missing in [None, Some(5), Some(4000)] {
                    let snapshot = with(place, circumstance, attempt.clone(), missing);
                    let plan = plan(&snapshot, &policy());
                    let case = format!("{} {} {attempt:?} {missing:?}", place.0, circumstance.0);
                    assert_eq!(breaches(&snapshot, &plan), Vec::<String>::new(), "{case}");
                    if let Some(more) = leftovers(&snapshot, &policy(), &plan) {
                        panic!("{case}: planned again: {more}");
                    }
                    let may = ["ready", "moved"].contains(&place.0) && circumstance.0 == "plain";
                    assert!(may || !ends(&plan) || circumstance.0 == "guard", "{case}");
                    walked += 1;
                    ended += usize::from(ends(&plan));
                }
            }
        }
    }
    assert!(walked > 3000 && ended > 20, "{walked} {ended}");
}

/// What becomes of a request in a plain place.
fn verdict(place: &str, attempt: Attempt, missing: Option<i64>) -> &'static str {
    let place = PLACES.into_iter().find(|(name, _)| *name == place).unwrap();
    let snapshot = with(place, CIRCUMSTANCES[0], attempt.clone(), missing);
    let before = &snapshot.orphans[&id()];
    match plan(&snapshot, &policy()).orphans.get(&id()) {
        None => "wait",
        Some(step) if step.action.is_some() => "end",
        Some(step) => match &step.request {
            None => "served",
            Some(request) if request.attempt == before.attempt => "wait",
            Some(request) => match &request.attempt {
                Attempt::Failed(failure) if failure.retry_at.is_none() => "for good",
                Attempt::Failed(_) => "later",
                Attempt::Idle | Attempt::Open(_) => panic!("{request:?}"),
            },
        },
    }
}

#[test]
fn the_table_of_verdicts_on_orphans_arm_by_arm() {
    let accepted = || Reply::Accepted { request: None };
    let refused = |class| Reply::Refused(Refusal { class, message: "no".to_owned() });
    let table = [
        ("ready", Attempt::Idle, None, "end"),
        ("updating", Attempt::Idle, None, "wait"),
        ("terminated", Attempt::Idle, None, "served"),
        ("renamed", Attempt::Idle, None, "for good"),
        ("unasked", Attempt::Idle, Some(4000), "wait"),
        ("not seen", Attempt::Idle, Some(5), "wait"),
        ("not seen", Attempt::Idle, Some(4000), "served"),
        ("ready", failed(Some(60)), None, "wait"),
        ("ready", failed(Some(-1)), None, "end"),
        ("ready", failed(None), None, "wait"),
        ("ready", open(Reply::Unknown, 5), None, "wait"),
        ("ready", open(Reply::Unknown, 90), None, "end"),
        ("moved", open(Reply::Unknown, 90), None, "later"),
        ("ready", open(accepted(), 90), None, "wait"),
        ("moved", open(accepted(), 90), None, "later"),
        ("terminating", open(accepted(), 90), None, "wait"),
        ("terminated", open(Reply::Unknown, 5), None, "served"),
        ("read by id", open(accepted(), 5), None, "served"),
        ("not seen", open(accepted(), 5), Some(5), "wait"),
        ("not seen", open(accepted(), 90), Some(4000), "served"),
        ("not seen", open(Reply::Unknown, 5), Some(4000), "wait"),
        ("unasked", open(accepted(), 90), Some(4000), "wait"),
        ("blind", open(accepted(), 90), None, "wait"),
        ("ready", open(refused(RefusalClass::NotNow), 5), None, "later"),
        ("ready", open(refused(RefusalClass::Denied), 5), None, "later"),
        ("ready", open(refused(RefusalClass::Unproven), 5), None, "for good"),
        ("terminated", open(refused(RefusalClass::NotFound), 5), None, "served"),
    ];
    for (place, attempt, missing, expected) in table {
        assert_eq!(verdict(place, attempt.clone(), missing), expected, "{place} {attempt:?} {missing:?}");
    }
}

#[test]
fn a_name_of_ours_is_no_orphan_whoever_asked() {
    let name = environment_name("f-", &blank().home.store, &shop(), &"feature/login".into());
    let mut snapshot = with(PLACES[0], CIRCUMSTANCES[0], Attempt::Idle, None);
    with_ledger(&mut snapshot, Some(id()), name.as_str());
    let plan = plan(&snapshot, &policy());
    let step = &plan.orphans[&id()];
    assert!(step.request.is_none() && step.action.is_none(), "{step:?}");
    assert_eq!(step.news[0].reason, "OrphanKept");
}

/// A feature without an environment, to which a person gave the orphan.
fn given(snapshot: &mut Snapshot, name: &str) -> FeatureName {
    let seedling = Seedling::new(name);
    let rest = Rest { ask: Rest::ADOPTION, ..Rest::plain() };
    let case = Case { place: Place::Nothing, last: Last::Idle, life: Alive::New, row: Row::Same, rest };
    seedling.enter(&case, snapshot);
    let RecordRow::Present { record, .. } = &mut snapshot.features.get_mut(&seedling.name).unwrap().record
    else {
        panic!("a record")
    };
    record.asks.adoption = Some(request(Attempt::Idle).ask);
    seedling.name
}

fn adopts(plan: &Plan, name: &FeatureName) -> bool {
    plan.steps.get(name).is_some_and(|step| matches!(step.action, Some(Action::Adopt(_))))
}

fn with_tags(mut snapshot: Snapshot) -> Snapshot {
    snapshot.tags.insert(id(), Answer::Known(request(Attempt::Idle).ask.what.tags));
    snapshot
}

#[test]
fn an_orphan_that_two_features_were_given_is_taken_for_one() {
    let mut snapshot = with_tags(blank());
    let (one, two) = (given(&mut snapshot, "feature/a"), given(&mut snapshot, "feature/b"));
    list(&mut snapshot, environment(EnvironmentStatus::Ready, false));
    let first = plan(&snapshot, &policy());
    assert_eq!(breaches(&snapshot, &first), Vec::<String>::new());
    assert!(adopts(&first, &one) && !adopts(&first, &two), "{:#?}", first.steps);
    assert_eq!(leftovers(&snapshot, &policy(), &first), None);
}

#[test]
fn an_orphan_that_is_given_and_to_end_is_taken_unless_its_end_is_under_way() {
    for (attempt, taken) in [(Attempt::Idle, true), (open(Reply::Accepted { request: None }, 5), false)] {
        let mut snapshot = with_tags(with(PLACES[0], CIRCUMSTANCES[0], attempt, None));
        let name = given(&mut snapshot, "feature/a");
        list(&mut snapshot, environment(EnvironmentStatus::Ready, false));
        let plan = plan(&snapshot, &policy());
        assert_eq!(breaches(&snapshot, &plan), Vec::<String>::new());
        assert_eq!((adopts(&plan, &name), ends(&plan)), (taken, false));
        let dropped = plan.orphans.get(&id()).is_some_and(|step| step.request.is_none());
        assert_eq!(dropped, taken, "one of the two wishes is left");
    }
}
