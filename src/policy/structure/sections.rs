//! The sections that are read, and the headings by which they are found.

use std::collections::BTreeMap;
use std::fmt;

use crate::policy::suggest;
use crate::policy::text::{hidden_char, is_hidden, squeezed};

use super::Role;

/// A section of `meta/STRUCTURE.md` that refgate reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    /// Anybody who signs and stands in no other table with keys.
    People,
    /// Who may give the maintainer's approval.
    Maintainers,
    /// Which part of the tree needs whose approval.
    DomainReviewers,
    /// Who may approve exceptions.
    SecurityEngineering,
    /// Who may sign releases.
    ReleaseManagers,
    /// Whose signatures make evidence authentic.
    Automation,
}

impl Section {
    /// Every section.
    pub const ALL: [Self; 6] = [
        Self::People,
        Self::Maintainers,
        Self::DomainReviewers,
        Self::SecurityEngineering,
        Self::ReleaseManagers,
        Self::Automation,
    ];

    /// Returns the heading that is looked for unless the policy names another.
    #[must_use]
    pub fn default_heading(self) -> &'static str {
        match self {
            Self::People => "People",
            Self::Maintainers => "Maintainers",
            Self::DomainReviewers => "Domain reviewers",
            Self::SecurityEngineering => "Security Engineering",
            Self::ReleaseManagers => "Release managers",
            Self::Automation => "Automation",
        }
    }

    /// Returns the key under `[structure]` in `meta/refgate.toml` that names another heading.
    #[must_use]
    pub fn config_key(self) -> &'static str {
        match self {
            Self::People => "people",
            Self::Maintainers => "maintainers",
            Self::DomainReviewers => "domain-reviewers",
            Self::SecurityEngineering => "security-engineering",
            Self::ReleaseManagers => "release-managers",
            Self::Automation => "automation",
        }
    }

    /// Returns the role that a row of the section gives; People gives none.
    #[must_use]
    pub fn role(self) -> Option<Role> {
        match self {
            Self::People => None,
            Self::Maintainers => Some(Role::Maintainer),
            Self::DomainReviewers => Some(Role::DomainReviewer),
            Self::SecurityEngineering => Some(Role::SecurityEngineer),
            Self::ReleaseManagers => Some(Role::ReleaseManager),
            Self::Automation => Some(Role::Automation),
        }
    }

    /// Returns whether rows may be written as list items.
    #[must_use]
    pub(super) fn takes_list(self) -> bool {
        match self {
            Self::People
            | Self::Maintainers
            | Self::SecurityEngineering
            | Self::ReleaseManagers => true,
            Self::DomainReviewers | Self::Automation => false,
        }
    }
}

/// The heading of each section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SectionNames([Name; 6]);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Name {
    section: Section,
    heading: String,
    folded: String,
}

impl Name {
    fn new(section: Section, heading: &str) -> Self {
        Self { section, heading: squeezed(heading), folded: folded(heading) }
    }
}

/// Why a heading cannot be given to a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SectionNameError {
    /// Nothing but blanks.
    Empty,
    /// More than 100 characters.
    TooLong,
    /// A character that people do not see.
    Hidden,
    /// The heading of another section.
    Taken(Section),
}

impl SectionNames {
    /// Returns the default headings, but for the sections that are given another one.
    ///
    /// # Errors
    /// The first section whose heading cannot be looked for, and why.
    pub fn new(renamed: &BTreeMap<Section, String>) -> Result<Self, (Section, SectionNameError)> {
        let names = Self(Section::ALL.map(|section| {
            let heading = renamed.get(&section).map(String::as_str);
            Name::new(section, heading.unwrap_or(section.default_heading()))
        }));
        for section in renamed.keys().copied() {
            names.check(section).map_err(|error| (section, error))?;
        }
        Ok(names)
    }

    /// Returns the heading of a section.
    #[must_use]
    pub fn heading(&self, section: Section) -> &str {
        let name = self.0.iter().find(|name| name.section == section);
        name.map_or(section.default_heading(), |name| &name.heading)
    }

    /// Returns the section that a heading begins; letters in either case, blanks squeezed.
    #[must_use]
    pub fn find(&self, heading: &str) -> Option<Section> {
        let heading = folded(heading);
        self.0.iter().find(|name| name.folded == heading).map(|name| name.section)
    }

