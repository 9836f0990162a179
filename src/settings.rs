//! The server settings, which belong to the administrator.
//!
//! Two TOML files come in as bytes, `/etc/refgate/refgate.toml` for all
//! repositories and `$GIT_DIR/refgate.toml` for one, and go out as one set of
//! settings: what the second says replaces what the first says, key by key.
//! Nobody who pushes can write either file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::error::Diagnostic;
use crate::host::Host;
use crate::limits::Limits;
use crate::policy::config::{Floor, Repository};
use crate::policy::gates::Gate;
use crate::policy::suggest;
use crate::policy::text::quoted;
use crate::policy::toml_reader::{self, Table, Value};
use crate::principal::PrincipalId;
use crate::signature::key::KeyRef;
use crate::verdict::Leniency;

/// A file of settings, as it was read.
#[derive(Clone, Copy, Debug)]
pub struct SettingsFile<'a> {
    /// The path, for messages.
    pub path: &'a str,
    /// The content.
    pub bytes: &'a [u8],
}

/// The settings of one repository on this server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The name that the repository must have, whatever its policy says.
    pub repository: Option<Repository>,
    /// The full name of the ref whose tip is the trust anchor; the HEAD branch where absent.
    pub trust_ref: Option<String>,
    /// What the first push must prove, while the trust ref does not exist.
    pub trust_root: Option<TrustRoot>,
    /// The limits of a judgement.
    pub limits: Limits,
    /// The file that the log goes to; an absolute path.
    pub log: Option<PathBuf>,
    /// Where judgements are recorded.
    pub ledger: LedgerSettings,
    /// The kind of server; plain repositories where absent.
    pub host: Host,
    /// What is refused, and what is only said.
    pub leniency: Leniency,
    /// What the server must know about the person who pushes.
    pub identity: Identity,
    /// What happens to moves of protected refs that nobody judged.
    pub watch: Watch,
    /// What policies ask for at least.
    pub floor: Floor,
}

/// What the server must know about the person who pushes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// What a push to a protected ref must prove.
    pub require: Require,
    /// Accounts of the server, each with the principal that it belongs to.
    pub users: BTreeMap<String, PrincipalId>,
    /// What stands behind the `@` of principals whose accounts are not listed.
    pub domain: Option<String>,
}

/// What a push to a protected ref must prove about the person who pushes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Require {
    /// Nothing: gates rest on signatures.
    #[default]
    None,
    /// The server names an account or key that belongs to a principal.
    Host,
    /// The push itself is signed by a principal (`git push --signed`).
    SignedPush,
}

/// What `reference-transaction` does about moves of protected refs that nobody judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Watch {
    /// Records them.
    #[default]
    Record,
    /// Refuses them, except deletions, which packing refs looks like.
    Refuse,
}

/// Where judgements are recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerSettings {
    /// The directory of the ledger, an absolute path; `refgate/` in the git directory where absent.
    pub directory: Option<PathBuf>,
    /// The size in MiB at which a file of it is put aside and the next one begun.
    pub rotate_mib: Option<u32>,
    /// The URL of the database that `ledger ship` drains it into.
    pub database: Option<String>,
}

/// What the first push to an empty repository must prove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrustRoot {
    /// The push contains this commit, named by its full id in lower-case hex.
    Commit(String),
    /// One of these keys has signed it; at least one.
    Keys(Vec<KeyRef>),
}

/// What one file says.
#[derive(Default)]
struct Said {
    repository: Option<Repository>,
    trust_ref: Option<String>,
    trust_root: Option<TrustRoot>,
    limits: toml::Table,
    log: Option<PathBuf>,
    ledger: LedgerSettings,
    host: Option<Host>,
    mode: Option<bool>,
    modes: Vec<(Gate, bool)>,
    identity: SaidIdentity,
    watch: Option<Watch>,
    floor: Floor,
}

/// What one file says about the person who pushes.
#[derive(Default)]
struct SaidIdentity {
    require: Option<Require>,
    users: BTreeMap<String, PrincipalId>,
    domain: Option<String>,
}

