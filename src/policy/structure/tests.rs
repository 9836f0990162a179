use proptest::prelude::*;

use super::*;

const PEOPLE: &str = "| Name | Email | Keys |\n|---|---|---|\n";

/// Returns a fingerprint that is told from others by a letter.
fn key(letter: char) -> String {
    format!("SHA256:{}A", letter.to_string().repeat(42))
}

fn read(text: &str) -> Result<Structure, Vec<String>> {
    read_bytes(text.as_bytes())
}

fn read_bytes(bytes: &[u8]) -> Result<Structure, Vec<String>> {
    Structure::parse(bytes, &SectionNames::default(), &Limits::default())
        .map_err(|problems| problems.iter().map(shown).collect())
}

/// Returns `line: message`, for comparison.
fn shown(problem: &Diagnostic) -> String {
    assert_eq!(problem.file, FILE);
    assert!(problem.message.is_ascii() && !problem.message.ends_with('.'), "{problem}");
    assert!(problem.message.len() < 2000, "{problem}");
    format!("{}: {}", problem.line, problem.message)
}

/// Asserts that a file has exactly these problems, given as beginnings of `line: message`.
#[track_caller]
fn refused(text: &str, problems: &[&str]) {
    let found = read(text).expect_err("the file has problems");
    let alike = found.iter().zip(problems).all(|(found, expected)| found.starts_with(expected));
    assert!(alike && found.len() == problems.len(), "{text}\n{found:#?}");
}

fn id(email: &str) -> PrincipalId {
    PrincipalId::parse(email).expect(email)
}

fn time(text: &str) -> Timestamp {
    text.parse().expect(text)
}

const NOW: &str = "2026-11-23T10:00:00Z";

/// Returns who holds a role now.
fn holders(structure: &Structure, role: Role) -> Vec<&str> {
    structure.holders(role, time(NOW)).map(|principal| principal.id().as_str()).collect()
}

