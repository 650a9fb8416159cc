//! The optional extra condition of an identity, in CEL (the Common Expression Language). It can only narrow: it is
//! looked at when every claim rule holds, and anything but `true` is no.
//!
//! The language is cut down to what is safe to run on a stranger's claims: comparisons, logic, `has`, `in`, `size`,
//! `startsWith`, `endsWith`, `contains`. No loops (`all`, `exists`, `map`, `filter`: the library has no limit of cost), no
//! regular expressions (`matches` is not anchored).

use std::{fmt, sync::Arc};

use cel::{
    Context, Env, Program, Value,
    common::ast::{EntryExpr, Expr, IdedExpr},
};
use serde_json::Map;

/// The longest condition, in bytes.
const LONGEST: usize = 1024;

/// How deep an expression may be nested.
const DEEPEST: usize = 32;

/// What may be called: operators as the library names them, and a few functions.
const CALLS: [&str; 20] = [
    "_==_",
    "_!=_",
    "_<_",
    "_<=_",
    "_>_",
    "_>=_",
    "_&&_",
    "_||_",
    "!_",
    "_?_:_",
    "@in",
    "_in_",
    "_[_]",
    "-_",
    "size",
    "startsWith",
    "endsWith",
    "contains",
    "@not_strictly_false",
    "!",
];

/// A compiled condition.
#[derive(Clone)]
pub struct Condition {
    text: Box<str>,
    program: Arc<Program>,
    env: Arc<Env>,
}

/// A text is no [`Condition`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCondition {
    /// Too long.
    #[error("`when` is longer than {LONGEST} characters")]
    Length,
    /// Not CEL.
    #[error("`when` is not a CEL expression: {0}")]
    Syntax(String),
    /// Something that could run long, or that surprises.
    #[error(
        "`when` may not use {0}: only comparisons, `&&`, `||`, `!`, `in`, `has`, `size`, `startsWith`, `endsWith` and `contains`"
    )]
    NotAllowed(String),
    /// Nested too deep.
    #[error("`when` is nested more than {DEEPEST} levels deep")]
    Depth,
    /// A variable that is not there.
    #[error("`when` knows the variable `claims` only, not `{0}`: write `claims.NAME` or `claims[\"NAME\"]`")]
    Variable(String),
}

impl Condition {
    /// Compiles it.
    pub fn parse(text: &str) -> Result<Self, InvalidCondition> {
        if text.len() > LONGEST {
            return Err(InvalidCondition::Length);
        }
        let env = Arc::new(Env::stdlib());
        let program = env.compile(text).map_err(|error| {
            let first = error.to_string().lines().next().unwrap_or_default().chars().take(200).collect();
            InvalidCondition::Syntax(first)
        })?;
        check(program.expression(), 0)?;
        Ok(Self { text: text.into(), program: Arc::new(program), env })
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is `true` for these claims. Whatever cannot be computed, such as a claim that is missing, is not.
    pub fn holds(&self, claims: &Map<String, serde_json::Value>) -> bool {
        let Ok(claims) = cel::to_value(claims) else { return false };
        let mut context = Context::with_env(self.env.clone());
        context.add_variable_from_value("claims", claims);
        matches!(self.program.execute(&context), Ok(Value::Bool(true)))
    }
}

/// Refuses what is not on the list, all the way down.
fn check(expression: &IdedExpr, depth: usize) -> Result<(), InvalidCondition> {
    if depth > DEEPEST {
        return Err(InvalidCondition::Depth);
    }
    let below = |expression: &IdedExpr| check(expression, depth + 1);
    match &expression.expr {
        Expr::Literal(_) => Ok(()),
        Expr::Ident(name) if name == "claims" => Ok(()),
        Expr::Ident(name) => Err(InvalidCondition::Variable(name.clone())),
        Expr::Select(select) => below(&select.operand),
        Expr::List(list) => list.elements.iter().try_for_each(below),
        Expr::Call(call) => {
            if !CALLS.contains(&call.func_name.as_str()) {
                return Err(InvalidCondition::NotAllowed(format!("`{}`", call.func_name)));
            }
            call.target.iter().try_for_each(|target| below(target))?;
            call.args.iter().try_for_each(below)
        }
        Expr::Map(map) => map.entries.iter().try_for_each(|entry| match &entry.expr {
            EntryExpr::MapEntry(entry) => below(&entry.key).and_then(|()| below(&entry.value)),
            EntryExpr::StructField(field) => below(&field.value),
        }),
        Expr::Comprehension(_) => Err(InvalidCondition::NotAllowed("loops".to_owned())),
        Expr::Struct(_) | Expr::Unspecified => Err(InvalidCondition::NotAllowed("structures".to_owned())),
    }
}

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Condition {}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Condition").field(&self.text).finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn holds(text: &str) -> bool {
        let claims = json!({
            "ref": "refs/heads/main", "run_attempt": 1, "environment": "prod", "ok": true, "list": ["a", "b"],
            "a/b": "c", "kubernetes.io": { "namespace": "build" }, "nothing": null,
        });
        Condition::parse(text).unwrap().holds(claims.as_object().unwrap())
    }

    #[test]
    fn true_is_yes_and_anything_else_is_no() {
        for text in [
            "true",
            "claims.ref == 'refs/heads/main'",
            "claims.environment in ['prod', 'staging'] && claims.ok",
            "!has(claims.head_ref) || claims.head_ref == ''",
            "claims.ref.startsWith('refs/heads/')",
            "claims['a/b'] == 'c' && claims['kubernetes.io'].namespace == 'build'",
            "'b' in claims.list && size(claims.list) == 2",
            "claims.run_attempt < 3",
            "claims.nothing == null",
        ] {
            assert!(holds(text), "{text}");
        }
        for text in [
            "false",
            "claims.ref == 'main'",
            "claims.missing == 'x'",
            "claims.missing != 'x'",
            "claims.ref",
            "claims.ref.startsWith('x')",
            "claims.run_attempt == '1'",
            "claims.ok == 'true'",
            "1",
            "claims.list[9] == 'a'",
            "claims.missing.deeper.still",
        ] {
            assert!(!holds(text), "{text}");
        }
    }

    #[test]
    fn what_could_run_away_or_surprise_is_refused() {
        for text in [
            "claims.list.all(x, x == 'a')",
            "claims.list.exists(x, x == 'a')",
            "claims.list.map(x, x)",
            "claims.list.filter(x, true)",
            "claims.ref.matches('.*')",
            "claim.ref == 'x'",
            "timestamp('2026-01-01T00:00:00Z') < timestamp('2027-01-01T00:00:00Z')",
            "claims.ref + 'x' == 'y'",
            "claims.ref ==",
            "",
            &"(".repeat(500),
            &format!("{}true{}", "(!".repeat(200), ")".repeat(200)),
            &"true && ".repeat(200),
        ] {
            assert!(Condition::parse(text).is_err(), "{text}");
        }
    }
}
