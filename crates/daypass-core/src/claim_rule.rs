//! What one claim of an outside token must be.
//!
//! A rule is data: exact values with their types, lists of them, and globs whose `*` crosses no separator. A claim that
//! is not there satisfies no rule. Nothing is converted: the number 65 is not `"65"`, and `true` is not `"true"`.
//! Strings are compared byte for byte.

mod glob;
mod path;

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

pub use glob::{Glob, InvalidGlob};
pub use path::{ClaimPath, InvalidClaimPath};

/// The most values a list, or globs a list of globs, may have.
pub const MOST_VALUES: usize = 100;

/// The longest text in a rule, in bytes.
pub const LONGEST_TEXT: usize = 1024;

/// A single JSON value other than `null`, with its type.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scalar {
    /// `"65"`.
    Text(Box<str>),
    /// `65`, a whole number.
    Number(i64),
    /// `true`.
    Bool(bool),
}

impl Scalar {
    /// Whether `value` is the same: of the same type, and equal.
    pub fn is(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Text(text), Value::String(found)) => **text == **found,
            // `1.0` and `1e0` are other texts for 1; an issuer that writes them is not one we know.
            (Self::Number(number), Value::Number(found)) => found.as_i64() == Some(*number),
            (Self::Bool(expected), Value::Bool(found)) => expected == found,
            _ => false,
        }
    }

    /// As JSON.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Text(text) => json!(text),
            Self::Number(number) => json!(number),
            Self::Bool(value) => json!(value),
        }
    }

    /// Reads one; `None` for what is no scalar, is too long, or is a number that is not whole.
    pub fn read(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) if text.len() <= LONGEST_TEXT => Some(Self::Text(text.as_str().into())),
            Value::Number(number) => number.as_i64().map(Self::Number),
            Value::Bool(value) => Some(Self::Bool(*value)),
            _ => None,
        }
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(_) | Self::Bool(_) => None,
        }
    }
}

/// What one claim must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimRule {
    /// One of these values. Never empty; a single one is written without a list.
    AnyOf(Vec<Scalar>),
    /// A string that one of these globs matches as a whole. Never empty.
    Glob(Vec<Glob>),
    /// A list that holds this value, among others perhaps.
    Contains(Scalar),
}

/// A value in a policy file is no [`ClaimRule`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidClaimRule {
    /// Of no form that is known.
    #[error(
        "must be a text, a whole number, `true` or `false`, a list of those, `{{ glob = \"…\" }}` or `{{ contains = … }}`"
    )]
    Form,
    /// Nothing could satisfy it, or too many things.
    #[error("a list has 1 to {MOST_VALUES} values")]
    Count,
    /// An empty text is what a claim holds that says nothing.
    #[error("an empty text pins nothing")]
    Empty,
    /// A glob is none.
    #[error(transparent)]
    Glob(#[from] InvalidGlob),
}

impl ClaimRule {
    /// A rule that is one exact text.
    pub fn exact(text: &str) -> Self {
        Self::AnyOf(vec![Scalar::Text(text.into())])
    }

    /// Reads a rule as it is written in a policy.
    pub fn read(value: &Value) -> Result<Self, InvalidClaimRule> {
        match value {
            Value::Array(list) => Ok(Self::AnyOf(scalars(list)?)),
            Value::Object(members) => match members.iter().next() {
                Some((name, value)) if members.len() == 1 && name == "glob" => Ok(Self::Glob(globs(value)?)),
                Some((name, value)) if members.len() == 1 && name == "contains" => Ok(Self::Contains(scalar(value)?)),
                _ => Err(InvalidClaimRule::Form),
            },
            one => Ok(Self::AnyOf(vec![scalar(one)?])),
        }
    }

    /// The rule as it is written: [`ClaimRule::read`] reads it again.
    pub fn to_json(&self) -> Value {
        match self {
            Self::AnyOf(values) => match values.as_slice() {
                [one] => one.to_json(),
                several => several.iter().map(Scalar::to_json).collect(),
            },
            Self::Glob(globs) => match globs.as_slice() {
                [one] => json!({ "glob": one.as_str() }),
                several => json!({ "glob": several.iter().map(Glob::as_str).collect::<Vec<_>>() }),
            },
            Self::Contains(value) => json!({ "contains": value.to_json() }),
        }
    }

    /// Whether `value` obeys the rule.
    pub fn holds(&self, value: &Value) -> bool {
        match self {
            Self::AnyOf(values) => values.iter().any(|expected| expected.is(value)),
            Self::Glob(globs) => value.as_str().is_some_and(|text| globs.iter().any(|glob| glob.matches(text))),
            Self::Contains(expected) => {
                value.as_array().is_some_and(|list| list.iter().any(|found| expected.is(found)))
            }
        }
    }

    /// The exact values, where there are only such.
    pub fn exact_values(&self) -> Option<&[Scalar]> {
        match self {
            Self::AnyOf(values) => Some(values),
            Self::Glob(_) | Self::Contains(_) => None,
        }
    }
}

