//! Runs ssh-keygen and gpg for comparison, and builds SSHSIG blobs that they would not write.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use refgate::principal::PrincipalId;
use refgate::signature::{Claim, Encoded, Namespace};
use tempfile::TempDir;

/// What a program said.
pub(crate) struct Said {
    pub(crate) success: bool,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

/// Runs a program of a Debian package in English and in UTC.
#[expect(clippy::disallowed_methods, reason = "the tests compare with the real programs")]
pub(crate) fn run(program: &str, package: &str, home: &Path, args: &[&str], stdin: &[u8]) -> Said {
    let mut child = Command::new(program)
        .args(args)
        .env("HOME", home)
        .env("GNUPGHOME", home)
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .env_remove("SSH_AUTH_SOCK")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("cannot start {program} ({e}): install {package}"));
    let mut pipe = child.stdin.take().expect("because stdin is piped");
    // A program may refuse before it has read all of its input.
    let _unread = pipe.write_all(stdin);
    drop(pipe);
    let output = child.wait_with_output().expect("the end of the program");
    Said {
        success: output.status.success(),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Returns the path of a file in `tests/keys`.
pub(crate) fn key_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keys").join(name)
}

/// Returns the public key line of an SSH test key, without its comment.
pub(crate) fn public_key(name: &str) -> String {
    let path = key_path(&format!("{name}.pub"));
    let line = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    line.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

/// Returns the public key blob of an SSH test key.
pub(crate) fn public_blob(name: &str) -> Vec<u8> {
    let line = public_key(name);
    let (_, encoded) = line.split_once(' ').expect("two words");
    BASE64_STANDARD.decode(encoded).expect("base64")
}

pub(crate) fn principal(name: &str) -> PrincipalId {
    PrincipalId::parse(name).expect("an address")
}

pub(crate) fn time(text: &str) -> Timestamp {
    text.parse().expect(text)
}

/// Returns a claim about a signature by whoever made it.
pub(crate) fn claim<'a>(
    signature: Encoded<'a>,
    signed: &'a [u8],
    namespace: Namespace,
    now: Timestamp,
) -> Claim<'a> {
    Claim { signature, signed, namespace, by: None, made_at: None, now }
}

/// A directory with SSH keys that ssh-keygen is willing to use.
pub(crate) struct SshKeygen {
    dir: TempDir,
}

impl SshKeygen {
    /// Copies all SSH test keys, with the mode that ssh-keygen wants.
    pub(crate) fn new() -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().expect("a directory");
        for entry in fs::read_dir(key_path("")).expect("tests/keys") {
            let entry = entry.expect("an entry");
            if entry.file_type().expect("a type").is_file() {
                let copy = dir.path().join(entry.file_name());
                fs::copy(entry.path(), &copy).expect("a copy");
                fs::set_permissions(&copy, fs::Permissions::from_mode(0o600)).expect("a mode");
            }
        }
        Self { dir }
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().expect("a path in UTF-8").to_owned()
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.path(name);
        fs::write(&path, bytes).expect("a file");
        path
    }

    pub(crate) fn run(&self, args: &[&str], stdin: &[u8]) -> Said {
        run("ssh-keygen", "openssh-client", self.dir.path(), args, stdin)
    }

    /// Signs with a key or certificate and returns the armour.
    pub(crate) fn sign(
        &self,
        key: &str,
        namespace: &str,
        message: &[u8],
        more: &[&str],
    ) -> Vec<u8> {
        let path = self.path(key);
        let args = [&["-q", "-Y", "sign", "-n", namespace, "-f", &path][..], more, &["-"]].concat();
        let said = self.run(&args, message);
        assert!(said.success, "ssh-keygen -Y sign with {key}: {}", said.stderr);
        said.stdout
    }

    /// Certifies the key `ada` and returns the name of a key that signs with the certificate.
    pub(crate) fn certify(&self, name: &str, authority: &str, more: &[&str]) -> String {
        fs::copy(self.path("ada"), self.path(name)).expect("a copy");
        fs::copy(self.path("ada.pub"), self.path(&format!("{name}.pub"))).expect("a copy");
        let (authority, public) = (self.path(authority), self.path(&format!("{name}.pub")));
        let args = [&["-q", "-s", &authority, "-I", "test"][..], more, &[&public]].concat();
        let said = self.run(&args, b"");
        assert!(said.success, "ssh-keygen -s for {name}: {}", said.stderr);
        format!("{name}-cert.pub")
    }

    /// Says whether `ssh-keygen -Y verify` accepts a signature at a time.
    pub(crate) fn verify(&self, question: &Question<'_>, more: &[&str]) -> Said {
        let allowed = self.write("allowed_signers", question.allowed_signers);
        let signature = self.write("signature", question.armour);
        let at = question.now.strftime("-Overify-time=%Y%m%d%H%M%SZ").to_string();
        let namespace = question.namespace.as_str();
        let args = [
            &["-Y", "verify", "-f", &allowed, "-I", question.identity, "-n", namespace][..],
            &["-s", &signature, &at],
            more,
        ];
        self.run(&args.concat(), question.message)
    }
}

