//! Primary keys: typed, ordered within their partition, and scattered over partitions.
//!
//! Rules: `docs/dynamodb.md`, "Keys".

use serde::{Deserialize, Serialize};

use super::number::Number;
use super::refusal::Refusal;
use super::value::{Attr, Item};

/// Bytes of a partition key and of a sort key.
const LONGEST: [usize; 2] = [2048, 1024];

/// Type of a key attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Scalar {
    S,
    N,
    B,
}

impl Scalar {
    pub(super) fn read(text: &str) -> Option<Self> {
        Some(match text {
            "S" => Self::S,
            "N" => Self::N,
            "B" => Self::B,
            _ => return None,
        })
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::S => "S",
            Self::N => "N",
            Self::B => "B",
        }
    }
}

/// The value of a key attribute. Within one table an attribute has one type, so values of two are never compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    S(String),
    N(Number),
    B(Vec<u8>),
}

impl Part {
    fn of(value: &Attr) -> Option<Self> {
        Some(match value {
            Attr::S(text) => Self::S(text.clone()),
            Attr::N(number) => Self::N(*number),
            Attr::B(bytes) => Self::B(bytes.clone()),
            _ => return None,
        })
    }

    pub(super) fn to_attr(&self) -> Attr {
        match self {
            Self::S(text) => Attr::S(text.clone()),
            Self::N(number) => Attr::N(*number),
            Self::B(bytes) => Attr::B(bytes.clone()),
        }
    }

    fn kind(&self) -> Scalar {
        match self {
            Self::S(_) => Scalar::S,
            Self::N(_) => Scalar::N,
            Self::B(_) => Scalar::B,
        }
    }

    /// Length in bytes; a number always fits.
    fn length(&self) -> usize {
        match self {
            Self::S(text) => text.len(),
            Self::N(_) => 1,
            Self::B(bytes) => bytes.len(),
        }
    }

    pub(super) fn starts_with(&self, prefix: &Self) -> bool {
        match (self, prefix) {
            (Self::S(text), Self::S(prefix)) => text.starts_with(prefix.as_str()),
            (Self::B(bytes), Self::B(prefix)) => bytes.starts_with(prefix),
            _ => false,
        }
    }

    /// Where the partition lies: scattered, so that nobody learns to rely on the order of a Scan.
    fn place(&self) -> u64 {
        let number;
        let bytes: &[u8] = match self {
            Self::S(text) => text.as_bytes(),
            Self::B(bytes) => bytes,
            Self::N(value) => {
                number = value.to_string();
                number.as_bytes()
            }
        };
        // FNV-1a, and a last stir so that the high bits of short keys differ as well.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash ^ (hash >> 33)
    }
}

/// A sort value, or an end of all sort values: what bounds a range.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sort {
    Least,
    At(Part),
    Most,
}

impl Sort {
    pub(super) fn part(&self) -> Option<&Part> {
        match self {
            Self::At(part) => Some(part),
            Self::Least | Self::Most => None,
        }
    }
}

/// Where an item lies in a table or in an index: partition first, then by sort key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    place: u64,
    pub(super) hash: Part,
    /// The table's sort key, or in an index that of the index; `Least` where the table has none.
    pub(super) sort: Sort,
    /// In an index the table's sort key, which tells apart what has one index key.
    pub(super) tail: Sort,
}

impl Key {
    /// A bound of a partition.
    pub(super) fn bound(hash: &Part, sort: Sort, tail: Sort) -> Self {
        Self { place: hash.place(), hash: hash.clone(), sort, tail }
    }

    /// The key in the table of an entry of an index.
    pub(super) fn primary(&self) -> Self {
        Self { place: self.place, hash: self.hash.clone(), sort: self.tail.clone(), tail: Sort::Least }
    }

    /// Which of so many equal segments of the table it lies in.
    pub(super) fn segment(&self, of: usize) -> usize {
        usize::try_from((u128::from(self.place) * of as u128) >> 64).unwrap_or(0)
    }
}

/// A key attribute: name and type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeyAttr {
    pub(super) name: String,
    pub(super) kind: Scalar,
}

/// Which attributes make a table's primary key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Schema {
    pub(super) hash: KeyAttr,
    pub(super) sort: Option<KeyAttr>,
}

impl Schema {
    /// The key attributes, partition key first.
    pub(super) fn attrs(&self) -> impl Iterator<Item = &KeyAttr> {
        std::iter::once(&self.hash).chain(&self.sort)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.attrs().any(|attr| attr.name == name)
    }

