use proptest::prelude::*;

use crate::limits::Limits;
use crate::policy::config::Config;
use crate::policy::structure::{Role, Section as People, SectionNames, Structure};

use super::*;

/// The template that `refgate init` writes.
const SCAFFOLD: &str = include_str!("../../../templates/document-template.md");

/// A template with every form of a field. Its checklist begins in line 21.
const TEMPLATE: &str = "\
# Release

Owners: [names]

## Artifacts

- [file]

## Communication

<!-- Who is told? -->
| Audience | Channel |
|---|---|
| [who] | [where] |

## Rollback plan

Say how to
roll back.

## Release checklist

- [ ] Tests have **passed**
- [ ] Tests
  - [ ] Notes are `final`
- [ ] Announced: [link]

## Notes
";

/// A complete document, line by line as the template.
const COMPLETE: &str = "\
# Release

Owners: Ada, Ben

## Artifacts

- app.tar.gz

## Communication

<!-- Who is told? -->
| Audience | Channel |
|---|---|
| Users | #releases |

## Rollback plan

Say how to
go back.

## Release checklist

- [x] Tests have **passed**
- [x] Tests
  - [x] Notes are `final`
- [x] Announced: https://example.org/1

## Notes
";

fn checklist(lines: &str) -> Checklist {
    let text = format!("repository = \"r\"\n[checklist]\n{lines}\n");
    Config::parse(text.as_bytes(), &Limits::default()).expect(lines).checklist
}

fn built_in() -> Checklist {
    checklist("")
}

fn parse(template: &str) -> Result<Template, String> {
    Template::parse(template.as_bytes(), &built_in())
}

fn shown(item: &OpenItem) -> String {
    let what = match &item.what {
        OpenItemKind::Section { heading, count } => format!("{count} x {heading}"),
        OpenItemKind::ItemMissing { text, template_line } => {
            format!("missing {} ({template_line})", text.shown(200))
        }
        OpenItemKind::NotTicked { text } => format!("not ticked {}", text.shown(200)),
        OpenItemKind::FieldMissing { field } => format!("no field {field}"),
        OpenItemKind::FieldEmpty { field } => format!("empty {field}"),
        OpenItemKind::OwnerUnknown { who } => format!("unknown {}", who.shown(200)),
        OpenItemKind::DigestMissing { artifact } => format!("no digest {}", artifact.shown(200)),
        OpenItemKind::GateMissing { gate } => format!("no gate {gate}"),
        OpenItemKind::Html { text } => format!("html {}", text.shown(200)),
        OpenItemKind::Unreadable(why) => format!("unreadable {why}"),
    };
    format!("{}: {what}", item.line)
}

fn open_in(template: &str, document: impl AsRef<[u8]>) -> Vec<String> {
    let template = parse(template).expect(template);
    open_items(&template, document.as_ref(), &built_in()).iter().map(shown).collect()
}

/// Replaces something in the complete document and returns what is open then.
#[track_caller]
fn changed(from: &str, to: &str) -> Vec<String> {
    assert!(COMPLETE.contains(from), "{from}");
    open_in(TEMPLATE, COMPLETE.replacen(from, to, 1))
}

/// Returns what is open if the complete document has these items in its checklist.
fn with_items(items: &str) -> Vec<String> {
    let (above, below) = COMPLETE.split_once("- [x] Tests have").expect("the items");
    let (_, below) = below.split_once("\n\n").expect("the end of the items");
    open_in(TEMPLATE, format!("{above}{items}\n\n{below}"))
}

const NONE: [&str; 0] = [];
const HTML: &str = "unreadable HTML in the checklist can hide items";

#[test]
fn a_complete_document_passes_and_an_untouched_template_does_not() {
    assert_eq!(open_in(TEMPLATE, COMPLETE), NONE);
    assert_eq!(
        open_in(TEMPLATE, TEMPLATE),
        [
            "3: empty Owners",
            "5: empty Artifacts",
            "9: empty Communication",
            "16: empty Rollback plan",
            "23: not ticked Tests have passed",
            "24: not ticked Tests",
            "25: not ticked Notes are final",
            "26: not ticked Announced: [link]",
            "26: empty Announced",
        ]
    );
}

