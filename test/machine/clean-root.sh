#!/usr/bin/env bash
# Makes a clean Debian root in a new folder: bash test/machine/clean-root.sh VARIANT FOLDER
#
#   minimal   what debootstrap calls minbase, with what the Debian package of flm depends on
#   systemd   the same with systemd as the init program, for systemd-nspawn --boot
#
# The first call makes an archive in ~/.cache/flm-test/roots, which later calls unpack. Needs root and debootstrap.
set -euo pipefail

variant=$1 folder=$2 suite=bookworm
cache=${FLM_TEST_CACHE:-$HOME/.cache/flm-test}/roots
archive=$cache/$suite-$variant-2.tar
[ "$variant" != systemd ] || archive=$cache/$suite-systemd-3.tar
mkdir -p "$cache"

make_root() {
  local root
  root=$(mktemp -d)
  trap 'rm -rf "$root"' RETURN
  local more=ca-certificates,libatomic1,adduser
  [ "$variant" = systemd ] && more+=,systemd,systemd-sysv,dbus,init-system-helpers,curl,iproute2,passwd,login
  debootstrap --variant=minbase --include="$more" "$suite" "$root" >&2
  rm -rf "$root"/var/cache/apt/archives/*.deb
  tar --create --numeric-owner --xattrs --directory "$root" --file "$archive.$$" .
  mv "$archive.$$" "$archive"
}

case $variant in
minimal | systemd) ;;
*) echo "There is no root named $variant." >&2 && exit 1 ;;
esac
# One at a time makes the archive.
exec 9>"$archive.lock"
flock 9
[ -e "$archive" ] || make_root
exec 9>&-
mkdir -p "$folder"
tar --extract --numeric-owner --xattrs --directory "$folder" --file "$archive"
# Other users of the root must be able to enter it.
chmod 755 "$folder"
# Packages are fetched as this machine fetches them.
cp --dereference /etc/resolv.conf "$folder/etc/resolv.conf"
if [ -d /etc/apt/apt.conf.d ]; then cp --no-clobber --recursive /etc/apt/apt.conf.d/. "$folder/etc/apt/apt.conf.d/"; fi