/// A file with everything in it.
fn whole() -> String {
    format!(
        "\
# Who does what

Text, a [link](https://example.org) and <b>bold</b>.

## People

- Ines Roth <ines@example.org> `{ines}`
- Kim Bauer <kim@example.org>, <kim@home.example> `{kim}` `{kim2}`

## Maintainers

They merge. <!-- | Mallory | mallory@example.org | {mallory} | -->

| Keys | Name | Email | Until | Status |
|:-----|:----:|-------|-------|--------|
| `{ada}` | **Ada** Lovelace | <ada@example.org>, ada@home.example | | active |
| {ben}, `{ben2}` | Ben O'Brien | Ben@Example.org | 2026-12-31 | |
| `{old}`<br>`{old2}` | Old Hand | old@example.org | 2025-12-31 | |

## Domain reviewers

| Domain | Paths | Reviewers |
|---|---|---|
| Network | `src/net/`, `*.proto` | ines@example.org, kim@home.example |
| Docs | `docs/` | ada@example.org |

## Security Engineering

| Name | Email | Keys |
|---|---|---|
| Priya Nair | priya@example.org | `0123 4567 89AB CDEF 0123  4567 89AB CDEF 0123 4567` |

## Release managers

| Name | Email | Keys |
|---|---|---|
| Ada Lovelace | ada@example.org | `{ada}` |

## Automation

| Name | Email | Keys | Attests |
|---|---|---|---|
| CI | ci@example.org | `{ci}` | `sast`, sbom, `tests:unit` |

## History

| Name | Since |
|---|---|
| whatever |
",
        ines = key('I'),
        kim = key('K'),
        kim2 = key('L'),
        mallory = key('M'),
        ada = key('a'),
        ben = key('b'),
        ben2 = key('B'),
        old = key('o'),
        old2 = key('O'),
        ci = key('c'),
    )
}

#[test]
fn a_whole_file_is_read() {
    for text in [whole(), whole().replace('\n', "\r\n"), format!("\u{feff}{}", whole())] {
        let structure = read(&text).expect("a good file");
        assert_eq!(holders(&structure, Role::Maintainer), ["ada@example.org", "ben@example.org"]);
        assert_eq!(holders(&structure, Role::ReleaseManager), ["ada@example.org"]);
        assert_eq!(holders(&structure, Role::SecurityEngineer), ["priya@example.org"]);
        assert_eq!(holders(&structure, Role::Automation), ["ci@example.org"]);
        assert_eq!(
            holders(&structure, Role::DomainReviewer),
            ["ada@example.org", "ines@example.org", "kim@example.org"]
        );
        let ada = structure.by_email("ADA@home.example").expect("an alias of Ada");
        assert_eq!((ada.id(), ada.name()), (&id("ada@example.org"), "Ada Lovelace"));
        assert_eq!(ada.keys().len(), 2, "one for each row");
        assert_eq!(structure.by_email("ben@example.org").map(|ben| ben.keys().len()), Some(2));
        assert_eq!(structure.by_email("mallory@example.org"), None);
        assert_eq!(structure.principals().count(), 7);

        let old = structure.principal(&id("old@example.org")).expect("a former maintainer");
        assert!(!old.has_key(time(NOW)) && old.has_key(time("2025-12-31T23:59:59Z")));

        let [network, docs] = structure.domains() else { panic!("two domains") };
        assert_eq!((network.name.as_str(), network.line), ("Network", 24));
        assert!(network.reviewers.contains(&id("kim@example.org")), "not by the alias");
        let touched = |path: &'static str| -> Vec<_> {
            let domains = touched_domains(structure.domains(), path.as_bytes());
            domains.map(|domain| domain.name.as_str()).collect()
        };
        assert_eq!(touched("src/net/a.c"), ["Network"]);
        assert_eq!(touched("docs/x.proto"), ["Network", "Docs"]);
        assert!(touched("README.md").is_empty());
        assert_eq!(docs.patterns[0].as_str(), "docs/");

        let unit = Kind::parse("tests:unit").expect("a kind");
        assert_eq!(structure.attesters(&unit, time(NOW)).count(), 1);
        assert_eq!(structure.attesters(&Kind::Dependencies, time(NOW)).count(), 0);
        assert_eq!(structure.heading_line(Section::Maintainers), Some(10));
    }
}

#[test]
fn every_row_is_explained() {
    let text = whole();
    let structure = read(&text).expect("a good file");
    let explained = structure.explain(time(NOW));
    let lines: Vec<_> = explained.iter().map(|row| (row.line, row.section)).collect();
    assert_eq!(
        lines,
        [
            (7, Section::People),
            (8, Section::People),
            (16, Section::Maintainers),
            (17, Section::Maintainers),
            (18, Section::Maintainers),
            (24, Section::DomainReviewers),
            (25, Section::DomainReviewers),
            (31, Section::SecurityEngineering),
            (37, Section::ReleaseManagers),
            (43, Section::Automation),
        ]
    );
    assert_eq!(explained[4].standing, Standing::Expired);
    assert_eq!(explained[4].keys.len(), 2);
    assert_eq!(explained[4].keys[0].1, Standing::Expired);
    assert_eq!(explained[5].domain.map(|domain| domain.name.as_str()), Some("Network"));
    assert_eq!(explained[5].principals.len(), 2);
    assert_eq!(explained[9].attests.len(), 3);
}

#[test]
fn rows_count_from_the_first_day_to_the_end_of_the_last() {
    let text = format!(
        "# Maintainers\n| Name | Email | Keys | From | Until | Status |\n|-|-|-|-|-|-|\n\
         | Ada | ada@x | `{}` | 2026-01-02 | 2026-01-03 | |\n\
         | Ben | ben@x | `{}` | | | Retired |\n",
        key('a'),
        key('b')
    );
    let structure = read(&text).expect("a good file");
    for (at, active) in [
        ("2026-01-01T23:59:59Z", false),
        ("2026-01-02T00:00:00Z", true),
        ("2026-01-03T23:59:59.999Z", true),
        ("2026-01-04T00:00:00Z", false),
    ] {
        let holders: Vec<_> = structure.holders(Role::Maintainer, time(at)).collect();
        assert_eq!(holders.len(), usize::from(active), "{at}");
        assert_eq!(structure.principal(&id("ada@x")).map(|p| p.has_key(time(at))), Some(active));
        assert_eq!(structure.principal(&id("ben@x")).map(|p| p.has_key(time(at))), Some(false));
    }
}

