//! Reads the reports that are to be attached, and shows what they say.

use std::path::{Path, PathBuf};

use crate::cli::args::Attach;
use crate::error::{Error, ErrorKind, Result};
use crate::evidence::format::{self, Format};
use crate::evidence::kind::{Kind, SuiteName};
use crate::evidence::predicate::{CYCLONEDX_TYPE, SARIF_TYPE};
use crate::evidence::report::{Counts, Report, Requirements, Unsuitable};
use crate::evidence::severity::SeverityOverrides;
use crate::limits::Limits;
use crate::repo::layout::read_bounded;
use crate::report::block::table;
use crate::report::text::Foreign;

/// Reports of at most so many bytes travel inside the statement; larger ones lie on
/// the reports ref, where similar ones are stored as differences.
const EMBEDDED_BYTES: usize = 64 * 1024;

/// Formats that others know as predicates of their own.
const NATIVE: [(Format, &str); 2] =
    [(Format::Sarif, SARIF_TYPE), (Format::CycloneDxJson, CYCLONEDX_TYPE)];

/// A report that was read.
pub(super) struct Attached {
    pub(super) kind: Kind,
    pub(super) file: PathBuf,
    pub(super) bytes: Vec<u8>,
    pub(super) report: Report,
    pub(super) form: Form,
}

/// How a report will travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As the predicate of its own type.
    Native(&'static str),
    /// Inside refgate's own predicate.
    Embedded,
    /// On the reports ref.
    Stored,
}

impl Form {
    fn of(format: Format, bytes: &[u8]) -> Self {
        if bytes.len() > EMBEDDED_BYTES {
            return Self::Stored;
        }
        // A statement is UTF-8 without a byte order mark, so a report with one has to be wrapped.
        let fits = str::from_utf8(bytes).is_ok() && bytes.trim_ascii_start().starts_with(b"{");
        let native = NATIVE.iter().find(|(native, _)| fits && *native == format);
        native.map_or(Self::Embedded, |(_, predicate_type)| Self::Native(predicate_type))
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Native(_) | Self::Embedded => "embedded",
            Self::Stored => "referenced",
        }
    }
}

