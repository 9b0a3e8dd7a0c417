use ark_bn254::Fr;

use super::*;

/// Two outputs (wires 1 and 2), one public input (3), one private input (4), two more wires.
fn system(constraints: &[[&[(u32, i64)]; 3]]) -> R1cs {
    let terms = |terms: &[(u32, i64)]| terms.iter().map(|(wire, value)| (*wire, Fr::from(*value))).collect();
    R1cs {
        n_wires: 7,
        n_outputs: 2,
        n_public_inputs: 1,
        n_private_inputs: 1,
        n_labels: 7,
        constraints: constraints
            .iter()
            .map(|[a, b, c]| Constraint { a: terms(a), b: terms(b), c: terms(c) })
            .collect(),
        labels: (0..7).collect(),
    }
}

fn labels(r1cs: &R1cs, kind: WarningKind) -> Vec<String> {
    let report = CircuitReport::of(r1cs, None);
    let warning = report.warnings.into_iter().find(|warning| warning.kind == kind);
    warning.map_or_else(Vec::new, |warning| {
        assert_eq!(warning.count as usize, warning.signals.len());
        warning.signals
    })
}

const ONE: &[(u32, i64)] = &[(0, 1)];

#[test]
fn outputs_of_products_and_sums_are_determined() {
    let r1cs = system(&[
        // out2 = 2 * w5 - w6; out1 = w6 * w5; w6 = in * in; 3 * w5 = secret + 1
        [&[(5, 2), (6, -1)], ONE, &[(2, 1)]],
        [&[(6, 1)], &[(5, 1)], &[(1, 1)]],
        [&[(3, 1)], &[(3, 1)], &[(6, 1)]],
        [ONE, &[(5, 3)], &[(4, 1), (0, 1)]],
    ]);
    let report = CircuitReport::of(&r1cs, None);
    assert_eq!(report.warnings, []);
    assert_eq!((report.non_linear_constraints, report.linear_constraints), (2, 2));
    assert_eq!((report.domain_size, report.wires), (8, 7));
}

#[test]
fn an_output_that_is_a_root_is_reported_unless_another_constraint_chooses_one() {
    // out1^2 = in; secret * out2 = in, whose divisor other constraints may keep from zero.
    let root: [&[(u32, i64)]; 3] = [&[(1, 1)], &[(1, 1)], &[(3, 1)]];
    let quotient: [&[(u32, i64)]; 3] = [&[(4, 1)], &[(2, 1)], &[(3, 1)]];
    let r1cs = system(&[root, quotient]);
    assert_eq!(labels(&r1cs, WarningKind::UndeterminedOutput), ["label 1"]);
    assert_eq!(labels(&r1cs, WarningKind::UnconstrainedSignal), ["label 5", "label 6"]);
    let r1cs = system(&[root, quotient, [&[(1, 1), (5, 1)], ONE, &[(6, 1)]]]);
    assert_eq!(labels(&r1cs, WarningKind::UndeterminedOutput), [""; 0]);
}

#[test]
fn an_output_whose_coefficients_cancel_is_not_determined() {
    // 2 * (out1 + in) = 2 * out1 + in, and out2 = 7
    let r1cs = system(&[[&[(0, 2)], &[(1, 1), (3, 1)], &[(1, 2), (3, 1)]], [&[], &[], &[(2, 1), (0, -7)]]]);
    assert_eq!(labels(&r1cs, WarningKind::UndeterminedOutput), ["label 1"]);
}

#[test]
fn inputs_that_no_constraint_uses_are_reported() {
    // The private input occurs only with coefficient zero; a second one has no wire: it may be equal to another signal.
    let mut r1cs = system(&[[&[(3, 1)], ONE, &[(1, 1), (4, 0)]]]);
    r1cs.n_private_inputs = 2;
    r1cs.n_labels = 9;
    r1cs.labels = vec![0, 1, 2, 3, 4, 6, 7];
    assert_eq!(labels(&r1cs, WarningKind::UnusedInput), ["label 4"]);
    let mut report = CircuitReport::of(&R1cs { constraints: Vec::new(), ..r1cs.clone() }, None);
    report.warnings.clear();
    report.add_unused_inputs([2].into_iter(), None);
    assert_eq!(report.warnings[0].signals, ["label 5"]);
    report.add_unused_inputs(std::iter::empty(), None);
    assert_eq!(report.warnings.len(), 1);
    // The output with label 2 may have replaced the input without a wire.
    assert_eq!(labels(&r1cs, WarningKind::UnconstrainedSignal), ["label 6", "label 7"]);
}

#[test]
fn a_warning_names_few_signals_and_counts_all() {
    let n_wires = 1000;
    let r1cs = R1cs { n_wires, labels: (0..u64::from(n_wires)).collect(), n_labels: 1000, ..system(&[]) };
    let report = CircuitReport::of(&r1cs, None);
    assert_eq!((report.warnings[0].signals.len(), report.warnings[0].count), (32, 997));
}
