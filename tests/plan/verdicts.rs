//! The table "Intent × what is observed → verdict" of ARCHITECTURE.md, arm by arm. The row of the feature is missing
//! and it is protected, so that a verdict stands alone and nothing follows from it.

use beansprout::model::{Attempt, Health, Record, RefusalClass, Snapshot};
use beansprout::plan::{Memory, plan};

use super::cases::{Seedling, ago, blank, policy};
use super::domains::{Alive, Answered, ById, Case, Kind, Last, Look, Place, Rest, Row, Tags};
use super::predicates::still_open;
use Answered::{Accepted, Refused, Unknown};
use Kind::{Adopt, Configure, Deploy, Launch, Terminate};
use Outcome::{Applied, Blocked, Failed, ForGood, Gone, Later, Refuted, Wait};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// The call stays open.
    Wait,
    /// It did what it should.
    Applied,
    /// It changed nothing and counts as no try.
    Refuted,
    /// A try that failed; another follows.
    Failed,
    /// Another try follows when time removed the obstacle.
    Later,
    /// Another try follows when a person removed the obstacle.
    Blocked,
    /// There is no other try.
    ForGood,
    /// There is no environment any more.
    Gone,
}

const READY: Look = Look::Ready(Health::Green);
/// An answer so young that calls and listings may still cross.
const YOUNG: i64 = 5;
/// An answer after which a call that shows no trace never arrived.
const SETTLED: i64 = 90;

/// What `Rest` adds: an event that says so, an operation that ended, settings that are shown.
#[derive(Clone, Copy, Debug)]
enum Sign {
    None,
    FailureEvent,
    SuccessEvent,
    Moved,
    Shown,
    NotShown,
    /// The tags are the feature's.
    OwnTags,
    /// The tags are as they were shown to the person.
    OldTags,
    OldTagsMoved,
    OldTagsFailureEvent,
}

fn rest(sign: Sign) -> Rest {
    let plain = Rest { ask: Rest::PROTECTION, ..Rest::plain() };
    match sign {
        Sign::None => plain,
        Sign::FailureEvent => Rest { event: 1, ..plain },
        Sign::SuccessEvent => Rest { event: 2, ..plain },
        Sign::Moved => Rest { moved: true, ..plain },
        Sign::Shown => Rest { options: 1, moved: true, ..plain },
        Sign::NotShown => Rest { options: 2, moved: true, ..plain },
        Sign::OwnTags => Rest { tags: 3, ..plain },
        Sign::OldTags => Rest { tags: 1, ..plain },
        Sign::OldTagsMoved => Rest { tags: 1, moved: true, ..plain },
        Sign::OldTagsFailureEvent => Rest { tags: 1, event: 3, ..plain },
    }
}

fn judge(kind: Kind, answered: Answered, age: i64, place: Place, sign: Sign) -> (Outcome, Record) {
    let life = if kind == Launch { Alive::New } else { Alive::Young };
    let case =
        Case { place, last: Last::Open(kind, answered, age), life, row: Row::Absent(0), rest: rest(sign) };
    let mut snapshot: Snapshot = blank();
    let seedling = Seedling::new("feature/login");
    seedling.enter(&case, &mut snapshot);
    let before = snapshot.features[&seedling.name].record().unwrap().clone();
    let plan = plan(&snapshot, &policy());
    let step = plan.steps.get(&seedling.name);
    let record = match step.map(|step| &step.memory) {
        Some(Memory::Write(record, _)) => (**record).clone(),
        _ => before.clone(),
    };
    let outcome = match &record.attempt {
        _ if still_open(&record, ago(age)) => Wait,
        Attempt::Open(_) => panic!("another call"),
        Attempt::Idle if record.identity.ledger.is_none() => Gone,
        Attempt::Idle => Applied,
        Attempt::Failed(failure) if failure.blocked => Blocked,
        Attempt::Failed(failure) if failure.retry_at.is_none() => ForGood,
        Attempt::Failed(failure) => {
            let told = step.is_some_and(|step| step.news.iter().any(|news| news.reason.ends_with("Failed")));
            match (told, failure.tries) {
                (false, _) => Refuted,
                (true, 0) => Later,
                (true, _) => Failed,
            }
        }
    };
    (outcome, record)
}

