//! From the keys of `meta/refgate.toml` to a [`Config`].

mod freeze;

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Diagnostic;
use crate::evidence::kind::{Kind, SuiteName};
use crate::evidence::severity::Severity;
use crate::limits::Limits;
use crate::policy::Period;
use crate::policy::gates::Gate;
use crate::policy::refs::RefPattern;
use crate::policy::structure::{Section, SectionNames};
use crate::policy::text::{hidden_char, quoted};
use crate::policy::toml_reader::{self, MAX_ELEMENTS, Table, Value};
use crate::principal::PrincipalId;

use super::{
    Carry, Checklist, Config, Contributor, Day, Digests, Exceptions, FILE, Incomplete,
    LevelSeverities, ListedExceptions, Origin, Owners, Placeholders, Protect, ReleaseCommits,
    Repository, Review, Scan, ScanCommits, Setting, Submodules, Suppressions, TestCommits, Tests,
    TreePath, Unknown,
};

/// The most people that a threshold can ask for.
const MOST_PEOPLE: u32 = 50;

const SEVERITIES: [(&str, Severity); 5] = [
    ("critical", Severity::Critical),
    ("high", Severity::High),
    ("medium", Severity::Medium),
    ("low", Severity::Low),
    ("none", Severity::None),
];

/// The severities that can block.
pub(super) const BLOCKING: [(&str, Severity); 4] = [
    ("critical", Severity::Critical),
    ("high", Severity::High),
    ("medium", Severity::Medium),
    ("low", Severity::Low),
];

const GATES: [(&str, Gate); 4] = [
    ("scan", Gate::Scan),
    ("tests", Gate::Tests),
    ("review", Gate::Review),
    ("checklist", Gate::Checklist),
];

pub(super) fn parse(bytes: &[u8], limits: &Limits) -> Result<Config, Vec<Diagnostic>> {
    let config = toml_reader::read_file(FILE, bytes, limits, config)?;
    config.ok_or_else(|| vec![Diagnostic::new(FILE, 0, "the file cannot be read")])
}

/// Reads everything; `None` only where the name of the repository is missing or wrong.
fn config(top: &mut Table<'_>) -> Option<Config> {
    let repository = top.value("repository");
    if repository.is_none() {
        let help = "add a line such as repository = \"git.example.org/payments/api\"";
        top.wrong("repository is missing", help);
    }
    let repository = repository
        .and_then(|value| Some(Setting::from_line(self::repository(&value)?, value.line())));
    // Everything else is read even so, to report all problems at once.
    let placeholder = Repository(String::new());
    let mut config = Config::built_in(placeholder);
    config.portfolio = top
        .value("portfolio")
        .and_then(|value| Some(Setting::from_line(short_text(&value)?, value.line())));
    if let Some(names) = top.table("structure", section_names).flatten() {
        config.sections = names;
    }
    if let Some(value) = top.value("protect")
        && let Some(rules) = value.elements()
    {
        config.protect = rules.into_iter().filter_map(protect).collect();
    }
    if let Some(value) = top.value("freeze")
        && let Some(rules) = value.elements()
    {
        config.freeze = rules.into_iter().filter_map(freeze::freeze).collect();
    }
    top.table("scan", |table| scan(table, &mut config.scan));
    top.table("tests", |table| tests(table, &mut config.tests));
    top.table("review", |table| review(table, &mut config.review));
    top.table("checklist", |table| checklist(table, &mut config.checklist));
    top.table("exceptions", |table| exceptions(table, &mut config.exceptions));
    top.table("trust", |table| {
        set(table, "threshold", &mut config.trust_threshold, |value| value.number(1, MOST_PEOPLE));
    });
    config.repository = repository?;
    Some(config)
}

/// Reads a key, if it is there, in place of the built-in value.
fn set<'t, T>(
    table: &mut Table<'t>,
    key: &'static str,
    setting: &mut Setting<T>,
    read: impl FnOnce(&Value<'t>) -> Option<T>,
) {
    if let Some(value) = table.value(key)
        && let Some(new) = read(&value)
    {
        *setting = Setting { value: new, origin: Origin::Line(value.line()) };
    }
}

