//! Reads the policy at the trust anchor, from objects that were there before the push.
//!
//! Comes in: one commit. Goes out: rules, people and keys as [`Trusted`] values with
//! the commit that they came from. Nothing else makes trusted values. A file
//! that is missing where one is needed, is no plain file or cannot be read is an error for the
//! administrator: no rule is skipped because it is broken.

use std::collections::BTreeSet;

use crate::clock::Timestamp;
use crate::error::{Diagnostic, Error, ErrorKind, Result};
use crate::id::{CommitId, ObjectId, TreeId};
use crate::limits::Limits;
use crate::policy::Policy;
use crate::policy::config::{self, Config, Floor, Repository};
use crate::policy::gates::Gate;
use crate::policy::structure::{self, Status, Structure};
use crate::policy::trusted_files::{ALLOWED_SIGNERS, KEYRING, SIGSTORE_ROOT};
use crate::provenance::{Source, Trusted};
use crate::refname::RefName;
use crate::repo::ReadError;
use crate::repo::commit::Ancestry;
use crate::repo::fault::ObjectKind;
use crate::repo::objects::{self, Objects};
use crate::repo::tree::{Mode, Tree};
use crate::signature::{KeyRing, KeyRingBuilder, KeyState, Place, Window};

/// The rules alone: enough to know which refs are protected.
pub struct Rules {
    config: Trusted<Config>,
    files: Files,
}

/// Rules, people and keys that fit together.
pub struct Snapshot {
    /// Rules and people.
    pub policy: Trusted<Policy>,
    /// Everybody's keys.
    pub keys: KeyRing,
    /// The template of release documents, if there is one.
    pub template: Option<Vec<u8>>,
}

/// Trusted files by their content.
struct Files {
    commit: CommitId,
    meta: Option<Tree>,
    root: Tree,
}

/// What the snapshot needs beside the objects.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    /// The trust ref.
    pub trust_ref: &'a RefName,
    /// The repository that the server settings name.
    pub repository: Option<&'a Repository>,
    /// Bounds.
    pub limits: &'a Limits,
    /// The time of the push.
    pub now: Timestamp,
}

/// Why the trusted files of a commit are of no use.
pub enum Void {
    /// They are wrong; says where.
    Files(Vec<Diagnostic>),
    /// They cannot be read.
    Error(Error),
}

impl From<ReadError> for Void {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Fault(fault) => {
                Self::Files(vec![Diagnostic::new("meta", 0, fault.to_string())])
            }
            ReadError::Repository(error) => Self::Error(error),
        }
    }
}

impl Void {
    /// Turns either into an error for the administrator.
    #[must_use]
    pub fn into_error(self, anchor: CommitId, ask: &Ask<'_>) -> Error {
        let step = format!("reading the policy as of {} {}", ask.trust_ref, anchor.short());
        match self {
            Self::Files(diagnostics) => Error::from_diagnostics(step, diagnostics),
            Self::Error(error) => error.while_(step),
        }
    }
}

impl Rules {
    /// Reads the rules at the trust anchor, through the store that cannot see the push.
    ///
    /// # Errors
    /// The rules cannot be read.
    pub fn read(objects: &objects::Trusted, anchor: CommitId, ask: &Ask<'_>) -> Result<Self> {
        let read = || Self::of(Files::open(objects, anchor, ask.limits)?, objects, ask);
        read().map_err(|void| void.into_error(anchor, ask))
    }

    /// Reads the rules at the trust anchor; `None` if there is no list of people,
    /// so that nobody is trusted yet.
    ///
    /// # Errors
    /// The rules cannot be read.
    pub fn find(
        objects: &objects::Trusted,
        anchor: CommitId,
        ask: &Ask<'_>,
    ) -> Result<Option<Self>> {
        let read = || {
            let files = Files::open(objects, anchor, ask.limits)?;
            files.name_people().then(|| Self::of(files, objects, ask)).transpose()
        };
        read().map_err(|void| void.into_error(anchor, ask))
    }

