//! The fields of core metadata: headers as in e-mail, then perhaps a body.
//!
//! Strictly: Python's reader takes a line that is no header for the beginning of the body, others pass over it, so the
//! same text could name two different projects.

use std::borrow::Cow;

use super::MetadataFault;

/// More fields than this are refused.
const MOST: usize = 10_000;

/// The fields in their order, and the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fields<'a> {
    fields: Vec<(&'a str, Cow<'a, str>)>,
    /// What stands behind the fields: the description, since 2.1.
    pub body: &'a str,
}

impl<'a> Fields<'a> {
    /// Reads metadata.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, MetadataFault> {
        let mut rest = std::str::from_utf8(bytes).map_err(|_| MetadataFault::NotUtf8)?;
        let mut fields: Vec<(&str, Cow<'_, str>)> = Vec::new();
        let mut number = 0;
        while !rest.is_empty() {
            number += 1;
            let (line, behind) = rest.split_once('\n').unwrap_or((rest, ""));
            let line = line.strip_suffix('\r').unwrap_or(line);
            rest = behind;
            if line.is_empty() {
                break;
            }
            // Among them a carriage return: a line ends there for some.
            if line.chars().any(|char| (char.is_control() && char != '\t') || matches!(char, '\u{2028}' | '\u{2029}')) {
                return Err(MetadataFault::Control(number));
            }
            if line.starts_with([' ', '\t']) {
                let (_, value) = fields.last_mut().ok_or(MetadataFault::Line(number))?;
                let value = value.to_mut();
                value.push('\n');
                value.push_str(line);
                continue;
            }
            let (name, value) = line.split_once(':').ok_or(MetadataFault::Line(number))?;
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            {
                return Err(MetadataFault::Line(number));
            }
            if fields.len() >= MOST {
                return Err(MetadataFault::TooMany);
            }
            fields.push((name, Cow::Borrowed(value.trim())));
        }
        Ok(Self { fields, body: rest })
    }

    /// The values of a field, whatever case its name is in.
    pub(crate) fn all<'b>(&'b self, name: &'b str) -> impl Iterator<Item = &'b str> {
        self.fields.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    /// The first value of a field.
    pub(crate) fn get<'b>(&'b self, name: &'b str) -> Option<&'b str> {
        self.all(name).next()
    }

    /// All fields.
    pub(super) fn each(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|(name, value)| (*name, &**value))
    }
}
