use super::*;
use crate::limits::Limits;
use crate::policy::config::Config;

const TEMPLATE: &str = "\
# Release

## Artifacts

What is delivered.

| Artifact | SHA-256 |
|---|---|
| [file] | [digest] |

## Owners

Who can be reached.

| Role | Name | Reached by |
|---|---|---|
| Release manager | [name] | [contact] |

## Communication

[who]

## Rollback plan

[how]

## Gates

| Gate | What was found |
|---|---|
| scan | [evidence] |

## Exceptions

- [id]

## Release checklist

- [ ] Signed
";

const DIGEST: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

fn config(rules: &str) -> Config {
    let text = format!("repository = \"r\"\n[checklist]\n{rules}");
    Config::parse(text.as_bytes(), &Limits::default()).expect("good rules")
}

fn complete() -> String {
    TEMPLATE
        .replace("| [file] | [digest] |", &format!("| app.tar.gz | `{DIGEST}` |"))
        .replace("| [name] | [contact] |", "| Ada Lovelace | pager |")
        .replace("[evidence]", "evidence:4f2a")
}

fn shown(item: &OpenItem) -> String {
    let what = match &item.what {
        OpenItemKind::OwnerUnknown { who } => format!("unknown {}", who.shown(100)),
        OpenItemKind::DigestMissing { artifact } => format!("digest {}", artifact.shown(100)),
        OpenItemKind::GateMissing { gate } => format!("gate {gate}"),
        OpenItemKind::Html { text } => format!("html {}", text.shown(100)),
        OpenItemKind::Section { .. }
        | OpenItemKind::ItemMissing { .. }
        | OpenItemKind::NotTicked { .. }
        | OpenItemKind::FieldMissing { .. }
        | OpenItemKind::FieldEmpty { .. }
        | OpenItemKind::Unreadable(_) => format!("{:?}", item.what),
    };
    format!("{}: {what}", item.line)
}

fn open_by(rules: &str, template: &str, document: &[u8]) -> Vec<String> {
    let is_listed = |who: &str| {
        ["ada lovelace", "ada@x.org", "ben byron"].contains(&who.to_lowercase().as_str())
    };
    let demands = Demands { is_listed: &is_listed, gates: &["scan"] };
    let checklist = config(rules).checklist;
    unmet(template.as_bytes(), document, &checklist, &demands).iter().map(shown).collect()
}

#[track_caller]
fn changed(from: &str, to: &str) -> Vec<String> {
    let document = complete();
    assert!(document.contains(from), "{from}");
    open_by("", TEMPLATE, document.replacen(from, to, 1).as_bytes())
}

const NONE: [&str; 0] = [];

#[test]
fn a_complete_document_meets_everything() {
    assert_eq!(open_by("", TEMPLATE, complete().as_bytes()), NONE);
}

#[test]
fn t108_owners_are_people_of_the_list() {
    for good in [
        "| Ada Lovelace | pager |",
        "| ada lovelace | |",
        "| Ada Lovelace, Ben Byron | pager |",
        "| Ada Lovelace and Ben Byron | pager |",
        "| Whoever they call <ada@x.org> | |",
        "| **Ada Lovelace** (ada@x.org) | |",
    ] {
        assert_eq!(changed("| Ada Lovelace | pager |", good), NONE, "{good}");
    }
    for (bad, who) in [
        ("| Mallory | pager |", "Mallory"),
        ("| Ada Lovelace, Mallory | pager |", "Mallory"),
        ("| Ada Lovelace <mallory@x.org> | |", "Ada Lovelace mallory@x.org"),
        ("| [name] | [contact] |", "[name]"),
        ("| | Ada Lovelace |", "\"\""),
        ("| ~~Ada Lovelace~~ | |", "\"\""),
        ("| <!-- Ada Lovelace --> | |", "\"\""),
        ("| Ad\u{430} Lovelace | |", "Ad\u{430} Lovelace"),
    ] {
        let open = changed("| Ada Lovelace | pager |", bad);
        let who = if who == "\"\"" { "" } else { who };
        assert_eq!(open, [format!("17: unknown {who}")], "{bad}");
    }
    assert_eq!(
        open_by("owners = \"any\"", TEMPLATE, complete().replace("Ada Lovelace", "M").as_bytes()),
        NONE
    );
}

#[test]
fn owners_stand_in_lists_lines_and_fields_as_well() {
    let table =
        "| Role | Name | Reached by |\n|---|---|---|\n| Release manager | Ada Lovelace | pager |";
    assert_eq!(changed(table, "- Release manager: Ada Lovelace\n- Rollback: ben byron"), NONE);
    assert_eq!(changed(table, "- Rollback: Mallory\n"), ["15: unknown Mallory"]);
    assert_eq!(changed(table, "Ada Lovelace, Ben Byron"), NONE);
    assert_eq!(changed(table, "Somebody"), ["15: unknown Somebody"]);
    // Text beside a list is text.
    assert_eq!(changed(table, "They know.\n\n- Ada Lovelace\n"), NONE);
    let template = "Owners: [names]\n";
    let rules = "fields = [\"Owners\"]";
    assert_eq!(open_by(rules, template, b"Owners: Ada Lovelace, ada@x.org\n"), NONE);
    assert_eq!(open_by(rules, template, b"\nOwners: Mallory\n"), ["2: unknown Mallory"]);
}

