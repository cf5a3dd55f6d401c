/** Texts of `flm model`. */
export const model = {
  help: {
    model: 'list models and manage their aliases',
    list: 'list available models and aliases',
    alias: 'give clients another name for a model',
    unalias: 'remove an alias',
  },
  arguments: {
    name: 'name that clients use',
    target: 'model, or engine/model',
    alias: 'name of the alias',
  },
  options: { proxy: 'list only this proxy (id or profile)' },
  columns: {
    model: 'MODEL',
    engine: 'ENGINE',
    context: 'CONTEXT',
    loaded: 'LOADED',
    notes: 'NOTES',
  },
  none: 'No model: no engine answers. See `flm engine detect` and `flm engine list`.',
  yes: 'yes',
  no: 'no',
  means: (name: string, target: string, before: string | undefined): string =>
    `${name} now means ${target}${before === undefined ? '' : `, no longer ${before}`}.`,
  hides: (name: string, target: string): string =>
    `An engine has a model of the name ${name}; clients get ${target} instead until \`flm model unalias ${name}\`.`,
  missing: (target: string, similar: string): string =>
    `No engine has ${target} now${similar === '' ? '' : `; similar names: ${similar}`}. The alias works as soon as an engine has that model.`,
  removed: (name: string): string => `${name} is no longer an alias.`,
  notes: {
    alias: (target: string): string => `alias of ${target}`,
    unavailable: 'no engine has it now',
    path: (command: string): string => `a file path; give it a name: ${command}`,
    remote: 'leaves this machine; needs the scope engine:admin',
    others: (engines: string): string => `also on ${engines}`,
  },
};
