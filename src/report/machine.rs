//! What formats of other tools have in common: each violation by itself, with a place in a file if it has one.

use super::remote::{Options, blocks};
use super::text::escape;
use crate::error::Error;
use crate::verdict::{Rule, Verdict};
use crate::violation::{ScanViolation, Violation};

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
pub(super) fn items(verdict: &Verdict) -> Vec<Item> {
    let mut items = Vec::new();
    for (at, judgement) in verdict.refs.iter().enumerate() {
        let described = blocks(judgement, verdict, Options::everything());
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
                    let location = String::from_utf8_lossy(&finding.location.0).into_owned();
                    let title = format!(
                        "{} {}: {}",
                        finding.severity,
                        finding.rule.shown(60),
                        finding.title.shown(200)
                    );
                    let text = format!(
                        "{title}\nin {}, found by {}",
                        finding.location.shown(200),
                        finding.tool.shown(40)
                    );
                    item(title, text, place(&location), Some(finding.fingerprint.clone()))
                }));
            } else {
                let text = block.lines().join("\n");
                items.push(item(block.title, text, origin(rule), None));
            }
        }
    }
    items
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
    use crate::policy::gates::{Gate, Gates};
    use crate::refname::RefName;
    use crate::report::text::Foreign;
    use crate::verdict::{Outcome, RefJudgement, Rule, Verdict, decide};
    use crate::violation::{OpenFinding, RefViolation, ScanViolation};

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

    /// Two guards that refuse, an open finding with hostile text, and a gate that agrees.
    pub(crate) fn refused() -> Verdict {
        let finding = OpenFinding {
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
        };
        let open =
            ScanViolation::FindingOpen { findings: vec![finding], count: 1, block: "high".into() };
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
