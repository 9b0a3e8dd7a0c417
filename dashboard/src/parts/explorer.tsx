// Contracts and transactions, with links to the explorers of their chains.

const EXPLORERS: Record<string, string> = {
  1: "https://etherscan.io", 11155111: "https://sepolia.etherscan.io", 8453: "https://basescan.org",
  42161: "https://arbiscan.io", 10: "https://optimistic.etherscan.io", 137: "https://polygonscan.com",
};

/** An address or a hash of a transaction; a link, if the chain has a known explorer. */
export function Explored({ chain, kind, of }: { chain: number | undefined; kind: "address" | "tx"; of: string }) {
  const explorer = EXPLORERS[String(chain)];
  const text = <code class="break">{of}</code>;
  return explorer ? <a href={`${explorer}/${kind}/${of}`} rel="noreferrer noopener" target="_blank">{text}</a> : text;
}
