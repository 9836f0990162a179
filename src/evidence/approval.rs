//! Approvals, objections and withdrawals: what is signed and how it travels.
//!
//! An approval signs *what lands, not how it was committed*: the change between
//! two trees (`docs/formats.md`). The statement here is a claim; only the
//! signature over [`Statement::payload`] makes it one that counts.

use std::collections::BTreeSet;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::format::excerpt::ascii;
use crate::id::CommitId;
use crate::principal::PrincipalId;
use crate::refname::RefName;

/// What a signed statement about a change says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// The change may land.
    Approval,
    /// The change must not land.
    Rejection,
    /// What the same person said before about the change no longer holds.
    Withdrawal,
}

/// A role that an approver claims to act in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClaimedRole {
    /// A maintainer of the repository.
    Maintainer,
    /// A reviewer of a domain.
    Reviewer,
}

impl ClaimedRole {
    /// Returns the word that payloads and trailers use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Maintainer => "maintainer",
            Self::Reviewer => "reviewer",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Maintainer, Self::Reviewer].into_iter().find(|role| role.as_str() == word)
    }
}

/// The SHA-256 of a change: of the output of
/// `git diff-tree -r -z --raw --no-renames --no-abbrev <base tree> <result tree>`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChangeDigest(pub [u8; 32]);

impl ChangeDigest {
    /// Returns the digest of a change in raw form.
    #[must_use]
    pub fn of(raw: &[u8]) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA256, raw);
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest.as_ref());
        Self(bytes)
    }

    fn parse(text: &str) -> Option<Self> {
        let hex = text.strip_prefix("sha256:")?;
        let lower = hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if !lower || hex.len() != 64 {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for ChangeDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ChangeDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for ChangeDigest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The longest reason that a rejection may give, in bytes.
pub const REASON_LEN: usize = 400;

/// What somebody says about a change, as they signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Approval, rejection or withdrawal.
    pub decision: Decision,
    /// The change that it is about.
    pub change: ChangeDigest,
    /// The commit that the reviewer compared against.
    pub base: CommitId,
    /// The commit that the reviewer read.
    pub head: CommitId,
    /// The roles that the reviewer acts in.
    pub roles: BTreeSet<ClaimedRole>,
    /// Who says it.
    pub by: PrincipalId,
    /// When it was said, to the second.
    pub at: Timestamp,
    /// Until when it holds, to the second.
    pub until: Timestamp,
    /// Why, on a rejection.
    pub reason: Option<String>,
}

/// The form of a signature, as the prefix before its base64 names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureForm {
    /// `ssh:`, an SSHSIG blob (OpenSSH PROTOCOL.sshsig) without armour.
    Ssh,
    /// `pgp:`, a detached OpenPGP signature (RFC 9580 §10.4) without armour.
    OpenPgp,
}

impl SignatureForm {
    fn prefix(self) -> &'static str {
        match self {
            Self::Ssh => "ssh:",
            Self::OpenPgp => "pgp:",
        }
    }
}

/// A statement with its signature, which nobody has verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedStatement {
    /// What was said.
    pub statement: Statement,
    /// What kind of signature it is.
    pub form: SignatureForm,
    /// The signature, binary.
    pub signature: Vec<u8>,
}

/// Why a trailer or a line of a note is no statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApprovalError {
    /// It names no signature: the old custom of writing a name into the message.
    Unsigned,
    /// It is malformed; says how.
    Malformed(String),
}

impl fmt::Display for ApprovalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsigned => f.write_str("it is not signed"),
            Self::Malformed(why) => f.write_str(why),
        }
    }
}

fn malformed(why: impl Into<String>) -> ApprovalError {
    ApprovalError::Malformed(why.into())
}

impl Statement {
    /// Returns the bytes that are signed.
    ///
    /// One `key: value` per line, in this order and nothing else. Repository and
    /// ref come from where the verifier stands, so a statement about another
    /// repository or ref does not verify.
    #[must_use]
    pub fn payload(&self, repository: &str, ref_name: &RefName) -> Vec<u8> {
        let title = match self.decision {
            Decision::Approval => "refgate approval v1",
            Decision::Rejection => "refgate rejection v1",
            Decision::Withdrawal => "refgate withdrawal v1",
        };
        let mut out = format!("{title}\nrepository: {repository}\nref: ").into_bytes();
        out.extend_from_slice(ref_name.as_bytes());
        let Self { change, base, head, by, at, until, .. } = self;
        let roles = self.roles_text();
        out.extend_from_slice(
            format!("\nchange: {change}\nbase: {base}\nhead: {head}\nroles: {roles}\nby: {by}\nat: {at}\nuntil: {until}\n")
                .as_bytes(),
        );
        if let Some(reason) = &self.reason {
            out.extend_from_slice(format!("reason: {reason}\n").as_bytes());
        }
        out
    }

