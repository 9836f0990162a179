//! Which refs a push really moves, and which of them matter.
//!
//! The client sends names and old values; both are claims. A name may be an
//! alias, lie in a namespace, differ from a protected one in case alone, or
//! stand twice (T01 to T19).

use std::collections::BTreeMap;

use super::Circumstances;
use crate::error::Result;
use crate::id::ObjectId;
use crate::policy::config::Config;
use crate::policy::gates::Gates;
use crate::receive::{Name, Push, RefUpdate};
use crate::refname::{EVIDENCE_PREFIX, RefName};
use crate::repo::view::View;
use crate::report::text::Foreign;
use crate::verdict::{Outcome, RefJudgement, Rule};
use crate::violation::{RefViolation, Violation};

/// A ref update with what the server knows about the ref.
pub(super) struct Named {
    /// The judgement so far.
    pub(super) judgement: RefJudgement,
    /// The ref below every namespace; patterns are held against it.
    pub(super) inner: RefName,
    /// What stands before the inner name: `refs/namespaces/a/`, or nothing.
    pub(super) namespace: Vec<u8>,
    /// What kind of guard applies.
    pub(super) subject: Subject,
    /// Whether what lands changes trusted files.
    pub(super) changes_trust: bool,
    /// What the client claims that the ref held.
    claimed_old: Option<ObjectId>,
    /// Where symbolic refs lead, if they lead elsewhere.
    alias_of: Option<RefName>,
}

/// What a ref update is judged as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// Nobody protects it.
    Unprotected,
    /// It holds evidence.
    Evidence,
    /// A protected branch.
    Branch(Gates),
    /// A protected tag.
    Tag(Gates),
    /// A guard has refused it already.
    Refused,
}

impl Named {
    /// Says whether anything has to be read to judge this update.
    pub(super) fn may_matter(&self) -> bool {
        match self.subject {
            Subject::Unprotected | Subject::Evidence | Subject::Branch(_) | Subject::Tag(_) => true,
            Subject::Refused => false,
        }
    }

    /// Returns the violation that the ref does not hold what the client claims.
    pub(super) fn moved(&self) -> Option<Violation> {
        let actual = self.judgement.old;
        let violation = || RefViolation::Moved { actual: actual.map(|id| id.to_hex().to_string()) };
        (self.claimed_old != actual).then(|| violation().into())
    }

    fn refuse(&mut self, violation: RefViolation) {
        self.judgement.guards.push(Outcome::refusing([violation.into()]));
        self.subject = Subject::Refused;
    }
}

/// Resolves every name of a push against the refs of the server.
pub(super) fn resolve(
    push: &Push,
    view: &View,
    circumstances: &Circumstances,
) -> Result<Vec<Named>> {
    let mut all = Vec::new();
    for update in &push.updates {
        all.push(resolve_one(update, view, circumstances)?);
    }
    refuse_repeated(&mut all);
    Ok(all)
}

fn resolve_one(update: &RefUpdate, view: &View, circumstances: &Circumstances) -> Result<Named> {
    let RefUpdate { name, claimed_old, new } = update;
    let sent = match name {
        Name::Ref(name) => name,
        Name::Malformed(bytes) => {
            let shown = Foreign::from(bytes);
            let placeholder = RefName::placeholder();
            let mut named = Named {
                changes_trust: false,
                judgement: RefJudgement::new(placeholder.clone(), None, *new),
                inner: placeholder,
                namespace: Vec::new(),
                subject: Subject::Refused,
                claimed_old: *claimed_old,
                alias_of: None,
            };
            named.refuse(RefViolation::NameUnfit { name: shown });
            return Ok(named);
        }
    };
    let full = match &circumstances.namespace {
        Some(namespace) => sent.in_namespace(namespace).unwrap_or_else(|| sent.clone()),
        None => sent.clone(),
    };
    let resolved = view.resolve(&full)?;
    let inner = resolved.target.without_namespace();
    let namespace_len = resolved.target.as_bytes().len() - inner.as_bytes().len();
    let namespace = resolved.target.as_bytes().get(..namespace_len).unwrap_or_default().to_vec();
    let alias_of = (resolved.target != full).then(|| resolved.target.clone());
    let mut named = Named {
        changes_trust: false,
        judgement: RefJudgement::new(sent.clone(), resolved.value, *new),
        subject: if inner.is_evidence() { Subject::Evidence } else { Subject::Unprotected },
        inner,
        namespace,
        claimed_old: *claimed_old,
        alias_of,
    };
    let sent_inner = full.without_namespace();
    if [&sent_inner, &named.inner].iter().any(|name| is_replace(name)) {
        named.refuse(RefViolation::Replace);
    } else if named.inner.is_evidence() != sent_inner.is_evidence() {
        let target = named.inner.clone();
        named.refuse(RefViolation::Alias { target });
    } else if [&sent_inner, &named.inner].iter().any(|name| pretends_to_be_evidence(name)) {
        let pattern = format!("{}*", String::from_utf8_lossy(EVIDENCE_PREFIX));
        named.refuse(RefViolation::Spelling { pattern });
    } else if circumstances.shallow {
        named.refuse(RefViolation::Shallow);
    }
    Ok(named)
}

fn is_replace(name: &RefName) -> bool {
    let folded = name.as_bytes().to_ascii_lowercase();
    folded.starts_with(b"refs/replace/")
}

fn pretends_to_be_evidence(name: &RefName) -> bool {
    let folded = name.as_bytes().to_ascii_lowercase();
    folded.starts_with(EVIDENCE_PREFIX) && !name.is_evidence()
}

