// What the origin of a circuit's keys is worth.
import type { Circuit } from "../types";
import { Badge } from "./basic";

/** Where the keys of a circuit come from: verified, only claimed, or known to be forgeable. */
type Keys = Pick<Circuit, "provenance" | "claimed" | "forgeable">;

/** Label, colour and meaning of the origin of a circuit's keys. */
export function meaning({ provenance: of, claimed, forgeable }: Keys): { label: string; tone: string; text: string } {
  if (forgeable !== undefined) {
    const { reason, contractAtRisk: contract } = forgeable;
    const place = contract && `The contract ${contract.address}${contract.chainId === undefined ? "" : ` on chain ${contract.chainId}`} accepts forged proofs: replace it.`;
    return { label: "forgeable", tone: "bad", text: `Any person can forge proofs: ${reason}. The keys prove, and are never deployed. ${place ?? "Replace every contract with this key."}` };
  }
  if (claimed !== undefined) {
    const { label } = meaning({ provenance: claimed });
    return { label: `claimed ${label}`, tone: "warn", text: "The key was not compared with powers of tau: its contributions may belong to other ones. It is deployed to development chains only." };
  }
  if (of === undefined) return { label: "no keys", tone: "dull", text: "The keys are not made yet." };
  if (of === "development")
    return { label: "development", tone: "warn", text: "The server made the powers of tau itself. Its operator could forge proofs: for development only." };
  if (of === "single-operator")
    return { label: "single-operator", tone: "busy", text: "One secret contribution in a phase. The contributor could forge proofs; others cannot." };
  return { label: `ceremony (${of.ceremony})`, tone: "good", text: `At least ${of.ceremony} secret contributions in each phase. Only all contributors together could forge proofs.` };
}

/** What the server checked before it gave the label. */
export const CHECKS = "Checked on the bytes: each contribution proves its secret and follows the one before; the parameters agree in G1 and G2 and are no known numbers; the key belongs to this circuit and its powers of tau.";

export function Provenance({ of }: { of: Keys }) {
  const { label, tone, text } = meaning(of);
  return <Badge text={label} tone={tone} title={text} />;
}