/// Adoptions; what is not taken has no place in the ledger.
fn adoptions() -> Vec<Arm> {
    let listed = Place::Listed;
    vec![
        (Adopt, Accepted, SETTLED, listed(Look::Updating), Sign::OldTags, Wait),
        (Adopt, Accepted, SETTLED, listed(READY), Sign::None, Wait),
        (Adopt, Accepted, YOUNG, listed(READY), Sign::OwnTags, Applied),
        (Adopt, Unknown, YOUNG, listed(READY), Sign::OwnTags, Applied),
        (Adopt, Unknown, YOUNG, listed(READY), Sign::OldTags, Wait),
        (Adopt, Unknown, SETTLED, listed(READY), Sign::OldTags, Refuted),
        (Adopt, Accepted, SETTLED, listed(READY), Sign::OldTags, Wait),
        (Adopt, Accepted, SETTLED, listed(READY), Sign::OldTagsMoved, Wait),
        (Adopt, Accepted, 400, listed(READY), Sign::OldTagsMoved, Failed),
        (Adopt, Accepted, YOUNG, listed(READY), Sign::OldTagsFailureEvent, Failed),
        (Adopt, Accepted, SETTLED, listed(READY), Sign::FailureEvent, Wait),
        (Adopt, Accepted, YOUNG, listed(Look::Terminated), Sign::None, Gone),
        (Adopt, Accepted, SETTLED, Place::Unlisted(ById::Nothing), Sign::None, Wait),
        (Adopt, Refused(RefusalClass::NotNow), YOUNG, listed(READY), Sign::OldTags, Refuted),
        (Adopt, Refused(RefusalClass::NotFound), YOUNG, listed(READY), Sign::OldTags, Refuted),
        (Adopt, Refused(RefusalClass::Denied), YOUNG, listed(READY), Sign::OldTags, Blocked),
        (Adopt, Refused(RefusalClass::Quota), YOUNG, listed(READY), Sign::OldTags, Later),
        (Adopt, Refused(RefusalClass::Unproven), YOUNG, listed(READY), Sign::OldTags, Gone),
        (Adopt, Refused(RefusalClass::Invalid), YOUNG, listed(READY), Sign::OldTags, Gone),
    ]
}

/// Intent, answer, its age, where the environment is, what else is a sign → verdict.
type Arm = (Kind, Answered, i64, Place, Sign, Outcome);

