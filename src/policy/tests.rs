use super::*;

use crate::limits::Limits;
use config::Repository;

const NOW: &str = "2026-11-23T10:00:00Z";

fn key(letter: char) -> String {
    format!("SHA256:{}A", letter.to_string().repeat(42))
}

/// The least file of people that the built-in policy can work with.
fn people() -> String {
    format!(
        "\
# Maintainers

| Name | Email | Keys | Until | Status |
|---|---|---|---|---|
| Ada | ada@x | `{}` | | |
| Ben | ben@x | `{}` | 2026-12-31 | |

# Domain reviewers

| Domain | Paths | Reviewers |
|---|---|---|
| Net | `net/` | ben@x |

# Release managers

- Ada <ada@x> `{}`

# Automation

| Name | Email | Keys | Attests |
|---|---|---|---|
| CI | ci@x | `{}` | sast, sbom, dependencies |
| Tests | tests@x | `{}` | tests:unit, tests:integration, tests:smoke |
",
        key('a'),
        key('b'),
        key('a'),
        key('c'),
        key('d')
    )
}

fn config(lines: &str) -> Config {
    let text = format!("repository = \"r\"\n{lines}");
    Config::parse(text.as_bytes(), &Limits::default()).expect(lines)
}

fn built_in() -> Config {
    Config::built_in(Repository::parse("r").expect("a name"))
}

fn build(
    config: Config,
    people: &str,
    signers: &[&str],
    now: &str,
) -> Result<Policy, Vec<Diagnostic>> {
    let structure = Structure::parse(people.as_bytes(), &config.sections, &Limits::default());
    let structure = structure.expect("a good file");
    let signers =
        signers.iter().map(|email| PrincipalId::parse(email).expect("an email")).collect();
    Policy::new(config, structure, &signers, now.parse().expect("a time"))
}

/// Asserts that a policy is void for exactly these reasons, given as beginnings.
#[track_caller]
fn void(config: Config, people: &str, reasons: &[&str]) {
    let found = build(config, people, &[], NOW).expect_err("a void policy");
    let shown: Vec<_> = found.iter().map(ToString::to_string).collect();
    let alike = shown.iter().zip(reasons).all(|(shown, reason)| shown.starts_with(reason));
    assert!(alike && shown.len() == reasons.len(), "{shown:#?}");
    assert!(found.iter().all(|problem| problem.help.is_some() && problem.message.is_ascii()));
}

#[test]
fn rules_and_people_that_fit_are_a_policy() {
    let policy = build(built_in(), &people(), &[], NOW).expect("a policy");
    assert!(policy.warnings().is_empty());
    assert_eq!(policy.structure().domains().len(), 1);
    assert_eq!(*policy.config().review.approvals, 2);
    let gates = policy.gates_for(b"refs/heads/main").expect("it is protected");
    let tag = policy.gates_for(b"refs/tags/v1").expect("it is protected");
    assert!(tag.includes(gates) && !gates.includes(tag));
    assert_eq!(policy.gates_for(b"refs/heads/topic"), None);
}

#[test]
fn t24_a_policy_without_people_is_void() {
    void(
        built_in(),
        "",
        &[
            "meta/STRUCTURE.md: no maintainer with a key that counts, 2 are needed to change trusted \
             files (built-in policy); there is no section \"Maintainers\"",
            "meta/STRUCTURE.md: no principal with a key that counts in \"Maintainers\" and",
            "meta/STRUCTURE.md: nobody with a key that counts may attest sast",
            "meta/STRUCTURE.md: nobody with a key that counts may attest sbom",
            "meta/STRUCTURE.md: nobody with a key that counts may attest dependencies",
            "meta/STRUCTURE.md: nobody with a key that counts may attest tests:integration",
            "meta/STRUCTURE.md: nobody with a key that counts may attest tests:smoke",
            "meta/STRUCTURE.md: nobody with a key that counts may attest tests:unit",
            "meta/STRUCTURE.md: nobody with a key that counts could sign a release",
        ],
    );
}