/// What `ssh-keygen -Y verify` and refgate are asked.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) allowed_signers: &'a [u8],
    pub(crate) armour: &'a [u8],
    pub(crate) message: &'a [u8],
    pub(crate) identity: &'a str,
    pub(crate) namespace: Namespace,
    pub(crate) now: Timestamp,
}

/// Concatenates fields as strings of SSH (RFC 4251 §5).
pub(crate) fn strings(fields: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for field in fields {
        out.extend(u32::try_from(field.len()).expect("short").to_be_bytes());
        out.extend(*field);
    }
    out
}

/// Writes a number as `mpint`, without its length (RFC 4251 §5).
pub(crate) fn mpint(number: &[u8]) -> Vec<u8> {
    let number = &number[number.iter().take_while(|b| **b == 0).count()..];
    let sign: &[u8] = if number.first().is_some_and(|b| *b >= 0x80) { &[0] } else { &[] };
    [sign, number].concat()
}

/// The fields of an SSHSIG blob with SHA-512 (PROTOCOL.sshsig §2).
#[derive(Clone)]
pub(crate) struct SshSig {
    pub(crate) version: u32,
    pub(crate) public_key: Vec<u8>,
    pub(crate) namespace: Vec<u8>,
    pub(crate) reserved: Vec<u8>,
    pub(crate) hash: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    pub(crate) trailing: Vec<u8>,
}

impl SshSig {
    pub(crate) fn new(public_key: &[u8], namespace: &str, signature: Vec<u8>) -> Self {
        Self {
            version: 1,
            public_key: public_key.into(),
            namespace: namespace.into(),
            reserved: Vec::new(),
            hash: b"sha512".into(),
            signature,
            trailing: Vec::new(),
        }
    }

    /// Reads what ssh-keygen wrote.
    pub(crate) fn read(blob: &[u8]) -> Self {
        let mut fields = blob.strip_prefix(b"SSHSIG\0\0\0\x01").expect("version 1");
        let mut next = || {
            let (len, rest) = fields.split_first_chunk::<4>().expect("a length");
            let len = usize::try_from(u32::from_be_bytes(*len)).expect("small");
            let (field, rest) = rest.split_at(len);
            fields = rest;
            field.to_vec()
        };
        Self {
            version: 1,
            public_key: next(),
            namespace: next(),
            reserved: next(),
            hash: next(),
            signature: next(),
            trailing: Vec::new(),
        }
    }

    pub(crate) fn blob(&self) -> Vec<u8> {
        let fields =
            [&self.public_key, &self.namespace, &self.reserved, &self.hash, &self.signature];
        let fields = strings(&fields.map(Vec::as_slice));
        [b"SSHSIG", &self.version.to_be_bytes()[..], &fields, &self.trailing].concat()
    }

    pub(crate) fn armour(&self) -> Vec<u8> {
        armour(&self.blob())
    }
}

/// Puts a blob into armour, 70 characters a line as ssh-keygen does.
pub(crate) fn armour(blob: &[u8]) -> Vec<u8> {
    let encoded = BASE64_STANDARD.encode(blob);
    let lines: Vec<&[u8]> = encoded.as_bytes().chunks(70).collect();
    let body = lines.join(&b'\n');
    [b"-----BEGIN SSH SIGNATURE-----\n", &body[..], b"\n-----END SSH SIGNATURE-----\n"].concat()
}

/// Returns the bytes that an SSH key signs (PROTOCOL.sshsig §3), with SHA-512.
pub(crate) fn signed_data(namespace: &str, message: &[u8]) -> Vec<u8> {
    let hash = ring::digest::digest(&ring::digest::SHA512, message);
    let fields = strings(&[namespace.as_bytes(), b"", b"sha512", hash.as_ref()]);
    [b"SSHSIG", fields.as_slice()].concat()
}
