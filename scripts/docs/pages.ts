/**
 * Returns the pages of docs/, and the list of manual pages in package.json, that are generated from the code, by path.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import packageJson from '../../package.json' with { type: 'json' };
import { openApiDocument } from '../../src/admin/openapi.ts';
import { configurationJsonSchema } from '../../src/core/configuration/configuration-file.ts';
import { profileJsonSchema } from '../../src/core/proxy/profile-file.ts';
import { policyJsonSchema } from '../../src/core/security/security-policy.ts';
import { apiPage } from './api-page.ts';
import { cliPage } from './cli-page.ts';
import { configurationPage } from './configuration-page.ts';
import { pageWithEngineTables } from './engine-tables.ts';
import { errorsPage } from './errors-page.ts';
import { manPages } from './man-pages.ts';
import { metricsPage } from './metrics-page.ts';
import { requestsPage } from './requests-page.ts';

export function generatedPages(root: string): ReadonlyMap<string, string> {
  const schema = profileJsonSchema();
  return new Map([
    ['docs/errors.md', errorsPage()],
    ['docs/cli.md', cliPage(root)],
    ['docs/api.md', apiPage()],
    ['docs/configuration.md', configurationPage(schema)],
    ['docs/metrics.md', metricsPage()],
    ['docs/requests.md', requestsPage()],
    ['docs/security.md', pageWithEngineTables(root, 'docs/security.md')],
    ['docs/guide.md', pageWithEngineTables(root, 'docs/guide.md')],
    ['docs/ja/guide.md', pageWithEngineTables(root, 'docs/ja/guide.md')],
    ['docs/schema/profile.schema.json', `${JSON.stringify(schema, null, 2)}\n`],
    [
      'docs/schema/admin-api.openapi.json',
      `${JSON.stringify(openApiDocument(packageJson.version), null, 2)}\n`,
    ],
    ['package.json', manifestWithManPages(root)],
    ['docs/schema/policy.schema.json', `${JSON.stringify(policyJsonSchema(), null, 2)}\n`],
    ['docs/schema/apply.schema.json', `${JSON.stringify(configurationJsonSchema(), null, 2)}\n`],
  ]);
}

/** The manifest lists every manual page, because npm installs only pages that it lists. */
function manifestWithManPages(root: string): string {
  const names = [...manPages({ root, version: packageJson.version, epochSeconds: 0 }).keys()].sort();
  const list = names.map((name) => `    "man/${name}"`).join(',\n');
  return readFileSync(join(root, 'package.json'), 'utf8').replace(
    /"man": \[[^\]]*\]/,
    `"man": [\n${list}\n  ]`,
  );
}
