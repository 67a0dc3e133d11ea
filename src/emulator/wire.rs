//! The query protocol of Elastic Beanstalk and STS: forms in, XML out.
//!
//! Requests are POST forms (`Action=…&Version=2010-12-01`); lists arrive as `Names.member.1`, structures as
//! `Settings.member.1.Namespace`. Source: API reference, "Common Parameters", and the service model.

use std::collections::BTreeMap;

use jiff::Timestamp;

/// A refusal of the service, as a client sees it: HTTP status, wire code and message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// HTTP status of the answer.
    pub(crate) status: u16,
    /// The code on the wire; often not the name of the exception in an SDK.
    pub(crate) code: String,
    /// The text that tells unmodelled refusals apart.
    pub(crate) message: String,
}

impl Refusal {
    /// A 400 with any code.
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        Self { status: 400, code: code.to_owned(), message: message.into() }
    }

    /// `InvalidParameterValue`: what Beanstalk answers to nearly everything that is absent, taken or in the wrong state.
    pub(crate) fn value(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterValue", message)
    }

    /// `InvalidParameterCombination`.
    pub(crate) fn combination(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterCombination", message)
    }

    /// `ValidationError`: a member that the request's model does not allow.
    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationError", message)
    }

    /// A required member that is missing.
    pub(crate) fn missing(message: impl Into<String>) -> Self {
        Self::new("MissingRequiredParameter", message)
    }
}

/// The decoded members of one request, sorted by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Form {
    fields: BTreeMap<String, String>,
}

impl Form {
    /// Decodes `application/x-www-form-urlencoded` text.
    pub(crate) fn decode(body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        let fields = text
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                (unescape(name), unescape(value))
            })
            .collect();
        Self { fields }
    }

    /// Members that were decoded before.
    pub(crate) fn from_fields(fields: BTreeMap<String, String>) -> Self {
        Self { fields }
    }

    /// All members as sent.
    pub(crate) fn fields(&self) -> &BTreeMap<String, String> {
        &self.fields
    }

    /// A member that is present and not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A member as owned text.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    /// A member that the model requires.
    pub(crate) fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| {
            let field = lower_first(name);
            Refusal::validation(format!(
                "1 validation error detected: Value null at '{field}' failed to satisfy constraint: Member must not be null"
            ))
        })
    }

    /// A boolean; absent is `None`.
    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, Refusal> {
        match self.get(name) {
            None => Ok(None),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(text) => Err(malformed(name, text)),
        }
    }

    /// A whole number; absent is `None`.
    pub(crate) fn number(&self, name: &str) -> Result<Option<usize>, Refusal> {
        self.get(name).map(|text| text.parse().map_err(|_| malformed(name, text))).transpose()
    }

    /// A moment in ISO 8601; absent is `None`.
    pub(crate) fn moment(&self, name: &str) -> Result<Option<Timestamp>, Refusal> {
        self.get(name).map(|text| text.parse().map_err(|_| malformed(name, text))).transpose()
    }

    /// The texts of a list, in the order of their numbers.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        self.members(name).into_iter().filter_map(|prefix| self.fields.get(&prefix).cloned()).collect()
    }

    /// The prefixes (`Tags.member.1`) of a list's members, in the order of their numbers.
    pub(crate) fn members(&self, name: &str) -> Vec<String> {
        let start = format!("{name}.member.");
        let mut numbers: Vec<u32> = self
            .fields
            .range(start.clone()..)
            .take_while(|(key, _)| key.starts_with(&start))
            .filter_map(|(key, _)| key[start.len()..].split('.').next()?.parse().ok())
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers.into_iter().map(|number| format!("{start}{number}")).collect()
    }

    /// The first member that is in none of `known`, where a number in a name stands as `*` (`Tags.member.*.Key`).
    pub(crate) fn stranger(&self, known: &[&str]) -> Option<&str> {
        self.fields.keys().map(String::as_str).find(|field| {
            let shape: Vec<&str> = field
                .split('.')
                .map(|part| match part.parse::<u32>() {
                    Ok(_) => "*",
                    Err(_) => part,
                })
                .collect();
            let shape = shape.join(".");
            !matches!(shape.as_str(), "Action" | "Version")
                && !known.iter().any(|name| *name == shape || is_bare_list(name, &shape))
        })
    }
}