    /// Refuses to look into key attributes, which hold nothing but themselves.
    pub(super) fn check_scalars<'p>(&self, mut nested: impl Iterator<Item = &'p str>) -> Result<(), Refusal> {
        match nested.find(|head| self.has(head)) {
            None => Ok(()),
            Some(head) => Err(Refusal::validation(format!(
                "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: Key: {head}"
            ))),
        }
    }

    /// The key of a whole item (PutItem).
    pub(super) fn key_of(&self, item: &Item) -> Result<Key, Refusal> {
        self.build(|index, attr| {
            let missing = || Refusal::parameter(format!("Missing the key {} in the item", attr.name));
            let value = item.get(&attr.name).ok_or_else(missing)?;
            let part = Part::of(value).filter(|part| part.kind() == attr.kind);
            let part = part.ok_or_else(|| {
                Refusal::parameter(format!(
                    "Type mismatch for key {} expected: {} actual: {}",
                    attr.name,
                    attr.kind.as_str(),
                    value.kind()
                ))
            })?;
            check_length(&part, index)?;
            check_filled(&part, attr)?;
            Ok(part)
        })
    }

    /// The key that a request names: exactly the key attributes.
    pub(super) fn key_named(&self, named: &Item) -> Result<Key, Refusal> {
        let unfit = || Refusal::validation("The provided key element does not match the schema");
        if named.len() != self.attrs().count() {
            return Err(unfit());
        }
        self.build(|index, attr| {
            let part = named.get(&attr.name).and_then(Part::of).filter(|part| part.kind() == attr.kind);
            let part = part.ok_or_else(unfit)?;
            check_length(&part, index)?;
            check_filled(&part, attr)?;
            Ok(part)
        })
    }

    fn build(&self, part: impl Fn(usize, &KeyAttr) -> Result<Part, Refusal>) -> Result<Key, Refusal> {
        let hash = part(0, &self.hash)?;
        let sort = match &self.sort {
            Some(attr) => Sort::At(part(1, attr)?),
            None => Sort::Least,
        };
        Ok(Key { place: hash.place(), hash, sort, tail: Sort::Least })
    }

    /// The key as attributes.
    pub(super) fn attributes(&self, key: &Key) -> Item {
        let sort =
            self.sort.as_ref().zip(key.sort.part()).map(|(attr, part)| (attr.name.clone(), part.to_attr()));
        std::iter::once((self.hash.name.clone(), key.hash.to_attr())).chain(sort).collect()
    }
}

impl KeyAttr {
    /// The value of this attribute in a condition, which must have its type.
    pub(super) fn part(&self, value: &Attr) -> Result<Part, Refusal> {
        let part = Part::of(value).filter(|part| part.kind() == self.kind);
        part.ok_or_else(|| Refusal::parameter("Condition parameter type does not match schema type"))
    }

    /// The value of this attribute as the sort key of an index: none where the item is not in the index.
    pub(super) fn in_index(&self, index: &str, item: &Item) -> Result<Option<Part>, Refusal> {
        let Some(value) = item.get(&self.name) else {
            return Ok(None);
        };
        let part = Part::of(value).filter(|part| part.kind() == self.kind).ok_or_else(|| {
            Refusal::parameter(format!(
                "Type mismatch for Index Key {} Expected: {} Actual: {} IndexName: {index}",
                self.name,
                self.kind.as_str(),
                value.kind()
            ))
        })?;
        if part.length() == 0 {
            return Err(Refusal::validation(format!(
                "One or more parameter values are not valid. A value specified for a secondary index key is not \
                 supported. The AttributeValue for a key attribute cannot contain an empty string value. IndexName: \
                 {index}, IndexKey: {}",
                self.name
            )));
        }
        check_length(&part, 1)?;
        Ok(Some(part))
    }
}

fn check_length(part: &Part, index: usize) -> Result<(), Refusal> {
    if part.length() <= LONGEST[index] {
        return Ok(());
    }
    Err(Refusal::parameter(if index == 0 {
        "Size of hashkey has exceeded the maximum size limit of2048 bytes"
    } else {
        "Aggregated size of all range keys has exceeded the size limit of 1024 bytes"
    }))
}

fn check_filled(part: &Part, attr: &KeyAttr) -> Result<(), Refusal> {
    if part.length() > 0 {
        return Ok(());
    }
    let kind = if attr.kind == Scalar::B { "binary" } else { "string" };
    Err(Refusal::validation(format!(
        "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty \
         {kind} value. Key: {}",
        attr.name
    )))
}
