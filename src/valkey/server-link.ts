/**
 * The connection to the server that counts for all nodes. Scripts run in the order of their calls. When the connection
 * ends, every open call is rejected, and nothing that was called on it may be assumed to have run or not.
 */
import type { ScriptName } from './scripts.ts';

export type Argument = string | number;
/** Flat; `null` stands for what the server does not have. */
export type Reply = readonly (string | number | null)[];

export interface ServerListener {
  /** A new connection: scripts and messages work. */
  up(): void;
  /** The connection ended, or none could be made. `problem` holds no secret. */
  down(problem: string): void;
  /** Something that a node published. */
  message(text: string): void;
}

export interface ServerLink {
  /** Connects, and connects again after each failure, until `close`. `base` is the name under which the node listens. */
  open(base: string, listener: ServerListener): void;
  /** Rejects if the connection ends before the reply, or if there is none. */
  call(script: ScriptName, args: readonly Argument[]): Promise<Reply>;
  close(): void;
}