#[test]
fn t108_each_item_stands_there_in_the_words_of_the_template_and_is_ticked() {
    for (from, to, open) in [
        // Removed, reworded, or ticked without being there.
        ("- [x] Tests\n", "", "0: missing Tests (24)"),
        ("  - [x] Notes are `final`\n", "", "0: missing Notes are final (25)"),
        ("[x] Tests have", "[x] Tests had", "0: missing Tests have passed (23)"),
        ("[x] Tests have", "[x] tests have", "0: missing Tests have passed (23)"),
        ("**passed**", "**passed**, mostly", "0: missing Tests have passed (23)"),
        ("**passed**", "**passed** not", "0: missing Tests have passed (23)"),
        ("**passed**", "pass\u{200b}ed", "0: missing Tests have passed (23)"),
        ("**passed**", "p\u{430}ssed", "0: missing Tests have passed (23)"),
        ("Tests have **passed**", "~~Tests have passed~~", "0: missing Tests have passed (23)"),
        (
            "Tests have **passed**",
            "![Tests have passed](x.png)",
            "0: missing Tests have passed (23)",
        ),
        ("Tests have **passed**", "[x] Tests have passed", "0: missing Tests have passed (23)"),
        ("Tests have **passed**", "- [x] Tests have passed", "0: missing Tests have passed (23)"),
        ("[x] Announced", "[x] Not announced", "0: missing Announced: [link] (26)"),
        (
            "[x] Tests have **passed**",
            "[x]\n\n  Tests have passed",
            "0: missing Tests have passed (23)",
        ),
        (
            "[x] Tests have **passed**",
            "[x]\n  # Tests have passed",
            "0: missing Tests have passed (23)",
        ),
        (
            "[x] Tests have **passed**",
            "[x]\n  > Tests have passed",
            "0: missing Tests have passed (23)",
        ),
        (
            "[x] Tests have **passed**",
            "[x] &nbsp;\n\n  Tests have passed",
            "0: missing Tests have passed (23)",
        ),
        // Open.
        ("[x] Tests have", "[ ] Tests have", "23: not ticked Tests have passed"),
        ("[x] Tests\n", "[ ] Tests\n", "24: not ticked Tests"),
        ("[x] Notes", "[ ] Notes", "25: not ticked Notes are final"),
        // No check boxes of GFM.
        ("[x] Tests have", "[X ] Tests have", "23: not ticked Tests have passed"),
        ("[x] Tests have", "[ x] Tests have", "23: not ticked Tests have passed"),
        ("[x] Tests have", "[*] Tests have", "23: not ticked Tests have passed"),
        ("[x] Tests have", "[] Tests have", "23: not ticked Tests have passed"),
        ("[x] Tests have", "[xx] Tests have", "23: not ticked Tests have passed"),
        ("[x] Tests have", "[\u{2713}] Tests have", "23: not ticked Tests have passed"),
        ("[x] Tests have", "[\u{445}] Tests have", "23: not ticked Tests have passed"),
        ("[x] Tests have", "[x]Tests have", "23: not ticked Tests have passed"),
        ("[x] Tests have", "\\[x] Tests have", "23: not ticked Tests have passed"),
        ("- [x] Tests have", "- Tests have", "23: not ticked Tests have passed"),
        ("[x] Tests have", "\u{2611} Tests have", "0: missing Tests have passed (23)"),
        ("- [x] Tests have", "-[x] Tests have", "0: missing Tests have passed (23)"),
        ("- [x] Tests have", "[x] Tests have", "0: missing Tests have passed (23)"),
        ("- [x] Tests have", "\u{2022} [x] Tests have", "0: missing Tests have passed (23)"),
        // The placeholder is still there, or nothing in its place.
        ("https://example.org/1", "[link]", "26: empty Announced"),
        ("https://example.org/1", "TBD", "26: empty Announced"),
        ("https://example.org/1", "(tbd).", "26: empty Announced"),
        (": https://example.org/1", ":", "26: empty Announced"),
        (": https://example.org/1", "", "26: empty Announced"),
        // Items that only the document has.
        ("[x] Announced", "[ ] Signed\n- [x] Announced", "26: not ticked Signed"),
        ("[x] Announced", "[X ] Signed\n- [x] Announced", "26: not ticked Signed"),
    ] {
        assert_eq!(changed(from, to), [open], "{from:?} -> {to:?}");
    }
}

