//! Pushes from shallow clones.
//!
//! The client lists the commits at which its history ends (`shallow`, `gitprotocol-pack(5)`), and
//! git hands the list to its own commands, which then see no parents there. refgate reads the
//! commits themselves. So the list matters only where the server lacks the parents too: taking
//! such a push (`receive.shallowUpdate`) would cut the history of the server off.

use super::commit::Ancestry;
use super::fault::ReadError;
use super::objects::{Incoming, Objects as _};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{CommitId, parse_hex};
use crate::limits::Limits;

/// Says whether a list of shallow commits names one whose parents the server does not have.
///
/// # Errors
/// The list is not one that git writes, or the repository cannot be read.
pub fn cuts_history(list: &[u8], incoming: &Incoming<'_>, limits: &Limits) -> Result<bool> {
    let mut buffer = Vec::new();
    for line in list.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
        let Some(id) = parse_hex(line).map(CommitId) else {
            let what =
                format!("{} in the list of shallow commits is no id", super::header::show(line));
            return Err(Error::new(ErrorKind::Usage, what));
        };
        // A commit that is nowhere is on no branch of the push.
        if incoming.header(&id.0)?.is_none() {
            continue;
        }
        let ancestry = match Ancestry::read(incoming, id, limits, &mut buffer) {
            Ok(ancestry) => ancestry,
            // Whatever is wrong with it is found by whoever judges the ref that it is on.
            Err(ReadError::Fault(_)) => continue,
            Err(ReadError::Repository(error)) => return Err(error),
        };
        for parent in ancestry.parents {
            if incoming.header(&parent.0)?.is_none() {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
