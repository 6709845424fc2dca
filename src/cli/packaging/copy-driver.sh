#!/bin/sh
# copy-driver.sh FOLDER: copies the driver of database files to FOLDER/node_modules, as the lock file has it: libsql, what it
# needs, and its native part for this system. Fails unless there is exactly one such part.
set -eu
umask 022

into=$(mkdir -p "$1/node_modules" && cd "$1/node_modules" && pwd)
cd "$(dirname "$0")/../../../node_modules"
native=$(ls -d @libsql/linux-*-gnu 2>/dev/null || true)
if [ "$(echo "$native" | wc -w)" != 1 ]; then
    echo "Cannot copy the driver of libSQL: found ${native:-nothing} in node_modules, expected one @libsql/linux-*-gnu: run npm ci" >&2
    exit 1
fi
for package in libsql detect-libc @neon-rs/load "$native"; do
    mkdir -p "$into/$package"
    cp -R "$package/." "$into/$package/"
done
