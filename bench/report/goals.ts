/**
 * The rows of the first table, with what flm wants to reach: the goal is promised, the aim is hoped for. Some rows have neither.
 */
interface Goal {
  readonly title: string;
  readonly part: string;
  readonly case: string;
  /** Judge the ratio, or the figure itself. */
  readonly value: 'ratio' | 'median';
  readonly goal: number | undefined;
  readonly aim: number | undefined;
}

const row = (
  title: string,
  part: string,
  name: string,
  value: 'ratio' | 'median',
  goal?: number,
  aim?: number,
): Goal => ({ title, part, case: name, value, goal, aim });

export const goals: readonly Goal[] = [
  row('JSON request, 1 KB, µs', 'json', '1 KB', 'ratio', 1.6, 1.3),
  row('JSON request, 100 KB, µs', 'bodies', '100 KB', 'ratio', 0.7, 0.5),
  row('JSON request, 1 MB, µs', 'bodies', '1 MB', 'ratio', 0.5, 0.4),
  row('event, burst, µs', 'burst', 'event', 'ratio', 1.45, 1.3),
  row('event, spread, µs', 'spread', 'event', 'ratio', 1.3, 1.15),
  row('JSON request over TLS, µs', 'tls', 'JSON 1 KB', 'ratio', 1.6, 1.4),
  row('event over TLS, burst, µs', 'tls', 'event, burst', 'ratio', 1.4, 1.2),
  row('full handshake, TLS 1.3, µs', 'tls', 'full handshake', 'ratio', 1.3, 1.2),
  row('resumed handshake, TLS 1.3, µs', 'tls', 'resumed handshake', 'ratio'),
  row('first byte, delay added, µs', 'wait', 'first byte', 'ratio'),
  row('p50 in an open loop, ms', 'latency', 'p50', 'ratio'),
  row('p99 in an open loop, ms', 'latency', 'p99', 'ratio', 1.4, 1.1),
  row('p99.9 in an open loop, ms', 'latency', 'p99.9', 'ratio'),
  row('first 20,000 requests, compared with warm ones', 'first', 'of warm', 'median', 1.4, 1.1),
  row('64 engines with one model, compared with 1', 'growth', '64 engines, us', 'ratio', 1.05, 1),
  row('resident at rest, MB', 'memory', 'at rest, MB', 'median', 85, 70),
  row('an open stream of 5,000, KB', 'memory', '5000 streams, KB a stream', 'median', 32, 24),
  row('resident with 100,000 keys, MB', 'growth', '100000 keys, MB', 'median', 200, 130),
  row('start with 10 keys, ms', 'start', '10 keys', 'median', 350, 200),
  row('start with 100,000 keys, ms', 'start', '100000 keys', 'median', 900, 400),
];
