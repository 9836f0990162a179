//! `refgate evidence`: what is attached to a commit, and the reports in it.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;

use super::ACCEPTED;
use super::args::{EvidenceCommand, EvidenceExport, EvidenceShow, Format, Server};
use super::attach;
use super::inspect::inspect;
use super::output::Output;
use crate::client::remote::value;
use crate::client::workspace::Workspace;
use crate::collect::evidence::{EvidenceReader, RawReport};
use crate::collect::notes_ref::{NotesRef, NotesTips};
use crate::collect::{Stop, why};
use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::evidence::attestation::{
    CommitEvidence, EvidenceFact, EvidenceState, ReportForm, Signers,
};
use crate::evidence::change::Place;
use crate::evidence::format;
use crate::evidence::predicate::Sha256;
use crate::evidence::report::{Counts, Report, TestCounts};
use crate::evidence::severity::SeverityOverrides;
use crate::gate::current::{Standing, standings};
use crate::repo::commit::Commit;
use crate::report::block::table;
use crate::report::text::wrap;

/// Runs the command.
///
/// # Errors
/// The commit or its evidence cannot be read, or a file cannot be written.
pub fn run(dir: &Path, command: &EvidenceCommand, out: &mut Output) -> Result<ExitCode> {
    match command {
        EvidenceCommand::Inspect(args) => return inspect(dir, args, out),
        EvidenceCommand::Show(args) => show(dir, args, out)?,
        EvidenceCommand::Export(args) => export(dir, args, out)?,
    }
    Ok(ExitCode::from(ACCEPTED))
}

/// Reads something about the evidence of a commit, as the server would.
fn read<T>(
    dir: &Path,
    server: &Server,
    revision: &str,
    ask: impl FnOnce(&EvidenceReader<'_, '_, '_>, &Commit) -> Result<T, Stop>,
) -> Result<(Workspace, Commit, T)> {
    let workspace = Workspace::open(dir, server.remote.as_deref(), server.offline)?;
    let id = workspace.git.commit(revision)?;
    workspace.remote.join_evidence(&workspace.git)?;
    let mut tips = NotesTips::default();
    for notes in NotesRef::ALL {
        tips.0.extend(value(&workspace.git, &notes.name())?.map(|tip| (notes, tip)));
    }
    let found = {
        let (incoming, deadline) = (workspace.incoming()?, workspace.deadline());
        let scene = workspace.scene(&incoming, &deadline);
        let read = || -> Result<_, Stop> {
            let commit = Commit::read(&incoming, id, &workspace.limits)?;
            let found = ask(&EvidenceReader::open(&scene, &tips)?, &commit)?;
            Ok((commit, found))
        };
        read().map_err(|stop| match stop {
            Stop::Error(error) => error,
            Stop::Violation(violation) => Error::new(ErrorKind::Repository, why(&violation)),
        })?
    };
    let (commit, found) = found;
    Ok((workspace, commit, found))
}

fn show(dir: &Path, args: &EvidenceShow, out: &mut Output) -> Result<()> {
    let (workspace, commit, found) =
        read(dir, &args.server, &args.commit, |reader, commit| reader.of_commits([commit]))?;
    let [evidence] = found.as_slice() else {
        return Err(Error::new(ErrorKind::Internal, "one commit has no one place for evidence"));
    };
    let shown = Shown::of(&workspace, &commit, evidence);
    match args.format {
        Format::Json => {
            let json = serde_json::to_string_pretty(&shown)
                .during(ErrorKind::Internal, || "writing JSON".into())?;
            out.line(&json);
        }
        Format::Text => shown.lines().iter().for_each(|line| out.line(line)),
    }
    Ok(())
}

/// What `refgate evidence show` prints.
#[derive(Serialize)]
struct Shown<'a> {
    commit: String,
    tree: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<&'a str>,
    evidence: Vec<Item<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Item<'a> {
    kind: Option<String>,
    by: Vec<String>,
    at: Option<String>,
    age_days: Option<i64>,
    format: Option<&'static str>,
    tools: Vec<Tool<'a>>,
    findings: Option<Counts>,
    suppressed: Option<u64>,
    components: Option<u64>,
    tests: Option<TestCounts>,
    form: Option<ReportForm>,
    place: &'a Place,
    counts: bool,
    why: Option<String>,
    #[serde(skip)]
    says: Option<(String, String)>,
}

#[derive(Serialize)]
struct Tool<'a> {
    name: &'a str,
    version: Option<&'a str>,
}

impl<'a> Shown<'a> {
    fn of(workspace: &Workspace, commit: &Commit, evidence: &'a CommitEvidence) -> Self {
        let standings = standings(&workspace.snapshot.policy, evidence, workspace.now);
        let items = evidence.items.iter().zip(standings);
        Self {
            commit: commit.id.to_string(),
            tree: commit.tree.to_string(),
            unreadable: evidence.unreadable.as_deref(),
            evidence: items.map(|(fact, standing)| Item::of(workspace, fact, standing)).collect(),
        }
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("commit {}, tree {}", self.commit, self.tree)];
        lines.extend(self.unreadable.map(|why| format!("its notes cannot be read: {why}")));
        if self.evidence.is_empty() {
            lines.push("no evidence".into());
            return lines;
        }
        let head = ["kind", "signer", "age", "tool", "says", "form", ""].map(str::to_owned);
        let rows = std::iter::once(head.to_vec()).chain(self.evidence.iter().map(Item::row));
        let rows: Vec<Vec<String>> = rows.collect();
        let mut table = table(&rows).into_iter();
        lines.extend(table.next());
        for (line, item) in table.zip(&self.evidence) {
            lines.push(line);
            let whys = item.why.iter().flat_map(|why| wrap(why, 66));
            lines.extend(whys.map(|why| format!("    {why}")));
        }
        lines
    }
}