/// Returns the files that the command line names, each with what it shall be evidence of.
pub(super) fn named_files(args: &Attach) -> Result<Vec<(Kind, PathBuf)>> {
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

/// Reads a report, which must be one of its kind; whether it is good enough is another question.
pub(super) fn read(dir: &Path, kind: Kind, file: PathBuf, limits: &Limits) -> Result<Attached> {
    let path = dir.join(&file);
    let bytes = read_bounded(&path, limits.report_bytes)?
        .ok_or_else(|| Error::new(ErrorKind::Usage, format!("{}: no such file", file.display())))?;
    let report = format::read(&bytes, limits, &SeverityOverrides::default()).map_err(|error| {
        Error::new(ErrorKind::Usage, error.to_string())
            .while_(format!("reading {}", file.display()))
            .hint(error.remedy())
    })?;
    if let Err(why) = report.supports(&kind, &Requirements::default())
        && !is_poor(&why)
    {
        return Err(Error::new(ErrorKind::Usage, why.to_string())
            .while_(format!("{} is no evidence of {kind}", file.display())));
    }
    let form = Form::of(report.format, &bytes);
    Ok(Attached { kind, file, bytes, report, form })
}

/// Says whether a report is the right one with too little in it, and not the wrong file.
fn is_poor(why: &Unsuitable) -> bool {
    matches!(
        why,
        Unsuitable::ExecutionFailed { .. }
            | Unsuitable::ToolErrors { .. }
            | Unsuitable::Skipped { .. }
            | Unsuitable::TooFewComponents { .. }
            | Unsuitable::NoTestRan { .. }
    )
}

/// Shows what was read, so that a wrong file is noticed before it is signed.
pub(super) fn table_of(attached: &[Attached]) -> Vec<String> {
    let head = ["kind", "tool", "says", "size", "form", "file"].map(str::to_owned).to_vec();
    let rows = attached.iter().map(|attached| {
        vec![
            attached.kind.to_string(),
            tools(&attached.report),
            says(&attached.kind, &attached.report),
            size(attached.bytes.len()),
            attached.form.as_str().to_owned(),
            attached.file.display().to_string(),
        ]
    });
    table(&std::iter::once(head).chain(rows).collect::<Vec<_>>())
}

/// Names the tools of a report with their versions, or its format where it names none.
pub(in crate::cli) fn tools(report: &Report) -> String {
    let name = |tool: &crate::evidence::report::Tool| {
        let version = tool.version.as_deref().unwrap_or_default();
        Foreign::from(format!("{} {version}", tool.name).trim_end()).shown(30)
    };
    let mut names: Vec<String> = report.tools.iter().map(name).collect();
    names.dedup();
    match names.is_empty() {
        true => report.format.to_string(),
        false => names.join(", "),
    }
}

/// Returns what a report says for a kind of evidence, in a few words.
pub(in crate::cli) fn says(kind: &Kind, report: &Report) -> String {
    let says = match (kind, report.tests, report.components) {
        (Kind::Tests(_), Some(tests), _) => {
            let counts = [
                ("passed", tests.passed),
                ("failed", tests.failures()),
                ("skipped", tests.skipped),
            ];
            listed(&counts, "no tests")
        }
        (Kind::Sbom, _, Some(components)) => format!("{components} components"),
        (Kind::Sast | Kind::Sbom | Kind::Dependencies | Kind::Tests(_), _, _) => {
            findings(&report.open)
        }
    };
    match report.suppressed.total() {
        0 => says,
        suppressed => format!("{says} ({suppressed} suppressed)"),
    }
}

fn findings(counts: &Counts) -> String {
    let Counts { critical, high, medium, low, none, unknown } = *counts;
    let counts = [
        ("critical", critical),
        ("high", high),
        ("medium", medium),
        ("low", low),
        ("none", none),
        ("unknown", unknown),
    ];
    listed(&counts, "no findings")
}

fn listed(counts: &[(&str, u64)], nothing: &str) -> String {
    let some = counts.iter().filter(|(_, count)| *count > 0);
    let texts: Vec<String> = some.map(|(name, count)| format!("{count} {name}")).collect();
    match texts.is_empty() {
        true => nothing.to_owned(),
        false => texts.join(", "),
    }
}

fn size(bytes: usize) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", bytes / 1_000),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_travels_in_the_form_that_fits_it() {
        let large = format!("{{{}}}", " ".repeat(EMBEDDED_BYTES));
        for (format, bytes, form) in [
            (Format::Sarif, b"{}\n".as_slice(), Form::Native(SARIF_TYPE)),
            (Format::CycloneDxJson, b"\n{}", Form::Native(CYCLONEDX_TYPE)),
            (Format::CycloneDxJson, b"\xef\xbb\xbf{}", Form::Embedded),
            (Format::Sarif, b"\xff\xfe{\0}\0", Form::Embedded),
            (Format::TrivyJson, b"{}", Form::Embedded),
            (Format::JunitXml, b"<testsuites/>", Form::Embedded),
            (Format::Sarif, large.as_bytes(), Form::Stored),
        ] {
            assert_eq!(
                Form::of(format, bytes),
                form,
                "{format} {:?}",
                &bytes[..3.min(bytes.len())]
            );
        }
    }

    #[test]
    fn sizes_and_counts_are_short() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1 kB"),
            (999_999, "999 kB"),
            (10_760_000, "10.7 MB"),
        ] {
            assert_eq!(size(bytes), text);
        }
        assert_eq!(findings(&Counts::default()), "no findings");
        let some = Counts { high: 2, unknown: 1, ..Counts::default() };
        assert_eq!(findings(&some), "2 high, 1 unknown");
    }
}
