//! The archive of a release: one file that can be checked years later, without server and network.
//!
//! A tar file of the git objects that a release rests on: the tag, its commit, policy, people and keys of that
//! commit, release document, exceptions, evidence, approvals and verification summaries. Each
//! is stored as git hashes it, so that `sha1sum` of a file is its name. The same release
//! gives the same bytes wherever the archive is made, and that is how one is
//! checked: unpacked, judged again, and written again.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::clone::Clone;
use super::replay::replay_tag;
use super::results::Check;
use crate::client::store::Store;
use crate::clock::Timestamp;
use crate::collect::notes_ref::NotesRef;
use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::evidence::dsse::{Envelope, Statement};
use crate::evidence::predicate::{Predicate, ReportSource};
use crate::exec::Run;
use crate::id::{CommitId, ObjectId, TreeId, parse_hex};
use crate::refname::RefName;
use crate::repo::ReadError;
use crate::repo::commit::Ancestry;
use crate::repo::fault::ObjectKind;
use crate::repo::objects::{Objects as _, Trusted};
use crate::repo::tree::{Mode, Tree};
use crate::snapshot::{Ask, Rules};
use crate::summary::verify::Verified;

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

/// What checking an archive has come to.
pub struct Checked {
    /// What it is of.
    pub manifest: Manifest,
    /// The release tag, judged again.
    pub check: Check,
    /// The summaries of tag and branch, each with its ref.
    pub summaries: Vec<(RefName, Verified)>,
}

/// Checks an archive with nothing but itself, in an empty directory.
///
/// Keys and people count as they did when the tag was made: a key that has run out
/// since signed the release all the same.
///
/// # Errors
/// It is no archive, or not what refgate has written.
pub fn check(bytes: &[u8], place: &Path, now: Timestamp) -> Result<Checked> {
    let archive = Archive::read(bytes)?;
    unpack(&archive, place)?;
    let tag = RefName::parse(archive.manifest.tag.as_bytes())
        .filter(RefName::is_tag)
        .ok_or_else(|| Error::new(ErrorKind::Usage, "the archive names no tag"))?;
    let mut clone = Clone::open(place, now)?;
    let held = |clone: &Clone| {
        let object = clone.view.resolve(&tag)?.value;
        object.ok_or_else(|| Error::new(ErrorKind::Usage, "the archive does not hold its tag"))
    };
    let (_, claimed) = clone.tagged(held(&clone)?)?;
    if claimed < now {
        clone = Clone::open(place, claimed)?;
    }
    if Archive::gather(&clone, &tag)?.write()? != bytes {
        let what = "written again from its own objects it is another file";
        return Err(Error::new(ErrorKind::Usage, what)
            .hint("something was added, changed or left out: take the copy of another place"));
    }
    let check = replay_tag(&clone, &|| objects(place), &tag)?;
    let (commit, _) = clone.tagged(held(&clone)?)?;
    let mut summaries = Vec::new();
    for name in [&tag, &clone.trust_ref] {
        let verified = clone.summary(commit, name)?.0;
        summaries.extend(verified.map(|verified| (name.clone(), verified)));
    }
    Ok(Checked { manifest: archive.manifest, check, summaries })
}

