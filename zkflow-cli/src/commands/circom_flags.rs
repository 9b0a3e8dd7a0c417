//! Flags of circom that `zkflow compile` accepts without effect, or refuses with the reason.

use clap::Args;

use super::Error;

/// circom's level of checks in its own calculator, if no other is given.
const SANITY_CHECK: &str = "2";

/// Flags for command lines of circom.
#[derive(Debug, Args)]
pub(super) struct CircomFlags {
    /// Always written
    #[arg(long, hide = true)]
    r1cs: bool,
    /// Always written
    #[arg(long, hide = true)]
    wasm: bool,
    /// Always written
    #[arg(long, hide = true)]
    sym: bool,
    /// The steps are always shown
    #[arg(long, hide = true)]
    verbose: bool,
    /// For the calculator in C++ only
    #[arg(long = "no_asm", hide = true)]
    no_asm: bool,
    /// Is refused with the reason
    #[arg(short = 'c', long = "c", hide = true)]
    cpp: bool,
    /// Is refused with the reason
    #[arg(long = "no_init", hide = true)]
    no_init: bool,
    /// Is refused with the reason
    #[arg(long = "use_old_simplification_heuristics", hide = true)]
    old_heuristics: bool,
    /// Is refused with the reason
    #[arg(long = "simplification_substitution", hide = true)]
    substitution: bool,
    /// Is refused with the reason unless it is circom's default
    #[arg(long = "sanity_check", hide = true, default_value = SANITY_CHECK)]
    sanity_check: String,
}

impl CircomFlags {
    /// Refuses the flags whose files or effects do not exist here.
    pub(super) fn check(&self) -> Result<(), Error> {
        let refused = [
            (
                self.cpp,
                "--c",
                "there is no calculator in C++: `zkflow witness` calculates with the .tape or the .wasm",
            ),
            (
                self.no_init,
                "--no_init",
                "the calculator sets its variables to 0, as circom's does by default",
            ),
            (
                self.old_heuristics,
                "--use_old_simplification_heuristics",
                "the constraints are those of circom's default heuristics",
            ),
            (self.substitution, "--simplification_substitution", "the substitutions are not written"),
            (
                self.sanity_check != SANITY_CHECK,
                "--sanity_check",
                "the calculator has the checks of circom's default, 2",
            ),
        ];
        match refused.into_iter().find(|(given, ..)| *given) {
            Some((_, flag, reason)) => {
                Err(format!("{flag} of circom is not supported: {reason}; leave {flag} out").into())
            }
            None => Ok(()),
        }
    }
}
