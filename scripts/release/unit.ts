/** The systemd unit that the Debian package installs. */

export function debianUnit(): string {
  return `[Unit]
Description=flm, safe reverse proxy for LLM engines
After=network-online.target
Wants=network-online.target

[Service]
User=flm
Group=flm
Environment=FLM_HOME=/var/lib/flm
StateDirectory=flm
StateDirectoryMode=0700
ExecStart=/usr/bin/flm proxy run
Restart=on-failure
# Longer than the grace time of the proxy (30 s).
TimeoutStopSec=45
KillMode=mixed
LimitNOFILE=65536
NoNewPrivileges=yes
PrivateTmp=yes
ProtectSystem=strict
ProtectHome=yes

[Install]
WantedBy=multi-user.target
`;
}
