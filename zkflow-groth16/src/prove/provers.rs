//! Provers by name.

use std::fmt;
use std::sync::Arc;

use super::native::{NativeOptions, NativeProver};
use super::{ProveError, Prover};

/// Provers by name, from which settings and command lines choose. All make proofs of the same form from the same
/// keys.
///
/// [`Provers::default`] has `native`, a [`NativeProver`], and with feature `ark` also `ark`, the slow reference. Add
/// your own:
///
/// ```
/// use std::sync::Arc;
/// use zkflow_groth16::format::zkey::ZKey;
/// use zkflow_groth16::prove::native::{NativeOptions, NativeProver};
/// use zkflow_groth16::prove::{PreparedKey, ProveError, Prover, Provers};
///
/// #[derive(Debug)]
/// struct Mine(NativeProver);
///
/// impl Prover for Mine {
///     fn name(&self) -> &'static str {
///         "mine"
///     }
///
///     fn prepare(&self, key: Arc<ZKey>) -> Result<Arc<dyn PreparedKey>, ProveError> {
///         self.0.prepare(key)
///     }
/// }
///
/// let provers = Provers::default().with("mine", |options| Ok(Arc::new(Mine(NativeProver::new(options)?))));
/// assert_eq!(provers.open("mine", NativeOptions::default())?.name(), "mine");
/// assert!(provers.open("yours", NativeOptions::default()).is_err());
/// # Ok::<(), ProveError>(())
/// ```
#[derive(Clone)]
pub struct Provers(Vec<(&'static str, Open)>);

/// Creates a prover.
type Open = Arc<dyn Fn(NativeOptions) -> Result<Arc<dyn Prover>, ProveError> + Send + Sync>;

impl Provers {
    /// Name of the default prover.
    pub const DEFAULT: &str = super::native::NAME;

    /// Adds a prover, or replaces the one of this name. `name` is the prover's [name](Prover::name).
    ///
    /// `open` gets the options of the process, and uses those that apply to its prover.
    #[must_use]
    pub fn with(
        mut self,
        name: &'static str,
        open: impl Fn(NativeOptions) -> Result<Arc<dyn Prover>, ProveError> + Send + Sync + 'static,
    ) -> Self {
        self.0.retain(|(known, _)| *known != name);
        self.0.push((name, Arc::new(open)));
        self
    }

    /// The names, in the order of addition.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.0.iter().map(|(name, _)| *name)
    }

    /// Checks that a prover has this name.
    ///
    /// # Errors
    /// [`UnknownProver`], which lists the known names.
    pub fn check(&self, name: &str) -> Result<(), UnknownProver> {
        self.find(name).map(drop)
    }

    /// Creates the prover with this name.
    ///
    /// # Errors
    /// [`ProveError::Unknown`]; the errors of the prover's constructor.
    pub fn open(&self, name: &str, options: NativeOptions) -> Result<Arc<dyn Prover>, ProveError> {
        self.find(name)?(options)
    }

    fn find(&self, name: &str) -> Result<&Open, UnknownProver> {
        let found = self.0.iter().find(|(known, _)| *known == name);
        let unknown = || UnknownProver { name: name.to_owned(), known: self.names().collect() };
        found.map(|(_, open)| open).ok_or_else(unknown)
    }
}

impl Default for Provers {
    fn default() -> Self {
        let provers = Self(Vec::new())
            .with(Self::DEFAULT, |options| Ok(Arc::new(NativeProver::new(options)?) as Arc<dyn Prover>));
        #[cfg(feature = "ark")]
        let provers = provers.with(super::ark::NAME, |options| match options.constant_work {
            false => Ok(Arc::new(super::ark::ArkProver)),
            true => Err(UnknownProver::without_constant_work(super::ark::NAME).into()),
        });
        provers
    }
}

impl fmt::Debug for Provers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

/// There is no prover with this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown prover {name:?}; expected one of {}{}", known.join(", "), hint(name))]
pub struct UnknownProver {
    /// The name.
    pub name: String,
    /// The names of all provers.
    pub known: Vec<&'static str>,
}

impl UnknownProver {
    /// A prover whose work depends on the witness, where constant work is requested.
    pub fn without_constant_work(name: &str) -> Self {
        Self { name: format!("{name} with constant work"), known: vec![Provers::DEFAULT] }
    }
}

/// Provers of optional features, which have the names of their features.
const OPTIONAL: [&str; 2] = ["ark", "cuda"];

/// The end of the message: the feature that a build needs for the name.
fn hint(name: &str) -> String {
    let is_missing = OPTIONAL.contains(&name);
    if is_missing { format!("; this build does not contain the feature {name}") } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prover_is_found_by_the_name_it_gives_itself() {
        let provers = Provers::default();
        assert_eq!(provers.names().next(), Some(Provers::DEFAULT));
        for name in provers.names() {
            assert_eq!(provers.check(name), Ok(()));
            assert_eq!(provers.open(name, NativeOptions::default()).unwrap().name(), name);
        }
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_known_ones() {
        let provers = Provers::default().with("mine", |_| unreachable!("it is not opened"));
        let refused = provers.check("arc").unwrap_err();
        let known = provers.names().collect::<Vec<_>>().join(", ");
        assert!(known.starts_with("native, ") && known.ends_with("mine"), "{known}");
        assert_eq!(refused.to_string(), format!("unknown prover \"arc\"; expected one of {known}"));
        let refused = provers.open("arc", NativeOptions::default());
        assert!(matches!(refused, Err(ProveError::Unknown(_))), "{refused:?}");
    }

    #[test]
    fn the_name_of_a_prover_that_the_build_lacks_is_refused_with_its_feature() {
        let refused = Provers::default().check("cuda").unwrap_err().to_string();
        assert!(refused.ends_with("; this build does not contain the feature cuda"), "{refused}");
    }

    #[cfg(feature = "ark")]
    #[test]
    fn the_reference_is_refused_where_constant_work_is_requested() {
        let options = NativeOptions { constant_work: true, ..NativeOptions::default() };
        assert!(Provers::default().open("native", options.clone()).is_ok());
        let refused = Provers::default().open("ark", options).unwrap_err();
        let expected = "unknown prover \"ark with constant work\"; expected one of native";
        assert_eq!(refused.to_string(), expected);
    }

    #[test]
    fn a_prover_replaces_one_of_the_same_name() {
        let provers = Provers::default().with("native", |_| Err(ProveError::Threads("mine".to_owned())));
        assert_eq!(provers.names().filter(|name| *name == "native").count(), 1);
        let opened = provers.open("native", NativeOptions::default());
        assert!(matches!(opened, Err(ProveError::Threads(_))), "{opened:?}");
    }
}
