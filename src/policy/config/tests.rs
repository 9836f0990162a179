use proptest::prelude::*;

use super::*;

/// The example of the documentation, which says what the built-in policy says.
const EXAMPLE: &str = r#"
repository = "git.example.org/payments/api"   # bound into every signature; required
portfolio  = "payments"

[[protect]]
refs  = ["refs/heads/main", "refs/heads/release/*"]
gates = ["scan", "tests", "review"]

[[protect]]
refs  = ["refs/tags/v*"]
gates = ["scan", "tests", "review", "checklist"]

[scan]
require  = ["sast", "sbom", "dependencies"]
commits  = "every"        # or "landing"
block    = "high"         # this severity and above
max-age  = "30d"

[tests]
suites = ["unit", "integration", "smoke"]

[review]
approvals = 2
maintainers = 1
domain-reviewers = 1
carry = "same-change"

[checklist]
template = "templates/document-template.md"
document = "releases/{tag}.md"
section  = "Release checklist"
fields   = ["Artifacts", "Owners", "Communication", "Rollback plan"]

[exceptions]
max-duration = "90d"
"#;

fn read(text: &str) -> Result<Config, Vec<String>> {
    Config::parse(text.as_bytes(), &Limits::default()).map_err(|problems| {
        let shown = problems.iter().map(|problem| {
            assert_eq!(problem.file, FILE);
            let rest = problem.message.starts_with("... and ");
            assert!(problem.message.is_ascii() && (rest || problem.help.is_some()), "{problem:?}");
            format!("{}: {}", problem.line, problem.message)
        });
        shown.collect()
    })
}

/// Returns the configuration of some lines behind the name of the repository.
fn with(lines: &str) -> Config {
    read(&format!("repository = \"r\"\n{lines}")).expect(lines)
}

fn repository() -> Repository {
    Repository::parse("git.example.org/payments/api").expect("a name")
}

#[test]
fn the_documented_example_is_the_built_in_policy() {
    let mut example = read(EXAMPLE).expect("the example");
    assert_eq!(example.portfolio.take().map(|p| p.to_string()).as_deref(), Some("payments"));
    assert_eq!(example, Config::built_in(repository()));
    assert_eq!(example, read("repository = \"git.example.org/payments/api\"").expect("the least"));
}

#[test]
fn the_built_in_policy_protects_main_releases_and_tags() {
    let config = Config::built_in(repository());
    let gates = |name: &str| config.gates_for(name.as_bytes()).map(|gates| gates.to_string());
    let (branch, tag) = ("scan, tests, review", "scan, tests, review, checklist");
    assert_eq!(gates("refs/heads/main").as_deref(), Some(branch));
    assert_eq!(gates("refs/heads/release/1.0").as_deref(), Some(branch));
    assert_eq!(gates("refs/tags/v1.0").as_deref(), Some(tag));
    for open in ["refs/heads/topic", "refs/heads/main/x", "refs/tags/1.0", "refs/notes/commits"] {
        assert_eq!(gates(open), None, "{open}");
    }
}

#[test]
fn values_remember_where_they_were_set() {
    let config = with(
        "\n[review]\napprovals = 3\n\n[[protect]]\nrefs = [\"refs/heads/x\"]\ngates = [\"review\"]\n",
    );
    assert_eq!((*config.review.approvals, config.review.approvals.origin.line()), (3, 4));
    assert_eq!(config.review.approvals.origin.to_string(), "meta/refgate.toml:4");
    assert_eq!(config.review.carry.origin.to_string(), "built-in policy");
    assert_eq!(config.repository.origin, Origin::Line(1));
    assert_eq!(config.protect[0].origin, Origin::Line(6));
    assert_eq!(Config::built_in(repository()).repository.origin, Origin::Server);
}

