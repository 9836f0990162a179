//! `meta/refgate.toml`: the rules of a repository.
//!
//! Every key but `repository` may be absent and then has the value of the
//! built-in policy, the Secure Release Policy. A file changes single
//! values, each of which remembers where it was set.

mod checklist;
mod exceptions;
mod floor;
mod read;

pub use floor::Floor;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Deref;

use crate::error::Diagnostic;
use crate::evidence::kind::{Kind, SuiteName};
use crate::limits::Limits;
use crate::principal::PrincipalId;

use super::Period;
use super::freeze::Freeze;
use super::gates::{Gate, Gates};
use super::refs::RefPattern;
use super::structure::SectionNames;
use crate::evidence::severity::Severity;

pub use checklist::{
    Checklist, Digests, ListedExceptions, Owners, Placeholders, ReleaseCommits, TreePath,
};
pub use exceptions::{Day, Exceptions};

/// The path of the file in the tree of the trust anchor.
pub const FILE: &str = "meta/refgate.toml";

/// Where a value was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nowhere: the built-in policy has it.
    BuiltIn,
    /// In the server settings.
    Server,
    /// In a line of [`FILE`].
    Line(usize),
}

/// A value of the policy with the place where it was set.
#[derive(Clone, Debug)]
pub struct Setting<T> {
    value: T,
    /// Where the value was set.
    pub origin: Origin,
}

/// The name of a repository, which is part of everything that is signed for it.
///
/// 1 to 200 printable ASCII characters without blanks and quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository(String);

/// The rules, as far as they can be told without knowing the people.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The name of the repository.
    pub repository: Setting<Repository>,
    /// The portfolio that audits count the repository to.
    pub portfolio: Option<Setting<String>>,
    /// The headings of `meta/STRUCTURE.md`.
    pub sections: SectionNames,
    /// Which refs need which gates; at least one rule. All that match a ref add up.
    pub protect: Vec<Protect>,
    /// The scan gate.
    pub scan: Scan,
    /// The tests gate.
    pub tests: Tests,
    /// The review gate.
    pub review: Review,
    /// The checklist gate.
    pub checklist: Checklist,
    /// Exceptions.
    pub exceptions: Exceptions,
    /// When nothing may land.
    pub freeze: Vec<Freeze>,
    /// How many maintainers must approve a change of trusted files; at least 1.
    pub trust_threshold: Setting<u32>,
}

/// One `[[protect]]` rule.
#[derive(Clone, Debug)]
pub struct Protect {
    /// The refs; at least one pattern.
    pub refs: Vec<RefPattern>,
    /// The gates; at least one.
    pub gates: Gates,
    /// Where the rule stands.
    pub origin: Origin,
}

/// What the scan gate asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Scan {
    /// The kinds of evidence that must be there; at least one, none of tests.
    pub require: Setting<BTreeSet<Kind>>,
    /// Which commits need it.
    pub commits: Setting<ScanCommits>,
    /// The least severity that blocks.
    pub block: Setting<Severity>,
    /// What a finding without a known severity counts as.
    pub unknown: Setting<Unknown>,
    /// How old evidence may be.
    pub max_age: Setting<Period>,
    /// Whether a report's own suppressions are believed.
    pub suppressions: Setting<Suppressions>,
    /// The fewest components that a bill of materials has.
    pub min_components: Setting<u32>,
    /// Whether a report blocks whose tool failed on parts of its input.
    pub incomplete: Setting<Incomplete>,
    /// How many distinct principals must have signed a statement; at least 1.
    pub signers: Setting<u32>,
    /// Severities of SARIF levels, by the name of the tool.
    pub tools: BTreeMap<String, Setting<LevelSeverities>>,
}

/// Which commits need scans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanCommits {
    /// Every commit that newly enters the ref.
    Every,
    /// The commits of the first-parent chain.
    Landing,
}

/// What a finding of unknown severity counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// It blocks, whatever the least blocking severity is.
    Block,
    /// It does not block.
    Allow,
    /// It counts as this severity.
    CountsAs(Severity),
}

/// Whether a report's own suppressions are believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suppressions {
    /// A suppressed finding counts like any other.
    Ignore,
    /// A suppressed finding does not block.
    Trust,
}

/// What becomes of a report whose tool failed on parts of its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incomplete {
    /// It is no evidence.
    Block,
    /// It counts for what it covers.
    Allow,
}

