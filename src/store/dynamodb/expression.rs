//! Conditions and updates in DynamoDB's expression language. Names and values
//! always go in as placeholders: `name`, `status` and hundreds of others are
//! reserved words there.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::aws::Item;

/// A condition, an update, or both.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Expression {
    terms: Vec<String>,
    set: Vec<String>,
    remove: Vec<String>,
    names: BTreeMap<String, String>,
    values: BTreeMap<String, AttributeValue>,
}

impl Expression {
    /// The placeholder of an attribute's name.
    pub(super) fn name(&mut self, attribute: &str) -> String {
        if let Some((known, _)) = self.names.iter().find(|(_, name)| *name == attribute) {
            return known.clone();
        }
        let placeholder = format!("#n{}", self.names.len());
        self.names.insert(placeholder.clone(), attribute.to_owned());
        placeholder
    }

    /// The placeholder of a value.
    pub(super) fn value(&mut self, value: AttributeValue) -> String {
        let placeholder = format!(":v{}", self.values.len());
        self.values.insert(placeholder.clone(), value);
        placeholder
    }

    /// One more condition, which must hold beside the others.
    pub(super) fn term(&mut self, term: String) {
        self.terms.push(term);
    }

    /// That the attribute has this value.
    pub(super) fn equal(&mut self, attribute: &str, value: AttributeValue) {
        let (name, value) = (self.name(attribute), self.value(value));
        self.term(format!("{name} = {value}"));
    }

    /// That there is no such attribute.
    pub(super) fn absent(&mut self, attribute: &str) {
        let name = self.name(attribute);
        self.term(format!("attribute_not_exists({name})"));
    }

    /// That there is such an attribute.
    pub(super) fn present(&mut self, attribute: &str) {
        let name = self.name(attribute);
        self.term(format!("attribute_exists({name})"));
    }

    /// That the attribute is this number or less.
    pub(super) fn at_most(&mut self, attribute: &str, most: impl ToString) {
        let (name, value) = (self.name(attribute), self.value(super::attribute::number(most)));
        self.term(format!("{name} <= {value}"));
    }

    /// That the row is exactly as it was read: each of its attributes, and
    /// none of `known` beside them.
    pub(super) fn as_read(&mut self, row: &Item, known: &[&str]) {
        for (attribute, value) in row {
            self.equal(attribute, value.clone());
        }
        for attribute in known.iter().filter(|attribute| !row.contains_key(**attribute)) {
            self.absent(attribute);
        }
    }

    /// Whether it holds only where there is no item at all.
    pub(super) fn wants_none(&self) -> bool {
        matches!(self.terms.as_slice(), [term] if term.starts_with("attribute_not_exists("))
    }

    /// Gives an attribute this value.
    pub(super) fn set(&mut self, attribute: &str, value: AttributeValue) {
        let (name, value) = (self.name(attribute), self.value(value));
        self.set.push(format!("{name} = {value}"));
    }

    /// Adds one to a number, which counts as `0` where it is missing.
    pub(super) fn increase(&mut self, attribute: &str) {
        let name = self.name(attribute);
        let (zero, one) = (self.value(super::attribute::number(0)), self.value(super::attribute::number(1)));
        self.set.push(format!("{name} = if_not_exists({name}, {zero}) + {one}"));
    }

    /// Removes an attribute.
    pub(super) fn remove(&mut self, attribute: &str) {
        let name = self.name(attribute);
        self.remove.push(name);
    }

    /// The condition; none where everything fits.
    pub(super) fn condition(&self) -> Option<String> {
        (!self.terms.is_empty()).then(|| self.terms.join(" AND "))
    }

    /// The update.
    pub(super) fn update(&self) -> String {
        let clause = |word: &str, parts: &[String]| {
            (!parts.is_empty()).then(|| format!("{word} {}", parts.join(", ")))
        };
        let clauses = [clause("SET", &self.set), clause("REMOVE", &self.remove)];
        clauses.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    /// The names; the SDK sends none rather than an empty map.
    pub(super) fn names<M: FromIterator<(String, String)>>(&self) -> Option<M> {
        (!self.names.is_empty()).then(|| self.names.clone().into_iter().collect())
    }

    /// The values.
    pub(super) fn values<M: FromIterator<(String, AttributeValue)>>(&self) -> Option<M> {
        (!self.values.is_empty()).then(|| self.values.clone().into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::attribute::{number, text};
    use super::*;

    #[test]
    fn expressions_are_written_with_placeholders() {
        let mut expression = Expression::default();
        expression.equal("name", text("a"));
        expression.absent("status");
        expression.at_most("schema", 1);
        expression.set("name", text("b"));
        expression.increase("epoch");
        expression.remove("status");
        assert_eq!(expression.condition().unwrap(), "#n0 = :v0 AND attribute_not_exists(#n1) AND #n2 <= :v1");
        assert_eq!(expression.update(), "SET #n0 = :v2, #n3 = if_not_exists(#n3, :v3) + :v4 REMOVE #n1");
        let names: BTreeMap<String, String> = expression.names().unwrap();
        assert_eq!(names["#n1"], "status");
        let values: Item = expression.values().unwrap();
        assert_eq!(values[":v1"], number(1));
        assert_eq!(Expression::default().condition(), None);
        assert_eq!(Expression::default().names::<BTreeMap<_, _>>(), None);
    }

    #[test]
    fn a_row_as_read_has_what_it_had_and_nothing_more() {
        let row = Item::from([("feature".to_owned(), text("a")), ("image".to_owned(), text("x:1"))]);
        let mut expression = Expression::default();
        expression.as_read(&row, &["image", "ttl"]);
        assert_eq!(expression.condition().unwrap(), "#n0 = :v0 AND #n1 = :v1 AND attribute_not_exists(#n2)");
    }
}
