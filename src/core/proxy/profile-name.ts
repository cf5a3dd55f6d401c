/** Names of profiles. A name is also the name of a file. */
export const profileNamePattern = /^[a-z0-9][a-z0-9-]{0,62}$/;