#[test]
fn t108_what_leaves_the_words_alone_is_taken() {
    for (from, to) in [
        ("[x] Tests have", "[X] Tests have"),
        ("- [x] Tests have", "* [x] Tests have"),
        ("- [x] Tests have", "1. [x] Tests have"),
        ("- [x] Tests have", "-   [x]  Tests  have"),
        ("- [x] Tests have", "- [x]\n  Tests have"),
        ("- [x] Tests have", "- [x]\tTests\u{a0}have"),
        ("Tests have **passed**", "*Tests* have\n  passed"),
        ("Tests have **passed**", "[Tests have passed](https://example.org)"),
        ("Tests have **passed**", "Tests have pass&#101;d"),
        ("**passed**", "**passed**: https://example.org/2"),
        ("**passed**", "**passed** - Ada"),
        ("**passed**", "**passed** -- Ada"),
        ("**passed**", "**passed** \u{2014} Ada"),
        ("**passed**", "**passed** ([run](https://example.org), Ada)"),
        ("**passed**", "passed\n\n  Twice, with more to say."),
        ("https://example.org/1", "none"),
        ("Announced: https", "Announced - https"),
        ("[x] Announced", "[x] Signed\n- [x] Announced"),
        ("[x] Announced", "[x] Signed\n- Text\n- [x] Announced"),
        ("[x] Announced", "[x] Signed\n\n### More\n\n- [x] Announced"),
        ("## Release checklist", "# RELEASE  **checklist** #"),
        ("## Release checklist", "Release checklist\n-----------------"),
        ("## Release checklist", "###### Release checklist"),
        ("## Notes", "## Notes\n\n- [ ] For next time\n\n<b>HTML</b>\n"),
        ("## Notes", "## <a name=\"notes\"></a>Notes"),
        ("## Release checklist", "## <a name=\"x\"></a>Release checklist"),
    ] {
        assert_eq!(changed(from, to), NONE, "{from:?} -> {to:?}");
    }
    let turned = "- [x] Announced: x\n- [x] Notes are final\n- [x] Tests\n- [x] Tests have passed";
    assert_eq!(with_items(turned), NONE);
}

#[test]
fn t108_items_that_people_do_not_see_as_items_do_not_count() {
    let all = [
        "0: missing Tests have passed (23)",
        "0: missing Tests (24)",
        "0: missing Notes are final (25)",
        "0: missing Announced: [link] (26)",
    ];
    let items = "- [x] Tests have passed\n- [x] Tests\n- [x] Notes are final\n- [x] Announced: x";
    let indented = |by: &str| items.lines().map(|line| format!("{by}{line}\n")).collect::<String>();
    assert_eq!(with_items(items), NONE);
    assert_eq!(with_items(&format!("```\n{items}\n```")), all);
    assert_eq!(with_items(&format!("~~~ md\n{items}")), all[..], "a fence that is not closed");
    assert_eq!(with_items(&indented("    ")), all);
    assert_eq!(with_items(&format!("[//]: # ({})", items.replace('\n', " "))), all);
    assert_eq!(with_items(&format!("| Items |\n|---|\n{}", indented("| "))), all);
    let html = |line: usize| [&all[..], &[format!("{line}: {HTML}").as_str()]].concat().join("\n");
    assert_eq!(with_items(&format!("<!--\n{items}\n-->")).join("\n"), html(23));
    assert_eq!(with_items(&format!("Text\n<!--\n{items}\n-->")).join("\n"), html(24));
    assert_eq!(with_items(&format!("<div hidden>\n{items}\n</div>")).join("\n"), html(23));
    let quoted = with_items(&indented("> "));
    assert_eq!(quoted[..4], all);
    assert_eq!(quoted[4], "23: unreadable an item in a block quote is not read");
    assert_eq!(quoted.len(), 8);
}

#[test]
fn t108_html_in_the_checklist_is_open_wherever_it_stands() {
    for (from, to, line) in [
        ("- [x] Tests\n", "- [x] Tests\n<!-- x -->\n", 25),
        ("- [x] Tests\n", "- [x] Tests <!-- not -->\n", 24),
        ("- [x] Tests\n", "- [x] Tests\n\n  <b>not</b>\n", 26),
        ("**passed**", "**passed**<br>", 23),
        ("- [x] Announced", "<details>\n\n- [x] Announced", 26),
        ("- [x] Announced", "> <i>x</i>\n\n- [x] Announced", 26),
        ("- [x] Announced", "### A <i>x</i>\n\n- [x] Announced", 26),
        ("- [x] Announced", "\n| a |\n|---|\n| <i>x</i> |\n\n- [x] Announced", 29),
    ] {
        assert_eq!(changed(from, to), [format!("{line}: {HTML}")], "{from:?} -> {to:?}");
    }
}

#[test]
fn t108_there_is_one_checklist() {
    assert_eq!(changed("## Release checklist", "## Checklist"), ["0: 0 x Release checklist"]);
    assert_eq!(changed("## Release checklist", "Release checklist"), ["0: 0 x Release checklist"]);
    for heading in
        ["- ## Release checklist", "> ## Release checklist", "<!-- a\n\n## Release checklist\n-->"]
    {
        assert_eq!(changed("## Release checklist", heading), ["0: 0 x Release checklist"]);
    }
    for second in ["## Release checklist", "# release CHECKLIST", "#### Release check\u{200b}list"]
    {
        let open = changed("## Notes", &format!("{second}\n\n- [ ] Signed"));
        assert_eq!(open, ["28: 2 x Release checklist"], "{second}");
    }
    let thrice = changed("## Notes", "## Release checklist\n## Release checklist\n");
    assert_eq!(thrice, ["28: 3 x Release checklist"]);
    let both = COMPLETE.replace("## Release checklist", "## X").replace("Ada, Ben", "TBD");
    assert_eq!(open_in(TEMPLATE, both), ["0: 0 x Release checklist", "3: empty Owners"]);
    assert_eq!(open_in(TEMPLATE, "").len(), 5);
}

