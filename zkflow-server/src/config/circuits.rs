//! [`Circuits`]: settings of templates, compiler and keys.

use std::path::PathBuf;

use zkflow_core::setup::Beacon;

use super::setting::settings;

settings! {
    /// Circuits
    Circuits at circuits {
        /// Folders of additional templates
        templates: Vec<PathBuf> = Vec::new(), "templates", "ZKFLOW_TEMPLATES";
        /// Let templates of these folders replace built-in ones of the same name
        allow_template_override: bool = false, "allow-template-override", "ZKFLOW_ALLOW_TEMPLATE_OVERRIDE";
        /// Path of a native circom (default: circom as WebAssembly in a sandbox)
        circom_path: Option<PathBuf> = None, "circom-path", "CIRCOM_PATH";
        /// Further versions of circom, native ones or circom.wasm files. The source of an import is compiled by
        /// the version that made the given module
        circom_versions: Vec<PathBuf> = Vec::new(), "circom-versions", "ZKFLOW_CIRCOM_VERSIONS";
        /// Folder of compiled WebAssembly modules (default: modules in the data folder). Processes may share
        /// it
        module_cache: Option<PathBuf> = None, "module-cache", "ZKFLOW_MODULE_CACHE";
        /// Prepared powers of tau (.ptau) for key generation, checked once at the first start. By default
        /// each size is generated in the data folder; such keys are for development only
        ptau_path: Option<PathBuf> = None, "ptau-path", "PTAU_PATH";
        /// Public beacon that ends the generation of every key (default: none). VALUE is hexadecimal and is
        /// hashed 2^EXPONENT times
        keygen_beacon: Option<Beacon> = None, "keygen-beacon", "KEYGEN_BEACON";
    }
}
