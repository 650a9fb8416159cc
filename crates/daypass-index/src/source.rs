//! Where a project comes from: the first of an index's sources that has the name owns it, and nothing is merged.
//!
//! A name that exists privately is not looked up upstream: not its page, not its files, not when the catalogue cannot
//! be read. Otherwise whoever registers the name upstream would be installed inside (dependency confusion). And a
//! source that fails is not one that lacks the name: the next one is not asked then.

use std::{future::Future, pin::Pin, sync::Arc};

use daypass_core::{
    grant::ProjectPattern,
    names::{IndexName, ProjectName},
};

use crate::{
    error::Refusal,
    following::Catalogue,
    hosted::{HostedPage, HostedPages},
    manage::deletion::Deletion,
    namespace::Namespaces,
    options::View,
    package_policy::Origin,
    page::prepared::PreparedPage,
    screen::{Layer, Screen},
    upstream::{Upstream, UpstreamError, pages::Given},
};

/// One index: where its projects come from, and what of them it shows.
pub(crate) struct Source {
    /// Its name.
    pub name: IndexName,
    /// Its sources, in order.
    pub parts: Vec<Part>,
    /// The same in words.
    pub words: Vec<String>,
    /// Private names: no upstream is asked for them.
    pub reserved: Vec<ProjectPattern>,
    /// What it shows.
    pub view: View,
    /// When hosted files may be deleted.
    pub deletion: Deletion,
    /// Names that belong together, and to somebody.
    pub namespaces: Namespaces,
    /// The longest file that may be uploaded, in bytes.
    pub max_file_size: u64,
    /// What it lays over the pages of its sources.
    pub layer: Layer,
    /// The pages as it shows them.
    pub screen: Screen,
}

/// One of an index's sources.
pub(crate) enum Part {
    /// Files of its own.
    Hosted(Hosted),
    /// Another index, by its place among all.
    Index(usize),
    /// Somebody else's index.
    Upstream(Arc<Upstream>),
}

/// The projects hosted in an index.
pub(crate) struct Hosted {
    /// Their pages.
    pub pages: HostedPages,
    /// What changes among them.
    pub catalogue: Arc<Catalogue>,
}

/// A project, by where it comes from.
#[derive(Clone)]
pub(crate) enum Project {
    /// From here.
    Hosted(Arc<HostedPage>),
    /// From upstream, and from which.
    Upstream(Given, Arc<Upstream>),
}

impl Project {
    /// The project's page.
    pub(crate) fn page(&self) -> &PreparedPage {
        match self {
            Self::Hosted(page) => &page.prepared,
            Self::Upstream(given, _) => &given.page.prepared,
        }
    }

    /// Whose it is.
    pub(crate) fn origin(&self) -> Origin {
        match self {
            Self::Hosted(_) => Origin::Hosted,
            Self::Upstream(..) => Origin::Upstream,
        }
    }
}

/// What memory knows of a project.
enum Remembered {
    Found(Project),
    /// Certainly nobody's here, and upstream did not say so yet: the next source may have it.
    Absent,
    /// It has to be looked up.
    Unknown,
}

/// What a project is looked up for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Want {
    /// Its page.
    Page,
    /// One of its files: see [`get_for_file`](crate::upstream::pages::UpstreamPages::get_for_file).
    File,
}

impl Want {
    async fn ask(self, upstream: &Upstream, project: &ProjectName) -> Result<Given, UpstreamError> {
        match self {
            Self::Page => upstream.pages.get(project).await,
            Self::File => upstream.pages.get_for_file(project).await,
        }
    }
}

type Looking<'a> = Pin<Box<dyn Future<Output = Result<Option<Project>, Refusal>> + Send + 'a>>;

impl Source {
    /// The project as its owner has it, or [`Refusal::NotFound`]. `all` are the indexes of this server.
    pub(crate) async fn project(&self, all: &[Self], project: &ProjectName) -> Result<Project, Refusal> {
        self.project_through(Want::Page, all, project).await.map(|(project, _)| project)
    }