#[test]
fn t107_listed_artifacts_have_digests() {
    let row = format!("| app.tar.gz | `{DIGEST}` |");
    for good in [
        format!("| app | sha256:{DIGEST} |"),
        format!("| app@sha256:{DIGEST} | see left |"),
        format!("| app | {} |", DIGEST.to_uppercase()),
    ] {
        assert_eq!(changed(&row, &good), NONE, "{good}");
    }
    let short = DIGEST.get(1..).expect("63 digits");
    for bad in [
        "| app | later |".to_owned(),
        format!("| app | {short} |"),
        format!("| app | {DIGEST}0 |"),
        format!("| app | ~~{DIGEST}~~ |"),
        format!("| app | <!-- {DIGEST} --> |"),
    ] {
        assert_eq!(changed(&row, &bad), ["9: digest app"], "{bad}");
    }
    let two = format!("{row}\n| other | none |");
    assert_eq!(changed(&row, &two), ["10: digest other"]);
    let document = complete().replace(&row, "| app | none |");
    assert_eq!(open_by("digests = \"optional\"", TEMPLATE, document.as_bytes()), NONE);
    let table = format!("| Artifact | SHA-256 |\n|---|---|\n{row}");
    assert_eq!(changed(&table, "Source alone, the tag itself."), NONE);
    assert_eq!(changed(&table, "- app"), ["7: digest app"]);
}

#[test]
fn gates_are_listed_where_the_template_has_them() {
    assert_eq!(changed("| scan | evidence:4f2a |", "| scan | [evidence] |"), ["31: gate scan"]);
    assert_eq!(changed("| scan | evidence:4f2a |", "| tests | evidence:4f2a |"), ["0: gate scan"]);
    assert_eq!(changed("## Gates", "## Other"), ["0: gate scan"]);
    let template = TEMPLATE.replace("## Gates", "## Other");
    let document = complete().replace("evidence:4f2a", "[evidence]");
    assert_eq!(open_by("", &template, document.as_bytes()), NONE);
}

#[test]
fn t108_html_that_can_hide_text_is_open() {
    let owners = "## Owners\n";
    for (html, line, raw) in [
        ("<div hidden>\n\n## Owners\n", 11, "<div hidden>"),
        ("<!-- a --> <style>\n\n## Owners\n", 11, "<style>"),
        ("## Owners <b>\n", 11, "<b>"),
        ("<details><summary>x</summary>\n\n## Owners\n", 11, "<details><summary>x</summary>"),
    ] {
        assert_eq!(changed(owners, html), [format!("{line}: html {raw}")], "{html}");
    }
    for comment in
        ["<!-- a -->\n\n## Owners\n", "<!-- a\n\nb -->\n\n## Owners\n", "## Owners <!-- x -->\n"]
    {
        assert_eq!(changed(owners, comment), NONE, "{comment}");
    }
    // What the template has, its people have agreed to.
    let template = TEMPLATE.replace(owners, "<br>\n\n## Owners\n");
    let document = complete().replace(owners, "<br>\n\n## Owners\n");
    assert_eq!(open_by("", &template, document.as_bytes()), NONE);
}

#[test]
fn t109_exceptions_are_listed_by_their_whole_id() {
    let missing = |list: &str| {
        let document = complete().replace("- [id]", list);
        unlisted(document.as_bytes(), ["EX-2026-014", "EX-2"]).into_iter().collect::<Vec<_>>()
    };
    let both = vec!["EX-2", "EX-2026-014"];
    assert_eq!(missing("none"), both);
    assert_eq!(missing("- EX-2026-014, until 2026-12-23\n- EX-2: CVE"), Vec::<&str>::new());
    assert_eq!(missing("| Id |\n|---|\n| `EX-2026-014` |"), ["EX-2"]);
    assert_eq!(missing("EX-2026-0145, XEX-2"), both);
    for hidden in [
        "<!-- EX-2 EX-2026-014 -->",
        "> EX-2 EX-2026-014",
        "~~EX-2 EX-2026-014~~",
        "```\nEX-2 EX-2026-014\n```",
    ] {
        assert_eq!(missing(hidden), both, "{hidden}");
    }
    // Elsewhere they count for nothing.
    assert_eq!(missing("none\n\n## Notes\n\nEX-2 EX-2026-014"), both);
    assert_eq!(missing("none\n\n### Details\n\nEX-2 EX-2026-014"), Vec::<&str>::new());
}

#[test]
fn documents_that_are_no_text_are_open_elsewhere() {
    assert_eq!(open_by("", TEMPLATE, b"\xff"), NONE);
    assert_eq!(unlisted(b"\xff", ["EX-1"]).len(), 1);
}