/// The severity of each SARIF level (SARIF 2.1.0 §3.27.10) for one tool; the usual one where absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LevelSeverities {
    /// Of `error`.
    pub error: Option<Severity>,
    /// Of `warning`.
    pub warning: Option<Severity>,
    /// Of `note`.
    pub note: Option<Severity>,
}

/// What the tests gate asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Tests {
    /// The suites that must have passed; at least one.
    pub suites: Setting<BTreeSet<SuiteName>>,
    /// On which commits.
    pub commits: Setting<TestCommits>,
    /// How old evidence may be.
    pub max_age: Setting<Period>,
    /// How many distinct principals must have signed a statement; at least 1.
    pub signers: Setting<u32>,
}

/// Which commits need test results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestCommits {
    /// Every commit that newly enters the ref.
    Every,
    /// The commits of the first-parent chain.
    Landing,
    /// The new tip alone.
    Tip,
}

/// What the review gate asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Review {
    /// How many distinct principals must approve; at least 1.
    pub approvals: Setting<u32>,
    /// How many of them as maintainers; at least 1 and at most `approvals`.
    pub maintainers: Setting<u32>,
    /// How many as reviewers of each touched domain.
    pub domain_reviewers: Setting<u32>,
    /// Which changes an approval covers besides the very one that was approved.
    pub carry: Setting<Carry>,
    /// Who made a change and cannot approve it; the author always.
    pub exclude: Setting<BTreeSet<Contributor>>,
    /// Committers that are forges and not people.
    pub robots: Setting<BTreeSet<PrincipalId>>,
    /// Whether every commit must be signed.
    pub signed_commits: Setting<bool>,
    /// Whether a change may move submodules.
    pub submodules: Setting<Submodules>,
    /// How old an approval may be, whatever it says itself.
    pub approval_max_age: Setting<Period>,
    /// Whether an approval needs a hardware key that was touched.
    pub require_touch: Setting<bool>,
}

/// Which changes an approval covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carry {
    /// The same change on the same base.
    Exact,
    /// The same change on any base.
    SameChange,
    /// Also what a clean merge of the approved head gives.
    Replay,
}

/// A part that somebody can have in a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Contributor {
    /// The author of a commit.
    Author,
    /// Somebody whom a Co-authored-by trailer names.
    CoAuthor,
    /// The committer of a commit.
    Committer,
    /// Whoever pushes it, where the server knows that.
    Pusher,
}

/// Whether a change may move submodules, whose content no approval covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Submodules {
    /// It may not.
    Refuse,
    /// It may.
    Allow,
}

impl Config {
    /// Reads the file.
    ///
    /// # Errors
    /// Every problem of the file, by line.
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, Vec<Diagnostic>> {
        read::parse(bytes, limits)
    }

    /// Returns the built-in policy, for a repository without the file.
    ///
    /// The server settings must name the repository then.
    #[must_use]
    pub fn built_in(repository: Repository) -> Self {
        let origin = Origin::Server;
        Self {
            repository: Setting { value: repository, origin },
            portfolio: None,
            sections: SectionNames::default(),
            protect: Protect::built_in(),
            scan: Scan::built_in(),
            tests: Tests::built_in(),
            review: Review::built_in(),
            checklist: Checklist::built_in(),
            exceptions: Exceptions::built_in(),
            freeze: Vec::new(),
            trust_threshold: Setting::built_in(2),
        }
    }

    /// Lets evidence of any age count.
    pub(super) fn lift_ages(&mut self) {
        self.scan.max_age.value = Period::MAX;
        self.tests.max_age.value = Period::MAX;
    }

    /// Returns how many distinct principals must have signed evidence of a kind.
    #[must_use]
    pub fn signers(&self, kind: &Kind) -> &Setting<u32> {
        match kind {
            Kind::Sast | Kind::Sbom | Kind::Dependencies => &self.scan.signers,
            Kind::Tests(_) => &self.tests.signers,
        }
    }

    /// Returns the rules that match a ref, by its full name.
    pub fn rules_for<'a>(&'a self, ref_name: &'a [u8]) -> impl Iterator<Item = &'a Protect> {
        self.protect.iter().filter(|rule| rule.refs.iter().any(|refs| refs.matches(ref_name)))
    }

    /// Returns the gates of all rules that match a ref, or `None` if it is not protected.
    ///
    /// Names are compared byte by byte; [`RefPattern::matches_folded`] tells
    /// names that a file system could take for a protected one.
    #[must_use]
    pub fn gates_for(&self, ref_name: &[u8]) -> Option<Gates> {
        self.rules_for(ref_name).map(|rule| rule.gates).reduce(Gates::union)
    }

