//! What formats of other tools have in common: each violation by itself, with a place in a file if it has one,
//! and beside them what would block but for an exception.

use super::notices::{grounds, leave};
use super::remote::{Options, block, blocks};
use super::text::escape;
use crate::error::Error;
use crate::verdict::{Rule, Verdict};
use crate::violation::{OpenFinding, ScanViolation, Violation};

/// One violation, or one finding of a scanner.
pub(super) struct Item {
    /// The position of the ref in the verdict.
    pub(super) judgement: usize,
    /// The ref.
    pub(super) ref_name: String,
    /// The gate or guard, as codes name it.
    pub(super) group: String,
    pub(super) code: &'static str,
    pub(super) title: String,
    /// The whole message, as people see it.
    pub(super) text: String,
    /// Where the finding is, or where the rule stands that was broken: a path and a line.
    pub(super) file: Option<(String, Option<u64>)>,
    /// What stays the same across runs.
    pub(super) fingerprint: Option<String>,
}

/// Returns everything that is wrong, in the order of the report; each open finding by itself.
pub(super) fn items(verdict: &Verdict, options: Options<'_>) -> Vec<Item> {
    let mut items = Vec::new();
    for (at, judgement) in verdict.refs.iter().enumerate() {
        let described = blocks(judgement, verdict, options);
        for ((rule, violation), block) in judgement.violations().zip(described) {
            let code = violation.code();
            let item = |title: String, text: String, file, fingerprint| Item {
                judgement: at,
                ref_name: judgement.name.to_string(),
                group: code.split('-').next().unwrap_or_default().to_owned(),
                code,
                title,
                text,
                file,
                fingerprint,
            };
            if let Violation::Scan(ScanViolation::FindingOpen { findings, .. }) = violation {
                items.extend(findings.iter().map(|finding| {
                    let (title, text) = texts(finding);
                    let file = place(&String::from_utf8_lossy(&finding.location.0));
                    item(title, text, file, Some(finding.fingerprint.clone()))
                }));
            } else {
                let text = block.lines().join("\n");
                items.push(item(block.title, text, origin(rule), None));
            }
        }
    }
    items
}

/// Something that would block, and by whose leave it does not.
pub(super) struct Excused {
    pub(super) item: Item,
    pub(super) why: String,
    /// Whether more than the finding of a scanner was let pass.
    pub(super) is_loud: bool,
}

/// Returns everything that does not block because of an exception or VEX.
pub(super) fn excused(verdict: &Verdict, options: Options<'_>) -> Vec<Excused> {
    const CODE: &str = "scan-finding-open";
    let mut all = Vec::new();
    for (at, judgement) in verdict.refs.iter().enumerate() {
        let item = |group: &str, code, (title, text), file, fingerprint| Item {
            judgement: at,
            ref_name: judgement.name.to_string(),
            group: group.to_owned(),
            code,
            title,
            text,
            file,
            fingerprint,
        };
        for excepted in judgement.excepted() {
            all.extend(excepted.findings.iter().map(|finding| {
                let file = place(&String::from_utf8_lossy(&finding.location.0));
                let fingerprint = Some(finding.fingerprint.clone());
                let item = item("scan", CODE, texts(finding), file, fingerprint);
                Excused { item, why: grounds(&excepted.grounds), is_loud: false }
            }));
        }
        for waived in judgement.lifted.iter().chain(&judgement.waived) {
            all.extend(waived.violations.iter().map(|one| {
                let found = (&judgement.protected_by, &one.violation);
                let block = block(judgement, verdict, found, options);
                let texts = (block.title.clone(), block.lines().join("\n"));
                let item = item(one.gate, one.violation.code(), texts, None, None);
                Excused { item, why: leave(waived), is_loud: true }
            }));
        }
    }
    all
}

/// Returns the title of a finding, and a text about it.
fn texts(finding: &OpenFinding) -> (String, String) {
    let rule = finding.rule.shown(60);
    let title = format!("{} {rule}: {}", finding.severity, finding.title.shown(200));
    let place = finding.location.shown(200);
    let text = format!("{title}\nin {place}, found by {}", finding.tool.shown(40));
    (title, text)
}

/// Returns the code and the title of everything that is wrong, in the order of the report.
pub(crate) fn titles(verdict: &Verdict) -> Vec<(&'static str, String)> {
    let all = verdict.refs.iter().flat_map(|judgement| {
        let described = blocks(judgement, verdict, Options::default());
        let codes = judgement.violations().map(|(_, violation)| violation.code());
        codes.zip(described.into_iter().map(|block| block.title))
    });
    all.collect()
}

/// Returns the file and line of the first rule that stands in a file.
fn origin(rule: &Rule) -> Option<(String, Option<u64>)> {
    let first = rule.origins.iter().find(|origin| origin.starts_with("meta/"))?;
    place(first)
}

/// Reads `path:line`, or a path alone; what could lead out of the tree is no place.
fn place(text: &str) -> Option<(String, Option<u64>)> {
    let (path, line) = match text.rsplit_once(':') {
        Some((path, line)) => match line.parse::<u64>() {
            Ok(line) => (path, (line > 0).then_some(line)),
            Err(_) => (text, None),
        },
        None => (text, None),
    };
    let fit = !path.is_empty()
        && !path.starts_with('/')
        && !path.contains("://")
        && !path.contains(['\\', '@'])
        && path.split('/').all(|component| component != "..")
        && escape(path.as_bytes()) == path;
    fit.then(|| (path.to_owned(), line))
}

