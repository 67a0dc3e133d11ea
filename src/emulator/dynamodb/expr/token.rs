//! Expressions as words and signs, and a cursor over them.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use super::Symbols;
use crate::emulator::dynamodb::value::Attr;

/// Words that cannot stand for an attribute, whatever their case (developer guide, "Reserved words").
static RESERVED: LazyLock<BTreeSet<&'static str>> =
    LazyLock::new(|| include_str!("reserved.txt").split_whitespace().collect());

/// A word or sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'t> {
    /// A keyword, function or attribute.
    Word(&'t str),
    /// `#name`
    Name(&'t str),
    /// `:value`
    Value(&'t str),
    /// An index in a list.
    Number(&'t str),
    /// `=`, `<>`, `(` and the like.
    Sign(&'t str),
    End,
}

/// Reads an expression from left to right.
pub(in crate::emulator::dynamodb) struct Cursor<'t, 's, 'a> {
    text: &'t str,
    /// Tokens with the ends of their text.
    tokens: Vec<(Token<'t>, usize, usize)>,
    at: usize,
    pub(super) symbols: &'s mut Symbols<'a>,
}

impl<'t, 's, 'a> Cursor<'t, 's, 'a> {
    pub(super) fn new(text: &'t str, symbols: &'s mut Symbols<'a>) -> Result<Self, String> {
        let mut tokens = Vec::new();
        let mut at = 0;
        loop {
            at += text[at..].len() - text[at..].trim_start().len();
            let Some(first) = text[at..].chars().next() else { break };
            let length = token_length(&text[at..], first);
            let piece = &text[at..at + length];
            let token = match first {
                '#' if length > 1 => Token::Name(piece),
                ':' if length > 1 => Token::Value(piece),
                '0'..='9' => Token::Number(piece),
                'a'..='z' | 'A'..='Z' | '_' => Token::Word(piece),
                '=' | '<' | '>' | '(' | ')' | '[' | ']' | ',' | '.' | '+' | '-' => Token::Sign(piece),
                _ => {
                    let near: String = text[at..].chars().take(10).collect();
                    return Err(syntax(piece, &near));
                }
            };
            tokens.push((token, at, at + length));
            at += length;
        }
        tokens.push((Token::End, text.len(), text.len()));
        Ok(Self { text, tokens, at: 0, symbols })
    }

    pub(super) fn peek(&self) -> Token<'t> {
        self.tokens[self.at].0
    }

    /// The token after the next.
    pub(super) fn second(&self) -> Token<'t> {
        self.tokens.get(self.at + 1).map_or(Token::End, |(token, ..)| *token)
    }

    pub(super) fn next(&mut self) -> Token<'t> {
        let token = self.peek();
        if token != Token::End {
            self.at += 1;
        }
        token
    }

    /// Where it stands: two equal answers mean that nothing was read in between.
    pub(super) fn place(&self) -> usize {
        self.at
    }

    /// The token of a place that was passed.
    pub(super) fn token_at(&self, place: usize) -> Token<'t> {
        self.tokens[place].0
    }

    /// Takes a sign if it comes next.
    pub(super) fn takes(&mut self, sign: &str) -> bool {
        let found = self.peek() == Token::Sign(sign);
        if found {
            self.at += 1;
        }
        found
    }

    /// Takes a keyword, in any case, if it comes next.
    pub(super) fn takes_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        if found {
            self.at += 1;
        }
        found
    }

    pub(super) fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Token::Word(found) if found.eq_ignore_ascii_case(word))
    }

    pub(super) fn expect(&mut self, sign: &str) -> Result<(), String> {
        if self.takes(sign) { Ok(()) } else { Err(self.unexpected()) }
    }

    pub(super) fn end(&self) -> Result<(), String> {
        if self.peek() == Token::End { Ok(()) } else { Err(self.unexpected()) }
    }

    /// The complaint about what comes next.
    pub(super) fn unexpected(&self) -> String {
        let (token, from, to) = self.tokens[self.at];
        let start = self.at.checked_sub(1).map_or(from, |before| self.tokens[before].1);
        let end = self.tokens.get(self.at + 1).map_or(to, |(_, _, end)| *end);
        let shown = if token == Token::End { "<EOF>" } else { &self.text[from..to] };
        syntax(shown, &self.text[start..end])
    }

    /// A `:value`, if one comes next.
    pub(super) fn value(&mut self) -> Result<Option<Attr>, String> {
        match self.peek() {
            Token::Value(key) => {
                self.at += 1;
                self.symbols.value(key).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// The name of one attribute in a path.
    pub(super) fn attribute(&mut self) -> Result<String, String> {
        match self.peek() {
            Token::Name(key) => {
                self.at += 1;
                self.symbols.name(key).map(str::to_owned)
            }
            Token::Word(word) => {
                self.at += 1;
                if RESERVED.contains(word.to_ascii_uppercase().as_str()) {
                    return Err(format!("Attribute name is a reserved keyword; reserved keyword: {word}"));
                }
                Ok(word.to_owned())
            }
            _ => Err(self.unexpected()),
        }
    }
}

fn token_length(rest: &str, first: char) -> usize {
    let word = |from: usize| {
        let end = rest[from..].find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        end.map_or(rest.len(), |end| from + end)
    };
    match first {
        '#' | ':' | 'a'..='z' | 'A'..='Z' | '_' => word(1),
        '0'..='9' => rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len()),
        '<' if rest.starts_with("<>") || rest.starts_with("<=") => 2,
        '>' if rest.starts_with(">=") => 2,
        other => other.len_utf8(),
    }
}

fn syntax(token: &str, near: &str) -> String {
    format!("Syntax error; token: \"{token}\", near: \"{near}\"")
}
