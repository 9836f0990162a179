//! `refgate attach`: signs reports and attaches them to a commit or a tree.

mod forecast;
mod reading;

use std::collections::BTreeSet;
use std::path::Path;

use self::forecast::Forecast;
use self::reading::{Attached, Form};
pub(super) use self::reading::{says, tools};
use super::args::Attach;
use super::output::Output;
use super::pushing::{say_how, show};
use crate::client::git::Git;
use crate::client::notes::{Additions, Writer};
use crate::client::pem::PemSigner;
use crate::client::remote::{Remote, value};
use crate::client::sign::Signer;
use crate::client::store::Store;
use crate::clock::Timestamp;
use crate::collect::notes_ref::NotesRef;
use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::evidence::approval::SignatureForm;
use crate::evidence::dsse::{Envelope, pre_authentication_encoding};
use crate::evidence::predicate::{self, Sha256};
use crate::id::{BlobId, CommitId, ObjectId, TreeId, parse_hex};
use crate::limits::Limits;
use crate::repo::commit::Ancestry;
use crate::repo::fault::ObjectKind;
use crate::repo::layout::Layout;
use crate::repo::objects::Trusted;
use crate::signature::{Encoded, key};

/// What the evidence speaks of.
#[derive(Clone, Copy, Debug)]
struct Target {
    commit: Option<CommitId>,
    tree: TreeId,
}

/// Reads, signs and attaches reports.
///
/// # Errors
/// A report cannot be read or is about something else, signing fails, or the server refuses.
pub fn attach(dir: &Path, args: &Attach, out: &mut Output) -> Result<()> {
    let git = Git::find(dir)?;
    let limits = Limits::default();
    let files = reading::named_files(args)?;
    if files.is_empty() {
        if !args.push {
            return Err(Error::new(ErrorKind::Usage, "nothing to attach")
                .hint("refgate attach --sast FILE --tests unit=FILE [COMMIT]"));
        }
        let remote = Remote::choose(&git, args.server.remote.as_deref())?;
        return show(&remote.push(&git, &[])?, out);
    }
    let layout = Layout::open(&git.git_dir)?;
    let objects = Trusted::open(&layout.objects_dir(), layout.hash)?;
    let target = Target::named(&git, args, &objects, &limits)?;
    let attached: Vec<Attached> = files
        .into_iter()
        .map(|(kind, file)| reading::read(dir, kind, file, &limits))
        .collect::<Result<_>>()?;
    for attached in &attached {
        target.is_meant_by(attached, &git)?;
    }
    // The time is in whole seconds, like those that signatures hold.
    let now = crate::clock::now();
    let at = Timestamp::from_second(now.as_second()).unwrap_or(now);
    reading::table_of(&attached).iter().for_each(|line| out.line(line));
    let forecast = Forecast::open(dir, args.server.remote.as_deref());
    match &forecast {
        Ok(forecast) => {
            for warning in forecast.of_reports(&attached, target, at) {
                out.note(&format!("warning: {warning}"));
            }
        }
        Err(error) => {
            let why = error.chain().join(": ");
            out.note(&format!("warning: not compared with the server's rules: {why}"));
        }
    }
    if args.dry_run {
        return Ok(());
    }
    let work = Work { git: &git, limits: &limits, target, at, forecast: forecast.as_ref().ok() };
    work.write(args, &objects, &attached, out)?;
    out.line(&format!("attached to {}", target.shown()));
    if args.push {
        let remote = Remote::choose(&git, args.server.remote.as_deref())?;
        return show(&remote.push(&git, &[])?, out);
    }
    say_how(out);
    Ok(())
}

impl Target {
    fn named(git: &Git, args: &Attach, objects: &Trusted, limits: &Limits) -> Result<Self> {
        if args.tree {
            let spec = format!("{}^{{tree}}", args.commit);
            let found = git.ask(["rev-parse", "--verify", "--quiet", "--end-of-options", &spec])?;
            let tree = found.and_then(|hex| parse_hex(hex.as_bytes())).map(TreeId);
            let unknown = || {
                Error::new(ErrorKind::Usage, format!("{:?} names no tree here", args.commit))
                    .hint("name a commit or a tree, such as git merge-tree --write-tree prints")
            };
            return Ok(Self { commit: None, tree: tree.ok_or_else(unknown)? });
        }
        let commit = git.commit(&args.commit)?;
        let mut buffer = Vec::new();
        let tree = Ancestry::read(objects, commit, limits, &mut buffer)
            .map_err(|error| error.on_the_trusted_side())?
            .tree;
        Ok(Self { commit: Some(commit), tree })
    }

    fn shown(self) -> String {
        match self.commit {
            Some(commit) => format!("{} and its tree", commit.short()),
            None => format!("tree {}", self.tree.0.to_hex_with_len(crate::id::SHORT_LEN)),
        }
    }

