/**
 * Finds out whether an engine that flm reaches on a loopback address answers to the network as well. If so, a client can
 * ask the engine directly, without a key of flm.
 */
import type { EngineRef } from '../core/engine/engine.ts';
import { type EngineKindName, engineKind } from '../core/engine/kinds.ts';
import { isLoopbackHost } from './engine-url.ts';
import { identify } from './identify.ts';
import type { ProbeLine } from './probe-request.ts';

/** The form of `os.networkInterfaces()`. */
export type NetworkInterfaces = Readonly<
  Record<string, readonly { readonly address: string; readonly internal: boolean }[] | undefined>
>;

const exposureLimitMs = 500;
/** A machine with many containers has hundreds of addresses. */
const maxAddresses = 16;

/** The addresses at which others could reach this machine; link-local IPv6 is left out, because it needs a zone to dial. */
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
  // The demo, and engines on Unix sockets, are not reachable from the network.
  if (address.socketPath !== undefined) return undefined;
  if (!isLoopbackHost(address.host)) return addresses.includes(address.host) ? address.host : undefined;
  const asked = addresses.slice(0, maxAddresses).map(async (host) => {
    const to = { ...address, host };
    const identified = await identify(line, { to, limitMs: exposureLimitMs }, signal);
    return identified.answered && mayBeSame(ref.kind, identified.kind) ? host : undefined;
  });
  return (await Promise.all(asked)).find((host) => host !== undefined);
}

/** Whether a server that is recognised as `found` can be the one that is known as `known`. */
export function mayBeSame(known: EngineKindName, found: EngineKindName): boolean {
  // An engine that was named OpenAI-compatible may be of any kind.
  return known === found || known === 'openai-compatible';
}

/** How to make servers of a kind listen on this machine alone. */
export function exposureAdvice(kind: EngineKindName): string {
  return engineKind(kind).advice.exposure;
}

/** The warning for people. */
export function exposureWarning(ref: Pick<EngineRef, 'id' | 'kind'>, exposedOn: string): string {
  return `Engine ${ref.id} itself answers on ${exposedOn} without a key of flm, so clients can bypass flm; ${exposureAdvice(ref.kind)}.`;
}
