/**
 * Every guard limit and time-out of a proxy: default, bounds and the reason, in one place.
 *
 * A profile may override any of them under `limits`. Numbers with a unit carry it in their name.
 */
import { z } from 'zod';

const count = (fallback: number, why: string, max = 1_000_000) =>
  z.int().min(1).max(max).default(fallback).describe(why);
const bytes = (fallback: number, why: string, max = 64 * 1024 ** 3) =>
  z.int().min(1024).max(max).default(fallback).describe(why);
const ms = (fallback: number, why: string) => z.int().min(10).max(86_400_000).default(fallback).describe(why);

export const limitsSchema = z.strictObject({
  maxConnections: count(
    4096,
    'All client connections together; a file descriptor each. A new one takes the place of one that never showed a key.',
  ),
  maxConnectionsPerAddress: count(256, 'From one address, except loopback and trusted proxies.'),
  maxStreams: count(
    2048,
    'Requests with a key in progress together. A key may have at most four times what is still free.',
  ),
  maxHeadBytes: bytes(16 * 1024, 'Request line and fields together; what llhttp itself allows.', 64 * 1024),
  maxHeadFields: count(100, 'Header fields of a request; SDKs send about 20.', 1000),
  maxBodyBytes: bytes(64 * 1024 ** 2, 'One request body; a few images in base64 fit.'),
  maxBufferedBytes: bytes(
    512 * 1024 ** 2,
    'All request bodies in memory together. A key may hold at most four times what is still free, or one body.',
  ),
  headTimeoutMs: ms(10_000, 'From the first byte of a request to the end of its head (slowloris).'),
  tlsHandshakeTimeoutMs: ms(10_000, 'From the connection to the end of the TLS handshake.'),
  minBodyBytesPerSecond: count(
    1024,
    'A request body that comes slower than this over ten seconds is given up.',
  ),
  keepAliveTimeoutMs: ms(
    75_000,
    'Longer than the 60 s that proxies in front keep their side, else they meet 502s.',
  ),
  writeStallMs: ms(
    60_000,
    'A client that takes no byte of a waiting answer for so long is cut; Node has no such limit.',
  ),
  drainRefusedBytes: bytes(256 * 1024, 'What is read of a refused body before the connection is closed.'),
  connectTimeoutMs: ms(5_000, 'To an engine: on a LAN a connection takes milliseconds.'),
  firstByteTimeoutMs: ms(600_000, 'To the head of an answer: an engine may load a model for minutes first.'),
  idleTimeoutMs: ms(300_000, 'Between two bytes of an answer.'),
  commitAfterMs: ms(
    30_000,
    'A streamed answer is committed after this silence; clients give up on headers at 300 s.',
  ),
  maxQueued: count(256, 'Requests that wait for a slot of an engine, of all keys together.', 100_000),
  maxQueueWaitMs: ms(120_000, 'How long one may wait there; SDKs give up at 600 s, some clients at 300 s.'),
  enginePoolIdleMs: ms(3_500, 'Idle engine sockets are dropped before engines close them at 5 s.'),
});

/** The limits in force, complete. */
export type Limits = Readonly<z.output<typeof limitsSchema>>;

/**
 * Client connections that a process with so many file descriptors can hold: each may need a second one to an engine,
 * and some are left for the store, the log and the control socket. Without this, idle clients could keep a proxy from
 * reaching its engines.
 */
export function connectionsWithin(limits: Limits, descriptors: number | undefined): number {
  if (descriptors === undefined) return limits.maxConnections;
  return Math.max(8, Math.min(limits.maxConnections, Math.floor((descriptors - 100) / 2)));
}
