//! Which tag a version means.

use crate::client::workspace::Workspace;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{ObjectId, parse_hex};
use crate::policy::gates::Gate;
use crate::refname::RefName;

/// A release tag, which may be there or not.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Planned {
    /// Its full name.
    pub(in crate::cli) name: RefName,
    /// Its short name.
    pub(in crate::cli) short: String,
    /// The path of the release document.
    pub(in crate::cli) document: String,
}

impl Planned {
    /// Returns the release tag that a version or tag names: itself, or with a `v` in front.
    ///
    /// # Errors
    /// The policy knows no release tag of that name.
    pub(in crate::cli) fn of(workspace: &Workspace, version: &str) -> Result<Self> {
        let config = workspace.snapshot.policy.config();
        let version = version.strip_prefix("refs/tags/").unwrap_or(version);
        for short in [version.to_owned(), format!("v{version}")] {
            let Some(name) = RefName::parse(format!("refs/tags/{short}").as_bytes()) else {
                continue;
            };
            let gates = config.gates_for(name.as_bytes());
            if gates.is_some_and(|gates| gates.contains(Gate::Checklist))
                && let Some(document) = config.checklist.document_of(&short)
            {
                return Ok(Self { name, short, document: document.as_str().to_owned() });
            }
        }
        let patterns: Vec<String> = config
            .protect
            .iter()
            .filter(|rule| rule.gates.contains(Gate::Checklist))
            .flat_map(|rule| rule.refs.iter().map(ToString::to_string))
            .collect();
        Err(Error::new(ErrorKind::Usage, format!("{version:?} names no release tag"))
            .hint(format!("release tags are {}", patterns.join(", "))))
    }
}

/// Returns what a tag holds in the clone.
///
/// # Errors
/// git cannot be started.
pub(in crate::cli) fn object(workspace: &Workspace, planned: &Planned) -> Result<Option<ObjectId>> {
    let name = planned.name.to_string();
    let hex = workspace.git.ask(["rev-parse", "--verify", "--quiet", &name])?;
    Ok(hex.and_then(|hex| parse_hex(hex.as_bytes())))
}
