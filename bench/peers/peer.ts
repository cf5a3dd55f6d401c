/**
 * What the benchmark knows about a compared proxy, and helpers to start one that runs in the foreground.
 *
 * Each file of this folder is one peer. It has as much of flm's policy as it offers: a table of keys, a request rate for
 * each key, an access log in a file. `lacks` names the rest, which its figures do not include.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { secretTools } from '../../src/app/machine.ts';
import { freshSecret } from '../../src/core/security/key-secret.ts';
import type { TargetAddress } from '../load.ts';
import { core, type everyCore, pinned } from '../machine.ts';
import { end } from '../processes.ts';

export interface Certificate {
  /** The certificate of the CA, as PEM. */
  readonly authority: string;
  /** The file with the server's key and certificate, as PEM. */
  readonly pair: string;
}

export interface Setup {
  /** Ports of engines, which all have the same models. */
  readonly engines: readonly number[];
  readonly keyCount: number;
  /** Serve only HTTPS. flm has a certificate of its own, which is then given to the others. */
  readonly tls?: 'own' | Certificate;
}

/** Parts of flm's policy that another program may lack: their names in English and Japanese. */
export const policies = {
  keys: { en: 'keys', ja: 'キー' },
  storedKeys: { en: 'keys in a database', ja: 'データベースのキー' },
  rate: { en: 'rate limit', ja: 'レート制限' },
  log: { en: 'access log', ja: 'アクセスログ' },
  bodies: { en: 'reading bodies', ja: '本文の読み取り' },
  tokens: { en: 'counting tokens', ja: 'トークンの計数' },
} as const;

/** A peer with its files in place, not started yet. */
export interface Prepared {
  readonly address: TargetAddress;
  /**
   * Resolves when the program was started, on the proxy's core if no other is given. Its listener may answer later.
   */
  launch(on?: number | typeof everyCore): Promise<void>;
  /** The id of the process that handles requests. Valid after the first answer. */
  pid(): number;
  /** Valid after `launch`. */
  certificate?(): Certificate;
  /** Ends the program and removes its files. */
  stop(): Promise<void>;
}

export interface Peer {
  readonly name: string;
  /** Undefined where it is not installed. */
  version(): string | undefined;
  /** The parts of flm's policy that it does not have here, or that it has in another way; empty if none. */
  readonly lacks: readonly (keyof typeof policies)[];
  readonly remark?: string;
  /** Roughly the requests that it serves in a second on one core. Sizes the rounds. */
  readonly perSecond: number;
  /** Streams of 100 events a second that it can serve at once; 200 if absent. */
  readonly streams?: number;
  /** Open streams in the part `memory`; 5,000 if absent. */
  readonly openStreams?: number;
  readonly tls?: true;
  /** Its table of keys is made for many keys. */
  readonly manyKeys?: true;
  prepare(setup: Setup): Promise<Prepared>;
}

export function makeKeys(count: number): readonly string[] {
  return Array.from({ length: count }, () => freshSecret(secretTools).key);
}

export interface Program {
  readonly command: readonly string[];
  readonly folder: { readonly path: string; remove(): void };
  readonly env?: Readonly<Record<string, string>>;
  /** Requests are handled by a child of the process. */
  readonly worker?: true;
}

/** Runs a program. Its output goes into the file `output` of its folder. */
export function program({ command, folder, env, worker }: Program): Omit<Prepared, 'address'> {
  let child: ChildProcess | undefined;
  return {
    launch: async (on = core.proxy) => {
      const [path = '', ...args] = pinned(on, command);
      const output = openSync(join(folder.path, 'output'), 'a');
      child = spawn(path, args, {
        stdio: ['ignore', output, output],
        cwd: folder.path,
        env: { ...process.env, ...env },
      });
      closeSync(output);
    },
    pid: () => {
      const pid = child?.pid ?? 0;
      return worker === undefined ? pid : firstChildOf(pid);
    },
    stop: async () => {
      if (child !== undefined && child.exitCode !== null)
        console.log(
          `${command[0]} has ended: ${readFileSync(join(folder.path, 'output'), 'utf8').slice(-2000)}`,
        );
      if (child !== undefined) await end(child);
      folder.remove();
    },
  };
}

function firstChildOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ')[0]);
}