fn repository(value: &Value<'_>) -> Option<Repository> {
    let text = value.string()?;
    let repository = Repository::parse(text);
    if repository.is_none() {
        let message = format!("{} is no name of a repository", quoted(text));
        value.wrong(message, Repository::HELP);
    }
    repository
}

/// Reads a heading, field or name.
fn short_text(value: &Value<'_>) -> Option<String> {
    let text = value.string()?;
    if text.chars().count() > 100 {
        value.wrong("the text is longer than 100 characters", "shorten it");
        return None;
    }
    if text.trim() != text {
        value.wrong(format!("{} has blanks at its ends", quoted(text)), "remove them");
        return None;
    }
    Some(text.into())
}

fn period(value: &Value<'_>) -> Option<Period> {
    let text = value.string()?;
    match Period::parse(text) {
        Ok(period) => Some(period),
        Err(error) => {
            value.wrong(format!("{} is {error}", quoted(text)), "write \"30d\", for example");
            None
        }
    }
}

fn section_names(table: &mut Table<'_>) -> Option<SectionNames> {
    let mut renamed = BTreeMap::new();
    let mut lines = BTreeMap::new();
    for section in Section::ALL {
        if let Some(value) = table.value(section.config_key())
            && let Some(heading) = value.string()
        {
            renamed.insert(section, heading.to_owned());
            lines.insert(section, value);
        }
    }
    match SectionNames::new(&renamed) {
        Ok(names) => Some(names),
        Err((section, error)) => {
            if let Some(value) = lines.get(&section) {
                value.wrong(error, "give each section a heading of its own");
            }
            None
        }
    }
}

pub(super) fn protect(rule: Value<'_>) -> Option<Protect> {
    let line = rule.line();
    let (refs, gates) = rule.table(|table| {
        let refs = table.value("refs");
        let gates = table.value("gates");
        if refs.is_none() {
            table.wrong("the rule has no refs", "write refs = [\"refs/heads/main\"]");
        }
        if gates.is_none() {
            table.wrong("the rule has no gates", "write gates = [\"scan\", \"tests\", \"review\"]");
        }
        let refs = refs.and_then(|value| value.list(ref_pattern));
        let gates = gates.and_then(|value| value.list(|gate| gate.word(&GATES)));
        (refs, gates)
    })?;
    Some(Protect { refs: refs?, gates: gates?.into_iter().collect(), origin: Origin::Line(line) })
}

fn ref_pattern(value: &Value<'_>) -> Option<RefPattern> {
    let text = value.string()?;
    match RefPattern::parse(text) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            value.wrong(format!("{}: {error}", quoted(text)), error.help());
            None
        }
    }
}

fn scan(table: &mut Table<'_>, scan: &mut Scan) {
    let kinds = [("sast", Kind::Sast), ("sbom", Kind::Sbom), ("dependencies", Kind::Dependencies)];
    set(table, "require", &mut scan.require, |value| {
        Some(BTreeSet::from_iter(value.list(|kind| kind.word(&kinds))?))
    });
    set(table, "commits", &mut scan.commits, |value| {
        value.word(&[("every", ScanCommits::Every), ("landing", ScanCommits::Landing)])
    });
    set(table, "block", &mut scan.block, |value| value.word(&BLOCKING));
    set(table, "unknown", &mut scan.unknown, |value| {
        let fixed = [("block", Unknown::Block), ("allow", Unknown::Allow)];
        let levels = BLOCKING.map(|(word, severity)| (word, Unknown::CountsAs(severity)));
        value.word(&[fixed.as_slice(), &levels].concat())
    });
    set(table, "max-age", &mut scan.max_age, period);
    set(table, "suppressions", &mut scan.suppressions, |value| {
        value.word(&[("ignore", Suppressions::Ignore), ("trust", Suppressions::Trust)])
    });
    set(table, "min-components", &mut scan.min_components, |value| value.number(0, 1_000_000));
    set(table, "incomplete", &mut scan.incomplete, |value| {
        value.word(&[("block", Incomplete::Block), ("allow", Incomplete::Allow)])
    });
    set(table, "signers", &mut scan.signers, |value| value.number(1, MOST_PEOPLE));
    table.table("tool", |tools| {
        for (name, value) in tools.all() {
            let line = value.line();
            if name.is_empty() || hidden_char(name).is_some() {
                value.wrong("no report names its tool like this", "write the name anew");
            }
            let levels = value.table(level_severities).flatten();
            scan.tools.extend(levels.map(|levels| (name.into(), Setting::from_line(levels, line))));
        }
    });
}

