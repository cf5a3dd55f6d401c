/** How the limits of a fleet are counted now, for status and metrics. */
export interface LimiterReading {
  /**
   * `shared`: the server counts for all nodes. `away`: it does not answer, and this node decides alone. `returning`: it
   * answers again, and this node waits a few seconds before it relies on it.
   */
  readonly state: 'away' | 'returning' | 'shared';
  /** The most nodes of the last ten minutes. While the server is away, each takes this part of every limit. */
  readonly nodes: number;
  /** Why the server does not count. */
  readonly problem: string | undefined;
  /** What happens without the server. */
  readonly outage: 'local' | 'refuse';
  /** Questions of requests that the server answered, and those that this node decided alone. */
  readonly decidedShared: number;
  readonly decidedAlone: number;
  /** How often the server went away since the start. */
  readonly outages: number;
}
