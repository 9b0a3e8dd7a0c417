//! The compiled kernels belong to their sources.

use std::path::Path;

use zkflow_groth16::digest::Digest;

#[test]
fn the_compiled_kernels_are_those_of_these_sources() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let listed = std::fs::read_to_string(folder.join("kernels.sha256")).unwrap();
    let mut names: Vec<&str> = Vec::new();
    for line in listed.lines() {
        let (digest, name) = line.split_once("  ").unwrap();
        assert_eq!(
            Digest::of(std::fs::read(folder.join(name)).unwrap()).to_string(),
            digest,
            "{name}: run `make cuda`"
        );
        names.push(name);
    }
    for file in std::fs::read_dir(folder.join("kernels")).unwrap() {
        let name = format!("kernels/{}", file.unwrap().file_name().to_str().unwrap());
        // The emulation is no part of the compiled kernels.
        assert!(names.contains(&name.as_str()) || name == "kernels/emulate.cpp", "{name}: run `make cuda`");
    }
    assert!(names.contains(&"kernels.fatbin"));
}
