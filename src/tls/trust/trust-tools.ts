/**
 * What changing trust needs of the machine: looking at files, and running commands. Passed in, so that no test ever
 * touches the trust of a real machine.
 */
import { shellWord } from '../../core/shell-word.ts';

export type Command = readonly [program: string, ...args: readonly string[]];

export interface CommandResult {
  /** Null where it could not be started. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface TrustTools {
  readonly platform: NodeJS.Platform;
  /** 0 is root. */
  readonly uid: number | undefined;
  readonly home: string;
  exists(path: string): boolean;
  /** Names in a folder; none where there is no such folder. */
  list(folder: string): readonly string[];
  /** Undefined where it cannot be read. */
  read(path: string): string | undefined;
  findProgram(name: string): Promise<string | undefined>;
  /** `terminal`: it may ask for a password. */
  run(command: Command, options?: { readonly terminal?: boolean }): Promise<CommandResult>;
}

/** As a person would type it. */
export function commandText(command: Command): string {
  return command.map(shellWord).join(' ');
}