#[test]
fn items_of_a_checklist_are_as_many_as_in_the_template() {
    let template = TEMPLATE.replace("- [ ] Tests\n", "- [ ] Tests\n- [ ] Tests\n");
    assert_eq!(open_in(&template, COMPLETE), ["0: missing Tests (25)"]);
    let document = COMPLETE.replace("- [x] Tests\n", "- [x] Tests\n- [x] Tests\n");
    assert_eq!(open_in(&template, document), NONE);
    // One item does not stand for two, and a longer one is not used up by a shorter.
    let template = TEMPLATE.replace("- [ ] Tests\n", "- [ ] Tests\n- [ ] Tests: smoke\n");
    assert_eq!(open_in(&template, COMPLETE), ["0: missing Tests: smoke (25)"]);
    let swapped =
        COMPLETE.replace("- [x] Tests\n", "- [x] Tests: smoke - Ada\n- [x] Tests: unit\n");
    assert_eq!(open_in(&template, swapped), NONE);
    let twice = COMPLETE.replace("- [x] Tests\n", "- [x] Tests: smoke\n- [x] Tests: smoke\n");
    assert_eq!(open_in(&template, twice), NONE);
    let once = COMPLETE.replace("- [x] Tests\n", "- [x] Tests: smoke\n");
    assert_eq!(open_in(&template, once), ["0: missing Tests (24)"]);
}

#[test]
fn a_document_of_an_older_template_lacks_what_the_new_one_asks_for() {
    let newer = TEMPLATE
        .replace("- [ ] Tests\n", "- [ ] Tests\n- [ ] The tag names the version of the artifacts\n")
        .replace("Notes are `final`", "Notes are `published`");
    assert_eq!(
        open_in(&newer, COMPLETE),
        [
            "0: missing The tag names the version of the artifacts (25)",
            "0: missing Notes are published (26)",
        ]
    );
    let fewer = TEMPLATE.replace("- [ ] Announced: [link]\n", "");
    assert_eq!(open_in(&fewer, COMPLETE), NONE);
}

#[test]
fn t108_a_required_field_says_something_of_its_own() {
    let owners = ["3: empty Owners"];
    for value in [
        "",
        "TBD",
        "tbd.",
        "**TODO**",
        "`TBD`",
        "N/A",
        "n/a",
        "None",
        "none!",
        "???",
        "...",
        "-",
        "\u{2014}",
        "[names]",
        "[who?]",
        "<names>",
        "<!-- Ada -->",
        "<b></b>",
        "&lt;names&gt;",
        "\\<names>",
        "&nbsp;",
        "\u{3164}",
        "T\u{200b}BD",
        "\u{2705}",
        "(TBD)",
        "\"N/A\"",
        "_names_: tbd",
        "[]()",
        "[ ]",
    ] {
        assert_eq!(changed("Ada, Ben", value), owners, "{value:?}");
    }
    for value in
        ["Ada", "@ada", "<ada@example.org>", "[Ada](https://x)", "\u{5c71}\u{7530}", "<b>Ada</b>"]
    {
        assert_eq!(changed("Ada, Ben", value), NONE, "{value:?}");
    }
    for (from, to, open) in [
        ("- app.tar.gz", "- [file]", "5: empty Artifacts"),
        ("- app.tar.gz", "- TBD\n- N/A", "5: empty Artifacts"),
        ("- app.tar.gz", "### Details\n\n#### More", "5: empty Artifacts"),
        ("- app.tar.gz", "<!-- app.tar.gz -->", "5: empty Artifacts"),
        ("- app.tar.gz", "- File: [file]\n- Digest:", "5: empty Artifacts"),
        ("- app.tar.gz", "File: TBD\nDigest: TBD", "5: empty Artifacts"),
        ("- app.tar.gz", "```\nTBD\n```", "5: empty Artifacts"),
        ("- app.tar.gz", "***\n\n![](x.png)", "5: empty Artifacts"),
        ("- app.tar.gz\n", "", "5: empty Artifacts"),
        ("| Users | #releases |", "| [who] | [where] |", "9: empty Communication"),
        ("| Users | #releases |", "| [who] | TBD |", "9: empty Communication"),
        ("| Users | #releases |\n", "", "9: empty Communication"),
        ("| Audience | Channel |", "| To | By |\n|---|---|\n\n| Audience | Channel |", "none"),
        ("go back.", "roll back.", "16: empty Rollback plan"),
        ("how to\ngo back.", "how to roll back.", "16: empty Rollback plan"),
        ("how to\ngo back.", "how to", "16: empty Rollback plan"),
        ("Say how to\ngo back.", "roll back.\nSay how to", "16: empty Rollback plan"),
        ("Say how to\ngo back.", "> Say how to roll\n> back.", "16: empty Rollback plan"),
        ("Say how to\ngo back.", "*Say* how\nto\nroll back.", "16: empty Rollback plan"),
        ("## Rollback plan", "## Roll back", "0: no field Rollback plan"),
        ("Owners: Ada", "Owner: Ada", "0: no field Owners"),
        ("Owners: Ada", "> Owners: Ada", "0: no field Owners"),
        ("Owners: Ada", "<!-- Owners: Ada -->", "0: no field Owners"),
        ("Owners: Ada", "    Owners: Ada", "0: no field Owners"),
        ("Owners: Ada, Ben", "Owners:\nAda", "3: empty Owners"),
    ] {
        let open: &[&str] = if open == "none" { &[] } else { &[open] };
        assert_eq!(changed(from, to), open, "{from:?} -> {to:?}");
    }
}

