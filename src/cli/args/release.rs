//! `refgate release` and `refgate verify`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Format, Server, VerdictFormat};

#[derive(Debug, Subcommand)]
pub enum Release {
    /// Write the release document from the template, with what is known already
    New(New),
    /// Say what is open in a release, before its tag is made or pushed
    Check(Check),
    /// Check a release, then sign its tag as git would
    Sign(Sign),
    /// Show when nothing may land, now and next
    Freeze(Freeze),
    /// Write everything that a release rests on into one file, which refgate verify --archive checks
    Archive(Archive),
}

#[derive(Debug, Args)]
pub struct New {
    /// The version or the tag: 1.2.0 or v1.2.0
    #[arg(value_name = "VERSION")]
    pub version: String,
    /// The commit that the release is described as of [default: the server's main branch]
    #[arg(long, value_name = "COMMIT")]
    pub commit: Option<String>,
    #[command(flatten)]
    pub server: Server,
}

#[derive(Debug, Args)]
pub struct Check {
    /// The version or the tag [default: that of the one release document without a tag]
    #[arg(value_name = "VERSION")]
    pub version: Option<String>,
    /// The commit that is to be tagged, where there is no tag yet
    #[arg(long, value_name = "COMMIT", default_value = "HEAD")]
    pub commit: String,
    /// How to print
    #[arg(long, value_enum, default_value = "text")]
    pub format: VerdictFormat,
    /// List everything instead of the first few of a kind
    #[arg(long)]
    pub all: bool,
    #[command(flatten)]
    pub server: Server,
}

#[derive(Debug, Args)]
pub struct Sign {
    /// The version or the tag
    #[arg(value_name = "VERSION")]
    pub version: String,
    /// The commit to tag
    #[arg(long, value_name = "COMMIT", default_value = "HEAD")]
    pub commit: String,
    /// The message of the tag [default: "Release TAG"]
    #[arg(short, long, value_name = "TEXT")]
    pub message: Option<String>,
    /// Push the tag
    #[arg(long)]
    pub push: bool,
    #[command(flatten)]
    pub server: Server,
}

#[derive(Debug, Args)]
pub struct Freeze {
    /// Only what concerns this branch or tag
    #[arg(long = "ref", value_name = "REF")]
    pub name: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
    /// End with status 1 if a window is in force
    #[arg(long)]
    pub fail_frozen: bool,
    #[command(flatten)]
    pub server: Server,
}

#[derive(Debug, Args)]
pub struct Archive {
    /// The release tag
    #[arg(value_name = "TAG")]
    pub tag: String,
    /// The file [default: TAG.tar]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Verify {
    /// The release tag; with --summary any revision
    #[arg(value_name = "TAG", required_unless_present = "archive")]
    pub tag: Option<String>,
    /// Check the archive of a release instead, without clone, server and network
    #[arg(long, value_name = "FILE", conflicts_with_all = ["tag", "at", "all", "summary"])]
    pub archive: Option<PathBuf>,
    /// Only show the verification summaries, and whether a server that the policy lists signed them
    #[arg(long, conflicts_with_all = ["at", "all"])]
    pub summary: bool,
    /// Judge as of this time (2026-11-25T10:00:00Z), or as of the time that the tag says with "tag" [default: now]
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value = "text")]
    pub format: VerdictFormat,
    /// List everything instead of the first few of a kind
    #[arg(long)]
    pub all: bool,
    #[command(flatten)]
    pub server: Server,
}
