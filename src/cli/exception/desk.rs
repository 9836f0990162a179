//! What the commands about exceptions share: the clone, its documents, and what they come to.

use std::path::{Path, PathBuf};

use jiff::civil::Date;

use crate::cli::args::Server;
use crate::cli::output::Output;
use crate::client::workspace::Workspace;
use crate::collect::{Scene, Stop, exceptions, why};
use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::evidence::exception::{self, DIRECTORY, Document, ExceptionId, Known, Side, day_of};
use crate::evidence::vex;
use crate::policy::{Period, Policy};
use crate::repo::layout::read_bounded;
use crate::repo::tree::Tree;

/// A clone in which somebody works on exceptions.
pub(super) struct Desk {
    pub(super) workspace: Workspace,
    /// The top of the work tree.
    pub(super) top: PathBuf,
}

impl Desk {
    pub(super) fn open(dir: &Path, server: &Server) -> Result<Self> {
        let workspace = Workspace::open(dir, server.remote.as_deref(), server.offline)?;
        let top = workspace.git.run(["rev-parse", "--show-toplevel"])?;
        if top.is_empty() {
            return Err(Error::new(ErrorKind::Usage, "a bare repository has no work tree")
                .hint("run refgate exception in a clone"));
        }
        Ok(Self { workspace, top: PathBuf::from(top) })
    }

    pub(super) fn policy(&self) -> &Policy {
        &self.workspace.snapshot.policy
    }

    pub(super) fn today(&self) -> Date {
        day_of(self.workspace.now)
    }

    /// Does something with the scene in which documents are verified, as the server would.
    pub(super) fn with_scene<T>(
        &self,
        work: impl FnOnce(&Scene<'_, '_>) -> Result<T>,
    ) -> Result<T> {
        let (incoming, deadline) = (self.workspace.incoming()?, self.workspace.deadline());
        work(&self.workspace.scene(&incoming, &deadline))
    }

    /// Reads the documents of the work tree and of the server's main branch.
    pub(super) fn known(&self) -> Result<Known> {
        let files = self.files()?;
        self.with_scene(|scene| exceptions::read_files(scene, &files).map_err(stopped))
    }

    /// Returns the document of an exception: that of the work tree, or that of the server.
    pub(super) fn document(&self, id: &ExceptionId) -> Result<Document> {
        let known = self.known()?;
        let problems: Vec<_> =
            known.malformed.into_iter().filter(|problem| problem.file == id.path()).collect();
        if !problems.is_empty() {
            let diagnostics = problems.into_iter().map(Into::into).collect();
            return Err(Error::from_diagnostics(format!("{id} cannot be read"), diagnostics));
        }
        let (own, theirs): (Vec<Document>, Vec<Document>) = known
            .documents
            .into_iter()
            .filter(|document| document.exception.id == *id)
            .partition(|document| document.side == Side::Push);
        own.into_iter().chain(theirs).next().ok_or_else(|| missing(id))
    }

    /// Returns the text of a document in the work tree.
    pub(super) fn text(&self, id: &ExceptionId) -> Result<String> {
        let bytes = read_bounded(&self.top.join(id.path()), self.workspace.limits.exception_bytes)?;
        let bytes = bytes.ok_or_else(|| missing(id))?;
        String::from_utf8(bytes).during(ErrorKind::Usage, || format!("reading {}", id.path()))
    }

    /// Returns the text of another file of the work tree, if it is there.
    pub(super) fn file(&self, path: &str) -> Result<Option<String>> {
        let bytes = read_bounded(&self.top.join(path), self.workspace.limits.file_bytes)?;
        let text = bytes.map(String::from_utf8).transpose();
        text.during(ErrorKind::Usage, || format!("reading {path}"))
    }