#[test]
fn a_field_may_take_every_documented_form() {
    for form in [
        "**Owners**: Ada",
        "**Owners:** Ada",
        "OWNERS : Ada",
        "Release 1\nOwners: Ada\nSize: 1",
        "- **Owners**: Ada",
        "- [x] Owners: Ada",
        "1. Owners: Ada",
        "| What | Who |\n|---|---|\n| Owners | Ada |",
        "| What | Who | Since |\n|---|---|---|\n| **owners** | Ada | |",
        "## Owners\n\nAda",
        "Owners\n======\n\n- TBD\n- Ada",
        "# Owners\n\n### Of the code\n\n```\nAda\n```",
        "## Owners\n\n| Role | Name |\n|---|---|\n| On call | Ada |",
        "## Owners\n\n> Ada",
    ] {
        assert_eq!(changed("Owners: Ada, Ben", form), NONE, "{form:?}");
    }
    let table = "| Owners | Size |\n|---|---|\n| Ada | 1 |";
    assert_eq!(changed("Owners: Ada, Ben", table), ["0: no field Owners"]);
    for row in ["| Owners | | |", "| Owners | TBD | 2026 |", "| Owners | | 2026 |", "| Owners |"] {
        let table = format!("| What | Who | Since |\n|---|---|---|\n{row}");
        assert_eq!(changed("Owners: Ada, Ben", &table), ["5: empty Owners"], "{row}");
    }
    // What the template says in a row does not fill in the cell behind it.
    let table = "| What | Needed | Who |\n|---|---|---|\n| Owners | yes | [names] |";
    let template = TEMPLATE.replace("Owners: [names]", table);
    let row = |who| COMPLETE.replace("Owners: Ada, Ben", &table.replace("[names]", who));
    assert_eq!(open_in(&template, row("Ada")), NONE);
    assert_eq!(open_in(&template, row("TBD")), ["5: empty Owners"]);
    assert_eq!(open_in(&template, row("[names]")), ["5: empty Owners"]);
}

#[test]
fn where_a_field_stands_twice_both_count() {
    let twice = "Owners: Ada\n\n- Owners: TBD";
    assert_eq!(changed("Owners: Ada, Ben", twice), ["5: empty Owners"]);
    // A line does not fill in a section that says nothing.
    let hidden = "Owners: Ada\n\n## Owners\n\nTBD";
    assert_eq!(changed("Owners: Ada, Ben", hidden), ["5: empty Owners"]);
    let section = "Owners: TBD\n\n## Owners\n\nAda";
    assert_eq!(changed("Owners: Ada, Ben", section), NONE);
    // What stands under another field or the checklist fills in neither.
    let nested = COMPLETE.replace("- app.tar.gz\n\n## Communication", "### Communication");
    assert_eq!(open_in(TEMPLATE, nested), ["5: empty Artifacts"]);
    let nested = COMPLETE
        .replace("Say how to\ngo back.\n\n## Release checklist", "### Release checklist")
        .replace("## Notes", "");
    assert_eq!(open_in(TEMPLATE, nested), ["16: empty Rollback plan"]);
}

#[test]
fn fields_may_stand_in_the_checklist_itself() {
    let template = "## Release checklist\n\n- [ ] **Owners**: [names]\n- [ ] Notes\n";
    let checklist = checklist("fields = [\"Owners\"]");
    let template = Template::parse(template.as_bytes(), &checklist).expect("a template");
    for (owners, open) in [
        ("[x] **Owners**: Ada", &[] as &[&str]),
        ("[ ] **Owners**: Ada", &["3: not ticked Owners: Ada"]),
        ("[x] **Owners**: TBD", &["3: empty Owners", "3: empty Owners"]),
        ("[x] Owner: Ada", &["0: missing Owners: [names] (3)", "0: no field Owners"]),
    ] {
        let document = format!("## Release checklist\n\n- {owners}\n- [x] Notes\n");
        let found = open_items(&template, document.as_bytes(), &checklist);
        assert_eq!(found.iter().map(shown).collect::<Vec<_>>(), open, "{owners}");
    }
}

