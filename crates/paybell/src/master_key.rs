//! The key that seals endpoint secrets at rest: from the settings, or made by an embedded Paybell.

use anyhow::{Context, Result, anyhow, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use paybell_config::{Mode, Settings};
use secrecy::{ExposeSecret, SecretBox, SecretString};
use std::fs::{File, OpenOptions, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// 32 bytes that nobody sees.
pub(crate) type MasterKey = SecretBox<[u8; 32]>;

/// Where the key is to be found.
#[derive(Clone, Debug)]
pub(crate) enum KeySource {
    /// The setting itself.
    Setting(SecretString),
    /// A file that must be there.
    File(PathBuf),
    /// A file of the embedded data folder, made when it is missing.
    MadeFile(PathBuf),
}

/// Where these settings say that the key is.
///
/// # Errors
/// In production, when they do not say it; with the command that makes one.
pub(crate) fn source(settings: &Settings) -> Result<KeySource> {
    match (&settings.master_key, &settings.master_key_file, settings.mode()) {
        (Some(key), _, _) => Ok(KeySource::Setting(key.clone())),
        (None, Some(path), _) => Ok(KeySource::File(path.clone())),
        (None, None, Mode::Embedded) => Ok(KeySource::MadeFile(settings.data_dir.join("master.key"))),
        (None, None, Mode::Production) => bail!(
            "master_key_file (or master_key) is needed with database_url: the key that seals endpoint secrets. All \
             processes need the same one, and a copy in a safe place. Make one with: \
             (umask 077; head -c 32 /dev/urandom | base64 > master.key)"
        ),
    }
}

/// Reads the key, or makes it where that is an embedded Paybell's to do.
///
/// # Errors
/// When there is none or it is not 32 bytes in base64.
pub(crate) fn read_or_make(source: &KeySource) -> Result<MasterKey> {
    if let KeySource::MadeFile(path) = source {
        make_if_missing(path).with_context(|| format!("cannot make the master key {}", path.display()))?;
    }
    read(source)
}

/// Reads the key.
///
/// # Errors
/// When there is none or it is not 32 bytes in base64.
pub(crate) fn read(source: &KeySource) -> Result<MasterKey> {
    match source {
        KeySource::Setting(key) => parse(key.expose_secret()).context("master_key cannot be used"),
        KeySource::File(path) | KeySource::MadeFile(path) => {
            let what = || format!("the master key {} cannot be used", path.display());
            let text = SecretString::from(std::fs::read_to_string(path).with_context(what)?);
            parse(text.expose_secret()).with_context(what)
        }
    }
}

fn parse(text: &str) -> Result<MasterKey> {
    let bytes = STANDARD.decode(text.trim()).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let bytes = bytes
        .ok_or_else(|| anyhow!("it must be 32 bytes in base64; make one with: head -c 32 /dev/urandom | base64"))?;
    Ok(SecretBox::new(Box::new(bytes)))
}

/// Two processes may do this at once: the key appears whole, under its name, only once, and is on the disk before
/// anything is sealed with it.
fn make_if_missing(path: &Path) -> Result<()> {
    if path.exists() {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    let draft = folder.join(format!(".master.key.{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    writeln!(file, "{}", STANDARD.encode(rand::random::<[u8; 32]>()))?;
    file.sync_all()?;
    let linked = std::fs::hard_link(&draft, path);
    std::fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error.into()),
        Ok(()) | Err(_) => Ok(File::open(folder)?.sync_all()?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use paybell_config::Inputs;

    #[test]
    fn an_embedded_paybell_makes_a_key_once_and_for_its_owner_alone() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let inputs = Inputs::default().flag("data_dir", &folder.path().display().to_string(), "--data-dir");
        let source = source(&inputs.load()?.settings)?;
        let first = read_or_make(&source)?;
        let second = read_or_make(&source)?;
        assert_eq!(first.expose_secret(), second.expose_secret());
        let mode = std::fs::metadata(folder.path().join("master.key"))?.permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path())?.count(), 1, "no draft is left");
        Ok(())
    }

    #[test]
    fn production_without_a_key_is_told_how_to_make_one() -> Result<()> {
        let inputs = Inputs::default().flag("database_url", "postgres://db/pay", "--database-url").flag(
            "redis_url",
            "redis://cache",
            "--redis-url",
        );
        let error = source(&inputs.load()?.settings).expect_err("no key").to_string();
        assert!(error.contains("head -c 32 /dev/urandom | base64"), "{error}");
        Ok(())
    }

    #[test]
    fn a_damaged_key_is_refused_without_being_shown() {
        let error = format!("{:#}", parse("c2VjcmV0").expect_err("too short"));
        assert!(error.contains("32 bytes") && !error.contains("c2VjcmV0"), "{error}");
    }
}
