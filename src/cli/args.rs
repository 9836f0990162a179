//! The command line, as clap reads it.

#![expect(missing_docs, reason = "what a type means is the help text of its command")]

pub mod exception;
pub mod release;

use std::path::PathBuf;

use crate::host::Host;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// A merge guard for Git servers: judges each push to a protected ref on signed
/// approvals and authenticated evidence.
#[derive(Debug, Parser)]
#[command(name = "refgate", version, about, max_term_width = 100, after_help = AFTER_HELP)]
pub struct Cli {
    /// Run as if started in this directory.
    #[arg(short = 'C', global = true, value_name = "DIR")]
    pub directory: Option<PathBuf>,
    #[command(subcommand)]
    pub command: Command,
}

const AFTER_HELP: &str = "Exit status: 0 accepted, 1 judged and refused, 2 could not judge.";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start a repository's meta/ and templates/: people, rules, release template
    Init(Init),
    /// Sign your approval of a change
    Approve(Approve),
    /// Sign an objection to a change: it cannot land while the objection stands
    Reject(Reject),
    /// Take back what you have said about a change
    Withdraw(Withdraw),
    /// Sign reports of scanners and test runners and attach them to a commit
    Attach(Attach),
    /// Look at the evidence on a commit, or take the reports out of it
    #[command(subcommand)]
    Evidence(EvidenceCommand),
    /// Judge what you are about to push, as the server will
    Check(Check),
    /// Show in a few lines what a push would still need
    Status(Status),
    /// Land a topic on a protected branch: merge, squash or rebase, check, push
    Land(Land),
    /// Write the approvals of your branch into an empty commit on top of it
    Seal(Seal),
    /// Exceptions: request, approve, revoke, renew and list them
    #[command(subcommand)]
    Exception(exception::Exception),
    /// Releases: write the document, check it, sign the tag; freezes
    #[command(subcommand)]
    Release(release::Release),
    /// Judge a release tag again, before what it releases is deployed
    Verify(release::Verify),
    /// Explain a violation by its code
    Explain(Explain),
    /// Look at the rules and people that pushes are judged by
    #[command(subcommand)]
    Policy(Policy),
    /// Look at the record of all judgements
    #[command(subcommand)]
    Ledger(Ledger),
    /// Audit releases and the record of judgements
    #[command(subcommand)]
    Audit(super::audit::args::Audit),
    /// Put refgate into the hooks of repositories on a server
    Install(Install),
    /// Take refgate out of the hooks of repositories
    Uninstall(Uninstall),
    /// Check an installation, and prove by a push that must be refused that it guards
    Doctor(Doctor),
    /// Print the completions of a shell
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Write the manual pages
    Man {
        /// Where to
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
    /// Run by git on the server
    Hook {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
        args: Vec<std::ffi::OsString>,
    },
}

/// How a reading command prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Lines for people
    Text,
    /// One JSON document
    Json,
}

/// How a verdict is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum VerdictFormat {
    /// Lines for people
    Text,
    /// One JSON document
    Json,
    /// A SARIF 2.1.0 log
    Sarif,
    /// JUnit XML
    Junit,
    /// Workflow commands of GitHub Actions
    Github,
}

/// Which server a client command speaks to.
#[derive(Debug, Args)]
pub struct Server {
    /// The remote to work with [default: the one your branch follows]
    #[arg(long, value_name = "NAME")]
    pub remote: Option<String>,
    /// Use what was fetched before instead of asking the server
    #[arg(long)]
    pub offline: bool,
}

#[derive(Debug, Args)]
pub struct Init {
    /// The name of the repository, which is bound into every signature [default: from the remote's URL]
    #[arg(long, value_name = "NAME")]
    pub repository: Option<String>,
}

#[derive(Debug, Args)]
pub struct Change {
    /// The commit that was read: a topic branch or a commit
    #[arg(value_name = "TOPIC", default_value = "HEAD")]
    pub topic: String,
    /// The protected branch that it shall land on [default: the server's main branch]
    #[arg(long, value_name = "BRANCH")]
    pub onto: Option<String>,
    /// Send it to the server
    #[arg(long)]
    pub push: bool,
    #[command(flatten)]
    pub server: Server,
}

#[derive(Debug, Args)]
pub struct Approve {
    #[command(flatten)]
    pub change: Change,
    /// Act in this role alone [default: every role that you hold]
    #[arg(long, value_name = "ROLE", value_enum)]
    pub role: Vec<Role>,
    /// How long the approval holds
    #[arg(long, value_name = "PERIOD", default_value = "30d")]
    pub valid: String,
    /// Print the bytes that would be signed, and sign nothing
    #[arg(long)]
    pub payload: bool,
}

