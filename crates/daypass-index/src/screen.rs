//! A project's page as an index shows it: through its policy and its view.
//!
//! Files that are blocked are omitted, so that an installer takes an older one instead of failing. A page is screened
//! when it, a policy, an advisory or the clock has changed, and kept until then; where nothing is omitted the page that
//! is ready is served as it is.
//!
//! What is *not* here: the rules (see [`package_policy`](crate::package_policy)), answers, audit events.

mod licences;
mod withheld;

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::http::HeaderValue;
use daypass_core::{
    Timestamp,
    names::{IndexName, ProjectName},
};
pub(crate) use licences::{Said, SaidLicences};
use moka::sync::Cache;
use pep440_rs::Version;
pub(crate) use withheld::Withheld;

use crate::{
    error::Refusal,
    file_store::blocking,
    flight::Flights,
    package_policy::{Age, Blocked, Facts, InForce, LivePolicy, Mode, Origin, Verdict, licence::Licence, named::Named},
    page::{PageFile, ProjectPage, ProjectStatus, prepared::PreparedPage},
    source::Project,
};

/// How many bytes of screened pages are held in memory.
const IN_MEMORY: u64 = 8 * 1024 * 1024;

/// Of how many pages it is remembered that the licences on them were looked at.
const LOOKED_AT: u64 = 10_000;

/// PEP 792's marker of a project whose files are not offered.
const QUARANTINED: &str = "quarantined";

/// What an index lays over the pages of its sources.
#[derive(Debug, Clone)]
pub(crate) struct Layer {
    /// Which index.
    pub index: IndexName,
    /// Its policy.
    pub policy: LivePolicy,
    /// Only files that were uploaded before this instant.
    pub before: Option<Timestamp>,
}

/// A layer at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Laid {
    index: IndexName,
    in_force: Arc<InForce>,
    before: Option<Timestamp>,
}

impl Layer {
    /// The layer as it is now.
    pub(crate) fn now(&self) -> Laid {
        Laid { index: self.index.clone(), in_force: Arc::clone(&self.policy.load()), before: self.before }
    }

    /// Whether it asks for licences.
    pub(crate) fn reads_licences(&self) -> bool {
        self.policy.load().policy.licences.matter()
    }

    /// Whether it can change anything about files of that origin.
    pub(crate) fn concerns(&self, origin: Origin) -> bool {
        self.before.is_some() || self.policy.load().concerns(origin)
    }
}

/// A page as it is shown, and what it was made from.
#[derive(Debug)]
pub(crate) struct Screened {
    /// The page; `None` where the one before is served as it is.
    pub page: Option<PreparedPage>,
    /// What the policies say of files that are not there, or would not be.
    pub withheld: Withheld,
    /// The tag of the page before.
    raw: HeaderValue,
    layers: Vec<Laid>,
    /// When the clock alone may change it.
    until: Option<Timestamp>,
}

impl Screened {
    fn is_good(&self, raw: &HeaderValue, layers: &[&Layer], now: Timestamp) -> bool {
        let same = |(laid, layer): (&Laid, &&Layer)| Arc::ptr_eq(&laid.in_force, &layer.policy.load());
        self.until.is_none_or(|until| now < until)
            && self.raw == *raw
            && self.layers.len() == layers.len()
            && self.layers.iter().zip(layers).all(same)
    }
}

/// Tells one screening from another.
type Key = (ProjectName, HeaderValue, Vec<usize>);

/// The screened pages of one index.
pub(crate) struct Screen {
    known: Cache<ProjectName, Arc<Screened>>,
    /// The pages whose files' licences were looked at, by their tag.
    looked_at: Cache<ProjectName, HeaderValue>,
    flights: Flights<Key, Result<Arc<Screened>, Refusal>>,
    /// Grows with everything that is forgotten.
    forgotten: Arc<AtomicU64>,
}

impl Screen {
    pub(crate) fn new() -> Self {
        let weigh = |_: &ProjectName, page: &Arc<Screened>| {
            page.page
                .as_ref()
                .map_or(0, PreparedPage::weight)
                .saturating_add(page.withheld.weight())
                .saturating_add(512)
        };
        Self {
            known: Cache::builder().weigher(weigh).max_capacity(IN_MEMORY).build(),
            looked_at: Cache::new(LOOKED_AT),
            flights: Flights::default(),
            forgotten: Arc::default(),
        }
    }