#[test]
fn t29_each_role_that_a_gate_needs_is_held() {
    let review = "[[protect]]\nrefs = [\"refs/heads/main\"]\ngates = [\"review\"]\n";
    let one = people().replace("| 2026-12-31 | |", "| | retired |");
    let both = "meta/STRUCTURE.md:1: 1 principal with a key that counts in \"Maintainers\" and \
                \"Domain reviewers\" together, 2 approvals are needed (built-in policy); \
                not counted: \"Ben\" (retired)";
    void(
        config(review),
        &one,
        &[
            "meta/STRUCTURE.md:1: 1 maintainer with a key that counts, 2 are needed to change \
             trusted files (built-in policy); not counted: \"Ben\" (retired)",
            both,
        ],
    );
    void(config(&format!("{review}[trust]\nthreshold = 1\n")), &one, &[both]);
    let lenient = config(&format!("{review}[trust]\nthreshold = 1\n[review]\napprovals = 1\n"));
    build(lenient, &one, &[], NOW).expect("one is enough");
    void(
        config(&format!("{review}[review]\napprovals = 3\nmaintainers = 3\n")),
        &people(),
        &[
            "meta/STRUCTURE.md:1: 2 maintainers with a key that counts, 3 are needed to approve a \
             change (meta/refgate.toml:7)",
            "meta/STRUCTURE.md:1: 2 principals with a key that counts in",
        ],
    );
    void(
        config("[tests]\nsuites = [\"unit\", \"fuzz\"]\n"),
        &people(),
        &[
            "meta/STRUCTURE.md:18: nobody with a key that counts may attest tests:fuzz, which is needed \
           (meta/refgate.toml:3)",
        ],
    );
    void(
        built_in(),
        &people().replace("# Release managers", "# Other"),
        &[
            "meta/STRUCTURE.md: nobody with a key that counts could sign a release; there is no section",
        ],
    );
    void(
        built_in(),
        &people().replace(&format!("`{}`", key('c')), ""),
        &[
            "meta/STRUCTURE.md:18: nobody with a key that counts may attest sast, which is needed \
             (built-in policy); not counted: \"CI\" (no key that counts)",
            "meta/STRUCTURE.md:18: nobody",
            "meta/STRUCTURE.md:18: nobody",
        ],
    );
}

#[test]
fn gates_that_no_rule_asks_for_need_nobody() {
    let people =
        format!("# Maintainers\n- Ada <ada@x> `{}`\n- Ben <ben@x> `{}`\n", key('a'), key('b'));
    let review = "[[protect]]\nrefs = [\"refs/heads/main\"]\ngates = [\"review\"]\n";
    build(config(review), &people, &[], NOW).expect("review needs maintainers alone");
}

#[test]
fn who_counts_depends_on_the_time() {
    assert!(build(built_in(), &people(), &[], "2026-12-31T23:59:59Z").is_ok());
    let found = build(built_in(), &people(), &[], "2027-01-01T00:00:00Z").expect_err("Ben is gone");
    assert!(found[0].message.ends_with("not counted: \"Ben\" (expired)"), "{found:#?}");
}

#[test]
fn keys_in_allowed_signers_count() {
    let text = people().replace(&format!("`{}`", key('b')), "");
    assert!(build(built_in(), &text, &[], NOW).is_err());
    build(built_in(), &text, &["ben@x"], NOW).expect("his key is listed elsewhere");
}

#[test]
fn reviewers_of_domains_are_known_and_enough() {
    let stranger = people().replace("| ben@x |\n\n", "| ben@x, eve@x |\n\n");
    void(
        built_in(),
        &stranger,
        &["meta/STRUCTURE.md:12: eve@x, a reviewer of \"Net\", has no key"],
    );
    build(built_in(), &stranger, &["eve@x"], NOW).expect("her key is listed elsewhere");
    void(
        config("[review]\ndomain-reviewers = 2\n"),
        &people(),
        &["meta/STRUCTURE.md:12: 1 reviewer of \"Net\", 2 are needed (meta/refgate.toml:3)"],
    );
}

#[test]
fn a_domain_without_an_active_reviewer_is_a_warning() {
    let text = people()
        .replace(
            "| Domain | Paths | Reviewers |\n|---|---|---|",
            "| Domain | Paths | Reviewers | Until |\n|-|-|-|-|",
        )
        .replace("| ben@x |\n\n", "| ben@x | 2026-01-01 |\n\n");
    let policy = build(built_in(), &text, &[], NOW).expect("other changes can land");
    let [warning] = policy.warnings() else { panic!("one warning") };
    assert!(
        warning.to_string().starts_with("meta/STRUCTURE.md:12: no reviewer of \"Net\" with a key")
    );
    let owned = structure::touched_domains(policy.structure().domains(), b"net/a");
    assert_eq!(owned.count(), 1, "the domain keeps its paths");
}

#[test]
fn a_robot_is_no_person() {
    let robots = |email: &str| config(&format!("[review]\nrobots = [\"{email}\"]\n"));
    void(
        robots("ada@x"),
        &people(),
        &["meta/refgate.toml:3: review.robots: ada@x is an address of \"Ada\", a person"],
    );
    for email in ["ci@x", "noreply@forge.example"] {
        build(robots(email), &people(), &[], NOW).expect(email);
    }
}

#[test]
fn many_idle_rows_are_cut_short() {
    let rows: String = (0..100).map(|n| format!("- P{n} <p{n}@x>\n")).collect();
    let found = build(built_in(), &format!("# Maintainers\n{rows}"), &[], NOW);
    let found = found.expect_err("nobody has a key");
    assert!(found[0].message.ends_with("\"P13\" (no key that counts) and 95 more"), "{}", found[0]);
}
