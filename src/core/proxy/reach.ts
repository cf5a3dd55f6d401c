/** Says who can reach an address: this machine, this network, or the internet. */
import ipaddr from 'ipaddr.js';

const reaches = ['this machine', 'this network', 'the internet'] as const;
export type Reach = (typeof reaches)[number];

/**
 * The widest reach of the addresses that a listener is bound to. `machineAddresses` are those of this machine that are
 * not loopback: what "all addresses" means here. A public address counts as the internet, though a firewall may stand
 * before it: only the owner knows that.
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
