//! Takes the ASCII armour off signatures and certificates.
//!
//! git, ssh-keygen and gpg read a signature out of whatever surrounds it. What
//! stands around it is covered by nothing, so here a text is one armour and
//! nothing else, and its base64 has one form.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::problem::{Malformed, quoted};

/// What a signature header of a commit or tag holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArmourKind {
    /// SSHSIG, for [`dearmor_ssh`].
    Ssh,
    /// OpenPGP, for [`dearmor_openpgp`].
    OpenPgp,
    /// CMS, as `gpg.format=x509` makes it; refgate does not verify it.
    X509,
}

impl ArmourKind {
    /// Tells from the first line of a text which kind it is, by the lines that git knows.
    #[must_use]
    pub fn detect(text: &[u8]) -> Option<Self> {
        match text.split(|b| *b == b'\n').next()? {
            SSH_BEGIN => Some(Self::Ssh),
            b"-----BEGIN PGP SIGNATURE-----" | b"-----BEGIN PGP MESSAGE-----" => {
                Some(Self::OpenPgp)
            }
            b"-----BEGIN SIGNED MESSAGE-----" => Some(Self::X509),
            _ => None,
        }
    }
}

const SSH_BEGIN: &[u8] = b"-----BEGIN SSH SIGNATURE-----";

/// Returns the blob inside an armoured SSH signature (PROTOCOL.sshsig §1).
///
/// Lines may have any length. The newline after the last line may be missing,
/// as it is where git keeps the text in a header.
///
/// # Errors
/// Names the first line that is not as it must be.
pub fn dearmor_ssh(text: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut lines = Lines::new(text);
    lines.expect(SSH_BEGIN, "\"-----BEGIN SSH SIGNATURE-----\"")?;
    let mut body = Body::default();
    loop {
        let line = lines.next("\"-----END SSH SIGNATURE-----\"")?;
        if line == b"-----END SSH SIGNATURE-----" {
            break;
        }
        body.push(line, lines.number)?;
    }
    lines.expect_end()?;
    body.decode(lines.number)
}

/// Returns the packets inside an armoured OpenPGP signature (RFC 9580 §6.2).
///
/// Armour headers are skipped. The checksum is optional, but if it is there it
/// must be right: RFC 9580 would have it ignored, gpg refuses a wrong one.
///
/// # Errors
/// Names the first line that is not as it must be.
pub fn dearmor_openpgp(text: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut lines = Lines::new(text);
    let packets = dearmor_block(&mut lines, &SIGNATURE)?;
    lines.expect_end()?;
    Ok(packets)
}

/// Returns the packets of all armoured certificates in a text; blank lines may separate them.
#[cfg(feature = "openpgp")]
pub(super) fn dearmor_certificates(text: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut lines = Lines::new(text);
    let mut packets = Vec::new();
    while lines.skip_blank() || packets.is_empty() {
        packets.append(&mut dearmor_block(&mut lines, &CERTIFICATE)?);
    }
    Ok(packets)
}

struct Label {
    begin: &'static [u8],
    begin_quoted: &'static str,
    end: &'static [u8],
    end_quoted: &'static str,
}

const SIGNATURE: Label = Label {
    begin: b"-----BEGIN PGP SIGNATURE-----",
    begin_quoted: "\"-----BEGIN PGP SIGNATURE-----\"",
    end: b"-----END PGP SIGNATURE-----",
    end_quoted: "\"-----END PGP SIGNATURE-----\"",
};

#[cfg(feature = "openpgp")]
const CERTIFICATE: Label = Label {
    begin: b"-----BEGIN PGP PUBLIC KEY BLOCK-----",
    begin_quoted: "\"-----BEGIN PGP PUBLIC KEY BLOCK-----\"",
    end: b"-----END PGP PUBLIC KEY BLOCK-----",
    end_quoted: "\"-----END PGP PUBLIC KEY BLOCK-----\"",
};

