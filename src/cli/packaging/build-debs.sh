#!/bin/sh
# build-debs.sh [FOLDER]: builds the Debian packages apportion-allocator and apportion-relay in FOLDER, `dist` by default.
# Builds are reproducible. It runs from any folder, and needs dpkg-deb, gzip and what `npm ci` installs.
set -eu
umask 022

root=$(cd "$(dirname "$0")/../../.." && pwd)
debian=$root/src/cli/packaging/debian
folder=${1:-$root/dist}
version=$(node -p 'require(process.argv[1]).version' "$root/package.json")
# File times in the packages are the time of the last commit, or 1980 if there is no repository.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct 2>/dev/null || echo 315532800)}
export SOURCE_DATE_EPOCH

trees=$(mktemp -d)
trap 'rm -rf "$trees"' EXIT
mkdir -p "$folder"

# begin NAME: makes the tree of a package, with what both have.
begin() {
    name=$1
    tree=$trees/$name
    doc=$tree/usr/share/doc/$name
    mkdir -p "$tree/DEBIAN" "$tree/etc/apportion" "$tree/usr/bin" "$tree/usr/lib/systemd/system" \
        "$tree/usr/share/man/man1" "$tree/usr/share/man/man8" "$doc/examples"
    chmod 755 "$tree"
    install -m 644 "$debian/$name.service" "$tree/usr/lib/systemd/system/"
    install -m 644 "$root/LICENSE" "$doc/copyright"
    gzip -9n <"$debian/$name.8" >"$tree/usr/share/man/man8/$name.8.gz"
    install -m 755 "$debian/$name/postinst" "$debian/$name/prerm" "$debian/$name/postrm" "$tree/DEBIAN/"
}

# finish ARCHITECTURE FIELDS DESCRIPTION: builds the package.
finish() {
    find "$tree/etc" -type f | sed "s|^$tree||" | sort >"$tree/DEBIAN/conffiles"
    find "$tree/usr" -type d -empty -delete
    # Recommends, not Depends: some Debian releases have an older Node, and operators install Node 20 in other ways.
    cat >"$tree/DEBIAN/control" <<CONTROL
Package: $name
Version: $version
Architecture: $1
Section: net
Priority: optional
Maintainer: The Apportion project <apportion@example.invalid>
Recommends: nodejs (>= 20)
Installed-Size: $(du -sk --apparent-size "$tree" | cut -f1)
$2
Description: $3
CONTROL
    find "$tree" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
    dpkg-deb --root-owner-group -Zgzip --build "$tree" "$folder/${name}_${version}_$1.deb"
}

begin apportion-allocator
(cd "$root" && npx tsx src/cli/packaging/build.ts "$tree/usr/lib/apportion")
# The driver of database files: libsql, what it needs, and its native part for this machine.
for package in libsql detect-libc @neon-rs/load "$(cd "$root" && ls -d node_modules/@libsql/linux-*-gnu | sed 's|^node_modules/||')"; do
    mkdir -p "$tree/usr/lib/apportion/node_modules/$package"
    cp -R "$root/node_modules/$package/." "$tree/usr/lib/apportion/node_modules/$package/"
done
ln -s ../lib/apportion/apportion.mjs "$tree/usr/bin/apportion"
install -m 644 "$debian/$name/allocator.env" "$debian/$name/apportion.yaml" "$tree/etc/apportion/"
install -m 644 "$root/src/runtime/README.md" "$doc/README.md"
install -m 644 "$root/src/declaration/README.md" "$doc/declaration.md"
(cd "$root" && npx tsx src/cli/packaging/manual.ts) | gzip -9n >"$tree/usr/share/man/man1/apportion.1.gz"
finish "$(dpkg --print-architecture)" "Depends: adduser, libc6
Suggests: apportion-relay" "server that leases shared IPv4 addresses over DHCP 4o6
 Leases addresses and port sets (RFC 7618) to the clients of DHCP 4o6 relays (RFC 7341), keeps
 the leases in a libSQL database, and has an HTTP API for pools. Also installs the command
 apportion, which has a client, a load generator and tools."

begin apportion-relay
mkdir -p "$tree/usr/lib/apportion-relay"
(cd "$root" && npx tsx relay/packaging/bundle.ts "$tree/usr/lib/apportion-relay/apportion-relay.mjs")
ln -s ../lib/apportion-relay/apportion-relay.mjs "$tree/usr/bin/apportion-relay"
install -m 644 "$debian/$name/relay.toml" "$tree/etc/apportion/relay.toml"
install -m 644 "$root/relay/README.md" "$doc/README.md"
install -m 644 "$root/relay/relay.example.toml" "$doc/examples/relay.toml"
finish all "Depends: adduser
Suggests: tshark, apportion-allocator" "relay between DHCP 4o6 clients and Apportion allocators
 Receives DHCPv4 over DHCPv6 queries (RFC 7341) from clients and relays by UDP, and sends
 them in batches over HTTP to an allocator that leases shared IPv4 addresses (RFC 7618)."
