// Sends the files of a circuit in parts, and imports it.
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { call, get, post } from "./api";
import type { Circuit, FileRole, Upload } from "./types";

export type Chosen = { file: File; role: FileRole; path?: string };

/** Bytes of a file that are hashed at a time. */
const PIECE = 4 << 20;

/** SHA-256 of a file of any length, in pieces. The browser's own function needs the whole file in memory, and https. */
async function digest(file: File, step: (bytes: number) => void): Promise<string> {
  const hash = sha256.create();
  for (let at = 0; at < file.size; at += PIECE) {
    const piece = new Uint8Array(await file.slice(at, at + PIECE).arrayBuffer());
    hash.update(piece);
    step(piece.length);
  }
  return bytesToHex(hash.digest());
}

/** Declares the files. The upload is kept by the server for a day: it can be continued. */
export async function declare(chosen: Chosen[], step: (bytes: number) => void): Promise<Upload> {
  const files = [];
  for (const { file, role, path } of chosen) {
    files.push({ role, size: file.size, sha256: await digest(file, step), ...(path ? { path } : {}) });
  }
  return post<Upload>("/v1/uploads", { files });
}

/** Sends the parts that the server does not have. */
export async function fill(upload: Upload, chosen: Chosen[], step: (bytes: number) => void): Promise<void> {
  const { uploadId, partBytes, files } = await get<Upload>(`/v1/uploads/${upload.uploadId}`);
  for (const [place, { missing }] of files.entries()) {
    const { file } = chosen[place]!;
    for (const part of missing) {
      const piece = file.slice(part * partBytes, (part + 1) * partBytes);
      await call("PUT", `/v1/uploads/${uploadId}/files/${place}/parts/${part}`, piece);
      step(piece.size);
    }
  }
}

/** Requests the circuit of a complete upload. */
export function request(upload: Upload, choices: { main?: string; powers?: "configured"; simplification?: string }): Promise<Circuit> {
  return post<Circuit>("/v1/circuits/import", { uploadId: upload.uploadId, ...choices });
}
