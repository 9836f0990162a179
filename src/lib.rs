//! refgate judges each push to a protected ref before the ref moves.
//!
//! A push is *read* at the edge, *judged* by pure code and *reported* at the
//! edge. The modules, in the order in which a push meets them:
//!
//! | module | what it does |
//! |---|---|
//! | [`cli`] | One file per command; `cli::hook` is what git starts on the server. |
//! | [`mod@env`], [`host`], [`receive`], [`mod@receive_pack`], [`certificate`], [`settings`] | What git and the server hand over, and what the administrator has set. |
//! | [`repo`] | The few questions asked of a repository, answered strictly from raw bytes. |
//! | [`snapshot`], [`provenance`] | Policy, people and keys at the trust anchor, as trusted values. |
//! | [`policy`], [`principal`] | The rules, and who may do what. |
//! | [`signature`] | Verifies signatures in process. |
//! | [`evidence`] | Approvals, attestations and reports as typed facts. |
//! | [`judge`], [`collect`] | From ref updates to facts, and the order of judging. |
//! | [`gate`] | One pure function per gate: policy, facts and time in, outcome out. |
//! | [`violation`], [`verdict`] | Every way to fail, and the one place that accepts. |
//! | [`report`] | The verdict for people and machines. |
//! | [`ledger`] | Records every judgement in a chain of lines. |
//! | [`summary`] | Signed summaries of what landed, for everybody who has a clone. |
//! | [`audit`] | Draws releases, judges them again, and reports. |
//! | [`client`] | What the client commands share. |
//!
//! `docs/architecture.md` tells the same at length.

pub mod audit;
pub mod certificate;
pub mod cli;
pub mod client;
pub mod clock;
pub mod collect;
pub mod env;
pub mod error;
pub mod evidence;
pub mod exec;
pub mod explain;
pub mod gate;
pub mod host;
pub mod id;
pub mod judge;
pub mod ledger;
pub mod limits;
pub mod logging;
pub mod policy;
pub mod principal;
pub mod provenance;
pub mod receive;
pub mod receive_pack;
pub mod refname;
pub mod repo;
pub mod report;
pub mod settings;
pub mod signature;
pub mod snapshot;
pub mod summary;
pub mod verdict;
pub mod violation;
