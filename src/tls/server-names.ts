/**
 * Selects the names and addresses for a certificate of this machine, and separates those that the constraints of the
 * local CA allow from those that they do not. One name outside the constraints would make the whole certificate
 * invalid.
 */
import ipaddr from 'ipaddr.js';
import { CertificateError } from '../core/errors.ts';
import { isAddress, type NameConstraints, permits } from './name-constraints.ts';

export interface MachineNames {
  readonly hostname: string;
  /** The name with its domain, if the machine has one. */
  readonly fullName: string | undefined;
  /** The current addresses, except loopback. */
  readonly addresses: readonly string[];
}

export interface ServerNames {
  readonly names: readonly string[];
  /** Addresses outside the constraints of the CA, mostly the global IPv6 address of a home. */
  readonly leftOut: readonly string[];
}

const hostName = /^(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*$/;
/** `host.docker.internal` is the name that containers use for their host. */
const alwaysNames = ['localhost', 'host.docker.internal'];
const loopback = ['127.0.0.1', '::1'];
/** A machine with hundreds of containers has hundreds of addresses. */
const maxAddresses = 64;

/** Names of this machine that a certificate can contain, without the private names that every machine has. */
export function hostNamesOf(machine: MachineNames): readonly string[] {
  const { hostname, fullName } = machine;
  const short = hostname.split('.')[0] ?? '';
  const all = [hostname, short, fullName ?? ''].map((name) => name.toLowerCase().replace(/\.$/, ''));
  return [...new Set(all)].filter(
    (name) => hostName.test(name) && name.length <= 253 && !/(^|\.)\d+$/.test(name),
  );
}

/**
 * Throws a `CertificateError`: CERT_NAME_NOT_PERMITTED if the CA may not issue a certificate for a requested name or a
 * new name of the machine, CERT_NAME_INVALID.
 */
export function serverNames(
  machine: MachineNames,
  asked: readonly string[],
  constraints: NameConstraints,
): ServerNames {
  const hosts = hostNamesOf(machine);
  const local = hosts.filter((name) => !name.includes('.')).map((name) => `${name}.local`);
  const sans = asked.map(askedName);
  const required = [...alwaysNames, ...hosts, ...local, ...loopback, ...sans];
  const outside = required.find((name) => !permits(constraints, name));
  if (outside !== undefined)
    throw new CertificateError('CERT_NAME_NOT_PERMITTED', { params: { name: outside } });
  const addresses = [...new Set(machine.addresses.filter((a) => isAddress(a)).map(spelling))].sort();
  const inside = addresses.filter((address) => permits(constraints, address)).slice(0, maxAddresses);
  return {
    names: [...new Set([...required, ...inside])],
    leftOut: addresses.filter((address) => !inside.includes(address) && !sans.includes(address)),
  };
}

function askedName(text: string): string {
  if (isAddress(text)) return spelling(text);
  const name = text.toLowerCase();
  if (!hostName.test(name)) throw new CertificateError('CERT_NAME_INVALID', { params: { name: text } });
  return name;
}

function spelling(address: string): string {
  return ipaddr.parse(address).toString();
}
