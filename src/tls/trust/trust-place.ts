/**
 * A place where a CA can be trusted: which programs use it, whether the CA is trusted there, and the commands that
 * change that. The machine's files and commands are passed in as `TrustTools`, so that no test changes the trust of a
 * real machine.
 */
import type { X509Certificate } from 'node:crypto';
import { shellWord } from '../../core/shell-word.ts';

/** A CA's certificate and the file that it lies in. */
export interface TrustedFile {
  readonly certificate: X509Certificate;
  readonly file: string;
}

export interface TrustPlace {
  /** Whom it serves. */
  readonly title: string;
  readonly present: boolean;
  readonly adds: readonly Command[];
  readonly removes: readonly Command[];
  /** Why it cannot be changed, and what helps. */
  readonly obstacle?: string;
  /** Programs read it that can be asked for a handshake. */
  readonly system: boolean;
  /** An NSS store, as its tools name it. */
  readonly database?: string;
}

/** Short, unique, the same each time. */
export function trustName(certificate: X509Certificate): string {
  return `flm-local-ca-${certificate.fingerprint256.replaceAll(':', '').slice(0, 16).toLowerCase()}`;
}

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
