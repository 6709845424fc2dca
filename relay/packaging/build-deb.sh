#!/bin/sh
# build-deb.sh [FOLDER]: builds the Debian package apportion-relay_VERSION_all.deb in FOLDER, `dist` by default. Builds
# are reproducible. It runs from any folder, and needs dpkg-deb, gzip and what `npm ci` installs.
set -eu
umask 022

root=$(cd "$(dirname "$0")/../.." && pwd)
packaging=$root/relay/packaging
folder=${1:-$root/dist}
version=$(node -p 'require(process.argv[1]).version' "$root/package.json")
# File times in the package are the time of the last commit, or 1980 if there is no repository.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct 2>/dev/null || echo 315532800)}
export SOURCE_DATE_EPOCH

tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
chmod 755 "$tree"
doc=$tree/usr/share/doc/apportion-relay
mkdir -p "$tree/DEBIAN" "$tree/etc/apportion" "$tree/usr/bin" "$tree/usr/lib/apportion-relay" \
    "$tree/usr/lib/systemd/system" "$tree/usr/share/man/man8" "$doc/examples" "$folder"

(cd "$root" && npx tsx relay/packaging/bundle.ts "$tree/usr/lib/apportion-relay/apportion-relay.mjs")
ln -s ../lib/apportion-relay/apportion-relay.mjs "$tree/usr/bin/apportion-relay"
install -m 644 "$packaging/apportion-relay.service" "$tree/usr/lib/systemd/system/"
install -m 644 "$packaging/debian/relay.toml" "$tree/etc/apportion/relay.toml"
install -m 644 "$root/LICENSE" "$doc/copyright"
install -m 644 "$root/relay/README.md" "$doc/README.md"
install -m 644 "$root/relay/relay.example.toml" "$doc/examples/relay.toml"
gzip -9n <"$packaging/apportion-relay.8" >"$tree/usr/share/man/man8/apportion-relay.8.gz"
install -m 755 "$packaging/debian/postinst" "$packaging/debian/prerm" "$packaging/debian/postrm" "$tree/DEBIAN/"
echo /etc/apportion/relay.toml >"$tree/DEBIAN/conffiles"
# Recommends, not Depends: some Debian releases have an older Node, and operators install Node 20 in other ways.
cat >"$tree/DEBIAN/control" <<CONTROL
Package: apportion-relay
Version: $version
Architecture: all
Section: net
Priority: optional
Maintainer: The Apportion project <apportion@example.invalid>
Depends: adduser
Recommends: nodejs (>= 20)
Suggests: tshark
Installed-Size: $(du -sk --apparent-size "$tree" | cut -f1)
Description: relay between DHCP 4o6 clients and Apportion allocators
 Receives DHCPv4 over DHCPv6 queries (RFC 7341) from clients and relays by UDP, and sends
 them in batches over HTTP to an allocator that leases shared IPv4 addresses (RFC 7618).
CONTROL

find "$tree" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
dpkg-deb --root-owner-group -Zgzip --build "$tree" "$folder/apportion-relay_${version}_all.deb"
