/**
 * Shows what a scanner would see of an engine: at which addresses it answers without a key, on which paths, and whether
 * it allows web pages of every origin. Only GET requests without a key are sent, so no text is generated.
 */
import type { EngineRef } from '../core/engine/engine.ts';
import type { EngineExposure } from '../core/engine/engine-discovery.ts';
import { objectOf } from '../core/engine/json-reading.ts';
import type { ProbeAnswer, ProbeFault } from '../core/engine/probe.ts';
import { isLoopbackHost } from '../core/loopback.ts';
import { maxAddresses, mayBeSame } from './exposure.ts';
import { identify } from './identify.ts';
import { type ProbeLine, probeRequest } from './probe-request.ts';

/** Known to answer without a key: models, metrics, prompts of running requests, and inference of vLLM. */
const openPaths = [
  '/v1/models',
  '/api/tags',
  '/api/ps',
  '/api/v0/models',
  '/metrics',
  '/props',
  '/slots',
  '/get_server_info',
  '/invocations',
] as const;

const askLimitMs = 1_000;
/** No engine has this origin in its list. */
const foreignOrigin = 'https://origin.example';

/** Returns undefined if nothing is open. Never rejects. `own`: the addresses of this machine without loopback. */
export async function findOpenPaths(
  line: ProbeLine,
  ref: EngineRef,
  own: readonly string[],
  signal: AbortSignal,
): Promise<EngineExposure | undefined> {
  const { address, kind } = ref;
  if (address.socketPath !== undefined || kind === 'demo') return undefined;
  const isLocal = isLoopbackHost(address.host);
  const asked = isLocal ? own.slice(0, maxAddresses) : [address.host];
  const seen = await Promise.all(
    asked.map(async (host) => {
      // Another program may listen on this port of another address.
      if (isLocal && !(await isSameEngine(line, ref, host, signal))) return { host, paths: [] };
      return { host, paths: await openAt(line, ref, host, signal) };
    }),
  );
  const open = seen.filter(({ paths }) => paths.length > 0);
  const isAnyOrigin = await allowsForeignOrigin(line, ref, signal);
  if (open.length === 0 && !isAnyOrigin) return undefined;
  return {
    isOwn: isLocal || own.includes(address.host),
    addresses: open.map(({ host }) => host),
    paths: openPaths.filter((path) => open.some(({ paths }) => paths.includes(path))),
    isAnyOrigin,
  };
}

/** The time of an engine on another machine, in a request like those above; undefined for other engines. Never rejects. */
export async function dateOf(
  line: ProbeLine,
  ref: EngineRef,
  signal: AbortSignal,
): Promise<number | undefined> {
  const { host, socketPath } = ref.address;
  if (socketPath !== undefined || isLoopbackHost(host)) return undefined;
  const answer = await get(line, ref, host, '/v1/models', '', signal);
  const dateMs = answer.answered ? Date.parse(answer.field('date') ?? '') : Number.NaN;
  return Number.isNaN(dateMs) ? undefined : dateMs;
}

async function isSameEngine(
  line: ProbeLine,
  { address, kind }: EngineRef,
  host: string,
  signal: AbortSignal,
): Promise<boolean> {
  const found = await identify(line, { to: { ...address, host }, limitMs: askLimitMs }, signal);
  // An engine with a key answers some paths without it.
  return found.answered ? mayBeSame(kind, found.kind) : found.reason === 'unauthorised';
}

async function openAt(
  line: ProbeLine,
  ref: EngineRef,
  host: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const answers = await Promise.all(
    openPaths.map(async (path) => {
      const answer = await get(line, ref, host, path, '', signal);
      return isOpen(path, answer) ? [path] : [];
    }),
  );
  return answers.flat();
}

function isOpen(path: string, answer: ProbeAnswer | ProbeFault): boolean {
  if (!answer.answered) return false;
  // It takes only POST; a key is asked for before the method.
  if (path === '/invocations') return answer.status === 405;
  if (answer.status !== 200) return false;
  if (path === '/metrics') return answer.text.includes('# TYPE ');
  // LM Studio answers 200 to every path, with an error. A web page is no API.
  if (answer.json === undefined) return false;
  return Array.isArray(answer.json) || objectOf(answer.json)?.error === undefined;
}

async function allowsForeignOrigin(line: ProbeLine, ref: EngineRef, signal: AbortSignal): Promise<boolean> {
  const field = `origin: ${foreignOrigin}\r\n`;
  const answer = await get(line, ref, ref.address.host, '/v1/models', field, signal);
  if (!answer.answered || answer.status !== 200) return false;
  const allowed = answer.field('access-control-allow-origin');
  return allowed === '*' || allowed === foreignOrigin;
}

function get(
  line: ProbeLine,
  { address }: EngineRef,
  host: string,
  path: string,
  field: string,
  signal: AbortSignal,
): Promise<ProbeAnswer | ProbeFault> {
  return probeRequest(line, { to: { ...address, host }, path, field, limitMs: askLimitMs }, signal);
}