impl Settings {
    /// Reads the file of the server and, over it, that of the repository.
    ///
    /// `[trust-root]` is replaced as a whole, since its two keys exclude each other.
    ///
    /// # Errors
    /// Every problem of both files.
    pub fn read(
        server: Option<SettingsFile<'_>>,
        repository: Option<SettingsFile<'_>>,
    ) -> Result<Self, Vec<Diagnostic>> {
        let mut settings = Self::default();
        let mut limits = toml::Table::new();
        let mut problems = Vec::new();
        for file in [server, repository].into_iter().flatten() {
            match toml_reader::read_file(file.path, file.bytes, &Limits::default(), said) {
                Ok(said) => {
                    limits.extend(said.limits);
                    settings.repository = said.repository.or(settings.repository);
                    settings.trust_ref = said.trust_ref.or(settings.trust_ref);
                    settings.trust_root = said.trust_root.or(settings.trust_root);
                    settings.log = said.log.or(settings.log);
                    let LedgerSettings { directory, rotate_mib, database } = said.ledger;
                    settings.ledger.database = database.or(settings.ledger.database);
                    settings.ledger.directory = directory.or(settings.ledger.directory);
                    settings.ledger.rotate_mib = rotate_mib.or(settings.ledger.rotate_mib);
                    settings.host = said.host.unwrap_or(settings.host);
                    settings.watch = said.watch.unwrap_or(settings.watch);
                    settings.floor.join(said.floor);
                    settings.leniency.everything =
                        said.mode.unwrap_or(settings.leniency.everything);
                    for (gate, warns) in said.modes {
                        settings.leniency.set(gate, warns);
                    }
                    let SaidIdentity { require, users, domain } = said.identity;
                    settings.identity.require = require.unwrap_or(settings.identity.require);
                    settings.identity.users.extend(users);
                    settings.identity.domain = domain.or(settings.identity.domain);
                }
                Err(found) => problems.extend(found),
            }
        }
        let has_time = limits.contains_key("time-ms");
        match limits.try_into::<Limits>() {
            Ok(limits) => {
                settings.limits = limits;
                if let Some(time_ms) = settings.host.time_ms().filter(|_| !has_time) {
                    settings.limits.time_ms = time_ms;
                }
            }
            Err(error) => {
                let message = format!("the limits cannot be read: {}", quoted(error.message()));
                problems.push(Diagnostic::new("server settings", 0, message));
            }
        }
        if problems.is_empty() { Ok(settings) } else { Err(problems) }
    }
}

/// Reads one file.
fn said(top: &mut Table<'_>) -> Said {
    Said {
        repository: top.value("repository").and_then(|value| repository(&value)),
        trust_ref: top.value("trust-ref").and_then(|value| ref_name(&value)),
        trust_root: top.table("trust-root", trust_root).flatten(),
        limits: top.table("limits", limits).unwrap_or_default(),
        log: top.value("log").and_then(|value| absolute_path(&value)),
        ledger: top.table("ledger", ledger).unwrap_or_default(),
        host: top.value("host").and_then(|value| value.word(&Host::ALL.map(|h| (h.name(), h)))),
        mode: top.value("mode").and_then(|value| value.word(&MODES)),
        modes: top.table("modes", modes).unwrap_or_default(),
        identity: top.table("identity", identity).unwrap_or_default(),
        floor: top.table("floor", Floor::read).unwrap_or_default(),
        watch: top
            .value("watch")
            .and_then(|value| value.word(&[("record", Watch::Record), ("refuse", Watch::Refuse)])),
    }
}

/// Whether a mode only warns.
const MODES: [(&str, bool); 2] = [("enforce", false), ("warn", true)];

/// Reads `[modes]`: a mode for each gate that has one of its own.
fn modes(table: &mut Table<'_>) -> Vec<(Gate, bool)> {
    let mut modes = Vec::new();
    for gate in Gate::ALL {
        let mode = table.value(gate.name()).and_then(|value| value.word(&MODES));
        modes.extend(mode.map(|warns| (gate, warns)));
    }
    modes
}

/// Reads `[identity]`.
fn identity(table: &mut Table<'_>) -> SaidIdentity {
    let words =
        [("none", Require::None), ("host", Require::Host), ("signed-push", Require::SignedPush)];
    SaidIdentity {
        require: table.value("require").and_then(|value| value.word(&words)),
        users: table.table("users", users).unwrap_or_default(),
        domain: table.value("domain").and_then(|value| domain(&value)),
    }
}

