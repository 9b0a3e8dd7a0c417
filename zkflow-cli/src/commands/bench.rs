//! `zkflow bench`: compares all installed provers on the same circuits.

use clap::Args;
use zkflow_bench::Workshop;

use super::progress::Progress;
use super::toolbox::{CompilerArgs, Toolbox};
use super::{Error, cache_dir};

/// Arguments of `zkflow bench`.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    #[command(flatten)]
    comparison: zkflow_bench::BenchArgs,
    #[command(flatten)]
    compiler: CompilerArgs,
}

pub(super) fn bench(args: &BenchArgs) -> Result<(), Error> {
    #[cfg(feature = "cuda")]
    super::prover::show_warnings();
    let folder = cache_dir("bench").ok_or(super::NO_CACHE_PATH)?;
    let workshop = || {
        let Toolbox { compiler, include_roots, sandbox } = Toolbox::open(&args.compiler)?;
        Ok(Workshop { compiler, include_roots, sandbox })
    };
    let progress = Progress::new();
    args.compiler.warnings().for_each(|warning| progress.line(&warning));
    let table = zkflow_bench::run(&args.comparison, &folder, &workshop, &progress)?;
    drop(progress);
    print!("{table}");
    Ok(())
}

impl zkflow_bench::Progress for Progress {
    fn begin(&self, step: &str) {
        self.spin(step);
    }

    fn line(&self, text: &str) {
        Progress::line(self, text);
    }
}
