//! Warnings about constraints: an input that an equal signal replaced is used.

use crate::support::Folder;

#[test]
fn an_unused_input_is_named_and_a_replaced_one_is_not() {
    let replaced = ["o <== same;", "o <== 2 * same + 1;", "o <== a; same === a;"];
    for body in replaced {
        let source = format!(
            "pragma circom 2.1.6;
            template X() {{
                signal input a; signal input same; signal input unused;
                signal output o; signal output p;
                {body} p <== a * a;
            }}
            component main = X();"
        );
        let folder = Folder::new(&[("x.circom", &source)]);
        for level in ["--O0", "--O1", "--O2"] {
            let told = folder.done(&["compile", "x.circom", level, "--out", "."]);
            let warnings: Vec<&str> = told.lines().filter(|line| line.starts_with("warning")).collect();
            let expected = "warning              1 signals are inputs that no constraint uses: main.unused";
            assert_eq!(warnings, [expected], "{body} {level}");
        }
    }
}
