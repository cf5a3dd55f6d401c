/**
 * The charts of docs/performance.md, and the one of README.md in both languages, by the path of their file.
 */
import { lackedPolicies } from '../peers/all.ts';
import { relay } from '../peers/relay.ts';
import type { Results } from '../results.ts';
import { barChart, type Theme } from './svg.ts';

interface Wanted {
  readonly file: string;
  readonly part: string;
  readonly case: string;
  readonly unit: string;
  readonly title: string;
  readonly subtitle: string;
}

export const charts: readonly Wanted[] = [
  {
    file: 'performance-json',
    part: 'json',
    case: '1 KB',
    unit: 'µs',
    title: 'CPU time of a JSON request',
    subtitle: 'Microseconds of the proxy’s process, logarithmic axis; less is better',
  },
  {
    file: 'performance-events',
    part: 'spread',
    case: 'event',
    unit: 'µs',
    title: 'CPU time of an event in a stream',
    subtitle: 'Microseconds of the proxy’s process, logarithmic axis; less is better',
  },
  {
    file: 'performance-first-byte',
    part: 'wait',
    case: 'first byte',
    unit: 'µs',
    title: 'Delay of the first byte',
    subtitle: 'Microseconds added to a direct connection, logarithmic axis; less is better',
  },
  {
    file: 'performance-memory',
    part: 'memory',
    case: '1000 streams, MB',
    unit: 'MB',
    title: 'Memory with 1,000 open streams',
    subtitle: 'Resident megabytes of the proxy’s process, logarithmic axis; less is better',
  },
  {
    file: 'ja/performance-json',
    part: 'json',
    case: '1 KB',
    unit: 'µs',
    title: 'JSONリクエスト1件あたりのCPU時間',
    subtitle: 'プロキシのプロセスのマイクロ秒、対数目盛。短いほど良い',
  },
];

/** What no one would use as a proxy. */
const floors: ReadonlySet<string> = new Set(['direct', relay.name]);

function noteOf(peer: string, language: 'en' | 'ja'): string {
  const lacks = lackedPolicies(peer, language);
  if (lacks.length === 0) return '';
  return language === 'ja' ? `${lacks.join('、')}なし` : `without ${lacks.join(', ')}`;
}

export function chartFiles(results: Results): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const { file, part, case: name, ...texts } of charts) {
    const bars = results.figures
      .filter((figure) => figure.part === part && figure.case === name && !floors.has(figure.peer))
      .map(({ peer, median, low, high }) => ({
        label: peer,
        note: noteOf(peer, file.startsWith('ja/') ? 'ja' : 'en'),
        value: median,
        low,
        high,
        strong: peer === 'flm',
      }))
      .sort((a, b) => a.value - b.value);
    if (bars.length === 0) continue;
    for (const theme of ['light', 'dark'] satisfies Theme[])
      files.set(`docs/images/${file}-${theme}.svg`, barChart({ ...texts, bars }, theme));
  }
  return files;
}
