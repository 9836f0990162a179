//! `refgate exception new`: writes requests.

use std::collections::BTreeSet;
use std::io::{BufRead as _, IsTerminal as _};
use std::path::Path;

use jiff::civil::Date;

use super::desk::{Desk, say_commit};
use super::verdict::{self, Finding};
use crate::cli::args::exception::New;
use crate::cli::check;
use crate::cli::output::Output;
use crate::error::{Error, ErrorKind, Result};
use crate::evidence::exception::{self, ExceptionId, Waives, latest_end};
use crate::policy::paths::PathPattern;
use crate::principal::PrincipalId;
use crate::report::json;

/// The document that requests are made from.
pub(in crate::cli) const TEMPLATE: &str = include_str!("../../../templates/exception-request.md");

/// Where `init` puts it; a repository may change its wording there.
pub(in crate::cli) const TEMPLATE_FILE: &str = "templates/exception-request.md";

/// The period that is asked for where nobody says otherwise.
const DAYS: i64 = 30;

/// What one request says.
struct Request {
    waives: Waives,
    refs: Vec<String>,
    rules: Vec<String>,
    tools: Vec<String>,
    fingerprints: Vec<String>,
    paths: Vec<String>,
    packages: Vec<String>,
    scope: Option<String>,
}

/// Writes one request, or one for each rule of a verdict.
///
/// # Errors
/// Something is missing that has to be named, or a file cannot be written.
pub(super) fn new(dir: &Path, args: &New, out: &mut Output) -> Result<()> {
    let desk = Desk::open(dir, &args.server)?;
    let mut asker = Asker {
        can_ask: std::io::stdin().is_terminal() && args.from_verdict.as_deref() != Some("-"),
    };
    let requests = requests(&desk, dir, args, &mut asker, out)?;
    let me = requester(&desk)?;
    let template = desk.file(TEMPLATE_FILE)?.unwrap_or_else(|| TEMPLATE.to_owned());
    let owner = match &args.owner {
        Some(owner) => PrincipalId::parse(owner).ok_or_else(|| {
            Error::new(ErrorKind::Usage, format!("--owner {owner:?} is no email address"))
        })?,
        None => me.clone(),
    };
    let duration = asker.text(&args.duration, "Why it takes until then", out);
    let controls = asker.text(&args.controls, "What keeps the risk down meanwhile", out);
    let mut open = false;
    let mut written: Vec<ExceptionId> = Vec::new();
    for mut request in requests {
        if request.scope.is_none() || args.scope.is_some() {
            let asked =
                asker.text(&args.scope, "What is wrong, and why it cannot be mended now", out);
            request.scope = match (request.scope.take(), asked) {
                (Some(findings), Some(text)) => Some(format!("{text}\n\n{findings}")),
                (findings, text) => text.or(findings),
            };
        }
        let expires = match &args.expires {
            Some(text) => desk.last_day(text)?,
            None => usual_end(&desk, request.waives),
        };
        let id = next_id(&desk, &written)?;
        let text = document(&template, &id, &request, desk.today(), expires, &me, &owner)?;
        let text = fill(&text, request.scope.as_deref(), duration.as_deref(), controls.as_deref());
        desk.write(&id, &text)?;
        out.line(&format!("wrote {}", id.path()));
        match exception::read(&id.path(), text.as_bytes(), &desk.workspace.limits) {
            Ok(_) => {}
            Err(problems) => {
                open = true;
                for problem in problems {
                    out.note(&format!("  {problem}"));
                }
            }
        }
        written.push(id);
    }
    out.note("");
    if open {
        out.note("fill in what is open. Then");
    }
    if let Some(id) = written.first() {
        out.note("Security Engineering approves the document, on your branch or theirs:");
        written.iter().for_each(|id| out.note(&format!("    refgate exception approve {id}")));
        say_commit(id, "Request exception", out);
    }
    Ok(())
}

