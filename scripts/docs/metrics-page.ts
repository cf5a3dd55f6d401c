/** docs/metrics.md, from the registry of the metrics. */
import { Metrics } from '../../src/observe/metrics.ts';
import { generatedNote, markdownTable } from './markdown.ts';

export function metricsPage(): string {
  const metrics = new Metrics(() => {
    throw new Error('a description reads nothing');
  }).described();
  return `# Metrics

${generatedNote}

Each proxy counts for itself, in Prometheus' text format: at \`/metrics\` of its endpoint for a key with the scope \`metrics\`
(\`flm key create prometheus --scope metrics\`), and on its control socket. Counters begin at zero with each start.

${markdownTable(
  ['metric', 'type', 'labels', 'what it says'],
  metrics.map((m) => [`\`${m.name}\``, m.type, m.labelNames.map((l) => `\`${l}\``).join(', '), m.help]),
)}

Label values come from configuration and from engines' lists of models, never from what a client sends, so their number is
bounded.
`;
}