#[test]
fn every_key_can_be_set() {
    let config = with(
        r#"
[structure]
maintainers = "Core team"
[review]
approvals = 4
maintainers = 2
domain-reviewers = 0
carry = "replay"
exclude = ["author", "committer"]
robots = ["Noreply@forge.example"]
signed-commits = true
submodules = "allow"
approval-max-age = "12h"
require-touch = true
[scan]
require = ["sast"]
commits = "landing"
block = "critical"
unknown = "medium"
max-age = "45m"
suppressions = "trust"
min-components = 0
incomplete = "allow"
signers = 2
[scan.tool.ruff]
level-error = "low"
level-note = "none"
[scan.tool."clang analyzer"]
level-warning = "high"
[tests]
suites = ["unit"]
commits = "every"
max-age = "1d"
signers = 3
[checklist]
template = "t.md"
document = "notes/{tag}/{tag}.md"
section = "Before release"
fields = ["Owner"]
placeholders = ["^x$"]
[exceptions]
max-duration = "365d"
[trust]
threshold = 3
"#,
    );
    assert_eq!(config.sections.heading(super::super::structure::Section::Maintainers), "Core team");
    let review = &config.review;
    assert_eq!((*review.approvals, *review.maintainers, *review.domain_reviewers), (4, 2, 0));
    assert_eq!(*review.carry, Carry::Replay);
    assert_eq!(*review.exclude, BTreeSet::from([Contributor::Author, Contributor::Committer]));
    assert_eq!(review.robots.first().map(PrincipalId::as_str), Some("noreply@forge.example"));
    assert!(*review.signed_commits && *review.require_touch);
    assert_eq!(*review.submodules, Submodules::Allow);
    assert_eq!(review.approval_max_age.to_string(), "12h");
    let scan = &config.scan;
    assert_eq!(*scan.require, BTreeSet::from([Kind::Sast]));
    assert_eq!((*scan.commits, *scan.block), (ScanCommits::Landing, Severity::Critical));
    assert_eq!(*scan.unknown, Unknown::CountsAs(Severity::Medium));
    assert_eq!((*scan.suppressions, *scan.incomplete), (Suppressions::Trust, Incomplete::Allow));
    assert_eq!((*scan.min_components, scan.max_age.to_string().as_str()), (0, "45m"));
    assert_eq!((*scan.signers, *config.tests.signers), (2, 3));
    let ruff =
        LevelSeverities { error: Some(Severity::Low), warning: None, note: Some(Severity::None) };
    assert_eq!(scan.tools.get("ruff").map(|levels| **levels), Some(ruff));
    assert_eq!(scan.tools.get("clang analyzer").map(|levels| levels.origin.line()), Some(29));
    assert_eq!((config.tests.suites.len(), *config.tests.commits), (1, TestCommits::Every));
    assert_eq!(config.checklist.document.as_str(), "notes/{tag}/{tag}.md");
    assert!(
        config.checklist.placeholders.match_text("x")
            && !config.checklist.placeholders.match_text("tbd")
    );
    assert_eq!(
        (config.exceptions.max_duration.to_string().as_str(), *config.trust_threshold),
        ("365d", 3)
    );
    for commits in ["landing", "tip", "every"] {
        with(&format!("[tests]\ncommits = \"{commits}\"\n"));
    }
    for unknown in ["block", "allow", "critical", "high", "medium", "low"] {
        with(&format!("[scan]\nunknown = \"{unknown}\"\n"));
    }
}

#[test]
fn t29_rules_only_add_up() {
    let config = with(
        r#"
[[protect]]
refs = ["refs/heads/**"]
gates = ["review"]
[[protect]]
refs = ["refs/heads/main"]
gates = ["scan"]
"#,
    );
    let gates = |name: &[u8]| config.gates_for(name).map(|gates| gates.to_string());
    assert_eq!(gates(b"refs/heads/main").as_deref(), Some("scan, review"));
    assert_eq!(gates(b"refs/heads/a/b").as_deref(), Some("review"));
    assert_eq!(gates(b"refs/heads/m\xff").as_deref(), Some("review"));
    assert_eq!(gates(b"refs/tags/v1"), None);
    assert_eq!(config.rules_for(b"refs/heads/main").count(), 2);
    assert_eq!(config.gates_in_use().to_string(), "scan, review");
}

