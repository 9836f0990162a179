//! What refgate did, for administrators.
//!
//! On the server to the file that they name in the settings, never to the person who
//! pushed; on a client to standard error, if `REFGATE_LOG` asks for it.

use std::path::Path;

use crate::error::{ErrorKind, Result, ResultExt as _};

/// Appends the log to a file.
///
/// # Errors
/// The file cannot be opened: an administrator who asked for a log is told that there is none.
pub fn to_file(path: &Path) -> Result<()> {
    let file = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .during(ErrorKind::Environment, || format!("opening the log {}", path.display()))?;
    start(
        env_logger::Builder::new()
            .filter_level(log::LevelFilter::Info)
            .target(env_logger::Target::Pipe(Box::new(file))),
    );
    Ok(())
}

/// Starts the log of a client.
pub fn to_stderr() {
    if let Some(filter) = crate::env::log_filter() {
        start(env_logger::Builder::new().parse_filters(&filter));
    }
}

fn start(builder: &mut env_logger::Builder) {
    use std::io::Write as _;
    builder.format(|out, record| {
        let time = crate::clock::now();
        let text = crate::report::text::escape(record.args().to_string().as_bytes());
        writeln!(out, "{time} {} {} {text}", std::process::id(), record.level())
    });
    // A second logger is refused by the log crate, and then the first goes on.
    drop(builder.try_init());
}
