//! The report in Markdown.

use super::{Report, SharedGap, day, gaps, line};
use crate::audit::exceptions::Row;
use crate::evidence::exception::STATES;
use crate::policy::gates::Gate;
use crate::report::text::escape;

/// Shows control characters and the like; quotation marks need no sign here.
pub(super) fn shown(text: &str) -> String {
    escape(text.as_bytes()).replace("\\\"", "\"")
}

/// Makes foreign text fit for a cell: it shows as it is, and is no markup.
fn cell(text: &str) -> String {
    let mut out = String::new();
    for c in shown(text).chars() {
        if matches!(c, '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '&' | '#' | '~' | '!')
        {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Writes a table.
fn table(out: &mut String, head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
    let row_of = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    *out += &row_of(head.iter().map(|text| (*text).to_owned()).collect());
    *out += &format!("|{}\n", "---|".repeat(head.len()));
    for row in rows {
        *out += &row_of(row.iter().map(|text| cell(text)).collect());
    }
    out.push('\n');
}

/// Writes the whole report.
#[must_use]
pub fn document(report: &Report) -> String {
    let mut out = format!("# Release audit {}\n\n", cell(&report.quarter));
    let counts: Vec<String> =
        report.counts().iter().map(|(name, count)| format!("{count} {name}")).collect();
    line(&mut out, &format!("{}; {} findings.\n", counts.join(", "), report.findings.len()));
    line(
        &mut out,
        &format!(
            "Drawn from {} releases with the seed `{}`. Report of {}.\n",
            report.candidates,
            escape(report.seed.as_bytes()).replace('`', "'"),
            day(report.time)
        ),
    );
    out += "## Releases\n\n";
    let head = [
        "Portfolio",
        "Repository",
        "Release",
        "Date",
        "Result",
        "scan",
        "tests",
        "review",
        "checklist",
        "Judgements",
    ];
    let rows = report.releases.iter().map(|drawn| {
        let release = &drawn.release;
        let mut row = vec![
            release.portfolio.clone(),
            release.repository.clone(),
            short(&release.tag).to_owned(),
            day(release.time),
            drawn.outcome().to_owned(),
        ];
        row.extend(Gate::ALL.map(|gate| mark(drawn.gate(gate.name())).to_owned()));
        row.push(drawn.judgements().to_string());
        row
    });
    table(&mut out, &head, rows);
    if !report.unreadable.is_empty() {
        out += "## Repositories that could not be read\n\n";
        let rows = report.unreadable.iter().map(|u| vec![u.path.clone(), u.why.clone()]);
        table(&mut out, &["Clone", "Why"], rows);
    }
    out += "## Findings\n\n";
    if report.findings.is_empty() {
        out += "None.\n\n";
    } else {
        let rows = report.findings.iter().map(|item| {
            let subject = short(&item.subject).to_owned();
            vec![
                item.id.clone(),
                item.code.clone(),
                item.repository.clone(),
                subject,
                item.title.clone(),
            ]
        });
        table(&mut out, &["Id", "Code", "Repository", "Subject", "What"], rows);
    }
    out += "## Exceptions by state\n\n";
    let counts = report.exceptions.by_state.iter();
    let rows = STATES.iter().filter_map(|state| {
        let (_, count) = counts.clone().find(|(counted, _)| *counted == state)?;
        Some(vec![(*state).to_owned(), count.to_string()])
    });
    table(&mut out, &["State", "Exceptions"], rows);
    if !report.exceptions.all.is_empty() {
        let rows = report.exceptions.all.iter().map(|row| {
            vec![
                state_of(row),
                row.repository.clone(),
                row.id.clone(),
                row.owner.clone(),
                row.approved_by.join(", "),
                row.requested.clone(),
                row.expires.clone(),
            ]
        });
        let head =
            ["State", "Repository", "Exception", "Owner", "Approved by", "Requested", "Last day"];
        table(&mut out, &head, rows);
    }
    if !report.exceptions.unread.is_empty() {
        out += "Not counted, since they could not be read:\n\n";
        let rows = report.exceptions.unread.iter().map(|unread| {
            let file = unread.file.clone().unwrap_or_default();
            vec![unread.repository.clone(), file, unread.why.clone()]
        });
        table(&mut out, &["Repository", "Document", "Why"], rows);
    }
    if let Some(told) = &report.ledgers {
        line(&mut out, &format!("## Ledgers\n\n{} records were read.\n", told.records));
        out += "### Refused pushes by gate\n\n";
        let buckets = super::chart::Buckets::of(&told.refusals);
        if told.refusals.is_empty() {
            out += "No push was refused.\n\n";
        } else {
            table(&mut out, &buckets.head(), buckets.rows());
        }
        out += "### Continuity of controls\n\n";
        let rows = told.controls.iter().map(|control| {
            let since = control.since.map_or_else(|| "does not hold".to_owned(), day);
            vec![
                control.repository.clone(),
                short(&control.r#ref).to_owned(),
                control.gate.clone(),
                since,
                control.landings.to_string(),
                control.gaps.len().to_string(),
            ]
        });
        table(&mut out, &["Repository", "Ref", "Control", "Since", "Landings", "Gaps"], rows);
        let gaps: Vec<Vec<String>> = gaps(&told.controls)
            .iter()
            .map(|SharedGap { repository, r#ref, controls, gap }| {
                vec![
                    (*repository).to_owned(),
                    short(r#ref).to_owned(),
                    controls.join(", "),
                    day(gap.from),
                    day(gap.to),
                    gap.why.clone(),
                ]
            })
            .collect();
        if !gaps.is_empty() {
            out += "### Gaps\n\n";
            let head = ["Repository", "Ref", "Controls", "Held until", "Seen", "Why"];
            table(&mut out, &head, gaps);
        }
        if !told.waived.is_empty() {
            out += "### Break-glass\n\n";
            let rows = told.waived.iter().map(|w| {
                vec![
                    day(w.time),
                    w.repository.clone(),
                    short(&w.r#ref).to_owned(),
                    w.verdict.clone(),
                ]
            });
            table(&mut out, &["Date", "Repository", "Ref", "Verdict"], rows);
        }
    }
    let end = out.trim_end().len();
    out.truncate(end);
    out.push('\n');
    out
}

/// Returns the state of an exception and what belongs to it, in words.
pub(super) fn state_of(row: &Row) -> String {
    let mut text = row.state.to_owned();
    if row.break_glass {
        text += ", break-glass";
    }
    if row.review_owed {
        text += ", review owed";
    }
    text
}

/// Returns the words for what a gate said.
pub(super) fn mark(passed: Option<bool>) -> &'static str {
    match passed {
        Some(true) => "passed",
        Some(false) => "missed",
        None => "",
    }
}

/// Returns a ref as people say it.
pub(super) fn short(name: &str) -> &str {
    name.strip_prefix("refs/heads/").or(name.strip_prefix("refs/tags/")).unwrap_or(name)
}
