//! `refgate release new`: the release document, from the template and what is known already.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use super::tag::Planned;
use crate::cli::ACCEPTED;
use crate::cli::args::release::New;
use crate::cli::output::Output;
use crate::client::workspace::Workspace;
use crate::collect::changes::Changes;
use crate::collect::evidence::EvidenceReader;
use crate::collect::notes_ref::NotesTips;
use crate::collect::{Scene, Stop, chain, exceptions, since, why};
use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::evidence::checklist::{EXCEPTIONS, GATES};
use crate::gate::checklist::Since;
use crate::gate::{review, scan, testing};
use crate::id::CommitId;
use crate::policy::config::Checklist;
use crate::policy::gates::Gate;
use crate::principal::PrincipalId;
use crate::repo::commit::Commit;
use crate::repo::range::{Collect, RangeError};
use crate::report::text::Foreign;
use crate::verdict::{Grounds, Outcome};

/// The section that says what came in.
const CHANGES: &str = "Changes";

/// Landings that are listed one by one.
const LISTED: usize = 500;

/// Writes the document.
///
/// # Errors
/// It is there already, there is no template, or the range cannot be read.
pub(super) fn new(dir: &Path, args: &New, out: &mut Output) -> Result<ExitCode> {
    out.progress("asking the server");
    let workspace = Workspace::open(dir, args.server.remote.as_deref(), args.server.offline)?;
    let planned = Planned::of(&workspace, &args.version)?;
    let checklist = &workspace.snapshot.policy.config().checklist;
    let Some(template) = &workspace.snapshot.template else {
        let path = checklist.template.as_str();
        return Err(Error::new(
            ErrorKind::Usage,
            format!("{} has no {path}, from which documents are made", workspace.anchor.short()),
        )
        .hint("refgate init writes one; land it first"));
    };
    let template = std::str::from_utf8(template).map_err(|error| {
        Error::new(ErrorKind::Policy, format!("{} is not UTF-8: {error}", *checklist.template))
    })?;
    let commit = match &args.commit {
        Some(commit) => workspace.git.commit(commit)?,
        None => workspace.tip(&workspace.trust_ref)?,
    };
    let file = workspace.git.top()?.join(&planned.document);
    if file.symlink_metadata().is_ok() {
        return Err(Error::new(ErrorKind::Usage, format!("{} is there already", planned.document))
            .hint(format!("see what is open in it: refgate release check {}", planned.short)));
    }
    out.progress("reading what came in");
    let known = Known::read(&workspace, &planned, commit).map_err(|stop| match stop {
        Stop::Error(error) => error,
        Stop::Violation(violation) => Error::new(ErrorKind::Repository, why(&violation)),
    })?;
    let text = fill(template, &planned.short, &known, checklist);
    let step = || format!("writing {}", planned.document);
    if let Some(parent) = file.parent() {
        std::fs::create_dir_all(parent).during(ErrorKind::Environment, step)?;
    }
    let mut written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&file)
        .during(ErrorKind::Environment, step)?;
    written.write_all(text.as_bytes()).during(ErrorKind::Environment, step)?;
    out.line(&format!("wrote {}", planned.document));
    out.note("fill in the rest, tick what was done, land it; what is open is shown by:");
    out.note(&format!("    refgate release check {}", planned.short));
    Ok(ExitCode::from(ACCEPTED))
}

/// What is known about a release.
#[derive(Debug, Default)]
struct Known {
    since: String,
    landings: Vec<String>,
    gates: Vec<(Gate, String)>,
    exceptions: Vec<String>,
}

