/**
 * Generates the manual pages from the command tree: `flm.1`, and one page for each command with its subcommands, such as
 * `flm-key.1`. Exit statuses and variables come from the tables of docs/cli.md. The macros are those of man(7), which groff
 * and mandoc read.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { makeProgram } from '../../src/cli/program.ts';
import { silentCli } from '../../test/helpers/silent-cli.ts';

export interface ManOptions {
  readonly root: string;
  readonly version: string;
  /** The date that the pages show, in seconds since 1970. */
  readonly epochSeconds: number;
}

/** Returns the text of each page by its file name. */
export function manPages({ root, version, epochSeconds }: ManOptions): ReadonlyMap<string, string> {
  const program = makeProgram(silentCli());
  const cliPage = readFileSync(join(root, 'docs/cli.md'), 'utf8');
  const date = new Date(epochSeconds * 1000).toISOString().slice(0, 10);
  const title = (name: string): string => `.TH ${name.toUpperCase()} 1 ${date} "flm ${version}" "flm manual"`;
  const end = [section('EXIT STATUS'), ...definitions(rowsBelow(cliPage, '| exit status | meaning |'))];
  const pages = new Map<string, string>();
  const put = (name: string, lines: readonly string[]): void =>
    void pages.set(`${name}.1`, `${[title(name), ...lines].join('\n')}\n`);

  put('flm', [
    ...nameAndSynopsis('flm', program.description(), [program]),
    section('COMMANDS'),
    ...groupsOf(program).flatMap(([heading, commands]) => [
      subsection(heading.replace(/:$/, '')),
      ...commands.flatMap((c) => item(`flm ${c.name()}`, c.summary() || c.description(), 18)),
    ]),
    section('OPTIONS'),
    ...optionsOf(program),
    section('ENVIRONMENT'),
    ...definitions(rowsBelow(cliPage, '| variable | meaning |')),
    ...end,
    section('SEE ALSO'),
    program.commands.map((c) => `.BR ${roff(pageName(c))} (1)`).join(' ,\n'),
  ]);
  for (const command of program.commands) {
    const name = pageName(command);
    const leaves = command.commands.length > 0 ? command.commands : [command];
    put(name, [
      ...nameAndSynopsis(name, command.description(), leaves),
      // Also the second name of the program.
      ...(name === 'flm-proxy'
        ? [
            section('DESCRIPTION'),
            'Written in one word, flm\\-proxy is another name of the program flm; see',
            '.BR flm (1).',
          ]
        : []),
      ...(command.commands.length > 0
        ? [section('COMMANDS'), ...leaves.flatMap((leaf) => [subsection(pathOf(leaf)), ...bodyOf(leaf)])]
        : [section('DESCRIPTION'), ...bodyOf(command)]),
      ...end,
      section('SEE ALSO'),
      '.BR flm (1)',
    ]);
  }
  return pages;
}

const pageName = (command: Command): string => `flm-${command.name()}`;

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}

/** The groups of the help, in its order. */
function groupsOf(program: Command): readonly (readonly [string, readonly Command[]])[] {
  return [...Map.groupBy(program.commands, (command) => command.helpGroup())];
}

function nameAndSynopsis(name: string, description: string, leaves: readonly Command[]): readonly string[] {
  const synopsis = leaves.flatMap((leaf, i) => [
    ...(i === 0 ? [] : ['.br']),
    `.B ${roff(pathOf(leaf))}`,
    ...(leaf.usage() === '' ? [] : [italic(leaf.usage())]),
  ]);
  return [
    section('NAME'),
    `${roff(name)} \\- ${prose(description)}`,
    section('SYNOPSIS'),
    '.nh',
    '.ad l',
    ...synopsis,
    '.ad',
    '.hy',
  ];
}

/** Description, arguments, options, and what the help says after them. */
function bodyOf(command: Command): readonly string[] {
  const args = command.registeredArguments.flatMap(({ required, variadic, description, defaultValue }, i) => {
    const name = `${command.registeredArguments[i]?.name() ?? ''}${variadic ? '...' : ''}`;
    const by = defaultValue === undefined ? '' : ` (default: ${String(defaultValue)})`;
    return item(required ? name : `[${name}]`, `${description}${by}`);
  });
  return [`${prose(sentence(command.description()))}`, ...args, ...optionsOf(command), ...afterText(command)];
}

function optionsOf(command: Command): readonly string[] {
  return command
    .createHelp()
    .visibleOptions(command)
    .flatMap(({ flags, description, defaultValue }) => {
      const by = typeof defaultValue === 'string' ? ` (default: ${defaultValue})` : '';
      return item(flags, `${description}${by}`);
    });
}

/** The part of the help that follows the options: notes, and the examples. */
function afterText(command: Command): readonly string[] {
  let help = '';
  command.configureOutput({ writeOut: (text) => (help += text), getOutHelpWidth: () => 10_000 });
  command.outputHelp();
  const after = help.slice(command.helpInformation().length).trim();
  if (after === '') return [];
  const [notes = '', examples] = after.split(/^Example:\n/m);
  const said = (text: string): readonly string[] =>
    text
      .split('\n')
      .filter((line) => line.trim() !== '')
      .flatMap((line) => ['.PP', prose(line.trim())]);
  if (examples === undefined) return said(notes);
  const [, block = '', more = ''] = /^((?: {2}.*\n?)+)([\s\S]*)$/.exec(examples) ?? [];
  const lines = block.trimEnd().split('\n');
  return [
    ...said(notes),
    '.PP',
    lines.length > 1 ? 'Examples:' : 'Example:',
    '.PP',
    '.nf',
    '.RS 4',
    ...lines.map((line) => roff(line.trim())),
    '.RE',
    '.fi',
    ...said(more),
  ];
}

/** The rows of a table of two columns, below its head. */
function rowsBelow(page: string, head: string): readonly (readonly [string, string])[] {
  const [, below = ''] = page.split(`${head}\n`);
  const [table = ''] = below.split('\n\n');
  return table
    .split('\n')
    .slice(1)
    .map((line) => line.split(' | '))
    .map(([name = '', text = '']) => [name.replace(/^\| /, ''), text.replace(/ \|$/, '')] as const);
}

function definitions(rows: readonly (readonly [string, string])[]): readonly string[] {
  return rows.flatMap(([name, text]) => item(name.replaceAll('`', ''), text));
}

const section = (name: string): string => `.SH ${name}`;
const subsection = (name: string): string => `.SS ${roff(name)}`;

function item(name: string, text: string, indent?: number): readonly string[] {
  return [indent === undefined ? '.TP' : `.TP ${indent}`, `.B ${roff(name)}`, prose(sentence(text))];
}

/** Starts with a capital letter, unless with the name of the program, and ends with a period. */
function sentence(text: string): string {
  const first = text.startsWith('flm ') ? text : text.charAt(0).toUpperCase() + text.slice(1);
  return /[.?!)]$/.test(first) ? first : `${first}.`;
}

const italic = (text: string): string => `.I ${roff(text)}`;

/** Text with `code` in bold. */
function prose(text: string): string {
  const lines = text
    .split('`')
    .map((part, i) => (i % 2 === 1 ? `\\fB${escaped(part)}\\fR` : escaped(part)))
    .join('');
  return startSafe(lines);
}

const roff = (text: string): string => startSafe(escaped(text));

function escaped(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('"', '\\(dq')
    .replaceAll("'", '\\(aq');
}

/** A line that begins with a period is a macro. */
const startSafe = (line: string): string => (line.startsWith('.') ? `\\&${line}` : line);
