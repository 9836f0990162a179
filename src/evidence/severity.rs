//! How bad a finding is, on one scale for all formats.
//!
//! | a report says | refgate reads |
//! |---|---|
//! | a score (CVSS, `security-severity`), 0.0 to 10.0 | 9.0 and above critical, 7.0 high, 4.0 medium, above 0 low, 0.0 none (CVSS v4.0 §6, the bands of v3.1 §5) |
//! | another number, or text that is no number | unknown |
//! | `critical`, `blocker` | critical |
//! | `high`, `error`, `important`, `major` | high |
//! | `medium`, `moderate`, `warning` | medium |
//! | `low`, `minor`, `note`, `style`, `negligible`, `info`, `information`, `informational`, `portability`, `performance` | low |
//! | `none` | none |
//! | another word, or an empty one | unknown |
//! | a CVSS vector (2.0 with or without `CVSS:2.0/` or parentheses, 3.0, 3.1, 4.0) with all base metrics | the band of its base score |
//! | another vector | unknown |
//! | SARIF level `error`, `warning`, `note`, `none` | high, medium, low, none, unless [`SeverityOverrides`] name the tool |
//!
//! Words are compared without regard to letter case. Threat, temporal and
//! environmental metrics of a vector are left out: they make a score lower, and
//! whoever wrote the report is not the one to say that here.

use std::collections::BTreeMap;
use std::fmt;

/// How bad a finding is, from no risk to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// A score of 0.0, or the word `none`.
    None,
    /// Above 0.
    Low,
    /// From 4.0.
    Medium,
    /// From 7.0.
    High,
    /// From 9.0.
    Critical,
}

/// What a report says about the severity of one finding.
///
/// A finding of unknown severity is neither mild nor bad: the policy says what
/// it counts as, see [`Rating::severity_or`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rating {
    /// The report says how bad it is.
    Known(Severity),
    /// The report has the finding, but no severity that can be read.
    Unknown,
}

impl Severity {
    /// All severities, the worst first.
    pub const ALL: [Self; 5] = [Self::Critical, Self::High, Self::Medium, Self::Low, Self::None];

    /// Reads the lower-case word that a policy uses.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.as_str() == word)
    }

    /// Returns the lower-case word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The words of all formats; whatever is not here is unknown.
const WORDS: [(&str, Severity); 20] = [
    ("critical", Severity::Critical),
    ("blocker", Severity::Critical),
    ("high", Severity::High),
    ("error", Severity::High),
    ("important", Severity::High),
    ("major", Severity::High),
    ("medium", Severity::Medium),
    ("moderate", Severity::Medium),
    ("warning", Severity::Medium),
    ("low", Severity::Low),
    ("minor", Severity::Low),
    ("note", Severity::Low),
    ("style", Severity::Low),
    ("negligible", Severity::Low),
    ("info", Severity::Low),
    ("information", Severity::Low),
    ("informational", Severity::Low),
    ("portability", Severity::Low),
    ("performance", Severity::Low),
    ("none", Severity::None),
];

/// The longest text that is read as a score, in bytes.
const SCORE_BYTES: usize = 16;

/// The longest text that is read as a vector, in bytes; one of CVSS 4.0 with all metrics has about 250.
const VECTOR_BYTES: usize = 512;

/// The base metrics of CVSS 4.0 (§2).
const BASE_METRICS_V4: [&str; 11] =
    ["AV", "AC", "AT", "PR", "UI", "VC", "VI", "VA", "SC", "SI", "SA"];

impl Rating {
    /// Returns the band of a score; not a number and numbers outside 0 to 10 are unknown.
    #[must_use]
    pub fn from_score(score: f64) -> Self {
        // NaN is in no range.
        if !(0.0..=10.0).contains(&score) {
            return Self::Unknown;
        }
        Self::Known(if score >= 9.0 {
            Severity::Critical
        } else if score >= 7.0 {
            Severity::High
        } else if score >= 4.0 {
            Severity::Medium
        } else if score > 0.0 {
            Severity::Low
        } else {
            Severity::None
        })
    }

