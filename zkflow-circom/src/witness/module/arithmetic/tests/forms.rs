//! Functions on cells, for elements of all forms.

use super::*;

/// Address of the cell with the number of bits, which circom's shifts convert to another form.
const BITS: usize = 88;

/// Short and long elements in all their forms.
fn cells() -> Vec<[u8; 40]> {
    let cell = |short: i32, form: u32, limbs: [u64; 4]| {
        let mut bytes = [0; 40];
        bytes[..4].copy_from_slice(&short.to_le_bytes());
        bytes[4..8].copy_from_slice(&form.to_le_bytes());
        bytes[8..].copy_from_slice(&BigInt(limbs).to_bytes_le());
        bytes
    };
    let mut all = Vec::new();
    for short in [
        0,
        1,
        -1,
        2,
        31,
        32,
        63,
        64,
        65,
        253,
        254,
        -253,
        -254,
        i32::MAX - 1,
        i32::MAX,
        i32::MIN,
        i32::MIN + 1,
    ] {
        // The long part of a short element is what was there before.
        all.push(cell(short, 0, [u64::MAX, 1, 2, 3]));
        all.push(cell(short, 1 << 30, Fr::from(short).0.0));
        all.push(cell(5, 2 << 30, Fr::from(short).into_bigint().0));
        all.push(cell(5, 3 << 30, Fr::from(short).0.0));
    }
    let half = Fr::MODULUS_MINUS_ONE_DIV_TWO.0;
    let near = [-1, 0, 1].map(|by: i64| [half[0].wrapping_add_signed(by), half[1], half[2], half[3]]);
    for limbs in extremes().into_iter().step_by(3).chain(near).chain(random(8)) {
        all.push(cell(-3, 2 << 30, limbs));
        all.push(cell(-3, 3 << 30, limbs));
    }
    all
}

#[test]
fn operators_on_cells_equal_those_of_circom_for_all_forms() {
    let cells = cells();
    let names = [
        "Fr_add", "Fr_sub", "Fr_mul", "Fr_eq", "Fr_neq", "Fr_gt", "Fr_geq", "Fr_lt", "Fr_leq", "Fr_shl",
        "Fr_shr",
    ];
    compare(|machine| {
        let bits: [u8; 40] = std::array::from_fn(|at| if at == 0 { 254 } else { 0 });
        let mut results = Vec::new();
        for (number, a) in cells.iter().enumerate() {
            for b in &cells {
                for name in names {
                    for arguments in [[TO, A, B], [A, A, B], [B, A, B], [TO, A, A]] {
                        if number % 2 == 0 {
                            machine.memory.write(&mut machine.store, BITS, &bits).unwrap();
                        }
                        results.push(machine.apply::<40>(name, &arguments, [a, b, &[7; 40]]));
                    }
                }
            }
        }
        results
    });
}

#[test]
fn integers_and_signs_of_cells_equal_those_of_circom_for_all_forms() {
    compare(|machine| {
        let calls =
            cells().into_iter().flat_map(|a| ["is_true", "is_negative", "to_int"].map(|name| (a, name)));
        calls.map(|(a, name)| machine.apply::<40>(name, &[A], [&a, &[7; 40], &[7; 40]])).collect()
    });
}
