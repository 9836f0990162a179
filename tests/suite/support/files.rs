//! What lies below a directory, to the byte.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Mode, owner, content, and where a link leads.
pub type Seen = (u32, (u32, u32), Option<Vec<u8>>, Option<PathBuf>);

/// Everything below a directory with its content, its mode, its owner and where links lead; objects apart.
pub fn everything(directory: &Path) -> BTreeMap<PathBuf, Seen> {
    let mut found = BTreeMap::new();
    let mut pending = vec![directory.to_owned()];
    while let Some(directory) = pending.pop() {
        for entry in std::fs::read_dir(&directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            let metadata = path.symlink_metadata().expect("metadata");
            if metadata.is_dir() && !path.ends_with("objects") {
                pending.push(path.clone());
            }
            let link = std::fs::read_link(&path).ok();
            let content = metadata.is_file().then(|| std::fs::read(&path).expect("a file"));
            let owner = (metadata.uid(), metadata.gid());
            found.insert(path, (metadata.permissions().mode(), owner, content, link));
        }
    }
    found
}

/// Writes a script that can be started.
pub fn script(file: &Path, text: &str) {
    std::fs::create_dir_all(file.parent().expect("a directory")).expect("made");
    std::fs::write(file, text).expect("written");
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).expect("set");
}
