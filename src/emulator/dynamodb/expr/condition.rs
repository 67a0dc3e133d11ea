//! Conditions as they are read: comparisons, functions, and what joins them.

use super::path::Path;
use super::token::{Cursor, Token};
use crate::emulator::dynamodb::value::Attr;

/// Alternatives that IN may have.
const ALTERNATIVES: usize = 100;

/// Something that is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::emulator::dynamodb) enum Operand {
    /// What stands at a path of the item.
    Path(Path),
    /// A value of the request.
    Value(Attr),
    /// How long something is.
    Size(Box<Operand>),
}

/// How two operands are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::emulator::dynamodb) enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A condition on an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::emulator::dynamodb) enum Condition {
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
    Not(Box<Condition>),
    Compare(Comparison, Operand, Operand),
    Between(Operand, Operand, Operand),
    In(Operand, Vec<Operand>),
    Exists(Path),
    Missing(Path),
    /// Type of an attribute, by the service's name of it.
    Type(Operand, String),
    BeginsWith(Operand, Operand),
    Contains(Operand, Operand),
}

impl Condition {
    pub(in crate::emulator::dynamodb) fn parse(cursor: &mut Cursor<'_, '_, '_>) -> Result<Self, String> {
        let mut left = Self::parse_and(cursor)?;
        while cursor.takes_word("OR") {
            left = Self::Or(Box::new(left), Box::new(Self::parse_and(cursor)?));
        }
        Ok(left)
    }

    fn parse_and(cursor: &mut Cursor<'_, '_, '_>) -> Result<Self, String> {
        let mut left = Self::parse_not(cursor)?;
        while cursor.takes_word("AND") {
            left = Self::And(Box::new(left), Box::new(Self::parse_not(cursor)?));
        }
        Ok(left)
    }

    fn parse_not(cursor: &mut Cursor<'_, '_, '_>) -> Result<Self, String> {
        if cursor.takes_word("NOT") {
            return Ok(Self::Not(Box::new(Self::parse_not(cursor)?)));
        }
        if !cursor.takes("(") {
            return Self::parse_one(cursor);
        }
        let inner = cursor.place();
        let condition = Self::parse(cursor)?;
        // `((a = b))`: the pair inside spans all that the outer one does.
        let doubled = cursor.token_at(inner) == Token::Sign("(") && closes_at_end(cursor, inner);
        cursor.expect(")")?;
        if doubled {
            return Err("The expression has redundant parentheses;".to_owned());
        }
        Ok(condition)
    }

    fn parse_one(cursor: &mut Cursor<'_, '_, '_>) -> Result<Self, String> {
        if let (Token::Word(name), Token::Sign("(")) = (cursor.peek(), cursor.second())
            && name != "size"
        {
            return Self::parse_function(cursor, name);
        }
        let left = Operand::parse(cursor)?;
        if cursor.takes_word("BETWEEN") {
            let low = Operand::parse(cursor)?;
            if !cursor.takes_word("AND") {
                return Err(cursor.unexpected());
            }
            let high = Operand::parse(cursor)?;
            check_between(&low, &high)?;
            return Ok(Self::Between(left, low, high));
        }
        if cursor.takes_word("IN") {
            cursor.expect("(")?;
            let mut among = vec![Operand::parse(cursor)?];
            while cursor.takes(",") {
                among.push(Operand::parse(cursor)?);
            }
            cursor.expect(")")?;
            if among.len() > ALTERNATIVES {
                return Err(format!(
                    "The IN operator is provided with too many operands; number of operands: {}",
                    among.len()
                ));
            }
            return Ok(Self::In(left, among));
        }
        let (comparison, sign) = match cursor.peek() {
            Token::Sign("=") => (Comparison::Equal, "="),
            Token::Sign("<>") => (Comparison::Unequal, "<>"),
            Token::Sign("<") => (Comparison::Less, "<"),
            Token::Sign("<=") => (Comparison::LessOrEqual, "<="),
            Token::Sign(">") => (Comparison::Greater, ">"),
            Token::Sign(">=") => (Comparison::GreaterOrEqual, ">="),
            _ => return Err(cursor.unexpected()),
        };
        cursor.next();
        let right = Operand::parse(cursor)?;
        check_distinct(sign, &left, &right)?;
        for side in [&left, &right] {
            check_ordered(comparison, sign, side)?;
        }
        Ok(Self::Compare(comparison, left, right))
    }