impl Known {
    fn read(
        workspace: &Workspace,
        planned: &Planned,
        commit: CommitId,
    ) -> std::result::Result<Self, Stop> {
        let incoming = workspace.incoming()?;
        let deadline = workspace.deadline();
        let scene = workspace.scene(&incoming, &deadline);
        let tips = workspace.notes_tips()?;
        let tags = workspace.judged()?.view.tags(b"refs/tags/")?;
        let policy = &workspace.snapshot.policy;
        let is_release = |name: &crate::refname::RefName| {
            let gates = policy.gates_for(name.as_bytes());
            gates.is_some_and(|gates| gates.contains(Gate::Checklist)) && *name != planned.name
        };
        let tags = tags.into_iter().filter(|(name, _)| is_release(name));
        let releases = since::releases(&scene, tags)?;
        let brought = since::brought(&scene, commit, &releases).map_err(|error| match error {
            RangeError::Read(error) => Stop::from(error),
            RangeError::TooMany => scene.range_stop(RangeError::TooMany),
        })?;
        let on = (&planned.name, &workspace.trust_ref);
        let relied = since::read(&scene, &tips, on, commit, &releases)?;
        let landings = landings(&scene, &tips, workspace, commit, &brought)?;
        let tip = Commit::read(scene.incoming, commit, scene.limits)?;
        let evidence = EvidenceReader::open(&scene, &tips)?.of_commits([&tip])?;
        let gates = policy.gates_for(planned.name.as_bytes()).unwrap_or_default();
        let mut found = Vec::new();
        for gate in gates.iter() {
            let text = match gate {
                Gate::Scan => {
                    let known = exceptions::read(&scene, commit)?;
                    let (name, now) = (&planned.name, scene.now);
                    outcome(&scan::evaluate_with(policy, &evidence, &known, name, now), commit)
                }
                Gate::Tests => outcome(&testing::evaluate(policy, &evidence, scene.now), commit),
                Gate::Review => {
                    let n = landings.len();
                    let landings =
                        if n == 1 { "1 landing".into() } else { format!("{n} landings") };
                    format!("{} of {}, {landings}", commit.short(), workspace.trust_ref)
                }
                Gate::Checklist => continue,
            };
            found.push((gate, text));
        }
        let since = match &brought.previous {
            Some((name, id)) => format!("Since {name} ({}), up to {}:", id.short(), commit.short()),
            None => format!("From the beginning up to {}:", commit.short()),
        };
        Ok(Self { since, landings, gates: found, exceptions: self::relied(&relied) })
    }
}

fn outcome(outcome: &Outcome, commit: CommitId) -> String {
    // The same report lies on the commit and on its tree.
    let evidence: BTreeSet<String> =
        outcome.rests_on.iter().map(|id| format!("{} of {}", id.kind, id.by)).collect();
    let mut evidence: Vec<String> = evidence.iter().map(|text| cell(text)).collect();
    for excepted in &outcome.excepted {
        let n = excepted.count;
        let findings =
            if n == 1 { "1 finding stands".into() } else { format!("{n} findings stand") };
        let by = match &excepted.grounds {
            Grounds::Exception { id, .. } => id.to_string(),
            Grounds::Vex { file, status, .. } => format!("{file} ({status})"),
        };
        evidence.push(cell(&format!("{findings} by {by}")));
    }
    let codes: BTreeSet<&str> = outcome.violations.iter().map(|found| found.code()).collect();
    match (codes.is_empty(), evidence.is_empty()) {
        (true, false) => format!("{} on {}", evidence.join(", "), commit.short()),
        (true, true) => format!("passed on {}", commit.short()),
        (false, _) => {
            let codes: Vec<&str> = codes.into_iter().collect();
            format!("open on {}: {}", commit.short(), codes.join(", "))
        }
    }
}

fn relied(since: &Since) -> Vec<String> {
    since
        .relied
        .iter()
        .map(|relied| {
            let allows = cell(&Foreign::from(&relied.allows).shown(200));
            format!("{}: {allows}, until {}", relied.id, relied.expires)
        })
        .collect()
}