fn scalar(value: &Value) -> Result<Scalar, InvalidClaimRule> {
    match Scalar::read(value) {
        Some(Scalar::Text(text)) if text.is_empty() => Err(InvalidClaimRule::Empty),
        Some(scalar) => Ok(scalar),
        None => Err(InvalidClaimRule::Form),
    }
}

fn scalars(list: &[Value]) -> Result<Vec<Scalar>, InvalidClaimRule> {
    if !(1..=MOST_VALUES).contains(&list.len()) {
        return Err(InvalidClaimRule::Count);
    }
    list.iter().map(scalar).collect()
}

fn globs(value: &Value) -> Result<Vec<Glob>, InvalidClaimRule> {
    let one = |value: &Value| Ok(value.as_str().ok_or(InvalidClaimRule::Form)?.parse::<Glob>()?);
    match value {
        Value::Array(list) if (1..=MOST_VALUES).contains(&list.len()) => list.iter().map(one).collect(),
        Value::Array(_) => Err(InvalidClaimRule::Count),
        value => Ok(vec![one(value)?]),
    }
}

/// The rule for people, as `explain` shows it.
impl fmt::Display for ClaimRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AnyOf(values) => match values.as_slice() {
                [Scalar::Text(text)] => f.write_str(text),
                values => {
                    let texts: Vec<_> = values.iter().map(|value| value.to_json().to_string()).collect();
                    f.write_str(&texts.join(" or "))
                }
            },
            Self::Glob(globs) => {
                let texts: Vec<_> = globs.iter().map(Glob::as_str).collect();
                write!(f, "glob {}", texts.join(" or "))
            }
            Self::Contains(value) => write!(f, "a list with {}", value.to_json()),
        }
    }
}

impl JsonSchema for ClaimRule {
    fn schema_name() -> Cow<'static, str> {
        "ClaimRule".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let text = json!({ "type": "string", "minLength": 1, "maxLength": LONGEST_TEXT });
        let scalar = json!({ "anyOf": [text, { "type": "integer" }, { "type": "boolean" }] });
        let list = |of: &Value| json!({ "type": "array", "items": of, "minItems": 1, "maxItems": MOST_VALUES });
        let member = |name: &str, of: &Value| json!({ "type": "object", "properties": { name: of }, "required": [name], "additionalProperties": false });
        let globs = json!({ "anyOf": [text, list(&text)] });
        json_schema!({ "anyOf": [scalar, list(&scalar), member("glob", &globs), member("contains", &scalar)] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(rule: &Value, value: &Value) -> bool {
        ClaimRule::read(rule).unwrap().holds(value)
    }

    #[test]
    fn values_are_compared_with_their_types() {
        for (rule, yes, no) in [
            (json!("74"), json!("74"), json!(74)),
            (json!(74), json!(74), json!("74")),
            (json!(74), json!(74), json!(74.5)),
            (json!(true), json!(true), json!("true")),
            (json!(["prod", "staging"]), json!("staging"), json!("dev")),
            (json!(["prod", 1]), json!(1), json!("1")),
            (json!("main"), json!("main"), json!("Main")),
            (json!("main"), json!("main"), json!(["main"])),
            (json!({ "glob": "refs/tags/v*" }), json!("refs/tags/v1"), json!("refs/tags/v1/x")),
            (json!({ "glob": ["a-*", "b-*"] }), json!("b-1"), json!("c-1")),
            (json!({ "glob": "1*" }), json!("12"), json!(12)),
            (json!({ "contains": "x" }), json!(["y", "x"]), json!("x")),
            (json!({ "contains": "x" }), json!(["x"]), json!(["xx", ["x"]])),
        ] {
            assert!(holds(&rule, &yes), "{rule} {yes}");
            for no in [no, json!(null), json!({}), json!([])] {
                assert!(!holds(&rule, &no), "{rule} {no}");
            }
        }
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        let many: Vec<_> = (0..=MOST_VALUES).collect();
        for value in [
            json!(null),
            json!(1.5),
            json!(""),
            json!([]),
            json!(["a", ""]),
            json!([["a"]]),
            json!({}),
            json!({ "regex": ".*" }),
            json!({ "glob": "a*", "contains": "b" }),
            json!({ "glob": [] }),
            json!({ "glob": 1 }),
            json!({ "glob": "a**" }),
            json!({ "contains": ["a"] }),
            json!(many),
            json!("x".repeat(LONGEST_TEXT + 1)),
        ] {
            assert!(ClaimRule::read(&value).is_err(), "{value}");
        }
    }

    #[test]
    fn a_rule_is_written_as_it_is_read() {
        for value in
            [json!("a"), json!(1), json!(false), json!(["a", 1]), json!({ "glob": "a*" }), json!({ "contains": 1 })]
        {
            assert_eq!(ClaimRule::read(&value).unwrap().to_json(), value);
        }
    }
}
