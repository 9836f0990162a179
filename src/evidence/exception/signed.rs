//! The signatures at the end of an exception document: what is signed and how it is written.
//!
//! ```text
//! Approved-by: Eve Sand <eve@example.org>;
//!  document=sha256:…;
//!  at=2026-11-23T10:12:00Z;
//!  sig=ssh:…
//! ```
//!
//! `document` is the SHA-256 of everything above the first of these lines. The repository
//! and the id are not in the line: whoever verifies it fills them in, so that a signature for
//! another repository or exception does not verify.

use std::fmt;

use jiff::Timestamp;

use super::ExceptionId;
use crate::evidence::approval::{self, ApprovalError, SignatureForm};
use crate::evidence::predicate::Sha256;
use crate::principal::PrincipalId;
use crate::report::text::Foreign;

/// The key of an approval.
pub(super) const APPROVED_BY: &str = "Approved-by";

/// The key of a review after the fact.
pub(super) const REVIEWED_BY: &str = "Reviewed-by";

/// The longest finding of a review, in bytes.
pub(super) const FINDING_LEN: usize = 400;

/// What a line signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// The exception is approved.
    Approval,
    /// Its use was reviewed afterwards.
    Review,
}

/// What somebody says about an exception, as they signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Approval or review.
    pub what: What,
    /// The document that they read.
    pub document: Sha256,
    /// Who says it.
    pub by: PrincipalId,
    /// When, to the second.
    pub at: Timestamp,
    /// What a review found, on one line.
    pub finding: Option<String>,
}

/// A statement with its signature, which nobody has verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// What was said.
    pub statement: Statement,
    /// What kind of signature it is.
    pub form: SignatureForm,
    /// The signature, binary.
    pub signature: Vec<u8>,
}

/// A line of the document that says it is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The line where it begins, from 1.
    pub line: usize,
    /// What it says it is.
    pub what: What,
    /// Who it says it is from.
    pub claimed_by: Foreign,
    /// What was read.
    pub read: Result<Signature, LineError>,
}

/// Why a line is no signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineError {
    /// It names no signature.
    Unsigned,
    /// It is malformed; says how.
    Malformed(String),
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsigned => f.write_str("it is not signed"),
            Self::Malformed(why) => f.write_str(why),
        }
    }
}

impl From<ApprovalError> for LineError {
    fn from(error: ApprovalError) -> Self {
        match error {
            ApprovalError::Unsigned => Self::Unsigned,
            ApprovalError::Malformed(why) => Self::Malformed(why),
        }
    }
}

impl What {
    /// Returns the key of its lines.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Approval => APPROVED_BY,
            Self::Review => REVIEWED_BY,
        }
    }

    /// Returns what a line signs and the rest behind its key, or nothing if it is another line.
    #[must_use]
    pub fn of_line(line: &str) -> Option<(Self, &str)> {
        [Self::Approval, Self::Review]
            .into_iter()
            .find_map(|what| Some((what, line.strip_prefix(what.key())?.strip_prefix(':')?)))
    }
}

impl Statement {
    /// Returns the bytes that are signed: one `key: value` per line, in this order and nothing else.
    #[must_use]
    pub fn payload(&self, repository: &str, id: &ExceptionId) -> Vec<u8> {
        let title = match self.what {
            What::Approval => "refgate exception v1",
            What::Review => "refgate exception review v1",
        };
        let Self { by, at, .. } = self;
        let document = self.document.to_hex();
        let mut out = format!(
            "{title}\nrepository: {repository}\nid: {id}\ndocument: sha256:{document}\nby: {by}\nat: {at}\n"
        );
        if let Some(finding) = &self.finding {
            out += &format!("finding: {finding}\n");
        }
        out.into_bytes()
    }
}

impl Signature {
    /// Reads what stands behind the key of a line, folded lines joined by one blank.
    ///
    /// # Errors
    /// It is unsigned or malformed.
    pub fn parse(what: What, value: &str) -> Result<Self, LineError> {
        let wrong = |why: &str| LineError::Malformed(why.into());
        let mut parts = value.split(';').map(str::trim);
        let person = parts.next().unwrap_or_default();
        if !value.contains("sig=") {
            return Err(LineError::Unsigned);
        }
        let email = person.split_once('<').and_then(|(_, rest)| rest.strip_suffix('>'));
        let by = email
            .and_then(|email| PrincipalId::parse(email).filter(|id| id.as_str() == email))
            .ok_or_else(|| wrong("it does not begin with Name <email in lower case>"))?;
        let mut field = |key: &str| {
            let part = parts.next().unwrap_or_default();
            let value = part.split_once('=').filter(|(found, _)| *found == key);
            value
                .map(|(_, value)| value)
                .ok_or_else(|| LineError::Malformed(format!("{key}= is missing or out of order")))
        };
        let document = field("document")?;
        let document = document
            .strip_prefix("sha256:")
            .and_then(Sha256::from_hex)
            .ok_or_else(|| wrong("document is no sha256:<64 hex digits>"))?;
        let at = approval::time("at", field("at")?)?;
        let finding = match what {
            What::Approval => None,
            What::Review => {
                let text = field("finding")?;
                Some(fit_finding(text).ok_or_else(|| wrong("finding is no short line of text"))?)
            }
        };
        let (form, signature) = approval::signature(field("sig")?)?;
        if parts.next().is_some() {
            return Err(wrong("something follows sig="));
        }
        let statement = Statement { what, document, by, at, finding };
        Ok(Self { statement, form, signature })
    }

    /// Writes the line, folded so that no part but the signature is long.
    #[must_use]
    pub fn to_line(&self, name: &str) -> String {
        let Statement { what, document, by, at, finding } = &self.statement;
        let finding =
            finding.as_ref().map_or_else(String::new, |text| format!(" finding={text};\n"));
        format!(
            "{}: {} <{by}>;\n document=sha256:{};\n at={at};\n{finding} sig={}",
            what.key(),
            approval::plain_name(name),
            document.to_hex(),
            approval::signature_text(self.form, &self.signature),
        )
    }
}

/// Returns the text of a review as a line can hold it, or nothing if it does not fit.
#[must_use]
pub fn fit_finding(text: &str) -> Option<String> {
    let text = text.trim();
    let fits = (1..=FINDING_LEN).contains(&text.len())
        && !text.contains(';')
        && crate::policy::text::hidden_char(text).is_none();
    fits.then(|| text.to_owned())
}
