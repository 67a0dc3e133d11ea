//! `sprout wait`: comes back as soon as it is so, or as soon as it cannot
//! come about by itself any more.

use std::time::Duration;

use jiff::SignedDuration;

use super::args::{Awaited, WaitArgs};
use super::exit::{ExitStatus, Stop};
use super::out::Out;
use super::pending::{UNSEEN, readable, renewal_is_due, unseen};
use super::session::{Session, some_names};
use super::voice;
use crate::model::ttl::human;
use crate::model::{Digest, FeatureName, ImageReference, Life, Phase, Record, SpecHash, StatusView};
use crate::status::FleetView;
use crate::store::{FeatureRows, LeaseRow, SpecBody};

/// How often the store is looked at; a look costs well under a millisecond.
const PAUSE: Duration = Duration::from_millis(300);

/// How long a status must say that waiting is of no use before it is
/// believed: one from before the last write looks the same, and a controller
/// that was woken by that write needs a moment to say something new.
const SETTLED: Duration = Duration::from_secs(3);

pub(super) async fn run(args: &WaitArgs, session: &Session, out: &mut Out<'_>) -> anyhow::Result<ExitStatus> {
    let named = some_names(&args.names)?;
    if args.image.is_some() && args.awaited != Awaited::Ready {
        return Err(Stop::usage("--image goes with --for ready only"));
    }
    until(&named, args.awaited, args.image.as_deref(), args.timeout, session, out).await
}

