//! `refgate audit archive` and `refgate audit verify-archive`: a release in one file.

use std::path::Path;
use std::process::ExitCode;

use super::args::{Archive as Args, VerifyArchive};
use crate::audit::archive::{self, Archive, MAX_BYTES};
use crate::audit::clone::Clone;
use crate::audit::replay::replay_tag;
use crate::audit::results::Answer;
use crate::cli::output::Output;
use crate::cli::{ACCEPTED, REFUSED};
use crate::client::store::Store;
use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::evidence::predicate::Sha256;
use crate::exec::Run;
use crate::id::{CommitId, parse_hex};
use crate::refname::RefName;
use crate::repo::layout::read_bounded;
use crate::report::text::Foreign;

/// Writes the archive of a release.
///
/// # Errors
/// There is no such release in the clone, or the file cannot be written.
pub(super) fn write(dir: &Path, args: &Args, out: &mut Output) -> Result<ExitCode> {
    let clone = Clone::open(dir, crate::clock::now())?;
    let full = match args.tag.starts_with("refs/") {
        true => args.tag.clone(),
        false => format!("refs/tags/{}", args.tag),
    };
    let tag = RefName::parse(full.as_bytes()).filter(RefName::is_tag).ok_or_else(|| {
        Error::new(ErrorKind::Usage, format!("{:?} is no name of a tag", args.tag))
    })?;
    let archive = Archive::gather(&clone, &tag)?;
    let bytes = archive.write()?;
    let file = dir.join(&args.output);
    let step = || format!("writing {}", file.display());
    std::fs::write(&file, &bytes).during(ErrorKind::Environment, step)?;
    out.line(&format!(
        "{}: {} objects, sha256:{}",
        file.display(),
        archive.objects.len(),
        Sha256::of(&bytes).to_hex()
    ));
    Ok(ExitCode::from(ACCEPTED))
}

/// Checks an archive offline.
///
/// # Errors
/// It is none, or it is not what refgate has written.
pub(super) fn verify(dir: &Path, args: &VerifyArchive, out: &mut Output) -> Result<ExitCode> {
    let file = dir.join(&args.file);
    let bytes = read_bounded(&file, MAX_BYTES)?.ok_or_else(|| {
        Error::new(ErrorKind::Usage, format!("there is no file {}", file.display()))
    })?;
    let archive = Archive::read(&bytes)?;
    let place = tempfile::tempdir()
        .during(ErrorKind::Environment, || "making a temporary directory".into())?;
    unpack(&archive, place.path())?;
    let clone = Clone::open(place.path(), crate::clock::now())?;
    let tag = RefName::parse(archive.manifest.tag.as_bytes())
        .ok_or_else(|| Error::new(ErrorKind::Usage, "the archive names no tag"))?;
    if Archive::gather(&clone, &tag)?.write()? != bytes {
        let what = "written again from its own objects it is another file";
        return Err(Error::new(ErrorKind::Usage, what)
            .while_(format!("checking {}", file.display()))
            .hint("something was added, changed or left out: take the copy of another place"));
    }
    let check = replay_tag(&clone, &|| archive::objects(place.path()), &tag)?;
    let shown = |text: &str| Foreign::from(text).shown(200);
    let manifest = &archive.manifest;
    out.line(&format!(
        "{} {}, commit {}",
        shown(&manifest.repository),
        shown(&manifest.tag),
        shown(&manifest.commit)
    ));
    for gate in &check.gates {
        out.line(&format!("    {}: {}", gate.gate, if gate.passed { "passed" } else { "missed" }));
    }
    for wrong in &check.wrong {
        out.line(&format!("    {}: {}", wrong.code, shown(&wrong.title)));
    }
    let (commit, _) = clone.tagged(
        parse_hex(check.new.as_bytes())
            .ok_or_else(|| Error::new(ErrorKind::Internal, "the tag has no id"))?,
    )?;
    for name in [&tag, &clone.trust_ref] {
        if let Some(verified) = clone.summary(commit, name)?.0 {
            let by = &verified.by;
            out.line(&format!(
                "    summary of {name}: level {}, signed by {by}",
                verified.summary.level
            ));
        }
    }
    let good = check.answer == Answer::Accepted;
    out.line(if good {
        "it is what it was, and holds"
    } else {
        "it is what it was, and does not hold"
    });
    Ok(ExitCode::from(if good { ACCEPTED } else { REFUSED }))
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
