/** Texts that several pages share, and those of the frame around the pages. */
export const common = {
  title: 'flm',
  skipToContent: 'Skip to content',
  navigation: 'Pages',
  morePages: 'More',
  loading: 'Loading …',
  cancel: 'Cancel',
  save: 'Save',
  copy: 'Copy',
  copied: 'Copied',
  never: 'never',
  none: 'none',
  all: 'all',
  actions: 'Actions',
  command: 'The same in a terminal:',
  more: (shown: number, total: number): string => `Show more (${shown} of ${total})`,
  lost: {
    ended: 'This session has ended',
    endedHint:
      'The dashboard keeps its session in this page only, so a reload ends the session. Run this command again:',
    offline: 'The dashboard does not answer',
    offlineHint: 'The command `flm ui` has probably ended. Start it again:',
  },
};
