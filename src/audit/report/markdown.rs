//! The report in Markdown.

use super::{Report, day, line};
use crate::policy::gates::Gate;
use crate::report::text::escape;

/// Makes foreign text fit for a cell: it shows as it is, and is no markup.
fn cell(text: &str) -> String {
    let mut out = String::new();
    for c in escape(text.as_bytes()).chars() {
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
    if let Some(told) = &report.ledgers {
        line(&mut out, &format!("## Ledgers\n\n{} records were read.\n", told.records));
        out += "### Refused pushes by gate\n\n";
        let rows = super::chart::Buckets::of(&told.refusals).rows();
        table(&mut out, &["From", "Gate", "Refused"], rows);
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
