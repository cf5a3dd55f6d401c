/**
 * Makes the software bill of materials (CycloneDX): npm's list of the runtime packages, plus Node and its compiled-in
 * libraries, which the executables contain. Serial number and time come from the release, so that equal sources give
 * equal bytes.
 */
import { createHash } from 'node:crypto';
import process from 'node:process';
import { output } from './tools.ts';

interface Bom {
  serialNumber: string;
  readonly metadata: { timestamp: string; readonly component: { name: string } };
  readonly components: object[];
}

/** `clone` is a clone of this repository with its dependencies installed. */
export function sbomOf(clone: string, version: string, epochSeconds: number): string {
  // npm's own format.
  const bom = JSON.parse(
    output('npm', ['sbom', '--sbom-format', 'cyclonedx', '--omit', 'dev'], clone),
  ) as Bom;
  const { node, modules: _abi, ...libraries } = process.versions;
  bom.components.push({
    'bom-ref': `node@${node}`,
    type: 'platform',
    name: 'node',
    version: node,
    description: 'Inside the single executables, the Debian packages and the image; not in the npm package',
    purl: `pkg:generic/node@${node}`,
    licenses: [{ license: { id: 'MIT' } }],
    components: Object.entries(libraries).map(([name, itsVersion]) => ({
      type: 'library',
      name,
      version: itsVersion,
    })),
  });
  bom.metadata.timestamp = new Date(epochSeconds * 1000).toISOString();
  // npm names the component after the folder of the clone.
  bom.metadata.component.name = 'flm-proxy';
  const hash = createHash('sha256')
    .update(`${version} ${JSON.stringify(bom.components)}`)
    .digest('hex');
  bom.serialNumber = `urn:uuid:${[hash.slice(0, 8), hash.slice(8, 12), `4${hash.slice(13, 16)}`, `8${hash.slice(17, 20)}`, hash.slice(20, 32)].join('-')}`;
  return `${JSON.stringify(bom, undefined, 2)}\n`;
}
