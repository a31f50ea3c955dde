#!/bin/sh
# For CI: plays clients of every age against a wsproxy that is started for it on this machine, and
# writes a JUnit report.
#
#   before_an_upgrade.sh http://127.0.0.1:5050 report.xml ['webui-26.*' …]
#
# The patterns choose clients, versions and addresses; without any everything is played. The
# secret of its API comes from WSPROXY_API_SECRET. Exit code: 0 when all that should work does.

target=$1
report=$2
shift 2
for pattern in "$@"; do
    shift
    set -- "$@" --only "$pattern"
done
exec wsproxy compat --target "$target" --format junit --output "$report" "$@"
