//! The rules of a run, and from them the severity of a result.
//!
//! | what the run has | severity |
//! |---|---|
//! | `properties.security-severity` of the result, else of its rule | the band of the score; one that cannot be read is unknown, and so is 0.0 for a rule with the tag `UNKNOWN`, which is how Trivy says it |
//! | `kind` `open` or `review` | unknown |
//! | `level` of the result, else of the rule (the worse of `defaultConfiguration` and `ruleConfigurationOverrides`) | by the table of `severity`, unless the policy overrides it |
//! | none of these, from a secret scanner | high |
//! | none of these | as for the level `warning` (§3.27.10) |

use super::model;
use crate::evidence::format::error::{Fault, ReadError};
use crate::evidence::format::json::{Document, Object, Raw, Text};
use crate::evidence::severity::{LevelSeverities, Rating, Severity};

/// Rules of one run that are read; CodeQL and Semgrep have some thousands.
const MAX_RULES: usize = 100_000;

/// Extensions of one tool that are read.
const MAX_EXTENSIONS: usize = 250;

/// Parts of a hierarchical rule id (§3.52.4) that are dropped until a rule is found.
const MAX_ID_PARTS: usize = 16;

/// Scanners all of whose findings are leaked secrets, though they write no level.
const SECRET_SCANNERS: [&str; 2] = ["gitleaks", "detect-secrets"];

/// The rules of a driver and its extensions.
pub(super) struct Rules<'a> {
    /// The rules of the driver, then those of each extension.
    rules: Vec<Rule<'a>>,
    /// The driver, then the extensions.
    components: Vec<Component<'a>>,
    /// Positions in `rules`, by id, then by position.
    by_id: Vec<usize>,
    is_secret_scanner: bool,
    levels: LevelSeverities,
}

struct Component<'a> {
    name: Option<Text<'a>>,
    rules: std::ops::Range<usize>,
}

struct Rule<'a> {
    id: Text<'a>,
    score: Option<Score>,
    is_tagged_unknown: bool,
    level: Option<Level>,
}

/// A `security-severity`.
#[derive(Clone, Copy)]
enum Score {
    Number(f64),
    Unreadable,
}

/// A level, from the mildest; one that SARIF does not have is the last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    None,
    Note,
    Warning,
    Error,
    Other,
}

