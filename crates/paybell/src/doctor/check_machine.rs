//! This machine: folder, master key, limits.

use super::Check;
use crate::master_key::{self, KeySource};
use crate::open_files::needed;
use nix::sys::resource::{Resource, getrlimit};
use paybell_config::Settings;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;

/// Whether the embedded data folder can be written.
pub(crate) fn data_folder(settings: &Settings) -> Check {
    const NAME: &str = "data folder";
    let folder = &settings.data_dir;
    if !folder.exists() {
        return Check::ok(NAME, format!("{}, made when `paybell serve` starts first", folder.display()));
    }
    match tempfile::tempfile_in(folder) {
        Ok(_) => Check::ok(NAME, format!("{}, writable", folder.display())),
        Err(error) => {
            let cure = "give the folder to the user that runs Paybell, or set data_dir";
            Check::fail(NAME, format!("{} cannot be written: {error}", folder.display()), cure)
        }
    }
}

/// Whether there is a master key, for its owner alone.
pub(crate) fn master_key(settings: &Settings) -> Check {
    const NAME: &str = "master key";
    const CURE: &str =
        "make one with: (umask 077; head -c 32 /dev/urandom | base64 > master.key), and set master_key_file";
    let source = match master_key::source(settings) {
        Ok(source) => source,
        Err(_) => return Check::fail(NAME, "none", CURE),
    };
    let path = match &source {
        KeySource::Setting(_) => return Check::ok(NAME, "from the setting master_key"),
        KeySource::MadeFile(path) if !path.exists() => {
            return Check::ok(NAME, format!("{}, made when `paybell serve` starts first", path.display()));
        }
        KeySource::File(path) | KeySource::MadeFile(path) => path.clone(),
    };
    if let Err(error) = master_key::read(&source) {
        let missing = error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == ErrorKind::NotFound);
        return Check::fail(NAME, format!("{error:#}"), if missing { CURE } else { "put the right key there" });
    }
    let mode = std::fs::metadata(&path).map_or(0, |metadata| metadata.permissions().mode());
    if mode & 0o077 != 0 {
        let found = format!("{} can be read by others", path.display());
        return Check::warn(NAME, found, format!("chmod 600 {}", path.display()));
    }
    Check::ok(NAME, format!("{}; keep a copy in a safe place", path.display()))
}

/// Whether there may be as many connections as attempts in flight.
pub(crate) fn open_files(settings: &Settings) -> Check {
    const NAME: &str = "open files";
    let need = needed(settings);
    match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((_, hard)) if hard >= need => Check::ok(NAME, format!("limit {hard}, {need} needed at most")),
        Ok((_, hard)) => {
            let cure = format!("raise the limit (LimitNOFILE= or ulimit -Hn) to {need}, or lower in_flight_max");
            Check::warn(NAME, format!("limit {hard}, {need} needed at most"), cure)
        }
        Err(error) => Check::warn(NAME, format!("the limit cannot be read: {error}"), "check ulimit -Hn"),
    }
}

/// Whether the address guard is on.
pub(crate) fn address_guard(settings: &Settings) -> Check {
    const NAME: &str = "address guard";
    let off: Vec<_> = [
        ("allow_non_public_addresses", settings.allow_non_public_addresses),
        ("allow_plain_http", settings.allow_plain_http),
    ]
    .into_iter()
    .filter_map(|(name, on)| on.then_some(name))
    .collect();
    if off.is_empty() {
        return Check::ok(NAME, "only https to public addresses");
    }
    Check::warn(NAME, format!("loosened by {}", off.join(" and ")), "set to false where real merchants are called")
}
