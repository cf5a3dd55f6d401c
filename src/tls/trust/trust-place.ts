/**
 * A place where a CA can be trusted: which programs use it, whether the CA is trusted there, and the commands that
 * change that. The machine's files and commands are passed in as `TrustTools`, so that no test changes the trust of a
 * real machine.
 */
import type { X509Certificate } from 'node:crypto';
import { shellWord } from '../../core/shell-word.ts';
import type { TrustObstacle, TrustStoreTitle } from '../../core/trust-texts.ts';

/** A CA certificate and its file. */
export interface TrustedFile {
  readonly certificate: X509Certificate;
  readonly file: string;
}

export interface TrustPlace {
  /** The programs that use this trust store. */
  readonly title: TrustStoreTitle;
  readonly present: boolean;
  readonly adds: readonly TrustCommand[];
  readonly removes: readonly TrustCommand[];
  /** Why this store cannot be changed, and how to fix that. */
  readonly obstacle?: TrustObstacle;
  /** True if programs that can test a handshake use this store. */
  readonly system: boolean;
  /** The name of an NSS store for its tools. */
  readonly database?: string;
}

/** Short, unique, the same each time. */
export function trustName(certificate: X509Certificate): string {
  return `flm-local-ca-${certificate.fingerprint256.replaceAll(':', '').slice(0, 16).toLowerCase()}`;
}

export type TrustCommand = readonly [program: string, ...args: readonly string[]];

export interface CommandResult {
  /** Null if the command could not be started. */
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
  /** Names in a folder; empty if the folder does not exist. */
  list(folder: string): readonly string[];
  /** Undefined if the file cannot be read. */
  read(path: string): string | undefined;
  findProgram(name: string): Promise<string | undefined>;
  /** `terminal`: the command may ask for a password. */
  run(command: TrustCommand, options?: { readonly terminal?: boolean }): Promise<CommandResult>;
}

/** Returns the command as a user would type it. */
export function commandText(command: TrustCommand): string {
  return command.map(shellWord).join(' ');
}
