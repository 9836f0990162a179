//! `refgate exception new`: writes requests, from flags, from a refusal, or by asking.

use std::collections::BTreeSet;
use std::path::Path;

use jiff::civil::Date;

use super::ask::{Asker, parts};
use super::desk::{Desk, say_commit};
use super::refusal;
use super::verdict::{Finding, Verdict};
use crate::cli::args::exception::New;
use crate::cli::check;
use crate::cli::output::Output;
use crate::cli::release::sign::judge_planned;
use crate::cli::release::tag::{self, Planned};
use crate::error::{Error, ErrorKind, Result};
use crate::evidence::exception::{self, ExceptionId, PackagePattern, Waives, latest_end};
use crate::policy::paths::PathPattern;
use crate::policy::refs::RefPattern;
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
/// Nothing is written before all is known.
///
/// # Errors
/// Something is missing that has to be named, or a file cannot be written.
pub(super) fn new(dir: &Path, args: &New, out: &mut Output) -> Result<()> {
    let desk = Desk::open(dir, &args.server)?;
    let asker = Asker::new(args.from_verdict.as_deref() == Some("-"));
    let requests = requests(&desk, dir, args, &asker, out)?;
    let me = requester(&desk)?;
    let template = desk.file(TEMPLATE_FILE)?.unwrap_or_else(|| TEMPLATE.to_owned());
    let waives = requests.first().map_or(Waives::Findings, |request| request.waives);
    let expires = expires(&desk, args, waives, &asker, out)?;
    let owner = owner(args, &me, &asker, out)?;
    let question = match waives {
        Waives::Findings => "What is wrong, and why it cannot be mended now",
        Waives::Freeze | Waives::EveryGate => "What has to land, and why it cannot wait",
    };
    let scope = asker.text(args.scope.as_ref(), question, out)?;
    let question = "Why it takes until then, and what will have been done";
    let duration = asker.text(args.duration.as_ref(), question, out)?;
    let question = "What keeps the risk down meanwhile";
    let controls = asker.text(args.controls.as_ref(), question, out)?;
    let mut open = false;
    let mut written: Vec<ExceptionId> = Vec::new();
    for request in requests {
        let scope = match (&scope, &request.scope) {
            (Some(text), Some(findings)) => Some(format!("{text}\n\n{findings}")),
            (text, findings) => text.as_ref().or(findings.as_ref()).cloned(),
        };
        let id = next_id(&desk, &written)?;
        let text = document(&template, &id, &request, desk.today(), expires, &me, &owner)?;
        let text = fill(&text, scope.as_deref(), duration.as_deref(), controls.as_deref());
        desk.write(&id, &text)?;
        out.line(&format!("wrote {}", id.path()));
        if let Err(problems) = exception::read(&id.path(), text.as_bytes(), &desk.workspace.limits)
        {
            open = true;
            problems.iter().for_each(|problem| out.note(&format!("  {problem}")));
        }
        written.push(id);
    }
    out.note("");
    if open {
        out.note("fill in what is open. Then");
    }
    out.note("Security Engineering approves what was written, on your branch or theirs:");
    written.iter().for_each(|id| out.note(&format!("    refgate exception approve {id}")));
    say_commit(&written, "Request", out);
    Ok(())
}

fn requests(
    desk: &Desk,
    dir: &Path,
    args: &New,
    asker: &Asker,
    out: &mut Output,
) -> Result<Vec<Request>> {
    let of_refs = |waives| -> Request {
        Request {
            waives,
            refs: Vec::new(),
            rules: Vec::new(),
            tools: Vec::new(),
            fingerprints: Vec::new(),
            paths: Vec::new(),
            packages: Vec::new(),
            scope: None,
        }
    };
    if args.break_glass || args.freeze {
        let waives = if args.freeze { Waives::Freeze } else { Waives::EveryGate };
        let refs = refs(desk, args, asker, out)?;
        return Ok(vec![Request { refs, ..of_refs(waives) }]);
    }
    let findings = match &args.from_verdict {
        Some(from) => Some(refusal::findings(desk, dir, (from, args), out)?),
        None if args.from_check => {
            let first = args.refs.first().map(String::as_str);
            let to = check::destination(&desk.workspace, first)?;
            let workspace = &desk.workspace;
            let head = workspace.git.commit("HEAD")?;
            let judged = if to.is_tag() {
                let planned = Planned::of(workspace, &to.to_string())?;
                match tag::object(workspace, &planned)? {
                    Some(made) => check::judge_update(workspace, &to, made)?,
                    None => judge_planned(workspace, &planned, head)?,
                }
            } else {
                check::judge_update(workspace, &to, head.0)?
            };
            Some(Verdict::parse(json::verdict(&judged).as_bytes())?.findings()?)
        }
        None => None,
    };
    if let Some(rules) = findings {
        let named: Vec<String> = args.refs.iter().map(|name| full(name)).collect();
        let wanted = |rule: &String| args.rule.is_empty() || args.rule.contains(rule);
        let mut requests = Vec::new();
        for (rule, finding) in rules.into_iter().filter(|(rule, _)| wanted(rule)) {
            let Finding { refs: on, paths, packages, fingerprints, tools, lines } = finding;
            let exact = if args.exact { fingerprints } else { BTreeSet::new() };
            requests.push(Request {
                refs: if named.is_empty() { on.into_iter().collect() } else { named.clone() },
                rules: vec![rule],
                tools: tools.into_iter().filter(|tool| !tool.is_empty()).collect(),
                fingerprints: exact.into_iter().collect(),
                paths: paths.iter().map(|path| as_pattern(path)).collect::<Result<_>>()?,
                packages: packages.into_iter().collect(),
                scope: Some(lines.join("\n")),
                ..of_refs(Waives::Findings)
            });
        }
        if requests.is_empty() {
            let what = format!("the verdict has no finding of {}", args.rule.join(", "));
            return Err(Error::new(ErrorKind::Usage, what));
        }
        return Ok(requests);
    }
    let rules = rules(args, asker, out)?;
    let (paths, packages) = places(args, asker, out)?;
    let refs = refs(desk, args, asker, out)?;
    let tools = args.tool.clone();
    Ok(vec![Request { refs, rules, tools, paths, packages, ..of_refs(Waives::Findings) }])
}