/// A role of an approver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Maintainer of the repository
    Maintainer,
    /// Reviewer of a domain
    Reviewer,
}

#[derive(Debug, Args)]
pub struct Reject {
    #[command(flatten)]
    pub change: Change,
    /// Why, on one line
    #[arg(short, long, value_name = "REASON")]
    pub message: String,
}

#[derive(Debug, Args)]
pub struct Withdraw {
    #[command(flatten)]
    pub change: Change,
}

#[derive(Debug, Args)]
pub struct Attach {
    /// The commit that the tools ran on; with --tree, any commit or tree
    #[arg(value_name = "COMMIT", default_value = "HEAD")]
    pub commit: String,
    /// A report of static analysis or of a secret scanner
    #[arg(long, value_name = "FILE")]
    pub sast: Vec<PathBuf>,
    /// A bill of materials
    #[arg(long, value_name = "FILE")]
    pub sbom: Vec<PathBuf>,
    /// A report about known vulnerabilities of dependencies
    #[arg(long, value_name = "FILE")]
    pub dependencies: Vec<PathBuf>,
    /// Results of a test suite
    #[arg(long, value_name = "SUITE=FILE")]
    pub tests: Vec<String>,
    /// Attach to the tree alone, for a merge result that is not made yet
    #[arg(long)]
    pub tree: bool,
    /// Sign with the SSH key in this file [default: the key of git's configuration]
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Sign with the private key in PEM (PKCS #8) in this file, as other in-toto tools do
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    pub pem_key: Option<PathBuf>,
    /// Read and show the reports, and sign nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Send everything that the server has not, which may be all there is to do
    #[arg(long)]
    pub push: bool,
    #[command(flatten)]
    pub server: Server,
}

#[derive(Debug, Subcommand)]
pub enum EvidenceCommand {
    /// Say what refgate reads in reports, and sign nothing
    Inspect(EvidenceInspect),
    /// List all evidence on a commit and its tree, and whether it counts
    Show(EvidenceShow),
    /// Write the reports that are attached to a commit into files, byte for byte
    Export(EvidenceExport),
}

#[derive(Debug, Args)]
pub struct EvidenceInspect {
    /// The reports; - is standard input
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// What they shall be evidence of: sast, sbom, dependencies or tests [default: whatever they can be]
    #[arg(long, value_name = "KIND")]
    pub kind: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
}

#[derive(Debug, Args)]
pub struct EvidenceShow {
    /// The commit
    #[arg(value_name = "COMMIT", default_value = "HEAD")]
    pub commit: String,
    /// How to print
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
    #[command(flatten)]
    pub server: Server,
}

#[derive(Debug, Args)]
pub struct EvidenceExport {
    /// The commit
    #[arg(value_name = "COMMIT", default_value = "HEAD")]
    pub commit: String,
    /// Where to write; it is made if it is not there
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    pub output: PathBuf,
    #[command(flatten)]
    pub server: Server,
}

#[derive(Debug, Args)]
pub struct Check {
    /// The branch or tag of the server that you would push to [default: the one your branch follows, or the main branch]
    #[arg(value_name = "REF")]
    pub to: Option<String>,
    /// What you would push
    #[arg(long, value_name = "COMMIT", default_value = "HEAD")]
    pub from: String,
    /// How to print
    #[arg(long, value_enum, default_value = "text")]
    pub format: VerdictFormat,
    /// List everything instead of the first few of a kind
    #[arg(long)]
    pub all: bool,
    /// Judge as if the push named this exception (git push -o refgate.break-glass=ID)
    #[arg(long, value_name = "ID")]
    pub break_glass: Option<String>,
    #[command(flatten)]
    pub server: Server,
}

#[derive(Debug, Args)]
pub struct Status {
    /// The branch or tag of the server [default: as for check]
    #[arg(value_name = "REF")]
    pub to: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
    #[command(flatten)]
    pub server: Server,
}

#[derive(Debug, Args)]
pub struct Land {
    /// The topic: a branch or a commit
    #[arg(value_name = "TOPIC", default_value = "HEAD")]
    pub topic: String,
    /// The protected branch [default: the server's main branch]
    #[arg(long, value_name = "BRANCH")]
    pub onto: Option<String>,
    /// Land the topic as one commit
    #[arg(long, conflicts_with = "rebase")]
    pub squash: bool,
    /// Land the topic's commits one by one on top of the branch
    #[arg(long)]
    pub rebase: bool,
    /// The message of the merge or squash commit
    #[arg(short, long, value_name = "TEXT")]
    pub message: Option<String>,
    /// Prepare and check, and push nothing
    #[arg(long)]
    pub no_push: bool,
    #[command(flatten)]
    pub server: Server,
}

#[derive(Debug, Args)]
pub struct Seal {
    /// The protected branch [default: the server's main branch]
    #[arg(long, value_name = "BRANCH")]
    pub onto: Option<String>,
    #[command(flatten)]
    pub server: Server,
}

#[derive(Debug, Args)]
pub struct Explain {
    /// The code; all codes if left out
    #[arg(value_name = "CODE")]
    pub code: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum Policy {
    /// Check the trusted files of a commit, and say what is wrong in them
    Check {
        /// The commit
        #[arg(value_name = "COMMIT", default_value = "HEAD")]
        commit: String,
    },
    /// Show the rules in force, where each value comes from, and who counts as what
    Show {
        /// The commit
        #[arg(value_name = "COMMIT", default_value = "HEAD")]
        commit: String,
        /// How to print
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
}

/// Which ledger a command reads.
#[derive(Debug, Args)]
pub struct LedgerAt {
    /// The directory of the ledger [default: that of the repository in the current directory]
    #[arg(long, value_name = "DIR")]
    pub ledger: Option<PathBuf>,
    /// The fleet's database, instead of a ledger: postgresql://...
    #[cfg(feature = "fleet")]
    #[arg(long, value_name = "URL", conflicts_with = "ledger")]
    pub database: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum Ledger {
    /// List judgements, newest first
    List {
        #[command(flatten)]
        at: LedgerAt,
        #[command(flatten)]
        which: Which,
        /// At most so many
        #[arg(long, value_name = "N", default_value = "20")]
        limit: usize,
        /// Go on where an earlier list ended
        #[arg(long, value_name = "CURSOR")]
        before: Option<String>,
        /// How to print
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Show the whole record of one judgement
    Show {
        #[command(flatten)]
        at: LedgerAt,
        /// The number of the verdict, as the pusher saw it, or of the record
        #[arg(value_name = "VERDICT")]
        id: String,
    },
    /// Write judgements out, oldest first
    Export {
        #[command(flatten)]
        at: LedgerAt,
        #[command(flatten)]
        which: Which,
        /// As recorded, line by line, or as a table
        #[arg(long, value_enum, default_value = "jsonl")]
        format: ExportFormat,
    },
    /// Drain ledgers into the fleet's database
    #[cfg(feature = "fleet")]
    Ship(Ship),
    /// Follow the chain from its first line, and print where it ends
    Verify {
        #[command(flatten)]
        at: LedgerAt,
        /// A head that was printed before (NUMBER:sha256:...): the ledger must still hold it
        #[arg(long, value_name = "HEAD")]
        head: Option<String>,
    },
}

/// Which ledgers go into which database.
#[cfg(feature = "fleet")]
#[derive(Debug, Args)]
pub struct Ship {
    /// The repositories [default: the one in the current directory]
    #[arg(value_name = "REPOSITORY")]
    pub repositories: Vec<PathBuf>,
    /// The fleet's database [default: ledger.database of the server settings]
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
    /// Go on for ever, with so many seconds between two runs
    #[arg(long, value_name = "SECONDS")]
    pub every: Option<u64>,
}

/// Which judgements are wanted.
#[derive(Debug, Args)]
pub struct Which {
    /// How they ended
    #[arg(long, value_enum)]
    pub verdict: Option<Answer>,
    /// Those that were to move this ref
    #[arg(long, value_name = "REF")]
    pub r#ref: Option<String>,
    /// Those with this violation
    #[arg(long, value_name = "CODE")]
    pub code: Option<String>,
    /// Those of this repository, in a fleet's database
    #[arg(long, value_name = "NAME")]
    pub repository: Option<String>,
    /// Not before this date or time
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Before this date or time
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Those that were accepted and never landed
    #[arg(long)]
    pub unlanded: bool,
}

/// How a judgement ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Answer {
    /// Accepted
    Accepted,
    /// Refused for a violation
    Refused,
    /// Let pass with a warning, in a mode that does not refuse
    WouldRefuse,
    /// Refused since it could not be judged
    CannotJudge,
}

/// How judgements are written out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// The lines of the ledger
    Jsonl,
    /// Comma-separated values with a heading
    Csv,
}

#[derive(Debug, Args)]
pub struct Install {
    /// The repositories
    #[arg(value_name = "REPOSITORY", required_unless_present_any = ["all_under", "template", "shim"])]
    pub repositories: Vec<PathBuf>,
    /// All bare repositories below this directory
    #[arg(long, value_name = "DIR")]
    pub all_under: Option<PathBuf>,
    /// A template of new repositories (init.templateDir)
    #[arg(long, value_name = "DIR")]
    pub template: Option<PathBuf>,
    /// A single script, for servers that take hooks for all repositories from a place of their own
    #[arg(long, value_name = "FILE")]
    pub shim: Option<PathBuf>,
    /// The kind of server [default: found out from each repository]
    #[arg(long, value_parser = host)]
    pub host: Option<Host>,
    /// A second lock as well, whose absence makes git refuse (receive.procReceiveRefs)
    #[arg(long)]
    pub hard: bool,
    /// A watch as well, for moves of protected refs that no push has brought
    #[arg(long)]
    pub watch: bool,
    /// Show what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Do it at once, even if somebody watches a terminal
    #[arg(long, short, conflicts_with = "dry_run")]
    pub yes: bool,
    /// What the first push must contain (a commit id) or be signed by (SHA256:... or an OpenPGP fingerprint)
    #[arg(long, value_name = "COMMIT|KEY")]
    pub trust_root: Vec<String>,
    /// The hook to install: pre-receive sees a push as a whole and keeps refused objects out
    #[arg(long, value_enum, default_value = "pre-receive")]
    pub hook: Hook,
}

fn host(text: &str) -> Result<Host, String> {
    Host::ALL
        .into_iter()
        .find(|host| host.name() == text)
        .ok_or_else(|| format!("known here are {}", Host::ALL.map(Host::name).join(", ")))
}

/// A hook that refgate can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Hook {
    /// Judges a push as a whole
    PreReceive,
    /// Judges each ref by itself, for servers without pre-receive
    Update,
    /// Judges each ref by itself, as a virtual ref of gitolite
    Vref,
    /// Records what has landed; comes with either of the others
    PostReceive,
    /// The second lock; comes with --hard
    #[value(skip)]
    ProcReceive,
    /// Watches for moves that nobody judged; comes with --watch
    #[value(skip)]
    ReferenceTransaction,
}

impl Hook {
    /// All hooks that refgate can be.
    pub const ALL: [Self; 6] = [
        Self::PreReceive,
        Self::Update,
        Self::Vref,
        Self::PostReceive,
        Self::ProcReceive,
        Self::ReferenceTransaction,
    ];

