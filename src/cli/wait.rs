//! `sprout wait`: comes back as soon as it is so, or as soon as it cannot
//! come about by itself any more.

use std::time::Duration;

use jiff::SignedDuration;

use super::args::{Awaited, WaitArgs};
use super::asks::renewal_is_due;
use super::exit::{ExitStatus, Stop};
use super::out::Out;
use super::session::{Session, some_names};
use super::voice;
use crate::model::ttl::human;
use crate::model::{Digest, FeatureName, ImageReference, Life, Phase, Record, SpecHash, StatusView};
use crate::status::FleetView;
use crate::store::{FeatureRows, LeaseRow, RecordBody, SpecBody};

/// How often the store is looked at; a look costs well under a millisecond.
const PAUSE: Duration = Duration::from_millis(300);

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
                out.say(watch.late(timeout, session.now(fleet.as_ref())))?;
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
    /// The last status seen.
    view: Option<StatusView>,
    over: bool,
}

/// What one look finds.
enum Verdict {
    /// It is so, in words.
    Met(String),
    /// It will not be so by itself, and why.
    Hopeless(String),
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
        Ok(Self { name: name.clone(), awaited, image, target, told: None, view: None, over: false })
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
        self.view.clone_from(&rows.status);
        match self.judge(&rows) {
            Verdict::Met(words) => {
                out.print(words)?;
                self.over = true;
            }
            Verdict::Hopeless(words) => {
                out.say(words)?;
                if let Some(view) = &rows.status {
                    out.say(voice::outlook(view, now, ""))?;
                }
                return Ok(Some(ExitStatus::Differs));
            }
            Verdict::NotYet => {
                let Some(view) = &rows.status else { return Ok(None) };
                // Told again only when something else is true, not when time goes by.
                let told = (view.phase, view.happened.clone(), view.next.clone());
                if self.told.as_ref() != Some(&told) {
                    out.say(format_args!(
                        "{} {}",
                        voice::headline(view),
                        voice::sentence(&voice::next(view, now))
                    ))?;
                    self.told = Some(told);
                }
            }
        }
        Ok(None)
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
        if record(rows).is_some_and(|record| renewal_is_due(record, view)) {
            return Verdict::NotYet;
        }
        match view.phase {
            Phase::Ready => self.ready_with_image(view),
            Phase::Expired | Phase::Deleted => Verdict::Hopeless(voice::headline(view)),
            _ if view.stuck => Verdict::Hopeless(voice::headline(view)),
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
                Verdict::Hopeless(format!("{name} is protected, so it does not go by itself."))
            }
            Some(view) if view.stuck && matches!(ended, None | Some(Life::Ending { .. })) => {
                Verdict::Hopeless(voice::headline(view))
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
                Verdict::Hopeless(why) => Verdict::Hopeless(why),
                Verdict::Met(_) | Verdict::NotYet => Verdict::NotYet,
            },
        }
    }

    /// What is said when the time is over.
    fn late(&self, timeout: SignedDuration, now: jiff::Timestamp) -> String {
        let state = match self.awaited {
            Awaited::Ready => "ready",
            Awaited::Gone => "gone",
            Awaited::Expired => "expired",
        };
        let stands = match &self.view {
            Some(view) => format!("{} {}", voice::headline(view), voice::outlook(view, now, "")),
            None => format!("{}: Pending. It is {}.", self.name, voice::UNSEEN),
        };
        format!("{} is not {state} after {}.\n{stands}", self.name, human(timeout))
    }
}

fn record(rows: &FeatureRows) -> Option<&Record> {
    match rows.record.as_ref().map(|row| &row.body) {
        Some(RecordBody::Readable(record)) => Some(record),
        Some(RecordBody::Unreadable { .. }) | None => None,
    }
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