/// Returns the landings of a release, oldest first, each with who approved it.
fn landings(
    scene: &Scene<'_, '_>,
    tips: &NotesTips,
    workspace: &Workspace,
    commit: CommitId,
    brought: &since::Brought,
) -> std::result::Result<Vec<String>, Stop> {
    let range = &brought.range;
    let mut below = commit;
    while let Some(next) = range.commits.get(&below).and_then(Commit::first_parent) {
        below = next;
    }
    // Before the first release everything is brought, the beginning too, whose author had no part
    // in what landed on it.
    let above;
    let range = if range.commits.contains_key(&below) {
        let Scene { incoming, trusted, limits, deadline, .. } = *scene;
        let collect = Collect { incoming, trusted, limits, deadline };
        let found = collect.range(commit, Some(below), || Ok(Vec::new()));
        above = found.map_err(|error| scene.range_stop(error))?;
        &above
    } else {
        range
    };
    let chain = chain::follow(scene, below, commit, range)?;
    let changes = Changes::read(scene, &workspace.trust_ref, &chain, range, tips)?;
    let facts = changes.facts()?;
    let structure = workspace.snapshot.policy.structure();
    let mut approvers: Vec<BTreeSet<String>> = vec![BTreeSet::new(); chain.landings.len()];
    for unit in &facts.units {
        let name = |by: &PrincipalId| {
            structure.principal(by).map_or(by.as_str(), |found| found.name()).to_owned()
        };
        let names: BTreeSet<String> =
            review::approvers(scene.policy, unit).iter().map(name).collect();
        for own in approvers.iter_mut().take(unit.landings.end).skip(unit.landings.start) {
            own.extend(names.iter().cloned());
        }
    }
    let mut lines: Vec<String> = Vec::new();
    for (landing, approvers) in chain.landings.iter().zip(&approvers).take(LISTED) {
        let subject = cell(&Foreign::from(landing.subject()).shown(100));
        let approved = if approvers.is_empty() {
            "no approval found".to_owned()
        } else {
            let names: Vec<String> = approvers.iter().map(|name| cell(name)).collect();
            format!("approved by {}", names.join(", "))
        };
        lines.push(format!("{} {subject}; {approved}", landing.id.short()));
    }
    if chain.landings.len() > LISTED {
        lines.push(format!("and {} more landings", chain.landings.len() - LISTED));
    }
    Ok(lines)
}

/// Writes foreign text so that Markdown shows it as it is.
fn cell(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '~' | '&' | '!')
        {
            out.push('\\');
        }
        out.push(if c.is_control() { ' ' } else { c });
    }
    out
}

/// Fills in a template: the version in its first heading, and the sections that machines know.
fn fill(template: &str, short: &str, known: &Known, checklist: &Checklist) -> String {
    let text = template.replacen("[version]", short, 1);
    let landings = if known.landings.is_empty() {
        vec!["- nothing came in".to_owned()]
    } else {
        known.landings.iter().map(|line| format!("- {line}")).collect()
    };
    let changes = format!("{}\n\n{}", known.since, landings.join("\n"));
    let rows = known.gates.iter().map(|(gate, text)| format!("| {gate} | {text} |\n"));
    let gates = format!("| Gate | What was found |\n|---|---|\n{}", rows.collect::<String>());
    let exceptions = if known.exceptions.is_empty() {
        "none".to_owned()
    } else {
        let lines = known.exceptions.iter().map(|line| format!("- {line}"));
        lines.collect::<Vec<_>>().join("\n")
    };
    let sections =
        [(CHANGES, changes), (GATES, gates.trim_end().to_owned()), (EXCEPTIONS, exceptions)];
    sections.iter().fold(text, |text, (heading, body)| put(&text, heading, body, checklist))
}