fn requests(
    desk: &Desk,
    dir: &Path,
    args: &New,
    asker: &mut Asker,
    out: &mut Output,
) -> Result<Vec<Request>> {
    let main = desk.workspace.trust_ref.to_string();
    let refs = |from: Vec<String>| {
        let named: Vec<String> = args.refs.iter().map(|name| full(name)).collect();
        match (named.is_empty(), from.is_empty()) {
            (false, _) => named,
            (true, false) => from,
            (true, true) => vec![main.clone()],
        }
    };
    if args.break_glass {
        return Ok(vec![Request {
            waives: Waives::EveryGate,
            refs: refs(Vec::new()),
            rules: Vec::new(),
            tools: Vec::new(),
            fingerprints: Vec::new(),
            paths: Vec::new(),
            packages: Vec::new(),
            scope: None,
        }]);
    }
    let findings = match &args.from_verdict {
        Some(from) => Some(verdict::read(dir, from)?),
        None if args.from_check => {
            let first = args.refs.first().map(String::as_str);
            let to = check::destination(&desk.workspace, first)?;
            let head = desk.workspace.git.commit("HEAD")?;
            let judged = check::judge_update(&desk.workspace, &to, head.0)?;
            Some(verdict::findings(json::verdict(&judged).as_bytes())?)
        }
        None => None,
    };
    if let Some(rules) = findings {
        let wanted = |rule: &String| args.rule.is_empty() || args.rule.contains(rule);
        let mut requests = Vec::new();
        for (rule, finding) in rules.into_iter().filter(|(rule, _)| wanted(rule)) {
            let Finding { refs: on, paths, packages, fingerprints, tools, lines } = finding;
            let exact = if args.exact { fingerprints } else { BTreeSet::new() };
            requests.push(Request {
                waives: Waives::Findings,
                refs: refs(on.into_iter().collect()),
                rules: vec![rule],
                tools: tools.into_iter().filter(|tool| !tool.is_empty()).collect(),
                fingerprints: exact.into_iter().collect(),
                paths: paths.iter().map(|path| as_pattern(path)).collect::<Result<_>>()?,
                packages: packages.into_iter().collect(),
                scope: Some(lines.join("\n")),
            });
        }
        if requests.is_empty() {
            let what = format!("the verdict has no finding of {}", args.rule.join(", "));
            return Err(Error::new(ErrorKind::Usage, what));
        }
        return Ok(requests);
    }
    let rules = asker.list(&args.rule, "Rules or vulnerabilities, such as CVE-2021-23337", out);
    if rules.is_empty() {
        return Err(Error::new(ErrorKind::Usage, "no rule is named").hint(
            "refgate exception new --rule ID --path PATTERN, or start from a refusal: refgate exception new --from-check",
        ));
    }
    let packages = asker.list(&args.package, "Packages, such as pkg:npm/lodash@4.17.20", out);
    let paths = asker.list(&args.path, "Files, such as /src/parse.c", out);
    if packages.is_empty() && paths.is_empty() {
        return Err(Error::new(ErrorKind::Usage, "no place is named")
            .hint("add --path PATTERN or --package PURL"));
    }
    Ok(vec![Request {
        waives: Waives::Findings,
        refs: refs(Vec::new()),
        rules,
        tools: args.tool.clone(),
        fingerprints: Vec::new(),
        paths,
        packages,
        scope: None,
    }])
}

fn full(name: &str) -> String {
    if name.starts_with("refs/") { name.to_owned() } else { format!("refs/heads/{name}") }
}

/// Writes a path as the pattern that means this file.
fn as_pattern(path: &str) -> Result<String> {
    let pattern = format!("/{path}");
    let wrong = |why: String| {
        Error::new(ErrorKind::Usage, format!("{path:?} cannot be written as a pattern: {why}"))
            .hint("name the files yourself: --rule ID --path PATTERN")
    };
    if path.contains(['*', '?']) {
        return Err(wrong("it holds a wildcard".into()));
    }
    PathPattern::parse(&pattern).map_err(|error| wrong(error.to_string()))?;
    Ok(pattern)
}

/// Returns the day on which a request ends where nobody says otherwise.
fn usual_end(desk: &Desk, waives: Waives) -> Date {
    let (latest, _) = latest_end(desk.policy(), waives, desk.workspace.now);
    let span = jiff::Span::new().try_days(DAYS).unwrap_or_default();
    desk.today().checked_add(span).map_or(latest, |day| day.min(latest))
}

/// Returns the first free number of the year.
fn next_id(desk: &Desk, written: &[ExceptionId]) -> Result<ExceptionId> {
    let head = format!("EX-{}-", desk.today().year());
    let number = |name: &str| {
        let stem = name.rsplit('/').next()?.strip_suffix(".md")?;
        stem.strip_prefix(&head)?.parse::<u32>().ok()
    };
    let names = desk.names()?;
    let last = names.iter().filter_map(|name| number(name)).max().unwrap_or(0);
    let mine = written.iter().filter_map(|id| number(&id.path())).max().unwrap_or(0);
    let next = last.max(mine).saturating_add(1);
    ExceptionId::parse(&format!("{head}{next:03}"))
        .ok_or_else(|| Error::new(ErrorKind::Internal, "the next number is no id"))
}