/// An empty list is sent as its bare name.
fn is_bare_list(name: &str, shape: &str) -> bool {
    name.strip_prefix(shape).is_some_and(|rest| rest.starts_with(".member.*"))
}

fn malformed(name: &str, text: &str) -> Refusal {
    Refusal::new("MalformedInput", format!("Value '{text}' at '{}' is malformed", lower_first(name)))
}

fn lower_first(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

/// Undoes the escapes of a form.
pub(crate) fn unescape(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match escaped {
            Some(byte) => {
                plain.push(byte);
                at += 2;
            }
            None if bytes[at] == b'+' => plain.push(b' '),
            None => plain.push(bytes[at]),
        }
        at += 1;
    }
    String::from_utf8_lossy(&plain).into_owned()
}

/// XML under construction: elements only, texts escaped.
#[derive(Clone, Debug, Default)]
pub(crate) struct Xml {
    text: String,
}

impl Xml {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// `<name>value</name>`.
    pub(crate) fn put(&mut self, name: &str, value: &str) {
        self.element(name, |xml| xml.escape(value));
    }

    /// As `put`, or nothing at all for `None`.
    pub(crate) fn put_some(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.put(name, value);
        }
    }

    /// A moment, in UTC with milliseconds.
    pub(crate) fn put_time(&mut self, name: &str, at: Timestamp) {
        self.put(name, &moment(at));
    }

    /// An element around whatever `inside` writes.
    pub(crate) fn element(&mut self, name: &str, inside: impl FnOnce(&mut Self)) {
        self.text.push('<');
        self.text.push_str(name);
        self.text.push('>');
        inside(self);
        self.text.push_str("</");
        self.text.push_str(name);
        self.text.push('>');
    }

    /// A list: one `member` element for each item.
    pub(crate) fn list<T>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        mut each: impl FnMut(&mut Self, T),
    ) {
        self.element(name, |xml| {
            for item in items {
                xml.element("member", |xml| each(xml, item));
            }
        });
    }

    /// Text inside the current element.
    pub(crate) fn escape(&mut self, value: &str) {
        self.text.push_str(&quick_xml::escape::escape(value));
    }
}

/// A moment as the service writes it: UTC, always three decimals.
pub(crate) fn moment(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// The envelope of a success. An operation without output has metadata alone.
pub(crate) fn success(namespace: &str, operation: &str, result: Option<Xml>, request_id: &str) -> String {
    let mut body = String::new();
    if let Some(result) = result {
        body = format!("<{operation}Result>{}</{operation}Result>", result.text);
    }
    format!(
        "<{operation}Response xmlns=\"{namespace}\">{body}<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation}Response>"
    )
}

/// The envelope of a refusal.
pub(crate) fn failure(namespace: &str, refusal: &Refusal, request_id: &str) -> String {
    let mut error = Xml::new();
    error.put("Type", if refusal.status < 500 { "Sender" } else { "Receiver" });
    error.put("Code", &refusal.code);
    error.put("Message", &refusal.message);
    format!(
        "<ErrorResponse xmlns=\"{namespace}\"><Error>{}</Error><RequestId>{request_id}</RequestId></ErrorResponse>",
        error.text
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_decoded_and_lists_keep_the_order_of_their_numbers() {
        let form = Form::decode(b"Action=X&Names.member.10=j&Names.member.2=b%20%26+c&Empty=&Tags");
        assert_eq!(form.list("Names"), ["b & c", "j"]);
        assert_eq!(form.get("Empty"), None);
        assert_eq!(form.stranger(&["Names.member.*", "Empty", "Tags.member.*.Key"]), None);
        assert_eq!(form.stranger(&["Empty", "Tags.member.*.Key"]), Some("Names.member.10"));
    }

    #[test]
    fn texts_are_escaped_and_moments_have_milliseconds() {
        let mut xml = Xml::new();
        xml.put("A", "<&>");
        xml.put_time("B", "2026-01-02T03:04:05Z".parse().expect("a moment"));
        assert_eq!(xml.text, "<A>&lt;&amp;&gt;</A><B>2026-01-02T03:04:05.000Z</B>");
    }
}