/// Puts a body into the section of a heading, in place of the list or table there; above the
/// checklist where the template has no such section.
fn put(text: &str, heading: &str, body: &str, checklist: &Checklist) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let level_of = |line: &str| {
        let marks = line.chars().take_while(|c| *c == '#').count();
        let named = line.get(marks..).unwrap_or_default();
        ((1..=6).contains(&marks) && named.starts_with(' '))
            .then(|| (marks, named.trim().trim_end_matches('#').trim().to_lowercase()))
    };
    let find = |wanted: &str| {
        let wanted = wanted.to_lowercase();
        lines.iter().position(|line| level_of(line).is_some_and(|(_, name)| name == wanted))
    };
    let Some(at) = find(heading) else {
        let at = find(checklist.section.as_str()).unwrap_or(lines.len());
        let (above, below) = lines.split_at(at);
        return format!("{}\n## {heading}\n\n{body}\n\n{}\n", joined(above), below.join("\n"));
    };
    let level = lines.get(at).and_then(|line| level_of(line)).map_or(2, |(level, _)| level);
    let is_next = |line: &&str| level_of(line).is_some_and(|(other, _)| other <= level);
    let end = lines.iter().skip(at + 1).position(is_next).map_or(lines.len(), |n| at + 1 + n);
    let section = lines.get(at..end).unwrap_or_default();
    // The words of the template stay; what is to be replaced begins with the first list or table.
    let is_place = |line: &&str| line.starts_with(['-', '*', '|']);
    let kept = section.iter().take_while(|line| !is_place(line)).copied().collect::<Vec<_>>();
    let above = joined(lines.get(..at).unwrap_or_default());
    let below = lines.get(end..).unwrap_or_default().join("\n");
    let kept = kept.join("\n");
    format!("{above}{}\n\n{body}\n\n{below}\n", kept.trim_end())
}

fn joined(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::checklist::{Template, open_items};
    use crate::limits::Limits;
    use crate::policy::config::Config;

    const TEMPLATE: &str = include_str!("../../../templates/document-template.md");

    fn checklist() -> Checklist {
        let config = Config::parse(b"repository = \"r\"", &Limits::default());
        config.expect("good rules").checklist
    }

    fn known() -> Known {
        Known {
            since: "Since v1.1.0 (aaaa), up to bbbb:".into(),
            landings: vec![cell("4f2a Add <b> [x](y) | z; approved by Ada")],
            gates: vec![(Gate::Scan, "sast of ci on bbbb".into())],
            exceptions: vec!["EX-2026-014: L1 in /a, until 2026-12-23".into()],
        }
    }

    #[test]
    fn what_machines_know_is_filled_in_and_what_people_decide_stays_open() {
        let text = fill(TEMPLATE, "v1.2.0", &known(), &checklist());
        assert!(text.starts_with("# Release v1.2.0\n"), "{text}");
        assert!(
            text.contains("\n- 4f2a Add \\<b\\> \\[x\\](y) \\| z; approved by Ada\n"),
            "{text}"
        );
        assert!(text.contains("\n| scan | sast of ci on bbbb |\n"), "{text}");
        assert!(
            text.contains("\n- EX-2026-014: L1 in /a, until 2026-12-23\n\n## Release checklist"),
            "{text}"
        );
        assert!(!text.contains("[landings]") && !text.contains("[evidence]"), "{text}");
        let template = Template::parse(TEMPLATE.as_bytes(), &checklist()).expect("a template");
        let open = open_items(&template, text.as_bytes(), &checklist());
        // Nine items, three of them with a place to fill in, and four fields.
        assert_eq!(open.len(), 16, "{open:#?}");
    }

    #[test]
    fn sections_that_the_template_has_not_come_before_the_checklist() {
        let template = "# R [version]\n\n## Release checklist\n\n- [ ] Signed\n";
        let text = fill(template, "v1", &Known::default(), &checklist());
        let places = ["## Changes", "## Gates", "## Exceptions", "## Release checklist"]
            .map(|heading| text.find(heading).expect(heading));
        assert!(places.is_sorted(), "{text}");
        assert!(text.ends_with("- [ ] Signed\n"), "{text}");
    }
}
