//! `refgate exception vex`: signs a VEX document and puts it beside the exceptions.

use std::path::Path;

use super::desk::Desk;
use crate::cli::args::exception::Vex;
use crate::cli::output::Output;
use crate::client::sign::Signer;
use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::evidence::dsse::{Envelope, STATEMENT_TYPE, pre_authentication_encoding};
use crate::evidence::exception::DIRECTORY;
use crate::evidence::vex::{SUFFIX, Status, read_document, type_of};
use crate::policy::structure::Role;
use crate::repo::layout::read_bounded;

/// Signs a document for this repository.
///
/// # Errors
/// It is no VEX document, the user is not Security Engineering, or signing fails.
pub(super) fn vex(dir: &Path, args: &Vex, out: &mut Output) -> Result<()> {
    let desk = Desk::open(dir, &args.server)?;
    let step = || format!("reading {}", args.file.display());
    let bytes = read_bounded(&dir.join(&args.file), desk.workspace.limits.exception_bytes)?
        .ok_or_else(|| {
            Error::new(ErrorKind::Usage, format!("{}: no such file", args.file.display()))
        })?;
    let text = String::from_utf8(bytes).during(ErrorKind::Usage, step)?;
    let text = text.trim_start_matches('\u{feff}').trim();
    let predicate_type = type_of(text).ok_or_else(|| {
        Error::new(ErrorKind::Usage, "it is neither OpenVEX nor CycloneDX in JSON").while_(step())
    })?;
    let vex = read_document(predicate_type, text).during(ErrorKind::Usage, step)?;
    let me = desk.workspace.me()?;
    let now = desk.workspace.now;
    let structure = desk.policy().structure();
    if !structure.holders(Role::SecurityEngineer, now).any(|holder| holder.id() == me.id()) {
        let why = format!("{} is not Security Engineering, who sign VEX", me.id());
        return Err(Error::new(ErrorKind::Usage, why).hint("refgate policy show prints who is"));
    }
    for statement in &vex.statements {
        let ids = statement.ids.join(", ");
        let packages: Vec<String> = statement.packages.iter().map(ToString::to_string).collect();
        let effect = match (statement.status, packages.is_empty()) {
            (Status::Other, _) => "lets nothing pass",
            (Status::NotAffected | Status::Fixed, true) => "names no package, lets nothing pass",
            (Status::NotAffected | Status::Fixed, false) => statement.status.as_str(),
        };
        let shown = crate::report::text::Foreign::from(&ids).shown(60);
        out.line(&format!("{shown}  {}  {effect}", packages.join(", ")));
    }
    let repository = desk.policy().config().repository.to_string();
    let head = desk.workspace.git.commit("HEAD")?;
    let start = serde_json::json!({
        "_type": STATEMENT_TYPE,
        "subject": [{ "name": repository, "digest": { "gitCommit": head.to_string() } }],
        "predicateType": predicate_type,
    })
    .to_string();
    // The document goes last, in its own bytes: what is signed is what was written.
    let open = start.strip_suffix('}').unwrap_or(&start);
    let payload = format!("{open},\"predicate\":{text}}}").into_bytes();
    let signer = Signer::configured(&desk.workspace.git, None)?;
    let (_, signature) = signer.sign(&pre_authentication_encoding(&payload))?;
    let line = Envelope { payload, signatures: vec![signature] }.to_line("");
    let path = format!("{DIRECTORY}/{}{SUFFIX}", name(args)?);
    let target = desk.top.join(&path);
    let step = || format!("writing {path}");
    if let Some(parent) = target.parent() {
        std::fs::create_dir_all(parent).during(ErrorKind::Environment, step)?;
    }
    std::fs::write(&target, format!("{line}\n")).during(ErrorKind::Environment, step)?;
    out.line(&format!("wrote {path}"));
    let known = desk.known()?;
    if let Some(problem) = known.malformed.iter().find(|problem| problem.file == path) {
        let what = format!("the server would not accept this document: {}", problem.message);
        return Err(Error::new(ErrorKind::Usage, what)
            .hint("sign with a key that meta/STRUCTURE.md lists for you"));
    }
    out.note(&format!("    git add {path} && git commit -m \"State what does not affect us\""));
    Ok(())
}

fn name(args: &Vex) -> Result<String> {
    let from_file = args.file.file_name().and_then(|name| name.to_str());
    let name = args.name.as_deref().or(from_file).unwrap_or_default();
    let name = name.split('.').next().unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || name.len() > 80 || !name.chars().all(plain) {
        let what = format!("{name:?} is no name for a document");
        return Err(Error::new(ErrorKind::Usage, what).hint("name it: --name lodash-template"));
    }
    Ok(name.to_owned())
}