    fn of(files: Files, objects: &objects::Trusted, ask: &Ask<'_>) -> Result<Self, Void> {
        let config = read_config(objects, &files, ask)?;
        Ok(Self { config: Trusted::vouch(config, source(files.commit, ask)), files })
    }

    /// Returns the rules, raised to what the server asks for at least.
    #[must_use]
    pub fn raised(self, floor: &Floor) -> Self {
        let source = self.config.source().clone();
        let mut config = Config::clone(&self.config);
        floor.raise(&mut config);
        Self { config: Trusted::vouch(config, source), files: self.files }
    }

    /// Returns the rules.
    #[must_use]
    pub fn config(&self) -> &Trusted<Config> {
        &self.config
    }

    /// Reads people and keys as well.
    ///
    /// # Errors
    /// The trusted files are void: nothing can be judged by them.
    pub fn complete(&self, objects: &objects::Trusted, ask: &Ask<'_>) -> Result<Snapshot> {
        let anchor = self.files.commit;
        let config = Config::clone(&self.config);
        complete(objects, &self.files, config, ask).map_err(|void| void.into_error(anchor, ask))
    }
}

/// Reads everything from one commit: the root of trust that the administrator
/// named by its id, or a commit that the push would make the trust anchor. It is raised to what the
/// server asks for at least, so that it is not void only once it counts.
///
/// # Errors
/// Says what is wrong in which file.
pub fn read_all(
    objects: &impl Objects,
    commit: CommitId,
    ask: &Ask<'_>,
    floor: &Floor,
) -> Result<Snapshot, Void> {
    let files = Files::open(objects, commit, ask.limits)?;
    let mut config = read_config(objects, &files, ask)?;
    floor.raise(&mut config);
    complete(objects, &files, config, ask)
}

fn source(commit: CommitId, ask: &Ask<'_>) -> Source {
    Source { ref_name: ask.trust_ref.to_string(), commit_id: commit.to_string() }
}

fn read_config(objects: &impl Objects, files: &Files, ask: &Ask<'_>) -> Result<Config, Void> {
    let bytes = files.plain(objects, "refgate.toml", config::FILE, ask.limits)?;
    let config = match (bytes, ask.repository) {
        (Some(bytes), _) => Config::parse(&bytes, ask.limits).map_err(Void::Files)?,
        (None, Some(repository)) => Config::built_in(repository.clone()),
        (None, None) => {
            let diagnostic = Diagnostic::new(
                config::FILE,
                0,
                "the file is missing, so the repository has no name",
            )
            .help("add it with: refgate init; or name the repository in the server settings");
            return Err(Void::Files(vec![diagnostic]));
        }
    };
    if let Some(repository) = ask.repository.filter(|repository| **repository != *config.repository)
    {
        let why = format!(
            "the repository is {:?}, but the server settings say {:?}",
            config.repository.as_str(),
            repository.as_str()
        );
        let line = config.repository.origin.line();
        return Err(Void::Files(vec![Diagnostic::new(config::FILE, line, why)]));
    }
    guards_itself(&config, ask)?;
    Ok(config)
}

/// The trust ref decides what is trusted, so it must be among the refs that people review.
fn guards_itself(config: &Config, ask: &Ask<'_>) -> Result<(), Void> {
    let reviewed = config
        .gates_for(ask.trust_ref.as_bytes())
        .is_some_and(|gates| gates.contains(Gate::Review));
    if reviewed {
        return Ok(());
    }
    let why = format!(
        "no rule protects {} with the review gate, though it is where the policy is read from",
        ask.trust_ref
    );
    let diagnostic = Diagnostic::new(config::FILE, 0, why)
        .help(format!("add it to a [[protect]] rule: refs = [\"{}\"]", ask.trust_ref));
    Err(Void::Files(vec![diagnostic]))
}

