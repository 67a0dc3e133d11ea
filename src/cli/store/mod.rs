//! `sprout store`: what the store is, and moving it.

mod claim;
mod copy;
mod files;

use clap::Subcommand;
use serde_json::{Value, json};

use super::args::Format;
use super::exit::ExitStatus;
use super::out::Out;
use super::print;
use super::session::Session;
use super::voice::moment;
use crate::store::{Hold, LeaseRow, MOVED_DOCUMENT, Moved, StoreError, StoreIdentity};

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct StoreArgs {
    #[command(subcommand)]
    pub(super) verb: Option<StoreVerb>,
    /// How it is printed
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "table")]
    output: Format,
}

/// What can be done with a store as a whole.
#[derive(Debug, Subcommand)]
pub(super) enum StoreVerb {
    /// Write everything that is in the store into one file
    Export(files::ExportArgs),
    /// Take in what `export` wrote; what is there already and differs refuses the whole
    Import(files::ImportArgs),
    /// Move the store to another place and seal it here; safe to repeat
    Copy(copy::CopyArgs),
    /// Say that the store is to be used from where it lies now, after a move, a copy or a restore
    Claim(claim::ClaimArgs),
}

impl StoreArgs {
    /// Whether it reads rows and says nothing of how the store stands.
    pub(super) fn only_reads(&self) -> bool {
        matches!(self.verb, Some(StoreVerb::Export(_)))
    }
}

impl StoreVerb {
    /// Whether a store that is not there is made.
    pub(super) fn makes(&self) -> bool {
        matches!(self, StoreVerb::Import(args) if !args.dry_run)
    }
}

pub(super) async fn run(
    args: &StoreArgs,
    session: &Session,
    out: &mut Out<'_>,
) -> anyhow::Result<ExitStatus> {
    match &args.verb {
        None => show(args.output, session, out).await,
        Some(StoreVerb::Export(args)) => files::export(args, session, out).await,
        Some(StoreVerb::Import(args)) => files::import(args, session, out).await,
        Some(StoreVerb::Copy(args)) => copy::run(args, session, out).await,
        Some(StoreVerb::Claim(args)) => claim::run(args, session, out).await,
    }
}

/// An import that is only tried, where there is no store yet.
pub(super) fn dry_import_without_store(
    args: &StoreArgs,
    place: &str,
    out: &mut Out<'_>,
) -> Option<anyhow::Result<ExitStatus>> {
    match &args.verb {
        Some(StoreVerb::Import(args)) if args.dry_run => Some(files::dry_run_without_store(args, place, out)),
        _ => None,
    }
}

/// Everything that there is to say.
struct Account {
    place: String,
    layout: u32,
    identity: StoreIdentity,
    hold: Option<Hold>,
    moved: Option<Moved>,
    lease: Option<LeaseRow>,
    /// Rows by kind, each with what they are called.
    rows: [(usize, &'static str); 4],
}

async fn show(format: Format, session: &Session, out: &mut Out<'_>) -> anyhow::Result<ExitStatus> {
    let store = &session.store;
    let rows = store.load().await?;
    let account = Account {
        place: store.place(),
        layout: store.layout(),
        identity: store.identity().await?,
        hold: store.hold().await?,
        moved: moved(session).await?,
        lease: store.lease().await?,
        rows: [
            (rows.specs.len(), "specifications"),
            (rows.records.len(), "records"),
            (rows.statuses.len(), "statuses"),
            (rows.documents.len(), "documents"),
        ],
    };
    match format {
        Format::Table => out.print_text(&print::table(&[], account.lines()))?,
        Format::Json => out.print(format_args!("{:#}", account.value()))?,
        Format::Yaml => out.print_text(&serde_yaml::to_string(&account.value())?)?,
        Format::Name => out.print(&account.identity.store)?,
    }
    Ok(ExitStatus::Done)
}

/// Where the contents came from, where an import said so. People read it, so
/// what cannot be read counts as nothing.
async fn moved(session: &Session) -> Result<Option<Moved>, StoreError> {
    let document = session.store.document(MOVED_DOCUMENT).await?;
    Ok(document.and_then(|document| serde_json::from_str(&document.body).ok()))
}

impl Account {
    /// Label and value, line by line.
    fn lines(&self) -> Vec<Vec<String>> {
        let StoreIdentity { store, account, region, installation, acted, .. } = &self.identity;
        let bound = |value: &Option<String>| value.clone().unwrap_or_else(|| "not bound yet".to_owned());
        let mut lines = Vec::new();
        let mut line = |label: &str, text: String| lines.push(vec![label.to_owned(), text]);
        line("PLACE", self.place.clone());
        line("ID", store.to_string());
        line("ACCOUNT", bound(account));
        line("REGION", bound(region));
        line("INSTALLATION", bound(installation));
        line("STATE", self.state(*acted));
        if let Some(moved) = &self.moved {
            line("CAME FROM", came_from(moved));
        }
        line("LAYOUT", self.layout.to_string());
        let rows: Vec<String> = self.rows.iter().map(|(count, what)| format!("{count} {what}")).collect();
        line("ROWS", rows.join(", "));
        line("LEASE", self.lease_text());
        lines
    }

    fn state(&self, acted: bool) -> String {
        match (&self.hold, acted) {
            (Some(hold), _) => format!("read-only: {hold}"),
            (None, true) => "in use".to_owned(),
            (None, false) => "no controller has ever acted on it".to_owned(),
        }
    }

    fn lease_text(&self) -> String {
        match &self.lease {
            None => "nobody ever held it".to_owned(),
            Some(row) => match &row.holder {
                Some(holder) => format!("{holder}, under epoch {}, since {}", row.epoch, moment(row.since)),
                None => format!("free; the last epoch was {}", row.epoch),
            },
        }
    }

    fn value(&self) -> Value {
        let StoreIdentity { store, account, region, installation, acted, .. } = &self.identity;
        let lease = self.lease.as_ref().map(|row| {
            json!({"holder": row.holder, "epoch": row.epoch, "since": row.holder.as_ref().map(|_| row.since)})
        });
        let rows: serde_json::Map<String, Value> =
            self.rows.iter().map(|(count, what)| ((*what).to_owned(), json!(count))).collect();
        json!({
            "place": self.place,
            "id": store,
            "account": account,
            "region": region,
            "installation": installation,
            "acted": acted,
            "readOnly": self.hold.as_ref().map(|hold| json!({
                "reason": reason(hold),
                "message": hold.to_string(),
            })),
            "cameFrom": self.moved,
            "layout": self.layout,
            "rows": rows,
            "lease": lease,
        })
    }
}

/// One word for programs.
fn reason(hold: &Hold) -> &'static str {
    match hold {
        Hold::Sealed(_) => "Sealed",
        Hold::Elsewhere { .. } => "Elsewhere",
        Hold::Unclaimed => "Unclaimed",
        Hold::Unfinished => "Unfinished",
    }
}

fn came_from(moved: &Moved) -> String {
    format!("{}, imported {} by {}", moved.from, moment(moved.at), moved.by)
}
