//! The provers of a build.

use crate::prove::Provers;

/// All provers that the features of this build contain.
///
/// | prover | feature |
/// |---|---|
/// | `native` | |
/// | `ark` | `ark` |
/// | `cuda`, with its default options | `cuda` |
pub fn of_build() -> Provers {
    let provers = Provers::default();
    #[cfg(feature = "cuda")]
    let provers = provers
        .with(zkflow_cuda::NAME, |native| zkflow_cuda::open(&zkflow_cuda::CudaOptions::default(), native));
    provers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_has_the_provers_of_its_features() {
        let provers = of_build();
        assert_eq!(provers.check(Provers::DEFAULT), Ok(()));
        assert_eq!(provers.check("cuda").is_ok(), cfg!(feature = "cuda"));
    }
}