impl<'a> Item<'a> {
    fn of(workspace: &Workspace, fact: &'a EvidenceFact, standing: Standing) -> Self {
        let (by, at, report): (Option<&Signers>, _, Option<&Report>) = match &fact.state {
            EvidenceState::Authentic { by, at, report } => {
                (Some(by), at.or(report.times.map(|times| times.latest)), Some(report))
            }
            EvidenceState::Unreadable { by, at, .. } => (Some(by), *at, None),
            EvidenceState::WrongSubject { by, .. } => (Some(by), None, None),
            EvidenceState::Malformed(_) | EvidenceState::Untrusted(_) => (None, None, None),
        };
        let (counts, why) = match standing {
            Standing::Counts => (true, None),
            Standing::Replaced => (false, Some("a newer run replaces it".into())),
            Standing::Refused(why) => (false, Some(why)),
        };
        let tools = report.into_iter().flat_map(|report| &report.tools);
        Self {
            kind: fact.kind.as_ref().map(ToString::to_string),
            by: by.into_iter().flat_map(Signers::iter).map(ToString::to_string).collect(),
            at: at.map(|at| at.to_string()),
            age_days: at.map(|at| workspace.now.duration_since(at).as_hours().div_euclid(24)),
            format: report.map(|report| report.format.id()),
            tools: tools
                .map(|tool| Tool { name: &tool.name, version: tool.version.as_deref() })
                .collect(),
            findings: report.map(|report| report.open),
            suppressed: report.map(|report| report.suppressed.total()),
            components: report.and_then(|report| report.components),
            tests: report.and_then(|report| report.tests),
            form: fact.form,
            place: &fact.place,
            counts,
            why,
            says: fact
                .kind
                .as_ref()
                .zip(report)
                .map(|(kind, report)| (attach::tools(report), attach::says(kind, report))),
        }
    }

    fn row(&self) -> Vec<String> {
        let dash = || "-".to_owned();
        let (tool, says) = self.says.clone().unwrap_or_else(|| (dash(), dash()));
        let age = self.age_days.map(|days| match days {
            ..0 => "to come".into(),
            0 => "today".into(),
            1 => "1 day".into(),
            days => format!("{days} days"),
        });
        let form = self.form.map(|form| match form {
            ReportForm::Native | ReportForm::Embedded => "embedded".to_owned(),
            ReportForm::Stored => "referenced".to_owned(),
        });
        vec![
            self.kind.clone().unwrap_or_else(|| "unknown".into()),
            if self.by.is_empty() { "nobody permitted".into() } else { self.by.join(", ") },
            age.unwrap_or_else(dash),
            tool,
            says,
            form.unwrap_or_else(dash),
            if self.counts { "counts" } else { "does not count" }.into(),
        ]
    }
}

fn export(dir: &Path, args: &EvidenceExport, out: &mut Output) -> Result<()> {
    let (workspace, commit, reports) =
        read(dir, &args.server, &args.commit, |reader, commit| reader.raw_reports(commit))?;
    if reports.is_empty() {
        let what = format!("there is no evidence on {} or its tree", commit.id.short());
        return Err(Error::new(ErrorKind::Usage, what));
    }
    let directory = dir.join(&args.output);
    let step = || format!("writing to {}", directory.display());
    std::fs::create_dir_all(&directory).during(ErrorKind::Environment, step)?;
    let mut seen = BTreeSet::new();
    let mut rows = Vec::new();
    for RawReport { place, kind, bytes } in reports {
        let bytes = match bytes {
            Ok(bytes) => bytes,
            Err(why) => {
                let line = match place {
                    Place::Note { line, .. } | Place::Trailer { line, .. } => line,
                };
                out.note(&format!("warning: the {kind} report of line {line}: {why}"));
                continue;
            }
        };
        let digest = Sha256::of(&bytes).to_hex();
        if !seen.insert((kind.to_string(), digest.clone())) {
            continue;
        }
        let read = format::read(&bytes, &workspace.limits, &SeverityOverrides::default());
        let format = read.map_or("report", |report| report.format.id());
        // The digest keeps names apart and the same from one export to the next.
        let short = digest.get(..8).unwrap_or(&digest);
        let name =
            format!("{}-{short}.{}", kind.to_string().replace(':', "-"), format.replace('-', "."));
        let path = directory.join(&name);
        let step = || format!("writing {}", path.display());
        write_new(&path, &bytes).during(ErrorKind::Environment, step)?;
        rows.push(vec![kind.to_string(), path.display().to_string(), format!("sha256:{digest}")]);
    }
    table(&rows).iter().for_each(|line| out.line(line));
    Ok(())
}

/// Writes a file that is not there yet, or that holds these bytes already.
fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    match std::fs::File::create_new(path) {
        Ok(mut file) => file.write_all(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            match std::fs::read(path)? == bytes {
                true => Ok(()),
                false => Err(error),
            }
        }
        Err(error) => Err(error),
    }
}
