//! The file's layout, and how a connection to it is opened.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};

use super::{Failure, FileId};
use crate::clock::Entropy;
use crate::store::{Access, StoreError};

/// Marks the file as a store of ours (`BSPR`), for us and for `file(1)`.
pub(super) const APPLICATION_ID: i32 = 0x4253_5052;

/// The newest layout that this program knows; the file keeps its own in
/// `PRAGMA user_version`.
pub(super) const LAYOUT: u32 = 2;

/// A table with one row for each name, whose writes are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Spec,
    Record,
    Status,
    Document,
}

impl Kind {
    pub(super) const ALL: [Kind; 4] = [Kind::Spec, Kind::Record, Kind::Status, Kind::Document];

    pub(super) fn table(self) -> &'static str {
        match self {
            Kind::Spec => "spec",
            Kind::Record => "record",
            Kind::Status => "status",
            Kind::Document => "document",
        }
    }

    /// The column that names the row.
    pub(super) fn key(self) -> &'static str {
        match self {
            Kind::Spec | Kind::Record | Kind::Status => "feature",
            Kind::Document => "name",
        }
    }

    /// The row as an error speaks of it.
    pub(super) fn row(self, name: &str) -> String {
        match self {
            Kind::Spec => format!("the specification of {name}"),
            Kind::Record => format!("the record of {name}"),
            Kind::Status => format!("the status of {name}"),
            Kind::Document => format!("the document {name}"),
        }
    }

    /// Whether a write moves the revision. Status rows do not: they follow
    /// from turns, and would wake the next one for nothing.
    fn moves_revision(self) -> bool {
        self != Kind::Status
    }
}

