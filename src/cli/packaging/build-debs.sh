#!/bin/sh
# build-debs.sh [FOLDER]: builds the Debian packages apportion-allocator and apportion-relay in FOLDER, `dist` by default.
# Builds are reproducible. It runs from any folder, and needs dpkg-deb, gzip and what `npm ci` installs.
set -eu
umask 022

root=$(cd "$(dirname "$0")/../../.." && pwd)
debian=$root/src/cli/packaging/debian
folder=${1:-$root/dist}
version=$(node -p 'require(process.argv[1]).version' "$root/package.json")
node=$(node -p 'require(process.argv[1]).engines.node.replace(">=", "")' "$root/package.json")
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
    gzip -9n <"$debian/$name.8" >"$tree/usr/share/man/man8/$name.8.gz"
    for script in postinst postrm; do
        cat "$debian/$name/$script" "$debian/$script.systemd" >"$tree/DEBIAN/$script"
    done
    cp "$debian/prerm" "$tree/DEBIAN/"
    chmod 755 "$tree"/DEBIAN/p*
}

# complete SHELL FILE: makes the completion of the program for a shell. The scripts for bash set constants, which a second one
# could not set again in the same shell.
complete() {
    mkdir -p "$(dirname "$tree/usr/share/$2")"
    script=$(node "$program" complete "$1")
    echo "$script" | sed 's/^readonly //' >"$tree/usr/share/$2"
}

# finish ARCHITECTURE DEPENDS SUGGESTS DESCRIPTION: builds the package. DEPENDS begins with a comma, unless it is empty.
finish() {
    command=$(basename "$program" .mjs)
    ln -s "../lib/${program#"$tree/usr/lib/"}" "$tree/usr/bin/$command"
    complete bash "bash-completion/completions/$command"
    complete zsh "zsh/vendor-completions/_$command"
    complete fish "fish/vendor_completions.d/$command.fish"
    { cat "$root/LICENSE" && printf '\nThe program contains these libraries:\n\n' && cat "$program.LEGAL.txt"; } >"$doc/copyright"
    rm "$program.LEGAL.txt"
    find "$tree/etc" -type f | sed "s|^$tree||" | sort >"$tree/DEBIAN/conffiles"
    find "$tree/usr" -type d -empty -delete
    cat >"$tree/DEBIAN/control" <<CONTROL
Package: $name
Version: $version
Architecture: $1
Section: net
Priority: optional
Maintainer: The Apportion project <apportion@example.invalid>
Depends: adduser, nodejs (>= $node)$2
Installed-Size: $(du -sk --apparent-size "$tree" | cut -f1)
Suggests: $3
Description: $4
CONTROL
    find "$tree" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
    dpkg-deb --root-owner-group -Zgzip --build "$tree" "$folder/${name}_${version}_$1.deb"
}

begin apportion-allocator
program=$tree/usr/lib/apportion/apportion.mjs
(cd "$root" && npx tsx src/cli/packaging/build.ts "$(dirname "$program")")
"$root/src/cli/packaging/copy-driver.sh" "$tree/usr/lib/apportion"
install -m 644 "$debian/$name/allocator.env" "$debian/$name/apportion.yaml" "$tree/etc/apportion/"
install -m 644 "$root/src/runtime/README.md" "$doc/README.md"
install -m 644 "$root/src/declaration/README.md" "$doc/declaration.md"
(cd "$root" && npx tsx src/cli/packaging/manual.ts) | gzip -9n >"$tree/usr/share/man/man1/apportion.1.gz"
finish "$(dpkg --print-architecture)" ", libc6" "apportion-relay" "server that leases shared IPv4 addresses over DHCP 4o6
 Leases addresses and port sets (RFC 7618) to the clients of DHCP 4o6 relays (RFC 7341), keeps
 the leases in a libSQL database, and has an HTTP API for pools. Also installs the command
 apportion, which has a client, a load generator and tools."

begin apportion-relay
program=$tree/usr/lib/apportion-relay/apportion-relay.mjs
(cd "$root" && npx tsx relay/packaging/bundle.ts "$program")
install -m 644 "$debian/$name/relay.toml" "$tree/etc/apportion/relay.toml"
install -m 644 "$root/relay/README.md" "$doc/README.md"
install -m 644 "$root/relay/relay.example.toml" "$doc/examples/relay.toml"
finish all "" "tshark, apportion-allocator" "relay between DHCP 4o6 clients and Apportion allocators
 Receives DHCPv4 over DHCPv6 queries (RFC 7341) from clients and relays by UDP, and sends
 them in batches over HTTP to an allocator that leases shared IPv4 addresses (RFC 7618)."
