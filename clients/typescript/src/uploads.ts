/** Sends files in parts, without more than one part in memory. */
import { sha256 } from "./digest.js";
import { NoAnswerError, RefusedError } from "./errors.js";
import { measure, parts } from "./files.js";
import { uploadPath } from "./paths.js";
import type { Transport } from "./transport.js";
import type { components } from "./api.js";
import type { CallOptions, FileToUpload, Upload, UploadOptions } from "./types.js";

type SignedParts = components["schemas"]["SignedParts"];

/** Reads all files once, and declares their lengths and digests. */
export async function declare(transport: Transport, given: readonly FileToUpload[], options: CallOptions): Promise<Upload> {
  const files = [];
  for (const { role, file, path } of given) {
    const { size, sha256 } = await measure(file, options.signal);
    files.push(path === undefined ? { role, size, sha256 } : { role, path, size, sha256 });
  }
  // An upload whose answer is lost has no bytes, and expires.
  return transport.json({ method: "POST", path: "/v1/uploads", body: { files }, signal: options.signal });
}

/** Sends the parts that the server does not have. */
export async function send(
  transport: Transport,
  upload: Upload,
  given: readonly FileToUpload[],
  { signal, onUpload }: UploadOptions,
): Promise<void> {
  const { uploadId, partBytes, files } = upload;
  if (files.length !== given.length || files.some(({ role }, place) => role !== given[place]?.role)) {
    throw new TypeError("the upload was declared for other files");
  }
  const total = files.reduce((sum, { size }) => sum + size, 0);
  const lengthOf = (size: number, part: number) => Math.min(partBytes, size - part * partBytes);
  let sent = total;
  for (const { size, missing } of files) for (const part of missing) sent -= lengthOf(size, part);
  onUpload?.({ sent, total });

  let { direct } = upload;
  for (const [place, { file }] of given.entries()) {
    const missing = new Set(files[place]?.missing);
    if (missing.size === 0) continue;
    let number = 0;
    for await (const bytes of parts(file, partBytes, signal)) {
      const part = number++;
      if (!missing.delete(part)) continue;
      const path = `${uploadPath(uploadId)}/files/${place}`;
      // A bucket that does not answer or refuses the part is left alone: the server takes the parts too.
      direct = direct && (await sentToBucket(transport, path, part, bytes, signal));
      if (!direct) await transport.send({ method: "PUT", path: `${path}/parts/${part}`, bytes, signal });
      sent += bytes.length;
      onUpload?.({ sent, total });
    }
    if (missing.size > 0) throw new TypeError(`file ${place} has become shorter while it was sent`);
  }
}

/** Whether the bucket of the server took the part. */
async function sentToBucket(
  transport: Transport,
  path: string,
  part: number,
  bytes: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  try {
    const body = { parts: [{ part, sha256: await sha256(bytes) }] };
    const signed = await transport.json<SignedParts>({ method: "POST", path: `${path}/urls`, body, signal });
    const [target] = signed.parts;
    if (target === undefined) return false;
    await transport.sendSigned({ url: target.url, headers: target.headers, bytes, signal });
    return true;
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof NoAnswerError || error instanceof RefusedError) return false;
    throw error;
  }
}