/// Everything but the triggers. `body` has no checks, so that a bad row can
/// be written, found and reported instead of being refused far from here.
const TABLES: &str = "
CREATE TABLE identity (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  store TEXT NOT NULL,
  account TEXT,
  region TEXT,
  installation TEXT,
  acted INTEGER NOT NULL DEFAULT 0,
  place TEXT,
  sealed_to TEXT,
  sealed_at TEXT,
  sealed_by TEXT
) STRICT;
CREATE TABLE spec (
  feature TEXT NOT NULL PRIMARY KEY CHECK (typeof(feature) = 'text' AND feature <> ''),
  body TEXT,
  origin TEXT
);
CREATE TABLE record (
  feature TEXT NOT NULL PRIMARY KEY CHECK (typeof(feature) = 'text' AND feature <> ''),
  body TEXT
);
CREATE TABLE status (
  feature TEXT NOT NULL PRIMARY KEY CHECK (typeof(feature) = 'text' AND feature <> ''),
  body TEXT
);
CREATE TABLE document (
  name TEXT NOT NULL PRIMARY KEY CHECK (typeof(name) = 'text' AND name <> ''),
  body TEXT
);
CREATE TABLE lease (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  holder TEXT,
  epoch INTEGER NOT NULL CHECK (epoch >= 0),
  beat INTEGER NOT NULL CHECK (beat >= 0),
  length_ms INTEGER NOT NULL CHECK (length_ms >= 0),
  since TEXT
) STRICT;
CREATE TABLE event (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  feature TEXT NOT NULL,
  at TEXT NOT NULL,
  severity TEXT NOT NULL,
  reason TEXT NOT NULL,
  message TEXT NOT NULL
);
CREATE INDEX event_by_feature ON event (feature, seq);
CREATE TABLE counter (
  name TEXT NOT NULL PRIMARY KEY,
  n INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO counter (name) VALUES ('change'), ('revision'), ('epoch'), ('events');
CREATE TABLE version (
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  n INTEGER NOT NULL,
  change INTEGER NOT NULL,
  PRIMARY KEY (kind, name)
) STRICT;
CREATE INDEX version_by_change ON version (change);
CREATE TRIGGER event_added AFTER INSERT ON event BEGIN
  UPDATE counter SET n = n + 1 WHERE name = 'events';
END;
CREATE TRIGGER event_gone AFTER DELETE ON event BEGIN
  UPDATE counter SET n = n - 1 WHERE name = 'events';
END;
";

/// From layout 1 to 2: a store knows where it lies and whether it went on
/// elsewhere, and the lease says since when it is held.
const TO_LAYOUT_2: &str = "
ALTER TABLE identity ADD COLUMN place TEXT;
ALTER TABLE identity ADD COLUMN sealed_to TEXT;
ALTER TABLE identity ADD COLUMN sealed_at TEXT;
ALTER TABLE identity ADD COLUMN sealed_by TEXT;
ALTER TABLE lease ADD COLUMN since TEXT;
";

/// Triggers that count every write of a row, whoever makes it: this program,
/// another one, or a person with the `sqlite3` shell.
///
/// A row's version is kept beside it and outlives it. `change` numbers all
/// writes in one series, by which a reader finds what it has not seen. There
/// is no upsert in them: a trigger takes over the conflict clause of the
/// statement that fires it, and `REPLACE INTO` would reset the count.
fn triggers(kind: Kind) -> String {
    let (table, key) = (kind.table(), kind.key());
    let counters = if kind.moves_revision() { "'change', 'revision'" } else { "'change'" };
    let count = format!("UPDATE counter SET n = n + 1 WHERE name IN ({counters});");
    let change = "change = (SELECT n FROM counter WHERE name = 'change')";
    let written = format!(
        "INSERT INTO version (kind, name, n, change) SELECT '{table}', NEW.{key}, 0, 0
    WHERE NOT EXISTS (SELECT 1 FROM version WHERE kind = '{table}' AND name = NEW.{key});
  UPDATE version SET n = n + 1, {change} WHERE kind = '{table}' AND name = NEW.{key};"
    );
    let left = format!("UPDATE version SET {change} WHERE kind = '{table}' AND name = OLD.{key}");
    format!(
        "CREATE TRIGGER {table}_inserted AFTER INSERT ON {table} BEGIN
  {count}
  {written}
END;
CREATE TRIGGER {table}_updated AFTER UPDATE ON {table} BEGIN
  {count}
  {left};
  {written}
END;
CREATE TRIGGER {table}_deleted AFTER DELETE ON {table} BEGIN
  {count}
  {left};
END;
"
    )
}

/// Opens a connection and makes sure of the layout. A file of a newer program
/// or of another one is left as it is.
pub(super) fn connect(path: &Path, access: Access, entropy: &Entropy) -> Result<Connection, Failure> {
    let makes = matches!(access, Access::Create | Access::Ensure);
    if makes && let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(Failure::other)?;
    }
    // Without SQLITE_OPEN_URI: a path is a path, also one that begins with `file:`.
    let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX
        | match access {
            Access::Create | Access::Ensure => {
                OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE
            }
            Access::Existing => OpenFlags::SQLITE_OPEN_READ_WRITE,
            Access::ReadOnly => OpenFlags::SQLITE_OPEN_READ_ONLY,
        };
    if !makes && !path.exists() {
        return Err(Failure::other("there is no store here yet"));
    }
    let mut connection = Connection::open_with_flags(path, flags)?;
    // Waiting is done outside, where other tasks can go on meanwhile.
    connection.busy_timeout(std::time::Duration::ZERO)?;
    connection.set_prepared_statement_cache_capacity(64);
    // In one transaction: another process may lay the file out between two looks.
    let found = layout_of(&*connection.transaction()?)?;
    if found.is_none() && !makes {
        return Err(Failure::other("there is no store here yet"));
    }
    if access == Access::ReadOnly {
        return match found {
            Some(LAYOUT) => Ok(connection),
            _ => Err(Failure::other(format!(
                "its layout is an older one, which is brought up to layout {LAYOUT} by whatever opens it for \
                 writing, such as `sprout get`"
            ))),
        };
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    match found {
        None => lay_out(&mut connection, path, entropy)?,
        Some(LAYOUT) => {}
        Some(_) => bring_up(&mut connection, path)?,
    }
    Ok(connection)
}

/// The layout of the file; `None` for an empty one.
fn layout_of(connection: &Connection) -> Result<Option<u32>, Failure> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let application = pragma("application_id")?;
    if application == i64::from(APPLICATION_ID) {
        let found = u32::try_from(pragma("user_version")?).unwrap_or(u32::MAX);
        if found > LAYOUT {
            return Err(StoreError::NewerSchema { found, known: LAYOUT }.into());
        }
        return Ok(Some(found));
    }
    let objects: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != 0 || objects > 0 {
        return Err(Failure::other("the file belongs to another program"));
    }
    Ok(None)
}

/// Lays out an empty file and mints the store's id, in one transaction: of
/// several processes that find the file empty, one does it.
fn lay_out(connection: &mut Connection, path: &Path, entropy: &Entropy) -> Result<(), Failure> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if layout_of(&tx)?.is_some() {
        return Ok(());
    }
    tx.execute_batch(TABLES)?;
    for kind in Kind::ALL {
        tx.execute_batch(&triggers(kind))?;
    }
    tx.execute(
        "INSERT INTO identity (one, store, place) VALUES (1, ?1, ?2)",
        params![entropy.word(16), FileId::of(path).bound(path)],
    )?;
    tx.pragma_update(None, "application_id", APPLICATION_ID)?;
    tx.pragma_update(None, "user_version", LAYOUT)?;
    tx.commit()?;
    Ok(())
}

/// Brings a file of an older layout up to date, in one transaction. Where it
/// lies now is where it belongs, because it never said otherwise.
fn bring_up(connection: &mut Connection, path: &Path) -> Result<(), Failure> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if layout_of(&tx)? == Some(1) {
        tx.execute_batch(TO_LAYOUT_2)?;
        tx.execute("UPDATE identity SET place = ?1", params![FileId::of(path).bound(path)])?;
        tx.pragma_update(None, "user_version", LAYOUT)?;
    }
    tx.commit()?;
    Ok(())
}
