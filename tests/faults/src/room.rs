//! Where a run works: a folder of logs in one that runs share, which goes with the last of them.

use crate::run::Keeping;
use anyhow::{Context, Result};
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// Held while a folder comes or goes: the one around it may go with its last, and must not while another comes into it.
static COMING_OR_GOING: Mutex<()> = Mutex::new(());

/// Where a scenario works, and whom it tells how far it is.
#[derive(Clone, Debug)]
pub struct Room {
    /// Its name.
    pub name: String,
    /// The folder of its logs.
    pub folder: PathBuf,
    /// Whether it says on standard error how far it is.
    pub talks: bool,
}

impl Room {
    /// An empty folder of this name: logs are appended to, so those of an earlier run must not stay.
    ///
    /// # Errors
    /// When the folder cannot be emptied or made.
    pub fn open(name: &str, keeping: &Keeping) -> Result<Room> {
        let folder = keeping.folder.join(name);
        let _held = COMING_OR_GOING.lock().unwrap_or_else(PoisonError::into_inner);
        match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("remove the earlier logs in {}", folder.display()));
            }
            _ => {}
        }
        std::fs::create_dir_all(&folder).with_context(|| format!("make {} for logs", folder.display()))?;
        Ok(Room { name: name.to_owned(), folder, talks: keeping.talks })
    }

    /// Removes the logs, and with the last of them the folder around them.
    pub fn clear(&self) {
        let _held = COMING_OR_GOING.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = std::fs::remove_dir_all(&self.folder);
        if let Some(around) = self.folder.parent() {
            let _ = std::fs::remove_dir(around);
        }
    }

    /// Says how far it is.
    pub fn say(&self, words: &str) {
        if self.talks {
            eprintln!("{}: {words}", self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_that_come_and_go_side_by_side_do_not_take_each_others_folder() -> Result<()> {
        let place = tempfile::tempdir()?;
        let keeping = Keeping { folder: place.path().join("shared"), always: false, talks: false };
        std::thread::scope(|scope| {
            let runs: Vec<_> = (0..4)
                .map(|run| {
                    let keeping = &keeping;
                    scope.spawn(move || -> Result<()> {
                        for _ in 0..500 {
                            let room = Room::open(&format!("run-{run}"), keeping)?;
                            std::fs::write(room.folder.join("log"), "noted")?;
                            room.clear();
                        }
                        Ok(())
                    })
                })
                .collect();
            runs.into_iter().try_for_each(|run| run.join().expect("it does not panic"))
        })?;
        assert!(!keeping.folder.exists(), "it goes with the last");
        Ok(())
    }
}