    /// Returns the score that a text is: digits, and digits after a point.
    ///
    /// `9,8`, `NaN`, `1e1` and numbers outside 0 to 10 are none.
    #[must_use]
    pub fn parse_score(text: &str) -> Option<f64> {
        let text = text.trim_matches([' ', '\t', '\r', '\n']);
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let plain = text.len() <= SCORE_BYTES && digits(whole) && digits(fraction);
        plain.then(|| text.parse().ok()).flatten().filter(|score| (0.0..=10.0).contains(score))
    }

    /// Returns what a word says, see the table of this module.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        let word = word.trim();
        WORDS
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(word))
            .map_or(Self::Unknown, |(_, severity)| Self::Known(*severity))
    }

    /// Returns what a score, a vector or a word says, whichever the text is.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        match Self::parse_score(text) {
            Some(score) => Self::from_score(score),
            None => match Self::from_cvss_vector(text) {
                Self::Known(severity) => Self::Known(severity),
                Self::Unknown => Self::from_word(text),
            },
        }
    }

    /// Returns the band of the base score of a CVSS vector.
    ///
    /// A vector that lacks a base metric is unknown, and so is one that does not parse.
    #[must_use]
    pub fn from_cvss_vector(vector: &str) -> Self {
        base_score(vector).map_or(Self::Unknown, Self::from_score)
    }

    /// Returns the worse of two ratings of one finding; any known one says more than an unknown one.
    #[must_use]
    pub fn or_worse(self, other: Self) -> Self {
        match (self, other) {
            (Self::Known(a), Self::Known(b)) => Self::Known(a.max(b)),
            (Self::Known(known), Self::Unknown) | (Self::Unknown, Self::Known(known)) => {
                Self::Known(known)
            }
            (Self::Unknown, Self::Unknown) => Self::Unknown,
        }
    }

    /// Returns the severity, where the policy says what an unknown one counts as.
    #[must_use]
    pub fn severity_or(self, unknown: Severity) -> Severity {
        match self {
            Self::Known(severity) => severity,
            Self::Unknown => unknown,
        }
    }
}

impl fmt::Display for Rating {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(severity) => severity.fmt(f),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

/// Returns the base score of a vector of any version.
fn base_score(vector: &str) -> Option<f64> {
    let vector = vector.trim();
    if vector.len() > VECTOR_BYTES {
        return None;
    }
    if vector.starts_with("CVSS:4.0/") {
        // The whole must be a vector before its optional metrics are dropped.
        vector.parse::<cvss::v4::Vector>().ok()?;
        let base: Vec<&str> = vector.split('/').filter(|part| is_base_of_v4(part)).collect();
        let base = base.join("/").parse::<cvss::v4::Vector>().ok()?;
        return Some(base.score().value());
    }
    if vector.starts_with("CVSS:3.") {
        let v3: cvss::v3::Vector = vector.parse().ok()?;
        // The crate takes an absent metric for the mildest.
        let complete = v3.av.is_some()
            && v3.ac.is_some()
            && v3.pr.is_some()
            && v3.ui.is_some()
            && v3.s.is_some()
            && v3.c.is_some()
            && v3.i.is_some()
            && v3.a.is_some();
        return complete.then(|| v3.base_score().value());
    }
    let bare = vector.strip_prefix("CVSS:2.0/").unwrap_or(vector);
    let bare = bare.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')).unwrap_or(bare);
    Some(bare.parse::<cvss::v2::Vector>().ok()?.score().value())
}

fn is_base_of_v4(part: &str) -> bool {
    part.split_once(':')
        .is_some_and(|(metric, _)| metric == "CVSS" || BASE_METRICS_V4.contains(&metric))
}

/// What the levels of one tool's SARIF mean, where that differs from the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LevelSeverities {
    /// What `error` means.
    pub error: Option<Severity>,
    /// What `warning` means, which is also what no level at all means.
    pub warning: Option<Severity>,
    /// What `note` means.
    pub note: Option<Severity>,
}

