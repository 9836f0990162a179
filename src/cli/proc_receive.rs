//! `proc-receive`: the second lock of `refgate install --hard`.
//!
//! git asks this hook about the refs of `receive.procReceiveRefs`, and refuses them if it is gone: the only
//! hook whose absence closes the door. What `pre-receive` has let through a moment ago is in the ledger, and
//! passes; what it has not seen, because it is gone itself, is judged here. git then moves the
//! refs as it always does (`option fall-through`). The protocol is that of `githooks(5)`.

use std::io::{Read, Write};

use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::receive::{Name, Push, RefUpdate};

/// The longest packet, its length included (`gitprotocol-common(5)`).
const PACKET_BYTES: usize = 65_520;

/// Greets git, and reads the ref updates that it asks about.
///
/// # Errors
/// git does not speak version 1 of the protocol, or asks about more refs than the limit.
pub fn receive(input: &mut impl Read, output: &mut impl Write, limit: usize) -> Result<Push> {
    let greeting = packets(input, 16)?;
    let version = greeting.first().map(Vec::as_slice).unwrap_or_default();
    if !version.starts_with(b"version=1") {
        return Err(Error::new(ErrorKind::Usage, "git speaks another proc-receive than version 1"));
    }
    let has_options =
        version.split(|byte| matches!(byte, 0 | b' ' | b'\n')).any(|w| w == b"push-options");
    let answer: &[u8] = if has_options { b"version=1\0push-options" } else { b"version=1" };
    send(output, &[answer])?;
    let mut text = Vec::new();
    for packet in packets(input, limit)? {
        text.extend(packet.strip_suffix(b"\n").unwrap_or(&packet));
        text.push(b'\n');
    }
    let push = Push::parse(&text, limit)?;
    if has_options {
        packets(input, limit)?;
    }
    Ok(push)
}

/// Tells git for each ref whether it may move.
///
/// # Errors
/// git does not listen.
pub fn answer(output: &mut impl Write, push: &Push, refusal: Option<&str>) -> Result<()> {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for RefUpdate { name, .. } in &push.updates {
        let name: &[u8] = match name {
            Name::Ref(name) => name.as_bytes(),
            Name::Malformed(bytes) => bytes,
        };
        match refusal {
            None => lines.extend([[b"ok ", name].concat(), b"option fall-through".to_vec()]),
            Some(why) => lines.push([b"ng ", name, b" ", why.as_bytes()].concat()),
        }
    }
    let lines: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
    send(output, &lines)
}

/// Reads packets up to a flush packet.
fn packets(input: &mut impl Read, limit: usize) -> Result<Vec<Vec<u8>>> {
    let step = || "reading what git asks proc-receive".to_owned();
    let mut packets = Vec::new();
    loop {
        let mut head = [0; 4];
        input.read_exact(&mut head).during(ErrorKind::Usage, step)?;
        let len =
            std::str::from_utf8(&head).ok().and_then(|hex| usize::from_str_radix(hex, 16).ok());
        match len {
            Some(0) => return Ok(packets),
            Some(len @ 4..=PACKET_BYTES) if packets.len() < limit => {
                let mut packet = vec![0; len - 4];
                input.read_exact(&mut packet).during(ErrorKind::Usage, step)?;
                packets.push(packet);
            }
            Some(4..=PACKET_BYTES) => {
                let what =
                    format!("more than {limit} ref updates in one push (limits.ref-updates)");
                return Err(Error::new(ErrorKind::Limit, what));
            }
            Some(_) | None => return Err(Error::new(ErrorKind::Usage, "no packet").while_(step())),
        }
    }
}

/// Writes packets and a flush packet.
fn send(output: &mut impl Write, packets: &[&[u8]]) -> Result<()> {
    let mut bytes = Vec::new();
    for packet in packets {
        bytes.extend(format!("{:04x}", packet.len() + 4).into_bytes());
        bytes.extend(*packet);
    }
    bytes.extend(b"0000");
    output
        .write_all(&bytes)
        .and_then(|()| output.flush())
        .during(ErrorKind::Environment, || "answering git".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    fn wire(lists: &[&[&str]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for list in lists {
            let packets: Vec<&[u8]> = list.iter().map(|text| text.as_bytes()).collect();
            send(&mut bytes, &packets).expect("written");
        }
        bytes
    }

    #[test]
    fn git_is_answered_in_its_own_words() {
        let command = format!("{A} {B} refs/heads/main");
        for (greeting, options, reply) in [
            ("version=1\0push-options atomic\n", true, "001aversion=1\0push-options0000"),
            ("version=1\n", false, "000dversion=10000"),
        ] {
            let mut input = wire(&[&[greeting], &[&command]]);
            if options {
                input.extend(wire(&[&["x=y"]]));
            }
            let mut output = Vec::new();
            let push = receive(&mut input.as_slice(), &mut output, 9).expect("a push");
            assert_eq!(String::from_utf8_lossy(&output), reply);
            assert_eq!(push.updates.len(), 1);
            output.clear();
            answer(&mut output, &push, None).expect("written");
            assert_eq!(output, b"0016ok refs/heads/main0017option fall-through0000");
            output.clear();
            answer(&mut output, &push, Some("no")).expect("written");
            assert_eq!(output, b"0019ng refs/heads/main no0000");
        }
    }

    #[test]
    fn what_git_would_not_say_is_an_error() {
        let command = format!("{A} {B} refs/heads/main");
        for input in [
            Vec::new(),
            b"zzzz".to_vec(),
            b"0003".to_vec(),
            b"0010short".to_vec(),
            wire(&[&["version=2"], &[&command]]),
            wire(&[&["version=1"], &["nonsense"]]),
            wire(&[&["version=1"], &[]]),
            wire(&[&["version=1"], &[&command, &command]]),
        ] {
            assert!(receive(&mut input.as_slice(), &mut Vec::new(), 1).is_err(), "{input:?}");
        }
    }
}