    /// The same, with what lies over its pages: of the index that has it first, of this one last.
    pub(crate) async fn project_through<'a>(
        &'a self,
        want: Want,
        all: &'a [Self],
        project: &ProjectName,
    ) -> Result<(Project, Vec<&'a Layer>), Refusal> {
        let mut through = Vec::new();
        let found = match self.remembered(all, project, false, &mut through) {
            Remembered::Found(found) => found,
            Remembered::Absent | Remembered::Unknown => {
                through.clear();
                self.look_up(want, all, project, false, &mut through).await?.ok_or(Refusal::NotFound)?
            }
        };
        let mut layers: Vec<&Layer> =
            through.into_iter().filter_map(|place| all.get(place)).map(|source| &source.layer).collect();
        layers.push(&self.layer);
        Ok((found, layers))
    }

    /// The hosted part, if there is one: where uploads go.
    pub(crate) fn hosted(&self) -> Option<&Hosted> {
        self.parts.iter().find_map(|part| match part {
            Part::Hosted(hosted) => Some(hosted),
            Part::Index(_) | Part::Upstream(_) => None,
        })
    }

    /// Whether the view of this index leaves the project out.
    pub(crate) fn leaves_out(&self, project: &ProjectName) -> bool {
        self.view.only.as_ref().is_some_and(|only| !matched(only, project))
    }

    /// Whether the name is private: no upstream is asked for it.
    pub(crate) fn reserves(&self, project: &ProjectName) -> bool {
        matched(&self.reserved, project)
    }

    /// Whether this index, or one that it is made of, keeps the name from upstreams.
    pub(crate) fn keeps_private(&self, all: &[Self], project: &ProjectName) -> bool {
        let behind = |part: &Part| match part {
            Part::Index(place) => all.get(*place).is_some_and(|other| other.keeps_private(all, project)),
            Part::Hosted(_) | Part::Upstream(_) => false,
        };
        self.reserves(project) || self.parts.iter().any(behind)
    }

    /// From memory only: the path of nearly all requests. `private`: no upstream may be asked. `through` gets the
    /// indexes behind this one that the project was found through.
    fn remembered(&self, all: &[Self], project: &ProjectName, private: bool, through: &mut Vec<usize>) -> Remembered {
        if self.leaves_out(project) {
            return Remembered::Absent;
        }
        let private = private || self.keeps_private(all, project);
        for part in &self.parts {
            let remembered = match part {
                Part::Hosted(hosted) => hosted.remembered(project),
                Part::Index(place) => {
                    let Some(other) = all.get(*place) else { continue };
                    let remembered = other.remembered(all, project, private, through);
                    if matches!(remembered, Remembered::Found(_)) {
                        through.push(*place);
                    }
                    remembered
                }
                Part::Upstream(_) if private => Remembered::Absent,
                Part::Upstream(upstream) => match upstream.pages.find_fresh(project) {
                    Some(page) => Remembered::Found(Project::Upstream(page, Arc::clone(upstream))),
                    None => Remembered::Unknown,
                },
            };
            match remembered {
                Remembered::Absent => {}
                decided => return decided,
            }
        }
        Remembered::Absent
    }

    fn look_up<'a>(
        &'a self,
        want: Want,
        all: &'a [Self],
        project: &'a ProjectName,
        private: bool,
        through: &'a mut Vec<usize>,
    ) -> Looking<'a> {
        Box::pin(async move {
            if self.leaves_out(project) {
                return Ok(None);
            }
            let private = private || self.keeps_private(all, project);
            for part in &self.parts {
                let found = match part {
                    // Before upstream hears of a name, the catalogue is asked itself: a file that was uploaded a
                    // moment ago at another replica may not have been followed yet.
                    Part::Hosted(hosted) => hosted.look_up(project).await?.map(Project::Hosted),
                    Part::Index(place) => match all.get(*place) {
                        Some(other) => {
                            let found = other.look_up(want, all, project, private, through).await?;
                            if found.is_some() {
                                through.push(*place);
                            }
                            found
                        }
                        None => None,
                    },
                    Part::Upstream(_) if private => None,
                    Part::Upstream(upstream) => match want.ask(upstream, project).await {
                        Ok(page) => Some(Project::Upstream(page, Arc::clone(upstream))),
                        Err(UpstreamError::Absent) => None,
                        Err(error) => return Err(error.into()),
                    },
                };
                if found.is_some() {
                    return Ok(found);
                }
            }
            Ok(None)
        })
    }
}

impl Hosted {
    /// The page of a project, made from its present version; `None` if it is not hosted.
    pub(crate) async fn look_up(&self, project: &ProjectName) -> Result<Option<Arc<HostedPage>>, Refusal> {
        self.pages.get(project, self.catalogue.changed(project).unwrap_or_default()).await
    }

    fn remembered(&self, project: &ProjectName) -> Remembered {
        let changed = self.catalogue.changed(project);
        match self.pages.find(project, changed.unwrap_or_default()) {
            Some(page) => Remembered::Found(Project::Hosted(page)),
            None if changed.is_none() && self.pages.is_known_absent(project) => Remembered::Absent,
            None => Remembered::Unknown,
        }
    }
}

fn matched(patterns: &[ProjectPattern], project: &ProjectName) -> bool {
    patterns.iter().any(|pattern| pattern.matches(project))
}

impl From<UpstreamError> for Refusal {
    fn from(error: UpstreamError) -> Self {
        match error {
            UpstreamError::Absent => Self::NotFound,
            UpstreamError::Unavailable => Self::UpstreamUnavailable,
            UpstreamError::Resting(seconds) => Self::UpstreamResting { seconds },
            UpstreamError::Offline => Self::Offline,
            UpstreamError::Credential => Self::NotReady("its credential for the upstream index cannot be read"),
            UpstreamError::Wrong(what) | UpstreamError::Corrupt(what) => Self::UpstreamWrong(what),
            UpstreamError::Disk => Self::NotReady("its file store does not work"),
        }
    }
}