    /// Returns the name by which git knows the hook.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::PreReceive => "pre-receive",
            Self::Update => "update",
            Self::Vref => "vref",
            Self::PostReceive => "post-receive",
            Self::ProcReceive => "proc-receive",
            Self::ReferenceTransaction => "reference-transaction",
        }
    }
}

#[derive(Debug, Args)]
pub struct Doctor {
    /// The repositories
    #[arg(value_name = "REPOSITORY", required_unless_present = "all_under")]
    pub repositories: Vec<PathBuf>,
    /// All bare repositories below this directory
    #[arg(long, value_name = "DIR")]
    pub all_under: Option<PathBuf>,
    /// How to print
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
    /// The configuration of sshd
    #[arg(long, value_name = "FILE", default_value = "/etc/ssh/sshd_config")]
    pub sshd_config: PathBuf,
    /// Push nothing
    #[arg(long)]
    pub no_push: bool,
}

#[derive(Debug, Args)]
pub struct Uninstall {
    /// The repositories
    #[arg(value_name = "REPOSITORY", required_unless_present = "all_under")]
    pub repositories: Vec<PathBuf>,
    /// All bare repositories below this directory
    #[arg(long, value_name = "DIR")]
    pub all_under: Option<PathBuf>,
    /// Take hooks out that guard other repositories as well (core.hooksPath)
    #[arg(long)]
    pub shared: bool,
}

/// Says whether a command that a message or page prints is one that the command line really has.
#[cfg(test)]
pub(crate) fn parses(command: &str) -> Result<(), String> {
    let mut words: Vec<String> = Vec::new();
    for (at, part) in command.split('\'').enumerate() {
        if at % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split(' ').filter(|word| !word.is_empty()).map(str::to_owned));
        }
    }
    Cli::try_parse_from(words).map(drop).map_err(|error| format!("{command}: {error}"))
}
