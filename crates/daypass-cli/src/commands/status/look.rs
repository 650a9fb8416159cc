//! Looking at one account: what is known here, and what its server says.

use daypass_core::{SignedDuration, clock::Clock};
use daypass_oidc::session_client::SessionReport;

use super::{Checked, Known, State, index_url};
use crate::{
    cache::{Cache, entry::Entry, origin::Origin},
    credential::{Source, Wanted, asks_for_a_person, person, sign_in_needed},
    environment::Environment,
    failure::{Failure, Status},
    identity_token::{IdentityToken, NamedBy},
    issuer_client,
    server::Server,
    session::Session,
    surroundings::Reachable,
    trust::Trusted,
};

/// What all accounts are looked at with.
pub(super) struct Looker<'a> {
    pub(super) trusted: &'a Trusted,
    pub(super) cache: &'a Cache,
    pub(super) environment: &'a Environment,
    pub(super) clock: &'a dyn Clock,
    /// Without asking the server.
    pub(super) quick: bool,
}

impl Looker<'_> {
    /// Looks at `server`.
    pub(super) fn look(&self, server: &Server) -> Result<Known, Failure> {
        let (wanted, now) = (Wanted::of(server), self.clock.now());
        let live = |entry: &Entry| entry.left(now).is_positive();
        let of_a_person = asks_for_a_person(self.environment, server);
        let person_key = wanted.person_key();
        let mut session = if of_a_person { Session::find(self.cache, person_key)? } else { None };
        let mut entry = if session.is_some() { self.cache.find(person_key)?.filter(live) } else { None };
        let mut checked = Checked::Local;
        if session.is_some() && entry.is_none() && !self.quick {
            // As the next install will. Whether the session still lives is what the question is.
            match person::renew_quietly(self.cache, wanted, self.clock) {
                Ok(renewed) => entry = renewed,
                Err(failure) if failure.status == Status::Unreachable => checked = Checked::Unanswered,
                Err(_) => {}
            }
            session = Session::find(self.cache, person_key)?;
            if session.is_none() {
                checked = Checked::Server;
            }
        }
        if session.is_none() {
            let origin = Origin::of(self.environment, server);
            entry = self.cache.find(wanted.key(&origin))?.filter(live);
        }
        let mut report = None;
        if let Some(known) = entry.as_ref().filter(|_| !self.quick) {
            match issuer_client::session::report(&server.url, &known.access_token, self.clock) {
                Ok(Some(said)) => {
                    checked = Checked::Server;
                    report = Some(said);
                }
                // It was taken back.
                Ok(None) => {
                    checked = Checked::Server;
                    (entry, session) = (None, None);
                }
                Err(_) => checked = Checked::Unanswered,
            }
        }
        let session = session.filter(|session| !session.is_over(now));
        Ok(self.known(server, of_a_person, entry.as_ref(), session.as_ref(), report, checked))
    }

    fn known(
        &self,
        server: &Server,
        of_a_person: bool,
        entry: Option<&Entry>,
        session: Option<&Session>,
        report: Option<SessionReport>,
        checked: Checked,
    ) -> Known {
        let wanted = Wanted::of(server);
        let enough = entry.is_some_and(|entry| entry.has_enough_life(self.clock.now()));
        let (state, next) = match session {
            Some(session) if enough => (State::SignedIn, until_the_end(session)),
            Some(session) => (State::Renewable, until_the_end(session)),
            None => self.without_a_session(server, of_a_person, enough),
        };
        let origin = Origin::of(self.environment, server);
        let key = if session.is_some() { wanted.person_key() } else { wanted.key(&origin) };
        let said_person = report.as_ref().and_then(|report| report.person.as_ref().map(|person| person.name.clone()));
        let person = session.map(|session| session.person.clone()).or(said_person);
        let identity = entry.map(|entry| entry.identity.clone()).filter(|identity| !identity.is_empty());
        let remembered = server.identity.as_ref().map(ToString::to_string);
        let anybody = || (!of_a_person).then(|| "(the only one that matches)".to_owned());
        let session_ends = report.as_ref().and_then(|report| report.session_expires_at);
        let left = self.left(entry, session, report.as_ref());
        Known {
            server: server.url.clone(),
            profile: server.profile.to_string(),
            default: self.trusted.is_default(server),
            identity: if person.is_some() { None } else { identity.or(remembered).or_else(anybody) },
            person,
            state,
            expires_at: entry.map(|entry| entry.expires_at),
            session_expires_at: session_ends.or_else(|| session.and_then(|session| session.ends_at)),
            left,
            session_kept_in: session.map(|session| session.place(self.cache)),
            index_urls: index_urls(server, report.as_ref()),
            indexes: report.map(|report| report.indexes),
            kept_in: self.cache.path(key),
            checked,
            next,
        }
    }

    /// How long until the end that is told: by the clock that told it.
    fn left(
        &self,
        entry: Option<&Entry>,
        session: Option<&Session>,
        report: Option<&SessionReport>,
    ) -> Option<SignedDuration> {
        let now = self.clock.now();
        let by_server = report.and_then(|report| report.session_expires_at.zip(report.server_time));
        let of_session = || session.filter(|session| session.ends_at.is_some()).and_then(|session| session.left(now));
        let of_entry = || entry.map(|entry| entry.left(now));
        by_server.map(|(end, now)| end.duration_since(now)).or_else(of_session).or_else(of_entry)
    }

    /// The state of an account that has at most a credential, and how it gets the next one.
    fn without_a_session(&self, server: &Server, of_a_person: bool, enough: bool) -> (State, String) {
        match self.source(server, of_a_person) {
            Ok(Source::IdentityToken(token, _)) => {
                let state = if enough { State::SignedIn } else { State::Renewable };
                (state, format!("nothing to do, as long as {} is fresh", place_of(&token)))
            }
            Ok(Source::Ambient(ambient, _)) => {
                let state = if enough { State::SignedIn } else { State::Renewable };
                (state, format!("nothing to do, as long as {} vouches for this", ambient.provider().title))
            }
            Ok(Source::ServiceAccount(_, key)) => {
                let state = if enough { State::SignedIn } else { State::Renewable };
                (state, format!("nothing to do, as long as the key in `{}` is the service account's", key.display()))
            }
            Err(_) if enough => (State::SignedIn, "nothing to do until then; after that, sign in again".to_owned()),
            Err(failure) => (State::SignInNeeded, failure.hint.unwrap_or(failure.message)),
        }
    }

    /// What the next credential would come from, if nobody is asked.
    fn source(&self, server: &Server, of_a_person: bool) -> Result<Source, Failure> {
        let source = match Source::first(self.environment, server)? {
            Some(source) => Some(source),
            None => Source::ambient(self.environment, server)?,
        };
        let source = source.ok_or_else(|| {
            if of_a_person { self.nobody_is_signed_in(server) } else { sign_in_needed(self.environment, server) }
        })?;
        // A source that would be refused before anything is sent is none.
        source.check(self.environment, server)?;
        Ok(source)
    }

    fn nobody_is_signed_in(&self, server: &Server) -> Failure {
        let terminal = crate::prompt::Prompt::open().has_terminal();
        match self.environment.surroundings.reachable(terminal) {
            Reachable::Nobody => person::nobody(self.environment, server, None, ""),
            Reachable::InBrowser | Reachable::ByCode => sign_in_needed(self.environment, server)
                .hint(format!("`{}` signs in, and so does the next install", person::login_command(server))),
        }
    }
}

fn until_the_end(session: &Session) -> String {
    match session.ends_at {
        Some(_) => "nothing to do until then; after that, the next install asks you to sign in".to_owned(),
        None => format!("nothing to do, as long as {} keeps the session", session.server),
    }
}

fn index_urls(server: &Server, report: Option<&SessionReport>) -> Vec<String> {
    let mut said: Vec<String> =
        report.iter().flat_map(|report| &report.indexes).map(|index| index.url.clone()).collect();
    // An index is told once for each set of actions.
    said.sort();
    said.dedup();
    if said.is_empty() { vec![index_url(&server.url)] } else { said }
}

fn place_of(token: &IdentityToken) -> String {
    match token {
        IdentityToken::File(path, NamedBy::Config) => format!("the identity token in `{}`", path.display()),
        _ => "the identity token in `DAYPASS_IDENTITY_TOKEN`".to_owned(),
    }
}
