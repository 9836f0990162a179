//! A git client of a few lines: it says to `git receive-pack` whatever a test wants said.
//!
//! git's own client computes old values and refuses odd commands by itself, so the attacks on the
//! wire need one that does not (`gitprotocol-pack(5)`, "Pushing Data To a Server").

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use super::command;
use super::world::Said;

/// The id that stands for "nothing".
pub const ZERO: &str = "0000000000000000000000000000000000000000";

/// A pack of no objects: everything that the commands name is on the server.
const EMPTY_PACK: &[u8] = b"PACK\0\0\0\x02\0\0\0\0\x02\x9d\x08\x82\x3b\xd8\xa8\xea\xb5\x10\xad\x6a\xc7\x5c\x82\x3c\xfd\x3e\xd3\x1e";

/// Sends `(old, new, ref)` commands as they are, and says what the server answered.
///
/// In `err` is what the hook wrote, in `out` the report: `unpack ok`, then `ok ref` or `ng ref reason`.
pub fn push(server: &Path, commands: &[(&str, &str, &[u8])]) -> Said {
    push_with(server, commands, "report-status side-band-64k")
}

/// As [`push`], with other capabilities.
pub fn push_with(server: &Path, commands: &[(&str, &str, &[u8])], capabilities: &str) -> Said {
    let mut request = Vec::new();
    for (number, (old, new, name)) in commands.iter().enumerate() {
        let mut line = format!("{old} {new} ").into_bytes();
        line.extend_from_slice(name);
        if number == 0 {
            line.push(0);
            line.extend_from_slice(capabilities.as_bytes());
        }
        packet(&mut request, &line);
    }
    request.extend_from_slice(b"0000");
    if commands.iter().any(|(_, new, _)| *new != ZERO) {
        request.extend_from_slice(EMPTY_PACK);
    }
    let mut receive_pack = command("git");
    receive_pack
        .arg("receive-pack")
        .arg(server)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = receive_pack.spawn().expect("git receive-pack is started");
    // A server that has heard enough hangs up; what it answered is read all the same.
    drop(child.stdin.take().expect("a pipe").write_all(&request));
    let output = child.wait_with_output().expect("git receive-pack ends");
    let (report, hook) = answer(&output.stdout);
    let refused = report.lines().any(|line| line.starts_with("ng ")) || !report.contains("ok ");
    Said {
        ok: output.status.success() && !refused,
        code: output.status.code(),
        out: report,
        err: hook + &String::from_utf8_lossy(&output.stderr),
    }
}

fn packet(to: &mut Vec<u8>, bytes: &[u8]) {
    to.extend_from_slice(format!("{:04x}", bytes.len() + 4).as_bytes());
    to.extend_from_slice(bytes);
}

/// Takes packets up to the next flush packet, or up to the end.
fn packets<'a>(bytes: &mut &'a [u8]) -> Vec<&'a [u8]> {
    let mut found = Vec::new();
    while bytes.len() >= 4 {
        let len = std::str::from_utf8(&bytes[..4]).expect("a length");
        let len = usize::from_str_radix(len, 16).expect("a length");
        let (packet, rest) = bytes.split_at(len.max(4));
        *bytes = rest;
        if len == 0 {
            break;
        }
        found.push(&packet[4..]);
    }
    found
}

/// Splits what the server sent, behind its list of refs, into its report and the words of the hook.
fn answer(mut bytes: &[u8]) -> (String, String) {
    packets(&mut bytes);
    let (mut report, mut hook) = (Vec::new(), Vec::new());
    for packet in packets(&mut bytes) {
        match packet {
            [1, data @ ..] => report.extend_from_slice(data),
            [_, data @ ..] => hook.extend_from_slice(data),
            [] => {}
        }
    }
    let report: Vec<u8> = packets(&mut report.as_slice()).concat();
    (String::from_utf8_lossy(&report).into_owned(), String::from_utf8_lossy(&hook).into_owned())
}