#[test]
fn a_compromised_key_counts_nowhere() {
    let line = "ssh-ed25519 \
                AAAAC3NzaC1lZDI1NTE5AAAAIGB3ZJ1GvTnlXvA8rZQeGwE1iQ1pQz3eV5n8u0U0rJxT ada@host";
    let fingerprint = KeyRef::parse(line).expect("a key").to_string();
    let text = format!(
        "# People\n| Name | Email | Keys | Status |\n|-|-|-|-|\n\
         | Ada | ada@x | `{line}` | compromised |\n\n\
         # Maintainers\n{PEOPLE}| Ada | ada@x | `{fingerprint}`, `{other}` |\n",
        other = key('a'),
    );
    let structure = read(&text).expect("a good file");
    assert_eq!(holders(&structure, Role::Maintainer), ["ada@x"]);
    let ada = structure.principal(&id("ada@x")).expect("Ada");
    let standings: Vec<_> = ada.keys().iter().map(|k| k.window.standing(time(NOW))).collect();
    assert_eq!(standings, [Standing::Compromised, Standing::Compromised, Standing::Active]);
}

#[test]
fn sections_end_at_headings_of_their_level_or_above() {
    let row = |name: &str, letter| format!("| {name} | {name}@x | `{}` |\n", key(letter));
    let text = format!(
        "Maintainers\n===========\n\n### How\n\n{PEOPLE}{}\n## Release *managers*\n\n{PEOPLE}{}\n\
         # Other\n\n{PEOPLE}{}\n# people #\n\nnobody\n",
        row("ada", 'a'),
        row("ben", 'b'),
        row("eve", 'e'),
    );
    let structure = read(&text).expect("a good file");
    assert_eq!(holders(&structure, Role::Maintainer), ["ada@x"]);
    assert_eq!(holders(&structure, Role::ReleaseManager), ["ben@x"]);
    assert_eq!(structure.by_email("eve@x"), None);
}

#[test]
fn headings_can_be_mapped() {
    let renamed = BTreeMap::from([(Section::Maintainers, "Core team".to_string())]);
    let names = SectionNames::new(&renamed).expect("a heading");
    let text = format!("# CORE TEAM\n\n{PEOPLE}| Ada | ada@x | `{}` |\n", key('a'));
    let structure = Structure::parse(text.as_bytes(), &names, &Limits::default());
    assert_eq!(holders(&structure.expect("a good file"), Role::Maintainer), ["ada@x"]);
}

#[test]
fn keys_may_be_listed_elsewhere() {
    let text = format!("# Maintainers\n{PEOPLE}| Ada | ada@x | |\n\n# People\n- Ben <ben@x>\n");
    let structure = read(&text).expect("a good file");
    assert_eq!(structure.principals().filter(|p| p.has_key(time(NOW))).count(), 0);
}

#[test]
fn t24_a_file_without_sections_names_nobody() {
    for text in ["", "\n", "# Title\n\ntext\n", "# Maintainers\n", "<!-- # Maintainers -->"] {
        let structure = read(text).expect("nothing is wrong in it");
        assert_eq!(structure.principals().count(), 0, "{text:?}");
    }
}