fn table() -> Vec<Arm> {
    let listed = Place::Listed;
    let mut table: Vec<Arm> = vec![
        // Launch
        (Launch, Accepted, SETTLED, listed(Look::Launching), Sign::None, Wait),
        (Launch, Accepted, SETTLED, listed(READY), Sign::None, Applied),
        (Launch, Accepted, SETTLED, listed(READY), Sign::SuccessEvent, Applied),
        (Launch, Accepted, SETTLED, listed(READY), Sign::FailureEvent, Failed),
        (Launch, Accepted, SETTLED, listed(Look::Ready(Health::Red)), Sign::None, Failed),
        (Launch, Accepted, SETTLED, listed(Look::Ready(Health::Red)), Sign::SuccessEvent, Applied),
        (Launch, Accepted, SETTLED, listed(Look::Ready(Health::Grey)), Sign::Moved, Wait),
        (Launch, Accepted, SETTLED, listed(Look::Ready(Health::Grey)), Sign::SuccessEvent, Applied),
        (Launch, Accepted, SETTLED, listed(Look::Ready(Health::Grey)), Sign::None, Applied),
        (Launch, Accepted, SETTLED, listed(Look::Terminated), Sign::None, Failed),
        (Launch, Accepted, SETTLED, listed(Look::Strange), Sign::None, Wait),
        (Launch, Unknown, YOUNG, Place::Absent, Sign::None, Wait),
        (Launch, Unknown, SETTLED, Place::Absent, Sign::None, Refuted),
        (Launch, Unknown, YOUNG, Place::Bearer(Look::Launching, Tags::Ours), Sign::None, Wait),
        (Launch, Unknown, YOUNG, Place::Bearer(READY, Tags::Ours), Sign::SuccessEvent, Applied),
        (Launch, Unknown, YOUNG, Place::Bearer(READY, Tags::Others), Sign::None, Blocked),
        (Launch, Unknown, YOUNG, Place::Bearer(READY, Tags::None), Sign::None, Wait),
        (Launch, Unknown, SETTLED, Place::Bearer(READY, Tags::None), Sign::None, Blocked),
        (Launch, Unknown, SETTLED, Place::Bearer(READY, Tags::Gap), Sign::None, Wait),
        (Launch, Refused(RefusalClass::CnameTaken), YOUNG, Place::Absent, Sign::None, Refuted),
        (Launch, Refused(RefusalClass::NameTaken), YOUNG, Place::Absent, Sign::None, Blocked),
        (
            Launch,
            Refused(RefusalClass::NameTaken),
            YOUNG,
            Place::Bearer(READY, Tags::Unasked),
            Sign::None,
            Wait,
        ),
        // Deployment
        (Deploy, Accepted, SETTLED, listed(Look::Updating), Sign::None, Wait),
        (Deploy, Accepted, YOUNG, listed(READY), Sign::None, Applied),
        (Deploy, Unknown, SETTLED, listed(READY), Sign::None, Applied),
        (Deploy, Accepted, SETTLED, listed(Look::ReadyOld), Sign::FailureEvent, Failed),
        (Deploy, Accepted, YOUNG, listed(Look::ReadyOld), Sign::Moved, Wait),
        (Deploy, Accepted, SETTLED, listed(Look::ReadyOld), Sign::Moved, Failed),
        (Deploy, Accepted, SETTLED, listed(Look::ReadyOld), Sign::None, Wait),
        (Deploy, Unknown, YOUNG, listed(Look::ReadyOld), Sign::None, Wait),
        (Deploy, Unknown, SETTLED, listed(Look::ReadyOld), Sign::None, Refuted),
        (Deploy, Unknown, SETTLED, listed(Look::ReadyOld), Sign::Moved, Failed),
        (Deploy, Accepted, SETTLED, listed(Look::Terminated), Sign::None, Gone),
        (Deploy, Accepted, SETTLED, Place::Unlisted(ById::Nothing), Sign::None, Wait),
        (Deploy, Accepted, SETTLED, Place::Unlisted(ById::Found(READY)), Sign::None, Applied),
        // Settings
        (Configure, Accepted, YOUNG, listed(READY), Sign::None, Wait),
        (Configure, Accepted, YOUNG, listed(READY), Sign::Shown, Applied),
        (Configure, Accepted, YOUNG, listed(READY), Sign::NotShown, Wait),
        (Configure, Accepted, SETTLED, listed(READY), Sign::NotShown, Failed),
        (Configure, Accepted, SETTLED, listed(Look::Updating), Sign::NotShown, Wait),
        (Configure, Accepted, SETTLED, listed(Look::Terminated), Sign::None, Gone),
        // Termination
        (Terminate, Accepted, SETTLED, listed(Look::Terminating), Sign::None, Wait),
        (Terminate, Accepted, SETTLED, listed(Look::Terminated), Sign::None, Gone),
        (Terminate, Unknown, SETTLED, listed(Look::Terminated), Sign::None, Gone),
        (Terminate, Accepted, SETTLED, Place::Unlisted(ById::Found(Look::Terminated)), Sign::None, Gone),
        (Terminate, Accepted, SETTLED, Place::Unlisted(ById::Nothing), Sign::None, Gone),
        (Terminate, Unknown, SETTLED, Place::Unlisted(ById::Nothing), Sign::None, Wait),
        (Terminate, Accepted, SETTLED, Place::Unlisted(ById::Gap), Sign::None, Wait),
        (Terminate, Accepted, SETTLED, listed(READY), Sign::Moved, Failed),
        (Terminate, Accepted, SETTLED, listed(READY), Sign::FailureEvent, Failed),
        (Terminate, Accepted, SETTLED, listed(READY), Sign::None, Wait),
        (Terminate, Unknown, YOUNG, listed(READY), Sign::None, Wait),
        (Terminate, Unknown, SETTLED, listed(READY), Sign::None, Refuted),
        (Terminate, Refused(RefusalClass::NotFound), YOUNG, listed(Look::Terminated), Sign::None, Gone),
        (Terminate, Refused(RefusalClass::NotFound), YOUNG, listed(READY), Sign::None, Refuted),
        (Terminate, Refused(RefusalClass::Invalid), YOUNG, listed(READY), Sign::None, Later),
    ];
    table.extend(adoptions());
    // Refusals that mean the same for every call; and without an answer there is no verdict.
    for kind in [Launch, Deploy, Configure, Terminate] {
        let place = if kind == Launch { Place::Absent } else { listed(Look::ReadyOld) };
        table.push((kind, Refused(RefusalClass::NotNow), YOUNG, place, Sign::None, Refuted));
        table.push((kind, Refused(RefusalClass::Quota), YOUNG, place, Sign::None, Later));
        table.push((kind, Refused(RefusalClass::Denied), YOUNG, place, Sign::None, Blocked));
        table.push((kind, Refused(RefusalClass::Unproven), YOUNG, place, Sign::None, Blocked));
        table.push((kind, Refused(RefusalClass::NotNow), YOUNG, Place::Gap, Sign::None, Wait));
        table.push((kind, Accepted, SETTLED, Place::Gap, Sign::None, Wait));
        if kind != Terminate {
            table.push((kind, Refused(RefusalClass::Invalid), YOUNG, place, Sign::None, ForGood));
            table.push((kind, Refused(RefusalClass::NotFound), YOUNG, place, Sign::None, Blocked));
        }
    }
    table
}

