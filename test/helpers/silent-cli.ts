/** A command line without output or effects, to inspect the commands. */
import type { Cli } from '../../src/cli/command.ts';

export function silentCli(): Cli {
  return {
    terminal: {
      out: () => {},
      redraw: () => {},
      talk: () => {},
      write: () => {},
      written: async () => undefined,
      paint: (_, text) => text,
      link: (text) => text,
      interactive: false,
      outIsTerminal: false,
      inputIsTerminal: false,
      inputIsRedirected: false,
      coloured: false,
      canFillScreen: false,
      fullScreen: () => ({ columns: 80, rows: 24, draw: () => {}, close: () => {} }),
      talkIsTerminal: false,
      progress: () => {},
      typedLines: () => ({ next: async () => undefined, onInterrupt: undefined, close: () => {} }),
      columns: 100,
      tableColumns: Number.POSITIVE_INFINITY,
      ask: async () => undefined,
      askSecret: async () => undefined,
      readAll: async () => '',
    },
    environment: {},
    entry: '',
    signal: new AbortController().signal,
    onSignal: undefined,
    exit: 0,
  };
}
