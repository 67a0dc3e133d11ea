//! `sprout store export` and `import`: the whole store as a file.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::cli::exit::{ExitStatus, Stop};
use crate::cli::out::Out;
use crate::cli::session::Session;
use crate::cli::voice::count;
use crate::clock::Entropy;
use crate::store::{Dump, Hold, Imported, Moved, Scope, StoreError};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct ExportArgs {
    /// The file, which must not be there yet; - is standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    to: PathBuf,
    /// Replace a file that is there
    #[arg(long)]
    force: bool,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct ImportArgs {
    /// What `sprout store export` wrote; - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Take the specifications alone, into a store that stays its own
    #[arg(long)]
    specs: bool,
    /// Say what would be written, and write nothing
    #[arg(long)]
    pub(super) dry_run: bool,
}

pub(super) async fn export(
    args: &ExportArgs,
    session: &Session,
    out: &mut Out<'_>,
) -> anyhow::Result<ExitStatus> {
    let stdout = args.to == Path::new("-");
    if !stdout && !args.force && args.to.exists() {
        return Err(already_there(&args.to));
    }
    let dump = session.store.export().await?;
    let text = dump.to_lines();
    if stdout {
        out.print_text(&text)?;
    } else {
        write_whole(&args.to, text.as_bytes(), args.force)?;
    }
    let to = if stdout { "standard output".to_owned() } else { args.to.display().to_string() };
    out.say(format_args!(
        "Exported {} and {} of history from {} to {to}. It holds the values of variables: keep it as you keep those.",
        count(dump.rows.len(), "row"),
        count(dump.events.len(), "line"),
        session.store.place(),
    ))?;
    Ok(ExitStatus::Done)
}

fn already_there(path: &Path) -> anyhow::Error {
    Stop::refused(format!(
        "{} is there already, and nothing was written. Choose another name, or replace it: --force",
        path.display()
    ))
}

/// Writes a file by way of a neighbour, so that whoever looks finds all of it
/// or nothing. Nobody else may read it: it holds the values of variables.
fn write_whole(path: &Path, bytes: &[u8], replace: bool) -> anyhow::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", Entropy::system().word(6)));
    let neighbour = path.with_file_name(name);
    let written = place_whole(&neighbour, path, bytes, replace);
    if written.is_err() {
        // What is left of the neighbour is of no use to anybody.
        let _ = std::fs::remove_file(&neighbour);
    }
    match written {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Err(already_there(path)),
        written => written.with_context(|| format!("{} cannot be written", path.display())),
    }
}

fn place_whole(neighbour: &Path, path: &Path, bytes: &[u8], replace: bool) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(neighbour)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    if replace {
        return std::fs::rename(neighbour, path);
    }
    // Unlike a renaming, a link replaces nothing.
    std::fs::hard_link(neighbour, path)?;
    std::fs::remove_file(neighbour)
}

pub(super) async fn import(
    args: &ImportArgs,
    session: &Session,
    out: &mut Out<'_>,
) -> anyhow::Result<ExitStatus> {
    let dump = read(&args.file)?;
    let store = &session.store;
    let scope = scope(args);
    if args.dry_run {
        match store.hold().await? {
            Some(Hold::Unclaimed | Hold::Unfinished) if scope == Scope::Everything => {}
            Some(hold) => return Err(StoreError::Held(hold).into()),
            None => {}
        }
        let told = dump.preview(&store.export().await?, scope)?;
        return would_be(&told, &store.place(), out);
    }
    let from = dump.from.clone();
    let dump = match scope {
        Scope::Everything => {
            let moved = Moved { from: from.clone(), at: session.clock.now(), by: session.by.clone() };
            dump.noting(&moved)
        }
        Scope::Specs => dump,
    };
    let told = store.import(&dump, scope).await?;
    out.print(format_args!("Imported {} into {}.", what(&told), store.place()))?;
    if let Some(hold) = store.hold().await? {
        out.say(format_args!("The contents come from {from}. From now on {hold}"))?;
    }
    Ok(ExitStatus::Done)
}

pub(super) fn dry_run_without_store(
    args: &ImportArgs,
    place: &str,
    out: &mut Out<'_>,
) -> anyhow::Result<ExitStatus> {
    let dump = read(&args.file)?;
    let told = dump.preview(&Dump::blank(place), scope(args))?;
    would_be(&told, place, out)
}

fn would_be(told: &Imported, place: &str, out: &mut Out<'_>) -> anyhow::Result<ExitStatus> {
    out.print(format_args!("It would be {} into {place}.", what(told)))?;
    if told.took_over {
        out.print("The store would take over the identity, and wait to be claimed: sprout store claim")?;
    }
    out.say("Dry run: nothing was written.")?;
    Ok(ExitStatus::Done)
}

fn scope(args: &ImportArgs) -> Scope {
    if args.specs { Scope::Specs } else { Scope::Everything }
}

fn what(told: &Imported) -> String {
    let there = match told.same {
        0 => String::new(),
        same => format!(" ({same} more were there already)"),
    };
    format!("{}{there} and {} of history", count(told.written, "row"), count(told.events, "line"))
}

/// Reads a file. What is wrong with it says where and how to mend it.
fn read(path: &Path) -> anyhow::Result<Dump> {
    let stdin = path == Path::new("-");
    let shown = if stdin { "standard input".to_owned() } else { path.display().to_string() };
    let bytes = if stdin {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).context("standard input cannot be read")?;
        bytes
    } else {
        std::fs::read(path).map_err(|error| Stop::usage(format!("{shown} cannot be read: {error}")))?
    };
    let text = String::from_utf8(bytes)
        .map_err(|_| Stop::usage(format!("{shown} is not UTF-8, so it is no export of a store")))?;
    Dump::from_lines(&text).map_err(|error| match error {
        StoreError::BadDump { line, why } => Stop::usage(format!(
            "{shown}, line {line}: {why}. Nothing was imported. \
             Where the store still is, write the file anew: sprout store export --to FILE"
        )),
        other => anyhow::Error::new(other).context(shown),
    })
}