    fn roles_text(&self) -> String {
        self.roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(",")
    }
}

impl SignedStatement {
    /// Reads the value of an `Approved-by` trailer.
    ///
    /// `Name <email>; roles=…; change=…; base=…; head=…; at=…; until=…; sig=…`,
    /// each field once, in this order.
    ///
    /// # Errors
    /// It is unsigned or malformed.
    pub fn parse_trailer(value: &str) -> Result<Self, ApprovalError> {
        let mut parts = value.split(';').map(str::trim);
        let person = parts.next().unwrap_or_default();
        if !value.contains("sig=") {
            return Err(ApprovalError::Unsigned);
        }
        let email = person.split_once('<').and_then(|(_, rest)| rest.strip_suffix('>'));
        let by = email.ok_or_else(|| malformed("it does not begin with Name <email>"))?;
        let mut field = |key: &str| {
            let part = parts.next().unwrap_or_default();
            let value = part.split_once('=').filter(|(found, _)| *found == key);
            value
                .map(|(_, value)| value)
                .ok_or_else(|| malformed(format!("{key}= is missing or out of order")))
        };
        let roles = field("roles")?;
        let fields = Fields {
            decision: Decision::Approval,
            r#ref: None,
            change: field("change")?,
            base: field("base")?,
            head: field("head")?,
            roles,
            by,
            at: field("at")?,
            until: field("until")?,
            reason: None,
            sig: field("sig")?,
        };
        if parts.next().is_some() {
            return Err(malformed("something follows sig="));
        }
        fields.read().map(|(statement, _)| statement)
    }

    /// Writes the trailer, folded so that no line but the signature's is long.
    ///
    /// Approvals alone travel as trailers.
    #[must_use]
    pub fn to_trailer(&self, name: &str) -> String {
        let Statement { change, base, head, by, at, until, .. } = &self.statement;
        let (roles, sig) = (self.statement.roles_text(), self.signature_text());
        format!(
            "{}: {} <{by}>; roles={roles};\n change={change};\n base={base};\n head={head};\n at={at};\n until={until};\n sig={sig}",
            super::trailer::APPROVED_BY,
            plain_name(name),
        )
    }

    /// Reads one line of a note on the approvals ref, and the ref that it says it is for.
    ///
    /// # Errors
    /// It is malformed.
    pub fn parse_note_line(line: &[u8]) -> Result<(Self, RefName), ApprovalError> {
        let first = line.iter().find(|b| !b.is_ascii_whitespace());
        if first != Some(&b'{') {
            return Err(malformed("it is no JSON object"));
        }
        let fields: OwnedFields =
            serde_json::from_slice(line).map_err(|error| malformed(ascii(&error.to_string())))?;
        let (statement, ref_name) = fields.borrow().read()?;
        let ref_name = ref_name.ok_or_else(|| malformed("ref is no full ref name"))?;
        Ok((statement, ref_name))
    }

    /// Writes the statement as one line of a note on the approvals ref.
    #[must_use]
    pub fn to_note_line(&self, ref_name: &RefName) -> String {
        let Statement { decision, change, base, head, by, at, until, reason, roles: _ } =
            &self.statement;
        let fields = OwnedFields {
            decision: *decision,
            r#ref: String::from_utf8_lossy(ref_name.as_bytes()).into_owned(),
            change: change.to_string(),
            base: base.to_string(),
            head: head.to_string(),
            roles: self.statement.roles_text(),
            by: by.to_string(),
            at: at.to_string(),
            until: until.to_string(),
            reason: reason.clone(),
            sig: self.signature_text(),
        };
        serde_json::to_string(&fields).unwrap_or_default()
    }

    fn signature_text(&self) -> String {
        signature_text(self.form, &self.signature)
    }
}

/// The line of a note: the fields of the payload, the ref among them since a note stands beside no ref.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnedFields {
    decision: Decision,
    r#ref: String,
    change: String,
    base: String,
    head: String,
    roles: String,
    by: String,
    at: String,
    until: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    sig: String,
}

impl OwnedFields {
    fn borrow(&self) -> Fields<'_> {
        Fields {
            decision: self.decision,
            r#ref: Some(&self.r#ref),
            change: &self.change,
            base: &self.base,
            head: &self.head,
            roles: &self.roles,
            by: &self.by,
            at: &self.at,
            until: &self.until,
            reason: self.reason.as_deref(),
            sig: &self.sig,
        }
    }
}