fn level_severities(table: &mut Table<'_>) -> Option<LevelSeverities> {
    let mut level = |key| table.value(key).and_then(|value| value.word(&SEVERITIES));
    let levels = LevelSeverities {
        error: level("level-error"),
        warning: level("level-warning"),
        note: level("level-note"),
    };
    Some(levels)
}

fn tests(table: &mut Table<'_>, tests: &mut Tests) {
    set(table, "suites", &mut tests.suites, |value| {
        let suites = value.list(|suite| {
            let text = suite.string()?;
            let name = SuiteName::parse(text);
            if name.is_none() {
                let message = format!("{} is no name of a suite", quoted(text));
                suite.wrong(message, "write at most 40 of a-z, 0-9 and -");
            }
            name
        });
        Some(BTreeSet::from_iter(suites?))
    });
    set(table, "commits", &mut tests.commits, |value| {
        value.word(&[
            ("landing", TestCommits::Landing),
            ("tip", TestCommits::Tip),
            ("every", TestCommits::Every),
        ])
    });
    set(table, "max-age", &mut tests.max_age, period);
    set(table, "signers", &mut tests.signers, |value| value.number(1, MOST_PEOPLE));
}

fn review(table: &mut Table<'_>, review: &mut Review) {
    set(table, "approvals", &mut review.approvals, |value| value.number(1, MOST_PEOPLE));
    set(table, "maintainers", &mut review.maintainers, |value| value.number(1, MOST_PEOPLE));
    set(table, "domain-reviewers", &mut review.domain_reviewers, |value| {
        value.number(0, MOST_PEOPLE)
    });
    set(table, "carry", &mut review.carry, |value| {
        value.word(&[
            ("exact", Carry::Exact),
            ("same-change", Carry::SameChange),
            ("replay", Carry::Replay),
        ])
    });
    set(table, "exclude", &mut review.exclude, exclude);
    set(table, "robots", &mut review.robots, |value| {
        Some(BTreeSet::from_iter(value.any_list(MAX_ELEMENTS, email)?))
    });
    set(table, "signed-commits", &mut review.signed_commits, Value::boolean);
    set(table, "submodules", &mut review.submodules, |value| {
        value.word(&[("refuse", Submodules::Refuse), ("allow", Submodules::Allow)])
    });
    set(table, "approval-max-age", &mut review.approval_max_age, period);
    set(table, "require-touch", &mut review.require_touch, Value::boolean);
    if *review.maintainers > *review.approvals {
        let message = format!(
            "{} maintainers cannot be among {} approvals",
            *review.maintainers, *review.approvals
        );
        let line = review.maintainers.origin.line().max(review.approvals.origin.line());
        table.wrong_at(line, message, "raise approvals, or lower maintainers");
    }
}

fn exclude(value: &Value<'_>) -> Option<BTreeSet<Contributor>> {
    let words = [
        ("author", Contributor::Author),
        ("co-author", Contributor::CoAuthor),
        ("committer", Contributor::Committer),
        ("pusher", Contributor::Pusher),
    ];
    let excluded = BTreeSet::from_iter(value.list(|part| part.word(&words))?);
    if !excluded.contains(&Contributor::Author) {
        value.wrong("nobody may approve their own work", "add \"author\"");
        return None;
    }
    Some(excluded)
}

fn email(value: &Value<'_>) -> Option<PrincipalId> {
    let text = value.string()?;
    let email = PrincipalId::parse(text);
    if email.is_none() {
        value.wrong(format!("{} is no email address", quoted(text)), "write name@example.org");
    }
    email
}