    /// The project's page through the layers, the innermost first; `None` where none of them has anything to say.
    pub(crate) async fn page(
        &self,
        name: &ProjectName,
        project: &Project,
        layers: &[&Layer],
        licences: &SaidLicences,
        now: Timestamp,
    ) -> Result<Option<Arc<Screened>>, Refusal> {
        let raw = project.page();
        let origin = project.origin();
        if quarantined(&raw.page).is_none() && !layers.iter().any(|layer| layer.concerns(origin)) {
            return Ok(None);
        }
        let tag = raw.json.etag();
        if let Some(known) = self.known.get(name).filter(|known| known.is_good(tag, layers, now)) {
            return Ok(Some(known));
        }
        let laid: Vec<Laid> = layers.iter().map(|layer| layer.now()).collect();
        let key = (name.clone(), tag.clone(), laid.iter().map(|laid| Arc::as_ptr(&laid.in_force) as usize).collect());
        let (known, name, project, licences) = (self.known.clone(), name.clone(), project.clone(), licences.clone());
        let forgotten = Arc::clone(&self.forgotten);
        let screening = move || async move {
            let before = forgotten.load(Ordering::SeqCst);
            let work = move || Ok(screen(&project, laid, &licences, now));
            let screened = Arc::new(blocking(work).await.map_err(|_| Refusal::NotReady("a page cannot be made"))?);
            known.insert(name.clone(), Arc::clone(&screened));
            if forgotten.load(Ordering::SeqCst) != before {
                // Something was learned meanwhile, perhaps of this one.
                known.invalidate(&name);
            }
            Ok(screened)
        };
        let made = self.flights.join(key, screening).await;
        made.unwrap_or(Err(Refusal::NotReady("a page cannot be made"))).map(Some)
    }

    /// Whether nobody has looked at the licences on this page yet; from now on somebody has.
    pub(crate) fn is_to_be_looked_at(&self, project: &ProjectName, tag: &HeaderValue) -> bool {
        let is_other = |known: &HeaderValue| known != tag;
        self.looked_at.entry_by_ref(project).or_insert_with_if(|| tag.clone(), is_other).is_fresh()
    }

    /// Screens the project anew at the next request, because something beside its page has changed.
    pub(crate) fn forget(&self, project: &ProjectName) {
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        self.known.invalidate(project);
    }
}

/// What the layers say of one file.
pub(crate) enum Fate {
    /// It is there. With what would block it, if only the mode were another.
    There(Option<(IndexName, Blocked)>),
    /// A view leaves it out.
    LeftOut,
    /// It is withheld.
    Blocked(IndexName, Blocked),
}

/// What becomes of one file of a project, and when the clock alone may change it.
pub(crate) fn judge(
    layers: &[Laid],
    page: &ProjectPage,
    origin: Origin,
    file: &PageFile,
    licence: Licence<'_>,
    now: Timestamp,
) -> (Fate, Option<Timestamp>) {
    let named = Named::of(&page.name, file.name.as_str());
    let age = age_of(file, now);
    let (mut changes_at, mut preview) = (None, None);
    for Laid { index, in_force, before } in layers {
        if before.is_some_and(|before| !matches!(age, Age::Uploaded(at) if at < before)) {
            return (Fate::LeftOut, None);
        }
        let facts = Facts {
            index,
            project: &page.name,
            named: &named,
            origin,
            age,
            licence,
            yanked: file.yanked.is_some(),
            quarantined: quarantined(page),
        };
        let judgement = in_force.policy.judge(&facts, &in_force.advisories, now);
        changes_at = [changes_at, judgement.changes_at].into_iter().flatten().min();
        let Verdict::Blocked(blocked) = judgement.verdict else { continue };
        // What its own source set aside is withheld whatever the mode: PEP 792 says so.
        if in_force.policy.mode == Mode::Enforce || quarantined(page).is_some() {
            return (Fate::Blocked(index.clone(), blocked), changes_at);
        }
        preview.get_or_insert_with(|| (index.clone(), blocked));
    }
    (Fate::There(preview), changes_at)
}

