/** Paths of documents. */

/** A text as one segment of a path. */
export function segment(text: string): string {
  return encodeURIComponent(text);
}

export function circuitPath(circuitId: string): string {
  return `/v1/circuits/${segment(circuitId)}`;
}

export function uploadPath(uploadId: string): string {
  return `/v1/uploads/${segment(uploadId)}`;
}

export function proofPath(proofRequestId: string): string {
  return `/v1/proofs/${segment(proofRequestId)}`;
}

export function deploymentPath(circuitId: string, deploymentId: string): string {
  return `${circuitPath(circuitId)}/deployments/${segment(deploymentId)}`;
}

export function ceremonyPath(ceremonyId: string): string {
  return `/v1/ceremonies/${segment(ceremonyId)}`;
}
