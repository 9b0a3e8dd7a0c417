/** Calls for ceremonies: of contributors, of those who check them, and of those who hold them. */
import { keyed } from "./keyed.js";
import { ceremonyPath, segment } from "./paths.js";
import { secret } from "./secret.js";
import type { Call, Transport } from "./transport.js";
import type {
  CallOptions,
  Ceremony,
  CeremonyFile,
  CeremonyPage,
  CeremonyQuery,
  ContributionUpload,
  ContributorTurn,
  DeclaredKey,
  JoinedCeremony,
  KeyedOptions,
  NewCeremony,
} from "./types.js";

/** The ceremonies of a server. */
export class Ceremonies {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** A page of ceremonies, newest first. */
  list(query: CeremonyQuery = {}, options: CallOptions = {}): Promise<CeremonyPage> {
    return this.#transport.get("/v1/ceremonies", options, query);
  }

  /** A ceremony with its announced rules and its contributions. */
  get(ceremonyId: string, options: CallOptions = {}): Promise<Ceremony> {
    return this.#transport.get(ceremonyPath(ceremonyId), options);
  }

  /**
   * A file of a ceremony: the key to contribute to, the constraints, or after the end the record. Compare its SHA-256. With
   * `part`, its bytes from `start` to before `end`.
   */
  file(
    ceremonyId: string,
    name: CeremonyFile,
    { part, signal }: CallOptions & { readonly part?: { readonly start: number; readonly end: number } } = {},
  ): Promise<Response> {
    const headers: Record<string, string> = part === undefined ? {} : { range: `bytes=${part.start}-${part.end - 1}` };
    return this.#transport.send({ path: `${ceremonyPath(ceremonyId)}/files/${segment(name)}`, headers, signal });
  }

  /** Joins the queue: the number of the place, and its secret `token` for the other calls. It is not repeated. */
  join(ceremonyId: string, options: CallOptions = {}): Promise<JoinedCeremony> {
    return this.#transport.post(`${ceremonyPath(ceremonyId)}/join`, undefined, options, { repeatable: false });
  }

  /** The state of a place. Takes the turn if it is due. */
  async takeTurn(ceremonyId: string, token: string, options: CallOptions = {}): Promise<ContributorTurn> {
    return await this.#transport.post(turnPath(ceremonyId), undefined, options, by(token));
  }

  /** Gives a place back. A contribution that is being verified stays. */
  async leave(ceremonyId: string, token: string, { signal }: CallOptions = {}): Promise<void> {
    await this.#transport.send({ method: "DELETE", path: turnPath(ceremonyId), signal, ...by(token) });
  }

  /** Declares the key with the contribution; the same declaration again has the parts that are still missing. */
  async declare(
    ceremonyId: string,
    token: string,
    key: DeclaredKey,
    { signal }: CallOptions = {},
  ): Promise<ContributionUpload> {
    const path = `${turnPath(ceremonyId)}/upload`;
    return await this.#transport.json({ method: "PUT", path, body: key, signal, ...by(token) });
  }

  /** Sends a part of the declared key: its bytes from `part * partBytes` on. */
  async putPart(
    ceremonyId: string,
    token: string,
    part: number,
    bytes: Uint8Array,
    { signal }: CallOptions = {},
  ): Promise<void> {
    const path = `${turnPath(ceremonyId)}/parts/${part}`;
    await this.#transport.send({ method: "PUT", path, bytes, signal, ...by(token) });
  }

  /** Submits the uploaded key. A second attempt would be refused, so it is not repeated: `takeTurn` has the state. */
  async submit(ceremonyId: string, token: string, options: CallOptions = {}): Promise<ContributorTurn> {
    const call = { ...by(token), repeatable: false };
    return await this.#transport.post(`${turnPath(ceremonyId)}/submit`, undefined, options, call);
  }

  /** Announces a ceremony. */
  create(announced: NewCeremony, options: CallOptions & KeyedOptions = {}): Promise<Ceremony> {
    return this.#transport.post("/v1/ceremonies", announced, options, keyed(options));
  }

  /** Ends a ceremony with the value of the announced beacon, in hex digits. It is not repeated. */
  finish(ceremonyId: string, value: string, options: CallOptions = {}): Promise<Ceremony> {
    return this.#transport.post(`${ceremonyPath(ceremonyId)}/finish`, { value }, options, { repeatable: false });
  }

  /** Deletes a ceremony; the circuit that it made stays. `force` also deletes a completed one, and with it its record. */
  async delete(ceremonyId: string, options: CallOptions & { readonly force?: boolean } = {}): Promise<void> {
    await this.#transport.delete(ceremonyPath(ceremonyId), options, { force: options.force });
  }
}

function turnPath(ceremonyId: string): string {
  return `${ceremonyPath(ceremonyId)}/turn`;
}

/** The header of a contributor. */
function by(token: string): Pick<Call, "headers"> {
  return { headers: { "contributor-token": secret(token, "the token") } };
}
