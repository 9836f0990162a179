//! The commands of `refgate audit`, as clap reads them.

#![expect(missing_docs, reason = "what a type means is the help text of its command")]

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Draw the releases of a quarter that are audited
    Sample(Sample),
    /// Judge the drawn releases again, as of their time, from clones alone
    Run(Run),
    /// Write what the audit has found, for people and for programs
    Report(Report),
}

#[derive(Debug, Args)]
pub struct Sample {
    /// The quarter, such as 2026-Q4
    #[arg(long, value_name = "QUARTER")]
    pub quarter: String,
    /// The published seed [default: a new one is drawn and printed]
    #[arg(long, value_name = "TEXT")]
    pub seed: Option<String>,
    /// These portfolios alone
    #[arg(long, value_name = "NAME")]
    pub portfolio: Vec<String>,
    /// How many releases of each portfolio
    #[arg(long, value_name = "N", default_value = "3")]
    pub releases: usize,
    /// Where the sample is written [default: audit-QUARTER.json]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Clones with all tags and notes (git clone --mirror)
    #[arg(value_name = "CLONE", required = true)]
    pub repositories: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Run {
    /// The sample
    #[arg(value_name = "SAMPLE")]
    pub sample: PathBuf,
    /// Where results are kept; a run goes on from there [default: beside the sample]
    #[arg(long, value_name = "FILE")]
    pub results: Option<PathBuf>,
    /// The directory of clones by the names of their repositories [default: where they were when the sample was drawn]
    #[arg(long, value_name = "DIR")]
    pub clones: Option<PathBuf>,
    /// How many repositories at a time [default: as many as there are cores]
    #[arg(long, value_name = "N")]
    pub jobs: Option<usize>,
    /// Share the work with other machines through the fleet's database
    #[cfg(feature = "fleet")]
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
}

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// Markdown
    Markdown,
    /// One JSON document
    Json,
    /// One HTML page that needs nothing else
    Html,
}

#[derive(Debug, Args)]
pub struct Report {
    /// The sample
    #[arg(value_name = "SAMPLE")]
    pub sample: PathBuf,
    /// The results of replaying it [default: beside the sample]
    #[arg(long, value_name = "FILE")]
    pub results: Option<PathBuf>,
    /// The directory of clones by the names of their repositories, for exceptions [default: where they were when the sample was drawn]
    #[arg(long, value_name = "DIR")]
    pub clones: Option<PathBuf>,
    /// A repository of the server, or the directory of a ledger, for refusals and continuity
    #[arg(long, value_name = "DIR")]
    pub ledger: Vec<PathBuf>,
    /// The fleet's database, for the same
    #[cfg(feature = "fleet")]
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
    /// How to write it
    #[arg(long, value_enum, default_value = "markdown")]
    pub format: ReportFormat,
    /// Where to write it [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Keep the findings in this file as well: .md, .csv or .json
    #[arg(long, value_name = "FILE")]
    pub backlog: Vec<PathBuf>,
}
