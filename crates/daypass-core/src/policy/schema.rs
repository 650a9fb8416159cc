//! The form of a policy file as JSON Schema (2020-12), for editors and for whoever generates one.
//!
//! It is derived from the very types that read a policy, so it knows the same members. It says what a policy looks like;
//! whether one makes sense is said by whoever reads it.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::written::Written;

/// The schema.
pub fn schema() -> Value {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Written>().to_value();
    if let Some(members) = schema.as_object_mut() {
        members.insert("title".to_owned(), "daypass policy".into());
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every object that is written out says that it knows no other members.
    fn closed(schema: &Value, path: &str, open: &mut Vec<String>) {
        match schema {
            Value::Object(members) => {
                if members.contains_key("properties") && members.get("additionalProperties") != Some(&false.into()) {
                    open.push(path.to_owned());
                }
                for (name, member) in members {
                    closed(member, &format!("{path}/{name}"), open);
                }
            }
            Value::Array(list) => list.iter().for_each(|member| closed(member, path, open)),
            _ => {}
        }
    }

    #[test]
    fn unknown_members_are_refused_everywhere() {
        let (schema, mut open) = (schema(), Vec::new());
        closed(&schema, "", &mut open);
        assert_eq!(open, [] as [String; 0]);
        for kind in ["issuer", "identity", "provider", "client", "role"] {
            assert!(schema.pointer(&format!("/properties/{kind}")).is_some(), "{kind}");
        }
    }
}