#[test]
fn headings_fields_and_placeholders_are_those_of_the_policy() {
    let checklist = checklist(
        "section = \"Before release\"\nfields = [\"Owner\"]\nplaceholders = [\"^somebody$\"]",
    );
    let template = b"## Owner\n\n## Before release\n\n- [ ] Done\n";
    let template = Template::parse(template, &checklist).expect("a template");
    let open = |document: &str| -> Vec<String> {
        open_items(&template, document.as_bytes(), &checklist).iter().map(shown).collect()
    };
    assert_eq!(open("# Owner\n\nTBD\n\n# before RELEASE\n\n- [x] Done"), NONE);
    assert_eq!(open("# Owner\n\nsomebody\n\n# Before release\n\n- [x] Done"), ["1: empty Owner"]);
    assert_eq!(
        open("# Owner\n\nAda\n\n# Release checklist\n\n- [x] Done"),
        ["0: 0 x Before release"]
    );
}

#[test]
fn a_document_that_is_no_plain_text_is_open_at_its_lines() {
    for (document, open) in [
        (&b"# A\n\xff\n"[..], &["2: unreadable the line is not UTF-8"] as &[&str]),
        (b"\xff\xfe#\0", &["0: unreadable the file is UTF-16, not UTF-8"]),
        (
            b"a\0\nb\n\x1b[2J\n",
            &[
                "1: unreadable the line holds the control character U+0000",
                "3: unreadable the line holds the control character U+001B",
            ],
        ),
        (b"a\rb", &["1: unreadable the line holds the control character U+000D"]),
    ] {
        assert_eq!(open_in(TEMPLATE, document), open);
    }
    let with_mark = format!("\u{feff}{}", COMPLETE.replace('\n', "\r\n"));
    assert_eq!(open_in(TEMPLATE, with_mark), NONE);
    let open = with_items(&format!("- [ ] Tests\r\n{}", "> ".repeat(33)));
    assert_eq!(open, ["24: unreadable block quotes and lists are nested too deep"]);
}

#[test]
fn a_template_that_cannot_be_complied_with_is_refused() {
    for (from, to, why) in [
        ("## Release checklist", "## Checklist", "the section \"Release checklist\" is missing"),
        (
            "## Notes",
            "# Release checklist",
            "the section \"Release checklist\" stands there twice, in lines 21 and 28",
        ),
        (
            "- [ ] Tests have",
            "## Items\n- [ ] Tests have",
            "line 21: the section \"Release checklist\" has no item",
        ),
        // T108: what is ticked in the template was never ticked by anybody.
        ("[ ] Tests\n", "[x] Tests\n", "line 24: the item is ticked already"),
        ("[ ] Tests\n", "[ ]\n", "line 24: the item has no text"),
        ("[ ] Tests\n", "[X ] Tests\n", "line 24: this is no check box, write - [ ]"),
        ("[ ] Tests\n", "[ ] Tests <b>\n", "line 24: HTML in the checklist can hide items"),
        (
            "[ ] Announced: [link]",
            "[ ] By: <name>",
            "line 26: HTML in the checklist can hide items",
        ),
        ("- [ ] Tests\n", "> - [ ] Tests\n\n", "line 24: an item in a block quote is not read"),
        ("Owners", "Owner", "the required field \"Owners\" is missing"),
        ("## Rollback plan", "## Rollback", "the required field \"Rollback plan\" is missing"),
        ("# Release\n", "# Release\n\0\n", "line 2: the line holds the control character U+0000"),
    ] {
        assert!(TEMPLATE.contains(from), "{from}");
        assert_eq!(parse(&TEMPLATE.replacen(from, to, 1)).err().as_deref(), Some(why));
    }
    let bytes = Template::parse(b"\xff", &built_in()).err();
    assert_eq!(bytes.as_deref(), Some("line 1: the line is not UTF-8"));
    assert_eq!(parse("").err().as_deref(), Some("the section \"Release checklist\" is missing"));
    let many = TEMPLATE.replace("- [ ] Tests\n", &"- [ ] Tests\n".repeat(1001));
    let why = "line 1023: the checklist has more than 1000 list items";
    assert_eq!(parse(&many).err().as_deref(), Some(why));
}