/// Refuses refs that one push names twice, whether by alias or by a spelling that a file system folds.
fn refuse_repeated(all: &mut [Named]) {
    let key = |named: &Named| {
        let target =
            named.alias_of.as_ref().map_or_else(|| named.inner.as_bytes(), RefName::as_bytes);
        [named.namespace.as_slice(), target].concat().to_ascii_lowercase()
    };
    let mut names: BTreeMap<Vec<u8>, Vec<RefName>> = BTreeMap::new();
    for named in all.iter().filter(|named| named.judgement.name != RefName::placeholder()) {
        names.entry(key(named)).or_default().push(named.judgement.name.clone());
    }
    for named in all.iter_mut() {
        if let Some(names) = names.get(&key(named)).filter(|names| names.len() > 1) {
            named.refuse(RefViolation::NamedTwice { names: names.clone() });
        }
    }
}

/// Finds out which gates a ref needs, and refuses names that pretend to be a protected one.
pub(super) fn protect(named: &mut Named, config: &Config, view: &View) -> Result<()> {
    if named.subject != Subject::Unprotected {
        return Ok(());
    }
    let sent = named.judgement.name.without_namespace();
    let gates = config.gates_for(named.inner.as_bytes());
    let sent_gates = config.gates_for(sent.as_bytes());
    if named.alias_of.is_some() && (gates.is_some() || sent_gates.is_some()) {
        let target = named.inner.clone();
        named.refuse(RefViolation::Alias { target });
        return Ok(());
    }
    named.judgement.protected_by = protected_by(config, named.inner.as_bytes());
    let Some(gates) = gates else {
        if named.judgement.old.is_some()
            && let Some(alias) = protected_alias(named, config, view)?
        {
            named.refuse(RefViolation::Alias { target: alias });
            return Ok(());
        }
        return refuse_pretenders(named, config, view);
    };
    if !is_readable(named.inner.as_bytes()) {
        let name = Foreign::from(named.inner.as_bytes());
        named.refuse(RefViolation::NameUnfit { name });
        return Ok(());
    }
    named.judgement.required = gates;
    named.subject = if named.inner.is_tag() { Subject::Tag(gates) } else { Subject::Branch(gates) };
    Ok(())
}

/// Returns a protected ref that is an alias of this one, which would move with it.
///
/// Only names that rules spell out are looked at: listing what a pattern matches would make
/// every push to an unprotected branch pay for it.
fn protected_alias(named: &Named, config: &Config, view: &View) -> Result<Option<RefName>> {
    let full = [named.namespace.as_slice(), named.inner.as_bytes()].concat();
    for pattern in config.protect.iter().flat_map(|rule| &rule.refs) {
        let text = pattern.to_string();
        if pattern.literal_prefix() != text {
            continue;
        }
        let name = RefName::parse(&[named.namespace.as_slice(), text.as_bytes()].concat());
        if let Some(name) = name
            && view.resolve(&name)?.target.as_bytes() == full
        {
            return Ok(Some(name.without_namespace()));
        }
    }
    Ok(None)
}

/// Returns the rules that protect a ref, for messages of the guards.
fn protected_by(config: &Config, name: &[u8]) -> Rule {
    let mut origins: Vec<String> =
        config.rules_for(name).map(|rule| rule.origin.to_string()).collect();
    origins.dedup();
    Rule { clause: String::new(), origins }
}

/// Protected names are printable ASCII: others can look like them (T09, T14).
fn is_readable(name: &[u8]) -> bool {
    name.iter().all(u8::is_ascii_graphic)
}

fn refuse_pretenders(named: &mut Named, config: &Config, view: &View) -> Result<()> {
    let name = named.inner.clone();
    let folded = config
        .protect
        .iter()
        .flat_map(|rule| &rule.refs)
        .find(|pattern| pattern.matches_folded(name.as_bytes()))
        .map(ToString::to_string);
    if let Some(pattern) = folded {
        named.refuse(RefViolation::Spelling { pattern });
        return Ok(());
    }
    let is_created = named.judgement.old.is_none() && named.judgement.new.is_some();
    if is_created && let Some(protected) = shadowed(named, config, view)? {
        named.refuse(RefViolation::Shadows { protected });
    }
    Ok(())
}

/// Returns what a new name would be taken for by commands that look names up as
/// `gitrevisions(7)` says: in `refs/`, `refs/tags/`, `refs/heads/` and `refs/remotes/` in turn.
fn shadowed(named: &Named, config: &Config, view: &View) -> Result<Option<String>> {
    let name = named.inner.as_bytes();
    let short = named.inner.short();
    if short == b"HEAD" {
        return Ok(Some("HEAD".into()));
    }
    let mut candidates: Vec<Vec<u8>> = Vec::new();
    // `refs/tags/heads/main` is found for `heads/main`, `refs/heads/refs/heads/main` for the full name.
    for part in [short, name.strip_prefix(b"refs/".as_slice()).unwrap_or(name)] {
        for prefix in [&b""[..], b"refs/", b"refs/heads/", b"refs/tags/"] {
            candidates.push([prefix, part].concat());
        }
    }
    for candidate in candidates {
        let Some(candidate) =
            RefName::parse(&candidate).filter(|candidate| *candidate != named.inner)
        else {
            continue;
        };
        if config.gates_for(candidate.as_bytes()).is_none() {
            continue;
        }
        let full = RefName::parse(&[named.namespace.as_slice(), candidate.as_bytes()].concat());
        if let Some(full) = full
            && view.resolve(&full)?.value.is_some()
        {
            return Ok(Some(candidate.to_string()));
        }
    }
    Ok(None)
}
