//! Where the earlier version of a specification comes from: a file, a folder or a git revision.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::document::Document;
use crate::rules::{Entry, Rules};

/// Folder of the specifications, below the root of the workspace.
const FOLDER: &str = "openapi";

/// Why a comparison could not be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What happened, and where.
    pub message: String,
    /// What to do about it.
    pub cure: String,
}

impl Failure {
    fn new(message: impl Into<String>, cure: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            cure: cure.into(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  cure: {}", self.message, self.cure)
    }
}

impl std::error::Error for Failure {}

/// An earlier version, before it is known to hold a given specification.
pub(super) enum Source {
    File(PathBuf),
    Folder(PathBuf),
    Revision { root: PathBuf, revision: String },
}

impl Source {
    /// A path that exists is that path; anything else is taken for a revision.
    pub(super) fn find(root: &Path, against: &str) -> Result<Self, Failure> {
        let path = PathBuf::from(against);
        if path.is_file() {
            return Ok(Self::File(path));
        }
        if path.is_dir() {
            return Ok(Self::Folder(path));
        }
        let known = git(
            root,
            &[
                "rev-parse",
                "--verify",
                "--quiet",
                "--end-of-options",
                &format!("{against}^{{commit}}"),
            ],
        )?;
        if known.is_none() {
            return Err(Failure::new(
                format!(
                    "`{against}` is neither a file, a folder nor a git revision of this repository"
                ),
                "name one of these, such as `--against HEAD`, `--against v0.1.0` or `--against old/uppercase.yaml`",
            ));
        }
        Ok(Self::Revision {
            root: root.to_owned(),
            revision: against.to_owned(),
        })
    }

    /// The earlier version of one of the specifications; `None` when a single file is another one's.
    pub(super) fn read(
        &self,
        current: &Document,
        only_one: bool,
    ) -> Result<Option<Document>, Failure> {
        let file_name = current
            .label
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_owned();
        match self {
            Self::File(path) => {
                let document = load(path)?;
                let ours = only_one
                    || path.file_stem() == Path::new(&file_name).file_stem()
                    || title(&document).is_some() && title(&document) == title(current);
                Ok(ours.then_some(document))
            }
            Self::Folder(folder) => {
                let candidates = [
                    folder.join(&file_name),
                    folder.join(FOLDER).join(&file_name),
                ];
                let found = candidates.iter().find(|path| path.is_file());
                found
                    .map(|path| load(path))
                    .transpose()?
                    .map(Some)
                    .ok_or_else(|| {
                        Failure::new(
                            format!("the folder {} holds no {file_name}", folder.display()),
                            "name a folder with both specifications, or choose one with --spec",
                        )
                    })
            }
            Self::Revision { root, revision } => {
                // `./` makes the path relative to `root`, which need not be the top of the repository.
                let object = format!("{revision}:./{FOLDER}/{file_name}");
                let text = git(root, &["show", "--end-of-options", &object])?.ok_or_else(|| {
                    Failure::new(
                        format!("revision {revision} holds no {FOLDER}/{file_name}"),
                        "name a later revision, or choose a specification that it holds with --spec",
                    )
                })?;
                parse(&format!("{revision}:{FOLDER}/{file_name}"), &text).map(Some)
            }
        }
    }
}

/// The specification as it is now.
pub(super) fn current(root: &Path, name: &str) -> Result<Document, Failure> {
    let label = format!("{FOLDER}/{name}.yaml");
    let text = read(&root.join(&label))?;
    parse(&label, &text)
}

/// The rules that reconcile the specifications; none where the file is missing.
pub(super) fn rules(root: &Path) -> Result<Vec<Entry>, Failure> {
    let label = format!("{FOLDER}/reconcile.yaml");
    let path = root.join(&label);
    if !path.exists() {
        return Ok(Vec::new());
    }
    Rules::parse(&label, &read(&path)?)
        .map(|rules| rules.rules)
        .map_err(|findings| {
            findings.into_iter().next().map_or_else(
                || Failure::new(format!("{label} cannot be read"), "mend it"),
                |finding| Failure::new(format!("{label}: {}", finding.message), finding.cure),
            )
        })
}

fn title(document: &Document) -> Option<&str> {
    document.get("/info/title")?.as_str()
}

fn load(path: &Path) -> Result<Document, Failure> {
    parse(&path.display().to_string(), &read(path)?)
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| {
        Failure::new(
            format!("{} cannot be read: {error}", path.display()),
            "check that it exists, may be read and is text in UTF-8",
        )
    })
}

fn parse(label: &str, text: &str) -> Result<Document, Failure> {
    Document::parse(label, text).map_err(|finding| Failure {
        message: format!("{}: {}", finding.spec, finding.message),
        cure: finding.cure,
    })
}

/// Runs git; `None` when it says no.
fn git(root: &Path, arguments: &[&str]) -> Result<Option<String>, Failure> {
    let output = Command::new("git")
        .arg("-C")
        .arg(root)
        .args(arguments)
        .output()
        .map_err(|error| {
            Failure::new(
                format!("git cannot be run: {error}"),
                "install git, or give a file or a folder instead of a revision",
            )
        })?;
    if !output.status.success() {
        return Ok(None);
    }
    String::from_utf8(output.stdout).map(Some).map_err(|_| {
        Failure::new(
            format!("git {} gave something that is no text", arguments.join(" ")),
            "name a revision in which the specification is text in UTF-8",
        )
    })
}