fn checklist(table: &mut Table<'_>, checklist: &mut Checklist) {
    set(table, "template", &mut checklist.template, tree_path);
    set(table, "document", &mut checklist.document, |value| {
        let path = tree_path(value)?;
        let text = path.as_str();
        if !text.contains("{tag}") || text.replace("{tag}", "").contains(['{', '}']) {
            let help = "write {tag} where the name of the tag belongs, and no other braces";
            value.wrong(format!("{} names no document for each tag", quoted(text)), help);
            return None;
        }
        Some(path)
    });
    set(table, "section", &mut checklist.section, short_text);
    set(table, "fields", &mut checklist.fields, |value| {
        let fields = value.list(short_text)?;
        let folded: BTreeSet<_> = fields.iter().map(|field| field.to_lowercase()).collect();
        if folded.len() < fields.len() {
            value.wrong("two fields differ only in case", "keep one of them");
            return None;
        }
        Some(fields)
    });
    set(table, "placeholders", &mut checklist.placeholders, |value| {
        let patterns = value.any_list(Placeholders::MAX, |pattern| {
            let text = pattern.string()?;
            match Placeholders::check(text) {
                Ok(()) => Some(text.to_owned()),
                Err(error) => {
                    let help = "see docs.rs/regex for the syntax";
                    pattern.wrong(format!("{}: {error}", quoted(text)), help);
                    None
                }
            }
        })?;
        Some(Placeholders::new(patterns))
    });
    set(table, "owners", &mut checklist.owners, |value| {
        value.word(&[("listed", Owners::Listed), ("any", Owners::Any)])
    });
    set(table, "digests", &mut checklist.digests, |value| {
        value.word(&[("required", Digests::Required), ("optional", Digests::Optional)])
    });
    set(table, "exceptions", &mut checklist.exceptions, |value| {
        let words =
            [("listed", ListedExceptions::Listed), ("optional", ListedExceptions::Optional)];
        value.word(&words)
    });
    set(table, "commits", &mut checklist.commits, |value| {
        value.word(&[("landed", ReleaseCommits::Landed), ("evidence", ReleaseCommits::Evidence)])
    });
}

fn exceptions(table: &mut Table<'_>, exceptions: &mut Exceptions) {
    let at_most_a_year = |value: &Value<'_>| {
        let duration = period(value)?;
        if duration > Period::days(365) {
            value.wrong("an exception cannot last longer than a year", "write at most \"365d\"");
            return None;
        }
        Some(duration)
    };
    set(table, "max-duration", &mut exceptions.max_duration, at_most_a_year);
    set(
        table,
        "break-glass-max-duration",
        &mut exceptions.break_glass_max_duration,
        at_most_a_year,
    );
    set(table, "answer-within", &mut exceptions.answer_within, |value| value.number(1, 30));
    set(table, "weekend", &mut exceptions.weekend, |value| {
        let days = BTreeSet::from_iter(value.any_list(7, |day| day.word(&Day::NAMES))?);
        if days.len() == Day::NAMES.len() {
            value.wrong("no day of the week is left to work on", "leave out at least one");
            return None;
        }
        Some(days)
    });
    set(table, "holidays", &mut exceptions.holidays, |value| {
        Some(BTreeSet::from_iter(value.any_list(MAX_ELEMENTS, Value::date)?))
    });
    set(table, "time-zone", &mut exceptions.time_zone, time_zone);
}

fn time_zone(value: &Value<'_>) -> Option<String> {
    let name = value.string()?;
    if jiff::tz::db().get(name).is_err() {
        let message = format!("{} is no time zone", quoted(name));
        value.wrong(message, "name it as the IANA database does, such as \"Europe/Berlin\"");
        return None;
    }
    Some(name.to_owned())
}

fn tree_path(value: &Value<'_>) -> Option<TreePath> {
    let text = value.string()?;
    let path = TreePath::parse(text);
    if path.is_none() {
        let help = "write the path from the root, such as templates/document-template.md";
        value.wrong(format!("{} is no path in a tree", quoted(text)), help);
    }
    path
}