    fn parse_function(cursor: &mut Cursor<'_, '_, '_>, name: &str) -> Result<Self, String> {
        let wanted = match name {
            "attribute_exists" | "attribute_not_exists" => 1,
            "attribute_type" | "begins_with" | "contains" => 2,
            "if_not_exists" | "list_append" => {
                return Err(format!(
                    "The function is not allowed in a condition expression; function: {name}"
                ));
            }
            _ => return Err(format!("Invalid function name; function: {name}")),
        };
        cursor.next();
        cursor.next();
        let mut operands = vec![Operand::parse(cursor)?];
        while cursor.takes(",") {
            operands.push(Operand::parse(cursor)?);
        }
        cursor.expect(")")?;
        if operands.len() != wanted {
            return Err(format!(
                "Incorrect number of operands for operator or function; operator or function: {name}, number of \
                 operands: {}",
                operands.len()
            ));
        }
        let mut operands = operands.into_iter();
        let (Some(first), second) = (operands.next(), operands.next()) else {
            return Err(cursor.unexpected());
        };
        match (name, second) {
            ("attribute_exists", None) => path_of(name, first).map(Self::Exists),
            ("attribute_not_exists", None) => path_of(name, first).map(Self::Missing),
            ("attribute_type", Some(second)) => type_name(&second).map(|kind| Self::Type(first, kind)),
            ("begins_with", Some(second)) => {
                check_distinct(name, &first, &second)?;
                for side in [&first, &second] {
                    check_kind(name, side, &["S", "B"])?;
                }
                Ok(Self::BeginsWith(first, second))
            }
            (_, Some(second)) => {
                check_distinct(name, &first, &second)?;
                Ok(Self::Contains(first, second))
            }
            _ => Err(cursor.unexpected()),
        }
    }

    /// Attributes into which it looks.
    pub(in crate::emulator::dynamodb) fn nested(&self) -> impl Iterator<Item = &str> {
        self.paths().into_iter().filter(|path| !path.rest.is_empty()).map(|path| path.head.as_str())
    }

    /// Each path that the condition names.
    pub(in crate::emulator::dynamodb) fn paths(&self) -> Vec<&Path> {
        match self {
            Self::And(one, two) | Self::Or(one, two) => one.paths().into_iter().chain(two.paths()).collect(),
            Self::Not(inner) => inner.paths(),
            Self::Compare(_, one, two) | Self::BeginsWith(one, two) | Self::Contains(one, two) => {
                one.path().into_iter().chain(two.path()).collect()
            }
            Self::Between(value, low, high) => {
                [value, low, high].into_iter().filter_map(Operand::path).collect()
            }
            Self::In(value, among) => std::iter::once(value).chain(among).filter_map(Operand::path).collect(),
            Self::Exists(path) | Self::Missing(path) => vec![path],
            Self::Type(operand, _) => operand.path().into_iter().collect(),
        }
    }
}

impl Operand {
    fn parse(cursor: &mut Cursor<'_, '_, '_>) -> Result<Self, String> {
        if let Some(value) = cursor.value()? {
            return Ok(Self::Value(value));
        }
        if let (Token::Word(name), Token::Sign("(")) = (cursor.peek(), cursor.second()) {
            if name != "size" {
                return Err(format!(
                    "The function is not allowed to be used this way in an expression; function: {name}"
                ));
            }
            cursor.next();
            cursor.next();
            let inner = Self::parse(cursor)?;
            cursor.expect(")")?;
            check_kind("size", &inner, &["S", "B", "SS", "NS", "BS", "L", "M"])?;
            return Ok(Self::Size(Box::new(inner)));
        }
        Path::parse(cursor).map(Self::Path)
    }

    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            Self::Path(path) => Some(path),
            Self::Size(inner) => inner.path(),
            Self::Value(_) => None,
        }
    }

    fn immediate(&self) -> Option<&Attr> {
        match self {
            Self::Value(value) => Some(value),
            _ => None,
        }
    }
}

