/**
 * Finds exported types, interfaces and classes of src/ that share a name: `node scripts/names.ts [ROOT]` prints each such
 * name with its files and exits with 1.
 *
 * A reader who searches for a name must find one meaning. Local names that are not exported may repeat.
 */
import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { parseSync } from 'rolldown/utils';

export interface SourceText {
  readonly file: string;
  readonly text: string;
}

/** Returns one sentence for each name that two files export as a type, an interface or a class. */
export function sharedNames(sources: readonly SourceText[]): readonly string[] {
  const filesByName = new Map<string, string[]>();
  for (const { file, text } of sources)
    for (const name of new Set(exportedTypes(file, text))) {
      const files = filesByName.get(name);
      if (files === undefined) filesByName.set(name, [file]);
      else files.push(file);
    }
  return [...filesByName]
    .filter(([, files]) => files.length > 1)
    .map(([name, files]) => `${name} is exported by ${files.join(' and ')}`);
}

function exportedTypes(file: string, text: string): readonly string[] {
  const names: string[] = [];
  for (const node of parseSync(file, text).program.body) {
    if (node.type !== 'ExportNamedDeclaration') continue;
    const { declaration } = node;
    switch (declaration?.type) {
      case 'TSTypeAliasDeclaration':
      case 'TSInterfaceDeclaration':
        names.push(declaration.id.name);
        break;
      case 'ClassDeclaration':
        if (declaration.id !== null) names.push(declaration.id.name);
        break;
      default:
      // Functions and constants, or a list of names that this file does not declare.
    }
  }
  return names;
}

if (import.meta.main) {
  const root = resolve(process.argv[2] ?? join(import.meta.dirname, '..'));
  const files = globSync('src/**/*.ts', { cwd: root }).sort();
  const faults = sharedNames(files.map((file) => ({ file, text: readFileSync(join(root, file), 'utf8') })));
  for (const fault of faults) console.error(fault);
  console.log(`names: ${files.length} files, ${faults.length} shared names`);
  if (faults.length > 0 || files.length === 0) process.exitCode = 1;
}
