//! All integration tests, one binary: one link, shared helpers.

#![allow(
    missing_docs,
    unreachable_pub,
    reason = "helpers of tests explain themselves and are nobody else's"
)]
#![allow(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod archive;
mod attach;
mod audit;
mod audit_report;
mod client_approve;
mod client_check;
mod client_land;
mod client_signing;
mod collecting;
mod corpus;
mod doctor;
mod exception_requests;
mod exception_states;
mod exceptions;
#[cfg(feature = "fleet")]
mod fleet;
mod freeze;
mod frugal;
mod ground;
mod host_gitolite;
mod host_http;
mod host_layouts;
mod host_ssh;
mod in_toto;
mod inspect;
mod install;
mod laws;
mod ledger;
mod pages;
mod policy_refs;
mod push;
mod recipes;
mod reftable;
mod reftable_server;
mod release;
mod release_gate;
mod repositories;
mod review_changes;
mod review_people;
mod roll_out;
mod second_lock;
mod setup;
mod signature_allowed_signers;
#[cfg(feature = "openpgp")]
mod signature_openpgp;
mod signature_ssh;
mod signature_tools;
#[cfg(feature = "sigstore")]
mod sigstore;
mod store;
mod summaries;
mod support;
mod testrepos;
mod threats_evidence;
mod threats_failure;
mod threats_policy;
mod threats_range;
mod threats_refs;
mod tidy;