/// Whether the parenthesis that opens at a place closes right before the cursor.
fn closes_at_end(cursor: &Cursor<'_, '_, '_>, open: usize) -> bool {
    let mut depth = 0_usize;
    for place in open..cursor.place() {
        match cursor.token_at(place) {
            Token::Sign("(") => depth += 1,
            Token::Sign(")") => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return place + 1 == cursor.place();
        }
    }
    false
}

fn path_of(function: &str, operand: Operand) -> Result<Path, String> {
    match operand {
        Operand::Path(path) => Ok(path),
        _ => Err(format!("Operator or function requires a document path; operator or function: {function}")),
    }
}

fn type_name(operand: &Operand) -> Result<String, String> {
    const TYPES: [&str; 10] = ["B", "NULL", "SS", "BOOL", "L", "BS", "N", "NS", "S", "M"];
    match operand.immediate() {
        Some(Attr::S(kind)) if TYPES.contains(&kind.as_str()) => Ok(kind.clone()),
        Some(Attr::S(kind)) => Err(format!(
            "Invalid attribute type name found; type: {kind}, valid types: {{{}}}",
            TYPES.join(",")
        )),
        other => Err(incorrect("attribute_type", other.map_or("{NS,SS,L,BS,N,M,B,BOOL,NULL,S}", Attr::kind))),
    }
}

fn incorrect(function: &str, kind: &str) -> String {
    format!(
        "Incorrect operand type for operator or function; operator or function: {function}, operand type: {kind}"
    )
}

/// A value of the request must have one of these types; what the item holds is seen later.
fn check_kind(function: &str, operand: &Operand, kinds: &[&str]) -> Result<(), String> {
    match operand.immediate() {
        Some(value) if !kinds.contains(&value.kind()) => Err(incorrect(function, value.kind())),
        _ => Ok(()),
    }
}

fn check_ordered(comparison: Comparison, sign: &str, operand: &Operand) -> Result<(), String> {
    match comparison {
        Comparison::Equal | Comparison::Unequal => Ok(()),
        _ => check_kind(sign, operand, &["S", "N", "B"]),
    }
}

fn check_distinct(operator: &str, one: &Operand, two: &Operand) -> Result<(), String> {
    match (one, two) {
        (Operand::Path(path), Operand::Path(other)) if path == other => Err(format!(
            "The first operand must be distinct from the remaining operands for this operator or function; operator: \
             {operator}, first operand: {path}"
        )),
        _ => Ok(()),
    }
}

fn check_between(low: &Operand, high: &Operand) -> Result<(), String> {
    let (Some(low), Some(high)) = (low.immediate(), high.immediate()) else {
        return Ok(());
    };
    let bounds = || {
        let shown = |value: &Attr| {
            let json = value.to_json();
            let inner = json.as_object().and_then(|members| members.values().next().cloned());
            let inner =
                inner.map_or_else(String::new, |v| v.as_str().map_or_else(|| v.to_string(), str::to_owned));
            format!("AttributeValue: {{{}:{inner}}}", value.kind())
        };
        format!("lower bound operand: {}, upper bound operand: {}", shown(low), shown(high))
    };
    match super::judge::order(low, high) {
        None => Err(format!(
            "The BETWEEN operator requires same data type for lower and upper bounds; {}",
            bounds()
        )),
        Some(std::cmp::Ordering::Greater) => Err(format!(
            "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; {}",
            bounds()
        )),
        Some(_) => Ok(()),
    }
}
