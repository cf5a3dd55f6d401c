/** Texts of `flm chat`. */
export const chat = {
  hello: (model: string): string =>
    `Talking to ${model}. Ctrl-C stops an answer, Ctrl-D leaves, /help lists the commands.`,
  commands: [
    ['/model NAME', 'continue with another model'],
    ['/models', 'list the available models'],
    ['/system TEXT', 'set the system message; /system alone shows it, /system off removes it'],
    ['/image FILE', 'send an image with the next question'],
    ['/save FILE', 'save the conversation as Markdown, or as JSON if the name ends in .json'],
    ['/clear', 'forget the conversation'],
    ['/help', 'this list'],
    ['/exit', 'leave; Ctrl-D does too'],
  ] as readonly (readonly [command: string, about: string])[],
  manyLines: 'Several lines: paste them, end a line with \\, or put them between two lines with """.',
  cleared: 'The conversation was cleared.',
  model: (name: string): string => `The model is ${name}.`,
  system: (text: string): string => `The system message is: ${text}`,
  noSystem: 'There is no system message. Set one with /system TEXT.',
  systemRemoved: 'The system message was removed.',
  image: (file: string, kilobytes: number): string =>
    `${file} (${kilobytes} KB) goes with the next question.`,
  needsFile: (command: string): string => `Name the file: ${command} FILE`,
  noImage: (file: string): string => `${file} is no PNG, JPEG, GIF or WebP image.`,
  imageTooLarge: (megabytes: number): string => `An image may have at most ${megabytes} MB.`,
  unreadable: (file: string, code: string): string => `${file} cannot be read (${code}).`,
  saved: (file: string, count: number): string => `Saved ${count} messages to ${file}.`,
  exists: (file: string): string => `${file} exists, and flm does not overwrite it. Choose another name.`,
  unwritable: (file: string, code: string): string => `${file} cannot be written (${code}).`,
  nothingToSave: 'There is nothing to save yet.',
  unknown: (name: string): string =>
    `There is no command ${name}; /help lists them. To send this text as a question, begin with a space.`,
  noAnswer: 'The model gave no answer.',
  cut: 'The answer was cut at the limit of tokens.',
  stopped: 'Stopped.',
  tokens: (count: string, perSecond: string | undefined, first: string | undefined): string =>
    [
      `${count} tokens`,
      ...(perSecond === undefined ? [] : [`${perSecond} tokens/s`]),
      ...(first === undefined ? [] : [`first after ${first}`]),
    ].join(', '),
  roles: { system: 'System', user: 'You', assistant: 'Model' },
  imageMark: (count: number): string => (count === 1 ? '[1 image]' : `[${count} images]`),
  help: {
    chat: 'chat with a model through the running proxy',
    after:
      'Without a terminal, or with input from a file or pipe, all of standard input is one message.\n' +
      'With -m, a file or pipe on standard input follows the message.\n' +
      'The chat uses a temporary key, which lasts ten minutes and exists only in the memory of the proxy.',
  },
  arguments: { model: 'name of the model; optional if only one is available' },
  options: {
    message: 'send this message, print the response and exit',
    proxy: 'id or profile; optional if only one proxy runs',
    clientCert: 'client certificate (PEM) for a proxy with --client-ca',
    clientKey: 'key of the client certificate (PEM); optional if it is in the same file',
  },
  choose: 'Which one? (number or name) ',
  notInList: 'The list does not contain this model.',
  problems: {
    noQuestion: 'There is no question; give one with -m, or on standard input.',
    giveMessage: 'Give the question with -m TEXT.',
    keyWithoutCertificate: '--client-key needs --client-cert, the certificate that the key is for.',
    severalModels: (names: string): string => `There are several models; name one of: ${names}.`,
  },
};
