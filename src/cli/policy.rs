//! `refgate policy check` and `show`: what refgate reads in the trusted files.

use std::path::Path;
use std::process::ExitCode;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde::Serialize;

use super::args::{Format, Policy as PolicyArgs};
use super::output::Output;
use super::{ACCEPTED, REFUSED};
use crate::client::git::Git;
use crate::error::{Diagnostic, Error, ErrorKind, Result};
use crate::id::CommitId;
use crate::limits::Limits;
use crate::policy::Policy;
use crate::policy::config::{Config, Floor, Repository};
use crate::policy::structure::{SUMMARIES, Section, Standing};
use crate::refname::RefName;
use crate::repo::layout::Layout;
use crate::repo::objects::Trusted;
use crate::snapshot::{Ask, Snapshot, Void, read_all};

/// Checks or shows the trusted files of a commit.
///
/// # Errors
/// The commit cannot be read.
pub fn run(dir: &Path, args: &PolicyArgs, out: &mut Output) -> Result<ExitCode> {
    let git = Git::find(dir)?;
    match args {
        PolicyArgs::Check { commit } => check(&git, commit, out),
        PolicyArgs::Show { commit, format } => show(&git, commit, *format, out),
    }
}

fn read(git: &Git, revision: &str) -> Result<(CommitId, std::result::Result<Snapshot, Void>)> {
    let commit = git.commit(revision)?;
    let layout = Layout::open(&git.git_dir)?;
    let objects = Trusted::open(&layout.objects_dir(), layout.hash)?;
    let limits = Limits::default();
    let named = git.config("refgate.repository")?.and_then(|name| Repository::parse(&name));
    let main = RefName::parse(b"refs/heads/main");
    let trust_ref =
        git.config("refgate.trustRef")?.and_then(|name| RefName::parse(name.as_bytes())).or(main);
    let trust_ref = trust_ref.ok_or_else(|| Error::new(ErrorKind::Internal, "no trust ref"))?;
    let ask = Ask {
        trust_ref: &trust_ref,
        repository: named.as_ref(),
        limits: &limits,
        now: crate::clock::now(),
    };
    Ok((commit, read_all(&objects, commit, &ask, &Floor::default())))
}

fn check(git: &Git, revision: &str, out: &mut Output) -> Result<ExitCode> {
    let (commit, snapshot) = read(git, revision)?;
    match snapshot {
        Ok(snapshot) => {
            for warning in snapshot.policy.warnings() {
                out.text(&render(git, commit, warning, Level::WARNING));
            }
            out.line(&format!("the trusted files of {} can be judged by", commit.short()));
            Ok(ExitCode::from(ACCEPTED))
        }
        Err(Void::Files(diagnostics)) => {
            for diagnostic in &diagnostics {
                out.text(&render(git, commit, diagnostic, Level::ERROR));
            }
            let n = diagnostics.len();
            out.line(&format!(
                "the trusted files of {} are void: {n} problem{}",
                commit.short(),
                if n == 1 { "" } else { "s" }
            ));
            Ok(ExitCode::from(REFUSED))
        }
        Err(Void::Error(error)) => Err(error),
    }
}

/// Draws a diagnostic with the line that it is about.
fn render(git: &Git, commit: CommitId, diagnostic: &Diagnostic, level: Level<'_>) -> String {
    let spec = format!("{commit}:{}", diagnostic.file);
    let source = git.ask(["show", &spec]).ok().flatten().unwrap_or_default();
    let span = line_span(&source, diagnostic.line);
    let mut group = level
        .primary_title(diagnostic.message.as_str())
        .elements(Vec::<annotate_snippets::Message<'_>>::new());
    if let Some(span) = span {
        let snippet = Snippet::source(&source)
            .path(&diagnostic.file)
            .annotation(AnnotationKind::Primary.span(span));
        group = group.element(snippet);
    } else {
        group = group.element(annotate_snippets::Origin::path(&diagnostic.file));
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    format!("{}\n", Renderer::plain().render(&[group]))
}

/// Returns the bytes of a line without its blanks.
fn line_span(source: &str, line: usize) -> Option<std::ops::Range<usize>> {
    let mut start = 0;
    for (number, text) in source.split_inclusive('\n').enumerate() {
        if number + 1 == line {
            let trimmed = text.trim_end();
            let lead = trimmed.len() - trimmed.trim_start().len();
            return (!trimmed.is_empty()).then_some(start + lead..start + trimmed.len());
        }
        start += text.len();
    }
    None
}

fn show(git: &Git, revision: &str, format: Format, out: &mut Output) -> Result<ExitCode> {
    let (commit, snapshot) = read(git, revision)?;
    let snapshot = match snapshot {
        Ok(snapshot) => snapshot,
        Err(Void::Files(_)) => return check(git, revision, out),
        Err(Void::Error(error)) => return Err(error),
    };
    let shown = Shown::of(&snapshot.policy, commit);
    match format {
        Format::Json => {
            let text = serde_json::to_string_pretty(&shown)
                .map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))?;
            out.line(&text);
        }
        Format::Text => shown.print(out),
    }
    Ok(ExitCode::from(ACCEPTED))
}

/// The policy in force, as it is shown.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Shown {
    commit: String,
    repository: String,
    rules: Vec<Value>,
    people: Vec<Row>,
}

#[derive(Serialize)]
struct Value {
    key: &'static str,
    value: String,
    from: String,
}

#[derive(Serialize)]
struct Row {
    line: usize,
    section: &'static str,
    who: Vec<String>,
    counts: String,
    keys: Vec<String>,
    of: Vec<String>,
}