#[test]
fn the_table_of_verdicts_arm_by_arm() {
    for (kind, answered, age, place, sign, expected) in table() {
        let (outcome, record) = judge(kind, answered, age, place, sign);
        assert_eq!(outcome, expected, "{kind:?} {answered:?} {age} s, {place:?}, {sign:?}\n{record:#?}");
    }
}

#[test]
fn after_a_failure_or_a_doubt_the_shown_label_proves_nothing() {
    for (kind, answered, age, place, sign, expected) in table() {
        let (_, record) = judge(kind, answered, age, place, sign);
        let Some(ledger) = record.identity.ledger else { continue };
        let doubtful = match expected {
            Failed => kind != Terminate && !matches!(place, Place::Listed(Look::Terminated)),
            Refuted => answered == Unknown && kind != Terminate,
            _ => continue,
        };
        assert_eq!(ledger.dirty, doubtful, "{kind:?} {answered:?} {age} s, {place:?}, {sign:?}");
    }
}

#[test]
fn what_succeeded_is_what_is_remembered_as_deployed() {
    for (kind, answered, age, place, sign, expected) in table() {
        let (_, record) = judge(kind, answered, age, place, sign);
        if kind == Adopt {
            let ledger = record.identity.ledger.as_ref();
            assert_eq!(
                ledger.is_some(),
                matches!(expected, Wait | Applied),
                "{answered:?} {age} s, {place:?}"
            );
            // What it runs is not known, so that everything is sent to it.
            assert!(ledger.is_none_or(|ledger| expected == Wait || ledger.dirty && ledger.id.is_some()));
            assert_eq!(record.asks.adoption.is_some(), !matches!(expected, Applied | Gone));
        } else if expected == Applied && kind != Configure {
            let ledger = record.identity.ledger.as_ref().unwrap();
            assert!(!ledger.dirty && ledger.id.is_some());
            let label = record.deployed.as_ref().map(|deployed| &deployed.label);
            assert_eq!(label, record.wanted.as_ref().map(|wanted| &wanted.label));
        } else if kind == Launch {
            assert_eq!(record.deployed, None, "{answered:?} {age} s, {place:?}, {sign:?}");
        }
    }
}
