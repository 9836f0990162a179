//! The archive of a release: one file that can be checked years later, without server and network.
//!
//! A tar file of the git objects that a release rests on: the tag, its commit, policy, people and keys of that
//! commit, release document, exceptions, evidence, approvals and verification summaries. Each
//! is stored as git hashes it, so that `sha1sum` of a file is its name. The same release
//! gives the same bytes wherever the archive is made, and that is how one is
//! checked: unpacked, judged again, and written again.

use std::collections::BTreeMap;
use std::io::Read as _;

use serde::{Deserialize, Serialize};

use super::clone::Clone;
use crate::collect::notes_ref::NotesRef;
use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::evidence::dsse::{Envelope, Statement};
use crate::evidence::predicate::{Predicate, ReportSource};
use crate::id::{CommitId, ObjectId, TreeId, parse_hex};
use crate::refname::RefName;
use crate::repo::ReadError;
use crate::repo::commit::Ancestry;
use crate::repo::fault::ObjectKind;
use crate::repo::objects::{Objects as _, Trusted};
use crate::repo::tree::{Mode, Tree};
use crate::snapshot::{Ask, Rules};

/// The version of the form of an archive.
const VERSION: u32 = 1;

/// The first file of an archive.
const MANIFEST: &str = "archive.json";

/// The directory of the objects.
const OBJECTS: &str = "objects/";

/// No archive is longer.
pub const MAX_BYTES: u64 = 1 << 30;

/// How deep directories of meta/ and exceptions/ may lie in each other.
const DEPTH: usize = 16;

/// What an archive is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Manifest {
    /// The version of this form.
    pub version: u32,
    /// The repository.
    pub repository: String,
    /// The tag.
    pub tag: String,
    /// The commit.
    pub commit: String,
    /// The trust ref.
    pub trust_ref: String,
    /// What refs hold in the archive, the trust ref the commit.
    pub refs: BTreeMap<String, String>,
}

/// The content of an archive.
pub struct Archive {
    /// What it is of.
    pub manifest: Manifest,
    /// The objects by their ids.
    pub objects: BTreeMap<String, (ObjectKind, Vec<u8>)>,
}

struct Gatherer<'c> {
    clone: &'c Clone,
    objects: BTreeMap<String, (ObjectKind, Vec<u8>)>,
    bytes: u64,
}

impl Archive {
    /// Gathers what a release rests on.
    ///
    /// # Errors
    /// There is no such tag, or the clone cannot be read.
    pub fn gather(clone: &Clone, tag: &RefName) -> Result<Self> {
        let object = clone.view.resolve(tag)?.value.ok_or_else(|| {
            Error::new(ErrorKind::Usage, format!("the clone has no {tag}"))
                .hint("fetch it: git fetch --tags")
        })?;
        let (commit, _) = clone.tagged(object)?;
        let ask = Ask {
            trust_ref: &clone.trust_ref,
            repository: None,
            limits: &clone.limits,
            now: clone.now,
        };
        let rules = Rules::read(&clone.objects, commit, &ask)?;
        let checklist = &rules.config().checklist;
        let mut gatherer = Gatherer { clone, objects: BTreeMap::new(), bytes: 0 };
        gatherer.take(object)?;
        gatherer.take(commit.0)?;
        let tree = gatherer.tree_of(commit)?;
        for directory in ["meta", "exceptions"] {
            gatherer.path(tree, directory)?;
        }
        gatherer.path(tree, checklist.template.as_str())?;
        let version = String::from_utf8_lossy(tag.short()).into_owned();
        gatherer.path(tree, &checklist.document.as_str().replace("{tag}", &version))?;
        let mut refs = BTreeMap::from([
            (clone.trust_ref.to_string(), commit.to_string()),
            (tag.to_string(), object.to_hex().to_string()),
        ]);
        let verdicts = RefName::parse(crate::summary::NOTES.as_bytes());
        for name in NotesRef::ALL.map(NotesRef::name).into_iter().chain(verdicts) {
            if let Some(tip) = clone.view.resolve(&name)?.value {
                gatherer.notes(&name, CommitId(tip), [commit.0, tree.0])?;
                refs.insert(name.to_string(), tip.to_hex().to_string());
            }
        }
        let manifest = Manifest {
            version: VERSION,
            repository: rules.config().repository.to_string(),
            tag: tag.to_string(),
            commit: commit.to_string(),
            trust_ref: clone.trust_ref.to_string(),
            refs,
        };
        Ok(Self { manifest, objects: gatherer.objects })
    }

