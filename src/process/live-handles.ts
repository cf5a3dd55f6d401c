/**
 * Finds running proxies by the control sockets in the user's private folder. Used when the database with their handles
 * cannot be read.
 */
import { existsSync, readdirSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { gatherText } from '../core/gathered-bytes.ts';
import type { ProxyHandle, ProxyStatus } from '../core/proxy/proxy-handle.ts';
import { controlHost } from './control-socket.ts';

const askMs = 2_000;
const maxAnswerBytes = 64 * 1024 ** 2;

/** Oldest first. Sockets that do not answer in time are left out. */
export async function liveHandles(folder: string): Promise<readonly ProxyHandle[]> {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => /^px_[0-9A-Za-z]+\.sock$/.test(name));
  const handles = await Promise.all(names.map((name) => handleBehind(join(folder, name))));
  return handles.filter((handle) => handle !== undefined).sort((a, b) => a.startedAtMs - b.startedAtMs);
}

async function handleBehind(controlPath: string): Promise<ProxyHandle | undefined> {
  try {
    const text = await gatherText(await statusOf(controlPath), maxAnswerBytes);
    // The folder is private, so the answering process is a proxy of this user and the JSON has our own types.
    const { handle } = JSON.parse(text ?? '') as ProxyStatus;
    return handle.controlPath === controlPath ? handle : undefined;
  } catch {
    return undefined;
  }
}

function statusOf(controlPath: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const sent = request({
      socketPath: controlPath,
      agent: false,
      path: '/status',
      headers: { host: controlHost },
      signal: AbortSignal.timeout(askMs),
    });
    sent.on('error', reject);
    sent.on('response', resolve);
    sent.end();
  });
}