    /// Refuses a report that says it is about another commit (SARIF `versionControlProvenance`).
    ///
    /// A commit with the same tree is as good: a merge that CI made and nobody keeps, or one
    /// with other trailers.
    fn is_meant_by(self, attached: &Attached, git: &Git) -> Result<()> {
        for named in &attached.report.commits {
            let is_hex =
                (7..=64).contains(&named.len()) && named.bytes().all(|b| b.is_ascii_hexdigit());
            // Other revisions, such as the name of a branch, tell nothing for sure.
            if !is_hex {
                continue;
            }
            let named = named.to_ascii_lowercase();
            let hex = self.commit.map(|commit| commit.to_string());
            if hex.is_some_and(|hex| hex.starts_with(&named)) {
                continue;
            }
            let spec = format!("{named}^{{tree}}");
            let tree = git.ask(["rev-parse", "--verify", "--quiet", "--end-of-options", &spec])?;
            if tree.and_then(|hex| parse_hex(hex.as_bytes())) == Some(self.tree.0) {
                continue;
            }
            let file = attached.file.display();
            let what = format!("{file} says it is about {named}, not about {}", self.shown());
            return Err(Error::new(ErrorKind::Usage, what)
                .hint(format!("run the tool on the commit, or attach it there: {named}")));
        }
        Ok(())
    }
}

/// What signing and writing need.
struct Work<'a> {
    git: &'a Git,
    limits: &'a Limits,
    target: Target,
    at: Timestamp,
    forecast: Option<&'a Forecast>,
}

/// What signs.
enum Key {
    Git(Signer),
    Pem(PemSigner),
}

impl Work<'_> {
    fn write(
        &self,
        args: &Attach,
        objects: &Trusted,
        attached: &[Attached],
        out: &mut Output,
    ) -> Result<()> {
        let Self { git, limits, target, .. } = *self;
        let store = Store::open(&git.git_dir)?;
        let writer = Writer { objects, store: &store, limits };
        let key = match &args.pem_key {
            Some(file) => Key::Pem(PemSigner::read(file)?),
            None => Key::Git(Signer::configured(git, args.key.as_deref())?),
        };
        let mut lines: BTreeSet<Vec<u8>> = BTreeSet::new();
        let mut warned = BTreeSet::new();
        for attached in attached {
            let envelope = self.sign(&writer, &key, attached)?;
            let why =
                self.forecast.and_then(|f| f.of_signature(&envelope.0, &attached.kind, self.at));
            if let Some(why) = why.filter(|why| warned.insert(why.clone())) {
                out.note(&format!("warning: the server will not count it: {why}"));
            }
            let (envelope, key_id) = envelope;
            lines.insert(envelope.to_line(&key_id).into_bytes());
        }
        let mut additions = Additions::from([(target.tree.0, lines.clone())]);
        additions.extend(target.commit.map(|commit| (commit.0, lines)));
        let name = NotesRef::Evidence.name();
        let message = format!("Attach evidence to {}", target.shown());
        writer.add(&name, value(git, &name)?, &additions, &message)?;
        Ok(())
    }

    /// Signs the statement about one report; returns the envelope and the id of the key.
    fn sign(
        &self,
        writer: &Writer<'_>,
        key: &Key,
        attached: &Attached,
    ) -> Result<(Envelope, String)> {
        let step = || format!("writing the statement about {}", attached.file.display());
        let form = match attached.form {
            Form::Native(predicate_type) => predicate::Form::Native(predicate_type),
            Form::Embedded => predicate::Form::Embedded,
            Form::Stored => {
                predicate::Form::Stored(BlobId(store_report(self.git, writer, &attached.bytes)?))
            }
        };
        let Target { commit, tree } = self.target;
        let mut digests = Vec::new();
        digests.extend(commit.map(|commit| ("gitCommit", commit.to_string())));
        digests.push(("gitTree", tree.to_string()));
        let media_type = attached.report.format.media_type();
        let payload =
            predicate::write(&digests, &attached.kind, self.at, media_type, &attached.bytes, form)
                .during(ErrorKind::Usage, step)?;
        let signed = pre_authentication_encoding(&payload);
        let (signature, key_id) = match key {
            Key::Git(signer) => {
                let (form, signature) = signer.sign(&signed)?;
                let key_id = key_id(form, &signature);
                (signature, key_id)
            }
            Key::Pem(signer) => (signer.sign(&signed)?, signer.key_id()?),
        };
        Ok((Envelope { payload, signatures: vec![signature] }, key_id))
    }
}

/// Stores a report under its SHA-256 on the reports ref.
fn store_report(git: &Git, writer: &Writer<'_>, bytes: &[u8]) -> Result<ObjectId> {
    let blob = writer.store.write(ObjectKind::Blob, bytes)?;
    let hex = Sha256::of(bytes).to_hex();
    let (directory, rest) = hex.split_at(2);
    let name = NotesRef::Reports.name();
    let tip = value(git, &name)?;
    writer.add_file(&name, tip, &[directory, rest], blob, "Store a report")?;
    Ok(blob)
}

/// A hint of the signer for people; nothing rests on it.
fn key_id(form: SignatureForm, signature: &[u8]) -> String {
    match (form, Encoded::detect(signature)) {
        (SignatureForm::Ssh, Some(Encoded::Ssh(blob))) => {
            key::of_sshsig(blob).map_or_else(String::new, |key| key.to_string())
        }
        (SignatureForm::Ssh | SignatureForm::OpenPgp, _) => String::new(),
    }
}