#[test]
fn t25_hidden_rows_do_not_count() {
    let row = format!("| Mallory | mallory@x | `{}` |\n", key('m'));
    let table = format!("{PEOPLE}{row}");
    let item = format!("- Mallory <mallory@x> `{}`\n", key('m'));
    let indented: String = table.lines().map(|line| format!("    {line}\n")).collect();
    for text in [
        format!("# Maintainers\n\n<!--\n{table}-->\n"),
        format!("# Maintainers\n\n<!--\n\n{item}\n-->\n"),
        format!("# Maintainers\n\n```\n{table}```\n"),
        format!("# Maintainers\n\n~~~text\n{item}~~~\n"),
        format!("# Maintainers\n\n```\n{table}"),
        format!("# Maintainers\n\n{indented}"),
        format!("# Maintainers\n\n> quoted text\n\n# Other\n\n> {item}"),
        format!("> # Maintainers\n>\n> {item}"),
        format!("- # Maintainers\n\n{table}"),
        format!("<details>\n<h1>Maintainers</h1>\n</details>\n\n{table}"),
        format!("# Maintainers\n\n[x]: <y> \"{}\"\n", row.trim().replace('"', "")),
    ] {
        let structure = read(&text).unwrap_or_else(|problems| panic!("{text}\n{problems:#?}"));
        assert_eq!(structure.principals().count(), 0, "{text}");
    }
}

#[test]
fn t25_what_people_see_and_refgate_does_not_is_a_problem() {
    let row = format!("| Mallory | mallory@x | `{}` |\n", key('m'));
    let table = format!("{PEOPLE}{row}");
    let item = format!("- Mallory <mallory@x> `{}`\n", key('m'));
    let quoted: String = table.lines().map(|line| format!("> {line}\n")).collect();
    let head = "# Maintainers\n\n";
    for (body, problem) in [
        (format!("<details>\n\n{table}\n</details>\n"), "3: raw HTML may hide rows"),
        (format!("text <details>\n\n{table}"), "3: raw HTML may hide rows"),
        (format!("<!-- a --> <div hidden>\n\n{table}"), "3: raw HTML may hide rows"),
        (format!("<!--> {} -->\n", row.trim()), "3: raw HTML may hide rows"),
        (quoted, "3: a table, list or heading in a block quote"),
        (format!("> text\n>\n> {item}"), "5: a table, list or heading in a block quote"),
        (format!("> ## Former members\n\n{table}"), "3: a table, list or heading in a block quote"),
        (format!("- ## Former members\n\n{table}"), "3: a nested list, table, heading"),
        (format!("> - > {item}"), "3: a table, list or heading in a block quote"),
        (format!("{table}\n{row}"), "7: this looks like a table row, but belongs to no table"),
        (row.clone(), "3: this looks like a table row"),
        (format!("text\n{row}"), "4: this looks like a table row"),
        (row.replace("| M", "M").replace(" |\n", "\n"), "3: this looks like a table row"),
        (table.replace("|---|---|---|", "|---|---|"), "3: this looks like a table row"),
        (format!("{table}\n{table}"), "7: a second table in \"Maintainers\""),
        (format!("{table}\n{item}"), "7: \"Maintainers\" has a table and a list"),
        (format!("{item}\n{table}"), "5: \"Maintainers\" has a table and a list"),
        (
            format!("- Ada <ada@x>\n  {item}"),
            "4: a nested list, table, heading, quote or code block",
        ),
        (
            format!("- Ada <ada@x>\n\n  > {item}"),
            "5: a nested list, table, heading, quote or code block",
        ),
        (
            format!("- Ada <ada@x>\n\n      {item}"),
            "5: a nested list, table, heading, quote or code block",
        ),
        (format!("- [x] {}", &item[2..]), "3: a check box would be read by people"),
        (
            String::from("- Ada <ada@x>\n  <details>\n  x\n  </details>\n"),
            "4: raw HTML would be read",
        ),
        (format!("{PEOPLE}| ~~Ada~~ | ada@x | |\n"), "5: text that is struck through"),
        (format!("{PEOPLE}| <del>Ada</del> | ada@x | |\n"), "5: raw HTML would be read"),
        (format!("{PEOPLE}| ![Ada](a.png) | ada@x | |\n"), "5: an image would be read"),
        (
            String::from("| Name | Email | Keys | Retired |\n|-|-|-|-|\n"),
            "3: the column \"Retired\" would not",
        ),
    ] {
        let found = read(&format!("{head}{body}")).expect_err(&body);
        assert!(found[0].starts_with(problem), "{body}\n{found:#?}");
    }
}