#[test]
fn only_what_is_no_answer_must_be_replaced_in_an_item() {
    let open = |item: &str, done: &str| {
        let wanted = format!("- [ ] {item}\n");
        let found = format!("- [x] {done}\n");
        open_in(
            &TEMPLATE.replace("- [ ] Tests\n", &wanted),
            COMPLETE.replace("- [x] Tests\n", &found),
        )
    };
    assert_eq!(open("Open bugs: none", "Open bugs: none"), NONE);
    assert_eq!(open("Open bugs: none", "Open bugs: two"), ["0: missing Open bugs: none (24)"]);
    assert_eq!(open("Built by:", "Built by:"), NONE);
    assert_eq!(open("Built by:", "Built by: Ada"), NONE);
    assert_eq!(open("Built (by [name])", "Built (by [name])"), NONE);
    assert_eq!(open("Built ([name])", "Built ([name])"), ["24: empty Built"]);
    assert_eq!(open("Built ([name])", "Built (Ada)"), NONE);
    assert_eq!(open("Built - TBD", "Built: Ada"), NONE);
    assert_eq!(open("Built - TBD", "Built"), ["24: empty Built"]);
    assert_eq!(open("Built\u{202e} - TBD", "Built\u{202e}"), ["24: empty Built\\u{202e}"]);
}

#[test]
fn large_and_hostile_documents_are_read_in_time() {
    let items = "- [ ] a\n".repeat(20_000);
    let open = with_items(&items);
    assert_eq!(open.len(), 1005);
    assert_eq!(open[1004], "1023: unreadable the checklist has more than 1000 list items");
    let wide =
        format!("{}\n{}\n", "|a".repeat(20_000), "|-".repeat(20_000)) + &"|b\n".repeat(20_000);
    for hostile in [
        wide,
        "[".repeat(200_000),
        "![".repeat(100_000),
        "*a _b ".repeat(30_000),
        "<!-- ".repeat(40_000),
        "<b> ".repeat(50_000),
        "`a``b".repeat(40_000),
        "Owners: TBD\n".repeat(20_000),
        "a:".repeat(100_000),
        ["- ", &" ".repeat(100), "\n"].concat().repeat(2_000),
        (0..64).map(|depth| format!("{}- [ ] a\n", "  ".repeat(depth))).collect(),
    ] {
        assert!(!with_items(&format!("{hostile}\n")).is_empty());
        assert!(!open_in(TEMPLATE, hostile).is_empty());
    }
}

/// Fills in the template that `refgate init` writes.
fn filled() -> String {
    let items = SCAFFOLD.find("\n## Release checklist").expect("the checklist");
    let (fields, items) = SCAFFOLD.split_at(items);
    let placeholder = regex::Regex::new(r"\[[^\]]+\]").expect("a pattern");
    let fields = placeholder.replace_all(fields, "Something");
    let items = items.replace("- [ ]", "- [x]");
    let items = placeholder.replace_all(&items, |found: &regex::Captures<'_>| match &found[0] {
        "[x]" => "[x]",
        _ => "Ada",
    });
    format!("{fields}{items}")
}

#[test]
fn the_scaffold_can_be_filled_in_and_each_change_of_an_item_is_found() {
    let filled = filled();
    assert_eq!(open_in(SCAFFOLD, &filled), NONE);
    let lines: Vec<&str> = filled.lines().collect();
    let mut items = 0;
    for (number, line) in (1..).zip(&lines) {
        if !line.starts_with("- [x]") {
            continue;
        }
        items += 1;
        let with = |new: &str| {
            let mut changed = lines.clone();
            changed[number - 1] = new;
            open_in(SCAFFOLD, changed.join("\n"))
        };
        let template = SCAFFOLD.lines().nth(number - 1).expect("the line");
        let text = line.trim_start_matches("- [x] ");
        let wanted = template.trim_start_matches("- [ ] ");
        let missing = format!("0: missing {wanted} ({number})");
        assert_eq!(with(""), [missing.as_str()]);
        assert_eq!(with(&line.replace("- [x] ", "- [x] Nearly: ")), [missing.as_str()]);
        assert_eq!(with(&format!("<!-- {line} -->")), [missing, format!("{number}: {HTML}")]);
        assert_eq!(with(&line.replace("[x]", "[ ]")), [format!("{number}: not ticked {text}")]);
        if let Some((stem, _)) = wanted.split_once(": [") {
            let kept = template.replace("- [ ]", "- [x]");
            assert_eq!(with(&kept), [format!("{number}: empty {stem}")]);
        }
    }
    assert_eq!(items, 9);
}

