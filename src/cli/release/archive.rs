//! `refgate release archive` and `refgate verify --archive`: a release in one file.

use std::path::Path;
use std::process::ExitCode;

use crate::audit::archive::{self, Archive, Checked, MAX_BYTES};
use crate::audit::clone::Clone;
use crate::audit::results::Answer;
use crate::cli::args::release::Archive as Args;
use crate::cli::output::Output;
use crate::cli::{ACCEPTED, REFUSED};
use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::evidence::predicate::Sha256;
use crate::refname::RefName;
use crate::repo::layout::read_bounded;
use crate::report::text::Foreign;
use crate::summary::verify::Verified;

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
    let file = match &args.output {
        Some(file) => dir.join(file),
        None => dir.join(format!("{}.tar", String::from_utf8_lossy(tag.short()).replace('/', "-"))),
    };
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
pub(in crate::cli) fn verify(dir: &Path, file: &Path, out: &mut Output) -> Result<ExitCode> {
    let file = dir.join(file);
    let bytes = read_bounded(&file, MAX_BYTES)?.ok_or_else(|| {
        Error::new(ErrorKind::Usage, format!("there is no file {}", file.display()))
    })?;
    let place = tempfile::tempdir()
        .during(ErrorKind::Environment, || "making a temporary directory".into())?;
    let Checked { manifest, check, summaries } =
        archive::check(&bytes, place.path(), crate::clock::now())
            .map_err(|error| error.while_(format!("checking {}", file.display())))?;
    let shown = |text: &str| Foreign::from(text).shown(200);
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
    for (name, Verified { summary, by }) in &summaries {
        out.line(&format!("    summary of {name}: level {}, signed by {by}", summary.level));
    }
    let good = check.answer == Answer::Accepted;
    out.line(if good {
        "it is what it was, and holds"
    } else {
        "it is what it was, and does not hold"
    });
    Ok(ExitCode::from(if good { ACCEPTED } else { REFUSED }))
}