    /// Writes a document into the work tree.
    pub(super) fn write(&self, id: &ExceptionId, text: &str) -> Result<()> {
        let step = || format!("writing {}", id.path());
        let path = self.top.join(id.path());
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).during(ErrorKind::Environment, step)?;
        }
        std::fs::write(&path, text).during(ErrorKind::Environment, step)
    }

    /// Returns the names of all documents, those of the server included, readable or not.
    pub(super) fn names(&self) -> Result<Vec<String>> {
        let mut names: Vec<String> = self.files()?.into_iter().map(|(path, _)| path).collect();
        let workspace = &self.workspace;
        let read = || -> Result<Vec<String>, crate::repo::ReadError> {
            let tree = workspace.tree_of(workspace.anchor)?;
            let root = Tree::read(&workspace.objects, tree, &workspace.limits)?;
            let Some(entry) = root.find(DIRECTORY.as_bytes()) else { return Ok(Vec::new()) };
            let id = crate::id::TreeId(entry.id);
            let directory = Tree::read(&workspace.objects, id, &workspace.limits)?;
            let name = |name: &[u8]| format!("{DIRECTORY}/{}", String::from_utf8_lossy(name));
            Ok(directory.iter().map(|entry| name(entry.name)).collect())
        };
        names.extend(read().map_err(|error| error.on_the_trusted_side())?);
        Ok(names)
    }

    /// Returns the documents of the work tree, by their paths.
    fn files(&self) -> Result<Vec<(String, Vec<u8>)>> {
        let directory = self.top.join(DIRECTORY);
        let step = || format!("reading {DIRECTORY}/");
        if !directory.is_dir() {
            return Ok(Vec::new());
        }
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&directory).during(ErrorKind::Environment, step)? {
            let name = entry.during(ErrorKind::Environment, step)?.file_name();
            let is_one = |name: &&str| {
                exception::is_document(name.as_bytes()) || vex::is_document(name.as_bytes())
            };
            let Some(name) = name.to_str().filter(is_one) else { continue };
            let limit = self.workspace.limits.exception_bytes;
            if let Some(bytes) = read_bounded(&directory.join(name), limit)? {
                files.push((format!("{DIRECTORY}/{name}"), bytes));
            }
        }
        files.sort();
        Ok(files)
    }

    /// Reads a last day: a day, or how long from today.
    pub(super) fn last_day(&self, text: &str) -> Result<Date> {
        let today = self.today();
        let day = match text.parse::<Date>() {
            Ok(day) => Some(day),
            Err(_) => Period::parse(text)
                .ok()
                .and_then(|period| self.workspace.now.checked_add(period.duration()).ok())
                .map(day_of),
        };
        day.filter(|day| *day >= today).ok_or_else(|| {
            Error::new(
                ErrorKind::Usage,
                format!("--expires {text:?} is no day ahead, nor a period"),
            )
            .hint("for example --expires 2026-12-23, or --expires 30d")
        })
    }
}

/// Reads the name of an exception.
pub(super) fn id(text: &str) -> Result<ExceptionId> {
    ExceptionId::parse(text).ok_or_else(|| {
        Error::new(ErrorKind::Usage, format!("{text:?} is no id of an exception"))
            .hint("see which there are: refgate exception list")
    })
}

fn missing(id: &ExceptionId) -> Error {
    Error::new(ErrorKind::Usage, format!("there is no {} in the work tree", id.path()))
        .hint("check out the branch that has it, or see which there are: refgate exception list")
}

pub(super) fn stopped(stop: Stop) -> Error {
    match stop {
        Stop::Violation(violation) => Error::new(ErrorKind::Repository, why(&violation)),
        Stop::Error(error) => error,
    }
}

/// Says how to send documents that were written.
pub(super) fn say_commit(ids: &[ExceptionId], what: &str, out: &mut Output) {
    out.note(if ids.len() == 1 {
        "commit it with the change that needs it, or land it by itself:"
    } else {
        "commit them with the change that needs them, or land them by themselves:"
    });
    let paths: Vec<String> = ids.iter().map(ExceptionId::path).collect();
    let names: Vec<&str> = ids.iter().map(ExceptionId::as_str).collect();
    let (paths, names) = (paths.join(" "), names.join(", "));
    out.note(&format!("    git add {paths} && git commit -m \"{what} {names}\""));
}