/// Why its source quarantined the project, if it did (PEP 792).
pub(crate) fn quarantined(page: &ProjectPage) -> Option<&str> {
    let status = page.status.as_ref().filter(|status| &*status.status == QUARANTINED)?;
    Some(status.reason.as_deref().unwrap_or_default())
}

fn age_of(file: &PageFile, now: Timestamp) -> Age {
    match file.upload_time.as_deref().and_then(|time| time.parse().ok()) {
        Some(uploaded) => Age::Uploaded(uploaded),
        None => Age::FirstSeen(first_seen(file).unwrap_or(now)),
    }
}

fn first_seen(file: &PageFile) -> Option<Timestamp> {
    Timestamp::from_millisecond(file.first_seen?).ok()
}

/// Screens a page. Takes a while: not on a thread that serves requests.
fn screen(project: &Project, layers: Vec<Laid>, licences: &SaidLicences, now: Timestamp) -> Screened {
    let prepared = project.page();
    let raw = &prepared.page;
    let (mut until, mut withheld) = (None, Withheld::default());
    let (mut files, mut gone) = (Vec::with_capacity(raw.files.len()), Vec::new());
    for file in &raw.files {
        let said = licences.on_page(project, &raw.name, file);
        let (fate, changes_at) = judge(&layers, raw, project.origin(), file, said.licence(), now);
        until = [until, changes_at].into_iter().flatten().min();
        let named = || Named::of(&raw.name, file.name.as_str());
        match fate {
            Fate::There(None) => files.push(file),
            Fate::There(Some((index, blocked))) => {
                withheld.would_withhold(&index, &named(), blocked);
                files.push(file);
            }
            Fate::LeftOut => gone.push(named()),
            Fate::Blocked(index, blocked) => {
                withheld.withhold(&index, &named(), blocked);
                gone.push(named());
            }
        }
    }
    let page = (!gone.is_empty()).then(|| PreparedPage::new(without(raw, &files, &gone, &withheld)));
    Screened { page, withheld, raw: prepared.json.etag().clone(), layers, until }
}

/// The page with these files only.
fn without(raw: &ProjectPage, files: &[&PageFile], gone: &[Named], withheld: &Withheld) -> ProjectPage {
    let mut page = ProjectPage {
        name: raw.name.clone(),
        api_minor: raw.api_minor,
        versions: raw.versions.as_deref().map(|versions| versions_left(raw, versions, files, gone)),
        status: raw.status.clone(),
        files: files.iter().copied().cloned().collect(),
        provenance_base: raw.provenance_base.clone(),
        serial: raw.serial,
        extra: raw.extra.clone(),
    };
    if let Some(told) = withheld.told() {
        // PEP 691: keys that begin with `_` are the server's own.
        page.extra.insert("_blocked".to_owned(), told);
    }
    if page.files.is_empty()
        && quarantined(raw).is_none()
        && let Some(reason) = withheld.reason_of_all()
    {
        // An installer that finds nothing should say why, and not look elsewhere.
        page.status = Some(ProjectStatus { status: QUARANTINED.into(), reason: Some(reason.into()) });
    }
    page
}

/// The versions without those of which every file is gone.
fn versions_left(raw: &ProjectPage, versions: &[Box<str>], files: &[&PageFile], gone: &[Named]) -> Vec<Box<str>> {
    let left: Vec<Named> = files.iter().map(|file| Named::of(&raw.name, file.name.as_str())).collect();
    let (left, gone) = (Versions::of(&left), Versions::of(gone));
    versions.iter().filter(|text| left.contain(text) || !gone.contain(text)).cloned().collect()
}

/// The versions of some files.
struct Versions<'a> {
    read: HashSet<&'a Version>,
    /// What is no version as PEP 440 has it.
    texts: HashSet<&'a str>,
}

impl<'a> Versions<'a> {
    fn of(files: &'a [Named]) -> Self {
        let texts = files.iter().filter(|named| named.version.is_none()).map(|named| &*named.version_text).collect();
        Self { read: files.iter().filter_map(|named| named.version.as_ref()).collect(), texts }
    }

    fn contain(&self, text: &str) -> bool {
        match text.parse::<Version>() {
            Ok(version) => self.read.contains(&version),
            Err(_) => self.texts.contains(text),
        }
    }
}
