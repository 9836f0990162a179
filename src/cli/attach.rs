//! `refgate attach`: signs reports and attaches them to a commit.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::args::Attach;
use super::output::Output;
use super::pushing::{say_how, show};
use crate::client::git::Git;
use crate::client::notes::{Additions, Writer};
use crate::client::remote::{Remote, value};
use crate::client::sign::Signer;
use crate::client::store::Store;
use crate::collect::notes_ref::NotesRef;
use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::evidence::approval::SignatureForm;
use crate::evidence::dsse::{Envelope, pre_authentication_encoding};
use crate::evidence::format::{self, Format};
use crate::evidence::kind::{Kind, SuiteName};
use crate::evidence::predicate::{self, CYCLONEDX_TYPE, Form, SARIF_TYPE, Sha256};
use crate::evidence::report::{Report, Requirements};
use crate::evidence::severity::SeverityOverrides;
use crate::id::{BlobId, CommitId, ObjectId, TreeId};
use crate::limits::Limits;
use crate::repo::commit::Ancestry;
use crate::repo::fault::ObjectKind;
use crate::repo::layout::{Layout, read_bounded};
use crate::repo::objects::Trusted;
use crate::report::block::table;
use crate::report::text::Foreign;
use crate::signature::{Encoded, key};

/// Reports of at most so many bytes travel inside the statement; larger ones lie on
/// the reports ref, where similar ones are stored as differences.
const EMBEDDED_BYTES: usize = 64 * 1024;

/// A report that was read.
struct Attached {
    kind: Kind,
    file: PathBuf,
    bytes: Vec<u8>,
    report: Report,
}

/// Reads, signs and attaches reports.
///
/// # Errors
/// A report cannot be read, signing fails, or the server refuses.
pub fn attach(dir: &Path, args: &Attach, out: &mut Output) -> Result<()> {
    let git = Git::find(dir)?;
    let limits = Limits::default();
    let files = named_files(args)?;
    if files.is_empty() {
        if !args.push {
            return Err(Error::new(ErrorKind::Usage, "nothing to attach")
                .hint("refgate attach --sast FILE --tests unit=FILE [COMMIT]"));
        }
        let remote = Remote::choose(&git, args.server.remote.as_deref())?;
        return show(&remote.push(&git, &[])?, out);
    }
    let attached: Vec<Attached> = files
        .into_iter()
        .map(|(kind, file)| read(dir, kind, file, &limits))
        .collect::<Result<_>>()?;
    show_reports(&attached, out);
    if args.dry_run {
        return Ok(());
    }
    let commit = git.commit(&args.commit)?;
    write(&git, args, commit, &attached, &limits)?;
    out.line(&format!(
        "attached to {}{}",
        if args.tree { "the tree of " } else { "" },
        commit.short()
    ));
    if args.push {
        let remote = Remote::choose(&git, args.server.remote.as_deref())?;
        return show(&remote.push(&git, &[])?, out);
    }
    say_how(out);
    Ok(())
}

fn named_files(args: &Attach) -> Result<Vec<(Kind, PathBuf)>> {
    let mut files: Vec<(Kind, PathBuf)> = Vec::new();
    for (kind, paths) in [
        (Kind::Sast, &args.sast),
        (Kind::Sbom, &args.sbom),
        (Kind::Dependencies, &args.dependencies),
    ] {
        files.extend(paths.iter().map(|path| (kind.clone(), path.clone())));
    }
    for text in &args.tests {
        let suite =
            text.split_once('=').and_then(|(suite, file)| Some((SuiteName::parse(suite)?, file)));
        let (suite, file) = suite.ok_or_else(|| {
            Error::new(ErrorKind::Usage, format!("--tests {text:?} is not SUITE=FILE"))
                .hint("for example --tests unit=junit.xml")
        })?;
        files.push((Kind::Tests(suite), file.into()));
    }
    Ok(files)
}

fn read(dir: &Path, kind: Kind, file: PathBuf, limits: &Limits) -> Result<Attached> {
    let path = dir.join(&file);
    let bytes = read_bounded(&path, limits.report_bytes)?
        .ok_or_else(|| Error::new(ErrorKind::Usage, format!("{}: no such file", file.display())))?;
    let report = format::read(&bytes, limits, &SeverityOverrides::default()).map_err(|error| {
        let refused = Error::new(ErrorKind::Usage, error.to_string())
            .while_(format!("reading {}", file.display()));
        match error.remedy() {
            Some(remedy) => refused.hint(remedy),
            None => refused,
        }
    })?;
    report.supports(&kind, &Requirements::default()).map_err(|why| {
        Error::new(ErrorKind::Usage, why.to_string())
            .while_(format!("{} is no evidence of {kind}", file.display()))
    })?;
    Ok(Attached { kind, file, bytes, report })
}

