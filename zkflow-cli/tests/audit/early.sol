// SPDX-License-Identifier: MIT OR Apache-2.0
// A verifier with the layout of the contracts of snarkjs 0.4 to 0.6: the key is assigned to a struct.
pragma solidity ^0.8.0;

library Pairing {
    struct G1Point {
        uint256 X;
        uint256 Y;
    }
    struct G2Point {
        uint256[2] X;
        uint256[2] Y;
    }

    function generator() internal pure returns (G2Point memory) {
        return G2Point(
            [11559732032986387107991004021392285783925812861821192530917403151452391805634,
             10857046999023057135944570762232829481370756359578518086990519993285655852781],
            [4082367875863433681332203403145435568316851327593401208105741076214120093531,
             8495653923123431417604973247489272438418190587263600148770280649306958101930]
        );
    }

    function minus(G1Point memory p) internal pure returns (G1Point memory) {
        uint256 q = 21888242871839275222246405745257275088696311157297823662689037894645226208583;
        return G1Point(p.X, (q - p.Y % q) % q);
    }

    function sum(G1Point memory a, G1Point memory b) internal view returns (G1Point memory c) {
        uint256[4] memory input = [a.X, a.Y, b.X, b.Y];
        bool done;
        assembly { done := staticcall(gas(), 6, input, 0x80, c, 0x40) }
        require(done, "pairing-add-failed");
    }

    function times(G1Point memory a, uint256 k) internal view returns (G1Point memory c) {
        uint256[3] memory input = [a.X, a.Y, k];
        bool done;
        assembly { done := staticcall(gas(), 7, input, 0x60, c, 0x40) }
        require(done, "pairing-mul-failed");
    }

    function isOne(G1Point[4] memory a, G2Point[4] memory b) internal view returns (bool) {
        uint256[24] memory input;
        for (uint256 i = 0; i < 4; i++) {
            input[6 * i] = a[i].X;
            input[6 * i + 1] = a[i].Y;
            input[6 * i + 2] = b[i].X[0];
            input[6 * i + 3] = b[i].X[1];
            input[6 * i + 4] = b[i].Y[0];
            input[6 * i + 5] = b[i].Y[1];
        }
        uint256[1] memory out;
        bool done;
        assembly { done := staticcall(gas(), 8, input, 0x300, out, 0x20) }
        return done && out[0] == 1;
    }
}

contract Groth16Verifier {
    struct VerifyingKey {
        Pairing.G1Point alfa1;
        Pairing.G2Point beta2;
        Pairing.G2Point gamma2;
        Pairing.G2Point delta2;
        Pairing.G1Point[] IC;
    }

    function verifyingKey() internal pure returns (VerifyingKey memory vk) {
@key@
    }

    function verifyProof(uint256[2] memory a, uint256[2][2] memory b, uint256[2] memory c, uint256[@n@] memory input)
        public
        view
        returns (bool)
    {
        uint256 snark_scalar_field = 21888242871839275222246405745257275088548364400416034343698204186575808495617;
        VerifyingKey memory vk = verifyingKey();
        Pairing.G1Point memory x = vk.IC[0];
        for (uint256 i = 0; i < input.length; i++) {
            require(input[i] < snark_scalar_field, "verifier-gte-snark-scalar-field");
            x = Pairing.sum(x, Pairing.times(vk.IC[i + 1], input[i]));
        }
        return Pairing.isOne(
            [Pairing.minus(Pairing.G1Point(a[0], a[1])), vk.alfa1, x, Pairing.G1Point(c[0], c[1])],
            [Pairing.G2Point([b[0][0], b[0][1]], [b[1][0], b[1][1]]), vk.beta2, vk.gamma2, vk.delta2]
        );
    }
}
