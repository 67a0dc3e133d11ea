//! Small domains from which snapshots are made: one feature's row, memory and environment, each part one of a few.

use beansprout::model::{EndReason, Health, RefusalClass};

/// Where the environment is and what is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Nothing in the ledger; nobody bears the name.
    Nothing,
    /// Nothing in the ledger; somebody bears the name.
    Stranger(Look),
    /// The ledger has the name alone; nobody bears it.
    Absent,
    /// The ledger has the name alone; somebody bears it, with these tags.
    Bearer(Look, Tags),
    /// The ledger has the id, which is listed.
    Listed(Look),
    /// The ledger has the id, which is not listed; the read by id says this.
    Unlisted(ById),
    /// The listing gave no answer.
    Gap,
}

/// What a listing shows of an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Launching,
    Updating,
    /// Ready with the wanted label.
    Ready(Health),
    /// Ready with another label.
    ReadyOld,
    Terminating,
    Terminated,
    Strange,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tags {
    Ours,
    Others,
    None,
    Gap,
    Unasked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ById {
    Unasked,
    Gap,
    Nothing,
    Found(Look),
}

pub(super) const LOOKS: [Look; 9] = [
    Look::Launching,
    Look::Updating,
    Look::Ready(Health::Green),
    Look::Ready(Health::Red),
    Look::Ready(Health::Grey),
    Look::ReadyOld,
    Look::Terminating,
    Look::Terminated,
    Look::Strange,
];

pub(super) fn places() -> Vec<Place> {
    let mut places = vec![Place::Nothing, Place::Absent, Place::Gap];
    for look in LOOKS {
        places.extend([Place::Stranger(look), Place::Listed(look), Place::Unlisted(ById::Found(look))]);
        for tags in [Tags::Ours, Tags::Others, Tags::None, Tags::Gap, Tags::Unasked] {
            places.push(Place::Bearer(look, tags));
        }
    }
    places.extend([ById::Unasked, ById::Gap, ById::Nothing].map(Place::Unlisted));
    places
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Launch,
    Configure,
    Deploy,
    Terminate,
    Adopt,
}

pub(super) const KINDS: [Kind; 5] =
    [Kind::Launch, Kind::Configure, Kind::Deploy, Kind::Terminate, Kind::Adopt];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answered {
    Unknown,
    Accepted,
    Refused(RefusalClass),
}

pub(super) const REFUSALS: [RefusalClass; 8] = [
    RefusalClass::NotNow,
    RefusalClass::NameTaken,
    RefusalClass::CnameTaken,
    RefusalClass::NotFound,
    RefusalClass::Quota,
    RefusalClass::Denied,
    RefusalClass::Invalid,
    RefusalClass::Unproven,
];

/// What became of the last call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Last {
    Idle,
    /// Open since this many seconds.
    Open(Kind, Answered, i64),
    /// Failed a minute ago; due in this many seconds, or never.
    Failed(Kind, Option<i64>, bool),
}

pub(super) fn lasts() -> Vec<Last> {
    let mut lasts = vec![Last::Idle];
    for kind in KINDS {
        for age in [5, 90, 7200] {
            lasts.push(Last::Open(kind, Answered::Unknown, age));
            lasts.push(Last::Open(kind, Answered::Accepted, age));
        }
        lasts.extend(REFUSALS.map(|class| Last::Open(kind, Answered::Refused(class), 5)));
        lasts.extend([Last::Failed(kind, None, false), Last::Failed(kind, Some(60), false)]);
        lasts.extend([Last::Failed(kind, Some(-1), false), Last::Failed(kind, Some(-1), true)]);
    }
    lasts
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alive {
    New,
    Young,
    /// Past its time to live.
    Old,
    Ending(EndReason),
    Expired,
    Deleted,
}

pub(super) const LIVES: [Alive; 8] = [
    Alive::New,
    Alive::Young,
    Alive::Old,
    Alive::Ending(EndReason::Expired),
    Alive::Ending(EndReason::Deleted),
    Alive::Ending(EndReason::Vanished),
    Alive::Expired,
    Alive::Deleted,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Row {
    Same,
    /// Another image and another instance type.
    Changed,
    Protected,
    /// Gone for this many seconds.
    Absent(i64),
    Unreadable,
}

pub(super) const ROWS: [Row; 6] =
    [Row::Same, Row::Changed, Row::Protected, Row::Absent(0), Row::Absent(4000), Row::Unreadable];

/// What else may differ; walked in rotation where not every combination is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rest {
    pub(super) image: usize,
    pub(super) ask: usize,
    pub(super) event: usize,
    pub(super) address: usize,
    pub(super) options: usize,
    /// What was read of the tags of one that a person gave to it.
    pub(super) tags: usize,
    pub(super) dirty: bool,
    pub(super) moved: bool,
}

impl Rest {
    /// The `n`th combination, all of them in turn.
    pub(super) fn nth(n: usize) -> Self {
        let mut n = n;
        let mut next = |of: usize| {
            let part = n % of;
            n /= of;
            part
        };
        Self {
            dirty: next(2) == 1,
            moved: next(2) == 1,
            image: next(3),
            ask: next(7),
            event: next(4),
            address: next(3),
            options: next(3),
            tags: next(4),
        }
    }

    /// The ask for protection, which keeps a missing row from mattering.
    pub(super) const PROTECTION: usize = 3;

    /// The ask for an orphan: the environment of the place.
    pub(super) const ADOPTION: usize = 6;

    /// How many there are.
    pub(super) const ALL: usize = 2 * 2 * 3 * 7 * 4 * 3 * 3 * 4;

    /// Nothing out of the ordinary.
    pub(super) fn plain() -> Self {
        Self { image: 0, ask: 0, event: 0, address: 0, options: 0, tags: 0, dirty: false, moved: false }
    }
}

/// One feature's part of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Case {
    pub(super) place: Place,
    pub(super) last: Last,
    pub(super) life: Alive,
    pub(super) row: Row,
    pub(super) rest: Rest,
}