/// Shows what was read, so that a wrong file is noticed before it is signed.
fn show_reports(attached: &[Attached], out: &mut Output) {
    let rows: Vec<Vec<String>> = attached
        .iter()
        .map(|attached| {
            let report = &attached.report;
            let tools: Vec<String> =
                report.tools.iter().map(|tool| Foreign::from(&tool.name).shown(30)).collect();
            let says = match (&attached.kind, report.tests, report.components) {
                (Kind::Tests(_), Some(tests), _) => {
                    format!(
                        "{} passed, {} failed, {} skipped",
                        tests.passed,
                        tests.failures(),
                        tests.skipped
                    )
                }
                (Kind::Sbom, _, Some(components)) => format!("{components} components"),
                (Kind::Sast | Kind::Sbom | Kind::Dependencies | Kind::Tests(_), _, _) => {
                    report.open.to_string()
                }
            };
            let suppressed = match report.suppressed.total() {
                0 => String::new(),
                n => format!("; {n} suppressed"),
            };
            vec![
                attached.kind.to_string(),
                tools.join(", "),
                format!("{says}{suppressed}"),
                attached.file.display().to_string(),
            ]
        })
        .collect();
    for line in table(&rows) {
        out.line(&line);
    }
}

fn write(
    git: &Git,
    args: &Attach,
    commit: CommitId,
    attached: &[Attached],
    limits: &Limits,
) -> Result<()> {
    let layout = Layout::open(&git.git_dir)?;
    let objects = Trusted::open(&layout.objects_dir(), layout.hash)?;
    let store = Store::open(&git.git_dir)?;
    let writer = Writer { objects: &objects, store: &store, limits };
    let signer = Signer::configured(git, args.key.as_deref())?;
    let mut buffer = Vec::new();
    let tree: TreeId = Ancestry::read(&objects, commit, limits, &mut buffer)
        .map_err(|error| error.on_the_trusted_side())?
        .tree;
    let subjects = Subjects { commit: (!args.tree).then_some(commit), tree };
    let mut lines: BTreeSet<Vec<u8>> = BTreeSet::new();
    for attached in attached {
        lines.insert(line(git, &writer, &signer, &subjects, attached)?);
    }
    let mut additions = Additions::from([(tree.0, lines.clone())]);
    if !args.tree {
        additions.insert(commit.0, lines);
    }
    let name = NotesRef::Evidence.name();
    writer.add(
        &name,
        value(git, &name)?,
        &additions,
        &format!("Attach evidence to {}", commit.short()),
    )?;
    Ok(())
}

/// What the evidence speaks of.
struct Subjects {
    commit: Option<CommitId>,
    tree: TreeId,
}

/// Signs one report and returns the line of the note.
fn line(
    git: &Git,
    writer: &Writer<'_>,
    signer: &Signer,
    subjects: &Subjects,
    attached: &Attached,
) -> Result<Vec<u8>> {
    let step = || format!("writing the statement about {}", attached.file.display());
    let form = if attached.bytes.len() > EMBEDDED_BYTES {
        Form::Stored(BlobId(store_report(git, writer, &attached.bytes)?))
    } else {
        let native = [(Format::Sarif, SARIF_TYPE), (Format::CycloneDxJson, CYCLONEDX_TYPE)];
        let native = native.into_iter().find(|(format, _)| *format == attached.report.format);
        native.map_or(Form::Embedded, |(_, predicate_type)| Form::Native(predicate_type))
    };
    let mut digests = Vec::new();
    digests.extend(subjects.commit.map(|commit| ("gitCommit", commit.to_string())));
    digests.push(("gitTree", subjects.tree.to_string()));
    let media_type = attached.report.format.media_type();
    let at = crate::clock::now();
    let at = jiff::Timestamp::from_second(at.as_second()).unwrap_or(at);
    let payload = predicate::write(&digests, &attached.kind, at, media_type, &attached.bytes, form)
        .during(ErrorKind::Usage, step)?;
    let (scheme, signature) = signer.sign(&pre_authentication_encoding(&payload))?;
    let keyid = key_id(scheme, &signature);
    Ok(Envelope { payload, signatures: vec![signature] }.to_line(&keyid).into_bytes())
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