/// Fills in the front matter of the template.
fn document(
    template: &str,
    id: &ExceptionId,
    request: &Request,
    today: Date,
    expires: Date,
    requester: &PrincipalId,
    owner: &PrincipalId,
) -> Result<String> {
    let text = template
        .replace("{{id}}", id.as_str())
        .replace("{{requested}}", &today.to_string())
        .replace("{{expires}}", &expires.to_string())
        .replace("{{requester}}", requester.as_str())
        .replace("{{owner}}", owner.as_str());
    let text = match request.waives {
        Waives::Findings => text,
        Waives::EveryGate => text.replace("gates = [\"scan\"]", "gates = [\"*\"]"),
    };
    let (head, rest) = text.split_once("[scope]\n").ok_or_else(odd_template)?;
    let (_, body) = rest.split_once("\n+++\n").ok_or_else(odd_template)?;
    let keys = [
        ("refs", &request.refs),
        ("rules", &request.rules),
        ("tools", &request.tools),
        ("fingerprints", &request.fingerprints),
        ("paths", &request.paths),
        ("packages", &request.packages),
    ];
    let scope: String = keys
        .into_iter()
        .filter(|(_, values)| !values.is_empty())
        .map(|(key, values)| {
            // A JSON string without control characters is one of TOML too.
            let values: Vec<String> = values
                .iter()
                .map(|value| serde_json::Value::from(value.as_str()).to_string())
                .collect();
            format!("{key} = [{}]\n", values.join(", "))
        })
        .collect();
    Ok(format!("{head}[scope]\n{scope}+++\n{body}\n"))
}

fn odd_template() -> Error {
    Error::new(
        ErrorKind::Usage,
        format!("{TEMPLATE_FILE} has no [scope] at the end of its front matter"),
    )
    .hint("remove the file to use the template that refgate brings")
}

/// Returns who asks: the user, whether they are listed or not.
fn requester(desk: &Desk) -> Result<PrincipalId> {
    if let Ok(me) = desk.workspace.me() {
        return Ok(me.id().clone());
    }
    let email = desk.workspace.git.config("user.email")?;
    email.as_deref().and_then(PrincipalId::parse).ok_or_else(|| {
        Error::new(ErrorKind::Usage, "git does not know your email")
            .hint("git config user.email you@example.org")
    })
}

/// Fills in the sections, as far as there is something to fill in.
fn fill(text: &str, scope: Option<&str>, duration: Option<&str>, controls: Option<&str>) -> String {
    let mut out = String::new();
    let mut section = "";
    for line in text.split_inclusive('\n') {
        if let Some(heading) = line.strip_prefix("## ") {
            section = heading.trim_end();
        }
        let answer = match section {
            "Scope" => scope,
            "Duration" => duration,
            "Compensating controls" => controls,
            _ => None,
        };
        let is_placeholder = line.trim_start_matches("- ").starts_with('[') && line.contains("]\n");
        match answer {
            Some(answer) if is_placeholder => {
                out.push_str(&plain(answer));
                out.push('\n');
            }
            Some(_) | None => out.push_str(line),
        }
    }
    out
}

/// No line of an answer may be taken for a signature or a fence.
fn plain(answer: &str) -> String {
    let lines: Vec<String> = answer
        .lines()
        .map(|line| {
            let begins = ["Approved-by:", "Reviewed-by:", "+++"];
            let taken = begins.iter().any(|head| line.starts_with(head));
            if taken { format!("> {line}") } else { line.to_owned() }
        })
        .collect();
    lines.join("\n")
}

/// Asks for what the flags do not say, where there is somebody to ask.
struct Asker {
    can_ask: bool,
}

impl Asker {
    fn line(&mut self, question: &str, out: &mut Output) -> Option<String> {
        if !self.can_ask {
            return None;
        }
        out.note(&format!("{question} (empty to leave open):"));
        let mut answer = String::new();
        let read = std::io::stdin().lock().read_line(&mut answer);
        if !matches!(read, Ok(1..)) {
            self.can_ask = false;
        }
        let answer = answer.trim();
        (!answer.is_empty()).then(|| answer.to_owned())
    }

    fn text(&mut self, given: &Option<String>, question: &str, out: &mut Output) -> Option<String> {
        given.clone().or_else(|| self.line(question, out))
    }

    fn list(&mut self, given: &[String], question: &str, out: &mut Output) -> Vec<String> {
        if !given.is_empty() {
            return given.to_vec();
        }
        let answer = self.line(question, out).unwrap_or_default();
        answer.split(',').map(str::trim).filter(|one| !one.is_empty()).map(str::to_owned).collect()
    }
}