fn complete(
    objects: &impl Objects,
    files: &Files,
    config: Config,
    ask: &Ask<'_>,
) -> Result<Snapshot, Void> {
    let mut problems = Vec::new();
    let structure = match files.plain(objects, "STRUCTURE.md", structure::FILE, ask.limits)? {
        Some(bytes) => Structure::parse(&bytes, &config.sections, ask.limits)
            .map_err(|found| problems.extend(found))
            .ok(),
        None => {
            problems.push(
                Diagnostic::new(structure::FILE, 0, "the file is missing, so nobody is trusted")
                    .help("add it with: refgate init"),
            );
            None
        }
    };
    let Some(structure) = structure else { return Err(Void::Files(problems)) };
    let mut builder = KeyRingBuilder::default();
    for principal in structure.principals() {
        add_keys(principal, &mut builder);
    }
    if let Some(bytes) = files.plain(objects, "allowed_signers", ALLOWED_SIGNERS, ask.limits)? {
        problems
            .extend(builder.allowed_signers(ALLOWED_SIGNERS, &bytes).err().into_iter().flatten());
    }
    for (name, bytes) in files.keyring(objects, ask.limits)? {
        let added = match name.ends_with(".pem") {
            true => builder.public_key(&name, &bytes),
            false => builder.certificate(&name, &bytes),
        };
        problems.extend(added.err().into_iter().flatten());
    }
    if let Some(bytes) = files.at_path(objects, SIGSTORE_ROOT, ask.limits)? {
        problems.extend(builder.sigstore_root(SIGSTORE_ROOT, &bytes).err().into_iter().flatten());
    }
    let known: BTreeSet<_> =
        structure.principals().map(|principal| principal.id().clone()).collect();
    let signers = builder.signers(&known);
    if !*config.review.require_touch {
        builder.accept_without_touch();
    }
    let keys = builder.build(&known).map_err(|found| problems.extend(found)).ok();
    let template = files.at_path(objects, config.checklist.template.as_str(), ask.limits)?;
    let policy = Policy::new(config, structure, &signers, ask.now)
        .map_err(|found| problems.extend(found))
        .ok();
    match (policy, keys) {
        (Some(policy), Some(keys)) if problems.is_empty() => {
            let policy = Trusted::vouch(policy, source(files.commit, ask));
            Ok(Snapshot { policy, keys, template })
        }
        _ => Err(Void::Files(problems)),
    }
}

/// Hands a principal's keys to the key ring.
///
/// A key may stand in several rows. It counts by the rows that are active; where none
/// is, by those there are, so that the message can say why; and a compromised row always counts.
fn add_keys(principal: &structure::Principal, builder: &mut KeyRingBuilder) {
    let keys = principal.keys();
    for listed in keys {
        let has_active = keys
            .iter()
            .any(|other| other.key == listed.key && other.window.status == Status::Active);
        let state = match listed.window.status {
            Status::Active => KeyState::Active,
            Status::Retired if has_active => continue,
            Status::Retired => KeyState::Retired,
            Status::Compromised => KeyState::Compromised,
        };
        let window = Window { from: listed.window.from, until: listed.window.until, state };
        let place = Place { file: structure::FILE.into(), line: listed.line };
        builder.add(principal.id().clone(), listed.key.clone(), window, place);
    }
}

impl Files {
    /// Reads the directories in which trusted files lie.
    fn open(objects: &impl Objects, commit: CommitId, limits: &Limits) -> Result<Self, Void> {
        let mut buffer = Vec::new();
        let tree = Ancestry::read(objects, commit, limits, &mut buffer)?.tree;
        let root = Tree::read(objects, tree, limits)?;
        let meta = match root.find(b"meta") {
            None => None,
            Some(entry) if entry.mode == Mode::Tree => {
                Some(Tree::read(objects, TreeId(entry.id), limits)?)
            }
            Some(entry) => {
                let why = format!("mode {} is not that of a directory", entry.mode.as_octal());
                return Err(Void::Files(vec![Diagnostic::new("meta", 0, why)]));
            }
        };
        Ok(Self { commit, meta, root })
    }

    /// Says whether there is a list of people.
    fn name_people(&self) -> bool {
        self.meta.as_ref().is_some_and(|meta| meta.find(b"STRUCTURE.md").is_some())
    }