#[test]
fn t25_an_element_left_open_above_is_a_problem() {
    let table = format!("{PEOPLE}| Ada | ada@x | `{}` |\n", key('a'));
    for (above, what) in [
        ("<details>\n<summary>x</summary>\n", "details"),
        ("text <div hidden> text\n", "div"),
        ("<div\n", "an unfinished tag"),
        ("<div>\n<!--\n\n", "div"),
        ("<p>\n<!--\n</p>\n", "p"),
        ("- <template>\n", "template"),
        ("# A <details>\n", "details"),
    ] {
        let problem = format!("1: raw HTML (\"{what}\") is not closed before the section");
        refused(&format!("{above}\n# Maintainers\n\n{table}"), &[&problem]);
    }
    let closed =
        "<p align=\"center\"><img src=\"x\"></p>\n\n<details>\n\n| a |\n|-|\n\n</details>\n";
    read(&format!("{closed}\n# Maintainers\n\n{table}")).expect("all is closed");
}

#[test]
fn t26_look_alikes_and_doubles_are_problems() {
    let two = |a: &str, b: &str| format!("# Maintainers\n{PEOPLE}{a}\n{b}\n");
    let (a, b) = (key('a'), key('b'));
    for (text, problems) in [
        (
            two(&format!("| Ada | ada@x | `{a}` |"), &format!("| Ada | ADA@x | `{b}` |")),
            ["5: ada@x stands in \"Maintainers\" twice, first in line 4"].as_slice(),
        ),
        (
            two(&format!("| Ada | ada@x | `{a}` |"), &format!("| Eve | eve@x | `{a}` |")),
            &[&format!("5: the key {a} of eve@x is also that of ada@x in line 4")],
        ),
        (
            two("| Ada | ada@x | |", "| Alice | \u{430}lice@x | |"),
            &["5: \"\\u{430}lice@x\" is not an email address"],
        ),
        (
            two("| Ada\u{200b} | ada@x | |", "| Be\u{202e}n | ben@x | |"),
            &[
                "4: Name \"Ada\\u{200b}\" holds the hidden character U+200B",
                "5: Name \"Be\\u{202e}n\" holds the hidden character U+202E",
            ],
        ),
        (
            two("| Ada | ada@x, a@home | |", "| Eve | a@home | |"),
            &["4: a@home is a principal of its own in line 5"],
        ),
        (
            two("| Ada | ada@x, a@home | |", "| Eve | eve@x, a@home | |"),
            &["5: a@home is also an address of ada@x in line 4"],
        ),
        (
            format!("# People\n- Ada <ada@x>\n\n# Maintainers\n{PEOPLE}| Ada L | ada@x | |\n"),
            &["7: ada@x is called \"Ada L\" here and \"Ada\" in line 2"],
        ),
        (
            "# Maintainers\n\n# maintainers\n".into(),
            &["3: the heading \"maintainers\" stands here again"],
        ),
        ("# Maintainer\n".into(), &["1: the heading \"Maintainer\" is not read, but looks like"]),
        ("# Maint\u{430}iners\n".into(), &["1: the heading \"Maint\\u{430}iners\" is not read"]),
        ("# ~~Maintainers~~\n".into(), &["1: text that is struck through"]),
    ] {
        refused(&text, problems);
    }
}