/// Stores the objects and refs of an archive in a repository of their own.
fn unpack(archive: &Archive, place: &Path) -> Result<()> {
    let step = || "unpacking the archive".to_owned();
    let wrong = |what: String| Error::new(ErrorKind::Usage, what).while_(step());
    let format = match archive.manifest.commit.len() {
        40 => "sha1",
        _ => "sha256",
    };
    let branch = archive.manifest.trust_ref.strip_prefix("refs/heads/").unwrap_or("main");
    let status = Run::new("git")
        .args(["init", "-q", "--bare", "--template="])
        .args([format!("--object-format={format}"), format!("--initial-branch={branch}")])
        .args([place.as_os_str()])
        .status()?;
    if !status.success() {
        return Err(Error::new(ErrorKind::Environment, "git init failed").while_(step()));
    }
    let store = Store::open(place)?;
    for (id, (kind, bytes)) in &archive.objects {
        if parse_hex(id.as_bytes()) != Some(store.write(*kind, bytes)?) {
            return Err(wrong(format!("object {id:.64} is another one than it is called")));
        }
    }
    for (name, id) in &archive.manifest.refs {
        let (name, id) = (RefName::parse(name.as_bytes()), parse_hex(id.as_bytes()));
        let (Some(name), Some(id)) = (name, id) else {
            return Err(wrong("it names refs that are none".into()));
        };
        store.move_ref(&name, CommitId(id), None, "unpack")?;
    }
    Ok(())
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
    /// Takes an object. One that is missing is an error: an archive is whole, or it is none.
    fn take(&mut self, id: ObjectId) -> Result<()> {
        let hex = id.to_hex().to_string();
        if self.objects.contains_key(&hex) {
            return Ok(());
        }
        let missing = || {
            Error::new(
                ErrorKind::Repository,
                format!("object {hex}, on which the release rests, is missing"),
            )
            .hint("make the archive from a clone with all its notes: git clone --mirror")
        };
        let (_, size) = self.clone.objects.header(&id)?.ok_or_else(missing)?;
        self.bytes = self.bytes.saturating_add(size);
        if self.bytes > MAX_BYTES {
            let what = format!("the archive would have more than {MAX_BYTES} bytes");
            return Err(Error::new(ErrorKind::Limit, what));
        }
        let mut bytes = Vec::new();
        let found = self.clone.objects.find(&id, &mut bytes, &|_, _| true)?;
        let (kind, _) = found.ok_or_else(missing)?;
        self.objects.insert(hex, (kind, bytes));
        Ok(())
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
            return if mode == Mode::Gitlink { Ok(()) } else { self.take(id) };
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
            for blob in inputs(&envelope.payload)? {
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
///
/// # Errors
/// It is no summary: an archive without what it names would be incomplete and not say so.
fn inputs(payload: &[u8]) -> Result<Vec<ObjectId>> {
    let step = || "reading what a verification summary rests on".to_owned();
    let document: Value = serde_json::from_slice(payload).during(ErrorKind::Repository, step)?;
    let mut blobs = Vec::new();
    let inputs = match document.pointer("/predicate/inputAttestations") {
        None => return Ok(blobs),
        Some(inputs) => inputs.as_array(),
    };
    let wrong = |what: &str| Error::new(ErrorKind::Repository, what).while_(step());
    for input in inputs.ok_or_else(|| wrong("its inputAttestations are no list"))? {
        // Approvals in messages are of commits, which are not notes.
        let Some(blob) = input.pointer("/digest/gitBlob") else { continue };
        let id = blob.as_str().and_then(|blob| parse_hex(blob.as_bytes()));
        blobs.push(id.ok_or_else(|| wrong("one of its gitBlob is no id of an object"))?);
    }
    Ok(blobs)
}

/// Opens the objects of a repository once more.
///
/// # Errors
/// They cannot be read.
pub fn objects(path: &Path) -> Result<Trusted> {
    let inner = path.join(".git");
    let layout = crate::repo::layout::Layout::open(if inner.is_dir() { &inner } else { path })?;
    Trusted::open(&layout.objects_dir(), layout.hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_summary_rests_on_is_told_or_an_error() {
        let id = "a".repeat(40);
        let of = |inputs: &str| inputs_of(&format!(r#"{{"predicate":{{{inputs}}}}}"#));
        fn inputs_of(payload: &str) -> Result<Vec<ObjectId>> {
            inputs(payload.as_bytes())
        }
        assert_eq!(of("").expect("none").len(), 0);
        let blob = format!(r#"{{"digest":{{"gitBlob":"{id}"}}}}"#);
        let commit = format!(r#"{{"digest":{{"gitCommit":"{id}"}}}}"#);
        let some = of(&format!(r#""inputAttestations":[{blob},{commit}]"#)).expect("one");
        assert_eq!(some, [parse_hex(id.as_bytes()).expect("an id")]);
        for wrong in ["not JSON", r#"{"predicate":{"inputAttestations":"all"}}"#] {
            assert!(inputs(wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert!(of(r#""inputAttestations":[{"digest":{"gitBlob":"abc"}}]"#).is_err());
    }
}
