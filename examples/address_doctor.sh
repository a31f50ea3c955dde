#!/bin/sh
# For cron: checks the addresses of your groups and speaks only when one is wrong.
#
#   */5 * * * *  address_doctor.sh http://proxy-a.example.com:5050 http://proxy-b.example.com:5050
#
# Cron mails what a job prints; so silence means that all is well.
# Exit code: 0 when every address is a healthy wsproxy, else 1.

wrong=0
for address in "$@"; do
    if ! advice=$(wsproxy status "$address" 2>&1); then
        printf '%s\n' "$advice"
        wrong=1
    fi
done
exit $wrong
