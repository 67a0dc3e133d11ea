//! Moving: the whole store out and in, the seal, and whose place it is. An
//! import is not one transaction here: the head row says first that it began
//! and last that it ended, and nothing is written in between by others.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use futures::{StreamExt as _, TryStreamExt as _};

use super::DynamoStore;
use super::attribute::{number, text};
use super::expression::Expression;
use super::head::{self, Head, is_ours, may_be_written};
use super::layout::{FEATURE, KIND, RowName, body_row, name_of, version, version_of, word};
use super::lease::Changed;
use super::send::{Action, Does, Ended};
use super::texts::{Texts, body_of, move_out};
use super::{attribute, specs};
use crate::aws::Item;
use crate::model::FeatureName;
use crate::store::dump::merge;
use crate::store::{
    DUMP_SCHEMA, Dump, DumpRow, Hold, Imported, RowBody, RowKind, Scope, Sealed, StoreError, StoreIdentity,
};

/// How many rows of an import are written at once.
const AT_ONCE: usize = 16;

impl DynamoStore {
    /// Everything. Not as of one moment unless nobody writes; whoever wants
    /// that seals the store first.
    pub(super) async fn export_all(&self) -> Result<Dump, StoreError> {
        let head = self.head().await?;
        let mut rows = Vec::new();
        let specs = self.scan_specs().await?.items;
        let texts = self.texts_of(&specs, Texts::new()).await?;
        for item in &specs {
            let name = super::read::spec_name(item);
            rows.push(DumpRow {
                kind: RowKind::Spec,
                name: name.as_str().to_owned(),
                body: self.dumped(RowKind::Spec, &name, item, &texts)?,
                origin: attribute::text_of(item, super::layout::ORIGIN).map(str::to_owned),
                version: attribute::fingerprint(item),
            });
        }
        for kind in [RowKind::Document, RowKind::Record, RowKind::Status] {
            let items = self.all_of(word(kind)).await?.items;
            let texts = self.texts_of(&items, Texts::new()).await?;
            for item in &items {
                let name = FeatureName::new(name_of(item).unwrap_or_default());
                rows.push(DumpRow {
                    kind,
                    name: name.as_str().to_owned(),
                    body: self.dumped(kind, &name, item, &texts)?,
                    origin: None,
                    version: version_of(item),
                });
            }
        }
        rows.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
        let mut events = self.read_events(None, usize::MAX).await?;
        events.reverse();
        let Head { identity, epoch, .. } = head;
        Ok(Dump { schema: DUMP_SCHEMA, from: self.place.clone(), identity, epoch, rows, events })
    }

    /// A row's body. One that is not all there would be lost for good by an
    /// export that looks whole.
    fn dumped(
        &self,
        kind: RowKind,
        name: &FeatureName,
        item: &Item,
        texts: &Texts,
    ) -> Result<RowBody, StoreError> {
        let missing = super::texts::named_by(item).into_iter().find(|hash| !texts.contains_key(hash));
        if let Some(hash) = missing {
            return Err(self.unusable(format!(
                "{} names the text {hash}, which is missing from {}",
                kind.row(name.as_str()),
                self.tables.state
            )));
        }
        if kind == RowKind::Spec {
            return Ok(specs::dump_body(name, item, texts));
        }
        match body_of(item, texts) {
            Ok(bytes) => Ok(RowBody::of(bytes)),
            Err(why) => Err(self.unusable(format!("{}: {why}", kind.row(name.as_str())))),
        }
    }

