/**
 * Determines who can reach an address: this machine, this network, or the internet.
 */
import ipaddr from 'ipaddr.js';

const reaches = ['this machine', 'this network', 'the internet'] as const;
export type Reach = (typeof reaches)[number];

/**
 * Returns the widest reach of the bound addresses. `machineAddresses` are the addresses of this machine except
 * loopback: what "all addresses" includes here. A public address counts as the internet, although a firewall may
 * protect it: only the owner knows that.
 */
export function reachOf(bound: readonly string[], machineAddresses: readonly string[]): Reach {
  const all = bound.flatMap((a) => (a === '0.0.0.0' || a === '::' ? machineAddresses : [a]));
  return reaches[Math.max(0, ...all.map((a) => reaches.indexOf(reachOfOne(a))))] as Reach;
}

function reachOfOne(text: string): Reach {
  switch (ipaddr.process(text).range()) {
    case 'loopback':
      return 'this machine';
    case 'unicast':
      return 'the internet';
    default:
      return 'this network';
  }
}