/// Reads `[identity.users]`: accounts of the server, each with an address of `meta/STRUCTURE.md`.
fn users(table: &mut Table<'_>) -> BTreeMap<String, PrincipalId> {
    let mut users = BTreeMap::new();
    for (account, value) in table.all() {
        let Some(text) = value.string() else { continue };
        match PrincipalId::parse(text) {
            Some(principal) => drop(users.insert(account.to_owned(), principal)),
            None => value.wrong(
                format!("{} is no email address", quoted(text)),
                "write the address that meta/STRUCTURE.md lists, such as \"ada@example.org\"",
            ),
        }
    }
    users
}

fn domain(value: &Value<'_>) -> Option<String> {
    let text = value.string()?;
    if PrincipalId::parse(&format!("x@{text}")).is_none() {
        let help = "write what stands behind the @ of their addresses, such as \"example.org\"";
        value.wrong(format!("{} is no mail domain", quoted(text)), help);
        return None;
    }
    Some(text.to_owned())
}

/// Reads `[ledger]`.
fn ledger(table: &mut Table<'_>) -> LedgerSettings {
    LedgerSettings {
        directory: table.value("directory").and_then(|value| absolute_path(&value)),
        rotate_mib: table.value("rotate-mib").and_then(|value| value.number(1, 1 << 20)),
        database: table.value("database").and_then(|value| value.string().map(str::to_owned)),
    }
}

fn repository(value: &Value<'_>) -> Option<Repository> {
    let text = value.string()?;
    let repository = Repository::parse(text);
    if repository.is_none() {
        let message = format!("{} is no name of a repository", quoted(text));
        value.wrong(message, Repository::HELP);
    }
    repository
}

fn ref_name(value: &Value<'_>) -> Option<String> {
    let text = value.string()?;
    let full = text.starts_with("refs/") && gix::validate::reference::name(text.into()).is_ok();
    if !full {
        let message = format!("{} is no full name of a ref", quoted(text));
        value.wrong(message, "write the whole name, such as refs/heads/main");
    }
    full.then(|| text.into())
}

fn trust_root(table: &mut Table<'_>) -> Option<TrustRoot> {
    let commit = table.value("commit");
    let keys = table.value("keys");
    if commit.is_some() == keys.is_some() {
        let found =
            if commit.is_some() { "both commit and keys" } else { "neither commit nor keys" };
        let help =
            "write one of them: what the first push must contain, or who must have signed it";
        table.wrong(format!("[trust-root] has {found}"), help);
        return None;
    }
    let commit = commit.and_then(|value| commit_id(&value)).map(TrustRoot::Commit);
    let keys = keys.and_then(|value| value.list(key)).map(TrustRoot::Keys);
    commit.or(keys)
}

fn commit_id(value: &Value<'_>) -> Option<String> {
    let text = value.string()?;
    let full = matches!(text.len(), 40 | 64)
        && text.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c))
        && text.bytes().any(|c| c != b'0');
    if !full {
        let message = format!("{} is no full commit id", quoted(text));
        value.wrong(
            message,
            "write all 40 or 64 hex digits in lower case, as git rev-parse prints them",
        );
    }
    full.then(|| text.into())
}

fn key(value: &Value<'_>) -> Option<KeyRef> {
    let text = value.string()?;
    match KeyRef::parse(text) {
        Ok(key @ KeyRef::Sigstore(_)) => {
            let help = "write the SSH or OpenPGP key of a person";
            value.wrong(format!("{key} makes no signatures but those of evidence"), help);
            None
        }
        Ok(key) => Some(key),
        Err(error) => {
            let help = "write SHA256:... as ssh-keygen -l prints it, or an OpenPGP fingerprint";
            value.wrong(format!("{}: {error}", quoted(text)), help);
            None
        }
    }
}

fn absolute_path(value: &Value<'_>) -> Option<PathBuf> {
    let text = value.string()?;
    let path = PathBuf::from(text);
    if !path.is_absolute() {
        let help = "write the whole path: a hook runs in a directory that git chooses";
        value.wrong(format!("{} is no absolute path", quoted(text)), help);
        return None;
    }
    Some(path)
}