impl LevelSeverities {
    /// Returns what a level of the tool means: `error`, `warning`, `note` or `info` in any letter
    /// case by this table, and any other word by that of the module.
    #[must_use]
    pub fn rate(&self, word: &str) -> Rating {
        let is = |level: &str| word.trim().eq_ignore_ascii_case(level);
        let own = if is("error") {
            self.error
        } else if is("warning") {
            self.warning
        } else if is("note") || is("info") {
            self.note
        } else {
            None
        };
        own.map_or_else(|| Rating::from_word(word), Rating::Known)
    }
}

/// The trusted policy's word on what the SARIF levels of single tools mean.
///
/// Linters write `error` for a line that is too long. A score in the report goes
/// before its level, so an override never touches a finding that has a score.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeverityOverrides(BTreeMap<String, LevelSeverities>);

impl SeverityOverrides {
    /// Sets the meaning of the levels of `tool`, the name of a SARIF driver in any letter case.
    pub fn insert(&mut self, tool: &str, levels: LevelSeverities) {
        self.0.insert(tool.to_ascii_lowercase(), levels);
    }

    /// Returns the meaning of the levels of `tool`; empty where nothing was set.
    #[must_use]
    pub fn of(&self, tool: &str) -> LevelSeverities {
        self.0.get(&tool.to_ascii_lowercase()).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(severity: Severity) -> Rating {
        Rating::Known(severity)
    }

    #[test]
    fn bands_include_their_lower_edge() {
        for (score, severity) in [
            (10.0, Severity::Critical),
            (9.0, Severity::Critical),
            (8.9, Severity::High),
            (7.0, Severity::High),
            (6.9, Severity::Medium),
            (4.0, Severity::Medium),
            (3.9, Severity::Low),
            (0.1, Severity::Low),
            (0.0, Severity::None),
        ] {
            assert_eq!(Rating::from_score(score), known(severity), "{score}");
        }
    }

    #[test]
    fn a_score_outside_the_scale_is_unknown_never_mild() {
        for score in [10.1, -0.1, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300] {
            assert_eq!(Rating::from_score(score), Rating::Unknown, "{score}");
        }
    }

    #[test]
    fn scores_are_plain_decimal_numbers() {
        for (text, score) in
            [("9.8", 9.8), ("7", 7.0), (" 0.0\n", 0.0), ("10", 10.0), ("05.50", 5.5)]
        {
            assert_eq!(Rating::parse_score(text), Some(score), "{text:?}");
        }
        for text in [
            "",
            ".",
            "9.",
            ".5",
            "9,8",
            "NaN",
            "inf",
            "11",
            "-1",
            "+1",
            "1e1",
            "0x1",
            "9.8.1",
            "9_8",
            "HIGH",
            "0.00000000000000001",
            "\u{664}.0",
        ] {
            assert_eq!(Rating::parse_score(text), None, "{text:?}");
        }
    }

    #[test]
    fn words_are_read_in_any_letter_case() {
        for (word, severity) in [
            ("CRITICAL", Severity::Critical),
            ("Important", Severity::High),
            ("moderate", Severity::Medium),
            ("Negligible", Severity::Low),
            (" info ", Severity::Low),
            ("NONE", Severity::None),
        ] {
            assert_eq!(Rating::from_word(word), known(severity), "{word:?}");
        }
    }

    #[test]
    fn a_word_that_is_not_listed_is_unknown() {
        for word in ["", "SEVERE", "unknown", "UNSPECIFIED", "debug", "hi gh", "hıgh", "0"] {
            assert_eq!(Rating::from_word(word), Rating::Unknown, "{word:?}");
        }
    }

    #[test]
    fn vectors_of_all_versions_have_the_published_score() {
        // CVE-2002-0392, the worked example of the CVSS v2 guide §3.3.1: 7.8.
        for v2 in [
            "AV:N/AC:L/Au:N/C:N/I:N/A:C",
            "(AV:N/AC:L/Au:N/C:N/I:N/A:C)",
            "CVSS:2.0/AV:N/AC:L/Au:N/C:N/I:N/A:C",
        ] {
            assert_eq!(base_score(v2), Some(7.8), "{v2}");
        }
        for (vector, score) in [
            // CVSS v3.1 examples §"phpMyAdmin", §"MySQL", and the two commonest critical ones.
            ("CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 6.1),
            ("CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N", 6.4),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 10.0),
            ("CVSS:3.1/AV:L/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", 0.0),
            ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", 9.3),
        ] {
            assert_eq!(base_score(vector), Some(score), "{vector}");
        }
    }

    #[test]
    fn a_vector_that_lacks_a_base_metric_is_unknown() {
        // Without `A` the crate alone would say 9.1.
        let vector = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H";
        assert!(vector.parse::<cvss::v3::Vector>().is_ok(), "the check here is needed");
        for vector in [
            vector,
            "CVSS:3.1/",
            "CVSS:3.1",
            "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N",
            "AV:N/AC:L/Au:N/C:N/I:N",
            "",
            "()",
        ] {
            assert_eq!(Rating::from_cvss_vector(vector), Rating::Unknown, "{vector:?}");
        }
    }

    #[test]
    fn a_vector_that_does_not_parse_is_unknown() {
        for vector in [
            "CVSS:3.1/AV:N/AV:P/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
            "CVSS:3.2/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
            "CVSS:5.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
            "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/E",
            "9.8",
            "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N/XX:Y",
        ] {
            assert_eq!(Rating::from_cvss_vector(vector), Rating::Unknown, "{vector:?}");
        }
        let long = format!("CVSS:3.1/{}", "AV:N/".repeat(200_000));
        assert_eq!(Rating::from_cvss_vector(&long), Rating::Unknown);
    }

    #[test]
    fn optional_metrics_do_not_make_a_finding_milder() {
        for (vector, severity) in [
            (
                "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/E:U/RL:O/RC:U/MC:N/MI:N/MA:N",
                Severity::Critical,
            ),
            (
                "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N/E:U/MVC:N/MVI:N/MVA:N",
                Severity::Critical,
            ),
            ("AV:N/AC:L/Au:N/C:C/I:C/A:C/E:U/RL:OF/RC:UC/CDP:N/TD:N", Severity::Critical),
        ] {
            assert_eq!(Rating::from_cvss_vector(vector), known(severity), "{vector}");
        }
    }

    #[test]
    fn a_text_is_a_score_a_vector_or_a_word() {
        for (text, rating) in [
            ("9.8", known(Severity::Critical)),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", known(Severity::Critical)),
            ("moderate", known(Severity::Medium)),
            ("11", Rating::Unknown),
            ("9,8", Rating::Unknown),
        ] {
            assert_eq!(Rating::from_text(text), rating, "{text}");
        }
    }

    #[test]
    fn a_known_rating_says_more_than_an_unknown_one() {
        assert_eq!(Rating::Unknown.or_worse(known(Severity::Low)), known(Severity::Low));
        assert_eq!(known(Severity::High).or_worse(known(Severity::Low)), known(Severity::High));
        assert_eq!(Rating::Unknown.or_worse(Rating::Unknown), Rating::Unknown);
        assert_eq!(Rating::Unknown.severity_or(Severity::High), Severity::High);
        assert_eq!(known(Severity::Low).severity_or(Severity::High), Severity::Low);
    }

    #[test]
    fn overrides_belong_to_one_tool() {
        let mut overrides = SeverityOverrides::default();
        let levels = LevelSeverities { error: Some(Severity::Low), ..LevelSeverities::default() };
        overrides.insert("Ruff", levels);
        assert_eq!(overrides.of("ruff"), levels);
        assert_eq!(overrides.of("ruff2"), LevelSeverities::default());
        assert_eq!(levels.rate("ERROR"), known(Severity::Low));
        assert_eq!(levels.rate("warning"), known(Severity::Medium));
        assert_eq!(levels.rate("high"), known(Severity::High));
    }
}
