//! `refgate exception`, as clap reads it.

use clap::{Args, Subcommand};

use super::{Format, Server};

#[derive(Debug, Subcommand)]
pub enum Exception {
    /// Write a request into exceptions/, from a refusal, from flags, or by asking
    New(Box<New>),
    /// Sign your approval of an exception, as Security Engineering
    Approve(Approve),
    /// Mark an exception as revoked
    Revoke(Revoke),
    /// Give an exception a new end, to be approved anew
    Renew(Renew),
    /// List exceptions with their states and what is owed
    List(List),
    /// Show what refgate reads in an exception, and how it stands
    Show(Show),
    /// Sign your review of what a break-glass exception was used for
    Close(Close),
    /// Sign a VEX document, as Security Engineering, and write it into exceptions/
    Vex(Vex),
}

#[derive(Debug, Args)]
pub struct New {
    /// Start from a refusal: the number that it prints, as a ledger has it, or its text or JSON in
    /// a file, or - for standard input
    #[arg(long, value_name = "NUMBER|FILE|-")]
    pub from_verdict: Option<String>,
    /// The ledger that has the number [default: the server's, if its repository is on this machine]
    #[arg(long, value_name = "DIR", requires = "from_verdict")]
    pub ledger: Option<std::path::PathBuf>,
    /// The fleet's database, instead of a ledger: postgresql://...
    #[cfg(feature = "fleet")]
    #[arg(long, value_name = "URL", requires = "from_verdict", conflicts_with = "ledger")]
    pub database: Option<String>,
    /// Judge what you would push, as check does, and take the findings that block
    #[arg(long, conflicts_with = "from_verdict")]
    pub from_check: bool,
    /// A rule or vulnerability that is covered; with --from-check or --from-verdict, those to take
    #[arg(long, value_name = "ID")]
    pub rule: Vec<String>,
    /// Files that are covered, a pattern as in CODEOWNERS
    #[arg(long, value_name = "PATTERN")]
    pub path: Vec<String>,
    /// Packages that are covered, as package URLs
    #[arg(long, value_name = "PURL")]
    pub package: Vec<String>,
    /// Cover findings of this tool alone
    #[arg(long, value_name = "NAME")]
    pub tool: Vec<String>,
    /// Cover the very findings of the verdict, and no later ones of the same rule
    #[arg(long)]
    pub exact: bool,
    /// The refs on which it counts; the first is judged with --from-check [default: that of the
    /// verdict, or the server's main branch]
    #[arg(long = "ref", value_name = "REF")]
    pub refs: Vec<String>,
    /// Ask for every gate of the refs, for a push that names the exception
    #[arg(long, conflicts_with_all = ["rule", "path", "package", "tool", "from_verdict", "from_check"])]
    pub break_glass: bool,
    /// Ask to land on the refs while they are frozen; the gates are asked as ever
    #[arg(long, conflicts_with_all = ["rule", "path", "package", "tool", "from_verdict", "from_check", "break_glass"])]
    pub freeze: bool,
    /// Its last day, or how long it lasts [default: 30d, or what the policy allows]
    #[arg(long, value_name = "DAY|PERIOD")]
    pub expires: Option<String>,
    /// Who answers for the repair [default: you]
    #[arg(long, value_name = "EMAIL")]
    pub owner: Option<String>,
    /// What is wrong, and why it cannot be mended now
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub scope: Option<String>,
    /// Why it takes until then, and what will have been done
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub duration: Option<String>,
    /// What keeps the risk down meanwhile
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub controls: Option<String>,
    #[command(flatten)]
    pub server: Server,
}

#[derive(Debug, Args)]
pub struct Approve {
    /// The exception
    #[arg(value_name = "ID")]
    pub id: String,
    /// Print the bytes that would be signed, and sign nothing
    #[arg(long)]
    pub payload: bool,
    #[command(flatten)]
    pub server: Server,
}

#[derive(Debug, Args)]
pub struct Revoke {
    /// The exception
    #[arg(value_name = "ID")]
    pub id: String,
    /// Why, on one line
    #[arg(short, long, value_name = "REASON", allow_hyphen_values = true)]
    pub message: String,
    #[command(flatten)]
    pub server: Server,
}

#[derive(Debug, Args)]
pub struct Renew {
    /// The exception
    #[arg(value_name = "ID")]
    pub id: String,
    /// Its new last day, or how long it lasts from today [default: as long as before]
    #[arg(long, value_name = "DAY|PERIOD")]
    pub expires: Option<String>,
    #[command(flatten)]
    pub server: Server,
}

#[derive(Debug, Args)]
pub struct List {
    /// How to print
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
    /// Exit with status 1 if a request is unanswered for too long, or break-glass was not reviewed
    #[arg(long)]
    pub fail_overdue: bool,
    #[command(flatten)]
    pub server: Server,
}

#[derive(Debug, Args)]
pub struct Show {
    /// The exception
    #[arg(value_name = "ID")]
    pub id: String,
    /// How to print
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
    #[command(flatten)]
    pub server: Server,
}

#[derive(Debug, Args)]
pub struct Close {
    /// The exception
    #[arg(value_name = "ID")]
    pub id: String,
    /// What the review found, on one line
    #[arg(short, long, value_name = "FINDING", allow_hyphen_values = true)]
    pub message: String,
    #[command(flatten)]
    pub server: Server,
}

#[derive(Debug, Args)]
pub struct Vex {
    /// The document: OpenVEX 0.2.0, or CycloneDX with an analysis of vulnerabilities
    #[arg(value_name = "FILE")]
    pub file: std::path::PathBuf,
    /// What to call it in exceptions/ [default: as the file, up to its first dot]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    #[command(flatten)]
    pub server: Server,
}
