//! Refs in the `reftable` format (git's `Documentation/technical/reftable`), read only.
//!
//! `reftable/tables.list` names the tables of a stack, oldest first. A table never changes: it holds names in
//! order, in blocks, with an index over the blocks, so that one name is found by reading an index block
//! and a block. What a newer table says of a name goes before what an older one says; a
//! deletion is a record too. Objects and logs, which follow the refs in a table, are never read.
//!
//! Only the header and the footer have a checksum. A block is held against everything that the format
//! promises of it: lengths, order of names, restart points, the index above it. What breaks a
//! promise is an error, never an absent ref; a bit that flips inside of an id or a
//! name, and breaks none, reads as another id or name, as it does in `packed-refs`.

mod block;
mod record;
mod stack;
mod table;

pub use record::{Malformed, Value};
pub use stack::Stack;
pub use table::{Cursor, Source, Table};