fn dearmor_block(lines: &mut Lines<'_>, label: &Label) -> Result<Vec<u8>, Malformed> {
    lines.expect(label.begin, label.begin_quoted)?;
    loop {
        let line = lines.next("a blank line after the armour headers")?;
        if line.is_empty() {
            break;
        }
        if !is_armour_header(line) {
            let problem = Malformed::new(ARMOUR, "an armour header or a blank line", quoted(line));
            return Err(problem.on_line(lines.number));
        }
    }
    let mut body = Body::default();
    let mut checksum = None;
    loop {
        let line = lines.next(label.end_quoted)?;
        if line == label.end {
            break;
        }
        match (line, checksum) {
            ([b'=', sum @ ..], None) if sum.len() == 4 => checksum = Some((sum, lines.number)),
            (_, None) => body.push(line, lines.number)?,
            (_, Some(_)) => {
                let problem = Malformed::new(ARMOUR, label.end_quoted, quoted(line));
                return Err(problem.on_line(lines.number));
            }
        }
    }
    let packets = body.decode(lines.number)?;
    if let Some((sum, line)) = checksum {
        let [_, expected @ ..] = crc24(&packets).to_be_bytes();
        if STANDARD.decode(sum).ok().as_deref() != Some(&expected[..]) {
            let problem = Malformed::new(ARMOUR, "the CRC-24 of the lines above", quoted(sum));
            return Err(problem.on_line(line));
        }
    }
    Ok(packets)
}

const ARMOUR: &str = "armour";

/// RFC 9580 §6.2.2: a key, a colon, a blank and a value.
fn is_armour_header(line: &[u8]) -> bool {
    let key = line.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'-').count();
    key > 0
        && line.get(key..).is_some_and(|rest| rest.starts_with(b": "))
        && !line.iter().any(u8::is_ascii_control)
}

/// RFC 9580 §6.1.1.
fn crc24(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x00b7_04ce, |crc, byte| {
        (0..8).fold(crc ^ (u32::from(*byte) << 16), |crc, _| {
            let shifted = crc << 1;
            if shifted & 0x0100_0000 == 0 { shifted } else { shifted ^ 0x0186_4cfb }
        })
    })
}

/// The lines of a text, counted.
struct Lines<'a> {
    /// `None` after the last line.
    rest: Option<&'a [u8]>,
    /// Of the line that was returned last.
    number: usize,
}

impl<'a> Lines<'a> {
    fn new(text: &'a [u8]) -> Self {
        Self { rest: Some(text), number: 0 }
    }

    fn next(&mut self, expected: &'static str) -> Result<&'a [u8], Malformed> {
        let Some(text) = self.rest else {
            let problem = Malformed::new(ARMOUR, expected, "the end of the text");
            return Err(problem.on_line(self.number));
        };
        let mut parts = text.splitn(2, |b| *b == b'\n');
        let line = parts.next().unwrap_or_default();
        self.rest = parts.next();
        self.number += 1;
        Ok(line)
    }

    fn expect(&mut self, line: &[u8], expected: &'static str) -> Result<(), Malformed> {
        match self.next(expected)? {
            found if found == line => Ok(()),
            found => Err(Malformed::new(ARMOUR, expected, quoted(found)).on_line(self.number)),
        }
    }

    /// Makes sure that nothing follows but one newline.
    fn expect_end(&self) -> Result<(), Malformed> {
        match self.rest {
            None | Some(b"") => Ok(()),
            Some(more) => {
                let problem = Malformed::new(ARMOUR, "nothing after the last line", quoted(more));
                Err(problem.on_line(self.number + 1))
            }
        }
    }

    /// Skips empty lines and says whether there is another one.
    #[cfg(feature = "openpgp")]
    fn skip_blank(&mut self) -> bool {
        while let Some(rest) = self.rest {
            match rest.strip_prefix(b"\n") {
                Some(rest) => (self.rest, self.number) = (Some(rest), self.number + 1),
                None => return !rest.is_empty(),
            }
        }
        false
    }
}

/// The base64 lines of an armour, joined.
#[derive(Default)]
struct Body(Vec<u8>);

impl Body {
    fn push(&mut self, line: &[u8], number: usize) -> Result<(), Malformed> {
        let base64 = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=');
        if line.is_empty() || !line.iter().all(base64) {
            return Err(Malformed::new(ARMOUR, "base64", quoted(line)).on_line(number));
        }
        self.0.extend(line);
        Ok(())
    }