#[test]
fn t29_empty_lists_are_problems() {
    let domain = |paths: &str, reviewers: &str| {
        format!(
            "# Domain reviewers\n| Domain | Paths | Reviewers | Status |\n|-|-|-|-|\n\
             | Net | {paths} | {reviewers} | |\n"
        )
    };
    let robot = |attests: &str| {
        format!(
            "# Automation\n| Name | Email | Keys | Attests |\n|-|-|-|-|\n| CI | ci@x | | {attests} |\n"
        )
    };
    for (text, problem) in [
        (domain("`a/`", ""), "4: Reviewers is empty"),
        (domain("", "ada@x"), "4: Paths is empty"),
        (domain("a/", "ada@x"), "4: \"a/\" is not in a code span"),
        (domain("`a/` and `b/`", "ada@x"), "4: \"and\" is not in a code span"),
        (domain("`!a/`", "ada@x"), "4: \"!a/\": a pattern cannot begin with !"),
        (domain("`a/`", "ada@x, ada@X"), "4: \"ada@X\" stands here twice"),
        (domain("`a/`", "ada"), "4: \"ada\" is not an email address"),
        (
            domain("`a/`", "ada@x").replace("x | |", "x | retired |"),
            "4: a domain can only be active",
        ),
        (domain("`a/`", "ada@x").replace("Net", ""), "4: Domain is empty"),
        (robot(""), "4: Attests is empty"),
        (robot("summaries, summary"), "4: \"summary\" is no kind of evidence"),
        (robot("tests:*"), "4: \"tests:*\" is no kind of evidence"),
        (robot("`sast`, scan"), "4: \"scan\" is no kind of evidence"),
        ("# Automation\n- CI <ci@x>\n".into(), "2: \"Automation\" needs a table, not a list"),
        ("# Domain reviewers\n1. x\n".into(), "2: \"Domain reviewers\" needs a table"),
    ] {
        refused(&text, &[problem]);
    }
    let twice = domain("`a/`", "ada@x") + "| NET | `b/` | ben@x | |\n";
    refused(&twice, &["5: the domain \"NET\" stands in line 4 already"]);
    let both = domain("`a/`", "ada@x, a@home") + "\n# People\n- Ada <ada@x>, <a@home>\n";
    refused(&both, &["4: ada@x stands here under two addresses"]);
}

#[test]
fn rows_have_a_cell_for_each_column() {
    let table = |row: &str| format!("# Maintainers\n{PEOPLE}{row}\n");
    for (row, problem) in [
        ("| Ada | ada@x |", Some("4: the row has missing cells: 2 under 3 column names")),
        ("| Ada |", Some("4: the row has missing cells: 1")),
        ("text", Some("4: the row has missing cells: 1")),
        ("| Ada | ada@x | | retired |", Some("4: the row has surplus cells: 4 under 3")),
        ("| Ada | ada@x | | |", Some("4: the row has surplus cells: 4")),
        ("| Ada | ada@x | `a|b` |", Some("4: the row has surplus cells: 4")),
        ("| Ada \\| Eve | ada@x | |", None),
        ("| Ada \\\\| ada@x | |", Some("4: it is not clear where the cells")),
        ("Ada | ada@x |", Some("4: the row has missing cells: 2")),
        ("Ada | ada@x | `SHA256:x`", Some("4: the key \"SHA256:x\" cannot be read")),
        ("| Ada <!-- | --> | ada@x | |", Some("4: the row has surplus cells: 4")),
        ("  | Ada|ada@x||  ", None),
        ("| Ada <!-- x --> | ada@x | |", None),
    ] {
        match problem {
            Some(problem) => refused(&table(row), &[problem]),
            None => assert!(read(&table(row)).is_ok(), "{row}"),
        }
    }
    assert_eq!(
        read(&table("| Ada \\| Eve | ada@x | |"))
            .expect("a good row")
            .by_email("ada@x")
            .map(|p| p.name().to_owned()),
        Some("Ada | Eve".into())
    );
}

#[test]
fn list_items_have_one_form() {
    for (item, problem) in [
        ("Ada", "2: \"Ada\" names nobody by email"),
        ("Ada ada@x", "2: \"Ada ada@x\" names nobody by email"),
        ("<ada@x>", "2: the name is empty"),
        ("`SHA256:x` Ada <ada@x>", "2: \"SHA256:x\" does not stand in its place"),
        ("Ada <ada@x> `SHA256:x`", "2: the key \"SHA256:x\" cannot be read"),
        ("Ada <ada@x> (retired)", "2: \"(retired)\" would not be read"),
        ("Ada <ada@x> `SHA256:x` <b@x>", "2: \"b@x\" does not stand in its place"),
        ("Ada <a;b@x>", "2: \"Ada <a;b@x>\" names nobody by email"),
        ("Ada <ada@x>, <ada@x>", "2: ada@x is a principal of its own in line 2"),
    ] {
        refused(&format!("# People\n- {item}\n"), &[problem]);
    }
    for list in [
        "* Ada <ada@x>\n\n* Ben <ben@x>\n",
        "1. Ada <ada@x>\n2. Ben\n   <ben@x>\n",
        "- Ada <ada@x>\n\ntext\n\n* Ben <ben@x>,\n",
    ] {
        let structure = read(&format!("# People\n{list}")).expect(list);
        assert_eq!(structure.principals().count(), 2, "{list}");
    }
}

