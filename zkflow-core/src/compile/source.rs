//! A main file with all that it includes.
/// X
#[derive(Debug)]
pub struct SourceTree;
