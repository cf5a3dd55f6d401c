/**
 * All peers in the order of the tables. flm lends its certificate to the others, so it comes first; nginx is what ratios compare
 * with. `relay` is no peer but a floor: what Node costs before a proxy does anything.
 */
import { bifrost } from './bifrost.ts';
import { caddy } from './caddy.ts';
import { flm } from './flm.ts';
import { haproxy } from './haproxy.ts';
import { litellm } from './litellm.ts';
import { llamaSwap } from './llama-swap.ts';
import { nginx } from './nginx.ts';
import { olla } from './olla.ts';
import { type Peer, policies } from './peer.ts';
import { portkey } from './portkey.ts';
import { relay } from './relay.ts';

export const allPeers: readonly Peer[] = [
  flm,
  nginx,
  relay,
  haproxy,
  caddy,
  llamaSwap,
  olla,
  bifrost,
  portkey,
  litellm,
];

/** What the figures of a program do not include; empty for one that has the whole policy. */
export function lackedPolicies(name: string, language: 'en' | 'ja'): readonly string[] {
  const lacks = allPeers.find((peer) => peer.name === name)?.lacks ?? [];
  return lacks.map((policy) => policies[policy][language]);
}