impl<'a> Rules<'a> {
    /// Reads the rules of a tool; `levels` is what the policy says about its levels.
    pub(super) fn read(
        document: Document<'a>,
        tool: &model::Tool<'a>,
        levels: LevelSeverities,
    ) -> Result<Self, ReadError> {
        let driver = &tool.driver;
        let mut rules = Self {
            rules: Vec::new(),
            components: Vec::new(),
            by_id: Vec::new(),
            is_secret_scanner: SECRET_SCANNERS
                .iter()
                .any(|name| name.eq_ignore_ascii_case(&driver.name)),
            levels,
        };
        rules.add(document, None, driver.rules)?;
        if let Some(extensions) = tool.extensions {
            document.each(extensions, |Object(extension): Object<model::Extension<'a>>| {
                rules.add(document, extension.name, extension.rules)
            })?;
        }
        rules.by_id = (0..rules.rules.len()).collect();
        let Self { rules: all, by_id, .. } = &mut rules;
        // A stable sort: of rules with the same id, the driver's stays the first.
        by_id.sort_by(|a, b| {
            all.get(*a).map(|rule| &*rule.id).cmp(&all.get(*b).map(|rule| &*rule.id))
        });
        Ok(rules)
    }

    fn add(
        &mut self,
        document: Document<'a>,
        name: Option<Text<'a>>,
        rules: Option<Raw<'a>>,
    ) -> Result<(), ReadError> {
        if self.components.len() > MAX_EXTENSIONS {
            let what = "extensions of one tool";
            return Err(document.error(Fault::TooMany { what, limit: MAX_EXTENSIONS }));
        }
        let start = self.rules.len();
        if let Some(rules) = rules {
            document.each(rules, |Object(rule): Object<model::Rule<'a>>| {
                if self.rules.len() == MAX_RULES {
                    return Err(document
                        .error(Fault::TooMany { what: "rules of one run", limit: MAX_RULES }));
                }
                self.rules.push(Rule::new(document, rule)?);
                Ok(())
            })?;
        }
        self.components.push(Component { name, rules: start..self.rules.len() });
        Ok(())
    }

    /// Returns whether all findings of the tool are leaked secrets.
    pub(super) fn is_secret_scanner(&self) -> bool {
        self.is_secret_scanner
    }

    /// Returns whether there is no rule at all.
    pub(super) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Applies the overrides of an invocation (§3.20.5). They can only make a level worse.
    pub(super) fn override_levels(
        &mut self,
        document: Document<'a>,
        overrides: Raw<'a>,
    ) -> Result<(), ReadError> {
        document.each(overrides, |Object(change): Object<model::ConfigurationOverride<'a>>| {
            let Some(level) = change.configuration.level.as_deref().map(Level::parse) else {
                return Ok(());
            };
            let id = change.descriptor.id.as_deref();
            if let Some(position) =
                self.position(id, change.descriptor.index, Some(&change.descriptor))
                && let Some(rule) = self.rules.get_mut(position)
                && level > rule.level.unwrap_or(Level::Warning)
            {
                rule.level = Some(level);
            }
            Ok(())
        })
    }

    /// Returns the severity of a result and the id of its rule, which is empty if there is none.
    pub(super) fn judge<'r>(
        &'r self,
        document: Document<'a>,
        result: &'r model::SarifResult<'a>,
    ) -> (Rating, &'r str) {
        let reference = result.rule.as_deref();
        let id =
            result.rule_id.as_deref().or(reference.and_then(|reference| reference.id.as_deref()));
        let index = reference.and_then(|reference| reference.index).or(result.rule_index);
        let rule =
            self.position(id, index, reference).and_then(|position| self.rules.get(position));
        let id = id.or(rule.map(|rule| &*rule.id)).unwrap_or_default();
        (self.rating(document, result, rule), id)
    }

    fn rating(
        &self,
        document: Document<'a>,
        result: &model::SarifResult<'a>,
        rule: Option<&Rule<'a>>,
    ) -> Rating {
        let own_score = result.properties.as_ref().and_then(|bag| bag.security_severity);
        let score =
            own_score.map(|raw| Score::read(document, raw)).or(rule.and_then(|rule| rule.score));
        match score {
            Some(Score::Unreadable) => return Rating::Unknown,
            Some(Score::Number(score)) => {
                let is_unknown = score == 0.0 && rule.is_some_and(|rule| rule.is_tagged_unknown);
                return if is_unknown { Rating::Unknown } else { Rating::from_score(score) };
            }
            None => {}
        }
        if matches!(result.kind.as_deref(), Some("open" | "review")) {
            return Rating::Unknown;
        }
        let level = result.level.as_deref().map(Level::parse).or(rule.and_then(|rule| rule.level));
        let severity = match level {
            None if self.is_secret_scanner => Severity::High,
            None | Some(Level::Warning) => self.levels.warning.unwrap_or(Severity::Medium),
            Some(Level::Error) => self.levels.error.unwrap_or(Severity::High),
            Some(Level::Note) => self.levels.note.unwrap_or(Severity::Low),
            Some(Level::None) => Severity::None,
            Some(Level::Other) => return Rating::Unknown,
        };
        Rating::Known(severity)
    }

    /// Returns the position of a rule: by its index if the id agrees, else by its id (§3.52.4).
    fn position(
        &self,
        id: Option<&str>,
        index: Option<i64>,
        reference: Option<&model::RuleReference<'_>>,
    ) -> Option<usize> {
        let component = self.component(reference);
        let by_index = || {
            let range = component.map(|component| component.rules.clone())?;
            let position = range.start.checked_add(usize::try_from(index?).ok()?)?;
            let rule = self.rules.get(position).filter(|_| range.contains(&position))?;
            id.is_none_or(|id| is_at_or_below(id, &rule.id)).then_some(position)
        };
        by_index().or_else(|| {
            let mut id = id?;
            for _ in 0..MAX_ID_PARTS {
                if let Some(position) = self.find(id, component) {
                    return Some(position);
                }
                id = id.rsplit_once('/')?.0;
            }
            None
        })
    }

    /// Returns the first rule with an id, from `component` if that has one.
    fn find(&self, id: &str, component: Option<&Component<'a>>) -> Option<usize> {
        let from = |start: usize| {
            let before = |position: &usize| {
                self.rules.get(*position).is_some_and(|rule| (&*rule.id, *position) < (id, start))
            };
            let position = *self.by_id.get(self.by_id.partition_point(before))?;
            self.rules.get(position).filter(|rule| &*rule.id == id).map(|_| position)
        };
        let in_component = component.and_then(|component| {
            from(component.rules.start).filter(|position| component.rules.contains(position))
        });
        in_component.or_else(|| from(0))
    }

    /// Returns the part of the tool that a reference names, else the driver.
    fn component(&self, reference: Option<&model::RuleReference<'_>>) -> Option<&Component<'a>> {
        let driver = self.components.first();
        let Some(component) = reference.and_then(|reference| reference.tool_component.as_deref())
        else {
            return driver;
        };
        let extensions = self.components.get(1..).unwrap_or_default();
        let by_index =
            component.index.and_then(|index| extensions.get(usize::try_from(index).ok()?));
        by_index
            .or_else(|| {
                let name = component.name.as_deref()?;
                extensions.iter().find(|extension| extension.name.as_deref() == Some(name))
            })
            .or(driver)
    }
}

impl<'a> Rule<'a> {
    fn new(document: Document<'a>, rule: model::Rule<'a>) -> Result<Self, ReadError> {
        let mut is_tagged_unknown = false;
        if let Some(tags) = rule.properties.as_ref().and_then(|bag| bag.tags) {
            document.each(tags, |tag: Text<'a>| {
                is_tagged_unknown |= &*tag == "UNKNOWN";
                Ok(())
            })?;
        }
        let score = rule.properties.as_ref().and_then(|bag| bag.security_severity);
        let level =
            rule.default_configuration.as_ref().and_then(|default| default.level.as_deref());
        Ok(Self {
            score: score.map(|raw| Score::read(document, raw)),
            is_tagged_unknown,
            level: level.map(Level::parse),
            id: rule.id,
        })
    }
}

impl Score {
    /// Reads a number, or a string that is one, as GitHub asks for.
    fn read<'a>(document: Document<'a>, raw: Raw<'a>) -> Self {
        let number = if raw.get().starts_with('"') {
            document.try_value::<Text<'a>>(raw).and_then(|text| Rating::parse_score(&text))
        } else {
            document.try_value(raw)
        };
        number.map_or(Self::Unreadable, Self::Number)
    }
}

impl Level {
    fn parse(text: &str) -> Self {
        match text {
            "none" => Self::None,
            "note" => Self::Note,
            "warning" => Self::Warning,
            "error" => Self::Error,
            _ => Self::Other,
        }
    }
}

/// Returns whether a rule id is `parent` or one of its sub-ids, `parent/...`.
fn is_at_or_below(id: &str, parent: &str) -> bool {
    id.strip_prefix(parent).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