#[test]
fn dates_and_statuses_are_checked() {
    let row = |from: &str, until: &str, status: &str| {
        format!(
            "# People\n| Name | Email | Keys | From | Until | Status |\n|-|-|-|-|-|-|\n\
             | Ada | ada@x | | {from} | {until} | {status} |\n"
        )
    };
    for (from, until, status, problem) in [
        ("2026-02-30", "", "", "4: \"2026-02-30\" is not a date"),
        ("", "soon", "", "4: \"soon\" is not a date"),
        ("", "9999-12-31", "", "4: \"9999-12-31\" is not a date"),
        ("2026-01-02", "2026-01-01", "", "4: Until lies before From"),
        ("", "", "gone", "4: \"gone\" is no status"),
    ] {
        refused(&row(from, until, status), &[problem]);
    }
    read(&row("2026-01-01", "2026-01-01", "ACTIVE")).expect("one day");
}

#[test]
fn all_problems_of_a_file_are_reported_at_once() {
    let a = key('a');
    let text = format!(
        "\
# Maintainer

## Maintainers

> | Name | Email | Keys |
> |---|---|---|
> | Eve | eve@example.org | `{a}` |

| Name | Mail | Keys | Phone |
|---|---|---|---|
| Ada | ada@example.org | `{a}` | 1 |

## People

<details>

| Name | Email | Keys | From |
|------|-------|------|------|
| Ada | ada@example.org | `{a}` | today |
| | ben@example.org | `SHA256:short` | |
| Cleo | cleo | | | active |
| Dana | dana@example.org | `{a}` | |

</details>

## Domain reviewers

| Domain | Paths | Reviewers |
|---|---|---|
| Net | src/net, `a\\b` | |

## People

| Ines | ines@example.org | |
"
    );
    let problems = Structure::parse(text.as_bytes(), &SectionNames::default(), &Limits::default());
    let lines: Vec<String> = problems
        .expect_err("nearly everything is wrong")
        .iter()
        .map(|problem| {
            format!("{problem}\n    help: {}", problem.help.as_deref().unwrap_or("none"))
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    meta/STRUCTURE.md:1: the heading "Maintainer" is not read, but looks like "Maintainers"
        help: spell it the same, or use a heading that cannot be mistaken for it
    meta/STRUCTURE.md:5: a table, list or heading in a block quote would be read by people but not by refgate
        help: write rows directly into their section
    meta/STRUCTURE.md:9: the column "Mail" would not be read
        help: write Email
    meta/STRUCTURE.md:9: the column "Phone" would not be read
        help: known here are Name, Email, Keys, From, Until, Status; move other facts below a heading of their own
    meta/STRUCTURE.md:15: raw HTML may hide rows from people
        help: write Markdown; only comments (<!-- ... -->) may stand in this section
    meta/STRUCTURE.md:19: "today" is not a date
        help: write year, month and day, such as 2026-11-23
    meta/STRUCTURE.md:20: Name is empty
        help: write a name
    meta/STRUCTURE.md:20: the key "SHA256:short" cannot be read: "SHA256:" must be followed by the 43 base64 characters that ssh-keygen -l prints
        help: write each key in a code span of its own
    meta/STRUCTURE.md:21: the row has surplus cells: 5 under 4 column names
        help: remove the surplus; a | inside a cell is written \|
    meta/STRUCTURE.md:24: raw HTML may hide rows from people
        help: write Markdown; only comments (<!-- ... -->) may stand in this section
    meta/STRUCTURE.md:30: "src/net," is not in a code span
        help: write each pattern between backticks
    meta/STRUCTURE.md:30: "a\\b": a pattern cannot hold a backslash
        help: leave the backslash out; * and ? cannot be escaped
    meta/STRUCTURE.md:30: Reviewers is empty
        help: write an email address
    meta/STRUCTURE.md:32: the heading "People" stands here again, first in line 13
        help: put all rows under one heading
    "#);
}

#[test]
fn t118_a_large_file_is_refused_unread() {
    let limit = usize::try_from(Limits::default().file_bytes).expect("a small number");
    let found = read_bytes(&vec![b'|'; limit + 1]).expect_err("too large");
    assert_eq!(
        found,
        ["0: the file has 1048577 bytes, more than the limit of 1048576 (limits.file-bytes)"]
    );
}

#[test]
fn t118_hostile_files_end_with_few_problems() {
    let limit = 1 << 18;
    let fill = |text: &str| text.repeat(limit / text.len());
    let table = format!("# Maintainers\n{PEOPLE}");
    let rows = |row: &str| format!("{table}{}", row.repeat((limit - table.len()) / row.len()));
    let deep = 30_000;
    for text in [
        fill(">"),
        fill("> "),
        fill("- "),
        format!("{}a\n{}", "- ".repeat(deep), "x\n".repeat(deep)),
        format!("# People\n{}", fill("- ").get(..limit - 20).unwrap_or_default()),
        format!("# People\n{}a\n{}", "- ".repeat(30), "x\n".repeat(deep)),
        fill("["),
        fill("# Maintainer\n"),
        fill("# People\n"),
        fill("<details>\n\n"),
        fill("<!-- "),
        fill("*a **b "),
        fill("`"),
        rows("|a|b|c|\n"),
        rows("| Ada | ada@x | |\n"),
        rows("|\n"),
        rows("a|\n"),
        format!("# People\n{}\n{}\n", "|a".repeat(deep), "|-".repeat(deep)),
        format!("# People\n{}", "- Ada <ada@x>\n".repeat(deep / 2)),
        format!("# People\n- {} <ada@x>\n", "x".repeat(deep)),
        format!("# People\n- Ada <ada@x> {}\n", "`k` ".repeat(deep)),
    ] {
        if let Err(problems) = read(&text) {
            assert!(problems.len() <= 101, "{}", problems.len());
        }
    }
}

#[test]
fn a_hundred_thousand_people_are_read() {
    let rows: String = (0..100_000).map(|n| format!("|n{n}|n{n}@x||\n")).collect();
    let limits = Limits { file_bytes: 16 << 20, ..Limits::default() };
    let text = format!("# Maintainers\n{PEOPLE}{rows}");
    let structure = Structure::parse(text.as_bytes(), &SectionNames::default(), &limits);
    assert_eq!(structure.expect("a large file").principals().count(), 100_000);
}

#[test]
fn problems_are_counted_where_they_are_too_many() {
    let rows = "| Ada |\n".repeat(1000);
    let found = read(&format!("# Maintainers\n{PEOPLE}{rows}")).expect_err("bad rows");
    assert_eq!(found.len(), 101);
    assert_eq!(found[100], "0: ... and 900 more problems");
}

proptest! {
    #[test]
    fn any_bytes_are_a_file_or_problems(bytes: Vec<u8>) {
        let _ = read_bytes(&bytes).is_ok();
    }

    #[test]
    fn any_page_is_a_file_or_problems(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "# Maintainers\n", "## People\n", "# Domain reviewers\n", "# Automation\n", "\n", "\n\n",
            "| Name | Email | Keys |\n", "|---|---|---|\n", "| Ada | ada@x | |\n", "|", "`", "\\",
            "- ", "Ada <ada@x>", "> ", "<!--", "-->", "<details>", "</details>", "    ", "\t", "\r\n",
            "*", "_", "~~", "[", "](", "![", "1. ", "<br>", "\u{feff}", "a", "---\n", "```\n",
        ]), 0..40)
    ) {
        let _ = read(&pieces.concat()).is_ok();
    }
}
