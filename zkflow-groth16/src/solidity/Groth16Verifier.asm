; The runtime code that solc 0.8.30 makes of Groth16Verifier.sol: optimiser with 200 runs, EVM version Istanbul, no CBOR
; metadata. The test `the_template_is_the_output_of_the_compiler` of zkflow-evm compares both, byte for byte.
;
;   0x0180    PUSH of these bytes       ->name    PUSH of the offset of a label
;   name:     JUMPDEST                  @NAME@    a word of the key or a number that depends on n, shortest PUSH
;
; Lines between [CASES] and [end] are for these numbers n of public signals only. `many`: not 0, 2 or 4.

; verifyProof is the only function. It accepts no ether.
    0x80 0x40 mstore callvalue dup1 iszero ->without_value jumpi 0x00 dup1 revert
without_value:
    pop 0x04 calldatasize lt ->unknown jumpi
    0x00 calldataload 0xe0 shr dup1 @SELECTOR@ eq ->verify_proof jumpi
unknown:
    0x00 dup1 revert
verify_proof:
    ->encode_result ->call calldatasize 0x04 ->decode_arguments jump
call:
    ->body jump
; Not reached: the assembly block returns by itself.
encode_result:
    0x40 mload swap1 iszero iszero dup2 mstore 0x20 add 0x40 mload dup1 swap2 sub swap1 return

; The stack on entry, top last: selector, ->encode_result, pA, pB, pC, pubSignals (unless n = 0).
body:
    0x00
[0]
    0x20 dup5 add calldataload @Q@ dup2 lt
    @IC0_X@ 0x0180 mstore @IC0_Y@ 0x01a0 mstore
    dup6 calldataload 0x00 mstore
    @Q@ dup3 @Q@ sub mod 0x20 mstore
    0x80 dup6 0x40 calldatacopy
[end]
[2 4 many]
    ->start jump
; Arguments x, y, scalar, with x on top.
accumulate:
    dup1 0x01c0 mstore pop dup1 0x01e0 mstore pop dup1 0x0200 mstore
    0x00 @R@ dup3 lt swap1 pop
    0x40 0x01c0 0x60 0x01c0 0x07 gas staticcall and
    0x40 0x0180 0x80 dup2 0x06 gas staticcall and
    swap2 swap1 pop jump
start:
    0x20 dup6 add calldataload @Q@ dup2 lt
    @IC0_X@ 0x0180 mstore @IC0_Y@ 0x01a0 mstore
@ACCUMULATIONS@
    dup8 calldataload 0x00 mstore
    @Q@ dup4 dup2 sub mod 0x20 mstore
    and
    0x80 dup7 0x40 calldatacopy
[end]
    @ALPHA_X@ 0xc0 mstore @ALPHA_Y@ 0xe0 mstore
    @BETA_X1@ 0x0100 mstore @BETA_X0@ 0x0120 mstore @BETA_Y1@ 0x0140 mstore @BETA_Y0@ 0x0160 mstore
    @GAMMA_X1@ 0x01c0 mstore @GAMMA_X0@ 0x01e0 mstore @GAMMA_Y1@ 0x0200 mstore @GAMMA_Y0@ 0x0220 mstore
[0]
    0x40 dup5 0x0240 calldatacopy
[end]
[2 4 many]
    0x40 dup6 0x0240 calldatacopy
[end]
    @DELTA_X1@ 0x0280 mstore @DELTA_X0@ 0x02a0 mstore @DELTA_Y1@ 0x02c0 mstore @DELTA_Y0@ 0x02e0 mstore
    0x20 0x00 0x0300 0x00 0x08 gas staticcall dup2 and swap1 pop
    0x20 returndatasize eq dup2 and swap1 pop
    0x00 mload dup2 and 0x00 mstore
    0x20 0x00 return

; Decoding: an array must end within the call data. The routine of uint256[2] also serves n = 2; n = 4 shares a routine
; with uint256[2][2]; the check of every other length is in line.
words_2:
    dup1 0x40 dup2 add dup4 lt iszero ->words_end jumpi 0x00 dup1 revert
words_end:
    swap3 swap2 pop pop jump
[4]
words_4:
    dup1 0x80 dup2 add dup4 lt iszero ->words_end jumpi 0x00 dup1 revert
[end]
decode_arguments:
[0]
    0x00 dup1 0x00 @ARGUMENTS@ dup5 dup7 sub slt iszero ->long_enough jumpi 0x00 dup1 revert
long_enough:
    ->a_decoded dup6 dup6 ->words_2 jump
a_decoded:
    swap3 pop 0xc0 dup5 add dup6 dup2 gt iszero ->b_fits jumpi 0x00 dup1 revert
b_fits:
    0x40 dup6 add swap3 pop ->c_decoded dup7 dup3 ->words_2 jump
c_decoded:
    swap2 pop pop swap3 pop swap3 pop swap3 jump
[end]
[2 4 many]
    0x00 dup1 0x00 dup1 @ARGUMENTS@ dup6 dup8 sub slt iszero ->long_enough jumpi 0x00 dup1 revert
long_enough:
    ->a_decoded dup7 dup7 ->words_2 jump
a_decoded:
    swap4 pop
[end]
[2 many]
    0xc0 dup6 add dup7 dup2 gt iszero ->b_fits jumpi 0x00 dup1 revert
b_fits:
    0x40 dup7 add swap4 pop ->c_decoded dup8 dup3 ->words_2 jump
c_decoded:
    swap3 pop pop
[end]
[2]
    ->signals_decoded dup7 0x0100 dup8 add ->words_2 jump
[end]
[4]
    ->b_decoded dup7 0x40 dup8 add ->words_4 jump
b_decoded:
    swap3 pop ->c_decoded dup7 0xc0 dup8 add ->words_2 jump
c_decoded:
    swap2 pop ->signals_decoded dup7 0x0100 dup8 add ->words_4 jump
[end]
[2 4]
signals_decoded:
    swap1 pop swap3 swap6 swap2 swap5 pop swap3 pop jump
[end]
[many]
    dup6 @ARGUMENTS@ dup7 add gt iszero ->signals_fit jumpi 0x00 dup1 revert
signals_fit:
    pop swap2 swap5 swap1 swap4 pop swap1 swap2 0x0100 add swap1 jump
[end]