    /// Writes the file.
    ///
    /// # Errors
    /// Memory is too small for it.
    pub fn write(&self) -> Result<Vec<u8>> {
        let step = || "writing the archive".to_owned();
        let mut tar = tar::Builder::new(Vec::new());
        let mut add = |name: &str, bytes: &[u8]| {
            let mut header = tar::Header::new_ustar();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            header.set_mtime(0);
            header.set_uid(0);
            header.set_gid(0);
            tar.append_data(&mut header, name, bytes).during(ErrorKind::Environment, step)
        };
        let mut manifest =
            serde_json::to_vec_pretty(&self.manifest).during(ErrorKind::Internal, step)?;
        manifest.push(b'\n');
        add(MANIFEST, &manifest)?;
        for (id, (kind, bytes)) in &self.objects {
            let hashed = [format!("{kind} {}\0", bytes.len()).as_bytes(), bytes].concat();
            add(&format!("{OBJECTS}{id}"), &hashed)?;
        }
        tar.into_inner().during(ErrorKind::Environment, step)
    }

    /// Reads a file; that its objects have the ids that they are called by is found out where they are stored.
    ///
    /// # Errors
    /// It is no archive.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let wrong = |what: String| Error::new(ErrorKind::Usage, what).while_("reading the archive");
        let mut tar = tar::Archive::new(bytes);
        let (mut manifest, mut objects) = (None, BTreeMap::new());
        for entry in tar.entries().map_err(|error| wrong(error.to_string()))? {
            let mut entry = entry.map_err(|error| wrong(error.to_string()))?;
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).map_err(|error| wrong(error.to_string()))?;
            if name == MANIFEST {
                let read: Manifest = serde_json::from_slice(&content)
                    .map_err(|error| wrong(format!("{MANIFEST}: {error}")))?;
                manifest = Some(read);
            } else if let Some(id) = name.strip_prefix(OBJECTS) {
                let object =
                    object(&content).ok_or_else(|| wrong(format!("{name} is no object")))?;
                objects.insert(id.to_owned(), object);
            } else {
                return Err(wrong(format!("{name:?} does not belong there")));
            }
        }
        let manifest = manifest.ok_or_else(|| wrong(format!("{MANIFEST} is missing")))?;
        if manifest.version != VERSION {
            return Err(wrong(format!("version {} is not known", manifest.version)));
        }
        Ok(Self { manifest, objects })
    }
}

/// Takes the head off that git hashes with an object.
fn object(content: &[u8]) -> Option<(ObjectKind, Vec<u8>)> {
    let end = content.iter().position(|byte| *byte == 0)?;
    let (head, rest) = content.split_at_checked(end)?;
    let (kind, len) = std::str::from_utf8(head).ok()?.split_once(' ')?;
    let kind = match kind {
        "blob" => ObjectKind::Blob,
        "tree" => ObjectKind::Tree,
        "commit" => ObjectKind::Commit,
        "tag" => ObjectKind::Tag,
        _ => return None,
    };
    let bytes = rest.get(1..)?;
    (len.parse() == Ok(bytes.len())).then(|| (kind, bytes.to_vec()))
}

