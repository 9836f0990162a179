//! Documents of the tree: every problem is told by its line, in plain words.

use std::sync::LazyLock;

use refgate::error::Diagnostic;
use refgate::evidence::checklist::{Template, open_items};
use refgate::evidence::{exception, vex as documents};
use refgate::id::HashKind;
use refgate::limits::Limits;
use refgate::policy::config::{Checklist, Config};
use refgate::policy::structure::{SectionNames, Structure};
use refgate::repo::reftable::{Malformed, Source, Table};
use refgate::signature::{KeyRingBuilder, pem_fingerprint};

use crate::reports::plain;

/// VEX documents, of the type that they say they are.
pub fn vex(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Some(kind) = documents::type_of(text)
        && let Err(why) = documents::read_document(kind, text)
    {
        plain(&why);
    }
}

/// Documents of exceptions, and whether what is signed of one lies within it.
pub fn exception(bytes: &[u8]) {
    assert!(exception::digest_end(bytes) <= bytes.len());
    told(&exception::read("exceptions/EX-2026-001.md", bytes, &Limits::default()), bytes);
}

/// Templates and documents of releases.
pub fn release(bytes: &[u8]) {
    static CHECKLIST: LazyLock<Checklist> = LazyLock::new(|| {
        let config = Config::parse(b"repository = \"git.example.org/x\"", &Limits::default());
        config.expect("a policy").checklist
    });
    static TEMPLATE: LazyLock<Template> = LazyLock::new(|| {
        let bytes = include_bytes!("../../templates/document-template.md");
        Template::parse(bytes, &CHECKLIST).expect("the template that we ship")
    });
    let checklist = &*CHECKLIST;
    let lines = bytes.split(|byte| *byte == b'\n').count();
    for item in open_items(&TEMPLATE, bytes, checklist) {
        assert!(item.line <= lines, "line {} of {lines}", item.line);
    }
    match Template::parse(bytes, checklist) {
        // What a template asks for is open in the template itself.
        Ok(template) => assert!(!open_items(&template, bytes, checklist).is_empty()),
        Err(why) => plain(&why),
    }
}

/// `meta/STRUCTURE.md`.
pub fn structure(bytes: &[u8]) {
    told(&Structure::parse(bytes, &SectionNames::default(), &Limits::default()), bytes);
}

/// Tables of refs: going through one ends and is in order, and asking for its names ends too.
pub fn reftable(bytes: &[u8]) {
    // The checksum would keep nearly all changes out: it is made good first.
    let mut bytes = bytes.to_vec();
    let (header, footer) = if bytes.get(4) == Some(&2) { (28, 72) } else { (24, 68) };
    if let Some(start) = bytes.len().checked_sub(footer).filter(|start| *start >= header) {
        bytes.copy_within(..header, start);
        let end = bytes.len() - 4;
        let sum = crc32fast::hash(&bytes[start..end]);
        bytes[end..].copy_from_slice(&sum.to_be_bytes());
    }
    for hash in [HashKind::Sha1, HashKind::Sha256] {
        if let Err(why) = names_of(&bytes, hash) {
            plain(&why.to_string());
        }
    }
}

fn names_of(bytes: &[u8], hash: HashKind) -> Result<(), Malformed> {
    let table = Table::open(Source::Memory(bytes.into()), hash)?;
    let mut cursor = table.seek(b"")?;
    let mut last: Option<Vec<u8>> = None;
    while let Some((name, _)) = cursor.next()? {
        assert!(last.as_ref().is_none_or(|last| *last < name), "{name:?} after {last:?}");
        table.find(&name)?;
        last = Some(name);
    }
    Ok(())
}

/// `meta/refgate.toml` and the files of keys.
pub fn policy(bytes: &[u8]) {
    told(&Config::parse(bytes, &Limits::default()), bytes);
    let mut keys = KeyRingBuilder::default();
    told(&keys.allowed_signers("meta/allowed_signers", bytes), bytes);
    told(&keys.certificate("meta/keyring/key.asc", bytes), bytes);
    told(&keys.public_key("meta/keyring/key.pem", bytes), bytes);
    told(&keys.sigstore_root("meta/sigstore/trusted_root.json", bytes), bytes);
    if let Ok(text) = str::from_utf8(bytes)
        && let Err(why) = pem_fingerprint(text)
    {
        plain(&why);
    }
}

fn told<T>(result: &Result<T, Vec<Diagnostic>>, bytes: &[u8]) {
    let lines = bytes.split(|byte| *byte == b'\n').count();
    if let Err(problems) = result {
        assert!(!problems.is_empty());
        for problem in problems {
            plain(&problem.message);
            plain(problem.help.as_deref().unwrap_or_default());
            assert!(problem.line <= lines, "{problem:?} of {lines} lines");
        }
    }
}