#[test]
fn what_a_key_cannot_mean_is_refused() {
    for (lines, problem) in [
        // T29: no gate can be switched off by a threshold or an empty list.
        ("[review]\napprovals = 0", "3: review.approvals: \"0\" is out of bounds"),
        ("[review]\napprovals = -1", "3: review.approvals: \"-1\" is out of bounds"),
        (
            "[review]\napprovals = 99999999999999999999999",
            "3: review.approvals: \"99999999999999999999999\" is out",
        ),
        ("[review]\nmaintainers = 0", "3: review.maintainers: \"0\" is out of bounds"),
        ("[review]\nmaintainers = 3", "3: 3 maintainers cannot be among 2 approvals"),
        ("[review]\ndomain-reviewers = -1", "3: review.domain-reviewers: \"-1\" is out"),
        ("[scan]\nsigners = 0", "3: scan.signers: \"0\" is out of bounds"),
        ("[tests]\nsigners = 0", "3: tests.signers: \"0\" is out of bounds"),
        ("[trust]\nthreshold = 0", "3: trust.threshold: \"0\" is out of bounds"),
        ("protect = []", "2: protect: the list is empty"),
        ("[[protect]]\nrefs = []\ngates = [\"scan\"]", "3: protect.refs: the list is empty"),
        (
            "[[protect]]\nrefs = [\"refs/heads/x\"]\ngates = []",
            "4: protect.gates: the list is empty",
        ),
        ("[[protect]]\nrefs = [\"refs/heads/x\"]", "2: the rule has no gates"),
        ("[[protect]]\ngates = [\"scan\"]", "2: the rule has no refs"),
        ("[scan]\nrequire = []", "3: scan.require: the list is empty"),
        ("[tests]\nsuites = []", "3: tests.suites: the list is empty"),
        ("[checklist]\nfields = []", "3: checklist.fields: the list is empty"),
        ("[review]\nexclude = [\"committer\"]", "3: review.exclude: nobody may approve their own"),
        ("[review]\nexclude = []", "3: review.exclude: the list is empty"),
        // Types and words.
        (
            "[review]\napprovals = \"2\"",
            "3: review.approvals: expected a whole number, found a string",
        ),
        (
            "[review]\napprovals = 2.0",
            "3: review.approvals: expected a whole number, found a number",
        ),
        (
            "[review]\nsigned-commits = 1",
            "3: review.signed-commits: expected true or false, found a whole",
        ),
        ("[review]\ncarry = \"same\"", "3: review.carry: \"same\" is not known"),
        (
            "[review]\nexclude = [\"author\", \"tagger\"]",
            "3: review.exclude: \"tagger\" is not known",
        ),
        ("[review]\nrobots = [\"bot\"]", "3: review.robots: \"bot\" is no email address"),
        ("review = 1", "2: review: expected a table, found a whole number"),
        ("[scan]\nblock = \"none\"", "3: scan.block: \"none\" is not known"),
        ("[scan]\nblock = \"HIGH\"", "3: scan.block: \"HIGH\" is not known"),
        ("[scan]\nrequire = [\"tests:unit\"]", "3: scan.require: \"tests:unit\" is not known"),
        (
            "[scan]\nrequire = [\"sast\",\n \"sast\"]",
            "4: scan.require: the list holds a value twice",
        ),
        ("[scan]\nmax-age = \"30\"", "3: scan.max-age: \"30\" is not a length of time"),
        (
            "[scan]\nmax-age = 30",
            "3: scan.max-age: expected a string in quotes, found a whole number",
        ),
        ("[scan]\nmax-age = \"0d\"", "3: scan.max-age: \"0d\" is "),
        ("[scan.tool]\nruff = \"low\"", "3: scan.tool.ruff: expected a table, found a string"),
        (
            "[scan.tool.ruff]\nlevel-eror = \"low\"",
            "3: unknown key \"level-eror\" in [scan.tool.ruff]",
        ),
        (
            "[scan.tool.ruff]\nlevel-error = \"bad\"",
            "3: scan.tool.ruff.level-error: \"bad\" is not known",
        ),
        ("[tests]\nsuites = [\"Unit\"]", "3: tests.suites: \"Unit\" is no name of a suite"),
        (
            "[tests]\nsuites = \"unit\"",
            "3: tests.suites: expected a list in brackets, found a string",
        ),
        (
            "[exceptions]\nmax-duration = \"366d\"",
            "3: exceptions.max-duration: an exception cannot",
        ),
        (
            "[exceptions]\nbreak-glass-max-duration = \"2y\"",
            "3: exceptions.break-glass-max-duration: \"2y\" is not a length of time",
        ),
        ("[exceptions]\nanswer-within = 0", "3: exceptions.answer-within: \"0\" is out of bounds"),
        (
            "[exceptions]\nweekend = [\"caturday\"]",
            "3: exceptions.weekend: \"caturday\" is not known",
        ),
        (
            "[exceptions]\nweekend = [\"monday\", \"tuesday\", \"wednesday\", \"thursday\", \"friday\", \"saturday\", \"sunday\"]",
            "3: exceptions.weekend: no day of the week is left",
        ),
        (
            "[exceptions]\nholidays = [\"2026-02-30\"]",
            "3: exceptions.holidays: \"2026-02-30\" is no day of the calendar",
        ),
        (
            "[exceptions]\ntime-zone = \"Mars/Olympus\"",
            "3: exceptions.time-zone: \"Mars/Olympus\" is no time zone",
        ),
        (
            "[checklist]\ntemplate = \"../x\"",
            "3: checklist.template: \"../x\" is no path in a tree",
        ),
        (
            "[checklist]\ndocument = \"notes.md\"",
            "3: checklist.document: \"notes.md\" names no document",
        ),
        ("[checklist]\ndocument = \"{tag}-{x}\"", "3: checklist.document: \"{tag}-{x}\" names no"),
        ("[checklist]\nsection = \" \"", "3: checklist.section: the string is empty"),
        (
            "[checklist]\nsection = \"a\\u200bb\"",
            "3: checklist.section: \"a\\u{200b}b\" holds the hidden",
        ),
        (
            "[checklist]\nfields = [\"Owner\", \"owner\"]",
            "3: checklist.fields: two fields differ only",
        ),
        ("[checklist]\nplaceholders = [\"(\"]", "3: checklist.placeholders: \"(\": unclosed group"),
        (
            "[structure]\nmaintainers = \"People\"",
            "3: structure.maintainers: the heading is that of",
        ),
        ("[structure]\nmaintainer = \"Core\"", "3: unknown key \"maintainer\" in [structure]"),
        (
            "[[protect]]\nrefs = [\"main\"]\ngates = [\"scan\"]",
            "3: protect.refs: \"main\": a pattern of refs must",
        ),
        (
            "[[protect]]\nrefs = [\"refs/**\"]\ngates = [\"scan\"]",
            "3: protect.refs: \"refs/**\": refs/** would",
        ),
        (
            "[[protect]]\nrefs = [\"refs/heads/x\"]\ngates = [\"reviews\"]",
            "4: protect.gates: \"reviews\" is not",
        ),
        (
            "[protect]\nrefs = [\"refs/heads/x\"]",
            "2: protect: expected a list in brackets, found a table",
        ),
        ("portfolio = \"\"", "2: portfolio: the string is empty"),
        ("approvals = 2", "2: unknown key \"approvals\""),
        ("[review]\napprovals = 2\napprovals = 3", "4: not TOML: duplicate key"),
        ("[mode]", "2: unknown key \"mode\""),
    ] {
        let found = read(&format!("repository = \"r\"\n{lines}\n")).expect_err(lines);
        assert!(found.len() == 1 && found[0].starts_with(problem), "{lines}\n{found:#?}");
    }
}

