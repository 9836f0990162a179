//! The columns of the tables.

use crate::policy::problems::Problems;
use crate::policy::suggest;
use crate::policy::text::quoted;

use super::Section;
use super::markdown::Table;

/// A column of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Column {
    /// The name of a principal.
    Name,
    /// The addresses.
    Email,
    /// The keys.
    Keys,
    /// The kinds of evidence.
    Attests,
    /// The name of a domain.
    Domain,
    /// The patterns.
    Paths,
    /// Addresses of principals.
    Reviewers,
    /// The first day.
    From,
    /// The last day.
    Until,
    /// Whether the row still counts.
    Status,
}

impl Column {
    /// Returns the name, which a table may write in either case.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Name => "Name",
            Self::Email => "Email",
            Self::Keys => "Keys",
            Self::Attests => "Attests",
            Self::Domain => "Domain",
            Self::Paths => "Paths",
            Self::Reviewers => "Reviewers",
            Self::From => "From",
            Self::Until => "Until",
            Self::Status => "Status",
        }
    }

    fn required(section: Section) -> &'static [Self] {
        match section {
            Section::People
            | Section::Maintainers
            | Section::SecurityEngineering
            | Section::ReleaseManagers => &[Self::Name, Self::Email, Self::Keys],
            Section::DomainReviewers => &[Self::Domain, Self::Paths, Self::Reviewers],
            Section::Automation => &[Self::Name, Self::Email, Self::Keys, Self::Attests],
        }
    }

    fn known(section: Section) -> impl Iterator<Item = Self> {
        let optional = [Self::From, Self::Until, Self::Status];
        Self::required(section).iter().copied().chain(optional)
    }

    fn list(columns: impl Iterator<Item = Self>) -> String {
        columns.map(Self::name).collect::<Vec<_>>().join(", ")
    }
}

/// Reads the column names; each must be known, since people believe what stands below it.
pub(super) fn columns(
    section: Section,
    table: &Table,
    problems: &mut Problems,
) -> Option<Vec<Column>> {
    let mut columns = Vec::new();
    let mut clear = true;
    for cell in &table.columns {
        let name = cell.text();
        let known = Column::known(section).find(|known| known.name().eq_ignore_ascii_case(&name));
        match known {
            Some(column) if columns.contains(&column) => {
                let message = format!("the column {} stands here twice", quoted(&name));
                problems.add_with_help(table.line, message, "keep one of them");
                clear = false;
            }
            Some(column) => columns.push(column),
            None => {
                let meant = suggest::nearest(&name, Column::known(section).map(Column::name));
                let help = match meant {
                    Some(meant) => format!("write {meant}"),
                    None => format!(
                        "known here are {}; move other facts below a heading of their own",
                        Column::list(Column::known(section))
                    ),
                };
                let message = format!("the column {} would not be read", quoted(&name));
                problems.add_with_help(table.line, message, help);
                clear = false;
            }
        }
    }
    let missing = Column::required(section).iter().filter(|column| !columns.contains(column));
    let missing = Column::list(missing.copied());
    if !missing.is_empty() && clear {
        let message = format!("the table lacks the column {missing}");
        let help =
            format!("needed are {}", Column::list(Column::required(section).iter().copied()));
        problems.add_with_help(table.line, message, help);
        clear = false;
    }
    clear.then_some(columns)
}
