/**
 * Whether an engine that flm reaches on a loopback address answers to the network as well: then the door is locked and
 * the window open, for whoever goes to the engine directly needs no key of flm's.
 */
import type { EngineKindName, EngineRef } from '../core/engine/engine.ts';
import { isLoopbackHost } from './engine-url.ts';
import { identify } from './identify.ts';
import type { ProbeLine } from './probe-request.ts';

/** As `os.networkInterfaces` tells them. */
export type NetworkInterfaces = Readonly<
  Record<string, readonly { readonly address: string; readonly internal: boolean }[] | undefined>
>;

const exposureLimitMs = 500;
/** A machine with many containers has hundreds of addresses. */
const maxAddresses = 16;

/** The addresses at which others could reach this machine; link-local IPv6 is left out, for it needs a zone to dial. */
export function machineAddresses(interfaces: NetworkInterfaces): readonly string[] {
  return Object.values(interfaces)
    .flatMap((list) => list ?? [])
    .filter((a) => !a.internal && !/^fe[89ab]/i.test(a.address))
    .map((a) => a.address);
}

/** The first of `addresses` at which the same engine answers; never rejects. */
export async function findExposure(
  line: ProbeLine,
  ref: EngineRef,
  addresses: readonly string[],
  signal: AbortSignal,
): Promise<string | undefined> {
  const { address } = ref;
  // The demo, and engines on Unix sockets, have no window.
  if (address.socketPath !== undefined) return undefined;
  if (!isLoopbackHost(address.host)) return addresses.includes(address.host) ? address.host : undefined;
  const asked = addresses.slice(0, maxAddresses).map(async (host) => {
    const to = { ...address, host };
    const identified = await identify(line, { to, limitMs: exposureLimitMs }, signal);
    return identified.answered && identified.kind === ref.kind ? host : undefined;
  });
  return (await Promise.all(asked)).find((host) => host !== undefined);
}

const advice: Readonly<Record<EngineKindName, string>> = {
  ollama: 'set OLLAMA_HOST=127.0.0.1 for Ollama and restart it',
  lmstudio: 'turn "Serve on Local Network" off in LM Studio',
  vllm: 'start vLLM with `--host 127.0.0.1`: without it, it listens on all addresses',
  llamacpp: 'start llama-server with `--host 127.0.0.1`',
  'openai-compatible': 'let the engine listen on 127.0.0.1 alone',
  demo: 'nothing to do',
};

/** What closes the window. */
export function exposureAdvice(kind: EngineKindName): string {
  return advice[kind];
}

/** The warning as people read it. */
export function exposureWarning(ref: Pick<EngineRef, 'id' | 'kind'>, exposedOn: string): string {
  return `Engine ${ref.id} itself answers on ${exposedOn} without a key of flm's: the door is locked and the window open; ${exposureAdvice(ref.kind)}.`;
}
