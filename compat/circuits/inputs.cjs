// Inputs of the circuits in rows.toml: `node inputs.cjs '["name", arguments…]'` prints them as JSON. The same each time,
// but for keys of RSA.

"use strict";

const crypto = require("node:crypto");
const fs = require("node:fs");
const path = require("node:path");
const { buildBabyjub, buildEddsa, buildPoseidon, newMemEmptyTrie } = require("circomlibjs");

const FIELD = 21888242871839275222246405745257275088548364400416034343698204186575808495617n;
/** Bits and number of the words of an RSA key. */
const [WORD, WORDS] = [121n, 17];

async function main() {
  const [name, ...args] = JSON.parse(process.argv[2]);
  const inputs = await makers(await tools())[name](...args);
  process.stdout.write(JSON.stringify(inputs, (_, value) => (typeof value === "bigint" ? value.toString() : value)));
}

async function tools() {
  const [poseidon, babyjub, eddsa] = [await buildPoseidon(), await buildBabyjub(), await buildEddsa()];
  const number = (element) => poseidon.F.toObject(element);
  return {
    babyjub,
    eddsa,
    number,
    hash: (...values) => number(poseidon(values)),
    point: (element) => element.map((coordinate) => babyjub.F.toObject(coordinate)),
  };
}

/** The root of a tree with `arity` children a node, by the leaves from left to right. */
function root(hash, arity, leaves) {
  let level = leaves;
  while (level.length > 1) {
    level = level.filter((_, i) => i % arity === 0).map((_, i) => hash(...level.slice(arity * i, arity * (i + 1))));
  }
  return level[0];
}

/** A path of siblings to the left-most leaf, and the root above it. */
function path_up(hash, leaf, depth, first = 100n) {
  const siblings = range(depth).map((i) => first + BigInt(i));
  return { siblings, root: siblings.reduce((node, sibling) => hash(node, sibling), leaf) };
}

const range = (length) => Array.from({ length }, (_, i) => i);
const zeros = (length) => Array(length).fill(0);

/** Bytes of a text, with zeros up to a length. */
function padded(text, length) {
  const bytes = [...Buffer.from(text)];
  return [...bytes, ...zeros(length - bytes.length)];
}

/** A message as SHA-256 pads it, with zeros up to a length. */
function sha_padded(message, length) {
  const end = Math.ceil((message.length + 9) / 64) * 64;
  const block = Buffer.alloc(end);
  message.copy(block);
  block[message.length] = 0x80;
  block.writeUInt32BE(8 * message.length, end - 4);
  return { bytes: [...block, ...zeros(length - end)], length: end };
}

const words = (value) => range(WORDS).map((i) => (value >> (WORD * BigInt(i))) & ((1n << WORD) - 1n));
const integer = (bytes) => BigInt(`0x${Buffer.from(bytes).toString("hex")}`);

/** A signature of RSA with SHA-256, and its key, as words. */
function signed(message) {
  const { privateKey, publicKey } = crypto.generateKeyPairSync("rsa", { modulusLength: 2048 });
  const modulus = Buffer.from(publicKey.export({ format: "jwk" }).n, "base64url");
  return {
    modulus: words(integer(modulus)),
    signature: words(integer(crypto.sign("sha256", message, privateKey))),
    message: words(integer(crypto.createHash("sha256").update(message).digest())),
  };
}

/** A model in a package: arrays of these sizes, with negative numbers as elements of the field. */
function model(file, sizes) {
  const text = fs.readFileSync(path.join(path.dirname(require.resolve("circomlib-ml/package.json")), file), "utf8");
  const element = (value) => ((BigInt(value) % FIELD) + FIELD) % FIELD;
  const given = JSON.parse(text);
  return Object.fromEntries(
    Object.entries(sizes).map(([name, size]) => [name, shaped(given[name].flat(Infinity).map(element), size)]),
  );
}

/** Values in nested arrays of these sizes. */
function shaped(values, [size, ...inner]) {
  const each = values.length / size;
  return range(size).map((i) => (inner.length ? shaped(values.slice(each * i, each * (i + 1)), inner) : values[i]));
}

