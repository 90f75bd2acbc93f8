//! An embedded Paybell has its folder for itself.

use anyhow::{Context, Result, bail};
use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Holds a data folder until it is dropped, or until its process ends in whatever way.
#[derive(Debug)]
pub(crate) struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Takes the folder.
    ///
    /// # Errors
    /// When another process has it; with the folder and that process's id.
    pub(crate) fn take(folder: &Path) -> Result<Self> {
        let path = folder.join("paybell.lock");
        let mut options = File::options();
        // Whoever can open it can lock it, so it is for its owner alone.
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(&path).with_context(|| format!("cannot open {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = file.read_to_string(&mut holder);
                bail!(
                    "another paybell (process {}) runs on the data folder {}: an embedded Paybell is one process. Stop \
                     it, or give this one another folder with --data-dir",
                    holder.trim(),
                    folder.display()
                );
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", path.display()));
            }
        }
        file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()))?;
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_taken_once_and_free_after_its_holder() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let first = FolderLock::take(folder.path())?;
        let error = FolderLock::take(folder.path()).expect_err("it is taken").to_string();
        assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
        assert!(error.contains(&folder.path().display().to_string()), "{error}");
        drop(first);
        FolderLock::take(folder.path())?;
        Ok(())
    }
}
