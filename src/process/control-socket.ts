/**
 * Binds the socket file of a proxy, detects whether a socket is stale or in use, and removes stale sockets. A path
 * contains the random id of one proxy, so two running proxies never use the same path. Both sides of a connection share
 * the two constants.
 */
import { chmodSync, readdirSync, rmSync, statSync } from 'node:fs';
import { connect, type Server } from 'node:net';
import { join } from 'node:path';
import { ProxyError } from '../core/errors.ts';
import { codeOf, dataFolderAdvice, systemRefusal } from '../core/system-error.ts';

/** The header field with the nonce of the proxy, in requests and responses. */
export const nonceField = 'flm-nonce';

/**
 * The Host field of requests. If it were a name, Node would check if the name is an IPv6 address, and compiling the
 * expression for that takes some milliseconds of each command.
 */
export const controlHost = '127.0.0.1';

/** True for a Windows named pipe, which is not a file. */
export function isPipe(path: string): boolean {
  return path.startsWith('\\\\.\\pipe\\');
}

/**
 * Binds the socket with mode 0600. Removes the socket of a dead process; throws PROXY_START_FAILED if a running process
 * answers.
 */
export async function bindControlSocket(server: Server, path: string): Promise<void> {
  try {
    await listen(server, path);
  } catch (error) {
    if (codeOf(error) !== 'EADDRINUSE')
      throw (
        systemRefusal(error, `to open the control socket ${path}`, dataFolderAdvice) ??
        failed(`its control socket cannot be opened (${codeOf(error)})`, error)
      );
    if (!(await removeStaleSocket(path))) throw failed('its control socket belongs to a running process');
    try {
      await listen(server, path);
    } catch (again) {
      throw failed(`its control socket cannot be opened (${codeOf(again)})`, again);
    }
  }
  // The folder is private already; the mode protects the socket if the folder is moved.
  if (!isPipe(path)) chmodSync(path, 0o600);
}

/** Removes a socket without a listener, if the disk allows it. Returns false if a process listens there. */
export async function removeStaleSocket(path: string): Promise<boolean> {
  const outcome = await knock(path);
  if (outcome === 'ENOENT') return true;
  if (outcome !== 'ECONNREFUSED') return false;
  try {
    if (!isPipe(path)) rmSync(path, { force: true });
  } catch {
    // On a read-only disk the file stays; the next bind reports it.
  }
  return true;
}

/** Returns `open` if a process accepts the connection, otherwise the error code. */
function knock(path: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.on('connect', () => {
      socket.destroy();
      resolve('open');
    });
    socket.on('error', (error) => resolve(codeOf(error)));
  });
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => reject(error);
    server.once('error', fail);
    server.listen(path, () => {
      server.off('error', fail);
      resolve();
    });
  });
}

function failed(reason: string, cause?: unknown): ProxyError {
  return new ProxyError('PROXY_START_FAILED', { params: { reason }, cause });
}

const youngMs = 60_000;

/**
 * Removes control sockets that killed proxies left behind. A socket that answers stays. A socket created moments ago
 * stays too: its owner may be about to listen. Never rejects: the next start tries again.
 */
export async function sweepStaleSockets(folder: string, nowMs: number): Promise<void> {
  let names: readonly string[];
  try {
    names = readdirSync(folder).filter((name) => name.endsWith('.sock'));
  } catch {
    return;
  }
  await Promise.all(
    names.map(async (name) => {
      const path = join(folder, name);
      try {
        if (nowMs - statSync(path).mtimeMs > youngMs) await removeStaleSocket(path);
      } catch {
        // Removed by another process.
      }
    }),
  );
}