/// Returns an error with its places and its remedy as one text.
pub(super) fn text_of(error: &Error) -> String {
    let mut lines = vec![error.chain().join(": ")];
    for diagnostic in error.diagnostics() {
        lines.push(diagnostic.to_string());
        lines.extend(diagnostic.help.iter().map(|help| format!("help: {help}")));
    }
    lines.extend(error.remedy().map(|remedy| format!("hint: {remedy}")));
    lines.join("\n")
}

#[cfg(test)]
pub(super) mod samples {
    //! Verdicts to render.

    use crate::clock::Timestamp;
    use crate::evidence::exception::{Approver, ExceptionId};
    use crate::policy::gates::{Gate, Gates};
    use crate::principal::PrincipalId;
    use crate::refname::RefName;
    use crate::report::text::Foreign;
    use crate::verdict::{
        Excepted, Grounds, Outcome, RefJudgement, Rule, Verdict, Waived, WaivedViolation, decide,
    };
    use crate::violation::{OpenFinding, Person, RefViolation, ScanViolation, Violation};

    fn judgement() -> RefJudgement {
        RefJudgement::new(RefName::parse(b"refs/heads/main").expect("a name"), None, None)
    }

    /// One guard and one gate that agree.
    pub(crate) fn accepted() -> Verdict {
        let required: Gates = [Gate::Scan].into_iter().collect();
        let gates = vec![(Gate::Scan, Outcome::default())];
        decide(
            Timestamp::UNIX_EPOCH,
            None,
            None,
            vec![RefJudgement { required, gates, ..judgement() }],
        )
    }

    /// A finding that stands by an exception, a freeze that another lifts, and a gate that broken glass waives.
    pub(crate) fn excused() -> Verdict {
        let approvers = vec![Approver {
            person: Person {
                id: PrincipalId::parse("eve@example.org").expect("an address"),
                name: "Eve Sand".into(),
            },
            at: "2026-11-20T10:00:00Z".into(),
        }];
        let id = |text| ExceptionId::parse(text).expect("an id");
        let waived = |name, gate, violation: Violation| Waived {
            id: id(name),
            expires: "2026-12-24".into(),
            approvers: approvers.clone(),
            violations: vec![WaivedViolation { gate, violation }],
        };
        let frozen = RefViolation::Frozen {
            reason: "year's end\u{1b}[2J".into(),
            from: "2026-11-20 18:00".into(),
            until: "2026-12-04 00:00".into(),
            zone: "UTC".into(),
        };
        let failed = crate::violation::ReviewViolation::SubmoduleChanged { paths: Vec::new() };
        let grounds = Grounds::Exception {
            id: id("EX-1"),
            expires: "2026-12-24".into(),
            approvers: approvers.clone(),
        };
        let excepted = vec![Excepted { grounds, findings: vec![finding()], count: 1 }];
        let scan = Outcome { excepted, ..Outcome::default() };
        let gates = vec![(Gate::Scan, scan), (Gate::Review, Outcome::default())];
        let judgement = RefJudgement {
            gates,
            lifted: Some(waived("EX-2", "freeze", frozen.into())),
            waived: Some(waived("EX-3", "review", failed.into())),
            ..judgement()
        };
        decide(Timestamp::UNIX_EPOCH, None, None, vec![judgement])
    }

    fn finding() -> OpenFinding {
        OpenFinding {
            severity: "high".into(),
            class: "code".into(),
            rule: Foreign::from("R1\u{1b}[2J"),
            ids: vec![Foreign::from("R1\u{1b}[2J")],
            paths: vec![Foreign::from("src/a b.rs")],
            purls: Vec::new(),
            location: Foreign::from("src/a b.rs:7"),
            title: Foreign::from("<script> 100%\n::error::mine ]]>\0"),
            tool: Foreign::from("tool"),
            fingerprint: "abc".into(),
            kind: "sast".into(),
            commits: Vec::new(),
            suppressed: false,
        }
    }

    /// Two guards that refuse, an open finding with hostile text, and a gate that agrees.
    pub(crate) fn refused() -> Verdict {
        let open = ScanViolation::FindingOpen {
            findings: vec![finding()],
            count: 1,
            block: "high".into(),
        };
        let scan = Outcome {
            rule: Rule { clause: "scan".into(), origins: vec!["meta/refgate.toml:3".into()] },
            violations: vec![open.into()],
            ..Outcome::default()
        };
        let guards =
            vec![Outcome::refusing([RefViolation::Deleted.into(), RefViolation::Replace.into()])];
        let gates = vec![(Gate::Scan, scan), (Gate::Review, Outcome::default())];
        let judgement = RefJudgement { guards, gates, ..judgement() };
        decide(Timestamp::UNIX_EPOCH, None, None, vec![judgement])
    }

    #[test]
    fn places_stay_within_the_tree() {
        use super::place;
        assert_eq!(place("src/a.rs:12"), Some(("src/a.rs".into(), Some(12))));
        assert_eq!(place("src/a.rs"), Some(("src/a.rs".into(), None)));
        for unfit in ["/etc/passwd:1", "../a:1", "a/../b", "https://x/y:1", "", "a\nb:1", "pkg@1"] {
            assert_eq!(place(unfit), None, "{unfit:?}");
        }
    }
}