    /// Reads a plain file of `meta/`; `None` if it is not there.
    fn plain(
        &self,
        objects: &impl Objects,
        name: &str,
        path: &str,
        limits: &Limits,
    ) -> Result<Option<Vec<u8>>, Void> {
        let Some(entry) = self.meta.as_ref().and_then(|meta| meta.find(name.as_bytes())) else {
            return Ok(None);
        };
        blob(objects, entry.mode, entry.id, path, limits).map(Some)
    }

    /// Reads the certificates and public keys of `meta/keyring/`.
    fn keyring(
        &self,
        objects: &impl Objects,
        limits: &Limits,
    ) -> Result<Vec<(String, Vec<u8>)>, Void> {
        let Some(entry) = self.meta.as_ref().and_then(|meta| meta.find(b"keyring")) else {
            return Ok(Vec::new());
        };
        if entry.mode != Mode::Tree {
            return Err(Void::Files(vec![Diagnostic::new(KEYRING, 0, "it is no directory")]));
        }
        let tree = Tree::read(objects, TreeId(entry.id), limits)?;
        let mut files = Vec::new();
        for entry in tree.iter() {
            let name = String::from_utf8_lossy(entry.name).into_owned();
            let path = format!("{KEYRING}/{name}");
            if [".asc", ".pgp", ".pem"].iter().any(|end| name.ends_with(end)) {
                files.push((path.clone(), blob(objects, entry.mode, entry.id, &path, limits)?));
            } else if !name.starts_with("README") {
                let diagnostic =
                    Diagnostic::new(path, 0, "only .asc, .pgp and .pem files belong here")
                        .help("rename or remove it");
                return Err(Void::Files(vec![diagnostic]));
            }
        }
        Ok(files)
    }

    /// Reads a plain file anywhere in the tree; `None` if it is not there.
    fn at_path(
        &self,
        objects: &impl Objects,
        path: &str,
        limits: &Limits,
    ) -> Result<Option<Vec<u8>>, Void> {
        let mut tree = self.root.clone();
        let mut components = path.split('/').peekable();
        while let Some(component) = components.next() {
            let Some(entry) = tree.find(component.as_bytes()) else { return Ok(None) };
            let (mode, id) = (entry.mode, entry.id);
            if components.peek().is_none() {
                return blob(objects, mode, id, path, limits).map(Some);
            }
            if mode != Mode::Tree {
                return Ok(None);
            }
            tree = Tree::read(objects, TreeId(id), limits)?;
        }
        Ok(None)
    }
}

/// Trusted files are plain files: a symbolic link, an executable or a submodule
/// would show readers something else than what is read here (T23).
fn blob(
    objects: &impl Objects,
    mode: Mode,
    id: ObjectId,
    path: &str,
    limits: &Limits,
) -> Result<Vec<u8>, Void> {
    if mode != Mode::File {
        let why = format!("it has mode {}, not that of a plain file (100644)", mode.as_octal());
        return Err(Void::Files(vec![Diagnostic::new(path, 0, why)]));
    }
    let mut bytes = Vec::new();
    let limit = ("file-bytes", limits.file_bytes);
    match objects.read(&id, ObjectKind::Blob, limit, &mut bytes) {
        Ok(_) => Ok(bytes),
        Err(ReadError::Fault(fault)) => {
            Err(Void::Files(vec![Diagnostic::new(path, 0, fault.to_string())]))
        }
        Err(ReadError::Repository(error)) => Err(Void::Error(error)),
    }
}

/// Says that there is nobody to trust.
#[must_use]
pub fn no_anchor(trust_ref: &RefName, anchor: Option<CommitId>) -> Error {
    let what = match anchor {
        Some(anchor) => format!(
            "{trust_ref} at {} has no {}, and the server settings name no root of trust",
            anchor.short(),
            structure::FILE
        ),
        None => {
            format!("{trust_ref} does not exist yet, and the server settings name no root of trust")
        }
    };
    Error::new(ErrorKind::Policy, what)
        .hint("an administrator names it on the server: refgate install --trust-root COMMIT-OR-KEY REPOSITORY")
}