fn rules(args: &New, asker: &Asker, out: &mut Output) -> Result<Vec<String>> {
    if !args.rule.is_empty() {
        return Ok(args.rule.clone());
    }
    let question = "Rules or vulnerabilities, divided by commas, such as CVE-2021-23337";
    let asked = asker.until(question, out, |answer| {
        let rules: Vec<String> = parts(answer).map(str::to_owned).collect();
        if rules.is_empty() { Err("an exception names what it covers".into()) } else { Ok(rules) }
    })?;
    asked.ok_or_else(|| {
        Error::new(ErrorKind::Usage, "no rule is named").hint(
            "refgate exception new --rule ID --path PATTERN, or start from a refusal: refgate exception new --from-check",
        )
    })
}

/// Returns the paths and the packages.
fn places(args: &New, asker: &Asker, out: &mut Output) -> Result<(Vec<String>, Vec<String>)> {
    if !args.path.is_empty() || !args.package.is_empty() {
        return Ok((args.path.clone(), args.package.clone()));
    }
    let question = "Where, divided by commas: files such as /src/parse.c, packages such as pkg:npm/lodash@4.17.20";
    let asked = asker.until(question, out, |answer| {
        let (packages, paths): (Vec<String>, Vec<String>) =
            parts(answer).map(str::to_owned).partition(|part| part.starts_with("pkg:"));
        for package in &packages {
            PackagePattern::parse(package).map_err(|why| format!("{package}: {why}"))?;
        }
        for path in &paths {
            PathPattern::parse(path).map_err(|why| format!("{path}: {why}"))?;
        }
        if packages.is_empty() && paths.is_empty() {
            return Err("an exception names its places; * is every file".into());
        }
        Ok((paths, packages))
    })?;
    asked.ok_or_else(|| {
        Error::new(ErrorKind::Usage, "no place is named")
            .hint("add --path PATTERN or --package PURL")
    })
}

fn refs(desk: &Desk, args: &New, asker: &Asker, out: &mut Output) -> Result<Vec<String>> {
    let main = desk.workspace.trust_ref.to_string();
    if !args.refs.is_empty() {
        return Ok(args.refs.iter().map(|name| full(name)).collect());
    }
    let question = format!("Refs, divided by commas [{main}]");
    let asked = asker.until(&question, out, |answer| {
        let refs: Vec<String> = parts(answer).map(full).collect();
        for name in &refs {
            RefPattern::parse(name).map_err(|why| format!("{name}: {why}"))?;
        }
        Ok(refs)
    })?;
    Ok(asked.filter(|refs| !refs.is_empty()).unwrap_or_else(|| vec![main]))
}

/// Returns the last day.
fn expires(
    desk: &Desk,
    args: &New,
    waives: Waives,
    asker: &Asker,
    out: &mut Output,
) -> Result<Date> {
    if let Some(text) = &args.expires {
        return desk.last_day(text);
    }
    let usual = usual_end(desk, waives);
    let (latest, _) = latest_end(desk.policy(), waives, desk.workspace.now);
    let question = format!("Last day, or how long such as 10d [{usual}]");
    let asked = asker.until(&question, out, |answer| {
        if answer.is_empty() {
            return Ok(usual);
        }
        let day = desk.last_day(answer);
        let day = day.map_err(|_| format!("{answer:?} is no day ahead, nor a period"))?;
        if day > latest { Err(format!("the policy allows {latest} at most")) } else { Ok(day) }
    })?;
    Ok(asked.unwrap_or(usual))
}

fn owner(args: &New, me: &PrincipalId, asker: &Asker, out: &mut Output) -> Result<PrincipalId> {
    if let Some(owner) = &args.owner {
        return PrincipalId::parse(owner).ok_or_else(|| {
            Error::new(ErrorKind::Usage, format!("--owner {owner:?} is no email address"))
        });
    }
    let asked = asker.until(&format!("Who answers for the repair [{me}]"), out, |answer| {
        if answer.is_empty() {
            return Ok(me.clone());
        }
        PrincipalId::parse(answer).ok_or_else(|| format!("{answer:?} is no email address"))
    })?;
    Ok(asked.unwrap_or_else(|| me.clone()))
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
        Waives::Freeze => text.replace("gates = [\"scan\"]", "gates = [\"freeze\"]"),
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
