/**
 * The largest number of nodes seen in the last ten minutes. Without the server every node takes its part of each limit,
 * and a node that restarts must not make the parts of the others larger.
 */
const spanMs = 600_000;
const partMs = 60_000;

export class NodeCount {
  /** The largest number of each minute, newest last. */
  readonly #parts: { readonly fromMs: number; most: number }[] = [];

  /** `nodes`: the number that an earlier process of this node knew. */
  constructor(nodes: number, nowMs: number) {
    this.note(nodes, nowMs);
  }

  note(nodes: number, nowMs: number): void {
    const last = this.#parts.at(-1);
    if (last !== undefined && nowMs - last.fromMs < partMs) last.most = Math.max(last.most, nodes);
    else this.#parts.push({ fromMs: nowMs, most: Math.max(1, nodes) });
    // The newest number stays, however old: without the server no newer one can be known.
    while (this.#parts.length > 1 && nowMs - (this.#parts[0]?.fromMs ?? 0) >= spanMs) this.#parts.shift();
  }

  get most(): number {
    return this.#parts.reduce((most, part) => Math.max(most, part.most), 1);
  }
}