    /// Returns the gates that any rule asks for.
    #[must_use]
    pub fn gates_in_use(&self) -> Gates {
        self.protect.iter().map(|rule| rule.gates).fold(Gates::NONE, Gates::union)
    }
}

impl Protect {
    fn built_in() -> Vec<Self> {
        let rule = |refs: &[&str], gates: &[Gate]| Self {
            refs: refs
                .iter()
                .map(|text| RefPattern::parse(text).expect("because it is fixed and tested"))
                .collect(),
            gates: gates.iter().copied().collect(),
            origin: Origin::BuiltIn,
        };
        vec![
            rule(
                &["refs/heads/main", "refs/heads/release/*"],
                &[Gate::Scan, Gate::Tests, Gate::Review],
            ),
            rule(&["refs/tags/v*"], &Gate::ALL),
        ]
    }
}

/// Rules are equal when they ask for the same, wherever they stand.
impl PartialEq for Protect {
    fn eq(&self, other: &Self) -> bool {
        (&self.refs, self.gates) == (&other.refs, other.gates)
    }
}

impl Scan {
    fn built_in() -> Self {
        Self {
            require: Setting::built_in(BTreeSet::from([
                Kind::Sast,
                Kind::Sbom,
                Kind::Dependencies,
            ])),
            commits: Setting::built_in(ScanCommits::Every),
            block: Setting::built_in(Severity::High),
            unknown: Setting::built_in(Unknown::Block),
            max_age: Setting::built_in(Period::days(30)),
            suppressions: Setting::built_in(Suppressions::Ignore),
            min_components: Setting::built_in(1),
            incomplete: Setting::built_in(Incomplete::Block),
            signers: Setting::built_in(1),
            tools: BTreeMap::new(),
        }
    }
}

impl Tests {
    fn built_in() -> Self {
        let suites = ["unit", "integration", "smoke"]
            .map(|name| SuiteName::parse(name).expect("because it is fixed and tested"));
        Self {
            suites: Setting::built_in(BTreeSet::from(suites)),
            commits: Setting::built_in(TestCommits::Landing),
            max_age: Setting::built_in(Period::days(30)),
            signers: Setting::built_in(1),
        }
    }
}

impl Review {
    fn built_in() -> Self {
        let everybody =
            BTreeSet::from([Contributor::Author, Contributor::CoAuthor, Contributor::Committer]);
        Self {
            approvals: Setting::built_in(2),
            maintainers: Setting::built_in(1),
            domain_reviewers: Setting::built_in(1),
            carry: Setting::built_in(Carry::SameChange),
            exclude: Setting::built_in(everybody),
            robots: Setting::built_in(BTreeSet::new()),
            signed_commits: Setting::built_in(false),
            submodules: Setting::built_in(Submodules::Refuse),
            approval_max_age: Setting::built_in(Period::days(90)),
            require_touch: Setting::built_in(false),
        }
    }
}

impl Repository {
    /// What to write where [`Repository::parse`] takes no name.
    pub(crate) const HELP: &str = "write at most 200 ASCII characters without blanks and quotes";

    /// Returns the repository that `name` names, or `None` if it is not a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let plain = name.bytes().all(|c| c.is_ascii_graphic() && !matches!(c, b'"' | b'\'' | b'`'));
        (plain && (1..=200).contains(&name.len())).then(|| Self(name.into()))
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<T> Setting<T> {
    /// Returns a value of the built-in policy.
    pub(crate) fn built_in(value: T) -> Self {
        Self { value, origin: Origin::BuiltIn }
    }

    /// Returns a value that was set in a line of [`FILE`].
    pub(crate) fn from_line(value: T, line: usize) -> Self {
        Self { value, origin: Origin::Line(line) }
    }
}

impl<T> Deref for Setting<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// Settings are equal when their values are, wherever they were set.
impl<T: PartialEq> PartialEq for Setting<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Origin {
    /// Returns the line of [`FILE`], or 0.
    #[must_use]
    pub fn line(self) -> usize {
        match self {
            Self::BuiltIn | Self::Server => 0,
            Self::Line(line) => line,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("built-in policy"),
            Self::Server => f.write_str("server settings"),
            Self::Line(line) => write!(f, "{FILE}:{line}"),
        }
    }
}

#[cfg(test)]
mod tests;
