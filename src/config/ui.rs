//! `[ui]`: pages for browsers.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// `[ui]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ui {
    /// Folder with the files of Kismet's page, its `http_data`. Default empty: the page is not served.
    pub kismet_dir: PathBuf,
}
