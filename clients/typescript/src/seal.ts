/** Inputs that only the workers of a server can read: HPKE (RFC 9180) over WebCrypto. */
import { base64, type Bytes, join, unhex, utf8 } from "./bytes.js";
import { sha256 } from "./digest.js";
import { UnsupportedError } from "./errors.js";
import { toJson } from "./numbers.js";
import type { ProofInputs, SealingKey } from "./types.js";

/** The suite of this client: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. */
const KEM = 0x0020;
const KDF = 0x0001;
const AEAD = 0x0002;
const SUITE = "DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM";
/** First byte of inputs that a client sealed. */
const FORMAT = 4;
const INFO = "zkflow sealed inputs";

/** A key pair that is used once. */
interface Ephemeral {
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
}

/**
 * Seals the inputs of a proof to a server's key, for the field `sealedInputs`. They open for this circuit, the key's tenant and
 * this user only. Take the key from a source that you trust: a server that gives you a key of its own can read the inputs.
 */
export async function sealInputs(key: SealingKey, circuitId: string, inputs: ProofInputs): Promise<string> {
  const subtle = webCrypto();
  let ephemeral: Ephemeral;
  try {
    ephemeral = (await subtle.generateKey({ name: "X25519" }, false, ["deriveBits"])) as CryptoKeyPair;
  } catch (error) {
    throw new UnsupportedError("WebCrypto of this platform has no X25519: use Node 20 or later, or a newer browser", error);
  }
  return sealWith(ephemeral, key, circuitId, inputs);
}

/** Seals with a given ephemeral key, for test vectors. A key that is used twice breaks the secrecy of both texts. */
export async function sealWith(
  ephemeral: Ephemeral,
  key: SealingKey,
  circuitId: string,
  inputs: ProofInputs,
): Promise<string> {
  if (key.suite !== SUITE || key.format !== FORMAT) {
    throw new UnsupportedError(`the server seals by ${key.suite}, format ${key.format}: update this client`);
  }
  // Another name of the circuit, such as its id in the Node service, would seal inputs that never open.
  if (!/^[0-9a-f]{32}$/.test(circuitId)) throw new TypeError("expected the circuitId of the server: 32 lower-case hex digits");
  const subtle = webCrypto();
  const recipient = unhex(key.publicKey);
  if (recipient?.length !== 32) throw new TypeError("expected a public key of 64 hex digits");
  const digest = await sha256(join(utf8("zkflow sealing key"), recipient));
  const keyId = unhex(key.keyId);
  if (keyId === undefined || digest.slice(0, 16) !== key.keyId) throw new TypeError("the sealing key does not have the id that it names");
  const { privateInputs, publicInputs = {}, userId = "" } = inputs;
  const plain = utf8(toJson({ privateInputs, publicInputs }));

  const header = join(Uint8Array.of(FORMAT), keyId);
  const associated = [header];
  for (const field of ["inputs", "", key.tenant, circuitId, userId]) {
    const bytes = utf8(field);
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, bytes.length, true);
    associated.push(length, bytes);
  }

  const encapsulated = new Uint8Array(await subtle.exportKey("raw", ephemeral.publicKey));
  const peer = await subtle.importKey("raw", recipient, { name: "X25519" }, false, []);
  const dh = new Uint8Array(await subtle.deriveBits({ name: "X25519", public: peer }, ephemeral.privateKey, 256));
  const kem = join(utf8("KEM"), number(KEM));
  const prk = await extract(kem, new Uint8Array(), "eae_prk", dh);
  const shared = await expand(kem, prk, "shared_secret", join(encapsulated, recipient), 32);

  const suite = join(utf8("HPKE"), number(KEM), number(KDF), number(AEAD));
  const none = new Uint8Array();
  const context = join(
    Uint8Array.of(0), // base mode
    await extract(suite, none, "psk_id_hash", none),
    await extract(suite, none, "info_hash", utf8(INFO)),
  );
  const secret = await extract(suite, shared, "secret", none);
  const cipherKey = await subtle.importKey("raw", await expand(suite, secret, "key", context, 32), "AES-GCM", false, ["encrypt"]);
  const iv = await expand(suite, secret, "base_nonce", context, 12);
  const sealed = await subtle.encrypt({ name: "AES-GCM", iv, additionalData: join(...associated) }, cipherKey, plain);
  plain.fill(0);
  return base64(join(header, encapsulated, new Uint8Array(sealed)));
}

/** LabeledExtract of RFC 9180. An empty salt is 32 zeros: WebCrypto refuses empty keys, and HMAC pads both alike. */
async function extract(suite: Bytes, salt: Bytes, label: string, input: Bytes): Promise<Bytes> {
  return hmac(salt.length === 0 ? new Uint8Array(32) : salt, join(utf8("HPKE-v1"), suite, utf8(label), input));
}

/** LabeledExpand of RFC 9180, for at most 32 bytes: one block of HKDF-Expand. */
async function expand(suite: Bytes, key: Bytes, label: string, info: Bytes, length: number): Promise<Bytes> {
  const block = join(number(length), utf8("HPKE-v1"), suite, utf8(label), info, Uint8Array.of(1));
  return (await hmac(key, block)).subarray(0, length);
}

async function hmac(key: Bytes, message: Bytes): Promise<Bytes> {
  const subtle = webCrypto();
  const imported = await subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return new Uint8Array(await subtle.sign("HMAC", imported, message));
}

function webCrypto(): SubtleCrypto {
  const subtle = globalThis.crypto?.subtle;
  if (subtle === undefined) {
    throw new UnsupportedError("there is no WebCrypto: use Node 20 or later, or a page over https");
  }
  return subtle;
}

function number(value: number): Bytes {
  return Uint8Array.of(value >> 8, value & 0xff);
}