    fn decode(self, number: usize) -> Result<Vec<u8>, Malformed> {
        match STANDARD.decode(&self.0) {
            Ok(bytes) if !bytes.is_empty() => Ok(bytes),
            Ok(_) => Err(Malformed::new(ARMOUR, "base64 lines", "none").on_line(number)),
            Err(error) => {
                let found = quoted(error.to_string().as_bytes());
                Err(Malformed::new(ARMOUR, "base64 in its one form", found).on_line(number))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::signature::tests::key_file;

    const SSH: &[u8] = key_file!("signatures/ada.sig");
    const PGP: &[u8] = key_file!("signatures/openpgp-ada.asc");

    fn changed(text: &[u8], from: &str, to: &str) -> Vec<u8> {
        let text = str::from_utf8(text).expect("armour is text");
        assert!(text.contains(from), "{from:?}");
        text.replacen(from, to, 1).into()
    }

    #[test]
    fn the_kind_is_told_by_the_first_line() {
        for (text, kind) in [
            (SSH, Some(ArmourKind::Ssh)),
            (PGP, Some(ArmourKind::OpenPgp)),
            (b"-----BEGIN PGP MESSAGE-----\n", Some(ArmourKind::OpenPgp)),
            (b"-----BEGIN SIGNED MESSAGE-----\nx", Some(ArmourKind::X509)),
            (b"-----BEGIN SSH SIGNATURE-----\r\n", None),
            (b" -----BEGIN SSH SIGNATURE-----\n", None),
            (b"\n-----BEGIN SSH SIGNATURE-----\n", None),
            (b"", None),
        ] {
            assert_eq!(ArmourKind::detect(text), kind, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn what_the_tools_write_is_read() {
        let blob = dearmor_ssh(SSH).expect("written by ssh-keygen");
        assert!(blob.starts_with(b"SSHSIG"));
        assert_eq!(dearmor_ssh(SSH.trim_ascii_end()), Ok(blob.clone()));
        let joined = changed(SSH, "\nU1NI", "\nU1\nNI");
        assert_eq!(dearmor_ssh(&joined), Ok(blob));

        let packets = dearmor_openpgp(PGP).expect("written by gpg");
        assert_eq!(packets.first(), Some(&0x88));
        assert_eq!(dearmor_openpgp(PGP.trim_ascii_end()), Ok(packets.clone()));
        let headers = changed(PGP, "\n\n", "\nVersion: 1 of 2\nComment: x\n\n");
        assert_eq!(dearmor_openpgp(&headers), Ok(packets.clone()));
        let text = str::from_utf8(PGP).expect("text");
        let unchecked: Vec<&str> = text.lines().filter(|l| !l.starts_with('=')).collect();
        assert_eq!(unchecked.len() + 1, text.lines().count());
        assert_eq!(dearmor_openpgp(unchecked.join("\n").as_bytes()), Ok(packets));
    }

    #[test]
    fn t39_nothing_stands_around_an_ssh_signature_or_in_it() {
        let end = SSH.iter().filter(|b| **b == b'\n').count();
        for (text, line, found) in [
            ([b"x", SSH].concat(), 1, "\"x-----BEGIN SSH SIGNATURE-----\""),
            ([b"\n", SSH].concat(), 1, "\"\""),
            ([SSH, b"x"].concat(), end + 1, "\"x\""),
            ([SSH, b"\n"].concat(), end + 1, "\"\\n\""),
            ([SSH, SSH].concat(), end + 1, "\"-----BEGIN"),
            ([SSH.trim_ascii_end(), b" "].concat(), end, "\"-----END SSH SIGNATURE----- \""),
            (changed(SSH, "\nU1NI", "\n U1NI"), 2, "\" U1NI"),
            (changed(SSH, "\nU1NI", "\n\nU1NI"), 2, "\"\""),
            (changed(SSH, "U1NI", "U1N*"), 2, "\"U1N*"),
            (
                changed(SSH, "NATURE-----\n", "NATURE-----\r\n"),
                1,
                "\"-----BEGIN SSH SIGNATURE-----\\r\"",
            ),
            (changed(SSH, "-----END SSH SIGNATURE-----\n", ""), end, "\"\""),
            (changed(SSH, "-----END", "=\n-----END"), end + 1, "\"Invalid"),
            (changed(SSH, "U1NI", "U1NI="), end, "\"Invalid"),
            (b"-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----\n".into(), 2, "none"),
            (b"-----BEGIN SSH SIGNATURE-----".into(), 1, "the end of the text"),
            (Vec::new(), 1, "\"\""),
        ] {
            let error = dearmor_ssh(&text).expect_err(found);
            assert_eq!(error.line, line, "{error}");
            assert!(error.found.starts_with(found), "{error}");
        }
    }

    #[test]
    fn base64_has_one_form() {
        let armour = |base64: &str| {
            format!("-----BEGIN SSH SIGNATURE-----\n{base64}\n-----END SSH SIGNATURE-----\n")
        };
        assert_eq!(dearmor_ssh(armour("AA==").as_bytes()), Ok(vec![0]));
        for other in ["AB==", "AA", "AA=", "A===", "AA==AA==", "====", "_w==", "-w=="] {
            dearmor_ssh(armour(other).as_bytes()).expect_err(other);
        }
    }

    #[test]
    fn t49_nothing_stands_around_an_openpgp_signature_or_in_it() {
        let text = str::from_utf8(PGP).expect("text");
        let sum = text.lines().find(|l| l.starts_with('=')).expect("gpg writes a checksum");
        let end = text.lines().count();
        for (text, line) in [
            ([b"x\n", PGP].concat(), 1),
            ([PGP, b"x"].concat(), end + 1),
            ([PGP, PGP].concat(), end + 1),
            (changed(PGP, "\n\n", "\n"), 2),
            (changed(PGP, "\n\n", "\nVersion\n\n"), 2),
            (changed(PGP, "\n\n", "\n: x\n\n"), 2),
            (changed(PGP, "\n\n", "\n \n"), 2),
            (changed(PGP, "SIGNATURE", "MESSAGE"), 1),
            (changed(PGP, sum, "=AAAA"), end - 1),
            (changed(PGP, sum, &format!("{sum}\n{sum}")), end),
            (changed(PGP, sum, "=!!!!"), end - 1),
        ] {
            let error = dearmor_openpgp(&text).expect_err("not the one form");
            assert_eq!(error.line, line, "{error}");
        }
    }

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        // gpg wrote the signatures above; the empty input yields the initial value.
        assert_eq!(crc24(b""), 0x00b7_04ce);
        assert_eq!(crc24(b"123456789"), 0x0021_cf02);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(lines in prop::collection::vec(
            prop_oneof![
                Just("-----BEGIN SSH SIGNATURE-----".to_owned()),
                Just("-----END SSH SIGNATURE-----".to_owned()),
                Just("-----BEGIN PGP SIGNATURE-----".to_owned()),
                Just("-----END PGP SIGNATURE-----".to_owned()),
                "[A-Za-z0-9+/=]{0,9}",
                any::<String>(),
            ],
            0..9,
        )) {
            let text = lines.join("\n");
            let _ssh = dearmor_ssh(text.as_bytes());
            let _openpgp = dearmor_openpgp(text.as_bytes());
        }
    }
}