struct Fields<'a> {
    decision: Decision,
    r#ref: Option<&'a str>,
    change: &'a str,
    base: &'a str,
    head: &'a str,
    roles: &'a str,
    by: &'a str,
    at: &'a str,
    until: &'a str,
    reason: Option<&'a str>,
    sig: &'a str,
}

impl Fields<'_> {
    fn read(&self) -> Result<(SignedStatement, Option<RefName>), ApprovalError> {
        let change = ChangeDigest::parse(self.change)
            .ok_or_else(|| malformed("change is no sha256:<64 hex digits>"))?;
        let commit = |name: &str, hex: &str| {
            CommitId::from_hex(hex.as_bytes())
                .ok_or_else(|| malformed(format!("{name} is no full commit id")))
        };
        let by = PrincipalId::parse(self.by)
            .filter(|id| id.as_str() == self.by)
            .ok_or_else(|| malformed("by is no email in lower case"))?;
        let statement = Statement {
            decision: self.decision,
            change,
            base: commit("base", self.base)?,
            head: commit("head", self.head)?,
            roles: roles(self.roles)?,
            by,
            at: time("at", self.at)?,
            until: time("until", self.until)?,
            reason: reason(self.decision, self.reason)?,
        };
        if statement.until <= statement.at {
            return Err(malformed("until is not after at"));
        }
        let (form, signature) = signature(self.sig)?;
        let ref_name = self.r#ref.and_then(|name| RefName::parse(name.as_bytes()));
        Ok((SignedStatement { statement, form, signature }, ref_name))
    }
}

/// Writes a signature as trailers and notes carry it.
pub(super) fn signature_text(form: SignatureForm, signature: &[u8]) -> String {
    format!("{}{}", form.prefix(), STANDARD.encode(signature))
}

/// Reads a signature as trailers and notes carry it.
pub(super) fn signature(text: &str) -> Result<(SignatureForm, Vec<u8>), ApprovalError> {
    let form = [SignatureForm::Ssh, SignatureForm::OpenPgp]
        .into_iter()
        .find(|form| text.starts_with(form.prefix()))
        .ok_or_else(|| malformed("sig begins with neither ssh: nor pgp:"))?;
    let encoded = text.strip_prefix(form.prefix()).unwrap_or_default();
    let signature = STANDARD.decode(encoded).map_err(|_| malformed("sig is not base64"))?;
    Ok((form, signature))
}

fn roles(text: &str) -> Result<BTreeSet<ClaimedRole>, ApprovalError> {
    let words: Option<Vec<ClaimedRole>> = text.split(',').map(ClaimedRole::parse).collect();
    let words = words.ok_or_else(|| malformed("roles are not of maintainer and reviewer"))?;
    // One spelling alone, so that payload and line say the same.
    if words.windows(2).any(|pair| matches!(pair, [a, b] if a >= b)) {
        return Err(malformed("roles are not in order, each once"));
    }
    Ok(words.into_iter().collect())
}

/// Reads a time in the one spelling that payloads use: RFC 3339, UTC, whole seconds.
pub(super) fn time(name: &str, text: &str) -> Result<Timestamp, ApprovalError> {
    let time: Option<Timestamp> = text.parse().ok();
    time.filter(|time| time.to_string() == text && time.subsec_nanosecond() == 0)
        .ok_or_else(|| malformed(format!("{name} is no time like 2026-11-23T10:12:00Z")))
}

fn reason(decision: Decision, reason: Option<&str>) -> Result<Option<String>, ApprovalError> {
    match (decision, reason) {
        (Decision::Rejection, Some(text))
            if (1..=REASON_LEN).contains(&text.len()) && !text.chars().any(char::is_control) =>
        {
            Ok(Some(text.into()))
        }
        (Decision::Rejection, _) => Err(malformed("a rejection gives a reason, on one line")),
        (Decision::Approval | Decision::Withdrawal, None) => Ok(None),
        (Decision::Approval | Decision::Withdrawal, Some(_)) => {
            Err(malformed("only a rejection gives a reason"))
        }
    }
}

/// Makes a name fit for a trailer: printable, and without the characters that separate fields.
pub(super) fn plain_name(name: &str) -> String {
    name.chars()
        .filter(|c| !c.is_control() && !matches!(c, ';' | '<' | '>'))
        .collect::<String>()
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests;
