/** Texts of the page *Sessions*. */
export const sessions = {
  title: 'Sessions',
  current: 'this page',
  started: 'Started',
  lastUsed: 'Last call',
  browser: 'Browser',
  signOut: 'Sign out',
  end: 'End session',
};