    /// Takes an export in.
    pub(super) async fn import_all(&self, dump: &Dump, scope: Scope) -> Result<Imported, StoreError> {
        self.may_write()?;
        let before = self.export_all().await?;
        match before.identity.hold(&self.here) {
            None => {}
            // What was imported before a crash waits for the rest.
            Some(Hold::Unclaimed | Hold::Unfinished) if scope == Scope::Everything => {}
            Some(hold) => return Err(StoreError::Held(hold)),
        }
        let merge = merge(dump, &before, scope)?;
        let whole = scope == Scope::Everything;
        if whole {
            let epoch = (merge.take_over || dump.epoch > before.epoch)
                .then(|| dump.epoch.max(before.epoch).saturating_add(1));
            let nothing_to_do = merge.rows.is_empty() && merge.events.is_empty();
            if !nothing_to_do || merge.take_over || epoch.is_some() || before.identity.unfinished {
                self.begin(&before, merge.take_over.then_some(&dump.identity), epoch).await?;
            }
        }
        let there: BTreeMap<RowName, u64> =
            before.rows.iter().map(|row| (RowName::new(row.kind, &*row.name), row.version)).collect();
        for kind in [RowKind::Spec, RowKind::Document, RowKind::Record, RowKind::Status] {
            let mut writes = Vec::new();
            for row in merge.rows.iter().copied().filter(|row| row.kind == kind) {
                writes.push(self.put_row(row, &there));
            }
            futures::stream::iter(writes).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        }
        let mut positions = dump.events.iter().enumerate();
        let placed: Vec<_> = merge
            .events
            .iter()
            .filter_map(|event| positions.find(|(_, other)| std::ptr::eq(*other, *event)))
            .collect();
        self.put_events(&placed).await?;
        if whole {
            self.end().await?;
        }
        self.announce(&merge.rows.iter().map(|row| RowName::new(row.kind, &*row.name)).collect()).await;
        Ok(merge.told())
    }

    /// Says in the head row that an import begins: from here on nobody else
    /// writes. Takes the identity over where there is one to take over, and
    /// the lease from whoever held it under an older epoch.
    async fn begin(
        &self,
        before: &Dump,
        identity: Option<&StoreIdentity>,
        epoch: Option<u64>,
    ) -> Result<(), StoreError> {
        let mut change = Expression::default();
        is_ours(&mut change);
        change.equal(head::STORE, text(before.identity.store.as_str()));
        change.equal(head::EPOCH, number(before.epoch));
        change.set(head::UNFINISHED, AttributeValue::Bool(true));
        if let Some(identity) = identity {
            change.set(head::STORE, text(identity.store.as_str()));
            change.set(head::ACTED, AttributeValue::Bool(identity.acted));
            for (name, value) in [
                (head::ACCOUNT, &identity.account),
                (head::REGION, &identity.region),
                (head::INSTALLATION, &identity.installation),
            ] {
                match value {
                    Some(value) => change.set(name, text(value)),
                    None => change.remove(name),
                }
            }
            for name in [head::PLACE, head::SEALED_TO, head::SEALED_AT, head::SEALED_BY] {
                change.remove(name);
            }
        }
        if let Some(epoch) = epoch {
            change.set(head::EPOCH, number(epoch));
            change.remove(head::HOLDER);
        }
        match self.change_head(&change).await? {
            Changed::Done(_) => Ok(()),
            // An earlier try was carried out.
            Changed::Unmet { head, doubtful: true } if head.identity.unfinished => Ok(()),
            Changed::Unmet { .. } => Err(StoreError::Conflict { what: "the store's identity".to_owned() }),
        }
    }

    /// Says that an import has ended.
    async fn end(&self) -> Result<(), StoreError> {
        let mut change = Expression::default();
        is_ours(&mut change);
        change.remove(head::UNFINISHED);
        self.change_head(&change).await.map(drop)
    }

    /// Writes one row of an import over what was read, or over nothing.
    async fn put_row(&self, row: &DumpRow, there: &BTreeMap<RowName, u64>) -> Result<(), StoreError> {
        let name = RowName::new(row.kind, &*row.name);
        let mut item = match row.kind {
            RowKind::Spec => specs::item_of_dump(row),
            _ => body_row(&name, self.mint(), &row.body.bytes()),
        };
        self.keep(&move_out(&mut item)).await?;
        let mut expression = Expression::default();
        match (row.kind, there.get(&name)) {
            (RowKind::Spec, _) => expression.absent(FEATURE),
            (_, None) => expression.absent(KIND),
            (_, Some(before)) => expression.equal(super::layout::VERSION, version(*before)),
        }
        let put = Action { table: name.table(), does: Does::Put(item), expression, row: Some(name.clone()) };
        match self.carry_out(&[put]).await? {
            Ended::Done => Ok(()),
            Ended::Unmet(_) => Err(StoreError::Conflict { what: name.told() }),
        }
    }

