//! What AWS says, as claims.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{CallerRefused, ISSUER, Region};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    get_caller_identity_response: Response,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Response {
    get_caller_identity_result: CallerIdentity,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CallerIdentity {
    user_id: String,
    arn: String,
    account: String,
}

/// Reads an answer to `GetCallerIdentity`, of a service in `region`, that says 200.
///
/// | claim | what | worth pinning |
/// |---|---|---|
/// | `account` | the twelve digits of the account | yes |
/// | `principal_id` | the unique id of the role (`AROA…`) or user (`AIDA…`); never used again | yes |
/// | `partition` | `aws`, `aws-cn` or `aws-us-gov` | follows from the regions |
/// | `role` | the name of an assumed role | somebody may make another of that name later |
/// | `session` | the name of the session | no: whoever assumes the role chooses it |
/// | `arn`, `sub`, `user_id` | as AWS says them; the session is part of each | no |
pub(super) fn read(body: &[u8], region: &Region) -> Result<Map<String, Value>, CallerRefused> {
    let wrong = CallerRefused::NotAnAnswer;
    let answer: Answer = serde_json::from_slice(body).map_err(|_| wrong("it is not the JSON that was asked for"))?;
    let CallerIdentity { user_id, arn, account } = answer.get_caller_identity_response.get_caller_identity_result;
    if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong("`Account` is not twelve digits"));
    }
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", partition, "sts" | "iam", "", of_account, resource] = *parts else {
        return Err(wrong("`Arn` is not the name of a principal"));
    };
    if of_account != account || partition != region.partition() {
        return Err(wrong("`Arn` is of another account or partition"));
    }
    if user_id.is_empty() {
        return Err(wrong("`UserId` is empty"));
    }
    let mut claims = Map::new();
    let mut say = |name: &str, value: &str| claims.insert(name.to_owned(), value.into());
    say("iss", ISSUER);
    say("sub", &arn);
    say("arn", &arn);
    say("account", &account);
    say("partition", partition);
    say("user_id", &user_id);
    if let Some(id) = principal_id(&user_id) {
        say("principal_id", id);
    }
    if let Some((role, session)) = resource.strip_prefix("assumed-role/").and_then(|rest| rest.split_once('/')) {
        say("role", role);
        say("session", session);
    }
    Ok(claims)
}

/// The part of a `UserId` that AWS made and never gives twice. The account itself (root, a federated user) has none.
fn principal_id(user_id: &str) -> Option<&str> {
    let id = user_id.split(':').next()?;
    let good = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    (id.len() >= 16 && id.starts_with('A') && id.bytes().all(good)).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(user_id: &str, arn: &str, account: &str) -> Result<Map<String, Value>, CallerRefused> {
        let body = serde_json::json!({ "GetCallerIdentityResponse": {
            "GetCallerIdentityResult": { "UserId": user_id, "Arn": arn, "Account": account },
            "ResponseMetadata": { "RequestId": "01234567-89ab-cdef-0123-456789abcdef" },
        }});
        read(body.to_string().as_bytes(), &"eu-central-1".parse().unwrap())
    }

    fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
        claims.get(name).and_then(Value::as_str)
    }

    #[test]
    fn a_role_is_known_by_its_id_and_a_session_by_what_it_calls_itself() {
        let arn = "arn:aws:sts::123456789012:assumed-role/build/i-0123456789abcdef0";
        let claims = answer("AROAIOSFODNN7EXAMPLE:i-0123456789abcdef0", arn, "123456789012").unwrap();
        for (name, value) in [
            ("account", "123456789012"),
            ("principal_id", "AROAIOSFODNN7EXAMPLE"),
            ("role", "build"),
            ("session", "i-0123456789abcdef0"),
            ("partition", "aws"),
            ("sub", arn),
            ("arn", arn),
            ("iss", ISSUER),
        ] {
            assert_eq!(text(&claims, name), Some(value), "{name}");
        }
    }

    #[test]
    fn a_user_is_not_a_role_and_an_account_is_neither() {
        let user = answer("AIDAIOSFODNN7EXAMPLE", "arn:aws:iam::123456789012:user/ci/build", "123456789012").unwrap();
        assert_eq!(text(&user, "principal_id"), Some("AIDAIOSFODNN7EXAMPLE"));
        assert_eq!((text(&user, "role"), text(&user, "session")), (None, None));
        for (user_id, arn) in [
            ("123456789012", "arn:aws:iam::123456789012:root"),
            ("123456789012:AROAIOSFODNN7EXAMPLE", "arn:aws:sts::123456789012:federated-user/AROAIOSFODNN7EXAMPLE"),
        ] {
            let claims = answer(user_id, arn, "123456789012").unwrap();
            assert_eq!((text(&claims, "principal_id"), text(&claims, "role")), (None, None), "{arn}");
        }
        // A user whose path looks like a role's name is still a user.
        let sly = answer("AIDAIOSFODNN7EXAMPLE", "arn:aws:iam::123456789012:user/assumed-role/build/x", "123456789012");
        assert_eq!(text(&sly.unwrap(), "role"), None);
    }

    #[test]
    fn what_is_not_consistent_is_not_an_answer() {
        let arn = "arn:aws:sts::123456789012:assumed-role/build/x";
        for (user_id, arn, account) in [
            ("AROA:x", arn, "210987654321"),
            ("AROA:x", arn, "12345678901"),
            ("AROA:x", arn, "12345678901x"),
            ("AROA:x", "arn:aws-cn:sts::123456789012:assumed-role/build/x", "123456789012"),
            ("AROA:x", "arn:aws:s3::123456789012:assumed-role/build/x", "123456789012"),
            ("AROA:x", "assumed-role/build/x", "123456789012"),
            ("", arn, "123456789012"),
        ] {
            assert!(answer(user_id, arn, account).is_err(), "{user_id} {arn} {account}");
        }
    }

    #[test]
    fn the_answer_to_another_question_is_not_one() {
        // CVE-2020-16250: another action of the same service puts a text of the caller's into its answer.
        let decoded =
            r#"{"DecodeAuthorizationMessageResponse":{"DecodeAuthorizationMessageResult":{"DecodedMessage":"x"}}}"#;
        let inside = r#"{"X":{"GetCallerIdentityResponse":{"GetCallerIdentityResult":{"UserId":"AROA","Arn":"arn:aws:iam::123456789012:root","Account":"123456789012"}}}}"#;
        let xml = "<GetCallerIdentityResponse><GetCallerIdentityResult/></GetCallerIdentityResponse>";
        let twice = r#"{"GetCallerIdentityResponse":{"GetCallerIdentityResult":{"UserId":"AROA","Arn":"arn:aws:iam::123456789012:root","Account":"123456789012","Account":"210987654321"}}}"#;
        for body in ["", "{}", "[]", decoded, inside, xml, twice] {
            assert!(read(body.as_bytes(), &"eu-central-1".parse().unwrap()).is_err(), "{body}");
        }
    }
}