impl Gatherer<'_> {
    /// Takes an object; one that the clone has not is left out.
    fn take(&mut self, id: ObjectId) -> Result<Option<ObjectKind>> {
        let hex = id.to_hex().to_string();
        if let Some((kind, _)) = self.objects.get(&hex) {
            return Ok(Some(*kind));
        }
        let Some((_, size)) = self.clone.objects.header(&id)? else { return Ok(None) };
        self.bytes = self.bytes.saturating_add(size);
        if self.bytes > MAX_BYTES {
            let what = format!("the archive would have more than {MAX_BYTES} bytes");
            return Err(Error::new(ErrorKind::Limit, what));
        }
        let mut bytes = Vec::new();
        let found = self.clone.objects.find(&id, &mut bytes, &|_, _| true)?;
        let Some((kind, _)) = found else { return Ok(None) };
        self.objects.insert(hex, (kind, bytes));
        Ok(Some(kind))
    }

    fn tree_of(&mut self, commit: CommitId) -> Result<TreeId> {
        self.take(commit.0)?;
        let mut buffer = Vec::new();
        let tree = Ancestry::read(&self.clone.objects, commit, &self.clone.limits, &mut buffer)
            .map_err(ReadError::on_the_trusted_side)?
            .tree;
        self.take(tree.0)?;
        Ok(tree)
    }

    fn tree(&mut self, id: TreeId) -> Result<Tree> {
        self.take(id.0)?;
        Tree::read(&self.clone.objects, id, &self.clone.limits)
            .map_err(ReadError::on_the_trusted_side)
    }

    /// Takes what lies at a path, with everything below it.
    fn path(&mut self, root: TreeId, path: &str) -> Result<Option<ObjectId>> {
        let mut tree = root;
        let mut components = path.split('/').peekable();
        while let Some(component) = components.next() {
            let read = self.tree(tree)?;
            let Some(entry) = read.find(component.as_bytes()) else { return Ok(None) };
            let (mode, id) = (entry.mode, entry.id);
            if components.peek().is_none() {
                self.below(mode, id, 0)?;
                return Ok(Some(id));
            }
            if mode != Mode::Tree {
                return Ok(None);
            }
            tree = TreeId(id);
        }
        Ok(None)
    }

    fn below(&mut self, mode: Mode, id: ObjectId, depth: usize) -> Result<()> {
        if mode != Mode::Tree {
            // The commit of a submodule is not here.
            return self.take(id).map(drop);
        }
        if depth > DEPTH {
            return Err(Error::new(ErrorKind::Limit, "directories are nested too deep"));
        }
        let tree = self.tree(TreeId(id))?;
        let entries: Vec<(Mode, ObjectId)> =
            tree.iter().map(|entry| (entry.mode, entry.id)).collect();
        entries.into_iter().try_for_each(|(mode, id)| self.below(mode, id, depth + 1))
    }

    /// Takes the notes of a commit and its tree, the reports that they name, and what summaries rest on.
    fn notes(&mut self, name: &RefName, tip: CommitId, annotated: [ObjectId; 2]) -> Result<()> {
        let root = self.tree_of(tip)?;
        for id in annotated {
            let hex = id.to_hex().to_string();
            let Some(blob) = self.note(root, &hex)? else { continue };
            let Some((_, bytes)) = self.objects.get(&blob.to_hex().to_string()) else { continue };
            let lines: Vec<Vec<u8>> = bytes.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
            for line in lines {
                let Ok(envelope) = Envelope::parse(&line) else { continue };
                self.named_by(name, &envelope)?;
            }
        }
        Ok(())
    }

    fn named_by(&mut self, name: &RefName, envelope: &Envelope) -> Result<()> {
        if name.as_bytes() == crate::summary::NOTES.as_bytes() {
            // Approvals are found by what they approve; a summary says which notes these were.
            for blob in inputs(&envelope.payload) {
                self.take(blob)?;
            }
            return Ok(());
        }
        let Ok(statement) = Statement::parse(&envelope.payload) else { return Ok(()) };
        let Ok(predicate) = Predicate::read(&statement) else { return Ok(()) };
        let ReportSource::Stored { sha256, .. } = predicate.report else { return Ok(()) };
        let Some(tip) = self.clone.view.resolve(&NotesRef::Reports.name())?.value else {
            return Ok(());
        };
        let root = self.tree_of(CommitId(tip))?;
        let hex = sha256.to_hex();
        let Some((directory, rest)) = hex.split_at_checked(2) else { return Ok(()) };
        self.path(root, &format!("{directory}/{rest}")).map(drop)
    }

    /// Takes the note of an object, at whatever fan-out it lies, with the directories on the way.
    fn note(&mut self, root: TreeId, hex: &str) -> Result<Option<ObjectId>> {
        let (mut tree, mut rest) = (root, hex);
        loop {
            let read = self.tree(tree)?;
            if let Some(entry) = read.find(rest.as_bytes()) {
                self.take(entry.id)?;
                return Ok(Some(entry.id));
            }
            let Some((component, below)) = rest.split_at_checked(2) else { return Ok(None) };
            match read.find(component.as_bytes()) {
                Some(entry) if entry.mode == Mode::Tree => tree = TreeId(entry.id),
                Some(_) | None => return Ok(None),
            }
            rest = below;
        }
    }
}

/// Returns the notes that a summary rests on.
fn inputs(payload: &[u8]) -> Vec<ObjectId> {
    let document: serde_json::Value = serde_json::from_slice(payload).unwrap_or_default();
    let inputs = document.pointer("/predicate/inputAttestations").and_then(|all| all.as_array());
    let blobs = inputs
        .into_iter()
        .flatten()
        .filter_map(|input| input.pointer("/digest/gitBlob").and_then(|blob| blob.as_str()));
    blobs.filter_map(|blob| parse_hex(blob.as_bytes())).collect()
}

/// Opens the objects of a repository once more.
///
/// # Errors
/// They cannot be read.
pub fn objects(path: &std::path::Path) -> Result<Trusted> {
    let inner = path.join(".git");
    let layout = crate::repo::layout::Layout::open(if inner.is_dir() { &inner } else { path })?;
    Trusted::open(&layout.objects_dir(), layout.hash)
}
