// SPDX-License-Identifier: MIT OR Apache-2.0
// A verifier with the layout of gnark's contracts: opposites of beta, gamma and delta, the pairs in another order.
pragma solidity ^0.8.0;

contract Groth16Verifier {
    error PublicInputNotInField();
    error ProofInvalid();

    uint256 constant P = 21888242871839275222246405745257275088696311157297823662689037894645226208583;
    uint256 constant R = 21888242871839275222246405745257275088548364400416034343698204186575808495617;
    uint256 constant EXP_INVERSE_FP = 0x30644E72E131A029B85045B68181585D97816A916871CA8D3C208C16D87CFD45;
@key@

    // gnark's contracts invert to decompress proofs.
    function inverse(uint256 a) public view returns (uint256 x) {
        bool success;
        assembly ("memory-safe") {
            let f := mload(0x40)
            mstore(f, 0x20)
            mstore(add(f, 0x20), 0x20)
            mstore(add(f, 0x40), 0x20)
            mstore(add(f, 0x60), a)
            mstore(add(f, 0x80), EXP_INVERSE_FP)
            mstore(add(f, 0xa0), P)
            success := staticcall(gas(), 0x05, f, 0xc0, f, 0x20)
            x := mload(f)
        }
        if (!success) {
            revert ProofInvalid();
        }
    }

    function publicInputMSM(uint256[@n@] calldata input) internal view returns (uint256 x, uint256 y) {
        bool success = true;
        assembly ("memory-safe") {
            let f := mload(0x40)
            let g := add(f, 0x40)
            let s
            mstore(f, CONSTANT_X)
            mstore(add(f, 0x20), CONSTANT_Y)
@sums@
            x := mload(f)
            y := mload(add(f, 0x20))
        }
        if (!success) {
            revert PublicInputNotInField();
        }
    }

    function pairs(uint256[24] memory points, uint256[@n@] calldata input) internal view {
        (uint256 x, uint256 y) = publicInputMSM(input);
        // e(C, -delta) e(alpha, -beta) e(sum, -gamma)
        points[8] = DELTA_NEG_X_1;
        points[9] = DELTA_NEG_X_0;
        points[10] = DELTA_NEG_Y_1;
        points[11] = DELTA_NEG_Y_0;
        points[12] = ALPHA_X;
        points[13] = ALPHA_Y;
        points[14] = BETA_NEG_X_1;
        points[15] = BETA_NEG_X_0;
        points[16] = BETA_NEG_Y_1;
        points[17] = BETA_NEG_Y_0;
        points[18] = x;
        points[19] = y;
        points[20] = GAMMA_NEG_X_1;
        points[21] = GAMMA_NEG_X_0;
        points[22] = GAMMA_NEG_Y_1;
        points[23] = GAMMA_NEG_Y_0;
    }

    function verifyProof(uint256[8] calldata proof, uint256[@n@] calldata input) public view {
        uint256[24] memory points;
        for (uint256 i = 0; i < 8; i++) {
            points[i] = proof[i];
        }
        pairs(points, input);
        uint256[1] memory out;
        bool success;
        assembly ("memory-safe") { success := staticcall(gas(), 8, points, 0x300, out, 0x20) }
        if (!success || out[0] != 1) {
            revert ProofInvalid();
        }
    }
}