/// Reads the limits; [`Limits`] itself says which there are.
fn limits(table: &mut Table<'_>) -> toml::Table {
    let mut limits = toml::Table::new();
    for (key, value) in table.all() {
        let Some(number) = value.number(1, u32::MAX) else { continue };
        let limit = toml::Table::from_iter([(key.into(), toml::Value::from(number))]);
        match limit.clone().try_into::<Limits>() {
            Ok(_) => limits.extend(limit),
            Err(error) => {
                // "unknown field `x`, expected one of `a`, `b`": the known ones stand in every second piece.
                let known = || error.message().split('`').skip(3).step_by(2);
                let help = match suggest::nearest(key, known()) {
                    Some(meant) => format!("write {meant}"),
                    None => format!("known here are {}", known().collect::<Vec<_>>().join(", ")),
                };
                value.wrong("unknown limit", help);
            }
        }
    }
    limits
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef01234567";

    fn read(server: &str, repository: &str) -> Result<Settings, Vec<Diagnostic>> {
        Settings::read(
            Some(SettingsFile { path: "/etc/refgate/refgate.toml", bytes: server.as_bytes() }),
            Some(SettingsFile { path: "refgate.toml", bytes: repository.as_bytes() }),
        )
    }

    #[test]
    fn no_file_means_the_defaults() {
        assert_eq!(Settings::read(None, None), Ok(Settings::default()));
        assert_eq!(read("", "# nothing\n"), Ok(Settings::default()));
    }

    #[test]
    fn the_repository_overrides_the_server_key_by_key() {
        let server = format!(
            "repository = \"git.example.org/a\"\ntrust-ref = \"refs/heads/main\"\n\
             log = \"/var/log/refgate\"\n[trust-root]\ncommit = \"{ID}\"\n\
             [limits]\ncommits = 5\ntime-ms = 4_000\n\
             [ledger]\ndirectory = \"/var/lib/refgate\"\nrotate-mib = 16\n\
             database = \"postgresql://db/audit\"\n"
        );
        let key = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let repository = format!(
            "trust-ref = \"refs/heads/trunk\"\nlimits.commits = 7\ntrust-root.keys = [\"{key}\"]\nledger.rotate-mib = 8\n"
        );
        let settings = read(&server, &repository).expect("good settings");
        let expected = Settings {
            repository: Repository::parse("git.example.org/a"),
            trust_ref: Some("refs/heads/trunk".into()),
            trust_root: Some(TrustRoot::Keys(vec![KeyRef::parse(key).expect("a key")])),
            limits: Limits { commits: 7, time_ms: 4000, ..Limits::default() },
            log: Some("/var/log/refgate".into()),
            ledger: LedgerSettings {
                directory: Some("/var/lib/refgate".into()),
                rotate_mib: Some(8),
                database: Some("postgresql://db/audit".into()),
            },
            ..Settings::default()
        };
        assert_eq!(settings, expected);
        let settings = read(&server, "").expect("good settings");
        assert_eq!(settings.trust_root, Some(TrustRoot::Commit(ID.into())));
    }

    #[test]
    fn every_problem_of_both_files_has_its_line_and_remedy() {
        let server = "\
trust-ref = \"main\"
trustref = \"refs/heads/main\"
mode = \"report\"
log = \"refgate.log\"
repository = \"a b\"

[limits]
commit = 5
commits = 0
note-bytes = \"1\"
";
        let repository = "\
[trust-root]
commit = \"0123\"

[limits
";
        let problems = read(server, repository).expect_err("bad settings");
        let lines: Vec<_> = problems
            .iter()
            .map(|p| format!("{p}\n    help: {}", p.help.as_deref().unwrap_or("none")))
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        /etc/refgate/refgate.toml:1: trust-ref: "main" is no full name of a ref
            help: write the whole name, such as refs/heads/main
        /etc/refgate/refgate.toml:2: unknown key "trustref"
            help: write trust-ref
        /etc/refgate/refgate.toml:3: mode: "report" is not known
            help: write one of enforce, warn
        /etc/refgate/refgate.toml:4: log: "refgate.log" is no absolute path
            help: write the whole path: a hook runs in a directory that git chooses
        /etc/refgate/refgate.toml:5: repository: "a b" is no name of a repository
            help: write at most 200 ASCII characters without blanks and quotes
        /etc/refgate/refgate.toml:8: limits.commit: unknown limit
            help: write commits
        /etc/refgate/refgate.toml:9: limits.commits: "0" is out of bounds
            help: write a number from 1 to 4294967295
        /etc/refgate/refgate.toml:10: limits.note-bytes: expected a whole number, found a string
            help: write a whole number
        refgate.toml:4: not TOML: unclosed table, expected `]`
            help: see toml.io
        "#);
    }

    #[test]
    fn t27_what_settles_trust_is_exact() {
        for (text, problem) in [
            ("trust-ref = \"HEAD\"", "trust-ref: \"HEAD\" is no full name of a ref"),
            (
                "trust-ref = \"refs/heads/*\"",
                "trust-ref: \"refs/heads/*\" is no full name of a ref",
            ),
            ("trust-ref = \"refs/heads/a..b\"", "trust-ref: \"refs/heads/a..b\" is no full name"),
            ("trust-ref = 1", "trust-ref: expected a string in quotes, found a whole number"),
            ("[trust-root]", "[trust-root] has neither commit nor keys"),
            ("[trust-root]\ncommit = \"a\"\nkeys = []", "[trust-root] has both commit and keys"),
            ("trust-root.keys = []", "trust-root.keys: the list is empty"),
            ("trust-root.keys = [\"x\"]", "trust-root.keys: \"x\": not a key"),
            ("trust-root.commit = \"HEAD\"", "trust-root.commit: \"HEAD\" is no full commit id"),
            (
                "trust-root.commit = \"0000000000000000000000000000000000000000\"",
                "trust-root.commit: \"00",
            ),
            (
                "trust-root.commit = \"0123456789ABCDEF0123456789ABCDEF01234567\"",
                "trust-root.commit: \"01",
            ),
        ] {
            let problems = read("", text).expect_err(text);
            assert!(
                problems.len() == 1 && problems[0].message.starts_with(problem),
                "{problems:#?}"
            );
            assert_eq!(problems[0].file, "refgate.toml");
        }
    }

    #[test]
    fn a_host_brings_its_time_and_modes_are_set_gate_by_gate() {
        let settings =
            read("host = \"ghes\"\nmode = \"warn\"\n", "[modes]\nreview = \"enforce\"\n")
                .expect("good settings");
        assert_eq!((settings.host, settings.limits.time_ms), (Host::Ghes, 4_000));
        assert!(settings.leniency.everything, "a mode of a gate leaves the others alone");
        let settings = read(
            "host = \"ghes\"\nlimits.time-ms = 900\n[modes]\nscan = \"warn\"\n",
            "host = \"gitea\"\nmode = \"enforce\"\n",
        )
        .expect("good settings");
        assert_eq!((settings.host, settings.limits.time_ms), (Host::Gitea, 900));
        assert!(!settings.leniency.everything && settings.leniency.lets_pass("scan-finding-open"));
        assert!(!settings.leniency.lets_pass("tests-failed"));
    }

    #[test]
    fn accounts_belong_to_addresses() {
        let text = "[identity]\nrequire = \"host\"\ndomain = \"example.org\"\n\
                    [identity.users]\nali = \"Ada@example.org\"\n";
        let identity = read("", text).expect("good settings").identity;
        assert_eq!(identity.require, Require::Host);
        assert_eq!(identity.users.get("ali").map(PrincipalId::as_str), Some("ada@example.org"));
        for (text, problem) in [
            ("identity.require = \"ssh\"", "identity.require: \"ssh\" is not known"),
            ("identity.users.ali = \"ali\"", "identity.users.ali: \"ali\" is no email address"),
            ("identity.domain = \"a b\"", "identity.domain: \"a b\" is no mail domain"),
            ("host = \"github\"", "host: \"github\" is not known"),
            ("modes.ref = \"warn\"", "unknown key \"ref\" in [modes]"),
            ("watch = \"off\"", "watch: \"off\" is not known"),
        ] {
            let problems = read("", text).expect_err(text);
            assert!(
                problems.len() == 1 && problems[0].message.starts_with(problem),
                "{problems:#?}"
            );
        }
    }

    #[test]
    fn every_limit_can_be_set() {
        let text = "[limits]\nx = 1\n";
        let problems = read(text, "").expect_err("no such limit");
        let help = problems[0].help.clone().expect("a remedy");
        let known = help.strip_prefix("known here are ").expect("all limits");
        let count = known.split(", ").count();
        let all: String = known.split(", ").map(|key| format!("{key} = 1\n")).collect();
        let settings = read(&format!("[limits]\n{all}"), "").expect("all limits");
        let debug = format!("{:?}", settings.limits);
        assert_eq!(debug.matches(": 1").count(), count, "{debug}");
        assert!(count >= 16 && debug.matches(':').count() == count, "{debug}");
    }
}