impl Shown {
    fn of(policy: &Policy, commit: CommitId) -> Self {
        let now = crate::clock::now();
        let people = policy
            .structure()
            .explain(now)
            .into_iter()
            .map(|row| Row {
                line: row.line,
                section: section(row.section),
                who: row.principals.iter().map(|p| format!("{} <{}>", p.name(), p.id())).collect(),
                counts: standing(row.standing).into(),
                keys: row
                    .keys
                    .iter()
                    .map(|(key, state)| format!("{key} ({})", standing(*state)))
                    .collect(),
                of: match row.domain {
                    Some(domain) => vec![format!("domain {}", domain.name)],
                    None => {
                        let kinds = row.attests.iter().map(ToString::to_string);
                        kinds.chain(row.summaries.then(|| SUMMARIES.to_owned())).collect()
                    }
                },
            })
            .collect();
        Self {
            commit: commit.to_string(),
            repository: policy.config().repository.to_string(),
            rules: rules(policy.config()),
            people,
        }
    }

    fn print(&self, out: &mut Output) {
        out.line(&format!("repository {} at {}", self.repository, self.commit));
        out.line("");
        let rows: Vec<Vec<String>> = self
            .rules
            .iter()
            .map(|value| vec![value.key.to_owned(), value.value.clone(), value.from.clone()])
            .collect();
        crate::report::block::table(&rows).iter().for_each(|line| out.line(line));
        out.line("");
        for row in &self.people {
            out.line(&format!(
                "{}:{}  {}  {}  {}",
                crate::policy::structure::FILE,
                row.line,
                row.section,
                row.who.join(", "),
                row.counts
            ));
            row.of.iter().chain(&row.keys).for_each(|line| out.line(&format!("    {line}")));
        }
    }
}

fn rules(config: &Config) -> Vec<Value> {
    let list = |items: Vec<String>| items.join(", ");
    let mut rules = Vec::new();
    for rule in &config.protect {
        let refs = list(rule.refs.iter().map(ToString::to_string).collect());
        rules.push(Value {
            key: "protect",
            value: format!("{refs}: {}", rule.gates),
            from: rule.origin.to_string(),
        });
    }
    macro_rules! values {
        ($($key:literal => $setting:expr, $text:expr;)*) => {
            $( rules.push(Value { key: $key, value: $text.to_string(), from: $setting.origin.to_string() }); )*
        };
    }
    let (scan, tests, review, checklist) =
        (&config.scan, &config.tests, &config.review, &config.checklist);
    let exceptions = &config.exceptions;
    values! {
        "scan.require" => scan.require, list(scan.require.iter().map(ToString::to_string).collect());
        "scan.block" => scan.block, *scan.block;
        "scan.max-age" => scan.max_age, *scan.max_age;
        "scan.signers" => scan.signers, *scan.signers;
        "tests.suites" => tests.suites, list(tests.suites.iter().map(|suite| suite.as_str().to_owned()).collect());
        "tests.max-age" => tests.max_age, *tests.max_age;
        "tests.signers" => tests.signers, *tests.signers;
        "review.approvals" => review.approvals, *review.approvals;
        "review.maintainers" => review.maintainers, *review.maintainers;
        "review.domain-reviewers" => review.domain_reviewers, *review.domain_reviewers;
        "review.approval-max-age" => review.approval_max_age, *review.approval_max_age;
        "review.signed-commits" => review.signed_commits, *review.signed_commits;
        "review.require-touch" => review.require_touch, *review.require_touch;
        "checklist.template" => checklist.template, &*checklist.template;
        "checklist.document" => checklist.document, checklist.document.as_str();
        "checklist.section" => checklist.section, checklist.section.as_str();
        "checklist.fields" => checklist.fields, list(checklist.fields.to_vec());
        "checklist.owners" => checklist.owners, word(*checklist.owners);
        "checklist.digests" => checklist.digests, word(*checklist.digests);
        "checklist.exceptions" => checklist.exceptions, word(*checklist.exceptions);
        "checklist.commits" => checklist.commits, word(*checklist.commits);
        "exceptions.max-duration" => exceptions.max_duration, *exceptions.max_duration;
        "exceptions.break-glass-max-duration" => exceptions.break_glass_max_duration, *exceptions.break_glass_max_duration;
        "exceptions.answer-within" => exceptions.answer_within, format!("{} business days", *exceptions.answer_within);
        "exceptions.weekend" => exceptions.weekend, list(exceptions.weekend.iter().map(ToString::to_string).collect());
        "exceptions.holidays" => exceptions.holidays, list(exceptions.holidays.iter().map(ToString::to_string).collect());
        "exceptions.time-zone" => exceptions.time_zone, exceptions.time_zone.as_str();
        "trust.threshold" => config.trust_threshold, *config.trust_threshold;
    }
    rules
}

/// Writes a choice as the file does: one word in lower case.
fn word(choice: impl std::fmt::Debug) -> String {
    format!("{choice:?}").to_lowercase()
}

fn section(section: Section) -> &'static str {
    match section {
        Section::People => "person",
        Section::Maintainers => "maintainer",
        Section::DomainReviewers => "domain reviewers",
        Section::SecurityEngineering => "security engineering",
        Section::ReleaseManagers => "release manager",
        Section::Automation => "automation",
    }
}

fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Active => "counts",
        Standing::NotYet => "does not count yet",
        Standing::Expired => "counts no longer",
        Standing::Retired => "retired",
        Standing::Compromised => "compromised",
    }
}
