/** An IPv4 address of this machine that is not loopback, for tests of clients that come over a network. */
import { networkInterfaces } from 'node:os';

export const ownAddress = Object.values(networkInterfaces())
  .flat()
  .find((i) => i?.internal === false && i.family === 'IPv4')?.address;

export const noOwnAddress =
  ownAddress === undefined ? 'this machine has no address but loopback' : (false as const);