    /// Seals the store for the place that it went to.
    pub(super) async fn seal_for(&self, seal: &Sealed) -> Result<(), StoreError> {
        self.may_write()?;
        let mut change = Expression::default();
        is_ours(&mut change);
        change.absent(head::SEALED_TO);
        change.set(head::SEALED_TO, text(&seal.to));
        change.set(head::SEALED_AT, text(seal.at.to_string()));
        change.set(head::SEALED_BY, text(&seal.by));
        match self.change_head(&change).await? {
            Changed::Done(_) => Ok(()),
            Changed::Unmet { head, .. } => match head.identity.sealed {
                Some(before) if before.to == seal.to => Ok(()),
                Some(before) => Err(StoreError::Held(Hold::Sealed(before))),
                None => Err(StoreError::Busy),
            },
        }
    }

    /// Binds the store to where it lies.
    pub(super) async fn claim_here(&self) -> Result<StoreIdentity, StoreError> {
        self.may_write()?;
        let before = self.head().await?;
        match before.identity.hold(&self.here) {
            None => return Ok(before.identity),
            Some(hold @ Hold::Unfinished) => return Err(StoreError::Held(hold)),
            Some(_) => {}
        }
        let mut change = Expression::default();
        is_ours(&mut change);
        change.absent(head::UNFINISHED);
        change.equal(head::STORE, text(before.identity.store.as_str()));
        change.equal(head::EPOCH, number(before.epoch));
        change.set(head::PLACE, text(&self.here));
        change.set(head::EPOCH, number(before.epoch.saturating_add(1)));
        for name in [head::SEALED_TO, head::SEALED_AT, head::SEALED_BY, head::HOLDER] {
            change.remove(name);
        }
        match self.change_head(&change).await? {
            Changed::Done(item) => Ok(self.head_of(Some(item))?.identity),
            Changed::Unmet { head, .. } => match head.identity.hold(&self.here) {
                // An earlier try was carried out, or somebody else claimed it.
                None => Ok(head.identity),
                Some(_) => Err(StoreError::Busy),
            },
        }
    }

    /// Binds what the identity left open; refuses what contradicts it.
    pub(super) async fn bind_to(
        &self,
        account: &str,
        region: &str,
        installation: &str,
    ) -> Result<StoreIdentity, StoreError> {
        for pause in self.pauses() {
            match self.try_bind(account, region, installation).await {
                Err(StoreError::Busy) => tokio::time::sleep(pause).await,
                outcome => return outcome,
            }
        }
        Err(StoreError::Busy)
    }

    async fn try_bind(
        &self,
        account: &str,
        region: &str,
        installation: &str,
    ) -> Result<StoreIdentity, StoreError> {
        let found = self.head().await?.identity;
        let agrees =
            |bound: &Option<String>, asked: &str| bound.as_deref().is_none_or(|bound| bound == asked);
        if !(agrees(&found.account, account)
            && agrees(&found.region, region)
            && agrees(&found.installation, installation))
        {
            let bound = told(
                found.account.as_deref().unwrap_or(account),
                found.region.as_deref().unwrap_or(region),
                found.installation.as_deref().unwrap_or(installation),
            );
            return Err(StoreError::ForeignIdentity { bound, asked: told(account, region, installation) });
        }
        if found.account.is_some() && found.region.is_some() && found.installation.is_some() {
            // Nothing to write: a read-only store may be asked, too.
            return Ok(found);
        }
        self.may_write()?;
        let mut change = Expression::default();
        may_be_written(&mut change, &self.here);
        for (name, bound, asked) in [
            (head::ACCOUNT, &found.account, account),
            (head::REGION, &found.region, region),
            (head::INSTALLATION, &found.installation, installation),
        ] {
            match bound {
                Some(bound) => change.equal(name, text(bound)),
                None => change.absent(name),
            }
            change.set(name, text(asked));
        }
        match self.change_head(&change).await? {
            Changed::Done(item) => Ok(self.head_of(Some(item))?.identity),
            Changed::Unmet { head, .. } => {
                head.check(&self.here, None)?;
                // An earlier try was carried out, or somebody else bound it
                // between our look and our write; look again.
                Err(StoreError::Busy)
            }
        }
    }
}

fn told(account: &str, region: &str, installation: &str) -> String {
    format!("account {account}, region {region}, installation {installation}")
}
