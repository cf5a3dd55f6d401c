/**
 * Generates the tables about kinds of engines from their declarations, between markers in pages that are otherwise
 * written by hand: `<!-- generated: NAME -->` ... `<!-- end -->`.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { engineKinds, nativeByScope } from '../../src/core/engine/kinds.ts';

const tables: Readonly<Record<string, () => readonly string[]>> = {
  kinds: () => kindTable(english),
  'kinds-ja': () => kindTable(japanese),
  mcp: mcpTable,
  native: nativeTable,
};

/** Returns the page with its marked tables generated again. Throws if a marker names no table. */
export function pageWithEngineTables(root: string, path: string): string {
  const page = readFileSync(join(root, path), 'utf8');
  return page.replaceAll(/<!-- generated: (\S+) -->\n[\s\S]*?<!-- end -->/g, (_all, name: string) => {
    const table = tables[name];
    if (table === undefined) throw new Error(`${path}: no table is called ${name}`);
    return [`<!-- generated: ${name} -->`, '', ...table(), '', '<!-- end -->'].join('\n');
  });
}

/** The words of the table of kinds. */
interface KindWords {
  readonly heading: string;
  readonly fromSources: (title: string) => string;
  readonly below: (prefix: string) => string;
  readonly comma: string;
}

const english: KindWords = {
  heading: '| kind | `--kind` | usual ports | variables | started by |',
  fromSources: (title) => `${title} *(from sources)*`,
  below: (prefix) => `, also below ${prefix}`,
  comma: ', ',
};

const japanese: KindWords = {
  heading: '| 種類 | `--kind` | 通常のポート | 変数 | 起動するコマンド |',
  fromSources: (title) => `${title}（ソースに基づく）`,
  below: (prefix) => `（${prefix}の下も）`,
  comma: '、',
};

function kindTable({ heading, fromSources, below, comma }: KindWords): readonly string[] {
  const rows = engineKinds.flatMap(({ name, title, detection, tried }) => {
    if (detection === undefined) return [];
    const { ports, prefix, variables, program } = detection;
    const names = variables === undefined ? [] : Object.values(variables);
    const cells = [
      tried ? title : fromSources(title),
      code(name),
      ports.join(comma) + (prefix === undefined ? '' : below(code(prefix))),
      names.map(code).join(comma),
      program === undefined ? '' : code(program.startWith),
    ];
    return [`| ${cells.join(' | ')} |`];
  });
  return [heading, '| --- | --- | --- | --- | --- |', ...rows];
}

function mcpTable(): readonly string[] {
  const rows = engineKinds.flatMap(({ title, advice }) =>
    advice.mcp === undefined ? [] : [`| ${title} | ${advice.mcp} |`],
  );
  return ['| kind | how a request asks |', '| --- | --- |', ...rows];
}

function nativeTable(): readonly string[] {
  const rows = engineKinds.flatMap((kind) =>
    [...nativeByScope(kind)]
      .toSorted()
      .reverse()
      .map(([scope, rules]) => {
        const endpoints = rules.map((rule) => code(`${rule.method} ${rule.path}`)).join(', ');
        return `| ${kind.title} | ${code(scope)} | ${endpoints} |`;
      }),
  );
  return ['| kind | scope | endpoints below `/engine/ID` |', '| --- | --- | --- |', ...rows];
}

function code(text: string): string {
  return `\`${text}\``;
}