#[test]
fn a_repository_has_a_plain_name() {
    for name in ["r", "git.example.org/payments/api", "ssh://git@x:22/~a/b.git", &"x".repeat(200)] {
        assert!(Repository::parse(name).is_some(), "{name}");
    }
    for name in ["", "a b", "a\"b", "a'b", "a`b", "a\n", "\u{e9}", &"x".repeat(201)] {
        assert!(Repository::parse(name).is_none(), "{name:?}");
    }
    assert_eq!(read(""), Err(vec!["0: repository is missing".into()]));
    assert_eq!(
        read("repository = \"a b\""),
        Err(vec!["1: repository: \"a b\" is no name of a repository".into()])
    );
}

#[test]
fn all_problems_of_a_file_are_reported_at_once() {
    let text = "\
respository = \"git.example.org/payments/api\"

[[protect]]
refs  = [\"refs/heads/main\", \"release/*\", \"refs/notes/**\"]
gates = [\"scan\", \"test\"]

[[protect]]
ref   = [\"refs/tags/v*\"]
gates = [\"checklist\"]

[scan]
require = [\"sast\", \"sboms\"]
max_age = \"30d\"
block   = \"severe\"

[reviews]
approvals = 1

[review]
approvals   = 1
maintainers = 2
exclude     = [\"committer\"]
carry       = true

[checklist]
document     = \"releases/notes.md\"
placeholders = [\"[\"]

[trust]
threshold = 0
";
    let problems = Config::parse(text.as_bytes(), &Limits::default());
    let lines: Vec<String> = problems
        .expect_err("nearly everything is wrong")
        .iter()
        .map(|problem| {
            format!("{problem}\n    help: {}", problem.help.as_deref().unwrap_or("none"))
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    meta/refgate.toml: repository is missing
        help: add a line such as repository = "git.example.org/payments/api"
    meta/refgate.toml:1: unknown key "respository"
        help: write repository
    meta/refgate.toml:4: protect.refs: "release/*": a pattern of refs must begin with refs/
        help: write the full name, such as refs/heads/main or refs/tags/v*
    meta/refgate.toml:4: protect.refs: "refs/notes/**": the pattern covers refs below refs/notes/refgate/
        help: leave these refs out; they are guarded without a rule
    meta/refgate.toml:5: protect.gates: "test" is not known
        help: write "tests"
    meta/refgate.toml:7: the rule has no refs
        help: write refs = ["refs/heads/main"]
    meta/refgate.toml:8: unknown key "ref" in [protect]
        help: write refs
    meta/refgate.toml:12: scan.require: "sboms" is not known
        help: write "sbom"
    meta/refgate.toml:13: unknown key "max_age" in [scan]
        help: write max-age
    meta/refgate.toml:14: scan.block: "severe" is not known
        help: write one of critical, high, medium, low
    meta/refgate.toml:16: unknown key "reviews"
        help: write review
    meta/refgate.toml:21: 2 maintainers cannot be among 1 approvals
        help: raise approvals, or lower maintainers
    meta/refgate.toml:22: review.exclude: nobody may approve their own work
        help: add "author"
    meta/refgate.toml:23: review.carry: expected a string in quotes, found true or false
        help: write a string in quotes
    meta/refgate.toml:26: checklist.document: "releases/notes.md" names no document for each tag
        help: write {tag} where the name of the tag belongs, and no other braces
    meta/refgate.toml:27: checklist.placeholders: "[": unclosed character class
        help: see docs.rs/regex for the syntax
    meta/refgate.toml:30: trust.threshold: "0" is out of bounds
        help: write a number from 1 to 50
    "#);
}

#[test]
fn what_is_no_toml_is_refused_with_its_line() {
    for (bytes, problem) in [
        (b"repository = \"r\"\n[review\n".as_slice(), "2: not TOML: unclosed table"),
        (b"repository = r\n", "1: not TOML: "),
        (b"repository = \"r\"\nx = \"\xff\"\n", "2: the line is not UTF-8"),
        (b"repository = \"r\"\n\0\n", "2: the line holds the control character U+0000"),
        (b"\xff\xfer\0", "0: the file is UTF-16"),
        (b"x = 1\nx = 2\n", "2: not TOML: duplicate key"),
        (b"<html>\n", "1: not TOML: "),
    ] {
        let found = Config::parse(bytes, &Limits::default()).expect_err("no TOML");
        let first = format!("{}: {}", found[0].line, found[0].message);
        assert!(first.starts_with(problem), "{first}");
    }
    assert!(read("\u{feff}repository = \"r\"\r\n[review]\r\napprovals = 3\r\n").is_ok());
}

#[test]
fn t118_hostile_files_end() {
    let limit = 1 << 17;
    let fill = |text: &str| text.repeat(limit / text.len());
    let keys: String = (0..8_000).map(|n| format!("k{n} = {n}\n")).collect();
    let deep = 40_000;
    for text in [
        format!("a = {}", "[".repeat(deep)),
        format!("a = {}{}", "[".repeat(deep), "]".repeat(deep)),
        format!("a = {}", "{b=".repeat(deep)),
        format!("{} = 1", ["a"; 40_000].join(".")),
        format!("[{}]", ["a"; 40_000].join(".")),
        fill("[[protect]]\n"),
        fill("[["),
        fill("\""),
        fill("a\n"),
        fill("= = \n"),
        keys,
        format!("repository = \"{}\"", "r".repeat(deep)),
        format!(
            "[review]\nrobots = [{}]",
            (0..5_000).map(|n| format!("\"a{n}@x\",")).collect::<String>()
        ),
        format!("[review]\nrobots = [{}]", "\"a@x\",".repeat(900)),
        format!(
            "[checklist]\nplaceholders = [{}]",
            (0..900).map(|n| format!("\"a{n}\",")).collect::<String>()
        ),
    ] {
        let found = read(&text).expect_err("something is wrong");
        assert!(found.len() <= 101, "{}", found.len());
    }
    let large = vec![b'#'; limit + 1];
    let found = Config::parse(&large, &Limits::default()).expect_err("too large");
    assert_eq!(found[0].message, "the file has 131073 bytes, 131072 are allowed at most");
}

proptest! {
    #[test]
    fn any_bytes_are_a_file_or_problems(bytes: Vec<u8>) {
        prop_assert!(Config::parse(&bytes, &Limits::default()).is_err());
    }

    #[test]
    fn any_values_are_read_or_refused(
        table in prop::sample::select(vec!["", "[review]", "[scan]", "[tests]", "[checklist]", "[[protect]]",
            "[structure]", "[trust]", "[exceptions]", "[scan.tool.x]", "[protect]"]),
        key in prop::sample::select(vec!["approvals", "require", "refs", "gates", "suites", "document",
            "placeholders", "people", "threshold", "max-duration", "level-note", "exclude", "x", "\"\u{202e}\""]),
        value in prop::sample::select(vec!["1", "\"x\"", "[]", "[1]", "[\"x\", []]", "{}", "{ x = 1 }", "true",
            "1.0", "1979-05-27", "\"\"", "\"{tag}\"", "[\"refs/heads/*\"]", "\"30d\"", "0x10", "-0"]),
    ) {
        let _ = read(&format!("repository = \"r\"\n{table}\n{key} = {value}\n")).is_ok();
    }
}
