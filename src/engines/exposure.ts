/**
 * Checks whether an engine on a loopback address also answers on the network. If so, a client can send requests
 * directly to the engine, without an flm key.
 */
import type { EngineRef } from '../core/engine/engine.ts';
import type { EngineKindName } from '../core/engine/kinds.ts';
import { isLoopbackHost } from '../core/loopback.ts';
import { identify } from './identify.ts';
import type { ProbeLine } from './probe-request.ts';

/** The form of `os.networkInterfaces()`. */
export type NetworkInterfaces = Readonly<
  Record<string, readonly { readonly address: string; readonly internal: boolean }[] | undefined>
>;

const exposureLimitMs = 500;
/** A machine with many containers has hundreds of addresses. */
export const maxAddresses = 16;

/**
 * The addresses at which other machines could reach this one. Link-local IPv6 is left out, because connecting needs a
 * zone.
 */
export function machineAddresses(interfaces: NetworkInterfaces): readonly string[] {
  return Object.values(interfaces)
    .flatMap((list) => list ?? [])
    .filter((a) => !a.internal && !/^fe[89ab]/i.test(a.address))
    .map((a) => a.address);
}

/** Returns the first of `addresses` at which the same engine answers. Never rejects. */
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

/** Whether a server recognised as `found` can be the engine known as `known`. */
export function mayBeSame(known: EngineKindName, found: EngineKindName): boolean {
  // An engine configured as OpenAI-compatible may be of any kind.
  return known === found || known === 'openai-compatible';
}
