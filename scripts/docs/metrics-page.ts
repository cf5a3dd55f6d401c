/** Generates docs/metrics.md from the registry of the metrics. */
import { Metrics } from '../../src/observe/metrics.ts';
import { generatedNote, markdownTable } from './markdown.ts';

export function metricsPage(): string {
  const metrics = new Metrics(() => {
    throw new Error('a description reads nothing');
  }).described();
  return `# Metrics

${generatedNote}

Each proxy exports its own metrics in the Prometheus text format: at \`/metrics\` of its endpoint for a key with the scope
\`metrics\` (\`flm key create prometheus --scope metrics\`), and on its control socket. Counters start at zero when a proxy starts.

${markdownTable(
  ['metric', 'type', 'labels', 'meaning'],
  metrics.map((m) => [`\`${m.name}\``, m.type, m.labelNames.map((l) => `\`${l}\``).join(', '), m.help]),
)}

Label values come from the configuration and from the model lists of engines, never from client input, so their number is
bounded.
`;
}