/// Waits for all of these.
pub(super) async fn until(
    named: &[FeatureName],
    awaited: Awaited,
    image: Option<&str>,
    timeout: SignedDuration,
    session: &Session,
    out: &mut Out<'_>,
) -> anyhow::Result<ExitStatus> {
    let image = image.map(Image::parse).transpose()?;
    let mut watches = Vec::new();
    for name in named {
        watches.push(Watch::begin(name, awaited, image.clone(), session).await?);
    }
    let begun = session.clock.monotonic();
    let mut leader = Leader::default();
    loop {
        let fleet = session.fleet().await?;
        for watch in watches.iter_mut().filter(|watch| !watch.over) {
            if let Some(ended) = watch.look(session, fleet.as_ref(), out).await? {
                return Ok(ended);
            }
        }
        if watches.iter().all(|watch| watch.over) {
            return Ok(ExitStatus::Done);
        }
        leader.look(session, out).await?;
        if session.clock.monotonic() >= timeout.unsigned_abs() + begun {
            for watch in watches.iter().filter(|watch| !watch.over) {
                out.say(watch.late(timeout))?;
            }
            return Ok(ExitStatus::TimedOut);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// One feature that is waited for.
struct Watch {
    name: FeatureName,
    awaited: Awaited,
    image: Option<Image>,
    /// The specification as it stood at the call.
    target: Option<SpecHash>,
    /// What was last said of it.
    told: Option<(Phase, String, String)>,
    /// How it stood at the last look.
    stands: String,
    /// Since when its status says that waiting is of no use.
    stuck_since: Option<Duration>,
    over: bool,
}

/// What one look finds.
enum Verdict {
    /// It is so, in words.
    Met(String),
    /// It will not be so, and why.
    Hopeless(String),
    /// Its status says that it will not be so by itself, and why.
    Stuck(String),
    /// Not yet.
    NotYet,
}

impl Watch {
    async fn begin(
        name: &FeatureName,
        awaited: Awaited,
        image: Option<Image>,
        session: &Session,
    ) -> anyhow::Result<Self> {
        let rows = session.store.feature(name).await?;
        let target = match rows.spec.as_ref().map(|row| &row.body) {
            Some(SpecBody::Readable { hash, .. }) => Some(hash.clone()),
            Some(SpecBody::Unreadable { .. }) | None => None,
        };
        if awaited == Awaited::Ready && rows.spec.is_none() && rows.record.is_none() {
            return Err(session.unknown(name).await);
        }
        let stands = format!("{name}: Pending. It is {UNSEEN}.");
        let name = name.clone();
        Ok(Self { name, awaited, image, target, told: None, stands, stuck_since: None, over: false })
    }

    /// Looks once; the exit status where waiting on is of no use.
    async fn look(
        &mut self,
        session: &Session,
        fleet: Option<&FleetView>,
        out: &mut Out<'_>,
    ) -> anyhow::Result<Option<ExitStatus>> {
        let rows = session.store.feature(&self.name).await?;
        let now = session.now(fleet);
        let verdict = self.settled(self.judge(&rows), session.clock.monotonic());
        match (verdict, &rows.status) {
            (Verdict::Met(words), _) => {
                out.print(words)?;
                self.over = true;
            }
            (Verdict::Hopeless(words), _) => {
                out.say(words)?;
                return Ok(Some(ExitStatus::Differs));
            }
            (Verdict::Stuck(words), view) => {
                out.say(words)?;
                if let Some(view) = view {
                    out.say(voice::outlook(view, now, ""))?;
                }
                return Ok(Some(ExitStatus::Differs));
            }
            (Verdict::NotYet, None) => {}
            (Verdict::NotYet, Some(view)) => {
                let unseen = unseen(rows.spec.as_ref(), rows.record.as_ref(), view);
                let (short, long) = match unseen {
                    Some(unseen) => (voice::sentence(unseen), voice::sentence(unseen)),
                    None => (voice::sentence(&voice::next(view, now)), voice::outlook(view, now, "")),
                };
                self.stands = format!("{} {long}", voice::headline(view));
                // Told again only when something else is true, not when time goes by.
                let told = (view.phase, view.happened.clone(), unseen.unwrap_or(&view.next).to_owned());
                if self.told.as_ref() != Some(&told) {
                    out.say(format_args!("{} {short}", voice::headline(view)))?;
                    self.told = Some(told);
                }
            }
        }
        Ok(None)
    }

    /// Holds a verdict back until it has stood for a while.
    fn settled(&mut self, verdict: Verdict, now: Duration) -> Verdict {
        if !matches!(verdict, Verdict::Stuck(_)) {
            self.stuck_since = None;
            return verdict;
        }
        let since = *self.stuck_since.get_or_insert(now);
        if now.saturating_sub(since) >= SETTLED { verdict } else { Verdict::NotYet }
    }

    fn judge(&self, rows: &FeatureRows) -> Verdict {
        match self.awaited {
            Awaited::Ready => self.ready(rows),
            Awaited::Gone => self.gone(rows),
            Awaited::Expired => self.expired(rows),
        }
    }

    fn ready(&self, rows: &FeatureRows) -> Verdict {
        let name = &self.name;
        let hash = match rows.spec.as_ref().map(|row| &row.body) {
            None => return Verdict::Hopeless(format!("{name} was deleted.")),
            Some(SpecBody::Unreadable { why }) => {
                return Verdict::Hopeless(format!("{name}: its row cannot be read: {why}."));
            }
            Some(SpecBody::Readable { hash, .. }) => hash,
        };
        if Some(hash) != self.target.as_ref() {
            return Verdict::Hopeless(format!(
                "{name}: another specification was applied meanwhile, so the one that was waited for does not come."
            ));
        }
        let Some(view) = rows.status.as_ref().filter(|view| view.observed_spec_hash.as_ref() == Some(hash))
        else {
            return Verdict::NotYet;
        };
        if record(rows).is_some_and(renewal_is_due) {
            return Verdict::NotYet;
        }
        match view.phase {
            Phase::Ready => self.ready_with_image(view),
            Phase::Expired | Phase::Deleted => Verdict::Stuck(voice::headline(view)),
            _ if view.stuck => Verdict::Stuck(voice::headline(view)),
            _ => Verdict::NotYet,
        }
    }

    fn ready_with_image(&self, view: &StatusView) -> Verdict {
        let runs = view.deployed.as_ref();
        if let Some(image) = &self.image
            && !runs.is_some_and(|runs| image.is(&runs.image, runs.digest.as_ref()))
        {
            // A tag may still be moved to it, so this can come about.
            return Verdict::NotYet;
        }
        let what = runs.map_or_else(String::new, |runs| format!(" It runs {}.", runs.image));
        let at = view.url.as_ref().map_or_else(String::new, |url| format!(" {url}"));
        Verdict::Met(format!("{}: Ready.{what}{at}", self.name))
    }

    fn gone(&self, rows: &FeatureRows) -> Verdict {
        let name = &self.name;
        if rows.spec.is_none() && rows.record.is_none() {
            return Verdict::Met(format!("{name}: gone."));
        }
        let ended = record(rows).map(|record| &record.life);
        match ended {
            Some(Life::Expired { .. }) => return Verdict::Met(format!("{name}: gone. Its time was over.")),
            // The row goes as well where the specification is gone.
            Some(Life::Deleted { .. }) => return Verdict::Met(format!("{name}: gone. It was deleted.")),
            Some(Life::Ending { .. } | Life::Wanted { .. }) | None => {}
        }
        match &rows.status {
            Some(view) if view.protected => {
                Verdict::Stuck(format!("{name} is protected, so it does not go by itself."))
            }
            Some(view) if view.stuck && matches!(ended, None | Some(Life::Ending { .. })) => {
                Verdict::Stuck(voice::headline(view))
            }
            _ => Verdict::NotYet,
        }
    }

    fn expired(&self, rows: &FeatureRows) -> Verdict {
        match record(rows).map(|record| &record.life) {
            Some(Life::Expired { .. }) => Verdict::Met(format!("{}: Expired.", self.name)),
            Some(Life::Deleted { .. }) => {
                Verdict::Hopeless(format!("{} was deleted; it does not expire.", self.name))
            }
            None if rows.spec.is_none() => {
                Verdict::Hopeless(format!("There is no feature {}; it does not expire.", self.name))
            }
            _ => match self.gone(rows) {
                Verdict::Met(_) => Verdict::NotYet,
                other => other,
            },
        }
    }

    /// What is said when the time is over.
    fn late(&self, timeout: SignedDuration) -> String {
        let state = match self.awaited {
            Awaited::Ready => "ready",
            Awaited::Gone => "gone",
            Awaited::Expired => "expired",
        };
        format!("{} is not {state} after {}.\n{}", self.name, human(timeout), self.stands)
    }
}

fn record(rows: &FeatureRows) -> Option<&Record> {
    readable(rows.record.as_ref())
}

/// The image that must run.
#[derive(Clone)]
enum Image {
    Digest(Digest),
    Reference(String),
}

impl Image {
    fn parse(text: &str) -> anyhow::Result<Self> {
        if text.starts_with("sha256:") {
            return Ok(Self::Digest(Digest::new(text)));
        }
        match ImageReference::parse(text) {
            Ok(ImageReference { digest: Some(digest), .. }) => Ok(Self::Digest(digest)),
            Ok(_) => Ok(Self::Reference(text.to_owned())),
            Err(error) => Err(Stop::usage(format!("--image {text}: {error}"))),
        }
    }

    fn is(&self, image: &str, digest: Option<&Digest>) -> bool {
        match self {
            Self::Digest(wanted) => digest == Some(wanted),
            Self::Reference(wanted) => image == wanted,
        }
    }
}

/// Watches whether anybody will act at all: a lease that nobody renews for
/// its whole length has no live holder. No clocks of hosts are compared.
#[derive(Default)]
struct Leader {
    seen: Option<(Option<LeaseRow>, Duration)>,
    told: bool,
}

impl Leader {
    async fn look(&mut self, session: &Session, out: &mut Out<'_>) -> anyhow::Result<()> {
        let row = session.store.lease().await?;
        let now = session.clock.monotonic();
        let since = match &self.seen {
            Some((before, since)) if *before == row => *since,
            _ => {
                self.seen = Some((row.clone(), now));
                self.told = false;
                now
            }
        };
        let held = row.as_ref().filter(|row| row.holder.is_some());
        let patience = held.map_or(Duration::from_secs(3), |row| row.length.unsigned_abs());
        if !self.told && now.saturating_sub(since) > patience {
            self.told = true;
            out.say("No controller runs on this store. Nothing happens until one does: sprout run")?;
        }
        Ok(())
    }
}
