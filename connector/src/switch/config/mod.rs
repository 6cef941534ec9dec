//! The settings of a switch from a file in TOML.
//!
//! ```text
//! file     the keys there are, as they are written
//! place    the key and the line that an error is about
//! error    what is wrong, where, and what was expected
//! ```

mod error;
mod file;
mod place;

use std::fs;
use std::path::Path;

pub use error::ConfigError;
use file::File;

use super::settings::SwitchSettings;

impl SwitchSettings {
    /// Reads a configuration. Files that it names are looked for beside it.
    ///
    /// # Errors
    /// It cannot be read, a key is not known, or a value is not what is expected; [`check`](Self::check) is not part of it, so
    /// that a command line may add what is missing.
    pub fn from_file(path: &Path) -> Result<Self, ConfigError> {
        let name = path.display().to_string();
        let text = fs::read_to_string(path).map_err(|error| ConfigError::unreadable(&name, &error))?;
        Self::from_toml(&text, &name, path.parent().unwrap_or(Path::new("")))
    }

    /// Understands a configuration. `name` is what errors call it; files that it names are looked for in `folder`.
    ///
    /// # Errors
    /// As [`from_file`](Self::from_file).
    pub fn from_toml(text: &str, name: &str, folder: &Path) -> Result<Self, ConfigError> {
        let file: File = toml::from_str(text).map_err(|error| ConfigError::malformed(name, text, &error))?;
        file.into_settings(folder).map_err(|wrong| ConfigError::wrong(name, text, wrong))
    }
}

#[cfg(test)]
mod tests;