    /// Returns the heading for which people may take one that begins no section.
    ///
    /// Invisible characters, look-alike letters among ASCII ones, or two edits at most (one for
    /// short headings): such a heading would take a rule away in silence, but other
    /// sections are free to have other headings.
    #[must_use]
    pub(super) fn nearest(&self, heading: &str) -> Option<&str> {
        let visible: String = squeezed(heading).chars().filter(|c| !is_hidden(*c)).collect();
        let edits = if visible.chars().count() < 8 { 1 } else { 2 };
        let names = || self.0.iter().map(|name| name.heading.as_str());
        names()
            .find(|name| look_alike(name, &visible))
            .or_else(|| suggest::within(edits, &visible, names()))
    }

    fn check(&self, section: Section) -> Result<(), SectionNameError> {
        let heading = self.heading(section);
        if heading.is_empty() {
            return Err(SectionNameError::Empty);
        }
        if heading.chars().count() > 100 {
            return Err(SectionNameError::TooLong);
        }
        if hidden_char(heading).is_some() {
            return Err(SectionNameError::Hidden);
        }
        let heading = folded(heading);
        let twin = self.0.iter().find(|name| name.section != section && name.folded == heading);
        twin.map_or(Ok(()), |name| Err(SectionNameError::Taken(name.section)))
    }
}

impl Default for SectionNames {
    fn default() -> Self {
        Self(Section::ALL.map(|section| Name::new(section, section.default_heading())))
    }
}

impl fmt::Display for SectionNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a heading cannot be empty"),
            Self::TooLong => f.write_str("a heading cannot be longer than 100 characters"),
            Self::Hidden => f.write_str("the heading holds a character that people do not see"),
            Self::Taken(other) => {
                write!(f, "the heading is that of the section {}", other.config_key())
            }
        }
    }
}

/// Returns whether two headings differ only where one has letters outside ASCII among others.
fn look_alike(name: &str, heading: &str) -> bool {
    let mut same = 0;
    name.chars().count() == heading.chars().count()
        && name.chars().zip(heading.chars()).all(|(a, b)| {
            same += usize::from(a.is_ascii_alphabetic() && a.eq_ignore_ascii_case(&b));
            a.eq_ignore_ascii_case(&b) || !b.is_ascii()
        })
        && same > 0
}

fn folded(heading: &str) -> String {
    squeezed(heading).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_found_by_heading_in_either_case() {
        let names = SectionNames::default();
        for section in Section::ALL {
            assert_eq!(names.find(section.default_heading()), Some(section));
        }
        assert_eq!(names.find(" domain  REVIEWERS "), Some(Section::DomainReviewers));
        assert_eq!(names.find("Maintainer"), None);
        assert_eq!(names.nearest("Maintainer"), Some("Maintainers"));
        assert_eq!(names.nearest("History"), None);
    }

    #[test]
    fn only_misspelt_headings_are_near() {
        let names = SectionNames::default();
        for (heading, near) in [
            ("Maintainer", true),
            ("Maint\u{430}iners", true),
            ("M\u{200b}ai\u{200b}nt\u{200b}ain\u{200b}ers", true),
            ("M\u{430}int\u{430}in\u{435}\u{433}s", true),
            ("Release manager:", true),
            ("Domain  reviewer", true),
            ("Poeple", true),
            ("Release management", false),
            ("Maintenance", false),
            ("Reviewers", false),
            ("History", false),
        ] {
            assert_eq!(names.nearest(heading).is_some(), near, "{heading}");
        }
    }

    #[test]
    fn a_section_can_have_another_heading_but_not_another_sections() {
        use Section::{Automation, Maintainers, People};
        let new = |renamed: &[(Section, &str)]| {
            SectionNames::new(&renamed.iter().map(|(s, text)| (*s, text.to_string())).collect())
        };
        let names = new(&[(Maintainers, " Core  team")]).expect("a new heading");
        assert_eq!(names.find("core TEAM"), Some(Maintainers));
        assert_eq!(names.find("Maintainers"), None);
        let swapped = new(&[(Maintainers, "People"), (People, "Maintainers")]);
        assert_eq!(swapped.expect("swapped").find("People"), Some(Maintainers));
        for (heading, error) in [
            ("  ", SectionNameError::Empty),
            ("a\u{200b}", SectionNameError::Hidden),
            ("PEOPLE", SectionNameError::Taken(People)),
            ("xxxxxxxxxxx".repeat(10).as_str(), SectionNameError::TooLong),
        ] {
            assert_eq!(new(&[(Automation, heading)]), Err((Automation, error)), "{heading:?}");
        }
    }
}
