/**
 * Limits and timeouts for clients and engines, with default, bounds and reason. How long a stop waits is `graceMs` in
 * `proxy-config.ts`.
 *
 * A profile can override each of them under `limits`. Units are part of the names.
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
    'All client connections together; each needs a file descriptor. A new one replaces one without a valid key.',
  ),
  maxConnectionsPerAddress: count(256, 'From one address, except loopback and trusted proxies.'),
  maxStreams: count(
    2048,
    'Requests with a key in progress together. A key may have at most four times the number still free.',
  ),
  maxHeadBytes: bytes(16 * 1024, 'Request line and fields together; what llhttp itself allows.', 64 * 1024),
  maxHeadFields: count(100, 'Header fields of a request; SDKs send about 20.', 1000),
  maxBodyBytes: bytes(64 * 1024 ** 2, 'One request body; a few images in base64 fit.'),
  maxBufferedBytes: bytes(
    512 * 1024 ** 2,
    'All request bodies in memory together. A key may hold at most four times the free memory, or one body.',
  ),
  headTimeoutMs: ms(10_000, 'From the first byte of a request to the end of its head (slowloris).'),
  tlsHandshakeTimeoutMs: ms(10_000, 'From the connection to the end of the TLS handshake.'),
  minBodyBytesPerSecond: count(
    1024,
    'A request body that arrives more slowly than this over ten seconds is refused.',
  ),
  keepAliveTimeoutMs: ms(
    75_000,
    'Longer than the 60 s for which proxies in front keep idle connections; otherwise they return 502s.',
  ),
  writeStallMs: ms(
    60_000,
    'A client that reads no byte of a waiting response for this long is disconnected; Node has no such limit.',
  ),
  drainRefusedBytes: bytes(
    256 * 1024,
    'How much of a refused body is read before the connection is closed. Not about a stop (`graceMs`).',
  ),
  connectTimeoutMs: ms(5_000, 'To an engine: on a LAN a connection takes milliseconds.'),
  firstByteTimeoutMs: ms(
    600_000,
    'To the head of the response: an engine may first load a model for minutes.',
  ),
  idleTimeoutMs: ms(300_000, 'Between two bytes of a response.'),
  commitAfterMs: ms(
    30_000,
    'flm sends the head of a streamed response after this silence; clients give up waiting for headers at 300 s.',
  ),
  maxQueued: count(256, 'Requests of all keys together that wait for a slot of an engine.', 100_000),
  maxQueueWaitMs: ms(
    120_000,
    'How long a request may wait for a slot; SDKs give up at 600 s, some clients at 300 s.',
  ),
  enginePoolIdleMs: ms(3_500, 'Idle engine sockets are dropped before engines close them at 5 s.'),
});

/** All limits, with defaults filled in. */
export type Limits = Readonly<z.output<typeof limitsSchema>>;

/**
 * The number of client connections that a process with this many file descriptors can hold. Each may need a second
 * descriptor for an engine, and some are reserved for the store, the log and the control socket. Otherwise idle clients
 * could keep a proxy from connecting to its engines.
 */
export function connectionsWithin(limits: Limits, descriptors: number | undefined): number {
  if (descriptors === undefined) return limits.maxConnections;
  return Math.max(8, Math.min(limits.maxConnections, Math.floor((descriptors - 100) / 2)));
}
