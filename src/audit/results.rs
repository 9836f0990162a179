//! What replaying has come to, and the file that keeps it while an audit goes on.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::evidence::predicate::Sha256;
use crate::repo::layout::read_bounded;

use super::sample::{Release, TimeFrom};

/// The version of the form of results.
pub const VERSION: u32 = 1;

/// No file of an audit is longer.
const MAX_BYTES: u64 = 256 << 20;

/// How a judgement ended when it was replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Every gate agrees.
    Accepted,
    /// A gate or guard finds something missing.
    Refused,
    /// It cannot be judged.
    CannotJudge,
}

/// What was judged again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// The release tag.
    Tag,
    /// What landed on the branch of the release.
    Landing,
}

/// What a gate says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct GateResult {
    /// The gate.
    pub gate: String,
    /// Whether it agrees.
    pub passed: bool,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Wrong {
    /// Its code.
    pub code: String,
    /// What it is, in one line.
    pub title: String,
}

/// One judgement, replayed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Check {
    /// What was judged.
    pub what: What,
    /// The ref.
    pub r#ref: String,
    /// What it held.
    pub old: Option<String>,
    /// What it was to hold.
    pub new: String,
    /// As of when.
    pub time: Timestamp,
    /// Where that is known from.
    pub time_from: TimeFrom,
    /// The commit whose policy judged it.
    pub policy: String,
    /// How it ended.
    pub answer: Answer,
    /// What each gate says.
    pub gates: Vec<GateResult>,
    /// What is wrong.
    pub wrong: Vec<Wrong>,
}

/// One release, replayed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Replayed {
    /// The repository.
    pub repository: String,
    /// The tag.
    pub tag: String,
    /// The judgements, the tag's first, then landings from new to old.
    pub checks: Vec<Check>,
    /// Why it could not be replayed at all.
    pub failed: Option<String>,
}

impl Replayed {
    /// Returns the worst answer.
    #[must_use]
    pub fn answer(&self) -> Answer {
        let has = |answer| self.checks.iter().any(|check| check.answer == answer);
        if self.failed.is_some() || has(Answer::CannotJudge) || self.checks.is_empty() {
            Answer::CannotJudge
        } else if has(Answer::Refused) {
            Answer::Refused
        } else {
            Answer::Accepted
        }
    }

    /// Returns the result for a release that could not be replayed.
    #[must_use]
    pub fn failed(release: &Release, why: impl Into<String>) -> Self {
        Self {
            repository: release.repository.clone(),
            tag: release.tag.clone(),
            checks: Vec::new(),
            failed: Some(why.into()),
        }
    }
}

/// The results of one sample.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Results {
    /// The version of this form.
    pub version: u32,
    /// The SHA-256 of the sample.
    pub sample: String,
    /// The results, by repository and tag.
    pub releases: Vec<Replayed>,
}

impl Results {
    /// Returns results without any release.
    #[must_use]
    pub fn none(sample: &str) -> Self {
        Self { version: VERSION, sample: sample.to_owned(), releases: Vec::new() }
    }

    /// Adds the result of a release in place of an older one.
    pub fn put(&mut self, replayed: Replayed) {
        self.releases
            .retain(|old| (&old.repository, &old.tag) != (&replayed.repository, &replayed.tag));
        self.releases.push(replayed);
        self.releases.sort_by(|l, r| (&l.repository, &l.tag).cmp(&(&r.repository, &r.tag)));
    }

    /// Returns the results by repository and tag.
    #[must_use]
    pub fn by_release(&self) -> BTreeMap<(&str, &str), &Replayed> {
        let key = |r: &'_ Replayed| (r.repository.clone(), r.tag.clone());
        debug_assert!(self.releases.is_sorted_by_key(key), "kept in order");
        self.releases.iter().map(|r| ((r.repository.as_str(), r.tag.as_str()), r)).collect()
    }
}

/// Reads a document of an audit; `None` if there is no such file.
///
/// # Errors
/// It cannot be read, or is another document.
pub fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Option<(T, String)>> {
    let step = || format!("reading {}", path.display());
    let Some(bytes) = read_bounded(path, MAX_BYTES).map_err(|error| error.while_(step()))? else {
        return Ok(None);
    };
    let document = serde_json::from_slice(&bytes)
        .during(ErrorKind::Usage, step)
        .map_err(|error| error.hint("put the file aside, and run the command again"))?;
    Ok(Some((document, Sha256::of(&bytes).to_hex())))
}

/// Writes a document of an audit so that a crash leaves the old one or the new one.
///
/// # Errors
/// It cannot be written.
pub fn write(path: &Path, document: &impl Serialize) -> Result<()> {
    let step = || format!("writing {}", path.display());
    let mut text = serde_json::to_string_pretty(document).during(ErrorKind::Internal, step)?;
    text.push('\n');
    write_text(path, &text)
}

/// Writes a text so that a crash leaves the old one or the new one.
///
/// # Errors
/// It cannot be written.
pub fn write_text(path: &Path, text: &str) -> Result<()> {
    use std::io::Write as _;
    let step = || format!("writing {}", path.display());
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut file =
        tempfile::NamedTempFile::new_in(directory).during(ErrorKind::Environment, step)?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.as_file().sync_all())
        .during(ErrorKind::Environment, step)?;
    let file = file.into_temp_path();
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644))
        .during(ErrorKind::Environment, step)?;
    file.persist(path).during(ErrorKind::Environment, step)
}

/// Says that a sample is not the one that results are of.
#[must_use]
pub fn of_another_sample(path: &Path) -> Error {
    Error::new(ErrorKind::Usage, format!("{} holds the results of another sample", path.display()))
        .hint("name another file with --results, or put that one aside")
}