function makers({ babyjub, eddsa, hash, number, point }) {
  const user = { identity_secret: 11n, attester_id: 219090124810n, epoch: 3n, chain_id: 1n };
  const data = [5n, 2n, 0n, 0n, 1n << 50n, 0n];
  const state_leaf = ({ identity_secret, attester_id, epoch, chain_id }, values) => {
    const control = attester_id + (epoch << 160n) + (chain_id << 208n);
    return hash(hash(identity_secret, control), values.slice(1).reduce((left, right) => hash(left, right), values[0]));
  };
  const membership = (depth) => ({
    state_tree_indices: zeros(depth),
    state_tree_elements: path_up(hash, state_leaf(user, data), depth).siblings,
  });
  const epoch_key = { ...user, reveal_nonce: 1n, nonce: 1n, sig_data: 99n };
  const private_key = Buffer.alloc(32, 7);

  return {
    semaphore: (depth) => ({
      secret: 1234567890123456789n,
      merkleProofLength: depth,
      merkleProofIndex: 5,
      merkleProofSiblings: range(depth).map((i) => 100 + i),
      message: 77,
      scope: 88,
    }),
    signup: () => user,
    epochKeyLite: () => epoch_key,
    epochKey: (depth) => ({ ...epoch_key, data, ...membership(depth) }),
    scopeNullifier: (depth) => ({ ...epoch_key, data, scope: 5n, ...membership(depth) }),
    reputation: (depth) => ({
      ...epoch_key,
      data,
      prove_graffiti: 1n,
      graffiti: data[4] >> 48n,
      min_rep: 2n,
      max_rep: 0n,
      prove_min_rep: 1n,
      prove_max_rep: 0n,
      prove_zero_rep: 0n,
      ...membership(depth),
    }),
    userStateTransition: (depth) => {
      const { identity_secret, attester_id, epoch, chain_id } = user;
      const received = [1n, 1n, 0n, 0n, 1n << 51n, 0n];
      const control = attester_id + (epoch << 160n) + (chain_id << 216n);
      const key = hash(identity_secret, control);
      const leaf = received.reduce((left, right) => hash(left, right), key);
      const epoch_path = path_up(hash, leaf, depth);
      return {
        identity_secret,
        attester_id,
        chain_id,
        from_epoch: epoch,
        to_epoch: epoch + 1n,
        data,
        new_data: [received, zeros(6)],
        epoch_tree_root: epoch_path.root,
        epoch_tree_elements: [epoch_path.siblings, epoch_path.siblings],
        epoch_tree_indices: [zeros(depth), zeros(depth)],
        history_tree_indices: zeros(depth),
        history_tree_elements: path_up(hash, 1n, depth).siblings,
        ...membership(depth),
      };
    },
    // The first batch of ballots.
    tally: (state_depth, batch_depth, option_depth, quadratic) => {
      const [ballots, options] = [2 ** batch_depth, 5 ** option_depth];
      const votes = range(ballots).map((i) => range(options).map((j) => BigInt((i + 1) * (j % 7))));
      const vote_roots = votes.map((row) => root(hash, 5, row));
      const path = path_up(hash, root(hash, 2, vote_roots.map((vote_root) => hash(1n, vote_root))), state_depth - batch_depth);
      const total = (values) => values.reduce((sum, value) => sum + value, 0n);
      const cost = (vote) => (quadratic ? vote * vote : vote);
      const by_option = (value) => range(options).map((j) => total(votes.map((row) => value(row[j]))));
      const results = hash(root(hash, 5, by_option((vote) => vote)), 3n);
      const spent = hash(total(votes.flat().map(cost)), 4n);
      const commitment = quadratic ? [results, spent, hash(root(hash, 5, by_option(cost)), 5n)] : [results, spent];
      return {
        stateRoot: 1n,
        ballotRoot: path.root,
        sbSalt: 2n,
        sbCommitment: hash(1n, path.root, 2n),
        currentTallyCommitment: 0n,
        newTallyCommitment: hash(...commitment),
        index: 0,
        numSignUps: ballots,
        ballots: vote_roots.map((vote_root) => [1n, vote_root]),
        ballotPathElements: path.siblings.map((sibling) => [sibling]),
        votes,
        currentResults: zeros(options),
        currentResultsRootSalt: 0n,
        currentSpentVoiceCreditSubtotal: 0n,
        currentSpentVoiceCreditSubtotalSalt: 0n,
        newResultsRootSalt: 3n,
        newSpentVoiceCreditSubtotalSalt: 4n,
        ...(quadratic && {
          currentPerVOSpentVoiceCredits: zeros(options),
          currentPerVOSpentVoiceCreditsRootSalt: 0n,
          newPerVOSpentVoiceCreditsRootSalt: 5n,
        }),
      };
    },
    commandSignature: () => {
      const preimage = [1n, 2n, 3n, 4n];
      const { R8, S } = eddsa.signPoseidon(private_key, babyjub.F.e(hash(...preimage)));
      return { pubKey: point(eddsa.prv2pub(private_key)), R8: point(R8), S, preimage };
    },
    eddsa: () => {
      const { R8, S } = eddsa.signPoseidon(private_key, babyjub.F.e(1234));
      const [[Ax, Ay], [R8x, R8y]] = [point(eddsa.prv2pub(private_key)), point(R8)];
      return { enabled: 1, Ax, Ay, S, R8x, R8y, M: 1234 };
    },
    ecdh: () => ({ privateKey: 1234567n, publicKey: point(eddsa.prv2pub(private_key)) }),
    identity: () => ({ secret: 12345678901234567890n, scope: 5 }),
    preimage: (length) => ({ preimages: range(length), scope: 5 }),
    merkleRoot: (depth) => ({
      leaf: 1,
      depth: depth - 4,
      indices: range(depth).map((i) => i % 2),
      siblings: range(depth).map((i) => 100 + i),
    }),
    insertion: async (levels) => {
      const tree = await newMemEmptyTrie();
      for (const key of [1, 2, 9, 33]) await tree.insert(key, 10 * key);
      const made = await tree.insert(65, 66);
      const siblings = made.siblings.map(number);
      return {
        fnc: [1, 0],
        oldRoot: number(made.oldRoot),
        siblings: [...siblings, ...zeros(levels - siblings.length)],
        oldKey: made.isOld0 ? 0 : number(made.oldKey),
        oldValue: made.isOld0 ? 0 : number(made.oldValue),
        isOld0: made.isOld0 ? 1 : 0,
        newKey: 65,
        newValue: 66,
      };
    },
    bits: (length) => ({ in: range(length).map((i) => (i * i) % 3 % 2) }),
    model1: () => ({ in: [1, 2, 3], Dense32weights: [[1, 2], [3, 4], [5, 6]], Dense21weights: [[7], [8]] }),
    mnist: () =>
      model("models/mnist_input.json", {
        in: [28, 28, 1],
        conv2d_weights: [3, 3, 1, 1],
        conv2d_bias: [1],
        dense_weights: [676, 10],
        dense_bias: [10],
      }),
    text: (length, text) => ({ msg: padded(text, length) }),
    softLineBreaks: (length) => ({
      encoded: padded("This line is broken =\r\nsoftly, and this one =\r\ntoo.", length),
      decoded: padded("This line is broken softly, and this one too.", length),
    }),
    rsa: () => signed(Buffer.from("a message")),
    paddedBytes: (length) => {
      const { bytes, length: paddedInLength } = sha_padded(Buffer.from("a message of some bytes"), length);
      return { paddedIn: bytes, paddedInLength };
    },
    emailHeader: (length) => {
      const header = Buffer.from("to:bob@example.org\r\nfrom:alice@example.org\r\nsubject:hello\r\n");
      const { bytes, length: emailHeaderLength } = sha_padded(header, length);
      const { modulus, signature } = signed(header);
      return { emailHeader: bytes, emailHeaderLength, pubkey: modulus, signature };
    },
    jwt: (length) => {
      const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
      const head = part({ alg: "RS256", typ: "JWT" });
      const token = Buffer.from(`${head}.${part({ iss: "https://example.org", sub: "alice@example.org", iat: 1700000000 })}`);
      const { bytes, length: messageLength } = sha_padded(token, length);
      const { modulus, signature } = signed(token);
      return { message: bytes, messageLength, pubkey: modulus, signature, periodIndex: head.length };
    },
  };
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
