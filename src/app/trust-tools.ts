/** The files and programs of this machine that are needed to change its trusted CAs. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import type { TrustTools } from '../tls/trust/trust-place.ts';
import type { Machine } from './machine.ts';

export function machineTrustTools(machine: Machine): TrustTools {
  return {
    platform: process.platform,
    uid: process.getuid?.(),
    home: homedir(),
    exists: (path) => existsSync(path),
    list(folder) {
      try {
        return readdirSync(folder);
      } catch {
        return [];
      }
    },
    read(path) {
      try {
        return readFileSync(path, 'latin1');
      } catch {
        return undefined;
      }
    },
    findProgram: (name) => machine.findProgram(name),
    async run([program, ...args], options) {
      const child = spawn(program, args, {
        // sudo asks for the password on the terminal; a question on stdin would hang.
        stdio: [options?.terminal === true ? 'inherit' : 'ignore', 'pipe', 'pipe'],
        env: { ...machine.environment },
        // Started as root, flm runs as the owner of the data folder; a change to the machine needs root again.
        ...(process.getuid?.() === 0 ? { uid: 0, gid: 0 } : {}),
      });
      let stdout = '';
      let stderr = '';
      child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
      child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
      try {
        const [code] = await once(child, 'close');
        return { code: code as number | null, stdout, stderr };
      } catch {
        // There is no such program.
        return { code: null, stdout, stderr };
      }
    },
  };
}