#[test]
fn t108_the_untouched_scaffold_is_open_in_every_item_and_field() {
    let open = open_in(SCAFFOLD, SCAFFOLD);
    let count = |what: &str| open.iter().filter(|line| line.contains(what)).count();
    assert_eq!((count("not ticked"), count("empty"), open.len()), (9, 4 + 3, 16), "{open:#?}");
    let ticked = SCAFFOLD.replace("- [ ]", "- [x]");
    let open = open_in(SCAFFOLD, ticked);
    assert_eq!(open.len(), 4 + 3, "{open:#?}");
    let fields = ["Artifacts", "Owners", "Communication", "Rollback plan"];
    for (found, field) in open.iter().zip(fields) {
        assert!(found.ends_with(&format!(": empty {field}")), "{found}");
    }
    for field in fields {
        let removed = filled().replacen(&format!("## {field}"), "## Other", 1);
        assert_eq!(open_in(SCAFFOLD, removed), [format!("0: no field {field}")]);
    }
}

#[test]
fn the_scaffold_of_people_names_the_first_maintainer() {
    let key = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";
    let text = include_str!("../../../templates/STRUCTURE.md")
        .replace("{{name}}", "Ada \\| Lovelace")
        .replace("{{email}}", "ada@example.org")
        .replace("{{key}}", key);
    assert!(!text.contains("{{"));
    let people = Structure::parse(text.as_bytes(), &SectionNames::default(), &Limits::default());
    let people = people.expect("a good file");
    assert_eq!(people.principals().count(), 1);
    let now = "2026-11-23T10:00:00Z".parse().expect("a time");
    for role in [Role::Maintainer, Role::ReleaseManager] {
        let holders: Vec<_> = people.holders(role, now).map(|p| p.name()).collect();
        assert_eq!(holders, ["Ada | Lovelace"]);
    }
    assert!(People::ALL.iter().all(|section| people.heading_line(*section).is_some()));
}

#[test]
fn the_scaffold_of_rules_shows_the_built_in_policy() {
    let text = include_str!("../../../templates/refgate.toml").replace("{{repository}}", "r");
    let read = |text: &str| Config::parse(text.as_bytes(), &Limits::default());
    let as_written = read(&text).expect("a good file");
    assert_eq!(as_written, Config::built_in((*as_written.repository).clone()));
    // With every `#key = value` in force nothing changes but what has no built-in value.
    let in_force = text.lines().map(|line| match line.strip_prefix('#') {
        Some(shown) if !shown.is_empty() && !shown.starts_with(' ') => format!("{shown}\n"),
        Some(_) | None => format!("{line}\n"),
    });
    let mut in_force = read(&in_force.collect::<String>()).expect("every line is good");
    assert_eq!(in_force.portfolio.take().map(|name| name.to_string()).as_deref(), Some("payments"));
    assert_eq!(in_force.scan.tools.len(), 1);
    in_force.scan.tools.clear();
    assert!(in_force.review.require_touch.origin.line() > 0);
    assert_eq!(in_force, as_written);
}

/// Pieces of which documents are made that look like checklists.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "- [x] ",
        "- [ ] ",
        "- ",
        "  ",
        "    ",
        "> ",
        "\n",
        "\n\n",
        "# ",
        "## Release checklist\n",
        "Owners: ",
        "Owners",
        "| ",
        "|---|\n",
        "```\n",
        "<!--",
        "-->",
        "<b>",
        "[",
        "]",
        "(",
        ")",
        ": ",
        " - ",
        "Tests",
        "TBD",
        "Announced",
        "\u{200b}",
        "\\",
        "`",
        "*",
        "~~",
        "&#10;",
        "![",
        "---\n",
        "\t",
        "1. ",
        "\r\n",
    ]);
    prop::collection::vec(piece, 0..80).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_bytes_can_be_read(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Template::parse(&bytes, &built_in()).is_ok();
        let template = parse(TEMPLATE).expect("a template");
        prop_assert!(!open_items(&template, &bytes, &built_in()).is_empty());
    }

    #[test]
    fn whatever_looks_like_a_checklist_is_read(text in pieces(), more in pieces()) {
        let lines = text.lines().count();
        if let Ok(template) = parse(&text) {
            for item in open_items(&template, text.as_bytes(), &built_in()) {
                prop_assert!(item.line <= lines);
            }
        }
        let at_end = format!("{COMPLETE}\n# End\n\n{more}");
        let open = open_in(TEMPLATE, &at_end);
        prop_assert!(open.iter().all(|line| !line.contains("missing")), "{open:?}");
    }

    #[test]
    fn taking_away_a_tick_never_completes_a_document(text in pieces(), at in 0_usize..4) {
        let document = COMPLETE.replace("## Notes\n", &text);
        let (start, _) = document.match_indices("[x]").nth(at).expect("four items");
        let mut fewer = document.clone();
        fewer.replace_range(start..start + 3, "[ ]");
        prop_assert!(!open_in(TEMPLATE, fewer).is_empty());
    }
}
