/** The page at `/` of a proxy. */
export const root = {
  title: 'flm runs here',
  askOwner: 'This address serves language models to programs that have an API key. Ask its owner for a key.',
  haveKey: 'You have a key?',
  openOwnKey: 'See what it may do and how much of it is used.',
};
