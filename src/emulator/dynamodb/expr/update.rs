//! Updates as they are read: SET, REMOVE, ADD and DELETE.

use super::path::Path;
use super::token::{Cursor, Token};
use crate::emulator::dynamodb::value::Attr;

/// What SET puts at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Path(Path),
    Value(Attr),
    /// What stands at the path, or else the other.
    IfNotExists(Path, Box<Source>),
    /// Two lists, one after the other.
    ListAppend(Box<Source>, Box<Source>),
    Plus(Box<Source>, Box<Source>),
    Minus(Box<Source>, Box<Source>),
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Set(Source),
    Remove,
    Add(Attr),
    Delete(Attr),
}

/// An update: changes at paths that do not touch each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::emulator::dynamodb) struct Update {
    pub(super) changes: Vec<(Path, Action)>,
}

impl Update {
    pub(in crate::emulator::dynamodb) fn parse(cursor: &mut Cursor<'_, '_, '_>) -> Result<Self, String> {
        let mut update = Self::default();
        let mut seen: Vec<&str> = Vec::new();
        loop {
            let section = ["SET", "REMOVE", "ADD", "DELETE"].into_iter().find(|word| cursor.is_word(word));
            let Some(section) = section else {
                break;
            };
            if seen.contains(&section) {
                return Err(format!(
                    "The \"{section}\" section can only be used once in an update expression;"
                ));
            }
            seen.push(section);
            cursor.next();
            loop {
                let path = Path::parse(cursor)?;
                let action = match section {
                    "SET" => {
                        cursor.expect("=")?;
                        Action::Set(Source::parse(cursor)?)
                    }
                    "REMOVE" => Action::Remove,
                    "ADD" => Action::Add(operand(cursor, "ADD", &["N", "SS", "NS", "BS"])?),
                    _ => Action::Delete(operand(cursor, "DELETE", &["SS", "NS", "BS"])?),
                };
                update.changes.push((path, action));
                if !cursor.takes(",") {
                    break;
                }
            }
        }
        if update.changes.is_empty() {
            return Err(cursor.unexpected());
        }
        match Path::first_clash(update.paths()) {
            Some(clash) => Err(clash),
            None => Ok(update),
        }
    }

    /// The paths that it changes.
    pub(in crate::emulator::dynamodb) fn paths(&self) -> impl Iterator<Item = &Path> + Clone {
        self.changes.iter().map(|(path, _)| path)
    }

    /// Whether it takes away and adds nothing: such an update makes no item.
    pub(in crate::emulator::dynamodb) fn only_removes(&self) -> bool {
        !self.changes.is_empty()
            && self.changes.iter().all(|(_, action)| matches!(action, Action::Remove | Action::Delete(_)))
    }
}

impl Source {
    fn parse(cursor: &mut Cursor<'_, '_, '_>) -> Result<Self, String> {
        let left = Self::parse_operand(cursor)?;
        let sign = match cursor.peek() {
            Token::Sign("+") => "+",
            Token::Sign("-") => "-",
            _ => return Ok(left),
        };
        cursor.next();
        let right = Self::parse_operand(cursor)?;
        for side in [&left, &right] {
            if let Self::Value(value) = side
                && value.kind() != "N"
            {
                return Err(incorrect(sign, value.kind()));
            }
        }
        let (left, right) = (Box::new(left), Box::new(right));
        Ok(if sign == "+" { Self::Plus(left, right) } else { Self::Minus(left, right) })
    }

    fn parse_operand(cursor: &mut Cursor<'_, '_, '_>) -> Result<Self, String> {
        if let Some(value) = cursor.value()? {
            return Ok(Self::Value(value));
        }
        if cursor.takes("(") {
            let inner = Self::parse(cursor)?;
            cursor.expect(")")?;
            return Ok(inner);
        }
        let (Token::Word(name), Token::Sign("(")) = (cursor.peek(), cursor.second()) else {
            return Path::parse(cursor).map(Self::Path);
        };
        match name {
            "if_not_exists" => {
                cursor.next();
                cursor.next();
                if matches!(cursor.peek(), Token::Value(_)) {
                    return Err(format!(
                        "Operator or function requires a document path; operator or function: {name}"
                    ));
                }
                let path = Path::parse(cursor)?;
                cursor.expect(",")?;
                let other = Self::parse_operand(cursor)?;
                cursor.expect(")")?;
                Ok(Self::IfNotExists(path, Box::new(other)))
            }
            "list_append" => {
                cursor.next();
                cursor.next();
                let first = Self::parse_operand(cursor)?;
                cursor.expect(",")?;
                let second = Self::parse_operand(cursor)?;
                cursor.expect(")")?;
                for side in [&first, &second] {
                    if let Self::Value(value) = side
                        && value.kind() != "L"
                    {
                        return Err(incorrect("list_append", value.kind()));
                    }
                }
                Ok(Self::ListAppend(Box::new(first), Box::new(second)))
            }
            "attribute_exists"
            | "attribute_not_exists"
            | "attribute_type"
            | "begins_with"
            | "contains"
            | "size" => Err(format!("The function is not allowed in an update expression; function: {name}")),
            _ => Err(format!("Invalid function name; function: {name}")),
        }
    }
}

/// The value of ADD or DELETE.
fn operand(cursor: &mut Cursor<'_, '_, '_>, operator: &str, kinds: &[&str]) -> Result<Attr, String> {
    let Some(value) = cursor.value()? else {
        return Err(cursor.unexpected());
    };
    if !kinds.contains(&value.kind()) {
        return Err(incorrect(operator, value.kind()));
    }
    Ok(value)
}

fn incorrect(operator: &str, kind: &str) -> String {
    let kind = match kind {
        "S" => "STRING",
        "N" => "NUMBER",
        "B" => "BINARY",
        "L" => "LIST",
        "M" => "MAP",
        "BOOL" => "BOOLEAN",
        "SS" => "STRING_SET",
        "NS" => "NUMBER_SET",
        "BS" => "BINARY_SET",
        other => other,
    };
    format!("Incorrect operand type for operator or function; operator: {operator}, operand type: {kind}")
}
